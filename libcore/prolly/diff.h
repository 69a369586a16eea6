/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two trees, at a cost that follows the difference: subtrees with equal CIDs are passed unread. The
 * trees may be in two stores and of unequal height. */
#ifndef PROLLY_DIFF_H
#define PROLLY_DIFF_H

#include "tree.h"

/* Two subtrees of one level over the same ids (those behind `after` up to `key`) that are not the same. What a node of that
 * level has behind the key says what is in them. */
struct prolly_span {
	uint32_t level; /* of the nodes that link them */
	struct slice after, key;
	struct slice a, b;
	bool ends_alike; /* both trees go on behind it, or neither does */
};

enum prolly_change_kind { PROLLY_ADDED, PROLLY_DELETED, PROLLY_CHANGED, PROLLY_SUBTREE };

struct prolly_change {
	enum prolly_change_kind kind;
	struct prolly_entry before; /* unless added */
	struct prolly_entry after;  /* unless deleted */
	struct slice leaf;          /* the block of the leaf that has `before` */
	struct prolly_span span;    /* of a subtree: all that is set; only if a filter asks for it */
};

struct prolly_diff;
/* From a to b. Both reads must outlive the diff. A root that is NULL is the empty set (its read may be NULL then). */
int prolly_diff_new(struct store_read *read_a, const struct cid *root_a, struct store_read *read_b,
		    const struct cid *root_b, struct prolly_diff **out, struct cel_error *e);
void prolly_diff_free(struct prolly_diff *d);
/* Changes by ascending id: 1, 0 at the end. Ids live until the next call, values until the reads end. After an error the
 * diff can only be freed. */
int prolly_diff_next(struct prolly_diff *d, struct prolly_change *out, struct cel_error *e);
/* To the first change behind the id `after`, forwards or backwards (of size 0: to the first of all). Reads at most one node a
 * level and side, so a walk can be cut into blocks, each with a diff and reads of its own. */
int prolly_diff_seek(struct prolly_diff *d, struct slice after, struct cel_error *e);
/* Until the next seek: the end is behind this id, which is not before that of the change given out last. */
void prolly_diff_end_with(struct prolly_diff *d, struct slice last);
uint64_t prolly_diff_nodes_read(const struct prolly_diff *d);

/* Is asked before the two are read: what is to be done with them, or an error. */
enum prolly_filtered {
	PROLLY_ENTER, /* go on within them */
	PROLLY_PASS,  /* go on behind them */
	PROLLY_GIVE,  /* give them out as one change */
};
typedef int prolly_diff_filter_fn(void *context, const struct prolly_span *span, struct cel_error *e);
void prolly_diff_set_filter(struct prolly_diff *d, prolly_diff_filter_fn *filter, void *context);

struct prolly_diff_counts {
	uint64_t added, deleted, changed;
	uint64_t nodes_read;
};
/* Only how many; a subtree that the other side has nothing beside is counted unread. */
int prolly_diff_count(struct store_read *read_a, const struct cid *root_a, struct store_read *read_b,
		      const struct cid *root_b, struct prolly_diff_counts *out, struct cel_error *e);

#endif
