/* SPDX-License-Identifier: Apache-2.0 */
/* The helper at work: what holds, what fails, what comes to no end. Skipped where it is not built (no libjq). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc.h"
#include "match.h"

static bool has_helper(void)
{
	char path[4096];
	const char *build = getenv("CEL_BUILDDIR");
	snprintf(path, sizeof path, "%s/libexec/celestica", build != NULL ? build : ".");
	setenv("CEL_HELPERS", path, 1);
	snprintf(path, sizeof path, "%s/match-metadata", getenv("CEL_HELPERS"));
	return access(path, X_OK) == 0;
}

static const char *const RECORDS[][2] = {
	{"a", "{\"x\":1}"}, {"b", ""}, {"c", "{\"x\":\"s\"}"}, {"d", "{\"x\":null}"}, {"\xc3\xa9", "{\"x\":[true]}"},
};
enum { N = sizeof RECORDS / sizeof *RECORDS };

/* The answer in out: '1', '0' or 'e' a record. */
static int ask(const char *filter, char out[N + 1], struct cel_error *e)
{
	struct matcher *m;
	const struct match_answer *answer;
	int rc = matcher_new(slice_text(filter), &m, e);
	if (rc < 0)
		return rc;
	for (int i = 0; i < N && rc == 0; i++)
		rc = matcher_add(m, slice_text(RECORDS[i][0]), slice_text(RECORDS[i][1]), e);
	if (rc == 0)
		rc = matcher_send(m, e);
	if (rc == 0)
		rc = matcher_receive(m, &answer, e);
	for (int i = 0; i < N && rc == 0; i++)
		out[i] = "01e"[answer->results[i]];
	out[N] = '\0';
	matcher_free(m);
	return rc;
}

static void test_truth(void **state)
{
	static const char *const CASES[][2] = {
		{"true", "11111"}, {"false", "00000"}, {"null", "00000"}, {"empty", "00000"}, {".x", "10101"}, {".x == 1", "10000"},
		{".", "10111"}, {"$id == \"b\"", "01000"}, {"$id | test(\"^[^a-z]$\")", "00001"}, {"false, .x", "10101"},
		{".x + 1", "11e1e"}, {"error", "e0eee"}, {"(true, error)", "11111"}, {"(false, error(\"no\"))", "eeeee"},
		{"repeat(true)", "11111"}, {".x? // false # comment", "10101"}, {"def f: .x; f == null", "01010"},
		{"\"\\($id)\" == \"d\"", "00010"}, {"0 | todate == \"1970-01-01T00:00:00Z\"", "11111"},
	};
	(void)state;
	if (!has_helper())
		skip();
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		char out[N + 1];
		struct cel_error e;
		if (ask(CASES[i][0], out, &e) != 0)
			fail_msg("%s: %s", CASES[i][0], e.message);
		if (strcmp(out, CASES[i][1]) != 0)
			fail_msg("%s: %s, not %s", CASES[i][0], out, CASES[i][1]);
	}
}

static void refuse(const char *filter, const char *words)
{
	char out[N + 1];
	struct cel_error e = {0};
	if (ask(filter, out, &e) != CEL_EUSAGE || strstr(e.message, words) == NULL)
		fail_msg("%s: %d %s", filter, e.code, e.message);
}

static void test_refused(void **state)
{
	(void)state;
	if (!has_helper())
		skip();
	refuse("", "jq does not understand the filter: ");
	refuse("1) | (2", "syntax error");
	refuse("nosuch", "nosuch/0 is not defined");
	refuse("\"\\(1;2)\"", "syntax error");
	refuse("now", "'now'");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	refuse("def f: 1 + f; f", "more than 256 MiB");
#endif
}

/* Time is CPU time, so a slow machine changes nothing. */
static void test_endless(void **state)
{
	(void)state;
	if (!has_helper())
		skip();
	refuse("last(repeat(.))", "no end (record 'a')");
}

/* Many batches, one ahead, of random sizes; jq's answer against ours. */
static void test_batches(void **state)
{
	enum { TOTAL = 20000 };
	(void)state;
	if (!has_helper())
		skip();
	static uint8_t wanted[TOTAL];
	struct matcher *m;
	const struct match_answer *answer;
	struct cel_error e;
	uint32_t sent = 0, received = 0;
	assert_int_equal(matcher_new(slice_text(".n % 3 == 0"), &m, &e), 0);
	for (uint32_t size = 1; received < TOTAL; size = size * 7 % 4099 + 1) {
		for (uint32_t i = 0; i < size && i < MATCH_BATCH_MAX && sent < TOTAL; i++, sent++) {
			char text[64];
			snprintf(text, sizeof text, "{\"n\":%u,\"text\":\"%.*s\"}", sent, (int)(sent % 30), "..............................");
			wanted[sent] = sent % 3 == 0;
			assert_int_equal(matcher_add(m, slice_text("id"), slice_text(text), &e), 0);
		}
		bool is_last = matcher_batch(m) == 0;
		if (!is_last)
			assert_int_equal(matcher_send(m, &e), 0);
		if (size == 2 && !is_last)
			continue; /* now one is ahead */
		assert_int_equal(matcher_receive(m, &answer, &e), 0);
		assert_memory_equal(answer->results, wanted + received, answer->n);
		received += answer->n;
	}
	assert_int_equal(matcher_receive(m, &answer, &e), CEL_EINTERNAL);
	matcher_free(m);
}

static void test_memory(void **state)
{
	(void)state;
	if (!has_helper())
		skip();
	int rc = CEL_ENOMEM;
	for (uint64_t n = 1; rc == CEL_ENOMEM; n++) {
		char out[N + 1];
		struct cel_error e;
		mem_fault_set(n);
		rc = ask(".x", out, &e);
		assert_true(n < 100);
	}
	mem_fault_set(0);
	assert_int_equal(rc, 0);
}

static void test_no_helper(void **state)
{
	(void)state;
	char out[N + 1];
	struct cel_error e;
	setenv("CEL_HELPERS", "/nowhere", 1);
	assert_int_equal(ask(".x", out, &e), CEL_EUNAVAILABLE);
	assert_int_equal(ask("now", out, &e), CEL_EUSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truth), cmocka_unit_test(test_refused), cmocka_unit_test(test_endless),
		cmocka_unit_test(test_batches), cmocka_unit_test(test_memory), cmocka_unit_test(test_no_helper),
	};
	return cmocka_run_group_tests_name("filter/match", tests, NULL, NULL);
}
