/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of simd/: which parts make up a table, and what one-to-many kernels share.
 *
 * Padding with zeros is harmless, also to the bits of float kernels: a missing tail term may be added as +0.0. For x +
 * (+0.0) differs from x only if x is -0.0, and no lane ever is: it starts at +0.0, and a sum rounded to nearest is -0.0
 * only if both operands are (x + -x is +0.0, and sums never underflow). The same holds for the halving of the lanes.
 *
 * A dot product whose terms overflow to both infinities is NaN. Processors make different ones, so kernels return
 * dot_result(), one NaN for all. (l2sq has no NaN: its terms are never negative.) */
#ifndef SIMD_KERNEL_H
#define SIMD_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simd.h"

#define SIMD_INLINE static inline __attribute__((always_inline))

/* What select.c asks the processor and the operating system about. */
enum simd_feature {
	SIMD_AVX2 = 1 << 0,             /* and F16C */
	SIMD_AVX512 = 1 << 1,           /* F, BW, DQ and VL */
	SIMD_AVX512_VNNI = 1 << 2,
	SIMD_AVX512_VPOPCNTDQ = 1 << 3,
	SIMD_NEON = 1 << 4,
	SIMD_NEON_DOTPROD = 1 << 5,
	SIMD_FEATURES = 6,
};

/* Each fills in the kernels that it has; the first of a table has all of them, name included. */
void simd_fill_scalar(struct simd_kernels *table);
void simd_fill_avx2(struct simd_kernels *table);
void simd_fill_avx512(struct simd_kernels *table);
void simd_fill_avx512vnni(struct simd_kernels *table);
void simd_fill_avx512popcnt(struct simd_kernels *table);
void simd_fill_neon(struct simd_kernels *table);
void simd_fill_neondot(struct simd_kernels *table);

/* select.c, with the features as an argument so that tests can try every subset of them. */
uint32_t simd_detect(void);
bool simd_table(uint32_t features, const char *name, struct simd_kernels *out);
const char *simd_best(uint32_t features);

/* What the always-inlined bodies are specialised by. */
enum simd_element { SIMD_F32, SIMD_F16, SIMD_BF16 };
enum simd_term { SIMD_L2SQ, SIMD_DOT };

SIMD_INLINE float dot_result(float sum)
{
	return sum == sum ? sum : __builtin_nanf("");
}

/* ---- one to many
 *
 * The rows are anywhere, so each is asked for some rows before its turn: the first at once, the others while earlier ones
 * are computed, one prefetch a cache line read, since a burst of them would hold up the loads behind it. On a busy
 * machine, rows of 100 to 784 bytes at random in 256 MiB came out best with 8 rows ahead and all lines of a row; the
 * distance is to be measured again on a quiet one (make bench-simd). Rows so large that 8 of them fill the level 1
 * cache: 4. */
SIMD_INLINE size_t many_ahead(size_t row_bytes)
{
	return row_bytes <= 4096 ? 8 : 4;
}

SIMD_INLINE const uint8_t *many_row(const uint8_t *base, size_t stride, uint32_t ordinal)
{
	return base + (size_t)ordinal * stride;
}

/* Asks for all of row i, if there is one. */
SIMD_INLINE void many_prefetch(const uint8_t *base, size_t stride, const uint32_t *ordinals, size_t count, size_t i,
			       size_t row_bytes)
{
	if (i >= count)
		return;
	const uint8_t *row = many_row(base, stride, ordinals[i]);
	for (size_t at = 0; at < row_bytes; at += 64)
		__builtin_prefetch(row + at);
}

/* Rows i, i + 1, ... of a block of `width`, all of which exist, and those to ask for meanwhile: the last row stands in for
 * those beyond it. */
SIMD_INLINE void many_block(const uint8_t *base, size_t stride, const uint32_t *ordinals, size_t count, size_t i,
			    size_t width, size_t ahead, const uint8_t **row, const uint8_t **next)
{
	for (size_t r = 0; r < width; r++) {
		size_t later = i + r + ahead;
		row[r] = many_row(base, stride, ordinals[i + r]);
		next[r] = many_row(base, stride, ordinals[later < count ? later : count - 1]);
	}
}

/* A one-to-many kernel that takes the rows one by one; kernel(query, row, n). */
#define SIMD_MANY(name, kernel, query_type, row_type, out_type)                                                        \
	static void name(const query_type *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,       \
			 size_t count, size_t n, out_type *out)                                                        \
	{                                                                                                              \
		size_t row_bytes = n * sizeof(row_type);                                                               \
		size_t ahead = many_ahead(row_bytes);                                                                  \
		for (size_t i = 0; i < ahead; i++)                                                                     \
			many_prefetch(base, stride, ordinals, count, i, row_bytes);                                    \
		for (size_t i = 0; i < count; i++) {                                                                   \
			many_prefetch(base, stride, ordinals, count, i + ahead, row_bytes);                            \
			const uint8_t *row = many_row(base, stride, ordinals[i]);                                      \
			out[i] = kernel(query, (const row_type *)(const void *)row, n);                                \
		}                                                                                                      \
	}

/* The same for jaccard_b1. */
#define SIMD_MANY_JACCARD(name, kernel)                                                                                \
	static void name(const uint8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,          \
			 size_t count, size_t n, uint32_t *both, uint32_t *either)                                     \
	{                                                                                                              \
		size_t ahead = many_ahead(n);                                                                          \
		for (size_t i = 0; i < ahead; i++)                                                                     \
			many_prefetch(base, stride, ordinals, count, i, n);                                            \
		for (size_t i = 0; i < count; i++) {                                                                   \
			many_prefetch(base, stride, ordinals, count, i + ahead, n);                                    \
			kernel(query, many_row(base, stride, ordinals[i]), n, &both[i], &either[i]);                   \
		}                                                                                                      \
	}

#endif
