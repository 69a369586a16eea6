/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of simd/: random vectors of nasty values, and memory in which one byte too far is a crash. */
#ifndef SIMD_TEST_SAMPLE_H
#define SIMD_TEST_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "kernel.h"

#define SAMPLE_MAX 65535 /* elements */

/* CEL_TEST_SEED or a fixed one, printed; CEL_TEST_SCALE or 1. */
uint64_t sample_seed(void);
unsigned sample_scale(void);
uint64_t sample_next(uint64_t *state); /* splitmix64 */

/* A stretch of memory between two pages that may not be touched. */
struct arena {
	uint8_t *start, *end;
};
struct arena arena_new(size_t size);
void arena_free(struct arena *arena);

enum sample_kind {
	KIND_PLAIN,  /* -1..1; bytes: any */
	KIND_WIDE,   /* magnitudes from 2^-60 to 2^60 */
	KIND_TINY,   /* subnormals, the smallest normals, zeros of both signs; bytes: 0 and 1 */
	KIND_HUGE,   /* any finite bits, so that sums and products overflow; bytes: the extreme values */
	KIND_SPARSE, /* mostly zeros of both signs */
	N_KINDS,
};

/* n finite elements of the given size: 4 = f32, 1 = bytes; 2 = bf16, or f16 if is_f16. */
void sample_f32(void *out, size_t n, enum sample_kind kind, uint64_t *state);
void sample_f16(void *out, size_t n, enum sample_kind kind, uint64_t *state);
void sample_bf16(void *out, size_t n, enum sample_kind kind, uint64_t *state);
void sample_bytes(void *out, size_t n, enum sample_kind kind, uint64_t *state);

/* Every table that some subset of this machine's features gives, each once; the reference first. */
#define VARIANTS_MAX 16
struct variants {
	size_t count;
	struct simd_kernels table[VARIANTS_MAX];
	uint32_t features[VARIANTS_MAX];
};
void variants_collect(struct variants *out);

#endif
