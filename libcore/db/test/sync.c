/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions between two real stores over a wire in memory: greeting, listing, access. */
#include "sync_world.h"

static char directory[256];
static struct host here, there;
static const struct cel_schema schema = {.dim = 8, .type = CEL_F32, .metric = CEL_L2, .model = "m"};

static int setup(void **state)
{
	(void)state;
	make_directory(directory);
	host_new(&here, directory, 0);
	host_new(&there, directory, 1);
	host_create(&there, "photos", &schema);
	host_create(&there, "words", &schema);
	host_commit(&there, "words", &(struct edits){0, 1, 100, 1}, 10);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	host_close(&here);
	host_close(&there);
	remove_tree(directory);
	return 0;
}

static int note(void *context, const struct sync_entry *entry, struct cel_error *error)
{
	char *text = context;
	(void)error;
	assert_true(schema_equal(&entry->schema, &schema));
	sprintf(text + strlen(text), "%s %d %u,", entry->name, entry->can_write, (unsigned)entry->records);
	return 0;
}

static void lists_what_may_be_read(void **state)
{
	(void)state;
	struct access_rule rules[2];
	assert_ok(access_rule_parse("words:r", &rules[0], &e));
	const struct access words = {.rules = rules, .n = 1}, all = {0}, none = {.is_closed = true};
	const struct {
		const struct access *access;
		const char *prefix, *expected;
	} cases[] = {{&all, "", "photos 1 0,words 1 100,"}, {&all, "w", "words 1 100,"}, {&words, "", "words 0 100,"},
		     {&none, "", ""}, {&all, "x", ""}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct wire w;
		char text[200] = "";
		struct session_counts counts;
		wire_new(&w, i % 2 == 0 ? &here : NULL, &there, cases[i].access);
		w.random = i;
		assert_int_equal(session_state(w.client), SESSION_IDLE);
		assert_ok(session_list(w.client, cases[i].prefix, note, text, &e));
		assert_int_equal(session_state(w.client), SESSION_WAITING);
		assert_ok(wire_run(&w));
		assert_string_equal(text, cases[i].expected);
		assert_int_equal(session_state(w.client), SESSION_IDLE);
		session_counts(w.client, &counts);
		assert_true(counts.round_trips == 1 || w.random != 0);
		assert_ok(session_bye(w.client, &e));
		assert_ok(wire_run(&w));
		assert_int_equal(session_state(w.client), SESSION_DONE);
		assert_int_equal(session_state(w.server), SESSION_DONE);
		assert_ok(session_receive_end(w.server, &e));
		assert_ok(session_receive_end(w.client, &e));
		wire_free(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(lists_what_may_be_read, setup, teardown)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
