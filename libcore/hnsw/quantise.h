/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors to rows of codes, mostly of 8 bits an element (codes.h says which). One scale for all dimensions keeps integer L2 proportional to real L2; each
 * dimension has an offset (ip: the same for all, so that products are kept too). */
#ifndef HNSW_QUANTISE_H
#define HNSW_QUANTISE_H

#include <stdbool.h>

#include "cel.h"
#include "simd.h"

struct quantiser {
	const struct simd_kernels *kernels;
	enum cel_type type;
	enum cel_metric metric;
	uint32_t dim;
	float scale;         /* codes a unit; 0 if all vectors are alike */
	const float *offset; /* [dim] */
};

/* What a code row is multiplied with. */
struct query_code {
	int8_t *values;       /* [stride]; for a walk aligned to 64 */
	uint32_t constant;    /* distance = (K & mask) + constant - (dot << shift), modulo 2^32 */
	uint32_t mask, shift;
	bool is_exact;        /* of a query under a quantiser of which that may be: its elements are offset + code */
};

size_t quantise_stride(uint32_t dim); /* of a row of 8-bit codes; codes_stride is that of any */

/* Learns scale and offset ([dim], the caller's) from n rows of stored vectors, `stride` bytes apart. */
int quantise_train(struct quantiser *q, float *offset, const uint8_t *vectors, size_t n, struct cel_error *e);

/* One row. scratch: dim floats; holds the elements afterwards, for cosine normalised. */
void quantise_row(const struct quantiser *q, const uint8_t *vector, float *scratch, uint8_t *row);

/* Whether a row of codes is exactly these elements: whole numbers, offset + code each. Only for a quantiser of which that
 * may be: l2, scale 1, whole offsets. Then squared distances by codes are the true ones. */
bool quantise_may_be_exact(const struct quantiser *q);
bool quantise_is_exact(const struct quantiser *q, const float *elements, const uint8_t *codes);

/* One query, for the metric. scratch: dim floats. */
void quantise_query(const struct quantiser *q, const uint8_t *vector, float *scratch, struct query_code *out);
/* A row as a query, for distances between rows. `row` may be out->values. */
void quantise_row_query(enum cel_metric metric, uint32_t dim, const uint8_t *row, struct query_code *out);

#endif
