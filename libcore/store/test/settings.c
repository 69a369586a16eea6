/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: set, got, listed, removed, kept; and who may not. */
#include "fixture.h"
#include "lock.h"
#include "settings.h"

static char value[SETTING_VALUE_MAX];

static struct store *open_store(bool is_read_only)
{
	struct store *s;
	struct store_options options = {.is_read_only = is_read_only};
	assert_ok(store_open(path, &options, &s, &e));
	return s;
}

static void set_get_and_remove(void **state)
{
	(void)state;
	struct store *s = open_store(false);
	assert_code(CEL_ENOTFOUND, settings_get(s, "remote/a", value, &e));
	assert_ok(settings_set(s, 0, "remote/a", "host:/x", true, &e));
	assert_code(CEL_ECANTCREAT, settings_set(s, 0, "remote/a", "other", true, &e));
	assert_ok(settings_get(s, "remote/a", value, &e));
	assert_string_equal(value, "host:/x");
	assert_ok(settings_set(s, 0, "remote/a", "other", false, &e));
	store_free(s);
	s = open_store(true);
	assert_ok(settings_get(s, "remote/a", value, &e));
	assert_string_equal(value, "other");
	assert_code(CEL_EPERMISSION, settings_set(s, 0, "remote/a", NULL, false, &e));
	store_free(s);
	s = open_store(false);
	assert_ok(settings_set(s, 0, "remote/a", NULL, false, &e));
	assert_code(CEL_ENOTFOUND, settings_set(s, 0, "remote/a", NULL, false, &e));
	assert_code(CEL_ENOTFOUND, settings_get(s, "remote/a", value, &e));
	store_free(s);
}

static void listed_in_order(void **state)
{
	(void)state;
	static const char *const NAMES[] = {"remote/b", "remote/a", "remote/ab", "other/x", "remoter"};
	static const char *const WANTED[] = {"remote/a", "remote/ab", "remote/b"};
	struct store *s = open_store(false);
	char position[SETTING_NAME_MAX] = "";
	size_t n = 0;
	assert_code(0, settings_next(s, "remote/", position, value, &e));
	for (size_t i = 0; i < 5; i++)
		assert_ok(settings_set(s, 0, NAMES[i], NAMES[i], true, &e));
	for (; settings_next(s, "remote/", position, value, &e) == 1; n++) {
		assert_true(n < 3);
		assert_string_equal(position, WANTED[n]);
		assert_string_equal(value, WANTED[n]);
	}
	assert_int_equal(n, 3);
	store_free(s);
}

static void limits(void **state)
{
	(void)state;
	static char text[SETTING_VALUE_MAX + 1];
	struct store *s = open_store(false);
	int lock;
	memset(text, 'x', SETTING_VALUE_MAX);
	assert_code(CEL_EUSAGE, settings_set(s, 0, "a", text, true, &e));
	assert_ok(settings_set(s, 0, "a", text + 1, true, &e)); /* the longest there is */
	assert_ok(settings_get(s, "a", value, &e));
	assert_string_equal(value, text + 1);
	text[SETTING_NAME_MAX] = '\0';
	assert_code(CEL_EUSAGE, settings_set(s, 0, text, "", true, &e));
	assert_code(CEL_EUSAGE, settings_set(s, 0, "", "", true, &e));
	assert_ok(writer_lock_acquire(path, 0, &lock, &e));
	assert_code(CEL_EBUSY, settings_set(s, 0, "b", "", true, &e));
	writer_lock_release(lock);
	assert_ok(settings_set(s, 0, "b", "", true, &e));
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(set_get_and_remove, setup, teardown),
		cmocka_unit_test_setup_teardown(listed_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
	};
	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
