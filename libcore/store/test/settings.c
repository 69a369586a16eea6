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

/* A setting with others and refs: all of it, what is not there passed by; or nothing. */
static void removed_with_what_belongs_to_it(void **state)
{
	(void)state;
	static const char *const NAMES[] = {"with/a", "with/none"}, *const REFS[] = {"fetched/1/a", "fetched/1/none"};
	struct settings_removal beside = {NAMES, REFS, 2, 2, "test", 7};
	struct store *s = open_store(false);
	struct store_batch *b;
	struct store_read *r;
	struct store_log_entry entry;
	struct store_ref_update updates[2] = {{.ref = "fetched/1/a", .has_new = true, .message = "made"},
					      {.ref = "fetched/2/a", .has_new = true, .message = "made"}};
	struct cid cid;
	assert_ok(store_batch_begin(s, 0, &b, &e));
	assert_ok(store_batch_put(b, CID_RAW, slice_text("block"), &updates[0].new, &e));
	updates[1].new = updates[0].new;
	assert_ok(store_batch_commit(b, NULL, updates, 2, 1, &e));
	store_batch_free(b);
	assert_ok(settings_set(s, 0, "with/a", "", true, &e));
	assert_ok(settings_set(s, 0, "with/b", "", true, &e));
	for (int is_there = 0; is_there < 2; is_there++) {
		if (is_there)
			assert_ok(settings_set(s, 0, "remote/a", "host:/x", true, &e));
		assert_code(is_there ? 0 : CEL_ENOTFOUND, settings_remove(s, 0, "remote/a", &beside, &e));
		assert_code(is_there ? CEL_ENOTFOUND : 0, settings_get(s, "with/a", value, &e));
		assert_ok(settings_get(s, "with/b", value, &e));
		assert_ok(store_read_begin(s, &r, &e));
		assert_code(is_there ? CEL_ENOTFOUND : 0, store_read_ref(r, "fetched/1/a", &cid, &e));
		assert_ok(store_read_ref(r, "fetched/2/a", &cid, &e));
		assert_ok(store_read_ref_log(r, "fetched/1/a", 0, &entry, &e));
		assert_int_equal(entry.has_new, !is_there);
		store_read_end(r);
	}
	assert_code(CEL_ENOTFOUND, settings_get(s, "remote/a", value, &e));
	assert_true(entry.time == 7 && strcmp(entry.message, "test") == 0);
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
		cmocka_unit_test_setup_teardown(removed_with_what_belongs_to_it, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
	};
	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
