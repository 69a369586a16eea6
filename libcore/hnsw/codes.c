/* SPDX-License-Identifier: Apache-2.0 */
/* The codes that are no bytes. Distances are integers, or results of single IEEE operations without FMA in a fixed order,
 * so they are the same everywhere; floats that are not negative order as their bits do. */
#include "codes.h"

#include "bytes.h"

#define PIECE 256u

static uint32_t float_bits(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	return bits;
}

void codes_make(enum cel_metric metric, uint32_t dim, const uint8_t *vector, uint8_t *row)
{
	if (metric != CEL_HAVERSINE) {
		memmove(row, vector, codes_stride(metric, dim));
		return;
	}
	float place[2] = {load_le_f32(vector), load_le_f32(vector + 4)};
	int32_t point[3];
	simd_sphere(place, point);
	for (size_t i = 0; i < 3; i++)
		store_le32(row + 4 * i, (uint32_t)point[i]);
	store_le32(row + 12, 0);
}

/* Differences have 32 bits, so double holds them, and each square is rounded once. */
static float sphere_distance(const uint8_t *a, const uint8_t *b)
{
	double square[3];
	for (size_t i = 0; i < 3; i++) {
		int32_t x, y;
		memcpy(&x, a + 4 * i, sizeof x);
		memcpy(&y, b + 4 * i, sizeof y);
		double d = (double)x - (double)y;
		square[i] = d * d;
	}
	return (float)(square[0] + square[1] + square[2]);
}

static void jaccard_distances(const uint8_t *query, const struct graph *g, const uint32_t *ordinals, size_t count,
			      uint32_t *distances)
{
	uint32_t both[PIECE], either[PIECE];
	for (size_t start = 0; start < count; start += PIECE) {
		size_t n = count - start < PIECE ? count - start : PIECE;
		g->kernels->jaccard_b1_many(query, g->codes, g->code_stride, ordinals + start, n, g->code_stride, both, either);
		for (size_t i = 0; i < n; i++)
			distances[start + i] = either[i] == 0 ? 0 : float_bits((float)(either[i] - both[i]) / (float)either[i]);
	}
}

void codes_distances(const uint8_t *query, const struct graph *g, const uint32_t *ordinals, size_t count,
		     uint32_t *distances)
{
	if (g->metric == CEL_HAMMING) {
		g->kernels->hamming_b1_many(query, g->codes, g->code_stride, ordinals, count, g->code_stride, distances);
	} else if (g->metric == CEL_JACCARD) {
		jaccard_distances(query, g, ordinals, count, distances);
	} else {
		for (size_t i = 0; i < count; i++)
			distances[i] = float_bits(sphere_distance(query, graph_code(g, ordinals[i])));
	}
}
