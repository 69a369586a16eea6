/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep of data.mdb, and the order of all steps (gc.h). A block is dead if its digest is not in the live set; that is
 * asked of each key in turn, so memory does not grow with what is dead. Deletions go in transactions of a bounded number:
 * each may touch a page of its own and its neighbour when the two become one, 8 KiB, so 64 MiB are not exceeded. */
#include "gc.h"

#include <stdlib.h>

#include "alloc.h"
#include "batch_impl.h"
#include "error.h"
#include "gc_impl.h"

#define TXN_DELETES 8192u

void gc_live_init(struct gc_live *live)
{
	*live = (struct gc_live){.values.value_size = sizeof(uint32_t)};
}

void gc_live_release(struct gc_live *live)
{
	digest_set_release(&live->nodes);
	digest_set_release(&live->values);
	buf_release(&live->dead_refs);
}

int gc_live_add(struct gc_live *live, const struct cid *cid, struct cel_error *e)
{
	if (cid->codec != CID_RAW)
		return digest_set_add(&live->nodes, cid->digest, e);
	uint64_t order = live->values.n;
	int rc = digest_set_add(&live->values, cid->digest, e);
	uint32_t *value = rc > 0 ? digest_set_value(&live->values, cid->digest) : NULL;
	if (value != NULL) /* past 2^31 of them the order is no longer kept, which costs locality only */
		*value = order < GC_PLACED ? (uint32_t)order : GC_PLACED - 1;
	return rc;
}

static bool is_live(const struct gc *gc, const struct cid *cid)
{
	return digest_set_has(cid->codec == CID_RAW ? &gc->live->values : &gc->live->nodes, cid->digest);
}

int gc_add_move(struct gc_move **list, size_t *n, size_t *capacity, uint32_t order, const uint8_t *digest,
		struct cel_error *e)
{
	if (mem_grow(list, capacity, *n + 1, sizeof **list, e) < 0)
		return CEL_ENOMEM;
	struct gc_move *move = &(*list)[(*n)++];
	move->order = order;
	memcpy(move->digest, digest, SHA256_SIZE);
	return 0;
}

/* ---- looking at every block */

static int add_ranked(struct gc *gc, uint64_t rank, const struct cid *cid, struct cel_error *e)
{
	if (mem_grow(&gc->ranked, &gc->ranked_capacity, gc->n_ranked + 1, sizeof *gc->ranked, e) < 0)
		return CEL_ENOMEM;
	gc->ranked[gc->n_ranked++] = (struct gc_ranked){.rank = rank, .cid = *cid};
	return 0;
}

static int look_at(struct gc *gc, const struct cid *cid, struct slice block, struct cel_error *e)
{
	if (block.data == NULL) /* its place is damaged: fsck tells of it */
		return 0;
	if (!is_live(gc, cid)) {
		gc->counts->blocks++;
		gc->counts->block_bytes += block.size;
		uint64_t rank = gc->rank(cid, block);
		if (rank > GC_RANK_MAX)
			return add_ranked(gc, rank, cid, e);
		gc->ranks_seen |= 1ull << rank;
		return 0;
	}
	const uint32_t *value = cid->codec == CID_RAW ? digest_set_value(&gc->live->values, cid->digest) : NULL;
	if (value == NULL)
		return 0;
	gc->small_bytes += block.size;
	return gc_add_move(&gc->small, &gc->n_small, &gc->small_capacity, *value, cid->digest, e);
}

static int look_at_table(struct gc *gc, MDB_txn *txn, MDB_dbi table, struct cel_error *e)
{
	struct env *env = &gc->store->env;
	MDB_cursor *cursor;
	MDB_val key, value;
	struct cid cid;
	struct slice block;
	int rc = 0, code = mdb_cursor_open(txn, table, &cursor);
	if (code == 0) {
		while (rc == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
			if (block_at(env, txn, table, &key, &value, &cid, &block))
				rc = look_at(gc, &cid, block, e);
		mdb_cursor_close(cursor);
	}
	return rc == 0 && code != MDB_NOTFOUND ? env_error(env, code, 0, "looking at all blocks", e) : rc;
}

static int look_at_open_packs(struct gc *gc, MDB_txn *txn, struct cel_error *e)
{
	struct packs open;
	struct cid cid;
	struct slice block;
	int rc = packs_load(&open, &gc->store->env, txn, e);
	for (size_t i = 0; i < open.n && rc == 0; i++) {
		for (uint32_t k = 0; k < open.items[i].n && rc == 0; k++) {
			pack_at(&open.items[i], k, &cid, &block);
			rc = look_at(gc, &cid, block, e);
		}
	}
	packs_release(&open);
	return rc;
}

static int look_at_all(struct gc *gc, struct cel_error *e)
{
	struct env *env = &gc->store->env;
	MDB_txn *txn;
	int rc = env_read_begin(env, &txn, e);
	if (rc < 0)
		return rc;
	rc = look_at_table(gc, txn, env->blocks, e);
	if (rc == 0)
		rc = look_at_table(gc, txn, env->places, e);
	if (rc == 0)
		rc = look_at_open_packs(gc, txn, e);
	env_end(env, txn);
	return rc;
}

/* ---- deleting */

int gc_in_transactions(struct gc *gc, size_t state_size, void *state, gc_step_fn *step, struct cel_error *e)
{
	struct env *env = &gc->store->env;
	uint8_t before[64];
	for (;;) {
		MDB_txn *txn;
		memcpy(before, state, state_size);
		int rc = env_write_begin(env, &txn, e);
		if (rc < 0)
			return rc;
		int code = step(gc, txn, state);
		bool is_last = code == MDB_NOTFOUND;
		if (code == 0 || is_last)
			code = env_commit(env, txn);
		else
			env_end(env, txn);
		if (code == MDB_MAP_FULL) {
			memcpy(state, before, state_size);
			rc = env_grow(env, e);
			if (rc < 0)
				return rc;
			continue;
		}
		if (code != 0)
			return env_error(env, code, 1u << 20, "removing blocks", e);
		if (is_last)
			return 0;
	}
}

static int delete_ranked(struct gc *gc, MDB_txn *txn, void *state)
{
	size_t *done = state;
	int rc = 0;
	for (size_t n = 0; n < TXN_DELETES && *done < gc->n_ranked && rc == 0; n++, ++*done)
		rc = block_delete(&gc->store->env, txn, &gc->ranked[*done].cid);
	return rc == 0 && *done == gc->n_ranked ? MDB_NOTFOUND : rc;
}

/* Live values that a segment has. */
static int delete_placed(struct gc *gc, MDB_txn *txn, void *state)
{
	size_t *done = state;
	int rc = 0;
	for (size_t n = 0; n < TXN_DELETES && *done < gc->n_small && rc == 0; n++, ++*done) {
		struct cid cid = {.codec = CID_RAW};
		memcpy(cid.digest, gc->small[*done].digest, SHA256_SIZE);
		const uint32_t *value = digest_set_value(&gc->live->values, cid.digest);
		if (value != NULL && (*value & GC_PLACED) != 0)
			rc = block_delete(&gc->store->env, txn, &cid);
	}
	return rc == 0 && *done == gc->n_small ? MDB_NOTFOUND : rc;
}

struct rank_state {
	uint64_t rank;
	bool is_in_places;            /* the table that is looked at; blocks comes first */
	uint8_t from[BLOCK_KEY_SIZE]; /* first key that was not looked at */
};

/* MDB_NOTFOUND at the end of the table. */
static int delete_rank_in_table(struct gc *gc, MDB_txn *txn, MDB_cursor *cursor, struct rank_state *state, size_t *n)
{
	MDB_val key = val_make(state->from, sizeof state->from), value;
	struct env *env = &gc->store->env;
	struct cid cid;
	struct slice block;
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		if (!block_at(env, txn, mdb_cursor_dbi(cursor), &key, &value, &cid, &block) || is_live(gc, &cid) ||
		    block.data == NULL || gc->rank(&cid, block) != state->rank)
			continue;
		if (++*n > TXN_DELETES) {
			memcpy(state->from, key.mv_data, sizeof state->from);
			return 0;
		}
		rc = mdb_cursor_del(cursor, 0);
		if (rc != 0)
			return rc;
	}
	return rc;
}

static int delete_rank(struct gc *gc, MDB_txn *txn, void *data)
{
	struct rank_state *state = data;
	struct env *env = &gc->store->env;
	size_t n = 0;
	for (;;) {
		MDB_cursor *cursor;
		int rc = mdb_cursor_open(txn, state->is_in_places ? env->places : env->blocks, &cursor);
		if (rc != 0)
			return rc;
		rc = delete_rank_in_table(gc, txn, cursor, state, &n);
		mdb_cursor_close(cursor);
		if (rc != MDB_NOTFOUND || state->is_in_places)
			return rc;
		*state = (struct rank_state){.rank = state->rank, .is_in_places = true};
	}
}

static int drop_leases_and_refs(struct gc *gc, MDB_txn *txn, void *state)
{
	(void)state;
	int rc = mdb_drop(txn, gc->store->env.leases, 0);
	const char *ref = (const char *)gc->live->dead_refs.data, *end = ref + gc->live->dead_refs.size;
	for (; ref < end && rc == 0; ref += strlen(ref) + 1) {
		MDB_val key = val_make(ref, strlen(ref));
		rc = mdb_del(txn, gc->store->env.refs, &key, NULL);
		rc = rc == MDB_NOTFOUND ? 0 : rc;
	}
	return rc == 0 ? MDB_NOTFOUND : rc;
}

static int higher_first(const void *a, const void *b)
{
	const struct gc_ranked *x = a, *y = b;
	if (x->rank != y->rank)
		return x->rank < y->rank ? 1 : -1;
	return cid_compare(&x->cid, &y->cid);
}

static int delete_dead(struct gc *gc, struct cel_error *e)
{
	size_t done = 0;
	if (gc->n_ranked > 0)
		qsort(gc->ranked, gc->n_ranked, sizeof *gc->ranked, higher_first);
	int rc = gc->n_ranked > 0 ? gc_in_transactions(gc, sizeof done, &done, delete_ranked, e) : 0;
	for (uint64_t rank = GC_RANK_MAX + 1; rank-- > 0 && rc == 0;) {
		struct rank_state state = {.rank = rank};
		if ((gc->ranks_seen >> rank & 1) != 0)
			rc = gc_in_transactions(gc, sizeof state, &state, delete_rank, e);
	}
	return rc;
}

/* ---- all steps */

static void release(struct gc *gc)
{
	segment_set_release(gc->set);
	mem_free(gc->ranked);
	mem_free(gc->small);
	mem_free(gc->fates);
	mem_free(gc->moves);
}

static int plan(struct gc *gc, struct cel_error *e)
{
	int rc = look_at_all(gc, e);
	return rc < 0 ? rc : gc_plan_segments(gc, e);
}

static int sweep(struct gc *gc, struct cel_error *e)
{
	struct env *env = &gc->store->env;
	size_t done = 0;
	char none = 0;
	int rc = gc_close_packs(gc, e);
	if (rc == 0)
		rc = plan(gc, e);
	if (rc == 0)
		rc = delete_dead(gc, e);
	gc->swept_txn = gc_last_txn(env);
	if (rc == 0)
		rc = gc_write_segment(gc, e);
	if (rc == 0 && gc->n_small > 0)
		rc = gc_in_transactions(gc, sizeof done, &done, delete_placed, e);
	if (rc == 0)
		rc = gc_shrink_packs(gc, e);
	if (rc == 0) /* a transaction of its own, behind which what the others freed may be used */
		rc = gc_in_transactions(gc, sizeof none, &none, drop_leases_and_refs, e);
	if (rc == 0)
		rc = gc_drop_segments(gc, e);
	if (rc == 0)
		gc_return_pages(env, &gc->counts->returned_bytes);
	return rc;
}

int store_gc_sweep(struct store_batch *b, struct gc_live *live, gc_rank_fn *rank, struct gc_counts *out,
		   struct cel_error *e)
{
	*out = (struct gc_counts){0};
	if (b->is_over || b->raw.n > 0 || b->nodes.n > 0 || b->segment != NULL)
		return error_set(e, CEL_EINTERNAL, "%s: the batch is over, or has blocks of its own", b->store->path);
	struct gc gc = {.store = b->store, .live = live, .rank = rank, .counts = out};
	b->is_over = true;
	batch_end_reading(b);
	segment_set_release(b->set);
	b->set = NULL;
	int rc = sweep(&gc, e);
	release(&gc);
	return rc;
}

int store_gc_count(struct store *s, struct gc_live *live, gc_rank_fn *rank, struct gc_counts *out, struct cel_error *e)
{
	*out = (struct gc_counts){0};
	struct gc gc = {.store = s, .live = live, .rank = rank, .counts = out};
	int rc = plan(&gc, e);
	release(&gc);
	return rc;
}
