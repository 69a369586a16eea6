/* SPDX-License-Identifier: Apache-2.0 */
/* SplitMix64, seeded by CEL_TEST_SEED; loops scaled by CEL_TEST_SCALE. */
#ifndef PROLLY_TEST_RANDOM_H
#define PROLLY_TEST_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static inline uint64_t mix64(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static inline uint64_t random_next(uint64_t *state)
{
	return mix64((*state)++);
}

static inline uint64_t test_seed(void)
{
	const char *text = getenv("CEL_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 1;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)seed);
	return mix64(seed);
}

static inline size_t test_scale(void)
{
	const char *text = getenv("CEL_TEST_SCALE");
	long scale = text != NULL ? strtol(text, NULL, 10) : 1;
	return scale > 1 ? (size_t)scale : 1;
}

#endif
