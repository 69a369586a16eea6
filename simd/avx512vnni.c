/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 VNNI: the integer kernels. vpdpbusd adds four products of an unsigned and a signed byte to a 32-bit sum, which
 * wraps (it is not the saturating vpdpbusds), so everything below is exact modulo 2^32. With x' = x ^ 0x80:
 *
 *   signed bytes     x  = x' - 128 (x' unsigned)     dot_i8 = sum a'b  - 128 sum b
 *   unsigned bytes   x  = x' + 128 (x' signed)       dot_u8 = sum ab'  + 128 sum a
 *
 *   l2sq, one pair:  d = |a - b| fits 8 bits unsigned; its even and odd bytes are squared by vpdpwssd
 *   l2sq, many:      sum (q - r)^2 = sum q^2 + sum r(r' - 128) - 2 sum rq'    [r^2 - 2rq = r(r' + 128) - 2r(q' + 128)]
 *                    three vpdpbusd a row, with sum q^2 made once
 *
 * A tail is a masked load; zeros add nothing (every product has an unmasked zero as a factor). */
#include "avx512.h"

SIMD_INLINE __m512i flip(__m512i v)
{
	return _mm512_xor_si512(v, _mm512_set1_epi8((char)-128));
}

/* ---- one to one: a step takes up to 64 elements and adds to two sums, which are added up in the end */

enum op { L2SQ_I8, L2SQ_U8, DOT_I8, DOT_U8, DOT_U8_I8 };

SIMD_INLINE void step(__m512i s[2], __m512i a, __m512i b, enum op op)
{
	const __m512i low = _mm512_set1_epi16(0xff);
	const __m512i c128 = _mm512_set1_epi8((char)-128); /* 128 as an unsigned factor, -128 as a signed one */
	__m512i d;
	switch (op) {
	case L2SQ_I8:
	case L2SQ_U8:
		if (op == L2SQ_I8)
			d = _mm512_sub_epi8(_mm512_max_epi8(a, b), _mm512_min_epi8(a, b));
		else
			d = _mm512_sub_epi8(_mm512_max_epu8(a, b), _mm512_min_epu8(a, b));
		s[0] = _mm512_dpwssd_epi32(s[0], _mm512_and_si512(d, low), _mm512_and_si512(d, low));
		s[1] = _mm512_dpwssd_epi32(s[1], _mm512_srli_epi16(d, 8), _mm512_srli_epi16(d, 8));
		break;
	case DOT_I8: /* s[1] is subtracted */
		s[0] = _mm512_dpbusd_epi32(s[0], flip(a), b);
		s[1] = _mm512_dpbusd_epi32(s[1], c128, b);
		break;
	case DOT_U8: /* s[1] is subtracted: -128 sum a */
		s[0] = _mm512_dpbusd_epi32(s[0], a, flip(b));
		s[1] = _mm512_dpbusd_epi32(s[1], a, c128);
		break;
	case DOT_U8_I8:
		s[0] = _mm512_dpbusd_epi32(s[0], a, b);
		break;
	}
}

SIMD_INLINE uint32_t byte_sum(const void *pa, const void *pb, size_t n, enum op op)
{
	const uint8_t *a = pa;
	const uint8_t *b = pb;
	__m512i s[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
	__m512i t[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
	size_t i = 0;
	for (; i + 128 <= n; i += 128) {
		step(s, _mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i), op);
		step(t, _mm512_loadu_si512(a + i + 64), _mm512_loadu_si512(b + i + 64), op);
	}
	if (i + 64 <= n) {
		step(s, _mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i), op);
		i += 64;
	}
	if (i < n)
		step(t, _mm512_maskz_loadu_epi8(first(n - i), a + i), _mm512_maskz_loadu_epi8(first(n - i), b + i), op);
	__m512i s0 = _mm512_add_epi32(s[0], t[0]);
	__m512i s1 = _mm512_add_epi32(s[1], t[1]);
	if (op == DOT_I8 || op == DOT_U8)
		return sum_u32(_mm512_sub_epi32(s0, s1));
	return sum_u32(_mm512_add_epi32(s0, s1));
}

static uint32_t l2sq_i8_avx512vnni(const int8_t *a, const int8_t *b, size_t n)
{
	return byte_sum(a, b, n, L2SQ_I8);
}

static int32_t dot_i8_avx512vnni(const int8_t *a, const int8_t *b, size_t n)
{
	return (int32_t)byte_sum(a, b, n, DOT_I8);
}

static uint32_t l2sq_u8_avx512vnni(const uint8_t *a, const uint8_t *b, size_t n)
{
	return byte_sum(a, b, n, L2SQ_U8);
}

static uint32_t dot_u8_avx512vnni(const uint8_t *a, const uint8_t *b, size_t n)
{
	return byte_sum(a, b, n, DOT_U8);
}

static int32_t dot_u8_i8_avx512vnni(const uint8_t *a, const int8_t *b, size_t n)
{
	return (int32_t)byte_sum(a, b, n, DOT_U8_I8);
}

/* ---- one to many: four rows at a time, which share the query and the final additions */

SIMD_INLINE __m128i narrow(__m512i v)
{
	__m256i half = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
	return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* The totals of four registers, in order. */
SIMD_INLINE __m128i total4(const __m512i s[4])
{
	__m128i low = _mm_hadd_epi32(narrow(s[0]), narrow(s[1]));
	__m128i high = _mm_hadd_epi32(narrow(s[2]), narrow(s[3]));
	return _mm_hadd_epi32(low, high);
}

/* q is the signed form (q' for l2sq, the query itself for the dot product). */
SIMD_INLINE void step4(__m512i plus[4], __m512i minus[4], __m512i q, const __m512i r[4], bool is_l2sq)
{
#pragma GCC unroll 4
	for (int k = 0; k < 4; k++) {
		if (is_l2sq) {
			plus[k] = _mm512_dpbusd_epi32(plus[k], r[k], flip(r[k]));
			plus[k] = _mm512_dpbusd_epi32(plus[k], r[k], _mm512_set1_epi8((char)-128));
			minus[k] = _mm512_dpbusd_epi32(minus[k], r[k], q);
		} else {
			plus[k] = _mm512_dpbusd_epi32(plus[k], r[k], q);
		}
	}
}

/* Without the sum of the squares of the query. */
SIMD_INLINE __m128i sum4(const uint8_t *query, const uint8_t *const row[4], const uint8_t *const next[4], size_t n,
			 bool is_l2sq)
{
	__m512i plus[4], minus[4], r[4];
	for (int k = 0; k < 4; k++)
		plus[k] = minus[k] = _mm512_setzero_si512();
	for (size_t i = 0; i < n; i += 64) {
		__mmask64 mask = first(n - i);
		__m512i q = _mm512_maskz_loadu_epi8(mask, query + i);
#pragma GCC unroll 4
		for (int k = 0; k < 4; k++) {
			__builtin_prefetch(next[k] + i);
			r[k] = _mm512_maskz_loadu_epi8(mask, row[k] + i);
		}
		step4(plus, minus, is_l2sq ? flip(q) : q, r, is_l2sq);
	}
	if (is_l2sq) {
		for (int k = 0; k < 4; k++)
			plus[k] = _mm512_sub_epi32(plus[k], _mm512_slli_epi32(minus[k], 1));
	}
	return total4(plus);
}

SIMD_INLINE void sum_many(const uint8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			  size_t count, size_t n, void *out, bool is_l2sq)
{
	uint32_t *to = out; /* or int32_t */
	size_t ahead = many_ahead(n);
	for (size_t i = 0; i < ahead; i++)
		many_prefetch(base, stride, ordinals, count, i, n);
	size_t i = 0;
	if (count >= 4) {
		__m128i squares = _mm_set1_epi32(is_l2sq ? (int)byte_sum(query, query, n, DOT_U8) : 0);
		for (; i + 4 <= count; i += 4) {
			const uint8_t *row[4], *next[4];
			many_block(base, stride, ordinals, count, i, 4, ahead, row, next);
			__m128i four = _mm_add_epi32(squares, sum4(query, row, next, n, is_l2sq));
			_mm_storeu_si128((__m128i_u *)(void *)(to + i), four);
		}
	}
	for (; i < count; i++)
		to[i] = byte_sum(many_row(base, stride, ordinals[i]), query, n, is_l2sq ? L2SQ_U8 : DOT_U8_I8);
}

static void l2sq_u8_many_avx512vnni(const uint8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
				    size_t count, size_t n, uint32_t *out)
{
	sum_many(query, base, stride, ordinals, count, n, out, true);
}

static void dot_u8_i8_many_avx512vnni(const int8_t *query, const uint8_t *base, size_t stride,
				      const uint32_t *ordinals, size_t count, size_t n, int32_t *out)
{
	sum_many((const uint8_t *)query, base, stride, ordinals, count, n, out, false);
}

void simd_fill_avx512vnni(struct simd_kernels *table)
{
	table->l2sq_i8 = l2sq_i8_avx512vnni;
	table->dot_i8 = dot_i8_avx512vnni;
	table->l2sq_u8 = l2sq_u8_avx512vnni;
	table->dot_u8 = dot_u8_avx512vnni;
	table->dot_u8_i8 = dot_u8_i8_avx512vnni;
	table->l2sq_u8_many = l2sq_u8_many_avx512vnni;
	table->dot_u8_i8_many = dot_u8_i8_many_avx512vnni;
}
