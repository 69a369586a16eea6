/* SPDX-License-Identifier: Apache-2.0 */
/* The durable order. First the segment is sealed: finished, synced, named, directory synced. Then the blocks go to LMDB. What is
 * all in memory goes there as packs, in one transaction. What is more is merged from memory and runs into key order by a
 * heap, and goes in transactions of at most 32 MiB of pages (or the batch's memory), each but the last renewing the batch's
 * lease. The last one compares and moves the refs, writes their log and drops the lease. A transaction that finds the map
 * full is repeated after growing, so its blocks are listed before it begins.
 *
 * If nothing can have been committed the new segment is removed again. Once a transaction has been, or may have been,
 * it stays: nodes in LMDB never point at blocks that are gone. */

#include "alloc.h"
#include "batch_impl.h"
#include "error.h"
#include "refs.h"
#include "regular.h"

#define TXN_BYTES ((size_t)32 << 20) /* at most */
#define TXN_BLOCKS 65536u
#define PAGE_SIZE 4096u

/* ---- all blocks for LMDB in key order */

struct source {
	struct pending *pending; /* or: */
	struct segment *run;
	uint64_t next, n;
	struct cid cid; /* of the present block */
	struct slice block;
};

struct merge {
	struct source *sources; /* a heap, least CID first */
	size_t n;
};

/* The next block of a source; 0 at its end. */
static int advance(struct source *s, struct cel_error *e)
{
	if (s->next == s->n)
		return 0;
	uint64_t i = s->next++;
	if (s->pending != NULL) {
		s->block = pending_at(s->pending, i, &s->cid);
		return 1;
	}
	int rc = segment_at(s->run, i, &s->cid, &s->block, e);
	return rc < 0 ? rc : 1;
}

static void sift_down(struct merge *m, size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < m->n; child++)
			if (cid_compare(&m->sources[child].cid, &m->sources[least].cid) < 0)
				least = child;
		if (least == i)
			return;
		struct source swap = m->sources[i];
		m->sources[i] = m->sources[least];
		m->sources[least] = swap;
		i = least;
	}
}

static int merge_add(struct merge *m, struct source source, struct cel_error *e)
{
	int rc = advance(&source, e);
	if (rc > 0)
		m->sources[m->n++] = source;
	return rc < 0 ? rc : 0;
}

static int merge_begin(struct merge *m, struct store_batch *b, struct cel_error *e)
{
	m->sources = mem_calloc(b->n_runs + 2, sizeof *m->sources);
	if (m->sources == NULL)
		return error_nomem(e, (b->n_runs + 2) * sizeof *m->sources);
	pending_sort(&b->raw);
	pending_sort(&b->nodes);
	int rc = merge_add(m, (struct source){.pending = &b->raw, .n = b->raw.n}, e);
	if (rc == 0)
		rc = merge_add(m, (struct source){.pending = &b->nodes, .n = b->nodes.n}, e);
	for (size_t i = 0; i < b->n_runs && rc == 0; i++)
		rc = merge_add(m, (struct source){.run = b->runs[i], .n = segment_count(b->runs[i])}, e);
	for (size_t i = m->n; i-- > 0;)
		sift_down(m, i);
	return rc;
}

/* ---- one transaction's worth of blocks */

struct portion {
	struct pack_block *blocks;
	size_t n;
	uint64_t bytes; /* of pages, about */
	size_t bytes_max;
	bool is_packed;
};

static uint64_t page_bytes(struct slice block)
{
	if (block.size < PAGE_SIZE / 2 - 64)
		return block.size + 64;
	return (block.size + 16 + PAGE_SIZE - 1) / PAGE_SIZE * PAGE_SIZE + 64;
}

/* Takes blocks off the merge until the portion is full. The tree's root waits for the last one: where it is, all that is
 * below it is too, also when this batch is killed half-way. */
static int fill_portion(struct portion *p, struct merge *m, const struct cid *root, struct source *waiting,
			struct cel_error *e)
{
	p->n = 0;
	p->bytes = 0;
	while (m->n > 0 && p->n < TXN_BLOCKS && p->bytes < p->bytes_max) {
		struct source *least = &m->sources[0];
		if (root != NULL && cid_equal(&least->cid, root)) {
			*waiting = *least;
		} else {
			p->blocks[p->n++] = (struct pack_block){least->cid, least->block};
			p->bytes += page_bytes(least->block);
		}
		int rc = advance(least, e);
		if (rc < 0)
			return rc;
		if (rc == 0)
			*least = m->sources[--m->n];
		sift_down(m, 0);
	}
	if (m->n == 0 && waiting->block.data != NULL)
		p->blocks[p->n++] = (struct pack_block){waiting->cid, waiting->block};
	return 0;
}

/* Nodes as they were made, but the upper ones before the others, and raw blocks. */
static int fill_portion_as_put(struct portion *p, const struct store_batch *b, struct cel_error *e)
{
	p->blocks = mem_alloc((b->nodes.n + b->raw.n + 1) * sizeof *p->blocks);
	if (p->blocks == NULL)
		return error_nomem(e, (b->nodes.n + b->raw.n + 1) * sizeof *p->blocks);
	for (int is_upper = 1; is_upper >= 0; is_upper--) {
		for (size_t i = 0; i < b->nodes.n; i++) {
			struct pack_block *block = &p->blocks[p->n];
			block->block = pending_at(&b->nodes, i, &block->cid);
			p->n += block_is_upper_node(&block->cid, block->block) == (is_upper == 1);
		}
	}
	for (size_t i = 0; i < b->raw.n; i++, p->n++)
		p->blocks[p->n].block = pending_at(&b->raw, i, &p->blocks[p->n].cid);
	for (size_t i = 0; i < p->n; i++)
		p->bytes += p->blocks[i].block.size;
	return 0;
}

/* Where the pack ends that begins there. */
static size_t pack_end(const struct portion *p, size_t first)
{
	size_t bytes = p->blocks[first].block.size, end = first + 1;
	while (end < p->n && bytes + p->blocks[end].block.size <= PACK_BYTES)
		bytes += p->blocks[end++].block.size;
	return end;
}

/* The packs that were open are closed before there are new ones: what this transaction has written LMDB may move. */
static int put_packs(struct store_batch *b, MDB_txn *txn, const struct portion *p)
{
	size_t n = 0;
	for (size_t done = 0; done < p->n; done = pack_end(p, done))
		n++;
	int rc = packs_close(&b->store->env, txn, n < PACKS_OPEN_MAX ? PACKS_OPEN_MAX - n : 0);
	for (size_t done = 0, end; done < p->n && rc == 0; done = end) {
		end = pack_end(p, done);
		rc = pack_put(&b->store->env, txn, p->blocks + done, end - done);
	}
	return rc;
}

/* In key order: upper nodes first. */
static int put_blocks(struct store_batch *b, MDB_txn *txn, const struct portion *p)
{
	int rc = 0;
	for (int is_upper = 1; is_upper >= 0; is_upper--)
		for (size_t i = 0; i < p->n && rc == 0; i++)
			if (block_is_upper_node(&p->blocks[i].cid, p->blocks[i].block) == (is_upper == 1))
				rc = block_put(&b->store->env, txn, &p->blocks[i].cid, p->blocks[i].block);
	return rc;
}

/* ---- commit */

struct commit_job {
	struct store_batch *batch;
	const struct cid *root; /* may be NULL */
	const struct store_ref_update *updates;
	size_t n_updates;
	int64_t time;
	struct lease lease;
	bool is_leased;
	bool is_anything_committed; /* or may be */
};

static int compare_refs(struct commit_job *job, MDB_txn *txn, struct cel_error *e)
{
	int rc = 0;
	for (size_t i = 0; i < job->n_updates && rc == 0; i++)
		rc = refs_compare(&job->batch->store->env, txn, &job->updates[i], e);
	return rc;
}

/* What the last transaction has besides blocks; an LMDB code. */
static int put_last(struct commit_job *job, MDB_txn *txn)
{
	struct env *env = &job->batch->store->env;
	size_t n_live;
	int rc = lease_sweep(txn, env->leases, NULL, &n_live);
	if (rc == 0 && job->is_leased)
		rc = lease_drop(txn, env->leases, &job->lease);
	for (size_t i = 0; i < job->n_updates && rc == 0; i++)
		rc = refs_move(env, txn, &job->updates[i], job->time);
	if (rc == 0 && job->batch->is_irregular)
		rc = regular_drop(env, txn);
	return rc;
}

/* One try; an LMDB code, or a CEL_E code with *is_ours set. */
static int try_portion(struct commit_job *job, const struct portion *p, bool is_last, bool *is_ours,
		       struct cel_error *e)
{
	struct env *env = &job->batch->store->env;
	MDB_txn *txn;
	int rc = env_write_begin(env, &txn, e);
	if (rc == 0 && is_last)
		rc = compare_refs(job, txn, e);
	*is_ours = rc < 0;
	if (rc == 0)
		rc = p->is_packed ? put_packs(job->batch, txn, p) : put_blocks(job->batch, txn, p);
	if (rc == 0)
		rc = is_last ? put_last(job, txn) : lease_put(txn, env->leases, &job->lease);
	if (rc != 0) {
		env_end(env, txn);
		return rc;
	}
	rc = env_commit(env, txn);
	if (rc == 0 || env_is_panicked(env))
		job->is_anything_committed = true;
	return rc;
}

static int write_portion(struct commit_job *job, const struct portion *p, bool is_last, struct cel_error *e)
{
	struct env *env = &job->batch->store->env;
	if (!is_last && !job->is_leased) {
		int rc = lease_new(&job->lease, e);
		if (rc < 0)
			return rc;
		job->is_leased = true;
	}
	for (;;) {
		bool is_ours;
		int rc = try_portion(job, p, is_last, &is_ours, e);
		if (rc == 0 || is_ours)
			return rc;
		if (rc != MDB_MAP_FULL)
			return env_error(env, rc, p->bytes, "writing data.mdb", e);
		rc = env_grow(env, e);
		if (rc < 0)
			return rc;
	}
}

static int write_packs(struct commit_job *job, struct cel_error *e)
{
	struct portion portion = {.is_packed = true};
	int rc = fill_portion_as_put(&portion, job->batch, e);
	if (rc == 0)
		rc = write_portion(job, &portion, true, e);
	mem_free(portion.blocks);
	return rc;
}

static int write_blocks(struct commit_job *job, struct cel_error *e)
{
	if (job->batch->n_runs == 0)
		return write_packs(job, e);
	struct merge merge = {0};
	struct portion portion = {.bytes_max = job->batch->memory < TXN_BYTES ? job->batch->memory : TXN_BYTES};
	struct source waiting = {0};
	int rc = merge_begin(&merge, job->batch, e);
	portion.blocks = mem_alloc((TXN_BLOCKS + 1) * sizeof *portion.blocks);
	if (rc == 0 && portion.blocks == NULL)
		rc = error_nomem(e, TXN_BLOCKS * sizeof *portion.blocks);
	bool is_last = false;
	while (rc == 0 && !is_last) {
		rc = fill_portion(&portion, &merge, job->root, &waiting, e);
		is_last = merge.n == 0;
		if (rc == 0)
			rc = write_portion(job, &portion, is_last, e);
	}
	mem_free(portion.blocks);
	mem_free(merge.sources);
	return rc;
}

static int check_updates(struct commit_job *job, struct cel_error *e)
{
	MDB_txn *txn;
	for (size_t i = 0; i < job->n_updates; i++) {
		int rc = refs_check_name(job->updates[i].ref, e);
		if (rc < 0)
			return rc;
	}
	int rc = env_read_begin(&job->batch->store->env, &txn, e);
	if (rc < 0)
		return rc;
	rc = compare_refs(job, txn, e); /* before much is written in vain; what counts comes in the last transaction */
	env_end(&job->batch->store->env, txn);
	return rc;
}

static int seal_segment(struct store_batch *b, const struct cid *root, bool *is_new, struct cel_error *e)
{
	int rc = segment_writer_finish(b->segment, root != NULL ? root : &b->first_raw, true, e);
	return rc < 0 ? rc : segment_writer_publish(b->segment, b->store->segments_path, is_new, e);
}

int store_batch_commit(struct store_batch *b, const struct cid *root, const struct store_ref_update *updates,
		       size_t n_updates, int64_t time, struct cel_error *e)
{
	struct commit_job job = {.batch = b, .root = root, .updates = updates, .n_updates = n_updates, .time = time};
	if (b->is_over)
		return error_set(e, CEL_EINTERNAL, "%s: the batch is over", b->store->path);
	batch_end_reading(b);
	int rc = check_updates(&job, e);
	bool is_new_segment = false;
	if (rc == 0 && b->segment != NULL)
		rc = seal_segment(b, root, &is_new_segment, e);
	if (rc == 0)
		rc = write_blocks(&job, e);
	if (rc < 0 && is_new_segment && !job.is_anything_committed)
		segment_writer_unpublish(b->segment);
	batch_release(b);
	return rc;
}
