/* SPDX-License-Identifier: Apache-2.0 */
/* Exact distances between stored vectors, the ones that are reported: float by the fixed reduction of simd.h, exact sums
 * for 8-bit types and bits, jsd and haversine in double through SLEEF; the last steps in double. The same everywhere. */
#ifndef HNSW_DISTANCE_H
#define HNSW_DISTANCE_H

#include "cel.h"
#include "simd.h"

#define EARTH_RADIUS 6371.0088 /* kilometres: the mean radius of the ellipsoid (IUGG) */

struct measure {
	const struct simd_kernels *kernels;
	enum cel_type type;
	enum cel_metric metric;
	uint32_t dim;
};

struct measure_query {
	const uint8_t *vector; /* borrowed */
	double norm;
};

struct measure_query measure_query(const struct measure *m, const uint8_t *vector);
/* What a distance needs of each vector alone. cosine: the square of its norm; jsd: the sum of its elements; else 0. */
double measure_norm(const struct measure *m, const uint8_t *row);
/* What one distance costs, in bytes of a row of floats that are read and compared. */
uint64_t measure_cost(const struct measure *m);

/* The distance of a squared one, l2. */
float measure_l2(double square);

/* Distances to the rows base + ordinals[i] * (bytes of a vector), count <= MEASURE_MAX. norms[i] is measure_norm of the
 * i-th of them; NULL: computed here. */
#define MEASURE_MAX 256u
void measure_many(const struct measure *m, const struct measure_query *query, const uint8_t *base,
		  const uint32_t *ordinals, uint32_t count, const double *norms, float *out);

#endif
