/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: codes, exit statuses, context, long and dirty messages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"

static void check_set_and_context(void **state)
{
	(void)state;
	struct cel_error e = {0};
	assert_int_equal(error_set(&e, CEL_EDATA, "row %d is bad", 3), CEL_EDATA);
	assert_int_equal(error_context(&e, "%s", "a.npy"), CEL_EDATA);
	assert_string_equal(e.message, "a.npy: row 3 is bad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(check_set_and_context)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
