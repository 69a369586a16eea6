/* SPDX-License-Identifier: Apache-2.0 */
/* Reading with hashes verified meanwhile: the same blocks, and no damaged one gets past the end. */
#include "blocks.h"
#include "fixture.h"
#include "alloc.h"
#include "store_impl.h"

enum { N = 2000, SIZE = 700 };
static struct cid cids[N];

static struct slice block_of(uint64_t number)
{
	static uint8_t bytes[SIZE];
	return make_block(number, SIZE, bytes);
}

/* N nodes, of which one is damaged, unless it is N. */
static struct store *make(uint64_t damaged)
{
	struct store *s;
	MDB_txn *txn;
	assert_ok(store_open(path, NULL, &s, &e));
	assert_ok(env_write_begin(&s->env, &txn, &e));
	for (uint64_t i = 0; i < N; i++) {
		struct slice block = block_of(i);
		uint8_t other[SIZE];
		cids[i] = cid_of(CID_DAG_CBOR, block);
		memcpy(other, block.data, SIZE);
		other[SIZE / 2] ^= i == damaged;
		assert_int_equal(block_put(&s->env, txn, &cids[i], slice_make(other, SIZE)), 0);
	}
	assert_int_equal(env_commit(&s->env, txn), 0);
	return s;
}

static void read_all(struct store_read *r, uint64_t damaged)
{
	for (uint64_t i = 0; i < N; i++) {
		struct slice found;
		assert_ok(store_read_block(r, &cids[i], &found, &e));
		assert_true(i == damaged || slice_equal(found, block_of(i)));
	}
}

static void sound_blocks_are_settled(void **state)
{
	(void)state;
	struct store *s = make(N);
	struct store_read *r;
	assert_ok(store_read_begin(s, &r, &e));
	for (int round = 0; round < 20; round++) {
		store_read_defer(r);
		read_all(r, N);
		assert_ok(store_read_settle(r, &e));
		assert_ok(store_read_settle(r, &e)); /* there is nothing more */
		assert_ok(store_read_renew(r, &e)); /* else all are known */
	}
	store_read_end(r);
	store_free(s);
}

/* Wherever it is among the others, and whoever of the two hashes it. */
static void a_damaged_block_is_told_at_the_end(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	for (int round = 0; round < 10; round++) {
		uint64_t damaged = round == 0 ? 0 : round == 1 ? N - 1 : next_random(&random) % N;
		char text[CEL_CID_TEXT_SIZE];
		struct store *s = make(damaged);
		struct store_read *r;
		struct slice found;
		cid_format(&cids[damaged], text);
		assert_ok(store_read_begin(s, &r, &e));
		assert_code(CEL_ECORRUPT, store_read_block(r, &cids[damaged], &found, &e)); /* control: without */
		store_read_defer(r);
		for (uint64_t i = 0; i < N; i++) /* the one that was given when there was no room is told at once */
			if (store_read_block(r, &cids[i], &found, &e) < 0)
				assert_int_equal(i, damaged);
		int rc = store_read_settle(r, &e);
		assert_true(rc == CEL_ECORRUPT || (rc == 0 && strstr(e.message, text) != NULL));
		assert_non_null(strstr(e.message, text));
		assert_code(CEL_ECORRUPT, store_read_block(r, &cids[damaged], &found, &e)); /* and it is not remembered as sound */
		store_read_end(r);
		store_free(s);
		teardown(NULL);
		setup(NULL);
	}
}

static void a_snapshot_may_end_unsettled(void **state)
{
	(void)state;
	struct store *s = make(7);
	struct store_read *r;
	for (int round = 0; round < 20; round++) {
		assert_ok(store_read_begin(s, &r, &e));
		store_read_defer(r);
		for (uint64_t i = 0; i < (uint64_t)round * 5; i++) {
			struct slice found;
			assert_ok(store_read_block(r, &cids[i], &found, &e));
		}
		store_read_end(r);
	}
	store_free(s);
}

static void without_memory_for_it_blocks_are_verified_at_once(void **state)
{
	(void)state;
	struct store *s = make(7);
	struct store_read *r;
	struct slice found;
	for (uint64_t nth = 1; nth <= 2; nth++) {
		assert_ok(store_read_begin(s, &r, &e));
		mem_fault_set(nth);
		store_read_defer(r);
		mem_fault_set(0);
		assert_code(CEL_ECORRUPT, store_read_block(r, &cids[7], &found, &e));
		assert_ok(store_read_settle(r, &e));
		store_read_end(r);
	}
	store_free(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(sound_blocks_are_settled), T(a_damaged_block_is_told_at_the_end), T(a_snapshot_may_end_unsettled),
		T(without_memory_for_it_blocks_are_verified_at_once),
	};
	return cmocka_run_group_tests_name("deferred", tests, NULL, NULL);
}
