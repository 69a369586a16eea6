/* SPDX-License-Identifier: Apache-2.0 */
/* What a batch does to a tree: its edits are put and deleted, and beyond that
 *   replacing         the set becomes exactly the batch's: what is in no edit is deleted
 *   keeping metadata  a row without metadata leaves that of the record it replaces */
#ifndef DB_APPLY_H
#define DB_APPLY_H

#include "edits.h"
#include "update.h"

struct apply {
	struct store_batch *batch;
	struct store_read *read;
	const struct cid *base; /* the present tree */
	struct edits *edits;
	bool is_replacing, is_keeping_metadata;
	int (*on_progress)(void *context, uint64_t edits, struct cel_error *e); /* an error stops the work */
	void *context;
};

int apply_edits(const struct apply *a, struct cid *root, struct prolly_update_stats *stats, struct cel_error *e);

#endif
