/* SPDX-License-Identifier: Apache-2.0 */
/* What a transfer costs, and what is left of one that was cut off: nothing that a name leads to, and everything that need not
 * be sent again. */
#include "sync_pair.h"

#include "sync_nodes.h"

enum { DIM = 128, VECTOR = 4 * DIM };

static const struct cel_schema schema = {.dim = DIM, .type = CEL_F32, .metric = CEL_L2};

static int setup(void **state)
{
	(void)state;
	pair_new(&schema);
	return 0;
}

/* 1,000 updates among 100,000 records, and none: bytes both ways against what the changed records are long (id and vector). */
static void bytes_follow_the_change(void **state)
{
	(void)state;
	struct session_fetched f;
	struct session_pushed p;
	struct session_counts counts;
	enum { N = 100000, CHANGED = 1000 };
	host_commit(&there, "words", &(struct edits){0, 1, N, 1}, 10);
	assert_ok(fetch(&here, &there, "words", 0, &f, &counts));
	print_message("first copy: %llu bytes of %u, %u round trips\n", (unsigned long long)(counts.sent + counts.received),
		      N * (8 + VECTOR), (unsigned)counts.round_trips);
	host_commit(&there, "words", &(struct edits){7, N / CHANGED, N, 2}, 11);
	assert_ok(fetch(&here, &there, "words", 0, &f, &counts));
	uint64_t bytes = counts.sent + counts.received, records = CHANGED * (8 + VECTOR);
	print_message("1,000 updates: %llu bytes for %llu of records, %u round trips\n", (unsigned long long)bytes,
		      (unsigned long long)records, (unsigned)counts.round_trips);
	assert_int_equal(f.changes, CHANGED);
	assert_true(bytes <= records * 11 / 10 + 4096 && counts.round_trips <= 3);
	assert_ok(fetch(&here, &there, "words", 0, &f, &counts));
	assert_true(f.is_up_to_date && counts.sent + counts.received <= 1024);
	/* and the other way round */
	struct store_batch *batch;
	struct cid tip = f.tip;
	assert_ok(store_batch_begin(here.store.store, 0, &batch, &e));
	host_move(&here, batch, "words", NULL, &tip);
	host_commit(&here, "words", &(struct edits){9, N / CHANGED, N, 3}, 12);
	assert_ok(push(&here, &there, "words", "words", 0, NULL, &p, &counts));
	bytes = counts.sent + counts.received;
	print_message("pushed: %llu bytes, %u round trips\n", (unsigned long long)bytes, (unsigned)counts.round_trips);
	assert_true(p.outcome == SESSION_FORWARDED && p.changes == CHANGED);
	assert_true(bytes <= records * 11 / 10 + 4096 && counts.round_trips <= 3);
}

/* Fetches until so many bytes have come, then everything is gone. */
static bool fetch_cut(uint64_t bytes, struct session_fetched *f, uint64_t *received)
{
	struct wire w;
	struct session_counts counts = {0};
	wire_new(&w, &here, &there, NULL);
	w.random = bytes;
	assert_ok(session_fetch(w.client, "words", NULL, f, &e));
	bool is_moving = true;
	while (is_moving && counts.received < bytes) {
		is_moving = wire_move(&w, true);
		is_moving = wire_move(&w, false) || is_moving;
		session_counts(w.client, &counts);
	}
	assert_ok(w.client_rc);
	bool is_done = session_state(w.client) == SESSION_IDLE;
	*received = counts.received;
	wire_free(&w);
	host_close(&here); /* as if killed */
	host_open(&here);
	return is_done;
}

static void what_is_whole_is_not_sent_again(void **state)
{
	(void)state;
	struct session_fetched f;
	uint64_t sum = 0, received;
	enum { N = 20000 };
	sync_nodes_write_from(1 << 16);
	host_commit(&there, "words", &(struct edits){0, 1, N, 1}, 10);
	struct cid head = host_head(&there, "words");
	unsigned n_tries = 0;
	for (bool is_done = false; !is_done && n_tries < 40; n_tries++) {
		is_done = fetch_cut(2 << 20, &f, &received);
		sum += received;
		assert_int_equal(count_refs(&here, "heads/"), 0);
		assert_int_equal(count_refs(&here, "fetched/"), is_done);
		assert_true(count_refs(&here, "quarantine/") > 0 || is_done);
	}
	print_message("%u tries, %llu bytes in all\n", n_tries, (unsigned long long)sum);
	assert_true(n_tries >= 4 && f.kept > 0 && sum < (uint64_t)N * VECTOR * 3 / 2);
	assert_int_equal(count_refs(&here, "quarantine/"), 0);
	check_whole(&here, &head);
}

static void gc_takes_what_is_left_after_its_grace(void **state)
{
	(void)state;
	struct session_fetched f;
	struct cel_gc_result gc;
	uint64_t received, first;
	struct cel_gc_options options = {.grace_days = 1};
	host_commit(&there, "words", &(struct edits){0, 1, 20000, 1}, 10);
	sync_nodes_write_from(1 << 16);
	assert_false(fetch_cut(5 << 20, &f, &first));
	unsigned n = count_refs(&here, "quarantine/");
	struct cel_fsck_result fsck;
	assert_ok(cel_fsck(&here.store, NULL, 0, NULL, &fsck, &e));
	assert_true(n > 0 && fsck.damages == 0);
	assert_ok(cel_gc(&here.store, &options, &gc, &e));
	assert_int_equal(count_refs(&here, "quarantine/"), n);
	options.grace_days = -1; /* as it will be tomorrow */
	assert_ok(cel_gc(&here.store, &options, &gc, &e));
	assert_int_equal(count_refs(&here, "quarantine/"), 0);
	assert_true(gc.blocks > 10 && gc.segments > 0);
	assert_true(fetch_cut(UINT64_MAX, &f, &received));
	assert_true(f.kept == 0);
	check_whole(&here, &f.tip);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(bytes_follow_the_change),
		T(what_is_whole_is_not_sent_again),
		T(gc_takes_what_is_left_after_its_grace),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
