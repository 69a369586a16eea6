/* SPDX-License-Identifier: Apache-2.0 */
/* The reference: plain loops that say what every other file must compute. Compiled without auto-vectorisation, so that
 * it stays a judge of the vector code and not of a compiler's.
 *
 *   float:  lane[0] += term(0)   lane[1] += term(1)  ...  lane[31] += term(31)
 *           lane[0] += term(32)  ...
 *           lane[l] += lane[l + 16], then + 8, + 4, + 2, + 1          result: lane[0]
 *
 * Integers: the sum modulo 2^32, which for at most 65535 elements is the sum itself. Elements are read by memcpy, since
 * pointers need no alignment. */
#include <math.h>

#include <sleef.h>

#include "kernel.h"

static float load(const uint8_t *p, size_t i, enum simd_element type)
{
	uint32_t bits;
	float value;
	if (type == SIMD_F32) {
		memcpy(&value, p + 4 * i, sizeof value);
		return value;
	}
	uint16_t half;
	memcpy(&half, p + 2 * i, sizeof half);
	if (type == SIMD_BF16) {
		bits = (uint32_t)half << 16;
	} else {
		uint32_t sign = (uint32_t)(half & 0x8000) << 16;
		uint32_t exponent = half >> 10 & 0x1f;
		uint32_t mantissa = half & 0x3ff;
		if (exponent == 0) {
			value = (float)mantissa * 0x1p-24f; /* exact */
			memcpy(&bits, &value, sizeof bits);
			bits |= sign;
		} else {
			bits = sign | (exponent == 0x1f ? 255 : exponent + 112) << 23 | mantissa << 13;
		}
	}
	memcpy(&value, &bits, sizeof value);
	return value;
}

SIMD_INLINE float sum(const void *a, const void *b, size_t n, enum simd_element type, enum simd_term term)
{
	float lane[SIMD_LANES] = {0};
	for (size_t i = 0; i < n; i++) {
		float x = load(a, i, type);
		float y = load(b, i, type);
		lane[i % SIMD_LANES] += term == SIMD_DOT ? x * y : (x - y) * (x - y);
	}
	for (size_t half = SIMD_LANES / 2; half > 0; half /= 2) {
		for (size_t l = 0; l < half; l++)
			lane[l] += lane[l + half];
	}
	return term == SIMD_DOT ? dot_result(lane[0]) : lane[0];
}

static float l2sq_f32_scalar(const float *a, const float *b, size_t n)
{
	return sum(a, b, n, SIMD_F32, SIMD_L2SQ);
}

static float dot_f32_scalar(const float *a, const float *b, size_t n)
{
	return sum(a, b, n, SIMD_F32, SIMD_DOT);
}

static float l2sq_f16_scalar(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_F16, SIMD_L2SQ);
}

static float dot_f16_scalar(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_F16, SIMD_DOT);
}

static float l2sq_bf16_scalar(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_BF16, SIMD_L2SQ);
}

static float dot_bf16_scalar(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_BF16, SIMD_DOT);
}

static void widen_f16_scalar(const uint16_t *in, size_t n, float *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = load((const uint8_t *)in, i, SIMD_F16);
}

static uint32_t l2sq_i8_scalar(const int8_t *a, const int8_t *b, size_t n)
{
	uint32_t s = 0;
	for (size_t i = 0; i < n; i++)
		s += (uint32_t)((a[i] - b[i]) * (a[i] - b[i]));
	return s;
}

static int32_t dot_i8_scalar(const int8_t *a, const int8_t *b, size_t n)
{
	int32_t s = 0;
	for (size_t i = 0; i < n; i++)
		s += a[i] * b[i];
	return s;
}

static uint32_t l2sq_u8_scalar(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint32_t s = 0;
	for (size_t i = 0; i < n; i++)
		s += (uint32_t)((a[i] - b[i]) * (a[i] - b[i]));
	return s;
}

static uint32_t dot_u8_scalar(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint32_t s = 0;
	for (size_t i = 0; i < n; i++)
		s += (uint32_t)(a[i] * b[i]);
	return s;
}

static int32_t dot_u8_i8_scalar(const uint8_t *a, const int8_t *b, size_t n)
{
	int32_t s = 0;
	for (size_t i = 0; i < n; i++)
		s += a[i] * b[i];
	return s;
}

static int32_t dot_i8_u8_scalar(const int8_t *query, const uint8_t *row, size_t n)
{
	return dot_u8_i8_scalar(row, query, n);
}

/* The next 8 bytes, or as many as there are, padded with zeros. */
static uint64_t load_word(const uint8_t *p, size_t i, size_t n)
{
	uint64_t word = 0;
	memcpy(&word, p + i, n - i < 8 ? n - i : 8);
	return word;
}

static uint32_t hamming_b1_scalar(const uint8_t *a, const uint8_t *b, size_t n)
{
	uint32_t s = 0;
	for (size_t i = 0; i < n; i += 8)
		s += (uint32_t)__builtin_popcountll(load_word(a, i, n) ^ load_word(b, i, n));
	return s;
}

static void jaccard_b1_scalar(const uint8_t *a, const uint8_t *b, size_t n, uint32_t *both, uint32_t *either)
{
	*both = *either = 0;
	for (size_t i = 0; i < n; i += 8) {
		*both += (uint32_t)__builtin_popcountll(load_word(a, i, n) & load_word(b, i, n));
		*either += (uint32_t)__builtin_popcountll(load_word(a, i, n) | load_word(b, i, n));
	}
}

static uint32_t sift_b1_scalar(const uint8_t *sketch, const uint8_t *tables, size_t n_directions, float step,
			       float shift, float bound)
{
	uint32_t mask = 0;
	for (size_t i = 0; i < 32; i++) {
		uint32_t entries = 0;
		for (size_t half = 0; half < n_directions / 8; half++) { /* of a block */
			uint8_t nibbles = sketch[128 + 32 * half + i];
			const uint8_t *table = tables + half / 2 * 128 + half % 2 * 32;
			entries += (uint32_t)table[nibbles & 15] + table[64 + (nibbles >> 4)];
		}
		float t = (float)entries * step;
		t += shift;
		float estimate = load(sketch, i, SIMD_F16) - load(sketch + 64, i, SIMD_F16) * t;
		mask |= (uint32_t)(estimate < bound) << i;
	}
	return mask;
}

SIMD_MANY(l2sq_f32_many_scalar, l2sq_f32_scalar, float, float, float)
SIMD_MANY(dot_f32_many_scalar, dot_f32_scalar, float, float, float)
SIMD_MANY(l2sq_u8_many_scalar, l2sq_u8_scalar, uint8_t, uint8_t, uint32_t)
SIMD_MANY(dot_u8_i8_many_scalar, dot_i8_u8_scalar, int8_t, uint8_t, int32_t)
SIMD_MANY_JACCARD(jaccard_b1_many_scalar, jaccard_b1_scalar)
SIMD_MANY(hamming_b1_many_scalar, hamming_b1_scalar, uint8_t, uint8_t, uint32_t)

static float load_float(const float *p)
{
	float value;
	memcpy(&value, p, sizeof value);
	return value;
}

#define ANALYTIC(name) name##_scalar
#define ANALYTIC_LANES 1
#define VEC double
#define VEC_SET(x) (x)
#define VEC_WIDEN(p) ((double)load_float(p))
#define VEC_LOAD(p) (*(p))
#define VEC_STORE(p, v) (*(p) = (v))
#define VEC_MAX(a, b) ((a) > (b) ? (a) : (b))
#define VEC_MIN(a, b) ((a) < (b) ? (a) : (b))
#define VEC_SQRT sqrt
#define VEC_LOG Sleef_cinz_logd1_u35purec
#define VEC_SIN Sleef_cinz_sind1_u35purec
#define VEC_COS Sleef_cinz_cosd1_u35purec
#define VEC_ASIN Sleef_cinz_asind1_u35purec
#include "analytic.h"

void simd_fill_scalar(struct simd_kernels *table)
{
	*table = (struct simd_kernels){
		.name = "scalar",
		.sift_b1 = sift_b1_scalar,
		.l2sq_f32 = l2sq_f32_scalar,
		.dot_f32 = dot_f32_scalar,
		.l2sq_f16 = l2sq_f16_scalar,
		.dot_f16 = dot_f16_scalar,
		.l2sq_bf16 = l2sq_bf16_scalar,
		.dot_bf16 = dot_bf16_scalar,
		.widen_f16 = widen_f16_scalar,
		.l2sq_i8 = l2sq_i8_scalar,
		.dot_i8 = dot_i8_scalar,
		.l2sq_u8 = l2sq_u8_scalar,
		.dot_u8 = dot_u8_scalar,
		.dot_u8_i8 = dot_u8_i8_scalar,
		.hamming_b1 = hamming_b1_scalar,
		.jaccard_b1 = jaccard_b1_scalar,
		.l2sq_f32_many = l2sq_f32_many_scalar,
		.dot_f32_many = dot_f32_many_scalar,
		.l2sq_u8_many = l2sq_u8_many_scalar,
		.dot_u8_i8_many = dot_u8_i8_many_scalar,
		.hamming_b1_many = hamming_b1_many_scalar,
		.jaccard_b1_many = jaccard_b1_many_scalar,
		.jsd_f32 = jsd_f32_scalar,
		.haversine_f32_many = haversine_f32_many_scalar,
	};
}
