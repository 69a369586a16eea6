/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of .fvecs, .bvecs and .ivecs: a dimension as a little-endian int32, and that many numbers. */
#ifndef INGEST_VECS_H
#define INGEST_VECS_H

#include "slice.h"

struct cel_error;
struct stream;

/* The numbers of the next row, still unconsumed: 4 + numbers->size bytes are to be consumed for it. 1, 0 at a proper end, or
 * an error: CEL_EDATA if the row is cut off or its dimension is not dim ("... not DIM as in the PLACE"). dim 0: any up to
 * CEL_DIM_MAX. */
int vecs_peek(struct stream *s, uint32_t dim, size_t number_size, const char *place, struct slice *numbers,
	      struct cel_error *e);

/* All rows of an .ivecs file, such as the true neighbours of queries: n rows of dim numbers, none negative. */
struct ivecs {
	uint32_t *numbers;
	uint64_t n;
	uint32_t dim; /* as many as were asked for, the first of each row */
};
/* The first `most` numbers of each row (0: all). Rows have one dimension, of at least `most`. */
int ivecs_read(const char *path, uint32_t most, struct ivecs *out, struct cel_error *e);
void ivecs_release(struct ivecs *v);

#endif
