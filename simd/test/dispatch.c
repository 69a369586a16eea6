/* SPDX-License-Identifier: Apache-2.0 */
/* Which table is chosen: for every subset of all features, known or not to this machine (tables are only put together here,
 * not run), and for every value of CEL_SIMD, each in a child of its own since the choice is made once a process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernel.h"

static const char *const NAMES[] = {"scalar", "avx2", "avx512", "neon"};
#define N_NAMES (sizeof NAMES / sizeof NAMES[0])

static bool is_x86(void)
{
#if defined(__x86_64__)
	return true;
#else
	return false;
#endif
}

static bool is_arm(void)
{
#if defined(__aarch64__)
	return true;
#else
	return false;
#endif
}

/* What a table of that name needs, by the manual and not by select.c. */
static bool is_possible(uint32_t features, const char *name)
{
	if (strcmp(name, "avx2") == 0)
		return is_x86() && (features & SIMD_AVX2) != 0;
	if (strcmp(name, "avx512") == 0)
		return is_x86() && (features & SIMD_AVX512) != 0;
	if (strcmp(name, "neon") == 0)
		return is_arm() && (features & SIMD_NEON) != 0;
	return strcmp(name, "scalar") == 0;
}

static bool has_all_kernels(const struct simd_kernels *k)
{
	return k->l2sq_f32 != NULL && k->dot_f32 != NULL && k->l2sq_f16 != NULL && k->dot_f16 != NULL &&
	       k->l2sq_bf16 != NULL && k->dot_bf16 != NULL && k->l2sq_i8 != NULL && k->dot_i8 != NULL &&
	       k->l2sq_u8 != NULL && k->dot_u8 != NULL && k->dot_u8_i8 != NULL && k->hamming_b1 != NULL &&
	       k->jaccard_b1 != NULL && k->l2sq_f32_many != NULL && k->dot_f32_many != NULL &&
	       k->l2sq_u8_many != NULL && k->dot_u8_i8_many != NULL && k->hamming_b1_many != NULL && k->sift_b1 != NULL;
}

static void test_subsets(void **unused)
{
	(void)unused;
	uint32_t here = simd_detect();
	for (uint32_t features = 0; features < 1u << SIMD_FEATURES; features++) {
		const char *best = simd_best(features);
		bool is_runnable = (features & ~here) == 0;
		for (size_t i = 0; i < N_NAMES; i++) {
			struct simd_kernels table = {0};
			bool is_there = false;
			if (is_runnable) /* filling runs code of that instruction set */
				is_there = simd_table(features, NAMES[i], &table);
			else if (!is_possible(features, NAMES[i]))
				is_there = simd_table(features, NAMES[i], &table);
			else
				continue;
			assert_int_equal(is_there, is_possible(features, NAMES[i]));
			if (is_there) {
				assert_string_equal(table.name, NAMES[i]);
				assert_true(has_all_kernels(&table));
			}
		}
		const char *expected = is_possible(features, "avx512") ? "avx512"
				       : is_possible(features, "avx2") ? "avx2"
				       : is_possible(features, "neon") ? "neon"
								       : "scalar";
		assert_string_equal(best, expected);
	}
}

static void test_extensions_replace(void **unused)
{
	(void)unused;
	uint32_t here = simd_detect();
	struct simd_kernels plain, extended;
	if ((here & SIMD_AVX512_VNNI) != 0) {
		assert_true(simd_table(SIMD_AVX512, "avx512", &plain));
		assert_true(simd_table(SIMD_AVX512 | SIMD_AVX512_VNNI, "avx512", &extended));
		assert_ptr_not_equal(plain.l2sq_u8, extended.l2sq_u8);
		assert_ptr_equal(plain.l2sq_f32, extended.l2sq_f32);
		assert_ptr_equal(plain.hamming_b1, extended.hamming_b1);
	}
	if ((here & SIMD_NEON_DOTPROD) != 0) {
		assert_true(simd_table(SIMD_NEON, "neon", &plain));
		assert_true(simd_table(SIMD_NEON | SIMD_NEON_DOTPROD, "neon", &extended));
		assert_ptr_not_equal(plain.l2sq_u8, extended.l2sq_u8);
		assert_ptr_equal(plain.l2sq_f32, extended.l2sq_f32);
	}
	/* An extension alone is nothing. */
	assert_false(simd_table(SIMD_AVX512_VNNI | SIMD_AVX512_VPOPCNTDQ, "avx512", &plain));
	assert_false(simd_table(SIMD_NEON_DOTPROD, "neon", &plain));
}

/* Runs in a child: 0 if simd_select() with CEL_SIMD=value gives the table `expected` (NULL: none, and an error that holds
 * `words`). */
static int try_value(const char *value, const char *expected, const char *words)
{
	if (value != NULL ? setenv("CEL_SIMD", value, 1) != 0 : unsetenv("CEL_SIMD") != 0)
		return 2;
	const struct simd_kernels *k = simd_select();
	if (simd_select() != k)
		return 3;
	if (expected == NULL)
		return k == NULL && strstr(simd_select_error(), words) != NULL ? 0 : 4;
	if (k == NULL || strcmp(k->name, expected) != 0 || simd_select_error()[0] != '\0')
		return 5;
	return simd_by_name(expected) == k ? 0 : 6;
}

static void expect(const char *value, const char *expected, const char *words)
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(try_value(value, expected, words));
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("CEL_SIMD=%s: status %#x", value != NULL ? value : "(unset)", (unsigned)status);
}

static void test_environment(void **unused)
{
	(void)unused;
	uint32_t here = simd_detect();
	const char *best = simd_best(here);
	printf("# this machine: features %#x, best %s\n", here, best);
	expect(NULL, best, NULL);
	expect("", best, NULL);
	for (size_t i = 0; i < N_NAMES; i++) {
		char words[64];
		snprintf(words, sizeof words, "asks for %s, which this machine lacks (it has scalar", NAMES[i]);
		expect(NAMES[i], is_possible(here, NAMES[i]) ? NAMES[i] : NULL, words);
	}
	expect("nonsense", NULL, "'nonsense' is no instruction set (this machine has scalar");
	expect("AVX2", NULL, "'AVX2' is no instruction set");
	expect("avx", NULL, "'avx' is no instruction set");
	expect("avx2 ", NULL, "'avx2 ' is no instruction set");
}

static void test_names(void **unused)
{
	(void)unused;
	uint32_t here = simd_detect();
	for (size_t i = 0; i < N_NAMES; i++) {
		const struct simd_kernels *k = simd_by_name(NAMES[i]);
		assert_int_equal(k != NULL, is_possible(here, NAMES[i]));
		if (k != NULL)
			assert_string_equal(k->name, NAMES[i]);
	}
	assert_null(simd_by_name("nonsense"));
	assert_null(simd_by_name(""));
}

/* The harness itself: a wrong expectation is seen. */
static void test_negative_control(void **unused)
{
	(void)unused;
	assert_int_equal(try_value("nonsense", "scalar", NULL), 5);
	assert_false(is_possible(0, "avx512"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subsets),
		cmocka_unit_test(test_extensions_replace),
		cmocka_unit_test(test_environment), /* forks before the first simd_select() of this process */
		cmocka_unit_test(test_negative_control),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
