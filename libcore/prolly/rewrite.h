/* SPDX-License-Identifier: Apache-2.0 */
/* What builds and updates trees: changes go in at level 0 in ascending key order, nodes go to the batch, and what that
 * changes in the level above goes on there by itself. */
#ifndef PROLLY_REWRITE_H
#define PROLLY_REWRITE_H

#include "old.h"

struct gone;
struct rewrite_level {
	struct chunker chunker;
	/* Idle: nothing is pending, the nodes to come stand as they are. Else the chunker has what the entries before `place`
	 * have become since a boundary that is one in both trees. */
	bool is_active;
	bool has_old; /* false: place is behind the last node */
	struct old_place place;
	uint64_t taken, given;    /* entries that went into the chunker, and those given out, since it was empty */
	uint64_t unmoved;         /* old entries taken since the last one that was added or dropped */
	uint64_t unchanged;       /* and since the last that was replaced */
	uint64_t start;           /* `taken` before the first entry of the node at place */
	bool is_intact;           /* nothing of that node has changed so far */
	bool is_end_gone;         /* its last entry was dropped */
	struct gone *gone;        /* old nodes that were passed and whose entries above are not settled, head to tail */
	size_t head, tail, capacity;
	uint64_t nodes;           /* put so far */
	struct cid last;          /* the CID of the last one */
	struct buf rest;
};

struct rewrite {
	struct store_batch *batch;
	struct old_tree old; /* without slots: none */
	uint32_t top;        /* level of its root */
	struct rewrite_level levels[NODE_LEVELS_MAX];
	struct buf block;
	struct node_item items[CHUNK_CAP];
};

/* base NULL: from nothing (read may be NULL then). After a failure of this or any other function: only release. */
int rewrite_init(struct rewrite *w, struct store_batch *batch, chunk_hash_fn *hash, struct store_read *read,
		 const struct cid *base, struct cel_error *e);
void rewrite_release(struct rewrite *w);

/* Goes to `key`, which must be behind those of all changes so far. Whether the old tree has it: node and i say where,
 * until the next call; node NULL if not. */
int rewrite_locate(struct rewrite *w, struct slice key, const struct node **node, uint32_t *i, struct cel_error *e);
/* The change there: the record is added or replaced, or dropped (it must be there). */
int rewrite_put(struct rewrite *w, struct slice key, struct slice rest, struct cel_error *e);
/* What the old tree has behind `after` up to `key`, a leaf, becomes another over the same ids, of which this is the rest of the
 * entry. Level 0 must be at rest before: rewrite_settle says 1 if it is, 0 if not. */
int rewrite_settle(struct rewrite *w, struct slice after, struct cel_error *e);
int rewrite_graft(struct rewrite *w, struct slice key, struct slice rest, uint64_t count, struct cel_error *e);
int rewrite_drop(struct rewrite *w, struct slice key, struct cel_error *e);
int rewrite_finish(struct rewrite *w, struct cid *root, struct cel_error *e);

#endif
