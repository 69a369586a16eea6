/* SPDX-License-Identifier: Apache-2.0 */
/* Distance kernels: one table an instruction set, all with the same meaning and, bit for bit, the same results.
 *
 * Float kernels use one fixed reduction so that every instruction set gives the same bits: SIMD_LANES partial sums, lane
 * l adding the terms l, l + 32, l + 64, ... in that order without FMA (a tail shorter than 32 adds to lanes 0..), then
 * the lanes are halved: s[l] += s[l + 16] for l < 16, then 8, 4, 2, 1. 16-bit elements are widened to float first
 * (exactly). Integer kernels are exact. Pointers need no alignment; n = 0 gives 0. n is at most 65535 elements.
 * Kernels with logarithms or angles compute in double (analytic.h).
 *
 * This header and the files beside it use libc (and SLEEF) only. */
#ifndef SIMD_SIMD_H
#define SIMD_SIMD_H

#include <stddef.h>
#include <stdint.h>

#define SIMD_LANES 32
#define SIMD_DOUBLES 8
#define SIMD_DEGREE 0x1.1df46a2529d39p-6 /* pi / 180 */

struct simd_kernels {
	const char *name; /* "scalar", "avx2", "avx512", "neon" */

	/* Sum of (a[i] - b[i])^2, and of a[i] * b[i]. 16-bit elements are passed as their bits, host order. */
	float (*l2sq_f32)(const float *a, const float *b, size_t n);
	float (*dot_f32)(const float *a, const float *b, size_t n);
	float (*l2sq_f16)(const uint16_t *a, const uint16_t *b, size_t n);
	float (*dot_f16)(const uint16_t *a, const uint16_t *b, size_t n);
	float (*l2sq_bf16)(const uint16_t *a, const uint16_t *b, size_t n);
	float (*dot_bf16)(const uint16_t *a, const uint16_t *b, size_t n);
	void (*widen_f16)(const uint16_t *in, size_t n, float *out);
	uint32_t (*l2sq_i8)(const int8_t *a, const int8_t *b, size_t n);
	int32_t (*dot_i8)(const int8_t *a, const int8_t *b, size_t n);
	uint32_t (*l2sq_u8)(const uint8_t *a, const uint8_t *b, size_t n);
	uint32_t (*dot_u8)(const uint8_t *a, const uint8_t *b, size_t n);
	int32_t (*dot_u8_i8)(const uint8_t *a, const int8_t *b, size_t n);
	/* Bits: differing bits, and bits in both / in either, over n BYTES. */
	uint32_t (*hamming_b1)(const uint8_t *a, const uint8_t *b, size_t n);
	void (*jaccard_b1)(const uint8_t *a, const uint8_t *b, size_t n, uint32_t *both, uint32_t *either);

	/* Which of 32 places beside a node are estimated to be nearer than a bound, from one bit a direction (FastScan).
	 * n_directions: a multiple of 16, at most 1024.
	 *
	 *     sketch   f16 A[32] | f16 B[32] | blocks of 64 bytes, one for 16 directions: byte 32 h + i of block b has
	 *              4 bits of place i in each nibble
	 *     tables   128 bytes for each block: the 16 entries of the low nibbles of half h at 32 h, twice; those of the
	 *              high nibbles at 64 + 32 h, twice
	 *
	 * Bit i of the result: A[i] - B[i] * (sum * step + shift) < bound, where sum adds an entry for each nibble; every
	 * operation is one of float, rounded. */
	uint32_t (*sift_b1)(const uint8_t *sketch, const uint8_t *tables, size_t n_directions, float step, float shift,
			    float bound);

	/* Adds to sums[l] the terms l, l + 8, l + 16, ... of 4 log(2) times the Jensen-Shannon divergence, in bits, of p * p_scale
	 * and q * q_scale; no element is negative. n is a multiple of SIMD_DOUBLES but for the last piece. */
	void (*jsd_f32)(const float *p, const float *q, double p_scale, double q_scale, size_t n,
			double sums[SIMD_DOUBLES]);

	/* One to many: out[i] = kernel(query, base + ordinals[i] * stride, n) for i < count; stride in bytes. The next
	 * rows are prefetched while one is computed. */
	void (*l2sq_f32_many)(const float *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			      size_t count, size_t n, float *out);
	void (*dot_f32_many)(const float *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			     size_t count, size_t n, float *out);
	void (*l2sq_u8_many)(const uint8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			     size_t count, size_t n, uint32_t *out);
	void (*dot_u8_i8_many)(const int8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
			       size_t count, size_t n, int32_t *out); /* rows are u8, the query i8 */
	void (*hamming_b1_many)(const uint8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
				size_t count, size_t n, uint32_t *out);
	void (*jaccard_b1_many)(const uint8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
				size_t count, size_t n, uint32_t *both, uint32_t *either);
	/* Rows and query are latitude and longitude in degrees; out: the angle between them in radians. */
	void (*haversine_f32_many)(const float *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
				   size_t count, double *out);
};

/* The point of the unit sphere at a latitude and longitude in degrees, in units of 2^-30. The same everywhere. */
void simd_sphere(const float place[2], int32_t out[3]);

/* The best table this CPU and operating system support, or the one CEL_SIMD names (scalar, avx2, avx512, neon). NULL if
 * CEL_SIMD names one that this machine lacks or does not know; simd_select_error() then says so. Thread-safe. */
const struct simd_kernels *simd_select(void);
const char *simd_select_error(void);
/* The table of that name if this machine can run it, else NULL. For tests. */
const struct simd_kernels *simd_by_name(const char *name);

#endif
