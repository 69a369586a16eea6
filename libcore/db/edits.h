/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of one batch, and the ids it deletes, on their way to the tree: taken from readers in any order, given back in
 * id order with duplicate ids settled and long values hashed. Memory is bounded by that of the external sort. */
#ifndef DB_EDITS_H
#define DB_EDITS_H

#include "cel.h"
#include "cid.h"
#include "reader.h"

struct edits;

int edits_new(size_t memory, uint32_t threads, const char *tmp_directory, size_t vector_size, enum cel_duplicates duplicates,
	      struct edits **out, struct cel_error *e);
/* Without one (NULL), and nothing added yet: see extsort.h. */
void edits_ask_directory(struct edits *edits, int (*ask)(void *context, const char **path, struct cel_error *e),
			 void *context);
void edits_free(struct edits *edits);

/* Following rows come from the input of that name; names are kept for messages. */
int edits_begin_source(struct edits *edits, const char *name, struct cel_error *e);
int edits_add(struct edits *edits, const struct reader_row *row, struct cel_error *e);
int edits_add_delete(struct edits *edits, struct slice id, uint64_t number, struct cel_error *e);
int edits_finish(struct edits *edits, struct cel_error *e); /* no more adds */

struct edit {
	struct slice id, vector, metadata;
	bool is_delete; /* the id alone counts */
	const struct cid *vector_cid, *metadata_cid; /* of those too long for a leaf, else NULL */
};
/* 1 an edit, 0 the end; borrowed until the next call. Two rows of one id are CEL_EDATA that names both, perhaps before the
 * edits in front of them have come, unless the policy says which one stands. Threads go ahead from the first call on. */
int edits_next(struct edits *edits, struct edit *out, struct cel_error *e);
uint64_t edits_count(const struct edits *edits);      /* rows and ids added */
uint64_t edits_duplicates(const struct edits *edits); /* after the last edit: rows that gave way to another of the same id */

#endif
