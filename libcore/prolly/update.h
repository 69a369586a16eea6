/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of changes to a tree, bottom-up. Only what the changes touch is read and rewritten, yet the root is the one
 * that a fresh build of the resulting set would have. Memory O(height * node) and a few MiB, whatever the number of changes.
 *
 * Costs for ids nobody crafted: a record that is replaced rewrites one node a level, one that is added or deleted at most
 * three; those plus up to two neighbours are read. */
#ifndef PROLLY_UPDATE_H
#define PROLLY_UPDATE_H

#include "diff.h"
#include "node.h"

struct prolly_update_stats {
	uint64_t added, replaced;
	uint64_t unchanged; /* put as they were */
	uint64_t deleted;
	uint64_t absent;  /* deleted but were not there */
	uint64_t grafted; /* subtrees; what is in them is not counted in the above */
	uint64_t records; /* in the new tree */
	uint64_t nodes_read;
	uint64_t nodes_written[NODE_LEVELS_MAX]; /* by level */
};

struct prolly_update;
/* The tree at base is read through `read`, which must outlive the update; both are NULL for the empty set. */
int prolly_update_new(struct store_batch *batch, struct store_read *read, const struct cid *base,
		      struct prolly_update **out, struct cel_error *e);
void prolly_update_free(struct prolly_update *u);

/* Puts, grafts and deletes together in strictly ascending id order; CEL_EDATA if not. After a failure the update can only be
 * freed. */

/* The whole record, new or in place of the one there; values as for prolly_builder_add. One that is there already, value
 * for value, touches nothing. */
int prolly_update_put(struct prolly_update *u, const struct prolly_entry *entry, struct cel_error *e);
/* The same where it is known that base has the id, with other values, and in which leaf: its block, which lives as long as
 * the read. */
int prolly_update_replace(struct prolly_update *u, const struct prolly_entry *entry, struct slice leaf, struct cel_error *e);
/* All at once: what base has in the span, as the filter of a diff from base to another tree is told of it, becomes what that one
 * has there. Its nodes are in the batch or its store; `read` has them too and must outlive the update. */
int prolly_update_graft(struct prolly_update *u, const struct prolly_span *span, struct store_read *read, struct cel_error *e);
int prolly_update_delete(struct prolly_update *u, struct slice id, struct cel_error *e);
/* *root is base if nothing has changed. */
int prolly_update_finish(struct prolly_update *u, struct cid *root, struct prolly_update_stats *stats,
			 struct cel_error *e);

#endif
