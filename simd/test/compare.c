/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel of one table against the same of another. Floats are compared as bits: that is the promise. */
#include "compare.h"

#include <stdlib.h>

static bool same_bits(float x, float y)
{
	return memcmp(&x, &y, sizeof x) == 0;
}

/* The float behind the last stays as it was. */
static const char *compare_widen(const struct simd_kernels *x, const struct simd_kernels *y, const struct pair *p)
{
	static float a[SAMPLE_MAX + 1], b[SAMPLE_MAX + 1];
	a[p->n] = b[p->n] = 7;
	x->widen_f16(p->f16[0], p->n, a);
	y->widen_f16(p->f16[0], p->n, b);
	return memcmp(a, b, (p->n + 1) * sizeof *a) != 0 || a[p->n] != 7 ? "widen_f16" : NULL;
}

static const char *compare_float(const struct simd_kernels *x, const struct simd_kernels *y, const struct pair *p)
{
	const float *const *f = p->f32;
	const uint16_t *const *h = p->f16;
	const uint16_t *const *b = p->bf16;
	size_t n = p->n;
	if (!same_bits(x->l2sq_f32(f[0], f[1], n), y->l2sq_f32(f[0], f[1], n)))
		return "l2sq_f32";
	if (!same_bits(x->dot_f32(f[0], f[1], n), y->dot_f32(f[0], f[1], n)))
		return "dot_f32";
	if (!same_bits(x->l2sq_f16(h[0], h[1], n), y->l2sq_f16(h[0], h[1], n)))
		return "l2sq_f16";
	if (!same_bits(x->dot_f16(h[0], h[1], n), y->dot_f16(h[0], h[1], n)))
		return "dot_f16";
	if (!same_bits(x->l2sq_bf16(b[0], b[1], n), y->l2sq_bf16(b[0], b[1], n)))
		return "l2sq_bf16";
	if (!same_bits(x->dot_bf16(b[0], b[1], n), y->dot_bf16(b[0], b[1], n)))
		return "dot_bf16";
	return compare_widen(x, y, p);
}

const char *compare_pair(const struct simd_kernels *x, const struct simd_kernels *y, const struct pair *p)
{
	const char *wrong = compare_float(x, y, p);
	if (wrong != NULL)
		return wrong;
	size_t n = p->n;
	const uint8_t *a = p->bytes[0];
	const uint8_t *b = p->bytes[1];
	const int8_t *c = (const int8_t *)a;
	const int8_t *d = (const int8_t *)b;
	if (x->l2sq_i8(c, d, n) != y->l2sq_i8(c, d, n))
		return "l2sq_i8";
	if (x->dot_i8(c, d, n) != y->dot_i8(c, d, n))
		return "dot_i8";
	if (x->l2sq_u8(a, b, n) != y->l2sq_u8(a, b, n))
		return "l2sq_u8";
	if (x->dot_u8(a, b, n) != y->dot_u8(a, b, n))
		return "dot_u8";
	if (x->dot_u8_i8(a, d, n) != y->dot_u8_i8(a, d, n))
		return "dot_u8_i8";
	if (x->hamming_b1(a, b, n) != y->hamming_b1(a, b, n))
		return "hamming_b1";
	uint32_t both[2], either[2];
	x->jaccard_b1(a, b, n, &both[0], &either[0]);
	y->jaccard_b1(a, b, n, &both[1], &either[1]);
	return both[0] != both[1] || either[0] != either[1] ? "jaccard_b1" : NULL;
}

/* One float past `count` is checked to be left alone. */
#define CANARY 0x5ca1ab1eu

static uint32_t *new_output(size_t count)
{
	uint32_t *out = calloc(count + 1, sizeof *out);
	if (out == NULL)
		exit(99);
	for (size_t i = 0; i <= count; i++)
		out[i] = CANARY;
	return out;
}

static const uint8_t *row_at(const struct rows *rows, size_t i)
{
	return rows->base + (size_t)rows->ordinals[i] * rows->stride;
}

const char *compare_many_f32(const struct simd_kernels *x, const struct simd_kernels *y, const float *query,
			     const struct rows *rows)
{
	const char *wrong = NULL;
	uint32_t *l2sq = new_output(rows->count);
	uint32_t *dot = new_output(rows->count);
	x->l2sq_f32_many(query, rows->base, rows->stride, rows->ordinals, rows->count, rows->n, (float *)(void *)l2sq);
	x->dot_f32_many(query, rows->base, rows->stride, rows->ordinals, rows->count, rows->n, (float *)(void *)dot);
	for (size_t i = 0; i < rows->count; i++) {
		const float *row = (const float *)(const void *)row_at(rows, i);
		float expected = y->l2sq_f32(query, row, rows->n);
		wrong = memcmp(&l2sq[i], &expected, sizeof expected) != 0 ? "l2sq_f32_many" : wrong;
		expected = y->dot_f32(query, row, rows->n);
		wrong = memcmp(&dot[i], &expected, sizeof expected) != 0 ? "dot_f32_many" : wrong;
	}
	if (l2sq[rows->count] != CANARY || dot[rows->count] != CANARY)
		wrong = "f32_many wrote too far";
	free(l2sq);
	free(dot);
	return wrong;
}

const char *compare_many_bytes(const struct simd_kernels *x, const struct simd_kernels *y, const uint8_t *query,
			       const struct rows *rows)
{
	const char *wrong = NULL;
	uint32_t *l2sq = new_output(rows->count);
	uint32_t *dot = new_output(rows->count);
	uint32_t *hamming = new_output(rows->count);
	uint32_t *both = new_output(rows->count);
	uint32_t *either = new_output(rows->count);
	x->l2sq_u8_many(query, rows->base, rows->stride, rows->ordinals, rows->count, rows->n, l2sq);
	x->dot_u8_i8_many((const int8_t *)query, rows->base, rows->stride, rows->ordinals, rows->count, rows->n,
			  (int32_t *)dot);
	x->hamming_b1_many(query, rows->base, rows->stride, rows->ordinals, rows->count, rows->n, hamming);
	x->jaccard_b1_many(query, rows->base, rows->stride, rows->ordinals, rows->count, rows->n, both, either);
	for (size_t i = 0; i < rows->count; i++) {
		const uint8_t *row = row_at(rows, i);
		if (l2sq[i] != y->l2sq_u8(query, row, rows->n))
			wrong = "l2sq_u8_many";
		if ((int32_t)dot[i] != y->dot_u8_i8(row, (const int8_t *)query, rows->n))
			wrong = "dot_u8_i8_many";
		if (hamming[i] != y->hamming_b1(query, row, rows->n))
			wrong = "hamming_b1_many";
		uint32_t expected[2];
		y->jaccard_b1(query, row, rows->n, &expected[0], &expected[1]);
		if (both[i] != expected[0] || either[i] != expected[1])
			wrong = "jaccard_b1_many";
	}
	if (l2sq[rows->count] != CANARY || dot[rows->count] != CANARY || hamming[rows->count] != CANARY ||
	    both[rows->count] != CANARY || either[rows->count] != CANARY)
		wrong = "bytes_many wrote too far";
	free(l2sq);
	free(dot);
	free(hamming);
	free(both);
	free(either);
	return wrong;
}
