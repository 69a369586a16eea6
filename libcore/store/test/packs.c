/* SPDX-License-Identifier: Apache-2.0 */
/* Packs: small batches against what they have put, with open and closed ones, and many snapshots at once; how they shrink; what a
 * damaged one does. */
#include "blocks.h"
#include "bytes.h"
#include "fixture.h"
#include "gc.h"
#include "store_impl.h"

static struct store *open_store(void)
{
	struct store *s;
	assert_ok(store_open(path, NULL, &s, &e));
	return s;
}

static size_t size_of(uint64_t number)
{
	return 9 + number * 2654435761u % 3000;
}

static struct slice block_of(uint64_t number, struct cid *cid)
{
	static uint8_t bytes[4096];
	struct slice block = make_block(number, size_of(number), bytes);
	*cid = cid_of(number % 4 == 0 ? CID_RAW : CID_DAG_CBOR, block);
	return block;
}

/* One batch of the blocks from first to end. */
static void put_batch(struct store *s, uint64_t first, uint64_t end)
{
	struct store_batch *b;
	struct cid cid, made;
	assert_ok(store_batch_begin(s, 0, &b, &e));
	for (uint64_t i = first; i < end; i++) {
		struct slice block = block_of(i, &cid);
		assert_ok(store_batch_put(b, cid.codec, block, &made, &e));
	}
	assert_ok(store_batch_commit(b, NULL, NULL, 0, 0, &e));
	store_batch_free(b);
}

static void check_has(struct store_read *r, uint64_t first, uint64_t end, bool is_there)
{
	for (uint64_t i = first; i < end; i++) {
		struct cid cid;
		struct slice found, block = block_of(i, &cid);
		if (is_there) {
			assert_ok(store_read_block(r, &cid, &found, &e));
			assert_true(slice_equal(found, block));
		} else {
			assert_int_equal(store_read_has(r, &cid, &e), 0);
		}
	}
}

static size_t count_in(struct store *s, MDB_dbi table)
{
	MDB_txn *txn;
	MDB_stat stat;
	assert_ok(env_read_begin(&s->env, &txn, &e));
	assert_int_equal(mdb_stat(txn, table, &stat), 0);
	env_end(&s->env, txn);
	return stat.ms_entries;
}

static size_t count_open(struct store *s)
{
	MDB_txn *txn;
	struct packs open;
	assert_ok(env_read_begin(&s->env, &txn, &e));
	assert_ok(packs_load(&open, &s->env, txn, &e));
	size_t n = open.n;
	packs_release(&open);
	env_end(&s->env, txn);
	return n;
}

static void every_state_has_its_blocks(void **state)
{
	(void)state;
	enum { BATCHES = 3 * PACKS_OPEN_MAX, EACH = 25 };
	struct store_read *r[BATCHES + 1];
	struct store *s = open_store();
	bool was_closed = false;
	for (uint64_t i = 0; i < BATCHES; i++) {
		assert_ok(store_read_begin(s, &r[i], &e));
		put_batch(s, i * EACH, (i + 1) * EACH);
		assert_int_equal(count_in(s, s->env.packs), i + 1);
		assert_true(count_open(s) <= PACKS_OPEN_MAX);
		was_closed |= i > 0 && count_open(s) == 1;
	}
	assert_true(was_closed);
	assert_int_equal(count_in(s, s->env.blocks), 0);
	assert_ok(store_read_begin(s, &r[BATCHES], &e));
	for (uint64_t i = 0; i <= BATCHES; i++) {
		check_has(r[i], 0, i * EACH, true);
		check_has(r[i], i * EACH, BATCHES * EACH, false);
		store_read_end(r[i]);
	}
	put_batch(s, 0, BATCHES * EACH); /* all of it again: there is nothing new, in whatever pack it is */
	assert_int_equal(count_in(s, s->env.packs), BATCHES);
	store_free(s);
}

static void a_batch_of_many_bytes_is_several_packs(void **state)
{
	(void)state;
	struct store *s = open_store();
	struct store_read *r;
	put_batch(s, 0, 6000); /* 9 MB */
	size_t n = count_in(s, s->env.packs);
	assert_in_range(n, 2, 4);
	assert_ok(store_read_begin(s, &r, &e));
	check_has(r, 0, 6000, true);
	store_read_end(r);
	store_free(s);
}

/* In a pack upper nodes come first, and each kind in the order of the batch. */
static void what_was_made_together_stands_together(void **state)
{
	(void)state;
	enum { N = 50 };
	struct store *s = open_store();
	struct store_batch *b;
	struct store_read *r;
	struct cid cids[N];
	uint8_t bytes[100];
	assert_ok(store_batch_begin(s, 0, &b, &e));
	for (uint64_t i = 0; i < N; i++) {
		make_block(i, sizeof bytes, bytes);
		bytes[0] = 0x84;
		bytes[1] = i % 5 == 0;
		assert_ok(store_batch_put(b, CID_DAG_CBOR, slice_make(bytes, sizeof bytes), &cids[i], &e));
	}
	assert_ok(store_batch_commit(b, NULL, NULL, 0, 0, &e));
	store_batch_free(b);
	assert_ok(store_read_begin(s, &r, &e));
	const uint8_t *at = NULL;
	for (int is_upper = 1; is_upper >= 0; is_upper--) {
		for (uint64_t i = 0; i < N; i++) {
			struct slice found;
			if ((i % 5 == 0) != (is_upper == 1))
				continue;
			assert_ok(store_read_block(r, &cids[i], &found, &e));
			assert_true(at == NULL || found.data == at + sizeof bytes);
			at = found.data;
		}
	}
	store_read_end(r);
	store_free(s);
}

/* ---- sweeping */

static uint64_t rank_of(const struct cid *cid, struct slice block)
{
	(void)cid;
	return block.size % 3;
}

static void sweep(struct store *s, bool (*is_live)(uint64_t number), uint64_t n, struct gc_counts *counts)
{
	struct gc_live live;
	struct store_batch *b;
	gc_live_init(&live);
	for (uint64_t i = 0; i < n; i++) {
		struct cid cid;
		block_of(i, &cid);
		if (is_live(i))
			assert_true(gc_live_add(&live, &cid, &e) > 0);
	}
	struct gc_counts told;
	assert_ok(store_gc_count(s, &live, rank_of, &told, &e));
	assert_ok(store_batch_begin(s, 0, &b, &e));
	assert_ok(store_gc_sweep(b, &live, rank_of, counts, &e));
	assert_int_equal(told.blocks, counts->blocks);
	store_batch_free(b);
	gc_live_release(&live);
}

static uint64_t pack_bytes(struct store *s)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t bytes = 0;
	assert_ok(env_read_begin(&s->env, &txn, &e));
	assert_int_equal(mdb_cursor_open(txn, s->env.packs, &cursor), 0);
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0)
		bytes += value.mv_size;
	mdb_cursor_close(cursor);
	env_end(&s->env, txn);
	return bytes;
}

enum { SWEPT_BATCHES = 20, SWEPT_EACH = 30, SWEPT = SWEPT_BATCHES * SWEPT_EACH };

static bool is_one_in_five(uint64_t number)
{
	return number / SWEPT_EACH >= SWEPT_BATCHES / 2 ? number % 5 != 1 : number % 5 == 1;
}

static bool is_any(uint64_t number)
{
	return number < SWEPT;
}

static bool is_none(uint64_t number)
{
	(void)number;
	return false;
}

/* The first half of the packs is a fifth live and written anew, the other one is four fifths live and stays. */
static void sparse_packs_are_written_anew(void **state)
{
	(void)state;
	struct store *s = open_store();
	struct store_read *old, *r;
	struct gc_counts counts;
	for (uint64_t i = 0; i < SWEPT_BATCHES; i++)
		put_batch(s, i * SWEPT_EACH, (i + 1) * SWEPT_EACH);
	uint64_t before = pack_bytes(s), live_before = 0;
	for (uint64_t i = 0; i < SWEPT / 2; i++)
		live_before += is_one_in_five(i) ? size_of(i) : 0;
	assert_ok(store_read_begin(s, &old, &e));
	sweep(s, is_any, SWEPT, &counts);
	assert_int_equal(counts.blocks, 0);
	assert_int_equal(pack_bytes(s), before);
	assert_int_equal(count_open(s), 0);
	sweep(s, is_one_in_five, SWEPT, &counts);
	assert_int_equal(counts.blocks, SWEPT / 2);
	assert_int_equal(count_in(s, s->env.packs), SWEPT_BATCHES / 2 + 1);
	assert_int_equal(count_in(s, s->env.places), SWEPT / 2);
	assert_true(pack_bytes(s) < before / 2 + 2 * live_before);
	check_has(old, 0, SWEPT, true); /* a state from before keeps what it had */
	store_read_end(old);
	assert_ok(store_read_begin(s, &r, &e));
	for (uint64_t i = 0; i < SWEPT; i++)
		check_has(r, i, i + 1, is_one_in_five(i));
	store_read_end(r);
	put_batch(s, SWEPT, SWEPT + 10); /* above all numbers there ever were */
	assert_int_equal(count_open(s), 1);
	assert_ok(store_read_begin(s, &r, &e));
	check_has(r, SWEPT, SWEPT + 10, true);
	store_read_end(r);
	store_free(s);
}

static void numbers_do_not_come_again(void **state)
{
	(void)state;
	struct store *s = open_store();
	struct store_read *r;
	struct gc_counts counts;
	put_batch(s, 0, 10);
	put_batch(s, 10, 20);
	sweep(s, is_none, 20, &counts);
	assert_int_equal(count_in(s, s->env.packs), 0);
	put_batch(s, 20, 30); /* were its number that of a closed one, nothing would look into it */
	assert_ok(store_read_begin(s, &r, &e));
	check_has(r, 0, 20, false);
	check_has(r, 20, 30, true);
	store_read_end(r);
	store_free(s);
}

/* ---- damage */

/* Changes the bytes at an offset of the only entry of a table. */
static void damage(struct store *s, MDB_dbi table, size_t offset, const void *with, size_t size)
{
	static uint8_t copy[1u << 16], name[64];
	MDB_txn *txn;
	MDB_cursor *cursor;
	MDB_val key, value;
	assert_ok(env_write_begin(&s->env, &txn, &e));
	assert_int_equal(mdb_cursor_open(txn, table, &cursor), 0);
	assert_int_equal(mdb_cursor_get(cursor, &key, &value, MDB_FIRST), 0);
	memcpy(copy, value.mv_data, value.mv_size);
	memcpy(name, key.mv_data, key.mv_size);
	mdb_cursor_close(cursor);
	memcpy(copy + offset, with, size);
	key = val_make(name, key.mv_size);
	value = val_make(copy, value.mv_size);
	assert_int_equal(mdb_put(txn, table, &key, &value, 0), 0);
	assert_int_equal(env_commit(&s->env, txn), 0);
}

static void damage_is_an_error_not_a_crash(void **state)
{
	(void)state;
	static const uint8_t many[4] = {0xff, 0xff, 0xff, 0x00}, far[4] = {0xf0, 0xff, 0xff, 0xff}, other[1] = {0xaa};
	struct cid cid;
	struct slice found;
	struct store_read *r;
	enum { KEY = 4 + 4, KINDS = 7 }; /* behind the number and the only bucket */
	for (int what = 0; what < KINDS; what++) {
		struct store *s = open_store();
		put_batch(s, 1, 2);
		size_t size = block_of(1, &cid).size;
		if (what == 4 || what == 5) {
			MDB_txn *txn;
			assert_ok(env_write_begin(&s->env, &txn, &e));
			assert_int_equal(packs_close(&s->env, txn, 0), 0);
			assert_int_equal(env_commit(&s->env, txn), 0);
		}
		if (what == 0) /* how many there are */
			damage(s, s->env.packs, 0, many, 4);
		if (what == 1) /* where it is */
			damage(s, s->env.packs, KEY + BLOCK_KEY_SIZE, far, 4);
		if (what == 2) /* what it is */
			damage(s, s->env.packs, KEY + BLOCK_KEY_SIZE + 8 + size - 1, other, 1);
		if (what == 3) /* whose it is: it is missed */
			damage(s, s->env.packs, KEY + 5, other, 1);
		if (what == 6) /* how many there are in the bucket: more than there are */
			damage(s, s->env.packs, 4, far, 4);
		if (what == 4) /* its pack */
			damage(s, s->env.places, 0, many, 4);
		if (what == 5) /* its place there */
			damage(s, s->env.places, 8, far, 4);
		int rc = store_read_begin(s, &r, &e);
		if (rc == 0) {
			rc = store_read_block(r, &cid, &found, &e);
			store_read_end(r);
		}
		assert_int_equal(rc, what == 6 ? 0 : what == 3 ? CEL_ENOTFOUND : CEL_ECORRUPT);
		store_free(s);
		teardown(NULL);
		setup(NULL);
	}
}

static bool is_one(uint64_t number)
{
	return number == 1;
}

static bool is_node(uint64_t number)
{
	return number % 4 != 0;
}

/* A place that leads out of its pack, which is sparse: gc leaves that one, and goes on. */
static void gc_leaves_what_fsck_is_for(void **state)
{
	(void)state;
	static const uint8_t far[4] = {0xf0, 0xff, 0xff, 0x7f};
	struct gc_counts counts;
	for (int is_damaged = 0; is_damaged <= 1; is_damaged++) {
		struct store *s = open_store();
		put_batch(s, 1, 4);
		sweep(s, is_node, 4, &counts);
		if (is_damaged)
			damage(s, s->env.places, 8, far, 4);
		uint64_t first = pack_bytes(s);
		sweep(s, is_one, 4, &counts);
		assert_true(is_damaged ? pack_bytes(s) == first : pack_bytes(s) < first);
		store_free(s);
		teardown(NULL);
		setup(NULL);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_state_has_its_blocks), T(a_batch_of_many_bytes_is_several_packs), T(what_was_made_together_stands_together),
		T(sparse_packs_are_written_anew), T(numbers_do_not_come_again), T(damage_is_an_error_not_a_crash), T(gc_leaves_what_fsck_is_for),
	};
	return cmocka_run_group_tests_name("packs", tests, NULL, NULL);
}
