/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, each beside something that looks like it and is allowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cel.h"
#include "screen.h"

static int screen(const char *text, struct cel_error *e)
{
	return filter_screen(slice_text(text), e);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *name;
	} CASES[] = {
		{"env", "'env'"},
		{"env.HOME==\"x\"", "'env'"},
		{"$ENV.HOME", "'$ENV'"},
		{"$ ENV", "'$ENV'"},
		{"$#comment\nENV", "'$ENV'"},
		{"import \"a\" as a; a::f", "'import'"},
		{"include \"a\"; f", "'include'"},
		{"\"m\"|modulemeta", "'modulemeta'"},
		{"input", "'input'"},
		{"[inputs]", "'inputs'"},
		{"input_filename", "'input_filename'"},
		{"input_line_number", "'input_line_number'"},
		{"now>0", "'now'"},
		{"0|localtime", "'localtime'"},
		{"0|strflocaltime(\"%H\")", "'strflocaltime'"},
		{".|debug", "'debug'"},
		{".|stderr", "'stderr'"},
		{"halt", "'halt'"},
		{"\"x\"|halt_error", "'halt_error'"},
		{"\"\\(env)\"", "'env'"},
		{"\"a\\(\"b\\(now)\")c\"", "'now'"},
		{"\"\\\\\\(now)\"", "'now'"},
		{"\"a\\((1))b\"|env", "'env'"},
		{".a#\"\n|env", "'env'"},
		{"..|env", "'env'"},
		{"def f: env; f", "'env'"},
		{"@json \"\\(input)\"", "'input'"},
		{".[\"\\(env)\"]", "'env'"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct cel_error e;
		if (screen(CASES[i].text, &e) != CEL_EUSAGE)
			fail_msg("allowed: %s", CASES[i].text);
		assert_non_null(strstr(e.message, CASES[i].name));
	}
}

static void test_allowed(void **state)
{
	static const char *const CASES[] = {
		"true", ".env", ".a.now", "\"env\"", "\"$ENV\" == .x", ".x # env", "# now", "environment", ".[\"input\"]", "$id", "$__loc__",
		"\"\\\\(env)\"", "\"\\\"env\"", "@base64 \"now\"", "renow", "envy or halted", "\"a\\(.b)env\"", "\"a\\((.b))env\"", "",
		"def f(x): x; f(.)", ".date | fromdate > 5", "gmtime", "1.5e3", "(((", ")))", "\"", "\"\\", "\"\\(", "$", ".", "@", "#",
		". as $env | 1", "\"\xc3\xa9\"",
	};
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct cel_error e;
		if (screen(CASES[i], &e) != 0)
			fail_msg("refused: %s: %s", CASES[i], e.message);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	static char text[FILTER_MAX + 2];
	struct cel_error e;
	memset(text, ' ', sizeof text - 1);
	assert_int_equal(screen(text, &e), CEL_EUSAGE);
	text[FILTER_MAX] = '\0';
	assert_int_equal(screen(text, &e), 0);
	memset(text, '(', 2000);
	assert_int_equal(screen(text, &e), CEL_EUSAGE);
	for (size_t i = 0; i + 3 <= 6000; i += 3)
		memcpy(text + i, "\"\\(", 3);
	assert_int_equal(screen(text, &e), CEL_EUSAGE);
	assert_int_equal(filter_screen(slice_make("a\0b", 3), &e), CEL_EUSAGE);
	assert_int_equal(filter_screen(slice_make("\xff", 1), &e), CEL_EUSAGE);
}

/* No byte outside of the expression is read, whatever it is: every beginning of some texts, in a block of its own size. */
static void test_cut(void **state)
{
	(void)state;
	static const char TEXT[] = "\"a\\(\"b\\(.c)\\\" \")\" # x\n | $ id | .d @text \"\\(1)\"";
	for (size_t n = 0; n < sizeof TEXT; n++) {
		char *copy = test_malloc(n > 0 ? n : 1);
		memcpy(copy, TEXT, n);
		filter_screen(slice_make(copy, n), NULL);
		test_free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused), cmocka_unit_test(test_allowed), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests_name("filter/screen", tests, NULL, NULL);
}
