/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of records or nodes: a bit each, in words of 64. */
#ifndef HNSW_BITS_H
#define HNSW_BITS_H

#include <stdbool.h>
#include <stdint.h>

static inline bool bits_get(const uint64_t *bits, uint32_t i)
{
	return (bits[i / 64] >> i % 64 & 1) != 0;
}

static inline void bits_set(uint64_t *bits, uint32_t i)
{
	bits[i / 64] |= 1ull << i % 64;
}

#endif
