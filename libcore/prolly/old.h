/* SPDX-License-Identifier: Apache-2.0 */
/* The tree that an update starts from: its nodes, and places in it. A few nodes of each level are kept decoded, since the
 * levels of an update walk close to each other. */
#ifndef PROLLY_OLD_H
#define PROLLY_OLD_H

#include "node.h"

struct old_slot;
struct old_tree {
	struct store_read *read;
	struct cid root;
	uint64_t count; /* records */
	uint32_t top;   /* level of the root */
	struct old_slot *slots;
	uint64_t clock;
	uint64_t nodes_read;
};

/* A node of some level, and an entry in it. */
struct old_place {
	uint32_t i[NODE_LEVELS_MAX];   /* from that level to the top: the entry that leads on; its own: what the user likes */
	struct cid cid[NODE_LEVELS_MAX]; /* the nodes */
};

int old_open(struct old_tree *t, struct store_read *read, const struct cid *root, struct cel_error *e);
void old_release(struct old_tree *t);
/* The node of `level` that p is at; valid until OLD_SLOTS - 1 others of that level were asked for. */
enum { OLD_SLOTS = 4 };
int old_node(struct old_tree *t, const struct old_place *p, uint32_t level, const struct node **out, struct cel_error *e);
/* To the first entry of `level` with a key >= key; behind the last one if there is none. */
int old_seek(struct old_tree *t, struct old_place *p, uint32_t level, struct slice key, struct cel_error *e);
/* To the first entry of the next or the previous node of `level`: 1, 0 if there is none (p stays). */
int old_next(struct old_tree *t, struct old_place *p, uint32_t level, struct cel_error *e);
int old_previous(struct old_tree *t, struct old_place *p, uint32_t level, struct cel_error *e);

#endif
