/* SPDX-License-Identifier: Apache-2.0 */
/* Random vectors and guarded memory for the tests of simd/. Floats are made as bits: a sign, an exponent from the range
 * of the kind and a random mantissa; never NaN or infinity. */
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

uint64_t sample_seed(void)
{
	const char *text = getenv("CEL_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 20260214;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

unsigned sample_scale(void)
{
	const char *text = getenv("CEL_TEST_SCALE");
	unsigned long scale = text != NULL ? strtoul(text, NULL, 10) : 1;
	return scale == 0 ? 1 : (unsigned)scale;
}

uint64_t sample_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

struct arena arena_new(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size = (size + page - 1) / page * page;
	uint8_t *all = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (all == MAP_FAILED || mprotect(all + page, size, PROT_READ | PROT_WRITE) != 0) {
		perror("arena_new");
		exit(99);
	}
	return (struct arena){all + page, all + page + size};
}

void arena_free(struct arena *arena)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	munmap(arena->start - page, (size_t)(arena->end - arena->start) + 2 * page);
}

/* The bits of a float with the given widths. */
static uint32_t random_bits(int exponent_bits, int mantissa_bits, enum sample_kind kind, uint64_t *state)
{
	uint64_t r = sample_next(state);
	uint32_t sign = (uint32_t)(r & 1) << (exponent_bits + mantissa_bits);
	uint32_t mantissa = (uint32_t)(r >> 1) & ((1u << mantissa_bits) - 1);
	uint32_t largest = (1u << exponent_bits) - 2;
	uint32_t bias = largest / 2;
	uint32_t dice = (uint32_t)(r >> 32) & 0xffff;
	uint32_t reach = bias < 60 ? bias - 1 : 60;
	uint32_t exponent;
	switch (kind) {
	case KIND_WIDE:
		exponent = bias - reach + dice % (2 * reach + 1);
		break;
	case KIND_TINY:
		exponent = dice % 4 < 3 ? 0 : 1 + dice % 3;
		mantissa = dice % 5 == 0 ? 0 : mantissa;
		break;
	case KIND_HUGE:
		exponent = dice % (largest + 1);
		break;
	case KIND_SPARSE:
		exponent = dice % 8 == 0 ? bias : 0;
		mantissa = dice % 8 == 0 ? mantissa : 0;
		break;
	case KIND_PLAIN:
	default: /* half of all below 1 are above 1/2, and so on */
		exponent = bias - 1 - (uint32_t)__builtin_ctz(dice | 0x100);
		break;
	}
	return sign | exponent << mantissa_bits | mantissa;
}

void sample_f32(void *out, size_t n, enum sample_kind kind, uint64_t *state)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits = random_bits(8, 23, kind, state);
		memcpy((uint8_t *)out + 4 * i, &bits, 4);
	}
}

void sample_f16(void *out, size_t n, enum sample_kind kind, uint64_t *state)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t bits = (uint16_t)random_bits(5, 10, kind, state);
		memcpy((uint8_t *)out + 2 * i, &bits, 2);
	}
}

void sample_bf16(void *out, size_t n, enum sample_kind kind, uint64_t *state)
{
	for (size_t i = 0; i < n; i++) {
		uint16_t bits = (uint16_t)random_bits(8, 7, kind, state);
		memcpy((uint8_t *)out + 2 * i, &bits, 2);
	}
}

void sample_bytes(void *out, size_t n, enum sample_kind kind, uint64_t *state)
{
	static const uint8_t EXTREME[] = {0, 255, 128, 127, 1, 129};
	for (size_t i = 0; i < n; i++) {
		uint64_t r = sample_next(state);
		uint8_t byte = (uint8_t)r;
		if (kind == KIND_TINY)
			byte &= 1;
		else if (kind == KIND_HUGE)
			byte = EXTREME[r % sizeof EXTREME];
		else if (kind == KIND_SPARSE)
			byte = (r >> 8) % 8 == 0 ? byte : 0;
		((uint8_t *)out)[i] = byte;
	}
}

void variants_collect(struct variants *out)
{
	static const char *const NAMES[] = {"scalar", "avx2", "avx512", "neon"};
	uint32_t here = simd_detect();
	memset(out, 0, sizeof *out);
	for (size_t name = 0; name < sizeof NAMES / sizeof NAMES[0]; name++) {
		for (uint32_t features = 0; features < 1u << SIMD_FEATURES; features++) {
			struct simd_kernels table = {0};
			if ((features & ~here) != 0 || !simd_table(features, NAMES[name], &table))
				continue;
			size_t i = 0;
			while (i < out->count && memcmp(&out->table[i], &table, sizeof table) != 0)
				i++;
			if (i < out->count)
				continue;
			if (i == VARIANTS_MAX) {
				fprintf(stderr, "VARIANTS_MAX is too small\n");
				exit(99);
			}
			out->table[i] = table;
			out->features[i] = features;
			out->count++;
		}
	}
}
