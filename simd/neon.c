/* SPDX-License-Identifier: Apache-2.0 */
/* NEON (AArch64 Advanced SIMD), without later extensions.
 *
 * Float: the 32 lanes are eight registers, halved pairwise. A tail fills whole registers first and then goes through a
 * zeroed copy (zeros are harmless, see kernel.h), so nothing is read beyond the end. The file is compiled without
 * contraction: a * b + c must stay two roundings, as on every other instruction set.
 *
 * Integers: |a - b| and products of bytes fit 16 bits unsigned; vpadal adds pairs of them to 32-bit sums, which wrap.
 * u8 * i8 is widened to 16 bits and multiplied to 32. Bits are counted by vcnt. */
#include <arm_neon.h>
#include <sleef.h>

#include "kernel.h"

/* ---- float */

SIMD_INLINE float32x4_t widen(uint16x4_t half, enum simd_element type)
{
	if (type == SIMD_F16)
		return vcvt_f32_f16(vreinterpret_f16_u16(half));
	return vreinterpretq_f32_u32(vshll_n_u16(half, 16));
}

SIMD_INLINE float32x4_t load4(const uint8_t *p, enum simd_element type)
{
	if (type == SIMD_F32)
		return vreinterpretq_f32_u8(vld1q_u8(p));
	return widen(vreinterpret_u16_u8(vld1_u8(p)), type);
}

/* The first count < 4 elements, then zeros. */
SIMD_INLINE float32x4_t load_some(const uint8_t *p, size_t count, enum simd_element type)
{
	size_t size = type == SIMD_F32 ? 4 : 2;
	uint8_t copy[16] = {0};
	for (size_t i = 0; i < count; i++)
		memcpy(copy + i * size, p + i * size, size);
	return load4(copy, type);
}

static void widen_f16_neon(const uint16_t *in, size_t n, float *out)
{
	const uint8_t *p = (const uint8_t *)in;
	size_t i = 0;
	for (; i + 4 <= n; i += 4)
		vst1q_f32(out + i, load4(p + 2 * i, SIMD_F16));
	if (i < n) {
		float tail[4];
		vst1q_f32(tail, load_some(p + 2 * i, n - i, SIMD_F16));
		memcpy(out + i, tail, (n - i) * sizeof *out);
	}
}

SIMD_INLINE float32x4_t add_term(float32x4_t s, float32x4_t x, float32x4_t y, enum simd_term term)
{
	if (term == SIMD_DOT)
		return vaddq_f32(s, vmulq_f32(x, y));
	float32x4_t d = vsubq_f32(x, y);
	return vaddq_f32(s, vmulq_f32(d, d));
}

SIMD_INLINE float sum(const void *pa, const void *pb, size_t n, enum simd_element type, enum simd_term term)
{
	const uint8_t *a = pa;
	const uint8_t *b = pb;
	size_t size = type == SIMD_F32 ? 4 : 2;
	float32x4_t s[8];
	for (int g = 0; g < 8; g++)
		s[g] = vdupq_n_f32(0);
	size_t i = 0;
	for (; i + 32 <= n; i += 32) {
#pragma GCC unroll 8
		for (size_t g = 0; g < 8; g++) {
			size_t at = (i + 4 * g) * size;
			s[g] = add_term(s[g], load4(a + at, type), load4(b + at, type), term);
		}
	}
#pragma GCC unroll 8
	for (size_t g = 0; g < 8; g++) {
		size_t from = i + 4 * g;
		if (from >= n)
			break;
		const uint8_t *p = a + from * size;
		const uint8_t *q = b + from * size;
		if (from + 4 <= n)
			s[g] = add_term(s[g], load4(p, type), load4(q, type), term);
		else
			s[g] = add_term(s[g], load_some(p, n - from, type), load_some(q, n - from, type), term);
	}
#pragma GCC unroll 4
	for (int g = 0; g < 4; g++)
		s[g] = vaddq_f32(s[g], s[g + 4]);
	float32x4_t t = vaddq_f32(vaddq_f32(s[0], s[2]), vaddq_f32(s[1], s[3]));
	float32x2_t u = vadd_f32(vget_low_f32(t), vget_high_f32(t));
	float result = vget_lane_f32(u, 0) + vget_lane_f32(u, 1);
	return term == SIMD_DOT ? dot_result(result) : result;
}

static float l2sq_f32_neon(const float *a, const float *b, size_t n)
{
	return sum(a, b, n, SIMD_F32, SIMD_L2SQ);
}

static float dot_f32_neon(const float *a, const float *b, size_t n)
{
	return sum(a, b, n, SIMD_F32, SIMD_DOT);
}

static float l2sq_f16_neon(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_F16, SIMD_L2SQ);
}

static float dot_f16_neon(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_F16, SIMD_DOT);
}

static float l2sq_bf16_neon(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_BF16, SIMD_L2SQ);
}

static float dot_bf16_neon(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_BF16, SIMD_DOT);
}

SIMD_MANY(l2sq_f32_many_neon, l2sq_f32_neon, float, float, float)
SIMD_MANY(dot_f32_many_neon, dot_f32_neon, float, float, float)

/* ---- bytes */

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

/* Adds 16 elements to two sums. */
SIMD_INLINE void step(uint32x4_t s[2], uint8x16_t a, uint8x16_t b, enum op op)
{
	if (op == L2SQ_I8)
		a = b = vreinterpretq_u8_s8(vabdq_s8(vreinterpretq_s8_u8(a), vreinterpretq_s8_u8(b)));
	if (op == L2SQ_U8)
		a = b = vabdq_u8(a, b);
	if (op == DOT_I8 || op == DOT_U8_I8) {
		int8x16_t c = vreinterpretq_s8_u8(a);
		int8x16_t d = vreinterpretq_s8_u8(b);
		int16x8_t a0 = op == DOT_I8 ? vmovl_s8(vget_low_s8(c)) : vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(a)));
		int16x8_t a1 = op == DOT_I8 ? vmovl_high_s8(c) : vreinterpretq_s16_u16(vmovl_high_u8(a));
		int16x8_t b0 = vmovl_s8(vget_low_s8(d));
		int16x8_t b1 = vmovl_high_s8(d);
		int32x4_t t0 = vreinterpretq_s32_u32(s[0]);
		int32x4_t t1 = vreinterpretq_s32_u32(s[1]);
		t0 = vmlal_s16(t0, vget_low_s16(a0), vget_low_s16(b0));
		t1 = vmlal_high_s16(t1, a0, b0);
		t0 = vmlal_s16(t0, vget_low_s16(a1), vget_low_s16(b1));
		t1 = vmlal_high_s16(t1, a1, b1);
		s[0] = vreinterpretq_u32_s32(t0);
		s[1] = vreinterpretq_u32_s32(t1);
		return;
	}
	s[0] = vpadalq_u16(s[0], vmull_u8(vget_low_u8(a), vget_low_u8(b)));
	s[1] = vpadalq_u16(s[1], vmull_high_u8(a, b));
}

SIMD_INLINE uint32_t byte_sum(const void *a, const void *b, size_t n, enum op op)
{
	uint32x4_t s[2] = {vdupq_n_u32(0), vdupq_n_u32(0)};
	for (size_t i = 0; i < n; i += 16)
		step(s, load16(a, i, n), load16(b, i, n), op);
	return vaddvq_u32(vaddq_u32(s[0], s[1]));
}

static uint32_t l2sq_i8_neon(const int8_t *a, const int8_t *b, size_t n)
{
	return byte_sum(a, b, n, L2SQ_I8);
}

static int32_t dot_i8_neon(const int8_t *a, const int8_t *b, size_t n)
{
	return (int32_t)byte_sum(a, b, n, DOT_I8);
}

static uint32_t l2sq_u8_neon(const uint8_t *a, const uint8_t *b, size_t n)
{
	return byte_sum(a, b, n, L2SQ_U8);
}

static uint32_t dot_u8_neon(const uint8_t *a, const uint8_t *b, size_t n)
{
	return byte_sum(a, b, n, DOT_U8);
}

static int32_t dot_u8_i8_neon(const uint8_t *a, const int8_t *b, size_t n)
{
	return (int32_t)byte_sum(a, b, n, DOT_U8_I8);
}

static int32_t dot_i8_u8_neon(const int8_t *query, const uint8_t *row, size_t n)
{
	return dot_u8_i8_neon(row, query, n);
}

SIMD_MANY(l2sq_u8_many_neon, l2sq_u8_neon, uint8_t, uint8_t, uint32_t)
SIMD_MANY(dot_u8_i8_many_neon, dot_i8_u8_neon, int8_t, uint8_t, int32_t)

/* ---- sketches */

/* Adds the entries that 16 places look up. */
SIMD_INLINE void add_entries(uint16x8_t s[2], uint8x16_t table, uint8x16_t nibbles)
{
	uint8x16_t v = vqtbl1q_u8(table, nibbles);
	s[0] = vaddw_u8(s[0], vget_low_u8(v));
	s[1] = vaddw_high_u8(s[1], v);
}

/* Four places: bits 0..3. */
SIMD_INLINE uint32_t sift4(const uint8_t *sketch, uint16x4_t entries, float step, float shift, float bound)
{
	static const uint32_t BIT[4] = {1, 2, 4, 8};
	float32x4_t a = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(sketch)));
	float32x4_t b = vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(sketch + 64)));
	float32x4_t t = vmulq_f32(vcvtq_f32_u32(vmovl_u16(entries)), vdupq_n_f32(step));
	t = vaddq_f32(t, vdupq_n_f32(shift));
	float32x4_t estimate = vsubq_f32(a, vmulq_f32(b, t));
	return vaddvq_u32(vandq_u32(vcltq_f32(estimate, vdupq_n_f32(bound)), vld1q_u32(BIT)));
}

static uint32_t sift_b1_neon(const uint8_t *sketch, const uint8_t *tables, size_t n_directions, float step, float shift,
			     float bound)
{
	uint16x8_t s[4];
	for (int g = 0; g < 4; g++)
		s[g] = vdupq_n_u16(0);
	for (size_t half = 0; half < n_directions / 8; half++) {
		const uint8_t *table = tables + half / 2 * 128 + half % 2 * 32;
		uint8x16_t low = vld1q_u8(table);
		uint8x16_t high = vld1q_u8(table + 64);
#pragma GCC unroll 2
		for (size_t part = 0; part < 2; part++) {
			uint8x16_t x = vld1q_u8(sketch + 128 + 32 * half + 16 * part);
			add_entries(s + 2 * part, low, vandq_u8(x, vdupq_n_u8(15)));
			add_entries(s + 2 * part, high, vshrq_n_u8(x, 4));
		}
	}
	uint32_t mask = 0;
#pragma GCC unroll 4
	for (int g = 0; g < 4; g++) {
		mask |= sift4(sketch + 16 * g, vget_low_u16(s[g]), step, shift, bound) << 8 * g;
		mask |= sift4(sketch + 16 * g + 8, vget_high_u16(s[g]), step, shift, bound) << (8 * g + 4);
	}
	return mask;
}

/* ---- bits */

SIMD_INLINE uint32x4_t add_bits(uint32x4_t s, uint8x16_t v)
{
	return vpadalq_u16(s, vpaddlq_u8(vcntq_u8(v)));
}

static uint32_t hamming_b1_neon(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint32x4_t s = vdupq_n_u32(0);
	for (size_t i = 0; i < n; i += 16)
		s = add_bits(s, veorq_u8(load16(a, i, n), load16(b, i, n)));
	return vaddvq_u32(s);
}

static void jaccard_b1_neon(const uint8_t *a, const uint8_t *b, size_t n, uint32_t *both, uint32_t *either)
{
	uint32x4_t s_both = vdupq_n_u32(0);
	uint32x4_t s_either = vdupq_n_u32(0);
	for (size_t i = 0; i < n; i += 16) {
		s_both = add_bits(s_both, vandq_u8(load16(a, i, n), load16(b, i, n)));
		s_either = add_bits(s_either, vorrq_u8(load16(a, i, n), load16(b, i, n)));
	}
	*both = vaddvq_u32(s_both);
	*either = vaddvq_u32(s_either);
}

SIMD_MANY_JACCARD(jaccard_b1_many_neon, jaccard_b1_neon)
SIMD_MANY(hamming_b1_many_neon, hamming_b1_neon, uint8_t, uint8_t, uint32_t)

#define ANALYTIC(name) name##_neon
#define ANALYTIC_LANES 2
#define VEC float64x2_t
#define VEC_SET(x) vdupq_n_f64(x)
#define VEC_WIDEN(p) vcvt_f64_f32(vld1_f32(p))
#define VEC_LOAD(p) vld1q_f64(p)
#define VEC_STORE(p, v) vst1q_f64(p, v)
#define VEC_MAX vmaxq_f64
#define VEC_MIN vminq_f64
#define VEC_SQRT vsqrtq_f64
#define VEC_LOG Sleef_cinz_logd2_u35advsimdnofma
#define VEC_SIN Sleef_cinz_sind2_u35advsimdnofma
#define VEC_COS Sleef_cinz_cosd2_u35advsimdnofma
#define VEC_ASIN Sleef_cinz_asind2_u35advsimdnofma
#include "analytic.h"

void simd_fill_neon(struct simd_kernels *table)
{
	*table = (struct simd_kernels){
		.name = "neon",
		.sift_b1 = sift_b1_neon,
		.l2sq_f32 = l2sq_f32_neon,
		.dot_f32 = dot_f32_neon,
		.l2sq_f16 = l2sq_f16_neon,
		.dot_f16 = dot_f16_neon,
		.l2sq_bf16 = l2sq_bf16_neon,
		.dot_bf16 = dot_bf16_neon,
		.widen_f16 = widen_f16_neon,
		.l2sq_i8 = l2sq_i8_neon,
		.dot_i8 = dot_i8_neon,
		.l2sq_u8 = l2sq_u8_neon,
		.dot_u8 = dot_u8_neon,
		.dot_u8_i8 = dot_u8_i8_neon,
		.hamming_b1 = hamming_b1_neon,
		.jaccard_b1 = jaccard_b1_neon,
		.l2sq_f32_many = l2sq_f32_many_neon,
		.dot_f32_many = dot_f32_many_neon,
		.l2sq_u8_many = l2sq_u8_many_neon,
		.dot_u8_i8_many = dot_u8_i8_many_neon,
		.hamming_b1_many = hamming_b1_many_neon,
		.jaccard_b1_many = jaccard_b1_many_neon,
		.jsd_f32 = jsd_f32_neon,
		.haversine_f32_many = haversine_f32_many_neon,
	};
}
