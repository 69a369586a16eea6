/* SPDX-License-Identifier: Apache-2.0 */
/* The set against an array of flags: the i-th digest is the hash of i, or one made up to crowd a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "alloc.h"
#include "bytes.h"
#include "digest_set.h"
#include "error.h"

static void digest_of(uint32_t i, uint8_t out[SHA256_SIZE])
{
	uint8_t bytes[4];
	store_le32(bytes, i);
	sha256(bytes, sizeof bytes, out);
}

static void test_members(void **state)
{
	(void)state;
	enum { N = 20000 };
	struct digest_set set = {0};
	uint8_t digest[SHA256_SIZE];
	for (uint32_t i = 0; i < N; i += 2) {
		digest_of(i, digest);
		assert_int_equal(digest_set_add(&set, digest, NULL), 1);
		assert_int_equal(digest_set_add(&set, digest, NULL), 0);
	}
	assert_int_equal(set.n, N / 2);
	for (uint32_t i = 0; i < N; i++) {
		digest_of(i, digest);
		assert_int_equal(digest_set_has(&set, digest), i % 2 == 0);
	}
	assert_true(digest_set_bytes(&set) - sizeof set <= 50 * set.n);
	digest_set_release(&set);
	digest_of(0, digest);
	assert_false(digest_set_has(&set, digest));
}

/* A million of them take what the header says. */
static void test_size(void **state)
{
	(void)state;
	struct digest_set set = {0};
	uint8_t digest[SHA256_SIZE];
	for (uint32_t i = 0; i < 1000000; i++) {
		digest_of(i, digest);
		assert_int_equal(digest_set_add(&set, digest, NULL), 1);
		if (i % 100000 == 99999)
			printf("# %u digests: %.1f bytes each\n", i + 1, (double)digest_set_bytes(&set) / (i + 1));
	}
	assert_true(digest_set_bytes(&set) < 48 * 1000000);
	digest_set_release(&set);
}

static void test_values_stay(void **state)
{
	(void)state;
	struct digest_set set = {.value_size = 8};
	uint8_t digest[SHA256_SIZE];
	for (uint32_t i = 0; i < 5000; i++) {
		digest_of(i, digest);
		assert_null(digest_set_value(&set, digest));
		assert_int_equal(digest_set_add(&set, digest, NULL), 1);
		uint8_t *value = digest_set_value(&set, digest);
		assert_int_equal(load_le64(value), 0);
		store_le64(value, i + 1);
	}
	for (uint32_t i = 0; i < 5000; i++) {
		digest_of(i, digest);
		assert_int_equal(load_le64(digest_set_value(&set, digest)), i + 1);
	}
	digest_set_release(&set);
}

static void test_crowded_and_zero(void **state)
{
	(void)state;
	struct digest_set set = {0};
	uint8_t digest[SHA256_SIZE] = {0};
	assert_false(digest_set_has(&set, digest));
	assert_int_equal(digest_set_add(&set, digest, NULL), 1);
	assert_int_equal(digest_set_add(&set, digest, NULL), 0);
	assert_true(digest_set_has(&set, digest));
	for (int round = 0; round < 2; round++) { /* all in the last slots of one table: it wraps round */
		memset(digest, 0xff, sizeof digest);
		for (uint32_t i = 0; i < 1000; i++) {
			store_le32(digest + 28, i);
			assert_int_equal(digest_set_add(&set, digest, NULL), round == 0);
			assert_true(digest_set_has(&set, digest));
		}
	}
	assert_int_equal(set.n, 1000);
	digest_set_release(&set);
}

static void test_out_of_memory(void **state)
{
	(void)state;
	for (uint64_t nth = 1; nth < 400; nth += 7) {
		struct digest_set set = {0};
		uint8_t digest[SHA256_SIZE];
		struct cel_error e;
		uint32_t n = 0;
		mem_fault_set(nth);
		for (uint32_t i = 0; i < 4000; i++) {
			digest_of(i, digest);
			int rc = digest_set_add(&set, digest, &e);
			assert_true(rc == 1 || rc == CEL_ENOMEM);
			n += rc == 1;
			assert_int_equal(digest_set_has(&set, digest), rc == 1);
		}
		mem_fault_set(0);
		assert_int_equal(set.n, n);
		digest_set_release(&set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_values_stay),
		cmocka_unit_test(test_crowded_and_zero),
		cmocka_unit_test(test_out_of_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
