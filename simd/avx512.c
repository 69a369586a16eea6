/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 F, BW, DQ and VL: everything that needs no later extension.
 *
 * Float: the 32 lanes are two registers, and a tail is a masked load, which reads nothing beyond the mask and gives
 * zeros there (harmless, see kernel.h). One sum is a chain of additions that each wait for the last; one-to-many
 * kernels therefore work on four rows at a time, and turn the last four partial sums of the four rows into one register.
 *
 *     s0 = lanes 0..15   s1 = lanes 16..31      s0 + s1 -> 16, halves -> 8, -> 4, -> 2, -> 1
 *
 * Integers are widened to 16 bits and multiplied in pairs by vpmaddwd: 255 * 255 * 2 is far from its limit, and sums
 * are modulo 2^32. Bits are counted by looking nibbles up. */
#include "avx512.h"

#include <sleef.h>

/* ---- float */

/* 16 elements from p + i, those of the mask (all if ~0); the others are neither read nor other than +0. */
SIMD_INLINE __m512 load16(const uint8_t *p, size_t i, __mmask16 mask, enum simd_element type)
{
	if (type == SIMD_F32)
		return _mm512_maskz_loadu_ps(mask, p + 4 * i);
	__m256i half = _mm256_maskz_loadu_epi16(mask, p + 2 * i);
	if (type == SIMD_F16)
		return _mm512_cvtph_ps(half);
	return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

static void widen_f16_avx512(const uint16_t *in, size_t n, float *out)
{
	for (size_t i = 0; i < n; i += 16) {
		__mmask16 mask = (__mmask16)(n - i >= 16 ? 0xffffu : (1u << (n - i)) - 1);
		_mm512_mask_storeu_ps(out + i, mask, load16((const uint8_t *)in, i, mask, SIMD_F16));
	}
}

SIMD_INLINE __m512 add_term(__m512 s, __m512 x, __m512 y, enum simd_term term)
{
	if (term == SIMD_DOT)
		return _mm512_add_ps(s, _mm512_mul_ps(x, y));
	__m512 d = _mm512_sub_ps(x, y);
	return _mm512_add_ps(s, _mm512_mul_ps(d, d));
}

/* The halvings from 32 lanes to 4. */
SIMD_INLINE __m128 fold(__m512 s0, __m512 s1)
{
	__m512 s = _mm512_add_ps(s0, s1);
	__m256 t = _mm256_add_ps(_mm512_castps512_ps256(s), _mm512_extractf32x8_ps(s, 1));
	return _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
}

SIMD_INLINE float sum(const void *pa, const void *pb, size_t n, enum simd_element type, enum simd_term term)
{
	const uint8_t *a = pa;
	const uint8_t *b = pb;
	__m512 s0 = _mm512_setzero_ps();
	__m512 s1 = _mm512_setzero_ps();
	size_t i = 0;
	for (; i + 32 <= n; i += 32) {
		s0 = add_term(s0, load16(a, i, 0xffff, type), load16(b, i, 0xffff, type), term);
		s1 = add_term(s1, load16(a, i + 16, 0xffff, type), load16(b, i + 16, 0xffff, type), term);
	}
	if (i < n) {
		uint32_t tail = (1u << (n - i)) - 1;
		__mmask16 low = (__mmask16)tail;
		__mmask16 high = (__mmask16)(tail >> 16);
		s0 = add_term(s0, load16(a, i, low, type), load16(b, i, low, type), term);
		s1 = add_term(s1, load16(a, i + 16, high, type), load16(b, i + 16, high, type), term);
	}
	__m128 s = fold(s0, s1);
	s = _mm_add_ps(s, _mm_movehl_ps(s, s));
	s = _mm_add_ss(s, _mm_movehdup_ps(s));
	float result = _mm_cvtss_f32(s);
	return term == SIMD_DOT ? dot_result(result) : result;
}

/* The last two halvings of four rows at once: out[r] = (s[r][0] + s[r][2]) + (s[r][1] + s[r][3]). */
SIMD_INLINE void fold4(const __m128 s[4], float *out, enum simd_term term)
{
	__m128 t0 = s[0], t1 = s[1], t2 = s[2], t3 = s[3];
	_MM_TRANSPOSE4_PS(t0, t1, t2, t3);
	__m128 total = _mm_add_ps(_mm_add_ps(t0, t2), _mm_add_ps(t1, t3));
	if (term == SIMD_DOT)
		total = _mm_blendv_ps(_mm_set1_ps(__builtin_nanf("")), total, _mm_cmpord_ps(total, total));
	_mm_storeu_ps(out, total);
}

SIMD_INLINE void sum4(const float *query, const uint8_t *const row[4], const uint8_t *const next[4], size_t n,
		      float *out, enum simd_term term)
{
	const uint8_t *q = (const uint8_t *)query;
	__m512 s0[4], s1[4];
	for (int r = 0; r < 4; r++)
		s0[r] = s1[r] = _mm512_setzero_ps();
	size_t i = 0;
	for (; i + 32 <= n; i += 32) {
		__m512 q0 = load16(q, i, 0xffff, SIMD_F32);
		__m512 q1 = load16(q, i + 16, 0xffff, SIMD_F32);
#pragma GCC unroll 4
		for (int r = 0; r < 4; r++) {
			__builtin_prefetch(next[r] + 4 * i);
			__builtin_prefetch(next[r] + 4 * i + 64);
			s0[r] = add_term(s0[r], q0, load16(row[r], i, 0xffff, SIMD_F32), term);
			s1[r] = add_term(s1[r], q1, load16(row[r], i + 16, 0xffff, SIMD_F32), term);
		}
	}
	if (i < n) {
		uint32_t tail = (1u << (n - i)) - 1;
		__mmask16 low = (__mmask16)tail;
		__mmask16 high = (__mmask16)(tail >> 16);
		__m512 q0 = load16(q, i, low, SIMD_F32);
		__m512 q1 = load16(q, i + 16, high, SIMD_F32);
#pragma GCC unroll 4
		for (int r = 0; r < 4; r++) {
			__builtin_prefetch(next[r] + 4 * n - 1);
			s0[r] = add_term(s0[r], q0, load16(row[r], i, low, SIMD_F32), term);
			s1[r] = add_term(s1[r], q1, load16(row[r], i + 16, high, SIMD_F32), term);
		}
	}
	__m128 s[4];
#pragma GCC unroll 4
	for (int r = 0; r < 4; r++)
		s[r] = fold(s0[r], s1[r]);
	fold4(s, out, term);
}

SIMD_INLINE void sum_many(const float *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			  size_t count, size_t n, float *out, enum simd_term term)
{
	size_t ahead = many_ahead(4 * n);
	for (size_t i = 0; i < ahead; i++)
		many_prefetch(base, stride, ordinals, count, i, 4 * n);
	size_t i = 0;
	for (; i + 4 <= count; i += 4) {
		const uint8_t *row[4], *next[4];
		many_block(base, stride, ordinals, count, i, 4, ahead, row, next);
		sum4(query, row, next, n, out + i, term);
	}
	for (; i < count; i++)
		out[i] = sum(query, many_row(base, stride, ordinals[i]), n, SIMD_F32, term);
}

static float l2sq_f32_avx512(const float *a, const float *b, size_t n)
{
	return sum(a, b, n, SIMD_F32, SIMD_L2SQ);
}

static float dot_f32_avx512(const float *a, const float *b, size_t n)
{
	return sum(a, b, n, SIMD_F32, SIMD_DOT);
}

static float l2sq_f16_avx512(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_F16, SIMD_L2SQ);
}

static float dot_f16_avx512(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_F16, SIMD_DOT);
}

static float l2sq_bf16_avx512(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_BF16, SIMD_L2SQ);
}

static float dot_bf16_avx512(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_BF16, SIMD_DOT);
}

static void l2sq_f32_many_avx512(const float *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
				 size_t count, size_t n, float *out)
{
	sum_many(query, base, stride, ordinals, count, n, out, SIMD_L2SQ);
}

static void dot_f32_many_avx512(const float *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
				size_t count, size_t n, float *out)
{
	sum_many(query, base, stride, ordinals, count, n, out, SIMD_DOT);
}

/* ---- integers */

enum bytes { I8_I8, U8_U8, U8_I8 };

/* 32 elements as 16 bits each. */
SIMD_INLINE __m512i widen(const uint8_t *p, __mmask32 mask, bool is_signed)
{
	__m256i v = _mm256_maskz_loadu_epi8(mask, p);
	return is_signed ? _mm512_cvtepi8_epi16(v) : _mm512_cvtepu8_epi16(v);
}

SIMD_INLINE __m512i add_pairs(__m512i s, const uint8_t *a, const uint8_t *b, __mmask32 mask, enum bytes type,
			      enum simd_term term)
{
	__m512i x = widen(a, mask, type == I8_I8);
	__m512i y = widen(b, mask, type != U8_U8);
	if (term == SIMD_DOT)
		return _mm512_add_epi32(s, _mm512_madd_epi16(x, y));
	__m512i d = _mm512_sub_epi16(x, y);
	return _mm512_add_epi32(s, _mm512_madd_epi16(d, d));
}

SIMD_INLINE uint32_t byte_sum(const void *pa, const void *pb, size_t n, enum bytes type, enum simd_term term)
{
	const uint8_t *a = pa;
	const uint8_t *b = pb;
	__m512i s0 = _mm512_setzero_si512();
	__m512i s1 = _mm512_setzero_si512();
	size_t i = 0;
	for (; i + 64 <= n; i += 64) {
		s0 = add_pairs(s0, a + i, b + i, 0xffffffff, type, term);
		s1 = add_pairs(s1, a + i + 32, b + i + 32, 0xffffffff, type, term);
	}
	if (i < n) {
		uint64_t tail = (1ull << (n - i)) - 1;
		s0 = add_pairs(s0, a + i, b + i, (__mmask32)tail, type, term);
		s1 = add_pairs(s1, a + i + 32, b + i + 32, (__mmask32)(tail >> 32), type, term);
	}
	return sum_u32(_mm512_add_epi32(s0, s1));
}

static uint32_t l2sq_i8_avx512(const int8_t *a, const int8_t *b, size_t n)
{
	return byte_sum(a, b, n, I8_I8, SIMD_L2SQ);
}

static int32_t dot_i8_avx512(const int8_t *a, const int8_t *b, size_t n)
{
	return (int32_t)byte_sum(a, b, n, I8_I8, SIMD_DOT);
}

static uint32_t l2sq_u8_avx512(const uint8_t *a, const uint8_t *b, size_t n)
{
	return byte_sum(a, b, n, U8_U8, SIMD_L2SQ);
}

static uint32_t dot_u8_avx512(const uint8_t *a, const uint8_t *b, size_t n)
{
	return byte_sum(a, b, n, U8_U8, SIMD_DOT);
}

static int32_t dot_u8_i8_avx512(const uint8_t *a, const int8_t *b, size_t n)
{
	return (int32_t)byte_sum(a, b, n, U8_I8, SIMD_DOT);
}

static int32_t dot_i8_u8_avx512(const int8_t *query, const uint8_t *row, size_t n)
{
	return dot_u8_i8_avx512(row, query, n);
}

SIMD_MANY(l2sq_u8_many_avx512, l2sq_u8_avx512, uint8_t, uint8_t, uint32_t)
SIMD_MANY(dot_u8_i8_many_avx512, dot_i8_u8_avx512, int8_t, uint8_t, int32_t)

/* ---- sketches
 *
 * A look-up gives 64 bytes, two groups of directions of the 32 places. They are added up as 16 bits: `all` has even places
 * and 256 times the odd ones, `odd` the odd ones, and even = all - 256 odd modulo 2^16. */

SIMD_INLINE __m256i add_halves(__m512i v)
{
	return _mm256_add_epi16(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

SIMD_INLINE uint32_t sift16(const uint8_t *sketch, __m256i entries, __m512 step, __m512 shift, __m512 bound)
{
	__m512 a = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)(const void *)sketch));
	__m512 b = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)(const void *)(sketch + 64)));
	__m512 t = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(entries)), step);
	t = _mm512_add_ps(t, shift);
	return _mm512_cmp_ps_mask(_mm512_sub_ps(a, _mm512_mul_ps(b, t)), bound, _CMP_LT_OQ);
}

static uint32_t sift_b1_avx512(const uint8_t *sketch, const uint8_t *tables, size_t n_directions, float step,
			       float shift, float bound)
{
	const __m512i nibble = _mm512_set1_epi8(15);
	__m512i all = _mm512_setzero_si512();
	__m512i odd = _mm512_setzero_si512();
	for (size_t block = 0; block < n_directions / 16; block++) {
		__m512i x = _mm512_loadu_si512(sketch + 128 + 64 * block);
		const uint8_t *table = tables + 128 * block;
		__m512i low = _mm512_shuffle_epi8(_mm512_loadu_si512(table), _mm512_and_si512(x, nibble));
		__m512i high = _mm512_shuffle_epi8(_mm512_loadu_si512(table + 64),
						   _mm512_and_si512(_mm512_srli_epi16(x, 4), nibble));
		all = _mm512_add_epi16(all, _mm512_add_epi16(low, high));
		odd = _mm512_add_epi16(odd, _mm512_add_epi16(_mm512_srli_epi16(low, 8), _mm512_srli_epi16(high, 8)));
	}
	__m256i odds = add_halves(odd);
	__m256i evens = _mm256_sub_epi16(add_halves(all), _mm256_slli_epi16(odds, 8));
	__m256i first = _mm256_unpacklo_epi16(evens, odds);  /* places 0..7, 16..23 */
	__m256i second = _mm256_unpackhi_epi16(evens, odds); /* places 8..15, 24..31 */
	__m512 m = _mm512_set1_ps(step), s = _mm512_set1_ps(shift), b = _mm512_set1_ps(bound);
	return sift16(sketch, _mm256_permute2x128_si256(first, second, 0x20), m, s, b) |
	       sift16(sketch + 32, _mm256_permute2x128_si256(first, second, 0x31), m, s, b) << 16;
}

/* ---- bits */

/* Bits of each 8 bytes. */
SIMD_INLINE __m512i popcount(__m512i v)
{
	const __m512i bits = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4));
	const __m512i nibble = _mm512_set1_epi8(0x0f);
	__m512i low = _mm512_shuffle_epi8(bits, _mm512_and_si512(v, nibble));
	__m512i high = _mm512_shuffle_epi8(bits, _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble));
	return _mm512_sad_epu8(_mm512_add_epi8(low, high), _mm512_setzero_si512());
}

static uint32_t hamming_b1_avx512(const uint8_t *a, const uint8_t *b, size_t n)
{
	__m512i s = _mm512_setzero_si512();
	for (size_t i = 0; i < n; i += 64) {
		__m512i x = _mm512_maskz_loadu_epi8(first(n - i), a + i);
		__m512i y = _mm512_maskz_loadu_epi8(first(n - i), b + i);
		s = _mm512_add_epi64(s, popcount(_mm512_xor_si512(x, y)));
	}
	return (uint32_t)_mm512_reduce_add_epi64(s);
}

static void jaccard_b1_avx512(const uint8_t *a, const uint8_t *b, size_t n, uint32_t *both, uint32_t *either)
{
	__m512i s_both = _mm512_setzero_si512();
	__m512i s_either = _mm512_setzero_si512();
	for (size_t i = 0; i < n; i += 64) {
		__m512i x = _mm512_maskz_loadu_epi8(first(n - i), a + i);
		__m512i y = _mm512_maskz_loadu_epi8(first(n - i), b + i);
		s_both = _mm512_add_epi64(s_both, popcount(_mm512_and_si512(x, y)));
		s_either = _mm512_add_epi64(s_either, popcount(_mm512_or_si512(x, y)));
	}
	*both = (uint32_t)_mm512_reduce_add_epi64(s_both);
	*either = (uint32_t)_mm512_reduce_add_epi64(s_either);
}

SIMD_MANY_JACCARD(jaccard_b1_many_avx512, jaccard_b1_avx512)
SIMD_MANY(hamming_b1_many_avx512, hamming_b1_avx512, uint8_t, uint8_t, uint32_t)

#define ANALYTIC(name) name##_avx512
#define ANALYTIC_LANES 8
#define VEC __m512d
#define VEC_SET(x) _mm512_set1_pd(x)
#define VEC_WIDEN(p) _mm512_cvtps_pd(_mm256_loadu_ps(p))
#define VEC_LOAD(p) _mm512_loadu_pd(p)
#define VEC_STORE(p, v) _mm512_storeu_pd(p, v)
#define VEC_MAX _mm512_max_pd
#define VEC_MIN _mm512_min_pd
#define VEC_SQRT _mm512_sqrt_pd
#define VEC_LOG Sleef_cinz_logd8_u35avx512fnofma
#define VEC_SIN Sleef_cinz_sind8_u35avx512fnofma
#define VEC_COS Sleef_cinz_cosd8_u35avx512fnofma
#define VEC_ASIN Sleef_cinz_asind8_u35avx512fnofma
#include "analytic.h"

void simd_fill_avx512(struct simd_kernels *table)
{
	*table = (struct simd_kernels){
		.name = "avx512",
		.sift_b1 = sift_b1_avx512,
		.l2sq_f32 = l2sq_f32_avx512,
		.dot_f32 = dot_f32_avx512,
		.l2sq_f16 = l2sq_f16_avx512,
		.dot_f16 = dot_f16_avx512,
		.l2sq_bf16 = l2sq_bf16_avx512,
		.dot_bf16 = dot_bf16_avx512,
		.widen_f16 = widen_f16_avx512,
		.l2sq_i8 = l2sq_i8_avx512,
		.dot_i8 = dot_i8_avx512,
		.l2sq_u8 = l2sq_u8_avx512,
		.dot_u8 = dot_u8_avx512,
		.dot_u8_i8 = dot_u8_i8_avx512,
		.hamming_b1 = hamming_b1_avx512,
		.jaccard_b1 = jaccard_b1_avx512,
		.l2sq_f32_many = l2sq_f32_many_avx512,
		.dot_f32_many = dot_f32_many_avx512,
		.l2sq_u8_many = l2sq_u8_many_avx512,
		.dot_u8_i8_many = dot_u8_i8_many_avx512,
		.hamming_b1_many = hamming_b1_many_avx512,
		.jaccard_b1_many = jaccard_b1_many_avx512,
		.jsd_f32 = jsd_f32_avx512,
		.haversine_f32_many = haversine_f32_many_avx512,
	};
}
