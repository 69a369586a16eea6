/* SPDX-License-Identifier: Apache-2.0 */
/* Revs in a small history:
 *
 *     genesis - c1 - c2 - c3 = heads/photos        tags/photos/v1 = c1
 *                  \- side - merge (c3, side) = heads/merged
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "alloc.h"
#include "commit.h"
#include "fake_store.h"
#include "lookup.h"
#include "rev.h"

static struct fake_store *store;
static struct cid genesis, c1, c2, c3, side, merge, tree;

static struct cid commit_on(const struct cid *a, const struct cid *b, uint64_t generation, const char *message)
{
	struct commit c = {.generation = generation, .message = slice_text(message)};
	struct commit base;
	assert_int_equal(commit_read(fake_store_read(store), &genesis, &base, NULL), 0);
	c.schema = base.schema;
	tree = c.tree = base.tree;
	c.parents[c.n_parents++] = *a;
	if (b != NULL)
		c.parents[c.n_parents++] = *b;
	struct cid cid;
	assert_int_equal(commit_put(fake_store_batch(store), &c, &cid, NULL), 0);
	return cid;
}

static int64_t local_time(int year, int month, int day, int hour, int minute, int second)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute,
			.tm_sec = second, .tm_isdst = -1};
	return mktime(&tm);
}

static int setup(void **state)
{
	(void)state;
	struct cel_schema schema = {.dim = 4, .type = CEL_F32, .metric = CEL_L2};
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1); /* as in Berlin, without asking for tzdata */
	store = fake_store_new();
	assert_int_equal(commit_put_genesis(fake_store_batch(store), &schema, &genesis, NULL), 0);
	c1 = commit_on(&genesis, NULL, 1, "one");
	c2 = commit_on(&c1, NULL, 2, "two");
	c3 = commit_on(&c2, NULL, 3, "three");
	side = commit_on(&c1, NULL, 2, "side");
	merge = commit_on(&c3, &side, 4, "");
	fake_store_set_ref(store, "heads/photos", &genesis, local_time(2026, 11, 1, 9, 0, 0));
	fake_store_set_ref(store, "heads/photos", &c1, local_time(2026, 11, 2, 23, 59, 59));
	fake_store_set_ref(store, "heads/photos", &c2, local_time(2026, 11, 3, 0, 0, 0));
	fake_store_set_ref(store, "heads/photos", &c3, local_time(2026, 11, 3, 10, 30, 15));
	fake_store_set_ref(store, "tags/photos/v1", &c1, 0);
	fake_store_set_ref(store, "heads/merged", &merge, 0);
	fake_store_set_ref(store, "heads/gone", &c1, local_time(2026, 11, 1, 0, 0, 0));
	fake_store_set_ref(store, "heads/gone", NULL, local_time(2026, 11, 2, 0, 0, 0));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_store_free(store);
	return 0;
}

static void assert_rev(const char *rev, const struct cid *expected)
{
	struct cid cid;
	struct cel_error e = {0};
	if (rev_resolve(fake_store_read(store), rev, &cid, &e) < 0)
		fail_msg("%s: %s", rev, e.message);
	if (!cid_equal(&cid, expected))
		fail_msg("%s is another commit", rev);
}

static void assert_no_rev(const char *rev, int code, const char *why)
{
	struct cid cid;
	struct cel_error e = {0};
	assert_int_equal(rev_resolve(fake_store_read(store), rev, &cid, &e), code);
	assert_int_equal(e.code, code);
	if (strstr(e.message, why) == NULL)
		fail_msg("%s: '%s' is not about '%s'", rev, e.message, why);
}

static void test_names(void **state)
{
	(void)state;
	assert_rev("photos", &c3);
	assert_rev("photos~0", &c3);
	assert_rev("photos~", &c2);
	assert_rev("photos~1", &c2);
	assert_rev("photos~3", &genesis);
	assert_rev("photos~1~1", &c1);
	assert_rev("photos~~", &c1);
	assert_rev("photos@v1", &c1);
	assert_rev("photos@v1~", &genesis);
	assert_rev("merged", &merge);
	assert_no_rev("photos~4", CEL_ENOINPUT, "beyond the first commit");
	assert_no_rev("photos~999999999999999999", CEL_ENOINPUT, "beyond");
	assert_no_rev("photos~9999999999999999999", CEL_EUSAGE, "number");
	assert_no_rev("photos~x", CEL_EUSAGE, "number");
	assert_no_rev("photos~1x", CEL_EUSAGE, "number");
	char text[CEL_CID_TEXT_SIZE];
	cid_format(&side, text);
	assert_no_rev("merged~1", CEL_EUSAGE, text);
	cid_format(&c3, text);
	assert_no_rev("merged~1", CEL_EUSAGE, text);
	assert_no_rev("", CEL_EUSAGE, "empty");
	assert_no_rev("Photos", CEL_EUSAGE, "neither");
	assert_no_rev("../x", CEL_EUSAGE, "neither");
	assert_no_rev("@v1", CEL_EUSAGE, "collection name");
	assert_no_rev("photos@", CEL_EUSAGE, "tag name");
	assert_no_rev("photos@V", CEL_EUSAGE, "tag name");
}

static void test_near(void **state)
{
	(void)state;
	assert_no_rev("fotos", CEL_ENOINPUT, "no collection 'fotos': did you mean 'photos'?");
	assert_no_rev("pohtos", CEL_ENOINPUT, "'photos'");
	assert_no_rev("pho", CEL_ENOINPUT, "'photos'");
	assert_no_rev("fotos@v1", CEL_ENOINPUT, "'photos'");
	assert_no_rev("photos@v2", CEL_ENOINPUT, "no tag of 'photos' 'v2': did you mean 'v1'?");
	assert_no_rev("merged@v2", CEL_ENOINPUT, "none yet");
	assert_no_rev("something-else", CEL_ENOINPUT, "no collection 'something-else'");
	fake_store_set_ref(store, "heads/photon", &c1, 0);
	assert_no_rev("photo", CEL_ENOINPUT, "'photon' or 'photos'");
	fake_store_set_ref(store, "heads/photo2", &c1, 0);
	assert_no_rev("photo", CEL_ENOINPUT, "'photo2', 'photon' or 'photos'?");
	fake_store_set_ref(store, "heads/photo2", NULL, 0);
	fake_store_set_ref(store, "heads/photon", NULL, 0);
}

static void test_cids(void **state)
{
	(void)state;
	const struct cid *const all[] = {&genesis, &c1, &c2, &c3, &side, &merge};
	char text[CEL_CID_TEXT_SIZE], other[CEL_CID_TEXT_SIZE];
	for (size_t i = 0; i < 6; i++) {
		cid_format(all[i], text);
		assert_rev(text, all[i]);
		size_t unique = 8;
		for (size_t j = 0; j < 6; j++) {
			size_t common = 0;
			cid_format(all[j], other);
			while (j != i && text[common] == other[common])
				common++;
			unique = common + 1 > unique ? common + 1 : unique;
		}
		text[unique] = '\0';
		assert_rev(text, all[i]);
		if (i > 0) {
			strcat(text, "~0");
			assert_rev(text, all[i]);
		}
	}
	cid_format(&c1, text);
	text[7] = '\0'; /* "bafyrei" is how all begin */
	assert_no_rev(text, CEL_ENOINPUT, "no collection");
	assert_no_rev("bafyreiaaaaaaaaaaaaaaaa", CEL_ENOINPUT, "no commit whose CID begins so");
	cid_format(&c1, text);
	memset(text + 10, 'a', 40);
	assert_no_rev(text, CEL_ENOINPUT, "the store has no commit");
	memset(text + 1, 'b', 10);
	assert_no_rev(text, CEL_ENOINPUT, "no CID either");
	cid_format(&tree, text);
	assert_no_rev(text, CEL_ENOINPUT, "is not a commit");
	/* names win over CIDs */
	cid_format(&c2, text);
	char ref[STORE_REF_MAX];
	snprintf(ref, sizeof ref, "heads/%s", text);
	fake_store_set_ref(store, ref, &c1, 0);
	assert_rev(text, &c1);
	fake_store_set_ref(store, ref, NULL, 0);
	assert_rev(text, &c2);
}

/* Among 200 commits on one line some begin with the same 8 characters, and all can be told apart by 14 or so. */
static void test_long_history(void **state)
{
	(void)state;
	static struct cid all[200];
	char text[CEL_CID_TEXT_SIZE];
	for (uint64_t i = 0; i < 200; i++)
		all[i] = commit_on(i == 0 ? &c3 : &all[i - 1], NULL, i + 4, "more");
	fake_store_set_ref(store, "heads/many", &all[199], 0);
	for (size_t i = 0; i < 200; i += 13) {
		cid_format(&all[i], text);
		text[20] = '\0';
		assert_rev(text, &all[i]);
	}
	size_t n_ambiguous = 0;
	for (size_t i = 0; i < 200; i++) {
		struct cid cid;
		struct cel_error e = {0};
		cid_format(&all[i], text);
		text[8] = '\0';
		int rc = rev_resolve(fake_store_read(store), text, &cid, &e);
		assert_true(rc == 0 || rc == CEL_EUSAGE);
		n_ambiguous += rc < 0 && strstr(e.message, "several commits") != NULL;
	}
	assert_true(n_ambiguous >= 200 - 32);
	assert_rev("many~199", &all[0]);
	/* a hole in the history */
	fake_store_remove(store, &all[100]);
	assert_no_rev("bafyreiaaaaaaaaaaaaaaaa", CEL_ECORRUPT, "is missing");
	assert_no_rev("many~150", CEL_ECORRUPT, "is missing");
	assert_rev("many~99", &all[100]);
	fake_store_set_ref(store, "heads/many", NULL, 0);
}

static void test_log(void **state)
{
	(void)state;
	assert_rev("photos@{0}", &c3);
	assert_rev("photos@{1}", &c2);
	assert_rev("photos@{3}", &genesis);
	assert_rev("photos@{1}~", &c1);
	assert_no_rev("photos@{4}", CEL_ENOINPUT, "has 4 entries, the oldest is 'photos@{3}'");
	assert_no_rev("photos@{99999999999999999999}", CEL_EUSAGE, "too large");
	assert_no_rev("fotos@{0}", CEL_ENOINPUT, "did you mean 'photos'");
	assert_no_rev("fotos@{2026-01-01}", CEL_ENOINPUT, "did you mean 'photos'");
	assert_no_rev("gone@{0}", CEL_ENOINPUT, "deleted");
	assert_rev("gone@{1}", &c1);
	assert_rev("gone@{2026-11-01}", &c1);
	assert_no_rev("gone@{2026-11-02}", CEL_ENOINPUT, "deleted");

	assert_no_rev("photos@{2026-10-31}", CEL_ENOINPUT, "begins later than '2026-10-31', at 2026-11-01 09:00:00");
	assert_rev("photos@{2026-11-01}", &genesis);
	assert_no_rev("photos@{2026-11-01 08:59}", CEL_ENOINPUT, "begins later");
	assert_rev("photos@{2026-11-01 09:00}", &genesis);
	assert_rev("photos@{2026-11-02 23:59:58}", &genesis);
	assert_rev("photos@{2026-11-02 23:59:59}", &c1);
	assert_rev("photos@{2026-11-02T23:59}", &c1);
	assert_rev("photos@{2026-11-02}", &c1);
	assert_rev("photos@{2026-11-03 00:00:00}", &c2);
	assert_rev("photos@{2026-11-03 10:30:14}", &c2);
	assert_rev("photos@{2026-11-03 10:30}", &c3);
	assert_rev("photos@{2026-11-03}", &c3);
	assert_rev("photos@{2099-12-31}~2", &c1);
}

static void test_times(void **state)
{
	(void)state;
	static const char *const BAD[] = {"",           "today",      "2026-",        "2026-11",          "2026-11-",
					  "2026-13-01", "2026-00-10", "2026-11-31",   "2026-02-29",       "2026-11-00",
					  "26-11-01",   "2026-1-1",   "2026-11-01 ",  "2026-11-01 24:00", "2026-11-01 10",
					  "2026-11-01 10:60", "2026-11-01 10:00:60", "2026-11-01 10:00:00 ", "-1", "1x",
					  "2026-11-01 10:00:", "yesterday "};
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		char rev[64];
		snprintf(rev, sizeof rev, "photos@{%s}", BAD[i]);
		assert_no_rev(rev, CEL_EUSAGE, "is no time");
	}
	assert_no_rev("photos@{1", CEL_EUSAGE, "closing brace");
	assert_no_rev("photos@{", CEL_EUSAGE, "closing brace");
	int64_t t;
	assert_int_equal(reflog_parse_time("2024-02-29", 0, &t, NULL), 0);
	assert_int_equal(t, local_time(2024, 3, 1, 0, 0, 0) - 1);
	time_t now = local_time(2026, 3, 30, 12, 0, 0); /* the day after clocks were put forward: yesterday had 23 hours */
	assert_int_equal(reflog_parse_time("yesterday", now, &t, NULL), 0);
	assert_int_equal(t, local_time(2026, 3, 30, 0, 0, 0) - 1);
	assert_int_equal(reflog_parse_time("2026-03-28", now, &t, NULL), 0);
	assert_int_equal(t, local_time(2026, 3, 30, 0, 0, 0) - 1 - 23 * 3600);
}

static void test_faults(void **state)
{
	(void)state;
	static const char *const REVS[] = {"photos",    "photos~2",   "photos@v1",      "photos@v9",  "fotos",
					   "photos@{2}", "photos@{8}", "photos@{2026-10-31}", "bafyreiaaaaaaaaa"};
	for (size_t i = 0; i < sizeof REVS / sizeof *REVS; i++) {
		struct cid cid;
		struct cel_error e;
		int expected = rev_resolve(fake_store_read(store), REVS[i], &cid, &e), rc = CEL_EIO;
		for (uint64_t nth = 1; rc == CEL_EIO; nth++) {
			fake_store_fail(store, nth);
			rc = rev_resolve(fake_store_read(store), REVS[i], &cid, &e);
			fake_store_fail(store, 0);
			assert_true(rc == expected || rc == CEL_EIO);
		}
		rc = CEL_ENOMEM;
		for (uint64_t nth = 1; rc == CEL_ENOMEM; nth++) {
			mem_fault_set(nth);
			rc = rev_resolve(fake_store_read(store), REVS[i], &cid, &e);
			mem_fault_set(0);
			assert_true(rc == expected || rc == CEL_ENOMEM);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names), cmocka_unit_test(test_near),  cmocka_unit_test(test_cids),
		cmocka_unit_test(test_log),   cmocka_unit_test(test_times), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_long_history),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
