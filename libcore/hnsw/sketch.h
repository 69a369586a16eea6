/* SPDX-License-Identifier: Apache-2.0 */
/* One-bit sketches of a node's neighbours beside their links, by which a walk tells which of them are worth a look at
 * their codes. Nothing is learnt or stored but the sketches: the directions are fixed (sketch.c). l2 and cosine only.
 *
 * A sketch is of 32 places of a row of links; a wider row has several, one behind the other. Its bytes are those of
 * sift_b1 in simd.h, with S directions:
 *
 *     f16 A[32] | f16 B[32] | S / 16 blocks of 64 bytes          128 + 4 S bytes, a multiple of 64
 *
 * Empty places have A = +inf, and nothing else has. */
#ifndef HNSW_SKETCH_H
#define HNSW_SKETCH_H

#include <math.h>

#include "cel.h"
#include "quantise.h"
#include "simd.h"

#define SKETCH_PLACES 32u
#define SKETCH_DIRECTIONS_MIN 64u
#define SKETCH_DIRECTIONS_MAX 256u

struct sketcher {
	const struct simd_kernels *kernels;
	uint32_t dim, n_directions; /* a power of 2, SKETCH_DIRECTIONS_MIN..MAX */
	size_t code_stride;
	float unit;    /* of A and of what is compared with it: squared steps of a code */
	float caution; /* how much an estimate is lowered, in about its standard deviations */
	int8_t *signs; /* [code_stride]: 1, -1; 0 from dim on */
};

static inline size_t sketch_size(uint32_t n_directions)
{
	return SKETCH_PLACES * 4 + (size_t)n_directions * (SKETCH_PLACES / 8);
}

int sketcher_init(struct sketcher *s, const struct simd_kernels *kernels, uint32_t dim, uint32_t n_directions,
		  float caution, struct cel_error *e);
void sketcher_release(struct sketcher *s);

/* The sketch of 32 places of a node's row; links: LINK_NONE for an empty one. codes: rows as in graph.h. A function of
 * these codes alone. Allocates nothing; any number of threads may share a sketcher. */
void sketch_encode(const struct sketcher *s, const uint8_t *codes, uint32_t node, const uint32_t links[SKETCH_PLACES],
		   uint8_t *out);

/* What is made of a query once. */
struct sketch_query {
	float step, offset; /* of a sum of table entries, in s->unit */
	float noise;        /* squared: what the tables have lost by rounding */
	_Alignas(64) uint8_t tables[SKETCH_DIRECTIONS_MAX * 8];
};
void sketch_query_set(const struct sketcher *s, const struct query_code *query, struct sketch_query *out);

/* Bit i: place i is estimated to be nearer than `bound`; both distances are those of codes, `distance` from the query to
 * the node whose row it is. bound = UINT32_MAX: all that are not empty. */
static inline uint32_t sketch_sift(const struct sketcher *s, const struct sketch_query *q, const uint8_t *sketch,
				   uint32_t distance, uint32_t bound)
{
	float spread = sqrtf(((float)distance + q->noise) * (float)s->n_directions);
	float lower = s->caution * spread / s->unit;
	float limit = bound == UINT32_MAX ? INFINITY : (float)((int64_t)bound - (int64_t)distance) / s->unit;
	return s->kernels->sift_b1(sketch, q->tables, s->n_directions, q->step, q->offset + lower, limit);
}

#endif
