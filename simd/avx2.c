/* SPDX-License-Identifier: Apache-2.0 */
/* AVX2 with F16C.
 *
 * Float: the 32 lanes are four registers. A tail fills whole registers first; what is left of f32 is a vmaskmov, and of
 * 16-bit elements the last register read again and shifted: neither reads beyond the end, and the zeros that fill it up are
 * harmless (see kernel.h).
 * One-to-many kernels take two rows at a time, since one row's additions wait for each other (bytes: four).
 *
 *     lanes: s0 = 0..7, s1 = 8..15, s2 = 16..23, s3 = 24..31     s0 + s2, s1 + s3 -> 16, their sum -> 8, -> 4, -> 2, -> 1
 *
 * Integers: vpmaddubsw saturates at 16 bits, so it is used only where it cannot: u8 * i8 with the u8 factor split into
 * x & 0x7f (2 * 127 * 128 = 32512) and x & 0x80 (-2 * 128 * 128 = -32768, which just fits). The others take even and odd
 * bytes apart as 16 bits each and use vpmaddwd. A tail is the last 32 bytes read again with the old ones cleared, or a
 * copy if there are fewer. Bits are counted by looking nibbles up. */
#include <immintrin.h>
#include <sleef.h>

#include "kernel.h"

/* ---- float */

SIMD_INLINE __m256 widen(__m128i half, enum simd_element type)
{
	if (type == SIMD_F16)
		return _mm256_cvtph_ps(half);
	return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

SIMD_INLINE __m256 load8(const uint8_t *p, enum simd_element type)
{
	if (type == SIMD_F32)
		return _mm256_loadu_ps((const float *)(const void *)p);
	return widen(_mm_loadu_si128((const __m128i_u *)(const void *)p), type);
}

/* The first count < 8 elements, then zeros. 16-bit elements that have 8 before them are the end of a whole register,
 * shifted down; else they are put together from 4, 2 and 1. */
SIMD_INLINE __m256 load_some(const uint8_t *p, size_t count, bool has_8_before, enum simd_element type)
{
	static const uint8_t SHIFT[32] = {0,   1,   2,   3,   4,   5,   6,   7,   8,   9,   10,
					  11,  12,  13,  14,  15,  128, 128, 128, 128, 128, 128,
					  128, 128, 128, 128, 128, 128, 128, 128, 128, 128};
	if (type == SIMD_F32) {
		const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
		__m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), index);
		return _mm256_maskload_ps((const float *)(const void *)p, mask);
	}
	if (has_8_before) {
		size_t surplus = 2 * (8 - count);
		__m128i whole = _mm_loadu_si128((const __m128i_u *)(const void *)(p - surplus));
		__m128i shift = _mm_loadu_si128((const __m128i_u *)(const void *)(SHIFT + surplus));
		return widen(_mm_shuffle_epi8(whole, shift), type);
	}
	uint64_t word[2] = {0, 0};
	uint8_t *to = (uint8_t *)word;
	if ((count & 4) != 0)
		memcpy(to, p, 8);
	if ((count & 2) != 0)
		memcpy(to + 2 * (count & 4), p + 2 * (count & 4), 4);
	if ((count & 1) != 0)
		memcpy(to + 2 * (count & 6), p + 2 * (count & 6), 2);
	return widen(_mm_set_epi64x((long long)word[1], (long long)word[0]), type);
}

static void widen_f16_avx2(const uint16_t *in, size_t n, float *out)
{
	const uint8_t *p = (const uint8_t *)in;
	size_t i = 0;
	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(out + i, load8(p + 2 * i, SIMD_F16));
	if (i < n) {
		float tail[8];
		_mm256_storeu_ps(tail, load_some(p + 2 * i, n - i, i > 0, SIMD_F16));
		memcpy(out + i, tail, (n - i) * sizeof *out);
	}
}

SIMD_INLINE __m256 add_term(__m256 s, __m256 x, __m256 y, enum simd_term term)
{
	if (term == SIMD_DOT)
		return _mm256_add_ps(s, _mm256_mul_ps(x, y));
	__m256 d = _mm256_sub_ps(x, y);
	return _mm256_add_ps(s, _mm256_mul_ps(d, d));
}

SIMD_INLINE float fold(const __m256 s[4], enum simd_term term)
{
	__m256 t = _mm256_add_ps(_mm256_add_ps(s[0], s[2]), _mm256_add_ps(s[1], s[3]));
	__m128 u = _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
	u = _mm_add_ps(u, _mm_movehl_ps(u, u));
	u = _mm_add_ss(u, _mm_movehdup_ps(u));
	float result = _mm_cvtss_f32(u);
	return term == SIMD_DOT ? dot_result(result) : result;
}

/* q against `rows` (1 or 2) rows at once, while those of `next`, if not NULL, are asked for. */
SIMD_INLINE void sum_rows(const uint8_t *q, const uint8_t *const *row, const uint8_t *const *next, int rows, size_t n,
			  float *out, enum simd_element type, enum simd_term term)
{
	size_t size = type == SIMD_F32 ? 4 : 2;
	__m256 s[2][4];
	for (int r = 0; r < rows; r++)
		s[r][0] = s[r][1] = s[r][2] = s[r][3] = _mm256_setzero_ps();
	size_t i = 0;
	for (; i + 32 <= n; i += 32) {
#pragma GCC unroll 4
		for (size_t g = 0; g < 4; g++) {
			size_t at = (i + 8 * g) * size;
			__m256 x = load8(q + at, type);
#pragma GCC unroll 2
			for (int r = 0; r < rows; r++) {
				if (next != NULL && g % 2 == 0)
					__builtin_prefetch(next[r] + at);
				s[r][g] = add_term(s[r][g], x, load8(row[r] + at, type), term);
			}
		}
	}
#pragma GCC unroll 4
	for (size_t g = 0; g < 4; g++) {
		size_t from = i + 8 * g;
		if (from >= n)
			break;
		bool is_whole = from + 8 <= n;
		__m256 x = is_whole ? load8(q + from * size, type) : load_some(q + from * size, n - from, from > 0, type);
#pragma GCC unroll 2
		for (int r = 0; r < rows; r++) {
			const uint8_t *p = row[r] + from * size;
			__m256 y = is_whole ? load8(p, type) : load_some(p, n - from, from > 0, type);
			s[r][g] = add_term(s[r][g], x, y, term);
		}
	}
#pragma GCC unroll 2
	for (int r = 0; r < rows; r++) {
		if (next != NULL && n > 0)
			__builtin_prefetch(next[r] + n * size - 1);
		out[r] = fold(s[r], term);
	}
}

SIMD_INLINE float sum(const void *a, const void *b, size_t n, enum simd_element type, enum simd_term term)
{
	const uint8_t *row = b;
	float out;
	sum_rows(a, &row, NULL, 1, n, &out, type, term);
	return out;
}

SIMD_INLINE void sum_many(const float *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			  size_t count, size_t n, float *out, enum simd_term term)
{
	size_t ahead = many_ahead(4 * n);
	for (size_t i = 0; i < ahead; i++)
		many_prefetch(base, stride, ordinals, count, i, 4 * n);
	size_t i = 0;
	for (; i + 2 <= count; i += 2) {
		const uint8_t *row[2], *next[2];
		many_block(base, stride, ordinals, count, i, 2, ahead, row, next);
		sum_rows((const uint8_t *)query, row, next, 2, n, out + i, SIMD_F32, term);
	}
	if (i < count)
		out[i] = sum(query, many_row(base, stride, ordinals[i]), n, SIMD_F32, term);
}

static float l2sq_f32_avx2(const float *a, const float *b, size_t n)
{
	return sum(a, b, n, SIMD_F32, SIMD_L2SQ);
}

static float dot_f32_avx2(const float *a, const float *b, size_t n)
{
	return sum(a, b, n, SIMD_F32, SIMD_DOT);
}

static float l2sq_f16_avx2(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_F16, SIMD_L2SQ);
}

static float dot_f16_avx2(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_F16, SIMD_DOT);
}

static float l2sq_bf16_avx2(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_BF16, SIMD_L2SQ);
}

static float dot_bf16_avx2(const uint16_t *a, const uint16_t *b, size_t n)
{
	return sum(a, b, n, SIMD_BF16, SIMD_DOT);
}

static void l2sq_f32_many_avx2(const float *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			       size_t count, size_t n, float *out)
{
	sum_many(query, base, stride, ordinals, count, n, out, SIMD_L2SQ);
}

static void dot_f32_many_avx2(const float *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			      size_t count, size_t n, float *out)
{
	sum_many(query, base, stride, ordinals, count, n, out, SIMD_DOT);
}

/* ---- bytes */

SIMD_INLINE __m256i load32(const uint8_t *p)
{
	return _mm256_loadu_si256((const __m256i_u *)(const void *)p);
}

/* Elements from..n of n, fewer than 32, among zeros; the order does not matter to integer sums. */
SIMD_INLINE __m256i load_tail(const uint8_t *p, size_t from, size_t n)
{
	static const uint8_t KEEP[64] = {[32] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
					 255,        255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
					 255,        255, 255, 255, 255, 255, 255, 255, 255, 255};
	if (n >= 32)
		return _mm256_and_si256(load32(p + n - 32), load32(KEEP + (n - from)));
	uint8_t copy[32] = {0};
	memcpy(copy, p + from, n - from);
	return load32(copy);
}

enum op { L2SQ_I8, L2SQ_U8, DOT_I8, DOT_U8, DOT_U8_I8 };

SIMD_INLINE __m256i even(__m256i v, bool is_signed)
{
	if (is_signed)
		return _mm256_srai_epi16(_mm256_slli_epi16(v, 8), 8);
	return _mm256_and_si256(v, _mm256_set1_epi16(0xff));
}

SIMD_INLINE __m256i odd(__m256i v, bool is_signed)
{
	return is_signed ? _mm256_srai_epi16(v, 8) : _mm256_srli_epi16(v, 8);
}

/* Adds 32 elements to two sums. */
SIMD_INLINE void step(__m256i s[2], __m256i a, __m256i b, enum op op)
{
	bool is_signed = op == DOT_I8;
	__m256i x, y;
	switch (op) {
	case L2SQ_I8:
		a = _mm256_sub_epi8(_mm256_max_epi8(a, b), _mm256_min_epi8(a, b)); /* fits unsigned */
		b = a;
		break;
	case L2SQ_U8:
		a = _mm256_sub_epi8(_mm256_max_epu8(a, b), _mm256_min_epu8(a, b));
		b = a;
		break;
	default:
		break;
	}
	if (op == DOT_U8_I8) {
		const __m256i ones = _mm256_set1_epi16(1);
		x = _mm256_maddubs_epi16(_mm256_and_si256(a, _mm256_set1_epi8(0x7f)), b);
		y = _mm256_maddubs_epi16(_mm256_and_si256(a, _mm256_set1_epi8((char)-128)), b);
		s[0] = _mm256_add_epi32(s[0], _mm256_madd_epi16(x, ones));
		s[1] = _mm256_add_epi32(s[1], _mm256_madd_epi16(y, ones));
		return;
	}
	x = _mm256_madd_epi16(even(a, is_signed), even(b, is_signed));
	y = _mm256_madd_epi16(odd(a, is_signed), odd(b, is_signed));
	s[0] = _mm256_add_epi32(s[0], x);
	s[1] = _mm256_add_epi32(s[1], y);
}

SIMD_INLINE uint32_t byte_sum(const void *pa, const void *pb, size_t n, enum op op)
{
	const uint8_t *a = pa;
	const uint8_t *b = pb;
	__m256i s[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
	size_t i = 0;
	for (; i + 32 <= n; i += 32)
		step(s, load32(a + i), load32(b + i), op);
	if (i < n)
		step(s, load_tail(a, i, n), load_tail(b, i, n), op);
	__m256i t = _mm256_add_epi32(s[0], s[1]);
	__m128i u = _mm_add_epi32(_mm256_castsi256_si128(t), _mm256_extracti128_si256(t, 1));
	u = _mm_add_epi32(u, _mm_shuffle_epi32(u, 0x4e));
	u = _mm_add_epi32(u, _mm_shuffle_epi32(u, 0xb1));
	return (uint32_t)_mm_cvtsi128_si32(u);
}

static uint32_t l2sq_i8_avx2(const int8_t *a, const int8_t *b, size_t n)
{
	return byte_sum(a, b, n, L2SQ_I8);
}

static int32_t dot_i8_avx2(const int8_t *a, const int8_t *b, size_t n)
{
	return (int32_t)byte_sum(a, b, n, DOT_I8);
}

static uint32_t l2sq_u8_avx2(const uint8_t *a, const uint8_t *b, size_t n)
{
	return byte_sum(a, b, n, L2SQ_U8);
}

static uint32_t dot_u8_avx2(const uint8_t *a, const uint8_t *b, size_t n)
{
	return byte_sum(a, b, n, DOT_U8);
}

static int32_t dot_u8_i8_avx2(const uint8_t *a, const int8_t *b, size_t n)
{
	return (int32_t)byte_sum(a, b, n, DOT_U8_I8);
}

/* Four rows at once, which share the final additions. */
SIMD_INLINE __m128i byte_sum4(const uint8_t *query, const uint8_t *const row[4], const uint8_t *const next[4], size_t n,
			      enum op op)
{
	__m256i s[4][2];
	for (int r = 0; r < 4; r++)
		s[r][0] = s[r][1] = _mm256_setzero_si256();
	for (size_t i = 0; i < n; i += 32) {
		bool is_whole = i + 32 <= n;
		__m256i q = is_whole ? load32(query + i) : load_tail(query, i, n);
#pragma GCC unroll 4
		for (int r = 0; r < 4; r++) {
			if (i % 64 == 0)
				__builtin_prefetch(next[r] + i);
			step(s[r], is_whole ? load32(row[r] + i) : load_tail(row[r], i, n), q, op);
		}
	}
	__m256i low = _mm256_hadd_epi32(_mm256_add_epi32(s[0][0], s[0][1]), _mm256_add_epi32(s[1][0], s[1][1]));
	__m256i high = _mm256_hadd_epi32(_mm256_add_epi32(s[2][0], s[2][1]), _mm256_add_epi32(s[3][0], s[3][1]));
	__m256i t = _mm256_hadd_epi32(low, high);
	return _mm_add_epi32(_mm256_castsi256_si128(t), _mm256_extracti128_si256(t, 1));
}

SIMD_INLINE void byte_sum_many(const void *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			       size_t count, size_t n, void *out, enum op op)
{
	uint32_t *to = out; /* or int32_t */
	size_t ahead = many_ahead(n);
	for (size_t i = 0; i < ahead; i++)
		many_prefetch(base, stride, ordinals, count, i, n);
	size_t i = 0;
	for (; i + 4 <= count; i += 4) {
		const uint8_t *row[4], *next[4];
		many_block(base, stride, ordinals, count, i, 4, ahead, row, next);
		_mm_storeu_si128((__m128i_u *)(void *)(to + i), byte_sum4(query, row, next, n, op));
	}
	for (; i < count; i++)
		to[i] = byte_sum(many_row(base, stride, ordinals[i]), query, n, op);
}

static void l2sq_u8_many_avx2(const uint8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			      size_t count, size_t n, uint32_t *out)
{
	byte_sum_many(query, base, stride, ordinals, count, n, out, L2SQ_U8);
}

static void dot_u8_i8_many_avx2(const int8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
				size_t count, size_t n, int32_t *out)
{
	byte_sum_many(query, base, stride, ordinals, count, n, out, DOT_U8_I8);
}

/* ---- sketches
 *
 * A look-up gives 32 bytes, one a place. They are added up as 16 bits: `all` has even places and 256 times the odd ones,
 * `odd` the odd ones, and even = all - 256 odd modulo 2^16. */

SIMD_INLINE uint32_t sift8(const uint8_t *sketch, __m128i entries, __m256 step, __m256 shift, __m256 bound)
{
	__m256 a = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)(const void *)sketch));
	__m256 b = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)(const void *)(sketch + 64)));
	__m256 t = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(entries)), step);
	t = _mm256_add_ps(t, shift);
	__m256 estimate = _mm256_sub_ps(a, _mm256_mul_ps(b, t));
	return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(estimate, bound, _CMP_LT_OQ));
}

static uint32_t sift_b1_avx2(const uint8_t *sketch, const uint8_t *tables, size_t n_directions, float step, float shift,
			     float bound)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	__m256i all = _mm256_setzero_si256();
	__m256i odd = _mm256_setzero_si256();
	for (size_t half = 0; half < n_directions / 8; half++) {
		__m256i x = load32(sketch + 128 + 32 * half);
		const uint8_t *table = tables + half / 2 * 128 + half % 2 * 32;
		__m256i low = _mm256_shuffle_epi8(load32(table), _mm256_and_si256(x, nibble));
		__m256i high = _mm256_shuffle_epi8(load32(table + 64), _mm256_and_si256(_mm256_srli_epi16(x, 4), nibble));
		all = _mm256_add_epi16(all, _mm256_add_epi16(low, high));
		odd = _mm256_add_epi16(odd, _mm256_add_epi16(_mm256_srli_epi16(low, 8), _mm256_srli_epi16(high, 8)));
	}
	__m256i even = _mm256_sub_epi16(all, _mm256_slli_epi16(odd, 8));
	__m256i first = _mm256_unpacklo_epi16(even, odd);  /* places 0..7, 16..23 */
	__m256i second = _mm256_unpackhi_epi16(even, odd); /* places 8..15, 24..31 */
	__m256 m = _mm256_set1_ps(step), s = _mm256_set1_ps(shift), b = _mm256_set1_ps(bound);
	return sift8(sketch, _mm256_castsi256_si128(first), m, s, b) |
	       sift8(sketch + 16, _mm256_castsi256_si128(second), m, s, b) << 8 |
	       sift8(sketch + 32, _mm256_extracti128_si256(first, 1), m, s, b) << 16 |
	       sift8(sketch + 48, _mm256_extracti128_si256(second, 1), m, s, b) << 24;
}

/* ---- bits */

/* Bits of each 8 bytes. */
SIMD_INLINE __m256i popcount(__m256i v)
{
	const __m256i bits = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, /* twice */
					      0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
	const __m256i nibble = _mm256_set1_epi8(0x0f);
	__m256i low = _mm256_shuffle_epi8(bits, _mm256_and_si256(v, nibble));
	__m256i high = _mm256_shuffle_epi8(bits, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));
	return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}

SIMD_INLINE uint32_t total64(__m256i s)
{
	__m128i t = _mm_add_epi64(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
	return (uint32_t)_mm_cvtsi128_si32(_mm_add_epi64(t, _mm_unpackhi_epi64(t, t)));
}

static uint32_t hamming_b1_avx2(const uint8_t *a, const uint8_t *b, size_t n)
{
	__m256i s = _mm256_setzero_si256();
	size_t i = 0;
	for (; i + 32 <= n; i += 32)
		s = _mm256_add_epi64(s, popcount(_mm256_xor_si256(load32(a + i), load32(b + i))));
	if (i < n)
		s = _mm256_add_epi64(s, popcount(_mm256_xor_si256(load_tail(a, i, n), load_tail(b, i, n))));
	return total64(s);
}

static void jaccard_b1_avx2(const uint8_t *a, const uint8_t *b, size_t n, uint32_t *both, uint32_t *either)
{
	__m256i s_both = _mm256_setzero_si256();
	__m256i s_either = _mm256_setzero_si256();
	for (size_t i = 0; i < n; i += 32) {
		__m256i x = i + 32 <= n ? load32(a + i) : load_tail(a, i, n);
		__m256i y = i + 32 <= n ? load32(b + i) : load_tail(b, i, n);
		s_both = _mm256_add_epi64(s_both, popcount(_mm256_and_si256(x, y)));
		s_either = _mm256_add_epi64(s_either, popcount(_mm256_or_si256(x, y)));
	}
	*both = total64(s_both);
	*either = total64(s_either);
}

SIMD_MANY_JACCARD(jaccard_b1_many_avx2, jaccard_b1_avx2)
SIMD_MANY(hamming_b1_many_avx2, hamming_b1_avx2, uint8_t, uint8_t, uint32_t)

#define ANALYTIC(name) name##_avx2
#define ANALYTIC_LANES 4
#define VEC __m256d
#define VEC_SET(x) _mm256_set1_pd(x)
#define VEC_WIDEN(p) _mm256_cvtps_pd(_mm_loadu_ps(p))
#define VEC_LOAD(p) _mm256_loadu_pd(p)
#define VEC_STORE(p, v) _mm256_storeu_pd(p, v)
#define VEC_MAX _mm256_max_pd
#define VEC_MIN _mm256_min_pd
#define VEC_SQRT _mm256_sqrt_pd
#define VEC_LOG Sleef_cinz_logd4_u35avx
#define VEC_SIN Sleef_cinz_sind4_u35avx
#define VEC_COS Sleef_cinz_cosd4_u35avx
#define VEC_ASIN Sleef_cinz_asind4_u35avx
#include "analytic.h"

void simd_fill_avx2(struct simd_kernels *table)
{
	*table = (struct simd_kernels){
		.name = "avx2",
		.sift_b1 = sift_b1_avx2,
		.l2sq_f32 = l2sq_f32_avx2,
		.dot_f32 = dot_f32_avx2,
		.l2sq_f16 = l2sq_f16_avx2,
		.dot_f16 = dot_f16_avx2,
		.l2sq_bf16 = l2sq_bf16_avx2,
		.dot_bf16 = dot_bf16_avx2,
		.widen_f16 = widen_f16_avx2,
		.l2sq_i8 = l2sq_i8_avx2,
		.dot_i8 = dot_i8_avx2,
		.l2sq_u8 = l2sq_u8_avx2,
		.dot_u8 = dot_u8_avx2,
		.dot_u8_i8 = dot_u8_i8_avx2,
		.hamming_b1 = hamming_b1_avx2,
		.jaccard_b1 = jaccard_b1_avx2,
		.l2sq_f32_many = l2sq_f32_many_avx2,
		.dot_f32_many = dot_f32_many_avx2,
		.l2sq_u8_many = l2sq_u8_many_avx2,
		.dot_u8_i8_many = dot_u8_i8_many_avx2,
		.hamming_b1_many = hamming_b1_many_avx2,
		.jaccard_b1_many = jaccard_b1_many_avx2,
		.jsd_f32 = jsd_f32_avx2,
		.haversine_f32_many = haversine_f32_many_avx2,
	};
}
