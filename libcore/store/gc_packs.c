/* SPDX-License-Identifier: Apache-2.0 */
/* Packs below half live: what is live in them goes to new packs, in the same order, and they go. What is live is what places
 * has, once the dead blocks are out of it: a pack's own directory is asked only while it is open, and here all are closed. */
#include <errno.h>
#include <stdlib.h>

#include "alloc.h"
#include "bytes.h"
#include "error.h"
#include "gc_impl.h"

#define TXN_PACKS 8192u /* that go in one transaction */

/* A pack, and how much of it is live. */
struct fill {
	uint64_t number, bytes, live;
	uint64_t end;        /* of its last block */
	bool has_wrong_place; /* one that leads out of it: it stays as it is, for fsck */
};

struct moved {
	uint64_t number; /* of the pack that it is in */
	uint32_t offset, size;
	struct cid cid;
};

struct shrinking {
	struct fill *fills; /* of all packs, by number; then of those that go */
	size_t n_fills, fills_capacity;
	struct moved *moved;
	size_t n_moved, moved_capacity;
};

static bool is_sparse(const struct fill *fill)
{
	return !fill->has_wrong_place && (2 * fill->live < fill->bytes || fill->live == 0);
}

static struct fill *fill_of(const struct shrinking *s, uint64_t number)
{
	size_t low = 0, high = s->n_fills;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->fills[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->n_fills && s->fills[low].number == number ? &s->fills[low] : NULL;
}

static int add_pack(struct shrinking *s, const MDB_val *key, const MDB_val *value, struct cel_error *e)
{
	struct pack pack;
	int rc = mem_grow(&s->fills, &s->fills_capacity, s->n_fills + 1, sizeof *s->fills, e);
	if (rc < 0 || pack_open(&pack, key, value) != 0) /* a damaged one stays */
		return rc;
	s->fills[s->n_fills++] = (struct fill){.number = pack.number, .bytes = pack_block_bytes(&pack), .end = pack.bytes.size};
	return 0;
}

static int count_place(struct shrinking *s, const MDB_val *key, const MDB_val *value, struct cel_error *e)
{
	const uint8_t *p = value->mv_data;
	(void)key, (void)e;
	struct fill *fill = value->mv_size == PACK_PLACE_SIZE ? fill_of(s, load_le64(p)) : NULL;
	if (fill == NULL)
		return 0;
	fill->live += load_le32(p + 12);
	fill->has_wrong_place |= (uint64_t)load_le32(p + 8) + load_le32(p + 12) > fill->end;
	return 0;
}

static int move_place(struct shrinking *s, const MDB_val *key, const MDB_val *value, struct cel_error *e)
{
	const uint8_t *p = value->mv_data, *id = key->mv_data;
	if (value->mv_size != PACK_PLACE_SIZE || key->mv_size != BLOCK_KEY_SIZE || fill_of(s, load_le64(p)) == NULL)
		return 0;
	int rc = mem_grow(&s->moved, &s->moved_capacity, s->n_moved + 1, sizeof *s->moved, e);
	if (rc < 0)
		return rc;
	struct moved *m = &s->moved[s->n_moved++];
	*m = (struct moved){.number = load_le64(p), .offset = load_le32(p + 8), .size = load_le32(p + 12), .cid.codec = id[0]};
	memcpy(m->cid.digest, id + 1, SHA256_SIZE);
	return 0;
}

typedef int each_fn(struct shrinking *s, const MDB_val *key, const MDB_val *value, struct cel_error *e);

static int each_entry(struct gc *gc, MDB_txn *txn, MDB_dbi table, each_fn *call, struct shrinking *s, struct cel_error *e)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = 0, code = mdb_cursor_open(txn, table, &cursor);
	if (code == 0) {
		while (rc == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
			rc = call(s, &key, &value, e);
		mdb_cursor_close(cursor);
	}
	return rc == 0 && code != MDB_NOTFOUND ? env_error(&gc->store->env, code, 0, "looking at the packs", e) : rc;
}

static void keep_sparse(struct shrinking *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n_fills; i++)
		if (is_sparse(&s->fills[i]))
			s->fills[n++] = s->fills[i];
	s->n_fills = n;
}

static int as_they_lie(const void *a, const void *b)
{
	const struct moved *x = a, *y = b;
	if (x->number != y->number)
		return x->number < y->number ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int plan(struct gc *gc, struct shrinking *s, struct cel_error *e)
{
	struct env *env = &gc->store->env;
	MDB_txn *txn;
	int rc = env_read_begin(env, &txn, e);
	if (rc < 0)
		return rc;
	rc = each_entry(gc, txn, env->packs, add_pack, s, e);
	if (rc == 0)
		rc = each_entry(gc, txn, env->places, count_place, s, e);
	keep_sparse(s);
	if (rc == 0 && s->n_fills > 0)
		rc = each_entry(gc, txn, env->places, move_place, s, e);
	env_end(env, txn);
	if (s->n_moved > 0)
		qsort(s->moved, s->n_moved, sizeof *s->moved, as_they_lie);
	return rc;
}

struct shrink_state {
	const struct shrinking *s;
	size_t n_moved, n_gone;
};

/* As many as go into one pack. */
static int move_some(struct env *env, MDB_txn *txn, struct shrink_state *state)
{
	const struct shrinking *s = state->s;
	size_t n = 0, bytes = 0, left = s->n_moved - state->n_moved;
	const struct moved *moved = s->moved + state->n_moved;
	while (n < left && (n == 0 || bytes + moved[n].size <= PACK_BYTES))
		bytes += moved[n++].size;
	MEM_CLEANUP struct pack_block *blocks = mem_calloc(n, sizeof *blocks);
	if (blocks == NULL)
		return ENOMEM;
	for (size_t i = 0; i < n; i++) {
		uint8_t place[PACK_PLACE_SIZE];
		MDB_val value = val_make(place, sizeof place);
		struct cel_error e;
		store_le64(place, moved[i].number);
		store_le32(place + 8, moved[i].offset);
		store_le32(place + 12, moved[i].size);
		blocks[i].cid = moved[i].cid;
		if (pack_block_at(env, txn, &value, &blocks[i].block, &e) < 0)
			return MDB_CORRUPTED;
	}
	int rc = pack_put(env, txn, blocks, n);
	if (rc == 0)
		rc = packs_close(env, txn, 0);
	state->n_moved += n;
	return rc;
}

/* Those of which nothing is left to be moved. */
static int drop_some(struct env *env, MDB_txn *txn, struct shrink_state *state)
{
	const struct shrinking *s = state->s;
	uint64_t end = state->n_moved < s->n_moved ? s->moved[state->n_moved].number : UINT64_MAX;
	int rc = 0;
	for (size_t n = 0; n < TXN_PACKS && state->n_gone < s->n_fills && s->fills[state->n_gone].number < end && rc == 0; n++)
		rc = pack_delete(env, txn, s->fills[state->n_gone++].number);
	return rc;
}

static int shrink_some(struct gc *gc, MDB_txn *txn, void *data)
{
	struct shrink_state *state = data;
	struct env *env = &gc->store->env;
	int rc = state->n_moved < state->s->n_moved ? move_some(env, txn, state) : 0;
	if (rc == 0)
		rc = drop_some(env, txn, state);
	return rc == 0 && state->n_gone == state->s->n_fills ? MDB_NOTFOUND : rc;
}

int gc_shrink_packs(struct gc *gc, struct cel_error *e)
{
	struct shrinking s = {0};
	struct shrink_state state = {.s = &s};
	int rc = plan(gc, &s, e);
	if (rc == 0 && s.n_fills > 0)
		rc = gc_in_transactions(gc, sizeof state, &state, shrink_some, e);
	mem_free(s.fills);
	mem_free(s.moved);
	return rc;
}

static int close_packs(struct gc *gc, MDB_txn *txn, void *state)
{
	(void)state;
	int rc = packs_close(&gc->store->env, txn, 0);
	return rc == 0 ? MDB_NOTFOUND : rc;
}

int gc_close_packs(struct gc *gc, struct cel_error *e)
{
	char none = 0;
	return gc_in_transactions(gc, sizeof none, &none, close_packs, e);
}
