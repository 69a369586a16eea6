/* SPDX-License-Identifier: Apache-2.0 */
/* What a store knows of itself. Its id: there from the start, another for each, kept. And that all its trees are regular, until
 * one is not. */
#include "fixture.h"
#include "identity.h"
#include "store_impl.h"

static struct store *open_store(void)
{
	struct store *s;
	assert_ok(store_open(path, NULL, &s, &e));
	return s;
}

static int read_id(struct store *s, uint8_t id[STORE_ID_SIZE])
{
	struct store_read *r;
	assert_ok(store_read_begin(s, &r, &e));
	int rc = store_read_id(r, id, &e);
	store_read_end(r);
	return rc;
}

static void each_store_has_its_own(void **state)
{
	(void)state;
	uint8_t id[STORE_ID_SIZE], again[STORE_ID_SIZE], other[STORE_ID_SIZE];
	struct store *s = open_store();
	assert_ok(read_id(s, id));
	store_free(s);
	s = open_store();
	assert_ok(read_id(s, again));
	assert_memory_equal(id, again, STORE_ID_SIZE);
	store_free(s);
	remove_tree(path);
	assert_ok(store_init(path, &e));
	s = open_store();
	assert_ok(read_id(s, other));
	assert_memory_not_equal(id, other, STORE_ID_SIZE);
	store_free(s);
}

static void writing_keeps_it(void **state)
{
	(void)state;
	struct store *s = open_store();
	struct store_batch *b;
	uint8_t id[STORE_ID_SIZE], told[STORE_ID_SIZE];
	assert_ok(read_id(s, id));
	assert_ok(store_batch_begin(s, 0, &b, &e));
	assert_ok(store_batch_id(b, told, &e));
	assert_memory_equal(id, told, STORE_ID_SIZE);
	assert_ok(store_batch_commit(b, NULL, NULL, 0, 0, &e));
	store_batch_free(b);
	assert_ok(read_id(s, told));
	assert_memory_equal(id, told, STORE_ID_SIZE);
	store_free(s);
}

static void a_store_without_is_damaged(void **state)
{
	(void)state;
	struct store *s = open_store();
	struct store_batch *b;
	MDB_txn *txn;
	MDB_val key = val_make("id", 2);
	uint8_t id[STORE_ID_SIZE];
	assert_ok(env_write_begin(&s->env, &txn, &e));
	assert_int_equal(mdb_del(txn, s->env.meta, &key, NULL), 0);
	assert_int_equal(env_commit(&s->env, txn), 0);
	assert_code(CEL_ECORRUPT, read_id(s, id));
	assert_ok(store_batch_begin(s, 0, &b, &e));
	assert_code(CEL_ECORRUPT, store_batch_id(b, id, &e));
	store_batch_free(b);
	store_free(s);
}

/* As a batch is told, and as a reader is. */
static int is_regular(struct store *s)
{
	struct store_batch *b;
	struct store_read *r;
	assert_ok(store_batch_begin(s, 0, &b, &e));
	int rc = store_batch_is_regular(b, &e);
	store_batch_free(b);
	assert_ok(store_read_begin(s, &r, &e));
	assert_int_equal(store_read_is_regular(r, &e), rc);
	store_read_end(r);
	return rc;
}

static void regular_until_a_commit_says_otherwise(void **state)
{
	(void)state;
	struct store *s = open_store();
	struct store_batch *b;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(is_regular(s), 1);
		assert_ok(store_batch_begin(s, 0, &b, &e));
		if (i > 0)
			store_batch_set_irregular(b);
		assert_int_equal(store_batch_is_regular(b, &e), i == 0);
		if (i != 1) /* which is dropped */
			assert_ok(store_batch_commit(b, NULL, NULL, 0, 0, &e));
		store_batch_free(b);
	}
	assert_int_equal(is_regular(s), 0);
	store_free(s);
	s = open_store();
	assert_int_equal(is_regular(s), 0);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_store_has_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(writing_keeps_it, setup, teardown),
		cmocka_unit_test_setup_teardown(a_store_without_is_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(regular_until_a_commit_says_otherwise, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
