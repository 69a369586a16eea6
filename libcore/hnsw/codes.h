/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in a row of codes, which is all that a walk and a build look at, and how far two rows are from each other: a
 * number of 32 bits that orders as the metric does, or nearly.
 *
 *   l2, cosine   u8 a dimension and K (graph.h); squared distance           jsd: the same of the roots of the probabilities
 *   ip           u8 a dimension; minus the product
 *   hamming      the bits themselves; how many differ
 *   jaccard      the bits themselves; 1 - both / either, as the bits of a float
 *   haversine    3 x i32 and 4 zeros, a point of the unit sphere in units of 2^-30; the squared straight distance, rounded to a
 *                float, as its bits
 *
 * The last three are exact: their order is that of the metric (for places, but for 6 mm). */
#ifndef HNSW_CODES_H
#define HNSW_CODES_H

#include <stdbool.h>

#include "graph.h"
#include "quantise.h"

/* Whether rows are u8 codes, with a scale and offsets. */
static inline bool codes_are_bytes(enum cel_metric metric)
{
	return metric < CEL_HAMMING || metric == CEL_JSD;
}

/* Whether a row is the vector: then there is no section of codes in the file. */
static inline bool codes_are_vectors(enum cel_metric metric)
{
	return metric == CEL_HAMMING || metric == CEL_JACCARD;
}

/* Bytes a row. */
static inline size_t codes_stride(enum cel_metric metric, uint32_t dim)
{
	return codes_are_vectors(metric) ? ((size_t)dim + 7) / 8 : metric == CEL_HAVERSINE ? 16 : quantise_stride(dim);
}

/* For those that are no bytes: a stored vector as a row (query: as the values), and distances. */
void codes_make(enum cel_metric metric, uint32_t dim, const uint8_t *vector, uint8_t *row);
void codes_distances(const uint8_t *query, const struct graph *g, const uint32_t *ordinals, size_t count,
		     uint32_t *distances);

#endif
