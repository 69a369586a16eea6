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

#define IDS 5000
#define ROWS 20000
#define VECTOR_SIZE 264 /* too long for a leaf, so it is hashed */

static uint64_t seed;
static uint32_t threads = 1;

static uint32_t random_below(uint32_t limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % limit;
}

static int add_row(struct edits *edits, uint32_t id, uint64_t number, struct cel_error *e)
{
	char text[32];
	uint8_t vector[VECTOR_SIZE] = {0};
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
	assert_int_equal(edits_new(1 << 20, threads, "/tmp", VECTOR_SIZE, policy, &edits, &e), 0);
	for (uint64_t number = 1; number <= ROWS; number++) {
		uint32_t id = random_below(IDS);
		if (number % 10000 == 1)
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
	int rc;
	for (; (rc = edits_next(edits, &edit, &e)) == 1; n_expected--) {
		char text[32] = "";
		memcpy(text, edit.id.data, edit.id.size);
		assert_true(strcmp(previous, text) < 0);
		strcpy(previous, text);
		uint64_t number = load_le64(edit.vector.data);
		assert_int_equal(number, expected[atoi(text + 3)]);
		assert_int_equal(edit.metadata.size, number % 2 == 0 ? 7 : 0);
		struct cid cid = cid_of(CID_RAW, edit.vector);
		assert_true(cid_equal(edit.vector_cid, &cid));
		assert_null(edit.metadata_cid);
	}
	assert_int_equal(rc, 0);
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
	for (threads = 1; threads <= 3; threads++) {
		check_policy(CEL_DUPLICATES_FIRST);
		check_policy(CEL_DUPLICATES_LAST);
	}
	threads = 1;
}

static void duplicates_are_an_error(void **state)
{
	(void)state;
	struct edits *edits;
	struct edit edit;
	struct cel_error e;
	assert_int_equal(edits_new(1 << 20, threads, "/tmp", VECTOR_SIZE, CEL_DUPLICATES_ERROR, &edits, &e), 0);
	assert_int_equal(edits_begin_source(edits, "a.npy", &e), 0);
	assert_int_equal(add_row(edits, 1, 17, &e), 0);
	assert_int_equal(add_row(edits, 2, 18, &e), 0);
	assert_int_equal(edits_begin_source(edits, "b.npy", &e), 0);
	assert_int_equal(add_row(edits, 2, 3, &e), 0);
	assert_int_equal(edits_finish(edits, &e), 0);
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
	assert_int_equal(edits_new(1 << 20, threads, "/tmp", VECTOR_SIZE, CEL_DUPLICATES_LAST, &edits, &e), 0);
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
	assert_int_equal(edits_new(1 << 20, threads, "/tmp", VECTOR_SIZE, CEL_DUPLICATES_ERROR, &edits, &e), 0);
	assert_int_equal(edits_finish(edits, &e), 0);
	assert_int_equal(edits_next(edits, &edit, &e), 0);
	assert_int_equal(edits_next(edits, &edit, &e), 0);
	edits_free(edits);
}

/* What was not asked for is no trouble, whatever the threads are about. */
static void left_half_way(void **state)
{
	(void)state;
	struct edits *edits;
	struct edit edit;
	struct cel_error e;
	for (uint32_t wanted = 0; wanted < 3000; wanted = 2 * wanted + 1) {
		assert_int_equal(edits_new(1 << 20, 3, "/tmp", VECTOR_SIZE, CEL_DUPLICATES_LAST, &edits, &e), 0);
		assert_int_equal(edits_begin_source(edits, "a.npy", &e), 0);
		for (uint32_t i = 0; i < 8000; i++)
			assert_int_equal(add_row(edits, i * 7919 % 4000, i + 1, &e), 0);
		assert_int_equal(edits_finish(edits, &e), 0);
		for (uint32_t i = 0; i < wanted; i++)
			assert_int_equal(edits_next(edits, &edit, &e), 1);
		assert_true(edits_duplicates(edits) <= 4000);
		edits_free(edits);
	}
}

/* As many as a parcel holds and more: the rows of one id do not part. */
static void many_rows_of_one_id(void **state)
{
	(void)state;
	struct edits *edits;
	struct edit edit;
	struct cel_error e;
	for (int is_last = 0; is_last < 2; is_last++) {
		assert_int_equal(edits_new(1 << 20, 2, "/tmp", VECTOR_SIZE, is_last ? CEL_DUPLICATES_LAST : CEL_DUPLICATES_FIRST,
					   &edits, &e), 0);
		assert_int_equal(edits_begin_source(edits, "a.npy", &e), 0);
		for (uint32_t i = 0; i < 10000; i++)
			assert_int_equal(add_row(edits, i < 50 || i > 9950 ? i : 50, i + 1, &e), 0);
		assert_int_equal(edits_finish(edits, &e), 0);
		int n = 0;
		for (; edits_next(edits, &edit, &e) == 1; n++)
			if (slice_equal(edit.id, slice_text("id-50")))
				assert_int_equal(load_le64(edit.vector.data), is_last ? 9951 : 51);
		assert_int_equal(n, 51 + 49);
		assert_int_equal(edits_duplicates(edits), 9900);
		edits_free(edits);
	}
}

static int use_edits(struct edits **edits, struct cel_error *e)
{
	int rc = edits_new(1 << 20, threads, "/tmp", VECTOR_SIZE, CEL_DUPLICATES_LAST, edits, e);
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
		cmocka_unit_test(left_half_way),
		cmocka_unit_test(many_rows_of_one_id),
		cmocka_unit_test(every_allocation_may_fail),
	};
	return cmocka_run_group_tests_name("db edits", tests, NULL, NULL);
}
