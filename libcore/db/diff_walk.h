/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two trees, walked block by block: no snapshot of a store is held between the calls, however long the
 * caller takes to write what it was given. */
#ifndef DB_DIFF_WALK_H
#define DB_DIFF_WALK_H

#include "changes.h"
#include "diff.h"
#include "store.h"

/* Both stores may be one. */
struct diff_trees {
	struct store *store_a, *store_b;
	struct cid a, b;
};

/* Which values are wanted besides the ids. */
enum { DIFF_BEFORE = 1, DIFF_AFTER = 2 };

struct diff_values {
	struct slice vector, metadata; /* size 0: none, or not wanted */
};
struct diff_item {
	enum prolly_change_kind kind;
	struct slice id;
	struct diff_values before, after;
};

struct diff_walk;
/* *trees is borrowed. */
int diff_walk_new(const struct diff_trees *trees, unsigned wanted, struct diff_walk **out, struct cel_error *e);
void diff_walk_free(struct diff_walk *w);
/* By ascending id: 1, 0 at the end. Slices live until the next call. After an error the walk can only be freed. */
int diff_walk_next(struct diff_walk *w, struct diff_item *out, struct cel_error *e);
/* The same as a stream, for a walk that wants DIFF_AFTER. */
struct changes diff_walk_changes(struct diff_walk *w);

/* The two snapshots of a comparison; those of one store are one. */
struct diff_reads {
	struct store_read *a, *b;
};
int diff_reads_begin(const struct diff_trees *trees, struct diff_reads *out, struct cel_error *e);
void diff_reads_end(struct diff_reads *reads);

#endif
