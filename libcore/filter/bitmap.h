/* SPDX-License-Identifier: Apache-2.0 */
/* Which records of a tree a filter holds for, and the bytes in which that is cached; cel-format(5), "Filter bitmaps". */
#ifndef FILTER_BITMAP_H
#define FILTER_BITMAP_H

#include "bits.h"
#include "buf.h"
#include "cid.h"
#include "match.h"

#define BITMAP_NAME_MAX 128

struct bitmap {
	uint64_t n;      /* records of the tree */
	uint64_t count;  /* for how many it holds */
	uint64_t failed; /* for how many it could not be said: they count as those it does not hold for */
	char message[MATCH_MESSAGE_MAX + 1]; /* what jq said of the first of them */
	uint64_t *bits;  /* by rank of the id; those past n are 0 */
};

int bitmap_init(struct bitmap *b, uint64_t n, struct cel_error *e);
void bitmap_release(struct bitmap *b);

/* "TREE.HEX.filter", without a directory. */
void bitmap_name(const struct cid *tree, struct slice expression, char out[BITMAP_NAME_MAX]);
/* Appends the file. */
int bitmap_encode(const struct bitmap *b, const struct cid *tree, struct slice expression, struct buf *out,
		  struct cel_error *e);
/* CEL_ECORRUPT unless it is a good file of that tree of n records and that expression. */
int bitmap_decode(struct slice file, const struct cid *tree, uint64_t n, struct slice expression, struct bitmap *out,
		  struct cel_error *e);
/* The size of a good file: to be asked before it is read. */
uint64_t bitmap_file_size_max(uint64_t n, struct slice expression);

#endif
