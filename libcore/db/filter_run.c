/* SPDX-License-Identifier: Apache-2.0 */
/* The tree is cut into pieces of ranks; each thread has a helper process, takes the next piece and feeds it batch after batch,
 * one batch ahead of the answers. Records are copied out under a snapshot that ends before anything is sent: a helper
 * may take its time. A piece begins at a multiple of 64, so no two threads write to one word of the bitmap. */
#include <stdatomic.h>

#include "alloc.h"
#include "error.h"
#include "parallel.h"
#include "selection.h"

#define PIECE 8192u /* records; a multiple of 64 */
#define BATCH_BYTES (256u << 10)
#define RECORDS_A_HELPER 20000u /* it takes about 40 ms to start: as long as so many records take */

struct run {
	struct cel_store *store;
	const struct cid *tree;
	uint64_t start, end;
	struct slice expression;
	struct bitmap *out;
	_Atomic uint64_t next; /* piece */
	_Atomic bool is_stopped;
	struct tally {
		uint64_t failed, first; /* the lowest rank that failed */
		char message[MATCH_MESSAGE_MAX + 1];
	} *tallies; /* [threads] */
};

static int copy_batch(struct run *run, struct matcher *m, struct store_read *read, uint64_t rank, uint64_t end,
		      struct cel_error *e)
{
	struct prolly_cursor *cursor;
	int rc = prolly_cursor_new(read, run->tree, &cursor, e);
	if (rc < 0)
		return rc;
	rc = prolly_cursor_seek_rank(cursor, rank, e);
	while (rc == 0 && rank < end && matcher_batch(m) < MATCH_BATCH_MAX && matcher_batch_bytes(m) < BATCH_BYTES) {
		struct prolly_entry entry;
		struct slice metadata;
		rc = prolly_cursor_next(cursor, &entry, e);
		if (rc == 0)
			rc = error_set(e, CEL_ECORRUPT, "the tree has fewer records than it counts");
		if (rc == 1)
			rc = prolly_value_bytes(read, &entry.metadata, &metadata, e);
		if (rc == 0)
			rc = matcher_add(m, entry.id, metadata, e);
		rank++;
	}
	prolly_cursor_free(cursor);
	return rc;
}

static int send_batch(struct run *run, struct matcher *m, uint64_t rank, uint64_t end, uint64_t *sent,
		      struct cel_error *e)
{
	struct store_read *read;
	int rc = store_read_begin(run->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = copy_batch(run, m, read, rank, end, e);
	store_read_end(read);
	*sent = matcher_batch(m);
	return rc < 0 ? rc : matcher_send(m, e);
}

static int take_answer(struct run *run, struct matcher *m, struct tally *tally, uint64_t rank, struct cel_error *e)
{
	const struct match_answer *answer;
	int rc = matcher_receive(m, &answer, e);
	for (uint32_t i = 0; rc == 0 && i < answer->n; i++) {
		if (answer->results[i] == MATCH_YES)
			bits_set(run->out->bits, rank + i);
		if (answer->results[i] != MATCH_FAILED)
			continue;
		if (rank + i < tally->first) {
			tally->first = rank + i;
			memcpy(tally->message, answer->message, sizeof tally->message);
		}
		tally->failed++;
	}
	return rc;
}

static int run_piece(struct run *run, struct matcher *m, struct tally *tally, uint64_t rank, uint64_t end,
		     struct cel_error *e)
{
	uint64_t ahead = 0; /* records sent and not answered */
	int rc = 0;
	while (rc == 0 && rank < end) {
		uint64_t sent = 0;
		if (rank + ahead < end)
			rc = send_batch(run, m, rank + ahead, end, &sent, e);
		if (rc == 0 && ahead > 0)
			rc = take_answer(run, m, tally, rank, e);
		rank += ahead;
		ahead = sent;
	}
	return rc;
}

static int run_pieces(void *context, uint32_t thread, struct cel_error *e)
{
	struct run *run = context;
	struct tally *tally = &run->tallies[thread];
	struct matcher *m;
	tally->first = UINT64_MAX;
	int rc = matcher_new(run->expression, &m, e);
	while (rc == 0 && !atomic_load(&run->is_stopped)) {
		uint64_t piece = run->start / PIECE + atomic_fetch_add(&run->next, 1);
		uint64_t first = piece * PIECE > run->start ? piece * PIECE : run->start;
		if (first >= run->end)
			break;
		uint64_t last = (piece + 1) * PIECE < run->end ? (piece + 1) * PIECE : run->end;
		rc = run_piece(run, m, tally, first, last, e);
	}
	if (rc < 0)
		atomic_store(&run->is_stopped, true);
	matcher_free(m);
	return rc;
}

static void add_tallies(struct run *run, uint32_t threads)
{
	uint64_t first = UINT64_MAX;
	for (uint32_t i = 0; i < threads; i++) {
		const struct tally *tally = &run->tallies[i];
		run->out->failed += tally->failed;
		if (tally->failed > 0 && tally->first < first) {
			first = tally->first;
			memcpy(run->out->message, tally->message, sizeof tally->message);
		}
	}
	run->out->count = bits_count(run->out->bits, run->out->n);
}

int filter_run(struct cel_store *store, const struct cid *tree, uint64_t start, uint64_t end, struct slice expression,
	       uint32_t threads, struct bitmap *out, struct cel_error *e)
{
	uint64_t wanted = (end - start) / RECORDS_A_HELPER + 1;
	threads = threads < wanted ? threads : (uint32_t)wanted;
	struct run run = {.store = store, .tree = tree, .start = start, .end = end, .expression = expression, .out = out};
	run.tallies = mem_calloc(threads, sizeof *run.tallies);
	if (run.tallies == NULL)
		return error_nomem(e, threads * sizeof *run.tallies);
	int rc = parallel_run(threads, run_pieces, &run, e);
	if (rc == CEL_ENOTFOUND)
		rc = error_set(e, CEL_EUNAVAILABLE, "the tree was taken out of the store meanwhile");
	if (rc == 0)
		add_tallies(&run, threads);
	mem_free(run.tallies);
	return rc;
}
