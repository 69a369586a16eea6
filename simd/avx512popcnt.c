/* SPDX-License-Identifier: Apache-2.0 */
/* AVX-512 VPOPCNTDQ: the bit kernels, with the count of each 8 bytes as one instruction. A tail is a masked load. */
#include "avx512.h"

static uint32_t hamming_b1_avx512popcnt(const uint8_t *a, const uint8_t *b, size_t n)
{
	__m512i s = _mm512_setzero_si512();
	for (size_t i = 0; i < n; i += 64) {
		__m512i x = _mm512_maskz_loadu_epi8(first(n - i), a + i);
		__m512i y = _mm512_maskz_loadu_epi8(first(n - i), b + i);
		s = _mm512_add_epi64(s, _mm512_popcnt_epi64(_mm512_xor_si512(x, y)));
	}
	return (uint32_t)_mm512_reduce_add_epi64(s);
}

static void jaccard_b1_avx512popcnt(const uint8_t *a, const uint8_t *b, size_t n, uint32_t *both, uint32_t *either)
{
	__m512i s_both = _mm512_setzero_si512();
	__m512i s_either = _mm512_setzero_si512();
	for (size_t i = 0; i < n; i += 64) {
		__m512i x = _mm512_maskz_loadu_epi8(first(n - i), a + i);
		__m512i y = _mm512_maskz_loadu_epi8(first(n - i), b + i);
		s_both = _mm512_add_epi64(s_both, _mm512_popcnt_epi64(_mm512_and_si512(x, y)));
		s_either = _mm512_add_epi64(s_either, _mm512_popcnt_epi64(_mm512_or_si512(x, y)));
	}
	*both = (uint32_t)_mm512_reduce_add_epi64(s_both);
	*either = (uint32_t)_mm512_reduce_add_epi64(s_either);
}

SIMD_MANY_JACCARD(jaccard_b1_many_avx512popcnt, jaccard_b1_avx512popcnt)
SIMD_MANY(hamming_b1_many_avx512popcnt, hamming_b1_avx512popcnt, uint8_t, uint8_t, uint32_t)

void simd_fill_avx512popcnt(struct simd_kernels *table)
{
	table->hamming_b1 = hamming_b1_avx512popcnt;
	table->jaccard_b1 = jaccard_b1_avx512popcnt;
	table->hamming_b1_many = hamming_b1_many_avx512popcnt;
	table->jaccard_b1_many = jaccard_b1_many_avx512popcnt;
}
