/* SPDX-License-Identifier: Apache-2.0 */
/* Random puts, commits, aborts, snapshots and reopenings against a model in memory: the set of blocks that must be
 * there, the refs, their logs. Then several threads that read while one writes. */
#include <pthread.h>
#include <stdatomic.h>

#include "fixture.h"

#define N_NUMBERS 4000
#define N_REFS 5
#define LOG_MAX 4000

struct model_ref {
	bool is_set;
	struct cid cid;
	size_t n_log;
	struct cid log[LOG_MAX];
};

struct model {
	bool is_stored[N_NUMBERS];
	struct model_ref refs[N_REFS];
	uint64_t state;
	struct store *store;
};

static uint8_t codec_of(uint64_t number)
{
	return number % 3 == 0 ? CID_DAG_CBOR : CID_RAW;
}

static size_t size_of(uint64_t number)
{
	uint64_t x = number * 2654435761u >> 7;
	return x % 50 == 0 ? 100000 + x % 400000 : 8 + x % 5000;
}

static struct slice block_of(uint64_t number, struct cid *cid)
{
	static _Thread_local uint8_t bytes[1u << 20];
	struct slice block = make_block(number, size_of(number), bytes);
	*cid = cid_of(codec_of(number), block);
	return block;
}

static uint64_t pick(struct model *m, uint64_t n)
{
	return next_random(&m->state) % n;
}

static void check_snapshot(struct model *m, unsigned n_samples)
{
	struct store_read *r;
	struct cid cid;
	struct slice found;
	char name[32];
	assert_ok(store_read_begin(m->store, &r, &e));
	for (unsigned i = 0; i < n_samples; i++) {
		uint64_t number = n_samples == N_NUMBERS ? i : pick(m, N_NUMBERS);
		struct slice block = block_of(number, &cid);
		if (m->is_stored[number]) {
			assert_ok(store_read_block(r, &cid, &found, &e));
			assert_true(slice_equal(found, block));
		} else if (store_read_has(r, &cid, &e) != 0) {
			fail_msg("block %llu was never committed", (unsigned long long)number);
		}
	}
	for (int i = 0; i < N_REFS; i++) {
		struct model_ref *ref = &m->refs[i];
		struct store_log_entry entry;
		snprintf(name, sizeof name, "heads/%d", i);
		assert_code(ref->is_set ? 0 : CEL_ENOTFOUND, store_read_ref(r, name, &cid, &e));
		assert_true(!ref->is_set || cid_equal(&cid, &ref->cid));
		uint64_t back = ref->n_log > 0 ? pick(m, ref->n_log) : 0;
		assert_code(ref->n_log > 0 ? 0 : CEL_ENOTFOUND, store_read_ref_log(r, name, back, &entry, &e));
		assert_true(ref->n_log == 0 || cid_equal(&entry.new, &ref->log[ref->n_log - 1 - back]));
	}
	store_read_end(r);
}

/* Puts a run of numbers; is_new tells which of them the store gets by it. */
static void put_some(struct model *m, struct store_batch *b, bool *is_new, struct cid *last)
{
	uint64_t n = pick(m, 10) == 0 ? 1500 : 1 + pick(m, 60);
	for (uint64_t i = 0; i < n; i++) {
		uint64_t number = pick(m, N_NUMBERS);
		struct cid expected, cid;
		struct slice found, block = block_of(number, &expected);
		assert_ok(store_batch_put(b, codec_of(number), block, &cid, &e));
		assert_true(cid_equal(&cid, &expected));
		is_new[number] = true;
		*last = cid;
		if (pick(m, 20) == 0) {
			assert_ok(store_batch_block(b, &cid, &found, &e));
			assert_true(slice_equal(found, block));
		}
	}
}

static void commit_some(struct model *m, struct store_batch *b, const bool *is_new, const struct cid *cid)
{
	uint64_t i = pick(m, N_REFS);
	struct model_ref *ref = &m->refs[i];
	char name[32];
	snprintf(name, sizeof name, "heads/%d", (int)i);
	bool is_stale = pick(m, 8) == 0;
	struct store_ref_update u = {.ref = name, .has_old = ref->is_set != is_stale, .old = ref->cid, .has_new = true,
				     .new = *cid, .message = "model"};
	if (is_stale && !ref->is_set)
		u.old = *cid;
	int rc = store_batch_commit(b, cid, &u, 1, 7, &e);
	assert_int_equal(rc, is_stale ? CEL_EBUSY : 0);
	if (rc < 0)
		return;
	for (size_t k = 0; k < N_NUMBERS; k++)
		m->is_stored[k] |= is_new[k];
	ref->is_set = true;
	ref->cid = *cid;
	assert_true(ref->n_log < LOG_MAX);
	ref->log[ref->n_log++] = *cid;
}

static void random_batch(struct model *m)
{
	struct store_batch *b;
	bool is_new[N_NUMBERS] = {false};
	struct cid last;
	assert_ok(store_batch_begin(m->store, 0, &b, &e));
	put_some(m, b, is_new, &last);
	if (pick(m, 4) > 0)
		commit_some(m, b, is_new, &last);
	store_batch_free(b);
}

static void agrees_with_the_model(void **state)
{
	(void)state;
	struct model *m = calloc(1, sizeof *m);
	m->state = test_seed();
	assert_ok(store_open(path, NULL, &m->store, &e));
	for (unsigned step = 0; step < 60 * test_scale(); step++) {
		random_batch(m);
		check_snapshot(m, 60);
		if (pick(m, 6) == 0) {
			store_free(m->store);
			assert_ok(store_open(path, NULL, &m->store, &e));
		}
	}
	check_snapshot(m, N_NUMBERS);
	store_free(m->store);
	free(m);
}

/* ---- threads */

static _Atomic bool is_finished;
static _Atomic uint64_t n_checked;

/* The ref's block is the number of a generation; all blocks up to it must be readable in the same snapshot. */
static void *reader(void *argument)
{
	struct store *s = argument;
	struct cel_error problem = {0};
	uint64_t state = (uint64_t)(uintptr_t)&state;
	while (!atomic_load(&is_finished)) {
		struct store_read *r;
		struct cid cid;
		struct slice found;
		if (store_read_begin(s, &r, &problem) < 0)
			return "begin";
		int rc = store_read_ref(r, "heads/x", &cid, &problem);
		if (rc == 0) {
			if (store_read_block(r, &cid, &found, &problem) < 0)
				return "the ref's block";
			uint64_t newest;
			memcpy(&newest, found.data, 8);
			for (int i = 0; i < 20; i++) {
				struct slice block = block_of(next_random(&state) % (newest + 1), &cid);
				if (store_read_block(r, &cid, &found, &problem) < 0 || !slice_equal(block, found))
					return "a block of the snapshot";
				atomic_fetch_add(&n_checked, 1);
			}
		}
		store_read_end(r);
	}
	return NULL;
}

static void readers_beside_a_writer(void **state)
{
	(void)state;
	struct store *s;
	setenv("CEL_MAP_SIZE", "4194304", 1); /* so that it grows under the readers */
	assert_ok(store_open(path, NULL, &s, &e));
	pthread_t threads[3];
	atomic_store(&is_finished, false);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, s), 0);
	struct cid old, cid;
	uint64_t number = 0;
	for (int generation = 0; generation < 40; generation++) {
		struct store_batch *b;
		assert_ok(store_batch_begin(s, 0, &b, &e));
		uint64_t end = number + (generation % 10 == 9 ? 600 : 20);
		for (; number < end; number++)
			assert_ok(store_batch_put(b, codec_of(number), block_of(number, &cid), &cid, &e));
		struct store_ref_update u = {.ref = "heads/x", .has_old = generation > 0, .old = old, .has_new = true,
					     .new = cid, .message = "threads"};
		assert_ok(store_batch_commit(b, &cid, &u, 1, 0, &e));
		store_batch_free(b);
		old = cid;
	}
	atomic_store(&is_finished, true);
	for (int i = 0; i < 3; i++) {
		void *problem;
		pthread_join(threads[i], &problem);
		if (problem != NULL)
			fail_msg("%s", (const char *)problem);
	}
	unsetenv("CEL_MAP_SIZE");
	printf("# %llu blocks read meanwhile\n", (unsigned long long)atomic_load(&n_checked));
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(agrees_with_the_model, setup, teardown),
		cmocka_unit_test_setup_teardown(readers_beside_a_writer, setup, teardown),
	};
	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
