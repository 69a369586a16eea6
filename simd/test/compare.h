/* SPDX-License-Identifier: Apache-2.0 */
/* Two tables on the same vectors. */
#ifndef SIMD_TEST_COMPARE_H
#define SIMD_TEST_COMPARE_H

#include "sample.h"

/* Two vectors of n elements in each element type; pointers of any alignment. */
struct pair {
	size_t n;
	const float *f32[2];
	const uint16_t *f16[2], *bf16[2];
	const uint8_t *bytes[2];
};

/* The name of the first kernel whose result differs in any bit, or NULL. */
const char *compare_pair(const struct simd_kernels *x, const struct simd_kernels *y, const struct pair *pair);

/* Rows of n elements at base + ordinals[i] * stride; which are f32 or bytes. */
struct rows {
	size_t n, stride, count;
	const uint32_t *ordinals;
	const uint8_t *base;
};
/* The one-to-many kernels of x against the one-to-one kernels of y. */
const char *compare_many_f32(const struct simd_kernels *x, const struct simd_kernels *y, const float *query,
			     const struct rows *rows);
const char *compare_many_bytes(const struct simd_kernels *x, const struct simd_kernels *y, const uint8_t *query,
			       const struct rows *rows);

#endif
