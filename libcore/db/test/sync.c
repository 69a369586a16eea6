/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions between two real stores over a wire in memory: greeting, listing, access. */
#include "sync_pair.h"

#include "forgotten.h"

static const struct cel_schema schema = {.dim = 8, .type = CEL_F32, .metric = CEL_L2, .model = "m"};

static int setup(void **state)
{
	(void)state;
	pair_new(&schema);
	host_create(&there, "photos", &schema);
	host_commit(&there, "words", &(struct edits){0, 1, 100, 1}, 10);
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

static void tag(struct host *h, const char *ref, const char *name)
{
	struct store_batch *batch;
	struct store_ref_update update = {.ref = ref, .has_new = true, .new = host_head(h, name), .message = "test"};
	assert_ok(store_batch_begin(h->store.store, 0, &batch, &e));
	assert_ok(store_batch_commit(batch, NULL, &update, 1, 0, &e));
	store_batch_free(batch);
}

static void lists_what_may_be_read(void **state)
{
	(void)state;
	struct access_rule rules[2];
	tag(&there, "tags/words/v1", "words");
	tag(&there, "tags/words/v2", "words");
	tag(&there, "tags/photos/old", "photos");
	assert_ok(access_rule_parse("words:r", &rules[0], &e));
	const struct access words = {.rules = rules, .n = 1}, all = {0}, none = {.is_closed = true};
	const struct {
		const struct access *access;
		const char *prefix, *expected;
	} cases[] = {{&all, "", "photos 1 0,words 1 100,"}, {&all, "w", "words 1 100,"}, {&words, "", "words 0 100,"},
		     {&none, "", ""}, {&all, "x", ""},
		     /* tags, which may be read as their collection may */
		     {&all, "words@", "v1 1 100,v2 1 100,"}, {&words, "words@", "v1 0 100,v2 0 100,"}, {&words, "photos@", ""},
		     {&all, "photos@", "old 1 0,"}, {&none, "words@", ""}, {&all, "words@v2", "v2 1 100,"}, {&all, "word@", ""}};
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

/* ---- fetching */

static void fetches_history_and_trees(void **state)
{
	(void)state;
	struct session_fetched f;
	struct session_counts counts;
	for (unsigned i = 2; i < 30; i++)
		host_commit(&there, "words", &(struct edits){i, 7, 100 + i * 5, i % 5}, 10 + i);
	struct cid head = host_head(&there, "words"), kept;
	assert_ok(fetch(&here, &there, "words", 0, &f, &counts));
	assert_true(cid_equal(&f.tip, &head) && !f.is_up_to_date && f.commits == 30);
	assert_int_equal(counts.round_trips, 2);
	check_whole(&here, &head);
	assert_true(host_ref(&here, f.ref, &kept) && cid_equal(&kept, &head));
	assert_int_equal(count_refs(&here, "quarantine/"), 0);
	assert_ok(fetch(&here, &there, "words", 0, &f, &counts));
	assert_true(f.is_up_to_date && f.commits == 0);
	assert_true(counts.sent + counts.received <= 1024);
	print_message("no change: %u bytes, %u round trips\n", (unsigned)(counts.sent + counts.received),
		      (unsigned)counts.round_trips);
	head = host_commit(&there, "words", &(struct edits){1, 9, 120, 77}, 100);
	assert_ok(fetch(&here, &there, "words", 99, &f, &counts));
	assert_true(cid_equal(&f.tip, &head) && f.commits == 1 && f.changes == 14);
	check_whole(&here, &head);
	assert_ok(fetch(&here, &there, "words~3", 99, &f, &counts));
	assert_true(f.is_up_to_date);
}

static void copies_a_large_tree_node_by_node(void **state)
{
	(void)state;
	static const struct cel_schema large = {.dim = 100, .type = CEL_F32, .metric = CEL_L2};
	struct session_fetched f;
	host_create(&there, "big", &large);
	for (unsigned k = 0; k < 3; k++) {
		struct cid head = host_commit(&there, "big", &(struct edits){0, 1, 6000, k + 1}, 10 + k);
		if (k == 1)
			continue;
		assert_ok(fetch(&here, &there, "big", k, &f, NULL));
		check_whole(&here, &head);
		assert_true(k == 0 ? f.nodes > 100 && f.values == 6000 : f.nodes == 0 && f.changes == 12000);
		assert_int_equal(count_refs(&here, "quarantine/"), 0);
	}
}

/* The giver has forgotten the tree that both would begin from. */
static void compares_nodes_where_no_patch_can_be(void **state)
{
	(void)state;
	static const struct cel_schema large = {.dim = 100, .type = CEL_F32, .metric = CEL_L2};
	struct session_fetched f;
	struct session_counts counts;
	struct store_batch *batch;
	char ref[FORGOTTEN_REF_MAX];
	host_create(&there, "big", &large);
	struct cid base = host_commit(&there, "big", &(struct edits){0, 1, 20000, 1}, 10);
	assert_ok(fetch(&here, &there, "big", 0, &f, NULL));
	struct cid head = host_commit(&there, "big", &(struct edits){5, 1000, 20000, 2}, 11);
	struct store_ref_update mark = forgotten_mark(&base, ref);
	assert_ok(store_batch_begin(there.store.store, 0, &batch, &e));
	assert_ok(store_batch_commit(batch, NULL, &mark, 1, 0, &e));
	store_batch_free(batch);
	assert_ok(fetch(&here, &there, "big", 0, &f, &counts));
	check_whole(&here, &head);
	print_message("20 of 20,000 by nodes: %u nodes, %u values, %u bytes, %u round trips\n", (unsigned)f.nodes, (unsigned)f.values,
		      (unsigned)(counts.sent + counts.received), (unsigned)counts.round_trips);
	assert_true(f.changes == 0 && f.values == 20 && f.nodes >= 21 && f.nodes < 60);
	assert_true(counts.sent + counts.received < 200000);
	assert_int_equal(count_refs(&here, "quarantine/"), 0);
}

/* More commits than a page has, and more of our own than the first names of what is here reach. */
static void long_histories_meet(void **state)
{
	(void)state;
	struct session_fetched f;
	struct session_counts counts;
	for (unsigned i = 0; i < 1100; i++)
		host_commit(&there, "words", &(struct edits){i % 100, 1, i % 100 + 1, i + 2}, 10 + i);
	assert_ok(fetch(&here, &there, "words", 0, &f, &counts));
	assert_true(f.commits == 1102);
	check_whole(&here, &f.tip);
	struct store_batch *batch;
	struct cid tip = f.tip;
	assert_ok(store_batch_begin(here.store.store, 0, &batch, &e));
	host_move(&here, batch, "other", NULL, &tip);
	struct cid head = host_commit(&there, "words", &(struct edits){3, 1, 4, 1}, 2000);
	for (unsigned i = 0; i < 60; i++)
		host_commit(&here, "other", &(struct edits){i, 1, i + 1, i + 7}, 3000 + i);
	/* what was fetched is forgotten: the line in common is that of `other` alone, 60 commits down */
	struct store_ref_update gone = {.ref = f.ref, .has_old = true, .old = tip, .is_unlogged = true};
	assert_ok(store_batch_begin(here.store.store, 0, &batch, &e));
	assert_ok(store_batch_commit(batch, NULL, &gone, 1, 0, &e));
	store_batch_free(batch);
	assert_ok(fetch(&here, &there, "words", 0, &f, &counts));
	assert_true(cid_equal(&f.tip, &head) && f.changes == 1 && f.commits < 12);
	assert_int_equal(counts.round_trips, 3);
	check_whole(&here, &head);
}

/* Wherever memory runs out, both sides end, and either all is there or nothing has moved. */
static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	uint64_t n_failed = 0;
	bool is_reached = true;
	host_commit(&there, "words", &(struct edits){0, 3, 100, 2}, 11);
	for (uint64_t nth = 1; is_reached; nth += 1 + nth / 40) {
		struct wire w;
		struct session_fetched f;
		struct session_client call = {.side = &here.side, .store = ""};
		struct session_server server = {.side = &there.side};
		w = (struct wire){0};
		mem_fault_set(nth);
		int rc = session_call_new(&w.client, &call, &e);
		if (rc == 0)
			rc = session_serve_new(&w.server, &server, &e);
		if (rc == 0)
			rc = session_fetch(w.client, "words", NULL, &f, &e);
		bool is_moving = rc == 0;
		while (is_moving) {
			struct slice out;
			is_moving = false;
			for (int i = 0; i < 2; i++) {
				struct session *from = i == 0 ? w.client : w.server, *to = i == 0 ? w.server : w.client;
				int rc_out = session_output(from, &out, &e);
				if (out.size > 0) {
					session_receive(to, out, &e);
					session_sent(from, out.size);
					is_moving = true;
				}
				(void)rc_out;
			}
		}
		is_reached = mem_fault_count() >= nth;
		mem_fault_set(0);
		bool is_done = w.client != NULL && rc == 0 && session_state(w.client) == SESSION_IDLE;
		n_failed += !is_done;
		assert_true(is_done || count_refs(&here, "fetched/") == 0);
		if (is_done) { /* as before, for the next */
			struct store_batch *batch;
			struct store_ref_update gone = {.ref = f.ref, .has_old = true, .old = f.tip, .is_unlogged = true};
			check_whole(&here, &f.tip);
			assert_ok(store_batch_begin(here.store.store, 0, &batch, &e));
			assert_ok(store_batch_commit(batch, NULL, &gone, 1, 0, &e));
			store_batch_free(batch);
		}
		wire_free(&w);
	}
	assert_true(n_failed > 20);
}

/* ---- pushing */

static void pushes_forward_or_says_why_not(void **state)
{
	(void)state;
	struct session_pushed p;
	struct session_counts counts;
	struct session_push_options dry = {.is_dry_run = true}, merging = {.is_merging = true, .policy = CEL_POLICY_NEWEST};
	host_create(&here, "words", &schema);
	struct cid head = host_commit(&here, "words", &(struct edits){0, 3, 60, 5}, 50), theirs = host_head(&there, "words");
	assert_ok(push(&here, &there, "words", "mine", 0, &dry, &p, NULL));
	assert_true(p.outcome == SESSION_WOULD && p.commits == 1);
	assert_ok(push(&here, &there, "words", "mine", 7, NULL, &p, &counts));
	assert_true(p.outcome == SESSION_CREATED && cid_equal(&p.commit, &head));
	struct cid now = host_head(&there, "mine");
	assert_true(cid_equal(&now, &head));
	check_whole(&there, &now);
	head = host_commit(&here, "words", &(struct edits){0, 4, 60, 6}, 60);
	assert_ok(push(&here, &there, "words", "mine", 0, NULL, &p, &counts));
	assert_true(p.outcome == SESSION_FORWARDED && cid_equal(&p.commit, &head) && p.changes == 15);
	assert_int_equal(counts.round_trips, 3);
	assert_ok(push(&here, &there, "words", "mine", 0, NULL, &p, NULL));
	assert_int_equal(p.outcome, SESSION_UNCHANGED);
	assert_ok(push(&here, &there, "words~1", "mine", 0, NULL, &p, NULL));
	assert_int_equal(p.outcome, SESSION_UNCHANGED);
	assert_ok(push(&here, &there, "words", "words", 0, NULL, &p, NULL));
	assert_true(p.outcome == SESSION_DIVERGED && cid_equal(&p.commit, &theirs));
	now = host_head(&there, "words");
	assert_true(cid_equal(&now, &theirs));
	assert_ok(push(&here, &there, "words", "words", 0, &merging, &p, NULL));
	assert_true(p.outcome == SESSION_MERGED && p.conflicts == 30);
	now = host_head(&there, "words");
	assert_true(cid_equal(&now, &p.commit));
	check_whole(&there, &now);
	assert_int_equal(count_refs(&there, "quarantine/"), 0);
}

static void refuses_what_is_not_allowed(void **state)
{
	(void)state;
	struct access_rule rule;
	assert_ok(access_rule_parse("words:r", &rule, &e));
	const struct access access = {.rules = &rule, .n = 1};
	struct cid head = host_head(&there, "photos");
	char cid[CEL_CID_TEXT_SIZE];
	cid_format(&head, cid);
	const char *const revs[] = {"photos", "nothing", cid, "words@{1}", "photos~1"};
	const int codes[] = {CEL_EPERMISSION, CEL_EPERMISSION, CEL_EPERMISSION, CEL_EUSAGE, CEL_EPERMISSION};
	host_create(&here, "mine", &schema);
	for (int i = 0; i < 7; i++) {
		struct wire w;
		struct session_fetched f;
		struct session_pushed p;
		wire_new(&w, &here, &there, &access);
		if (i < 5)
			assert_ok(session_fetch(w.client, revs[i], NULL, &f, &e));
		else
			assert_ok(session_push(w.client, "mine", i == 5 ? "words" : "other", NULL, &p, &e));
		assert_code(i < 5 ? codes[i] : CEL_EPERMISSION, wire_run(&w));
		assert_int_equal(session_state(w.client), SESSION_DONE);
		assert_int_equal(session_state(w.server), SESSION_DONE);
		wire_free(&w);
	}
	struct session_fetched f;
	assert_ok(fetch(&here, &there, "words", 0, &f, NULL)); /* control */
	assert_code(CEL_ENOINPUT, fetch(&here, &there, "nothing", 0, &f, NULL));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lists_what_may_be_read),
		T(fetches_history_and_trees),
		T(copies_a_large_tree_node_by_node),
		T(compares_nodes_where_no_patch_can_be),
		T(long_histories_meet),
		T(memory_may_run_out_anywhere),
		T(pushes_forward_or_says_why_not),
		T(refuses_what_is_not_allowed),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
