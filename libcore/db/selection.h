/* SPDX-License-Identifier: Apache-2.0 */
/* Which records of a tree are meant: those of a prefix, for which a filter holds. */
#ifndef DB_SELECTION_H
#define DB_SELECTION_H

#include "bitmap.h"
#include "db.h"

struct selection {
	uint64_t n;          /* records of the tree */
	uint64_t start, end; /* the ranks of the prefix */
	uint64_t count;      /* records selected */
	bool has_filter, is_cached;
	struct bitmap bitmap; /* of the filter, if there is one, cut to start..end */
};

/* Without a snapshot: takes its own, and a filter may take long. CEL_EUNAVAILABLE if the tree is gone meanwhile. */
int selection_make(struct cel_store *store, const struct cid *tree, const struct cel_select *select, uint32_t threads,
		   struct selection *out, struct cel_error *e);
void selection_release(struct selection *s);
/* The first rank that is selected, at or after `rank`; s->n if there is none. */
uint64_t selection_next(const struct selection *s, uint64_t rank);
/* The entry of that rank. at: where the cursor stands (its next rank); s->n at first, or not known. Small gaps are passed over. */
int selection_entry(const struct selection *s, struct prolly_cursor *cursor, uint64_t *at, uint64_t rank,
		    struct prolly_entry *out, struct cel_error *e);
/* A bit a record, as hnsw_accept_new takes them; the prefix alone has none until then. */
int selection_bits(struct selection *s, const uint64_t **out, struct cel_error *e);
void selection_tell(const struct selection *s, struct cel_selected *out);

/* filter_run.c: evaluates for the records of ranks start..end-1; out is of the whole tree and empty. */
int filter_run(struct cel_store *store, const struct cid *tree, uint64_t start, uint64_t end, struct slice expression,
	       uint32_t threads, struct bitmap *out, struct cel_error *e);

#endif
