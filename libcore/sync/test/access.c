/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of access: what they are and what they give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "access.h"

static struct access_rule rule(const char *text)
{
	struct access_rule r;
	struct cel_error e;
	assert_int_equal(access_rule_parse(text, &r, &e), 0);
	return r;
}

static void test_rights(void **state)
{
	(void)state;
	const struct access_rule rules[] = {rule("words:r"), rule("photos"), rule("team-*:rw"), rule("team-a:r")};
	struct access a = {.rules = rules, .n = 4};
	assert_int_equal(access_rights(&a, "words"), ACCESS_READ);
	assert_int_equal(access_rights(&a, "photos"), ACCESS_READ | ACCESS_WRITE);
	assert_int_equal(access_rights(&a, "photos2"), 0);
	assert_int_equal(access_rights(&a, "photo"), 0);
	assert_int_equal(access_rights(&a, "team-a"), ACCESS_READ | ACCESS_WRITE);
	assert_int_equal(access_rights(&a, "team-"), ACCESS_READ | ACCESS_WRITE);
	assert_int_equal(access_rights(&a, "team"), 0);
	a.is_read_only = true;
	assert_int_equal(access_rights(&a, "photos"), ACCESS_READ);
	const struct access_rule all = rule("*:r");
	a = (struct access){.rules = &all, .n = 1};
	assert_int_equal(access_rights(&a, "any"), ACCESS_READ);
	a = (struct access){0};
	assert_int_equal(access_rights(&a, "any"), ACCESS_READ | ACCESS_WRITE);
	a.is_closed = true;
	assert_int_equal(access_rights(&a, "any"), 0);
}

static void test_bad_rules(void **state)
{
	static const char *const BAD[] = {"", ":r", "words:w", "words:", "words:rwx", "a*b", "**", "Words", "a/b", "words:r:r"};
	(void)state;
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		struct access_rule r;
		struct cel_error e;
		assert_int_equal(access_rule_parse(BAD[i], &r, &e), CEL_EUSAGE);
	}
	char longest[80];
	memset(longest, 'a', sizeof longest);
	longest[CEL_NAME_MAX] = '\0';
	rule(longest);
	longest[CEL_NAME_MAX] = 'a';
	longest[CEL_NAME_MAX + 1] = '\0';
	struct access_rule r;
	assert_int_equal(access_rule_parse(longest, &r, NULL), CEL_EUSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rights), cmocka_unit_test(test_bad_rules)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
