/* SPDX-License-Identifier: Apache-2.0 */
/* NEON with the dot product extension (ARMv8.2 FEAT_DotProd): the integer kernels. udot and sdot add four products of
 * bytes of one kind to 32-bit sums, which wrap. A mixed product is made signed: with x' = x ^ 0x80,
 *
 *     u8 * i8:   x = x' + 128     sum ab = sum a'b + 128 sum b
 *
 * What a tail leaves empty is 0 in b, so the flipped zeros of a add nothing. */
#include <arm_neon.h>

#include "kernel.h"

/* The bytes from `from` on: 16, or those that are left and zeros, in any order: the last 16 with the old ones cleared. */
SIMD_INLINE uint8x16_t load16(const uint8_t *p, size_t from, size_t n)
{
	static const uint8_t KEEP[32] = {[16] = 255, 255, 255, 255, 255, 255, 255, 255,
					 255,        255, 255, 255, 255, 255, 255, 255};
	if (from + 16 <= n)
		return vld1q_u8(p + from);
	if (n >= 16)
		return vandq_u8(vld1q_u8(p + n - 16), vld1q_u8(KEEP + (n - from)));
	uint8_t copy[16] = {0};
	memcpy(copy, p + from, n - from);
	return vld1q_u8(copy);
}

enum op { L2SQ_I8, L2SQ_U8, DOT_I8, DOT_U8, DOT_U8_I8 };

/* Adds 16 elements to s, and to b_sum the signed elements of b if op needs them. */
SIMD_INLINE void step(uint32x4_t *s, int32x4_t *b_sum, uint8x16_t a, uint8x16_t b, enum op op)
{
	int8x16_t c = vreinterpretq_s8_u8(a);
	int8x16_t d = vreinterpretq_s8_u8(b);
	uint8x16_t e;
	switch (op) {
	case L2SQ_I8:
		e = vreinterpretq_u8_s8(vabdq_s8(c, d));
		*s = vdotq_u32(*s, e, e);
		break;
	case L2SQ_U8:
		e = vabdq_u8(a, b);
		*s = vdotq_u32(*s, e, e);
		break;
	case DOT_U8:
		*s = vdotq_u32(*s, a, b);
		break;
	case DOT_U8_I8:
		c = veorq_s8(c, vdupq_n_s8(-128));
		*b_sum = vdotq_s32(*b_sum, d, vdupq_n_s8(1));
		__attribute__((fallthrough));
	case DOT_I8:
		*s = vreinterpretq_u32_s32(vdotq_s32(vreinterpretq_s32_u32(*s), c, d));
		break;
	}
}

SIMD_INLINE uint32_t byte_sum(const void *pa, const void *pb, size_t n, enum op op)
{
	const uint8_t *a = pa;
	const uint8_t *b = pb;
	uint32x4_t s[2] = {vdupq_n_u32(0), vdupq_n_u32(0)};
	int32x4_t b_sum[2] = {vdupq_n_s32(0), vdupq_n_s32(0)};
	size_t i = 0;
	for (; i + 32 <= n; i += 32) {
		step(&s[0], &b_sum[0], vld1q_u8(a + i), vld1q_u8(b + i), op);
		step(&s[1], &b_sum[1], vld1q_u8(a + i + 16), vld1q_u8(b + i + 16), op);
	}
	for (; i < n; i += 16)
		step(&s[0], &b_sum[0], load16(a, i, n), load16(b, i, n), op);
	uint32_t correction = (uint32_t)vaddvq_s32(vaddq_s32(b_sum[0], b_sum[1])) * 128;
	return vaddvq_u32(vaddq_u32(s[0], s[1])) + correction;
}

static uint32_t l2sq_i8_neondot(const int8_t *a, const int8_t *b, size_t n)
{
	return byte_sum(a, b, n, L2SQ_I8);
}

static int32_t dot_i8_neondot(const int8_t *a, const int8_t *b, size_t n)
{
	return (int32_t)byte_sum(a, b, n, DOT_I8);
}

static uint32_t l2sq_u8_neondot(const uint8_t *a, const uint8_t *b, size_t n)
{
	return byte_sum(a, b, n, L2SQ_U8);
}

static uint32_t dot_u8_neondot(const uint8_t *a, const uint8_t *b, size_t n)
{
	return byte_sum(a, b, n, DOT_U8);
}

static int32_t dot_u8_i8_neondot(const uint8_t *a, const int8_t *b, size_t n)
{
	return (int32_t)byte_sum(a, b, n, DOT_U8_I8);
}

static int32_t dot_i8_u8_neondot(const int8_t *query, const uint8_t *row, size_t n)
{
	return dot_u8_i8_neondot(row, query, n);
}

SIMD_MANY(l2sq_u8_many_neondot, l2sq_u8_neondot, uint8_t, uint8_t, uint32_t)
SIMD_MANY(dot_u8_i8_many_neondot, dot_i8_u8_neondot, int8_t, uint8_t, int32_t)

void simd_fill_neondot(struct simd_kernels *table)
{
	table->l2sq_i8 = l2sq_i8_neondot;
	table->dot_i8 = dot_i8_neondot;
	table->l2sq_u8 = l2sq_u8_neondot;
	table->dot_u8 = dot_u8_neondot;
	table->dot_u8_i8 = dot_u8_i8_neondot;
	table->l2sq_u8_many = l2sq_u8_many_neondot;
	table->dot_u8_i8_many = dot_u8_i8_many_neondot;
}
