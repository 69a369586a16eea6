/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the AVX-512 files. */
#ifndef SIMD_AVX512_H
#define SIMD_AVX512_H

#include <immintrin.h>

#include "kernel.h"

/* The mask of the first n bytes of a register, all of them if n is larger. */
SIMD_INLINE __mmask64 first(size_t n)
{
	return n >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << n) - 1;
}

/* The sum of the 16 lanes, modulo 2^32. _mm512_reduce_add_epi32 will not do: gcc 12 defines it by additions of int, whose
 * overflow is undefined, and sums of 65535 products of bytes are beyond 2^31. */
SIMD_INLINE uint32_t sum_u32(__m512i v)
{
	__m256i s = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
	__m128i t = _mm_add_epi32(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
	t = _mm_add_epi32(t, _mm_shuffle_epi32(t, 0x4e));
	t = _mm_add_epi32(t, _mm_shuffle_epi32(t, 0xb1));
	return (uint32_t)_mm_cvtsi128_si32(t);
}

#endif
