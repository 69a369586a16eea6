/* SPDX-License-Identifier: Apache-2.0 */
/* What is still to come of a tree, node by node (or value by value of a leaf). A part is in one of three places:
 *
 *     todo    a stack: not asked for yet. Depth first, so it is never larger than a way down is wide
 *     asked   a queue: the answers come in this order
 *     open    its block has come; it counts how many of its children are not whole
 */
#ifndef DB_SYNC_PARTS_H
#define DB_SYNC_PARTS_H

#include "buf.h"
#include "cid.h"
#include "side.h"

struct part {
	struct part *parent, *next;       /* next: in todo or asked */
	struct part *after, *before;      /* in the list of the open ones */
	bool is_open;
	enum sync_ask_kind kind;
	struct cid cid;
	uint32_t level;                   /* SYNC_ROOT: any */
	uint64_t count;
	uint32_t pending;                 /* children that are not whole */
	struct buf block;
	struct buf whole;                 /* struct cid: children that are, and are not in a tree that is here; values */
	struct cid values[2];             /* SYNC_VALUES */
	uint32_t n_values, at;
	size_t key_size;
	uint8_t key[];
};

struct parts {
	struct part *todo, *asked, **asked_end, *open;
};

struct part *part_new(struct part *parent, struct slice key, struct cel_error *e);
void part_free(struct part *p); /* one that is nowhere */
struct slice part_key(const struct part *p);

void parts_init(struct parts *parts);
void parts_release(struct parts *parts);
void parts_push(struct parts *parts, struct part *p);
struct part *parts_ask(struct parts *parts);                        /* from todo, which is not empty, to asked */
void parts_answered(struct parts *parts, struct part *next);        /* the first of asked is done with; next came after it */
void parts_open(struct parts *parts, struct part *p);
void parts_close(struct parts *parts, struct part *p);              /* which is freed, wherever else it is */

#endif
