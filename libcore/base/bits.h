/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of records or nodes: a bit each, in words of 64. */
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool bits_get(const uint64_t *bits, uint64_t i)
{
	return (bits[i / 64] >> i % 64 & 1) != 0;
}

static inline void bits_set(uint64_t *bits, uint64_t i)
{
	bits[i / 64] |= 1ull << i % 64;
}

static inline size_t bits_words(uint64_t n)
{
	return (size_t)(n / 64 + (n % 64 != 0));
}

static inline uint64_t bits_count(const uint64_t *bits, uint64_t n)
{
	uint64_t count = 0;
	for (size_t i = 0; i < bits_words(n); i++)
		count += (uint64_t)__builtin_popcountll(bits[i]);
	return count;
}

/* The first whose bit differs from `from` (no bits, or all), at or after i; n if there is none. */
static inline uint64_t bits_differs(const uint64_t *bits, uint64_t from, uint64_t i, uint64_t n)
{
	while (i < n) {
		uint64_t word = (bits[i / 64] ^ from) >> i % 64;
		if (word != 0) {
			i += (uint64_t)__builtin_ctzll(word);
			return i < n ? i : n;
		}
		i = (i / 64 + 1) * 64;
	}
	return n;
}

/* The first that is set, at or after i; n if there is none. */
static inline uint64_t bits_next(const uint64_t *bits, uint64_t i, uint64_t n)
{
	return bits_differs(bits, 0, i, n);
}

static inline uint64_t bits_next_clear(const uint64_t *bits, uint64_t i, uint64_t n)
{
	return bits_differs(bits, UINT64_MAX, i, n);
}

#endif
