/* SPDX-License-Identifier: Apache-2.0 */
/* Sixteen characters at a time, in what every processor of an architecture has: SSE2 on x86-64, elsewhere what the compiler makes
 * of its vectors. For decimal_array.cc only. */
#ifndef INGEST_DECIMAL_LANES_H
#define INGEST_DECIMAL_LANES_H

#include <cstdint>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

using lanes = unsigned char __attribute__((vector_size(16)));
using signed_lanes = signed char __attribute__((vector_size(16)));

static inline lanes lanes_load(const char *p)
{
	lanes v;
	std::memcpy(&v, p, sizeof v);
	return v;
}

static inline lanes lanes_equal(lanes v, char c)
{
	return (lanes)(v == (lanes{} + (unsigned char)c));
}

/* A bit for each lane that is all ones (others are all zeros), the first one lowest. */
static inline uint32_t lanes_mask(lanes v)
{
#if defined(__SSE2__)
	return (uint32_t)_mm_movemask_epi8((__m128i)v);
#else
	uint64_t halves[2];
	v &= lanes{1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
	std::memcpy(halves, &v, sizeof halves);
	return (uint32_t)(halves[0] * 0x0101010101010101 >> 56 | (halves[1] * 0x0101010101010101 >> 56) << 8);
#endif
}

/* Ones in the lanes behind that one; -1: in all. */
static inline lanes lanes_behind(int lane)
{
	const signed_lanes numbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	return (lanes)(numbers > (signed_lanes{} + (signed char)lane));
}

/* The number that sixteen digits are, each 0 to 9. Neighbours are joined: to 8 of two digits, 4 of four, 2 of eight. */
static inline uint64_t lanes_value(lanes v)
{
#if defined(__SSE2__)
	__m128i d = (__m128i)v;
	__m128i twos = _mm_add_epi16(_mm_mullo_epi16(_mm_and_si128(d, _mm_set1_epi16(0xff)), _mm_set1_epi16(10)),
				     _mm_srli_epi16(d, 8));
	__m128i fours = _mm_madd_epi16(twos, _mm_set1_epi32(1 << 16 | 100));
	__m128i eights = _mm_madd_epi16(_mm_packs_epi32(fours, fours), _mm_set1_epi32(1 << 16 | 10000));
	uint64_t both = (uint64_t)_mm_cvtsi128_si64(eights);
	return (uint32_t)both * (uint64_t)100000000 + (both >> 32);
#else
	uint64_t eights[2];
	std::memcpy(eights, &v, sizeof eights);
	for (uint64_t &d : eights) {
		d = d * 10 + (d >> 8);
		d = (uint32_t)(((d & 0x000000ff000000ff) * 0x000f424000000064 +
				((d >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >>
			       32);
	}
	return eights[0] * 100000000 + eights[1];
#endif
}

#endif
