/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: codes, exit statuses, context, and messages that are too long, dirty or cut inside a character. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"
#include "record.h"

static void check_context(void **state)
{
	(void)state;
	struct cel_error e = {0};
	assert_int_equal(error_set(&e, CEL_EDATA, "row %d is bad", 3), CEL_EDATA);
	error_context(&e, "%s", "a.npy");
	assert_string_equal(e.message, "a.npy: row 3 is bad");
	error_context(&e, "batch %d", 7);
	assert_int_equal(e.code, CEL_EDATA);
	assert_string_equal(e.message, "batch 7: a.npy: row 3 is bad");
}

static void check_null_error(void **state)
{
	(void)state;
	assert_int_equal(error_set(NULL, CEL_EDATA, "x"), CEL_EDATA);
	assert_int_equal(error_set_errno(NULL, CEL_EIO, EIO, "x"), CEL_EIO);
	assert_int_equal(error_set_errno(NULL, CEL_EIO, ENOMEM, "x"), CEL_ENOMEM);
	assert_int_equal(error_nomem(NULL, 1), CEL_ENOMEM);
	error_context(NULL, "x");
}

static void check_exit_statuses(void **state)
{
	(void)state;
	/* Frozen: these are what scripts test for. */
	static const int TABLE[][2] = {
		{0, 0}, {CEL_ENOTFOUND, 1}, {CEL_EUSAGE, 64}, {CEL_EDATA, 65}, {CEL_ENOINPUT, 66},
		{CEL_EUNAVAILABLE, 69}, {CEL_EINTERNAL, 70}, {CEL_ENOMEM, 69}, {CEL_ECORRUPT, 74}, {CEL_ECANTCREAT, 73},
		{CEL_EIO, 74}, {CEL_EBUSY, 75}, {CEL_EPROTOCOL, 76}, {CEL_EPERMISSION, 77}, {CEL_ECONFIG, 78}, {-9999, 70},
	};
	for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
		assert_int_equal(cel_error_exit_status(TABLE[i][0]), TABLE[i][1]);
		assert_true(strlen(cel_error_text(TABLE[i][0])) > 0);
	}
	assert_string_equal(cel_error_text(-9999), "unknown error");
	assert_string_equal(cel_error_text(CEL_EBUSY), "busy, try again");
}

static void check_errno(void **state)
{
	(void)state;
	struct cel_error e = {0};
	assert_int_equal(error_set_errno(&e, CEL_EIO, ENOSPC, "segment"), CEL_EIO);
	assert_string_equal(e.message, "segment: no space left on the device");
	assert_int_equal(error_set_errno(&e, CEL_EIO, EDQUOT, "segment"), CEL_EIO);
	assert_non_null(strstr(e.message, "no space left"));
	assert_int_equal(error_set_errno(&e, CEL_EIO, EACCES, "a"), CEL_EPERMISSION);
	assert_int_equal(error_set_errno(&e, CEL_ENOINPUT, EPERM, "a"), CEL_EPERMISSION);
	assert_int_equal(error_set_errno(&e, CEL_ECANTCREAT, EACCES, "a"), CEL_ECANTCREAT);
	assert_int_equal(error_set_errno(&e, CEL_ENOINPUT, ENOENT, "%s", "b"), CEL_ENOINPUT);
	assert_string_equal(e.message, "b: No such file or directory");
}

static void check_one_line(void **state)
{
	(void)state;
	struct cel_error e = {0};
	error_set(&e, CEL_EDATA, "%s", "a\nb\tc\x7f d\xff e\xc2\x85 \xc3\xa9");
	assert_string_equal(e.message, "a?b?c? d? e?? \xc3\xa9");
	error_context(&e, "x\ny");
	assert_string_equal(e.message, "x?y: a?b?c? d? e?? \xc3\xa9");
}

/* Wherever the end of the buffer falls in a character, the message stays UTF-8 and loses at most that character. */
static void check_cut(void **state)
{
	(void)state;
	static const char *const CHARACTERS[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8d\x8b"};
	for (size_t i = 0; i < 4; i++) {
		for (int shift = 0; shift < 4; shift++) {
			struct cel_error e = {0};
			char text[1400] = "";
			for (int s = 0; s < shift; s++)
				strcat(text, "x");
			while (strlen(text) < 1300)
				strcat(text, CHARACTERS[i]);
			error_set(&e, CEL_EDATA, "%s", text);
			assert_true(utf8_is_valid(slice_text(e.message)));
			assert_true(strlen(e.message) >= sizeof e.message - 4);
			assert_memory_equal(e.message, text, strlen(e.message));
			error_context(&e, "c");
			assert_true(utf8_is_valid(slice_text(e.message)));
			assert_memory_equal(e.message, "c: ", 3);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_context),  cmocka_unit_test(check_null_error), cmocka_unit_test(check_exit_statuses),
		cmocka_unit_test(check_errno),    cmocka_unit_test(check_one_line),   cmocka_unit_test(check_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
