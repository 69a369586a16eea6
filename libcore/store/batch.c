/* SPDX-License-Identifier: Apache-2.0 */
/* What a batch holds before its commit, none of which anybody else can see:
 *
 *     raw blocks   in memory up to 4 MiB, or an eighth of what is allowed (then they will go to LMDB), else all in a segment being written
 *     nodes        in memory up to 16 MiB, or a third, else in runs: temporary segments, sorted, mapped, already unlinked
 *
 * Nodes wait so that LMDB never has a node whose vectors are not sealed yet, and so that a large batch reaches
 * LMDB in key order, which keeps random keys cheap. Dropping a batch leaves nothing behind. */
#include "batch_impl.h"

#include "alloc.h"
#include "error.h"
#include "figures.h"
#include "lock.h"

#define RAW_IN_MEMORY ((size_t)4 << 20) /* at most; and nodes */
#define NODES_IN_MEMORY ((size_t)16 << 20)

/* A writer that was killed when its last page was written, but before it told the readers, has made a commit that no
 * reader sees until the next write transaction. Who writes must see it from the start. */
static int uncover_last_commit(struct env *env, struct cel_error *e)
{
	MDB_txn *txn;
	int rc = env_write_begin(env, &txn, e);
	if (rc == 0)
		env_end(env, txn);
	return rc;
}

void store_batch_set_limits(struct store_batch *b, size_t memory, uint32_t threads)
{
	b->memory = memory < STORE_BATCH_MEMORY_MIN ? STORE_BATCH_MEMORY_MIN : memory;
	b->threads = threads;
}

static size_t at_most(size_t value, size_t most)
{
	return value < most ? value : most;
}

int store_batch_begin(struct store *s, double lock_wait_seconds, struct store_batch **out, struct cel_error *e)
{
	if (s->is_read_only)
		return error_set(e, CEL_EPERMISSION, "%s is open for reading only", s->path);
	struct store_batch *b = mem_calloc(1, sizeof *b);
	if (b == NULL)
		return error_nomem(e, sizeof *b);
	b->store = s;
	store_batch_set_limits(b, STORE_BATCH_MEMORY, 1);
	int rc = writer_lock_acquire(s->path, lock_wait_seconds, &b->lock_fd, e);
	if (rc < 0) {
		mem_free(b);
		return rc;
	}
	env_grow_early(&s->env);
	rc = uncover_last_commit(&s->env, e);
	if (rc < 0) {
		writer_lock_release(b->lock_fd);
		mem_free(b);
		return rc;
	}
	*out = b;
	return 0;
}

void batch_end_reading(struct store_batch *b)
{
	packs_release(&b->packs);
	env_end(&b->store->env, b->txn);
	b->txn = NULL;
}

void batch_release(struct store_batch *b)
{
	batch_end_reading(b);
	segment_set_release(b->set);
	b->set = NULL;
	segment_writer_free(b->segment);
	b->segment = NULL;
	for (size_t i = 0; i < b->n_runs; i++)
		segment_free(b->runs[i]);
	mem_free(b->runs);
	b->runs = NULL;
	b->n_runs = 0;
	pending_release(&b->raw);
	pending_release(&b->nodes);
	writer_lock_release(b->lock_fd);
	b->lock_fd = -1;
	b->is_over = true;
}

void store_batch_free(struct store_batch *b)
{
	if (b == NULL)
		return;
	batch_release(b);
	mem_free(b);
}

/* ---- looking up */

/* Does the table have a raw block? Their keys are before those of nodes. */
static int has_raw(struct store_batch *b, MDB_dbi table, struct cel_error *e)
{
	uint8_t codec = CID_RAW;
	MDB_cursor *cursor;
	MDB_val key = val_make(&codec, 1), value;
	int rc = mdb_cursor_open(b->txn, table, &cursor);
	if (rc != 0)
		return env_error(&b->store->env, rc, 0, "looking for blocks", e);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	bool is_raw = rc == 0 && key.mv_size > 0 && *(const uint8_t *)key.mv_data == CID_RAW;
	mdb_cursor_close(cursor);
	return rc == 0 || rc == MDB_NOTFOUND ? is_raw : env_error(&b->store->env, rc, 0, "looking for blocks", e);
}

/* Nobody else writes while the lock is ours, so what was seen first stays true. */
static int begin_reading(struct store_batch *b, struct cel_error *e)
{
	if (b->txn != NULL)
		return 0;
	int rc = env_read_begin(&b->store->env, &b->txn, e);
	if (rc == 0)
		rc = packs_load(&b->packs, &b->store->env, b->txn, e);
	if (rc == 0)
		rc = b->packs.n > 0 ? 1 : has_raw(b, b->store->env.blocks, e);
	if (rc == 0)
		rc = has_raw(b, b->store->env.places, e);
	b->is_raw_in_lmdb = rc > 0;
	if (rc < 0)
		batch_end_reading(b);
	return rc < 0 ? rc : 0;
}

/* In LMDB: 1, 0 or an error. Without the block b->set is there if it is a raw one. */
static int find_in_lmdb(struct store_batch *b, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	int rc = begin_reading(b, e);
	if (rc == 0 && (cid->codec != CID_RAW || b->is_raw_in_lmdb))
		rc = block_get(&b->store->env, b->txn, &b->packs, cid, out, e);
	if (rc == 0 && cid->codec == CID_RAW && b->set == NULL)
		rc = segments_acquire(&b->store->segments, &b->set, e);
	return rc;
}

/* In this batch, but for the segment being written. */
static int find_gathered(struct store_batch *b, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	if (cid->codec == CID_RAW)
		return pending_find(&b->raw, cid, out);
	if (pending_find(&b->nodes, cid, out))
		return 1;
	for (size_t i = b->n_runs; i > 0; i--) {
		int rc = segment_find(b->runs[i - 1], cid, out, e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* 1 if the block need not be kept. A segment that cannot be opened counts as absent: its blocks are kept again. */
static int is_known(struct store_batch *b, const struct cid *cid, struct slice block, struct cel_error *e)
{
	struct slice bytes;
	if (b->segment != NULL && cid->codec == CID_RAW && segment_writer_has_recent(b->segment, cid))
		return 1;
	/* Nodes in runs are not looked for, of which there may be many: should one come again it is written twice, to one key. */
	int rc = pending_find(cid->codec == CID_RAW ? &b->raw : &b->nodes, cid, &bytes);
	if (rc == 0 && cid->codec == CID_DAG_CBOR) {
		rc = begin_reading(b, e);
		return rc < 0 ? rc : block_has(&b->store->env, b->txn, &b->packs, cid, block, e);
	}
	if (rc == 0)
		rc = find_in_lmdb(b, cid, &bytes, e);
	if (rc == 0)
		rc = segment_set_has(b->set, cid);
	return rc;
}

static int check_usable(const struct store_batch *b, struct cel_error *e)
{
	return b->is_over ? error_set(e, CEL_EINTERNAL, "%s: the batch is over", b->store->path) : 0;
}

int store_batch_block(struct store_batch *b, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	int rc = check_usable(b, e);
	if (rc < 0)
		return rc;
	rc = find_gathered(b, cid, out, e);
	if (rc == 0)
		rc = find_in_lmdb(b, cid, out, e);
	if (rc == 0 && cid->codec == CID_RAW)
		rc = segment_set_find(b->set, cid, out, e);
	if (rc == 0 && cid->codec == CID_RAW && b->segment != NULL)
		rc = segment_writer_find(b->segment, cid, out, e);
	if (rc > 0)
		return store_verify(b->store, cid, *out, e);
	if (rc < 0)
		return rc;
	char text[CEL_CID_TEXT_SIZE];
	cid_format(cid, text);
	return error_set(e, CEL_ENOTFOUND, "%s has no block %s", b->store->path, text);
}

/* ---- gathering */

static int add_all(struct segment_writer *w, const struct pending *p, struct cel_error *e)
{
	int rc = 0;
	for (size_t i = 0; i < p->n && rc == 0; i++) {
		struct cid cid;
		struct slice block = pending_at(p, i, &cid);
		rc = segment_writer_add(w, &cid, block, e);
	}
	return rc;
}

static int begin_segment(struct store_batch *b, struct cel_error *e)
{
	const char *directory;
	struct segment_writer_options options = {.memory = at_most(b->memory / 2, SEGMENT_WRITER_MEMORY), .threads = b->threads};
	int rc = store_make_tmp(b->store, &directory, e);
	if (rc == 0)
		rc = segment_writer_new(directory, &options, &b->segment, e);
	if (rc == 0)
		rc = add_all(b->segment, &b->raw, e);
	pending_release(&b->raw);
	return rc;
}

static int keep_raw(struct store_batch *b, const struct cid *cid, struct slice block, struct cel_error *e)
{
	if (b->segment == NULL && b->raw.n == 0)
		b->first_raw = *cid;
	if (b->segment == NULL && b->raw.bytes.size + block.size > at_most(b->memory / 8, RAW_IN_MEMORY)) {
		int rc = begin_segment(b, e);
		if (rc < 0)
			return rc;
	}
	return b->segment != NULL ? segment_writer_add(b->segment, cid, block, e)
				  : pending_add(&b->raw, cid, block, e);
}

/* The nodes to be written are in memory still, so the writer gets little. */
static int make_run(const char *directory, const struct pending *nodes, size_t memory, struct segment **out, struct cel_error *e)
{
	struct segment_writer *w;
	struct segment_writer_options options = {.memory = at_most(memory / 8, SEGMENT_WRITER_MEMORY), .threads = 1};
	int rc = segment_writer_new(directory, &options, &w, e);
	if (rc < 0)
		return rc;
	rc = add_all(w, nodes, e);
	if (rc == 0)
		rc = segment_writer_finish(w, &nodes->blocks[0].cid, false, e);
	if (rc == 0)
		rc = segment_open(segment_writer_path(w), out, e);
	segment_writer_free(w); /* the file's name goes, the mapping stays */
	return rc;
}

static int spill_nodes(struct store_batch *b, struct cel_error *e)
{
	const char *directory;
	int rc = store_make_tmp(b->store, &directory, e);
	if (rc < 0)
		return rc;
	struct segment **runs = mem_realloc(b->runs, b->n_runs + 1, sizeof *runs);
	if (runs == NULL)
		return error_nomem(e, (b->n_runs + 1) * sizeof *runs);
	b->runs = runs;
	pending_sort(&b->nodes);
	rc = make_run(directory, &b->nodes, b->memory, &b->runs[b->n_runs], e);
	if (rc < 0)
		return rc;
	b->n_runs++;
	pending_clear(&b->nodes);
	return 0;
}

static int keep_node(struct store_batch *b, const struct cid *cid, struct slice block, struct cel_error *e)
{
	if (b->nodes.n > 0 && b->nodes.bytes.size + block.size > at_most(b->memory / 3, NODES_IN_MEMORY)) {
		int rc = spill_nodes(b, e);
		if (rc < 0)
			return rc;
	}
	return pending_add(&b->nodes, cid, block, e);
}

static int put_new(struct store_batch *b, const struct cid *cid, struct slice block, struct cel_error *e)
{
	bool is_value = cid->codec == CID_RAW;
	figure_add(is_value ? FIGURE_VALUES_WRITTEN : FIGURE_NODES_WRITTEN, 1);
	return is_value ? keep_raw(b, cid, block, e) : keep_node(b, cid, block, e);
}

int store_batch_put_hashed(struct store_batch *b, const struct cid *cid, struct slice block, struct cel_error *e)
{
	int rc = check_usable(b, e);
	if (rc < 0)
		return rc;
	if (block.size > SEGMENT_BLOCK_MAX)
		return error_set(e, CEL_EDATA, "a block of %zu bytes is over the limit of %u", block.size,
				 SEGMENT_BLOCK_MAX);
	rc = is_known(b, cid, block, e);
	if (rc == 0)
		rc = put_new(b, cid, block, e);
	b->is_over |= rc < 0;
	return rc < 0 ? rc : 0;
}

int store_batch_put(struct store_batch *b, uint8_t codec, struct slice block, struct cid *out, struct cel_error *e)
{
	*out = (struct cid){.codec = codec};
	if (block.size <= SEGMENT_BLOCK_MAX) /* else it is refused, hashed or not */
		*out = cid_of(codec, block);
	return store_batch_put_hashed(b, out, block, e);
}
