/* SPDX-License-Identifier: Apache-2.0 */
/* Places taken apart, the odd ones too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h wants the ones above */
#include <cmocka.h>

#include "cel.h"

static const struct {
	const char *text;
	enum cel_place_kind kind;
	const char *user, *name, *path, *rev; /* name: of the host or the remote */
} GOOD[] = {
	{"words", CEL_PLACE_HERE, "", "", "", "words"},
	{"words@v1", CEL_PLACE_HERE, "", "", "", "words@v1"},
	{"words@{2026-11-21 10:00}", CEL_PLACE_HERE, "", "", "", "words@{2026-11-21 10:00}"},
	{"words@{2026-11-21 10:00:59}~2", CEL_PLACE_HERE, "", "", "", "words@{2026-11-21 10:00:59}~2"},
	{"./a:b", CEL_PLACE_PATH, "", "", "./a", "b"},
	{"/:b", CEL_PLACE_PATH, "", "", "/", "b"},
	{"a/b:c:words@v1", CEL_PLACE_PATH, "", "", "a/b:c", "words@v1"},
	{"../s:words@{2026-11-21 10:00}", CEL_PLACE_PATH, "", "", "../s", "words@{2026-11-21 10:00}"},
	{"./a}b{c:words@{1}", CEL_PLACE_PATH, "", "", "./a}b{c", "words@{1}"},
	{"./a{b:words", CEL_PLACE_PATH, "", "", "./a{b", "words"},
	{"./-x y:words", CEL_PLACE_PATH, "", "", "./-x y", "words"},
	{"-x/y:words", CEL_PLACE_PATH, "", "", "-x/y", "words"},
	{"C:words", CEL_PLACE_REMOTE, "", "C", "", "words"},
	{"origin:words~3", CEL_PLACE_REMOTE, "", "origin", "", "words~3"},
	{"host:path:rev", CEL_PLACE_HOST, "", "host", "path", "rev"},
	{"host:a:b:rev", CEL_PLACE_HOST, "", "host", "a:b", "rev"},
	{"host:/data/a@b:words@{10:00}", CEL_PLACE_HOST, "", "host", "/data/a@b", "words@{10:00}"},
	{"me@host:/a/b:words", CEL_PLACE_HOST, "me", "host", "/a/b", "words"},
};

static void good_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
		struct cel_place place;
		struct cel_error e = {0};
		if (cel_place_parse(GOOD[i].text, &place, &e) < 0)
			fail_msg("%s: %s", GOOD[i].text, e.message);
		if ((int)place.kind != (int)GOOD[i].kind)
			fail_msg("%s: kind %d", GOOD[i].text, (int)place.kind);
		assert_string_equal(place.user, GOOD[i].user);
		assert_string_equal(place.host, place.kind == CEL_PLACE_HOST ? GOOD[i].name : "");
		assert_string_equal(place.remote, place.kind == CEL_PLACE_REMOTE ? GOOD[i].name : "");
		assert_string_equal(place.path, GOOD[i].path);
		assert_string_equal(place.rev, GOOD[i].rev);
	}
}

static void bad_places(void **state)
{
	(void)state;
	static const char *const BAD[] = {
		"", ":", ":words", "words:", "./a:", "-host:path:rev", "-origin:rev", "me@-host:path:rev", "-me@host:path:rev",
		"@host:path:rev", "me@:path:rev", "host::rev", "ho st:path:rev", "ho\nst:path:rev", "ho\xffst:rev", "a b:rev", "./a", "a/b@{10:00}",
	};
	struct cel_place place;
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		struct cel_error e = {0};
		if (cel_place_parse(BAD[i], &place, &e) != CEL_EUSAGE || e.code != CEL_EUSAGE || e.message[0] == '\0')
			fail_msg("'%s' was taken", BAD[i]);
	}
}

static void places_of_stores(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum cel_place_kind kind;
	} STORES[] = {{"./a:b", CEL_PLACE_PATH}, {"/srv/store", CEL_PLACE_PATH}, {"host:store", CEL_PLACE_HOST},
		      {"me@host:~/s", CEL_PLACE_HOST}, {"berlin", CEL_PLACE_REMOTE}};
	static const char *const BAD[] = {"", "-x", "-host:path", "host:", ":path", "a b"};
	struct cel_place place;
	struct cel_error e;
	for (size_t i = 0; i < sizeof STORES / sizeof *STORES; i++) {
		assert_int_equal(cel_place_parse_store(STORES[i].text, &place, &e), 0);
		assert_int_equal(place.kind, STORES[i].kind);
		assert_string_equal(place.rev, "");
	}
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
		assert_int_equal(cel_place_parse_store(BAD[i], &place, &e), CEL_EUSAGE);
}

static void parts_too_long(void **state)
{
	(void)state;
	static const struct {
		const char *before, *after;
		size_t limit;
	} PARTS[] = {{"", "", 256}, {"./a:", "", 256}, {"", ":b", 64}, {"", ":c:b", 256}, {"", "@h:c:b", 64}, {"h:", ":b", 4096},
		     {"/", ":b", 4095}};
	for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
		for (size_t more = 0; more < 2; more++) {
			char text[5000];
			struct cel_place place;
			int n = snprintf(text, sizeof text, "%s", PARTS[i].before);
			memset(text + n, 'x', PARTS[i].limit - 1 + more);
			strcpy(text + (size_t)n + PARTS[i].limit - 1 + more, PARTS[i].after);
			assert_int_equal(cel_place_parse(text, &place, NULL), more == 0 ? 0 : CEL_EUSAGE);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_places),
		cmocka_unit_test(bad_places),
		cmocka_unit_test(parts_too_long),
		cmocka_unit_test(places_of_stores),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
