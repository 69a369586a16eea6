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
void changes_of_trees_free(struct changes *changes);

#endif
