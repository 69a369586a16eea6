/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors to rows of 8-bit codes. One scale for all dimensions keeps integer L2 proportional to real L2; each
 * dimension has an offset. */
#ifndef HNSW_QUANTISE_H
#define HNSW_QUANTISE_H

#include "cel.h"
#include "simd.h"

struct quantiser {
	const struct simd_kernels *kernels;
	enum cel_type type;
	enum cel_metric metric;
	uint32_t dim;
	uint32_t extra;      /* ip: codes behind the dim first that hold what is missing to the largest norm */
	float scale;         /* codes a unit; 0 if all vectors are alike */
	float norm2_max;     /* ip: of the vectors seen in training */
	const float *offset; /* [dim] */
};

/* What a code row is multiplied with. */
struct query_code {
	int8_t *values;       /* [stride], aligned to 64 */
	uint32_t constant;    /* distance = (K & mask) + constant - (dot << shift), modulo 2^32 */
	uint32_t mask, shift;
};

#define QUANTISE_EXTRA_MAX 64u
size_t quantise_stride(uint32_t dim, uint32_t extra);

/* Learns scale, extra and offset ([dim], the caller's) from n rows of stored vectors, `stride` bytes apart. */
int quantise_train(struct quantiser *q, float *offset, const uint8_t *vectors, size_t n, struct cel_error *e);

/* One row. scratch: dim floats. */
void quantise_row(const struct quantiser *q, const uint8_t *vector, float *scratch, uint8_t *row);
/* One query, for the metric. scratch: dim floats. */
void quantise_query(const struct quantiser *q, const uint8_t *vector, float *scratch, struct query_code *out);
/* A row as a query, for L2 between rows. */
void quantise_row_query(const uint8_t *row, size_t stride, struct query_code *out);

#endif
