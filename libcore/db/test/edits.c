/* SPDX-License-Identifier: Apache-2.0 */
/* Edits against a naive model: rows in any order come back in id order, one for each id, the one that the policy
 * names; duplicates are an error that names both rows; every failing allocation is an ordinary error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the ones above */
#include <cmocka.h>

#include "alloc.h"
#include "bytes.h"
#include "edits.h"
#include "error.h"

#define IDS 500
#define ROWS 3000
#define VECTOR_SIZE 8

static uint64_t seed;

static uint32_t random_below(uint32_t limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % limit;
}

static int add_row(struct edits *edits, uint32_t id, uint64_t number, struct cel_error *e)
{
	char text[32];
	uint8_t vector[VECTOR_SIZE];
	int length = snprintf(text, sizeof text, "id-%u", id);
	store_le64(vector, number);
	struct reader_row row = {.id = slice_make(text, (size_t)length),
				 .vector = slice_make(vector, sizeof vector),
				 .metadata = slice_make("{\"a\":1}", number % 2 == 0 ? 7 : 0),
				 .number = number};
	return edits_add(edits, &row, e);
}

static void check_policy(enum cel_duplicates policy)
{
	uint64_t expected[IDS] = {0};
	uint32_t n_expected = 0, n_dropped = 0;
	struct edits *edits;
	struct cel_error e;
	assert_int_equal(edits_new(1 << 20, "/tmp", VECTOR_SIZE, policy, &edits, &e), 0);
	for (uint64_t number = 1; number <= ROWS; number++) {
		uint32_t id = random_below(IDS);
		if (number % 1000 == 1)
			assert_int_equal(edits_begin_source(edits, "source", &e), 0);
		assert_int_equal(add_row(edits, id, number, &e), 0);
		if (expected[id] == 0)
			n_expected++;
		else
			n_dropped++;
		if (expected[id] == 0 || policy == CEL_DUPLICATES_LAST)
			expected[id] = number;
	}
	assert_int_equal(edits_finish(edits, &e), 0);
	struct edit edit;
	char previous[32] = "";
	for (; edits_next(edits, &edit, &e) == 1; n_expected--) {
		char text[32] = "";
		memcpy(text, edit.id.data, edit.id.size);
		assert_true(strcmp(previous, text) < 0);
		strcpy(previous, text);
		uint64_t number = load_le64(edit.vector.data);
		assert_int_equal(number, expected[atoi(text + 3)]);
		assert_int_equal(edit.metadata.size, number % 2 == 0 ? 7 : 0);
	}
	assert_int_equal(n_expected, 0);
	assert_int_equal(edits_duplicates(edits), n_dropped);
	edits_free(edits);
}

static void duplicates_first_and_last(void **state)
{
	(void)state;
	const char *given = getenv("CEL_TEST_SEED");
	seed = given != NULL ? strtoull(given, NULL, 10) : 20261122;
	printf("# seed %llu\n", (unsigned long long)seed);
	check_policy(CEL_DUPLICATES_FIRST);
	check_policy(CEL_DUPLICATES_LAST);
}

static void duplicates_are_an_error(void **state)
{
	(void)state;
	struct edits *edits;
	struct edit edit;
	struct cel_error e;
	assert_int_equal(edits_new(1 << 20, "/tmp", VECTOR_SIZE, CEL_DUPLICATES_ERROR, &edits, &e), 0);
	assert_int_equal(edits_begin_source(edits, "a.npy", &e), 0);
	assert_int_equal(add_row(edits, 1, 17, &e), 0);
	assert_int_equal(add_row(edits, 2, 18, &e), 0);
	assert_int_equal(edits_begin_source(edits, "b.npy", &e), 0);
	assert_int_equal(add_row(edits, 2, 3, &e), 0);
	assert_int_equal(edits_finish(edits, &e), 0);
	assert_int_equal(edits_next(edits, &edit, &e), 1);
	assert_int_equal(edits_next(edits, &edit, &e), CEL_EDATA);
	assert_non_null(strstr(e.message, "b.npy: row 3"));
	assert_non_null(strstr(e.message, "a.npy: row 18"));
	assert_non_null(strstr(e.message, "id-2"));
	edits_free(edits);
}

static void rows_and_deletes(void **state)
{
	(void)state;
	struct edits *edits;
	struct edit edit;
	struct cel_error e;
	assert_int_equal(edits_new(1 << 20, "/tmp", VECTOR_SIZE, CEL_DUPLICATES_LAST, &edits, &e), 0);
	assert_int_equal(edits_begin_source(edits, "gone", &e), 0);
	assert_int_equal(edits_add_delete(edits, slice_text("id-1"), 1, &e), 0);
	assert_int_equal(edits_add_delete(edits, slice_text("id-3"), 2, &e), 0);
	assert_int_equal(edits_begin_source(edits, "a.npy", &e), 0);
	assert_int_equal(add_row(edits, 2, 1, &e), 0);
	assert_int_equal(add_row(edits, 3, 2, &e), 0); /* comes later than its delete */
	assert_int_equal(edits_finish(edits, &e), 0);
	static const bool IS_DELETE[] = {true, false, false};
	for (int i = 0; i < 3; i++) {
		assert_int_equal(edits_next(edits, &edit, &e), 1);
		assert_int_equal(edit.id.data[3], '1' + i);
		assert_int_equal(edit.is_delete, IS_DELETE[i]);
		assert_int_equal(edit.vector.size, IS_DELETE[i] ? 0 : VECTOR_SIZE);
	}
	assert_int_equal(edits_next(edits, &edit, &e), 0);
	edits_free(edits);
}

static void nothing_at_all(void **state)
{
	(void)state;
	struct edits *edits;
	struct edit edit;
	struct cel_error e;
	assert_int_equal(edits_new(1 << 20, "/tmp", VECTOR_SIZE, CEL_DUPLICATES_ERROR, &edits, &e), 0);
	assert_int_equal(edits_finish(edits, &e), 0);
	assert_int_equal(edits_next(edits, &edit, &e), 0);
	assert_int_equal(edits_next(edits, &edit, &e), 0);
	edits_free(edits);
}

static int use_edits(struct edits **edits, struct cel_error *e)
{
	int rc = edits_new(1 << 20, "/tmp", VECTOR_SIZE, CEL_DUPLICATES_LAST, edits, e);
	if (rc == 0)
		rc = edits_begin_source(*edits, "a.npy", e);
	for (uint32_t i = 0; rc == 0 && i < 20; i++)
		rc = add_row(*edits, i % 15, i + 1, e);
	if (rc == 0)
		rc = edits_finish(*edits, e);
	struct edit edit;
	int n = 0;
	while (rc == 0 && (rc = edits_next(*edits, &edit, e)) == 1) {
		rc = 0;
		n++;
	}
	if (rc == 0)
		assert_int_equal(n, 15);
	return rc;
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	for (uint64_t nth = 1;; nth++) {
		struct edits *edits = NULL;
		struct cel_error e;
		mem_fault_set(nth);
		int rc = use_edits(&edits, &e);
		bool was_reached = mem_fault_count() >= nth;
		mem_fault_set(0);
		edits_free(edits);
		if (!was_reached) {
			assert_int_equal(rc, 0);
			assert_true(nth > 5);
			return;
		}
		assert_int_equal(rc, CEL_ENOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(duplicates_first_and_last),
		cmocka_unit_test(duplicates_are_an_error),
		cmocka_unit_test(rows_and_deletes),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests_name("db edits", tests, NULL, NULL);
}
