/* SPDX-License-Identifier: Apache-2.0 */
/* A stream of record changes, whatever it comes from: two trees, a patch, or the other side of a merge. A change holds the
 * whole new record and not the old one, so a stream says what to do to a base tree, not what was there. */
#ifndef DB_CHANGES_H
#define DB_CHANGES_H

#include "cel.h"
#include "slice.h"

struct change {
	struct slice id;
	bool is_delete;                 /* the id alone counts */
	struct slice vector, metadata; /* metadata.size 0: none */
};

struct changes {
	/* 1 a change, 0 the end, or an error; ids ascend strictly. Slices live until the next call. */
	int (*next)(void *context, struct change *out, struct cel_error *e);
	void *context;
};

struct cid;
struct store_read;

/* What makes the tree at a into the one at b. The reads, which may be of two stores, must outlive the stream. A root that
 * is NULL is the empty set. The stream is to be freed with changes_of_trees_free. */
int changes_of_trees(struct store_read *read_a, const struct cid *root_a, struct store_read *read_b,
		     const struct cid *root_b, struct changes *out, struct cel_error *e);
int changes_of_trees_seek(struct changes *changes, struct slice after, struct cel_error *e); /* to the first behind that id */
void changes_of_trees_free(struct changes *changes);

struct prolly_update_stats;
struct store_batch;
/* Makes the tree that the changes turn base into. Each record is held to the rules as if it came from a file, and the result
 * must be the tree `expected`: CEL_EDATA if not. Nothing may be kept of the batch after a failure. stats may be NULL. */
int changes_apply(struct store_batch *batch, struct store_read *read, const struct cid *base, const struct changes *changes,
		  const struct cel_schema *schema, const struct cid *expected, struct prolly_update_stats *stats,
		  struct cel_error *e);
/* Those rules. */
int change_check(const struct change *change, const struct cel_schema *schema, struct cel_error *e);

#endif
