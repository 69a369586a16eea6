/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that asks the processor what it can do, and the operating system (XCR0, auxiliary vector) whether it
 * keeps the registers. A table is put together from parts: those of its name whose features are all there, in order, a
 * later one replacing kernels of an earlier one:
 *
 *     avx512  =  avx512.c  [ + avx512vnni.c ]  [ + avx512popcnt.c ]
 *
 * All tables are made once, on first use. CEL_SIMD= names one; empty is as good as unset. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel.h"

static const struct part {
	const char *name;
	uint32_t needs;
	void (*fill)(struct simd_kernels *table);
} PARTS[] = { /* from slow to fast */
	{"scalar", 0, simd_fill_scalar},
#if defined(__x86_64__)
	{"avx2", SIMD_AVX2, simd_fill_avx2},
	{"avx512", SIMD_AVX512, simd_fill_avx512},
	{"avx512", SIMD_AVX512 | SIMD_AVX512_VNNI, simd_fill_avx512vnni},
	{"avx512", SIMD_AVX512 | SIMD_AVX512_VPOPCNTDQ, simd_fill_avx512popcnt},
#elif defined(__aarch64__)
	{"neon", SIMD_NEON, simd_fill_neon},
	{"neon", SIMD_NEON | SIMD_NEON_DOTPROD, simd_fill_neondot},
#endif
};
#define N_PARTS (sizeof PARTS / sizeof PARTS[0])

static const char *const NAMES[] = {"scalar", "avx2", "avx512", "neon"};
#define N_NAMES (sizeof NAMES / sizeof NAMES[0])

#if defined(__x86_64__)
#include <cpuid.h>

static uint64_t saved_registers(void)
{
	uint32_t low, high;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

uint32_t simd_detect(void)
{
	uint32_t a, b, c, d, features = 0;
	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_OSXSAVE) == 0)
		return 0;
	bool f16c = (c & bit_F16C) != 0 && (c & bit_AVX) != 0;
	uint64_t saved = saved_registers();
	bool ymm = (saved & 0x06) == 0x06; /* SSE and AVX state */
	bool zmm = (saved & 0xe6) == 0xe6; /* and the masks, the upper halves and zmm16..31 */
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return 0;
	if (ymm && f16c && (b & bit_AVX2) != 0)
		features |= SIMD_AVX2;
	uint32_t base = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL;
	if (zmm && f16c && (b & bit_AVX2) != 0 && (b & base) == base) {
		features |= SIMD_AVX512;
		features |= (c & bit_AVX512VNNI) != 0 ? SIMD_AVX512_VNNI : 0;
		features |= (c & bit_AVX512VPOPCNTDQ) != 0 ? SIMD_AVX512_VPOPCNTDQ : 0;
	}
	return features;
}

#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>

uint32_t simd_detect(void)
{
	unsigned long capabilities = getauxval(AT_HWCAP);
	uint32_t features = 0;
	features |= (capabilities & HWCAP_ASIMD) != 0 ? SIMD_NEON : 0;
	features |= (capabilities & HWCAP_ASIMDDP) != 0 ? SIMD_NEON_DOTPROD : 0;
	return features;
}

#else

uint32_t simd_detect(void)
{
	return 0;
}

#endif

bool simd_table(uint32_t features, const char *name, struct simd_kernels *out)
{
	bool is_found = false;
	for (size_t i = 0; i < N_PARTS; i++) {
		if (strcmp(PARTS[i].name, name) == 0 && (PARTS[i].needs & ~features) == 0) {
			PARTS[i].fill(out);
			is_found = true;
		}
	}
	return is_found;
}

const char *simd_best(uint32_t features)
{
	const char *best = NULL;
	for (size_t i = 0; i < N_PARTS; i++) {
		if ((PARTS[i].needs & ~features) == 0)
			best = PARTS[i].name;
	}
	return best;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct simd_kernels tables[N_NAMES];
static bool has_table[N_NAMES];
static const struct simd_kernels *selected;
static char selection_error[200];

static const struct simd_kernels *find(const char *name)
{
	for (size_t i = 0; i < N_NAMES; i++) {
		if (has_table[i] && strcmp(NAMES[i], name) == 0)
			return &tables[i];
	}
	return NULL;
}

static void explain(const char *wanted)
{
	bool is_known = false;
	char here[80] = "";
	for (size_t i = 0; i < N_NAMES; i++) {
		is_known = is_known || strcmp(NAMES[i], wanted) == 0;
		if (has_table[i]) {
			size_t used = strlen(here);
			snprintf(here + used, sizeof here - used, "%s%s", used != 0 ? ", " : "", NAMES[i]);
		}
	}
	if (is_known)
		snprintf(selection_error, sizeof selection_error, "CEL_SIMD asks for %s, which this machine lacks (it has %s)",
			 wanted, here);
	else
		snprintf(selection_error, sizeof selection_error,
			 "CEL_SIMD: '%.40s' is no instruction set (this machine has %s)", wanted, here);
}

static void prepare(void)
{
	uint32_t features = simd_detect();
	for (size_t i = 0; i < N_NAMES; i++)
		has_table[i] = simd_table(features, NAMES[i], &tables[i]);
	const char *wanted = getenv("CEL_SIMD");
	if (wanted == NULL || wanted[0] == '\0')
		wanted = simd_best(features);
	selected = find(wanted);
	if (selected == NULL)
		explain(wanted);
}

const struct simd_kernels *simd_select(void)
{
	pthread_once(&once, prepare);
	return selected;
}

const char *simd_select_error(void)
{
	pthread_once(&once, prepare);
	return selection_error;
}

const struct simd_kernels *simd_by_name(const char *name)
{
	pthread_once(&once, prepare);
	return find(name);
}
