/* SPDX-License-Identifier: Apache-2.0 */
/* A neighbour n of a node c lies at o = n - c, and a query q at |q-n|^2 = |q-c|^2 + |o|^2 - 2 (q-c).o. Of o only its length
 * and the signs b of its components in S fixed directions are kept, so the product is estimated as RaBitQ does (arXiv
 * 2405.12497): with y = P(q-c) and z = P o, (q-c).o is about |o|^2 (b.y) / (b.z), since b is to z what it is to o. What
 * belongs to the node is put into A, what to the query into tables, one entry for each 4 signs (FastScan):
 *
 *     |q-n|^2 - |q-c|^2  ~  A - B b.Pq       B = 2 |o|^2 / b.z      A = |o|^2 + B b.Pc
 *
 * P costs little more than reading the vector: every element gets a fixed sign, those that are S apart are added up, and a
 * Hadamard transform spreads the S sums over the directions. The rows of P are orthogonal, and with dim <= S P keeps all. On
 * both sets of the bench this was as good as dense random directions, and as the S leading principal components within a
 * fifth of the distances computed (docs/adr/0009-faster-walks.md).
 *
 * Group g of the S / 4 groups of four directions, whose signs make a nibble, is g, g + S/4, g + S/2 and g + 3S/4.
 * Everything up to b.z and b.Pc is an integer; then come a few operations of double or float that IEEE rounds the same
 * everywhere. The order of the directions is that in which the transform leaves them: no one asks. */
#include "sketch.h"

#include <string.h>

#include "alloc.h"
#include "bytes.h"
#include "element.h"
#include "error.h"
#include "graph.h"

#define LEVELS 31          /* of a component of a query, to either side */
#define ENTRY_MIDDLE 124   /* four of them: entries of tables are 0..248 */
#define F16_MAX 65504.0
#define AHEAD 3u           /* neighbours whose codes are asked for early */

typedef int8_t bytes16 __attribute__((vector_size(16)));
typedef uint8_t ubytes16 __attribute__((vector_size(16)));
typedef int16_t shorts16 __attribute__((vector_size(32)));
typedef int32_t ints4 __attribute__((vector_size(16)));
typedef int32_t ints16 __attribute__((vector_size(64)));
typedef float floats4 __attribute__((vector_size(16)));

/* splitmix64 of the number of the word, bit by bit. */
static uint64_t random_word(uint64_t number)
{
	uint64_t z = (number + 1) * 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

int sketcher_init(struct sketcher *s, const struct simd_kernels *kernels, uint32_t dim, uint32_t n_directions,
		  float caution, struct cel_error *e)
{
	*s = (struct sketcher){
		.kernels = kernels, .dim = dim, .n_directions = n_directions, .code_stride = quantise_stride(dim),
		.unit = 4, .caution = caution,
	};
	while (s->unit < 4 * (float)dim) /* so that four times the farthest there is fits a f16 */
		s->unit *= 2;
	s->signs = mem_alloc_aligned(64, s->code_stride);
	if (s->signs == NULL)
		return error_nomem(e, s->code_stride);
	for (size_t d = 0; d < s->code_stride; d++)
		s->signs[d] = (int8_t)(d >= dim ? 0 : (random_word(d / 64) >> d % 64 & 1) != 0 ? -1 : 1);
	return 0;
}

void sketcher_release(struct sketcher *s)
{
	mem_free(s->signs);
	s->signs = NULL;
}

/* ---- P */

/* Adds 16 elements with their signs to 16 sums. `flip`: 128 is taken off an unsigned element; 0: it is signed as it is. */
static inline void fold16(const uint8_t *elements, const int8_t *signs, int8_t flip, int32_t *sums)
{
	bytes16 x, sign;
	ints16 sum;
	memcpy(&x, elements, sizeof x);
	memcpy(&sign, signs, sizeof sign);
	memcpy(&sum, sums, sizeof sum);
	x ^= flip;
	shorts16 terms = __builtin_convertvector(x, shorts16) * __builtin_convertvector(sign, shorts16);
	sum += __builtin_convertvector(terms, ints16);
	memcpy(sums, &sum, sizeof sum);
}

/* Sums and differences of elements `half` apart, a multiple of 4. */
static inline void butterflies(int32_t *v, uint32_t n, uint32_t half)
{
	for (uint32_t start = 0; start < n; start += 2 * half) {
		for (uint32_t i = start; i < start + half; i += 4) {
			ints4 a, b, sum, difference;
			memcpy(&a, v + i, sizeof a);
			memcpy(&b, v + i + half, sizeof b);
			sum = a + b;
			difference = a - b;
			memcpy(v + i, &sum, sizeof sum);
			memcpy(v + i + half, &difference, sizeof difference);
		}
	}
}

/* The transform over the two lowest bits of the places is left to one over the two highest, once they have changed places. */
static void hadamard(int32_t *v, uint32_t n)
{
	int32_t turned[SKETCH_DIRECTIONS_MAX];
	for (uint32_t half = n / 2; half >= 4; half /= 2)
		butterflies(v, n, half);
	for (uint32_t i = 0; i < n; i++)
		turned[i % 4 * (n / 4) + i / 4] = v[i];
	butterflies(turned, n, n / 2);
	butterflies(turned, n, n / 4);
	memcpy(v, turned, n * sizeof *v);
}

/* elements: code_stride of them. */
static void project(const struct sketcher *s, const uint8_t *elements, int8_t flip, int32_t *out)
{
	memset(out, 0, s->n_directions * sizeof *out);
	for (size_t d = 0; d < s->code_stride; d += 16)
		fold16(elements + d, s->signs + d, flip, out + d % s->n_directions);
	hadamard(out, s->n_directions);
}

static void project_code(const struct sketcher *s, const uint8_t *codes, uint32_t node, int32_t *out)
{
	project(s, codes + (size_t)node * s->code_stride, -128, out);
}

/* ---- rows */

/* The signs of one place as nibbles, one a group, and b.z and b.Pc. */
static void take_signs(const struct sketcher *s, const int32_t *node, const int32_t *neighbour, int32_t *nibbles,
		       int64_t *length, int64_t *offset)
{
	uint32_t groups = s->n_directions / 4;
	ints4 lengths = {0}, offsets = {0};
	for (uint32_t group = 0; group < groups; group += 4) {
		ints4 nibble = {0}, bit = {1, 1, 1, 1};
		for (uint32_t i = 0; i < 4; i++) {
			ints4 at, z;
			memcpy(&at, node + i * groups + group, sizeof at);
			memcpy(&z, neighbour + i * groups + group, sizeof z);
			z -= at;
			ints4 is_minus = z < 0;
			lengths += (z ^ is_minus) - is_minus;
			offsets += (at ^ is_minus) - is_minus;
			nibble |= ~is_minus & bit;
			bit += bit;
		}
		memcpy(nibbles + group, &nibble, sizeof nibble);
	}
	*length = *offset = 0;
	for (uint32_t i = 0; i < 4; i++) {
		*length += lengths[i];
		*offset += offsets[i];
	}
}

static void put_signs(const int32_t *nibbles, uint32_t groups, uint32_t place, uint8_t *blocks)
{
	for (uint32_t group = 0; group < groups; group += 2)
		blocks[group / 4 * 64 + group % 4 / 2 * 32 + place] = (uint8_t)(nibbles[group] | nibbles[group + 1] << 4);
}

static uint16_t to_f16(double value)
{
	value = value < F16_MAX ? value : F16_MAX;
	return f64_to_f16(value > -F16_MAX ? value : -F16_MAX);
}

/* Inlined, so that the compiler does not take it for a call that does nothing. */
static inline __attribute__((always_inline)) void prefetch_code(const struct sketcher *s, const uint8_t *codes, uint32_t node)
{
	for (size_t at = 0; at < s->code_stride; at += 64)
		__builtin_prefetch(codes + (size_t)node * s->code_stride + at);
}

void sketch_encode(const struct sketcher *s, const uint8_t *codes, uint32_t node, const uint32_t links[SKETCH_PLACES],
		   uint8_t *out)
{
	int32_t of_node[SKETCH_DIRECTIONS_MAX], of_neighbour[SKETCH_DIRECTIONS_MAX], nibbles[SKETCH_DIRECTIONS_MAX / 4];
	memset(out, 0, sketch_size(s->n_directions));
	project_code(s, codes, node, of_node);
	for (uint32_t i = 0; i < SKETCH_PLACES; i++) {
		if (i + AHEAD < SKETCH_PLACES && links[i + AHEAD] != LINK_NONE)
			prefetch_code(s, codes, links[i + AHEAD]);
		if (links[i] == LINK_NONE) {
			store_le16(out + 2 * i, 0x7c00); /* infinity */
			continue;
		}
		int64_t length, offset;
		const uint8_t *neighbour = codes + (size_t)links[i] * s->code_stride;
		double l2sq = s->kernels->l2sq_u8(codes + (size_t)node * s->code_stride, neighbour, s->dim);
		project_code(s, codes, links[i], of_neighbour);
		take_signs(s, of_node, of_neighbour, nibbles, &length, &offset);
		put_signs(nibbles, s->n_directions / 4, i, out + 4 * SKETCH_PLACES);
		double slope = length > 0 ? 2 * l2sq / (double)length : 0;
		store_le16(out + 2 * i, to_f16((l2sq + slope * (double)offset) / (double)s->unit));
		store_le16(out + 2 * SKETCH_PLACES + 2 * i, to_f16(slope));
	}
}

/* ---- queries */

/* Entry e of the table of four components: the sum of those whose bit is set in e, less the others. */
static void put_table(const int8_t component[4], uint8_t *out)
{
	static const ubytes16 MINUS[4] = {
		{255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0},
		{255, 255, 0, 0, 255, 255, 0, 0, 255, 255, 0, 0, 255, 255, 0, 0},
		{255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0},
		{255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0},
	};
	ubytes16 entries = (ubytes16){0} + ENTRY_MIDDLE;
	for (int i = 0; i < 4; i++)
		entries += (((ubytes16){0} + (uint8_t)component[i]) ^ MINUS[i]) - MINUS[i];
	memcpy(out, &entries, sizeof entries);
	memcpy(out + sizeof entries, &entries, sizeof entries);
}

/* y = y * factor, to the nearest whole number. */
static void round_components(int32_t *y, uint32_t n, float factor)
{
	for (uint32_t i = 0; i < n; i += 4) {
		ints4 x;
		memcpy(&x, y + i, sizeof x);
		floats4 v = __builtin_convertvector(x, floats4) * factor, half = (floats4){0} + 0.5f;
		half = (floats4)((ints4)half | ((v < 0) & INT32_MIN));
		x = __builtin_convertvector(v + half, ints4);
		memcpy(y + i, &x, sizeof x);
	}
}

void sketch_query_set(const struct sketcher *s, const struct query_code *query, struct sketch_query *out)
{
	int32_t y[SKETCH_DIRECTIONS_MAX], most = 1;
	uint32_t n = s->n_directions;
	project(s, (const uint8_t *)query->values, 0, y);
	for (uint32_t i = 0; i < n; i++) {
		int32_t size = y[i] < 0 ? -y[i] : y[i];
		most = size > most ? size : most;
	}
	float step = (float)most / LEVELS, inverse = LEVELS / (float)most;
	round_components(y, n, inverse);
	for (uint32_t group = 0; group < n / 4; group++) {
		int8_t component[4];
		for (uint32_t i = 0; i < 4; i++)
			component[i] = (int8_t)y[i * (n / 4) + group];
		put_table(component, out->tables + group / 4 * 128 + group % 4 / 2 * 32 + group % 2 * 64);
	}
	out->noise = step * step / 12;
	out->step = step / s->unit;
	out->offset = -(float)(ENTRY_MIDDLE * (n / 4)) * out->step;
}
