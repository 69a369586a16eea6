/* SPDX-License-Identifier: Apache-2.0 */
/* Exact distances between stored vectors, the ones that are reported: float by the fixed reduction of simd.h, exact sums
 * for 8-bit types; the last steps in double. The same everywhere. */
#ifndef HNSW_DISTANCE_H
#define HNSW_DISTANCE_H

#include "cel.h"
#include "simd.h"

struct measure {
	const struct simd_kernels *kernels;
	enum cel_type type;
	enum cel_metric metric;
	uint32_t dim;
};

struct measure_query {
	const uint8_t *vector; /* borrowed */
	double norm2;          /* cosine */
};

struct measure_query measure_query(const struct measure *m, const uint8_t *vector);
/* The norm of a row, for cosine; 0 for the other metrics. */
double measure_norm2(const struct measure *m, const uint8_t *row);

/* Distances to the rows base + ordinals[i] * (bytes of a vector), count <= MEASURE_MAX. norms[i] is measure_norm2 of the
 * i-th of them; NULL: computed here. */
#define MEASURE_MAX 256u
void measure_many(const struct measure *m, const struct measure_query *query, const uint8_t *base,
		  const uint32_t *ordinals, uint32_t count, const double *norms, float *out);

#endif
