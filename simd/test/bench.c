/* SPDX-License-Identifier: Apache-2.0 */
/* Nanoseconds a call of the kernels that the index depends on, for every table of this machine (TSV):
 *
 *     warm   two vectors, again and again: the arithmetic alone
 *     many   one query against 32 rows chosen at random from a set; small: 1 MiB (level 2 cache), large: 256 MiB (memory)
 *
 *     sift   sift_b1 with 64, 128 and 256 directions (under "dim"): a row of 32 places a call; warm, and as many takes them,
 *            the rows four ahead asked for
 *
 * The best of several rounds, since everything else on the machine only ever adds. CEL_SIMD is not looked at; the argument,
 * if any, is a substring of the kernels wanted. Built by `make bench-simd`, which runs it; no part of `make check`. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sample.h"

enum { ROUNDS = 7, HOP = 32 };
static const size_t DIMS[] = {100, 128, 784, 1536};
static volatile uint64_t sink;
static uint8_t *memory;
static const size_t SMALL = 1u << 20, LARGE = 256u << 20;

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* One call of kernel number `which`; the names are those of struct simd_kernels. */
static const char *const ONE[] = {"l2sq_f32", "dot_f32",  "l2sq_f16", "dot_bf16",  "l2sq_u8",
				  "dot_u8",   "l2sq_i8", "dot_i8",   "dot_u8_i8", "hamming_b1"};
static const size_t ONE_SIZE[] = {4, 4, 2, 2, 1, 1, 1, 1, 1, 1};
#define N_ONE (sizeof ONE / sizeof ONE[0])

static uint64_t call_one(const struct simd_kernels *k, size_t which, const void *a, const void *b, size_t n)
{
	switch (which) {
	case 0:
		return (uint64_t)k->l2sq_f32(a, b, n);
	case 1:
		return (uint64_t)k->dot_f32(a, b, n);
	case 2:
		return (uint64_t)k->l2sq_f16(a, b, n);
	case 3:
		return (uint64_t)k->dot_bf16(a, b, n);
	case 4:
		return k->l2sq_u8(a, b, n);
	case 5:
		return k->dot_u8(a, b, n);
	case 6:
		return k->l2sq_i8(a, b, n);
	case 7:
		return (uint64_t)k->dot_i8(a, b, n);
	case 8:
		return (uint64_t)k->dot_u8_i8(a, b, n);
	default:
		return k->hamming_b1(a, b, n);
	}
}

static const char *const MANY[] = {"l2sq_f32_many", "dot_f32_many", "l2sq_u8_many", "dot_u8_i8_many",
				   "hamming_b1_many"};
static const size_t MANY_SIZE[] = {4, 4, 1, 1, 1};
#define N_MANY (sizeof MANY / sizeof MANY[0])

static void call_many(const struct simd_kernels *k, size_t which, const uint8_t *query, size_t stride,
		      const uint32_t *ordinals, size_t n)
{
	float f[HOP];
	uint32_t u[HOP];
	int32_t d[HOP];
	switch (which) {
	case 0:
		k->l2sq_f32_many((const float *)(const void *)query, memory, stride, ordinals, HOP, n, f);
		sink += (uint64_t)f[0];
		break;
	case 1:
		k->dot_f32_many((const float *)(const void *)query, memory, stride, ordinals, HOP, n, f);
		sink += (uint64_t)f[0];
		break;
	case 2:
		k->l2sq_u8_many(query, memory, stride, ordinals, HOP, n, u);
		sink += u[0];
		break;
	case 3:
		k->dot_u8_i8_many((const int8_t *)query, memory, stride, ordinals, HOP, n, d);
		sink += (uint32_t)d[0];
		break;
	default:
		k->hamming_b1_many(query, memory, stride, ordinals, HOP, n, u);
		sink += u[0];
		break;
	}
}

static double time_one(const struct simd_kernels *k, size_t which, size_t n)
{
	size_t bytes = n * ONE_SIZE[which];
	const uint8_t *a = memory;
	const uint8_t *b = memory + (bytes + 63) / 64 * 64;
	size_t calls = 1 + 2000000 / (n + 20);
	if (strcmp(k->name, "scalar") == 0)
		calls = 1 + calls / 16;
	double best = 1e300;
	for (int round = 0; round < ROUNDS; round++) {
		double start = now();
		for (size_t i = 0; i < calls; i++)
			sink += call_one(k, which, a, b, n);
		double each = (now() - start) / (double)calls;
		best = each < best ? each : best;
	}
	return best;
}

static double time_many(const struct simd_kernels *k, size_t which, size_t n, size_t set)
{
	enum { CALLS = 256 };
	static uint32_t ordinals[CALLS * HOP];
	static float query[4096];
	size_t stride = (n * MANY_SIZE[which] + 15) / 16 * 16;
	size_t calls = strcmp(k->name, "scalar") == 0 ? CALLS / 16 : CALLS;
	uint64_t state = 1;
	double best = 1e300;
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < calls * HOP; i++) /* other rows each round, so that they are not in the cache */
			ordinals[i] = (uint32_t)(sample_next(&state) % (set / stride));
		double start = now();
		for (size_t i = 0; i < calls; i++)
			call_many(k, which, (const uint8_t *)query, stride, ordinals + i * HOP, n);
		double each = (now() - start) / (double)(calls * HOP);
		best = each < best ? each : best;
	}
	return best;
}

/* Nanoseconds a row, of `count` different rows in `set` bytes. */
static double time_sift(const struct simd_kernels *k, size_t n_directions, size_t count, size_t set)
{
	enum { CALLS = 4096, AHEAD = 4 };
	static uint8_t tables[8 * 256];
	static uint32_t rows[CALLS + AHEAD];
	size_t size = 128 + 4 * n_directions;
	size_t calls = strcmp(k->name, "scalar") == 0 ? CALLS / 16 : CALLS;
	uint64_t state = 2;
	double best = 1e300;
	sample_bytes(tables, sizeof tables, KIND_PLAIN, &state);
	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < CALLS + AHEAD; i++)
			rows[i] = (uint32_t)(sample_next(&state) % (set / size) % count);
		double start = now();
		for (size_t i = 0; i < calls; i++) {
			for (size_t line = 0; count > 1 && line < size; line += 64)
				__builtin_prefetch(memory + rows[i + AHEAD] * size + line);
			sink += k->sift_b1(memory + rows[i] * size, tables, n_directions, 0.01f, -1, 1);
		}
		double each = (now() - start) / (double)calls;
		best = each < best ? each : best;
	}
	return best;
}

static void print_sift(const struct variants *variants)
{
	for (size_t n = 64; n <= 256; n *= 2) {
		for (size_t v = 0; v < variants->count; v++) {
			const struct simd_kernels *k = &variants->table[v];
			printf("%s\t%#x\tsift_b1\t%zu\t%.1f\t%.1f\t%.1f\n", k->name, variants->features[v], n,
			       time_sift(k, n, 1, SMALL), time_sift(k, n, SIZE_MAX, SMALL), time_sift(k, n, SIZE_MAX, LARGE));
			fflush(stdout);
		}
	}
}

int main(int argc, char **argv)
{
	const char *wanted = argc > 1 ? argv[1] : "";
	static struct variants variants;
	variants_collect(&variants);
	memory = aligned_alloc(1u << 21, LARGE);
	if (memory == NULL)
		return 71;
	uint64_t state = 1; /* ordinary floats: subnormals would be slow */
	sample_f32(memory, LARGE / 4, KIND_PLAIN, &state);
	printf("table\tfeatures\tkernel\tdim\twarm_ns\tsmall_ns\tlarge_ns\n");
	for (size_t i = 0; i < N_ONE + N_MANY; i++) {
		const char *name = i < N_ONE ? ONE[i] : MANY[i - N_ONE];
		if (strstr(name, wanted) == NULL)
			continue;
		for (size_t d = 0; d < sizeof DIMS / sizeof DIMS[0]; d++) {
			for (size_t v = 0; v < variants.count; v++) {
				const struct simd_kernels *k = &variants.table[v];
				printf("%s\t%#x\t%s\t%zu\t", k->name, variants.features[v], name, DIMS[d]);
				if (i < N_ONE)
					printf("%.1f\t\t\n", time_one(k, i, DIMS[d]));
				else
					printf("\t%.1f\t%.1f\n", time_many(k, i - N_ONE, DIMS[d], SMALL),
					       time_many(k, i - N_ONE, DIMS[d], LARGE));
				fflush(stdout);
			}
		}
	}
	if (strstr("sift_b1", wanted) != NULL)
		print_sift(&variants);
	free(memory);
	return 0;
}
