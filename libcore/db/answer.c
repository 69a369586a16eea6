/* SPDX-License-Identifier: Apache-2.0 */
/* The queries of a block are shared out among threads. With an index, threads take the next query from a counter, each
 * with a searcher of its own; without one, each thread takes an equal share of the queries and passes over the whole
 * tree with a snapshot of its own. Either way the answers do not depend on the number of threads. */
#include "answer.h"

#include <stdatomic.h>

#include "alloc.h"
#include "clock.h"
#include "error.h"
#include "parallel.h"
#include "record.h"
#include "tree.h"

#define RADIUS_K_MIN 64u
#define RADIUS_K_MAX 1024u

struct answerer {
	struct cel_store *store;
	const struct db_rev *rev;
	const struct index_view *view;
	struct answer_how how;
	size_t vector_size;

	struct hnsw_searcher **searchers; /* one a thread */
	struct exact **exacts;            /* one a thread */
	size_t share;                     /* queries of one exact */

	const uint8_t *queries;
	size_t n;
	_Atomic size_t next;
	struct hnsw_hit *hits; /* n * k */
	uint32_t *counts;      /* n */
	size_t capacity;       /* in queries */
	struct buf *within;    /* n of hits, if it is by radius */
	size_t n_within;
};

int answerer_new(struct cel_store *store, const struct db_rev *rev, const struct index_view *view,
		 const struct answer_how *how, struct answerer **out, struct cel_error *e)
{
	*out = NULL;
	uint32_t threads = how->threads;
	struct answerer *a = mem_calloc(1, sizeof *a);
	if (a == NULL)
		return error_nomem(e, sizeof *a);
	*a = (struct answerer){.store = store, .rev = rev, .view = view, .how = *how,
			       .vector_size = schema_vector_size(&rev->schema)};
	a->searchers = mem_calloc(threads, sizeof *a->searchers);
	a->exacts = mem_calloc(threads, sizeof *a->exacts);
	if (a->searchers == NULL || a->exacts == NULL) {
		answerer_free(a);
		return error_nomem(e, threads * sizeof *a->searchers);
	}
	*out = a;
	return 0;
}

void answerer_free(struct answerer *a)
{
	if (a == NULL)
		return;
	for (uint32_t i = 0; i < a->how.threads; i++) {
		if (a->searchers != NULL)
			hnsw_searcher_free(a->searchers[i]);
		if (a->exacts != NULL)
			exact_free(a->exacts[i]);
	}
	mem_free(a->searchers);
	mem_free(a->exacts);
	for (size_t i = 0; i < a->n_within; i++)
		buf_release(&a->within[i]);
	mem_free(a->within);
	mem_free(a->hits);
	mem_free(a->counts);
	mem_free(a);
}

static int keep_hits(struct answerer *a, size_t query, const struct hnsw_hit *hits, size_t n, struct cel_error *e)
{
	struct buf *within = &a->within[query];
	n = n < a->how.k ? n : a->how.k;
	buf_clear(within);
	return buf_append(within, hits, n * sizeof *hits, e);
}

/* The nearest few, then the nearest many; if those are within the radius, too, everything is looked at. */
static int search_within(struct answerer *a, struct hnsw_searcher *s, size_t i, struct slice query, struct cel_error *e)
{
	static const uint32_t KS[] = {RADIUS_K_MIN, RADIUS_K_MAX};
	struct hnsw_hit found[RADIUS_K_MAX];
	const struct hnsw_hit *hits = found;
	size_t n_within;
	for (size_t step = 0; step < 2 && a->how.method == ANSWER_GRAPH; step++) {
		uint32_t n, ef = a->how.ef > KS[step] ? a->how.ef : KS[step], within = 0;
		int rc = hnsw_search(s, query, KS[step], ef, found, &n, e);
		if (rc < 0)
			return rc;
		while (within < n && found[within].distance <= a->how.radius)
			within++;
		if (within < n || n < KS[step] || within >= a->how.k)
			return keep_hits(a, i, found, within, e);
	}
	int rc = hnsw_scan_within(s, query, a->how.radius, &hits, &n_within, e);
	return rc < 0 ? rc : keep_hits(a, i, hits, n_within, e);
}

static int search_one(struct answerer *a, struct hnsw_searcher *s, size_t i, struct cel_error *e)
{
	struct slice query = slice_make(a->queries + i * a->vector_size, a->vector_size);
	struct hnsw_hit *hits = a->hits + i * a->how.k;
	if (a->how.has_radius)
		return search_within(a, s, i, query, e);
	return a->how.method == ANSWER_GRAPH ? hnsw_search(s, query, a->how.k, a->how.ef, hits, &a->counts[i], e)
					     : hnsw_scan(s, query, a->how.k, hits, &a->counts[i], e);
}

static int search_some(void *context, uint32_t thread, struct cel_error *e)
{
	struct answerer *a = context;
	for (;;) {
		size_t i = atomic_fetch_add(&a->next, 1);
		if (i >= a->n)
			return 0;
		uint64_t start = nanoseconds_now();
		int rc = search_one(a, a->searchers[thread], i, e);
		latency_add(a->how.latency, nanoseconds_now() - start);
		if (rc < 0) {
			atomic_store(&a->next, a->n); /* the others stop too */
			return rc;
		}
	}
}

static int make_searcher(struct answerer *a, struct hnsw_searcher **out, struct cel_error *e)
{
	const struct answer_how *how = &a->how;
	uint32_t k = how->has_radius ? RADIUS_K_MAX : how->k, ef = how->ef > k ? how->ef : k;
	int rc = hnsw_searcher_new(a->view->index, a->view->overlay, k, ef, out, e);
	return rc == 0 && how->accept != NULL ? hnsw_searcher_accept(*out, how->accept, e) : rc;
}

static int make_room(struct answerer *a, struct cel_error *e)
{
	size_t size;
	if (a->how.has_radius) {
		if (a->n <= a->n_within)
			return 0;
		struct buf *within = mem_realloc(a->within, a->n, sizeof *within);
		if (within == NULL)
			return error_nomem(e, a->n * sizeof *within);
		memset(within + a->n_within, 0, (a->n - a->n_within) * sizeof *within);
		a->within = within;
		a->n_within = a->n;
		return 0;
	}
	if (a->n <= a->capacity)
		return 0;
	if (__builtin_mul_overflow(a->n, a->how.k, &size))
		return error_nomem(e, SIZE_MAX);
	struct hnsw_hit *hits = mem_realloc(a->hits, size, sizeof *hits);
	if (hits == NULL)
		return error_nomem(e, size * sizeof *hits);
	a->hits = hits;
	uint32_t *counts = mem_realloc(a->counts, a->n, sizeof *counts);
	if (counts == NULL)
		return error_nomem(e, a->n * sizeof *counts);
	a->counts = counts;
	a->capacity = a->n;
	return 0;
}

static int run_index(struct answerer *a, uint32_t threads, struct cel_error *e)
{
	int rc = make_room(a, e);
	for (uint32_t i = 0; i < threads && rc == 0; i++)
		if (a->searchers[i] == NULL)
			rc = make_searcher(a, &a->searchers[i], e);
	if (rc < 0)
		return rc;
	atomic_store(&a->next, 0);
	return parallel_run(threads, search_some, a, e);
}

static int pass_over_tree(struct answerer *a, struct store_read *read, struct exact *exact, struct cel_error *e)
{
	struct selection all = {0};
	const struct selection *s = a->how.selection != NULL ? a->how.selection : &all;
	struct prolly_cursor *cursor;
	int rc = a->how.selection == NULL ? prolly_count(read, &a->rev->commit.tree, &all.n, e) : 0;
	all.end = all.n;
	if (rc == 0)
		rc = prolly_cursor_new(read, &a->rev->commit.tree, &cursor, e);
	if (rc < 0)
		return rc;
	uint64_t at = s->n;
	for (uint64_t rank = selection_next(s, 0); rank < s->n && rc == 0; rank = selection_next(s, rank + 1)) {
		struct prolly_entry entry;
		struct slice vector;
		rc = selection_entry(s, cursor, &at, rank, &entry, e);
		if (rc == 0)
			rc = db_entry_vector(read, a->rev, &entry, &vector, e);
		if (rc == 0)
			rc = exact_add(exact, entry.id, vector, e);
	}
	prolly_cursor_free(cursor);
	return rc;
}

static int scan_share(void *context, uint32_t thread, struct cel_error *e)
{
	struct answerer *a = context;
	size_t first = thread * a->share;
	size_t count = first >= a->n ? 0 : a->n - first < a->share ? a->n - first : a->share;
	if (count == 0)
		return 0;
	struct store_read *read;
	int rc = store_read_begin(a->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = exact_new(&a->rev->schema, a->how.has_radius ? 1 : a->how.k, a->queries + first * a->vector_size, count, &a->exacts[thread], e);
	if (rc == 0 && a->how.has_radius)
		rc = exact_within(a->exacts[thread], a->how.radius, e);
	if (rc == 0)
		rc = pass_over_tree(a, read, a->exacts[thread], e);
	store_read_end(read);
	return rc;
}

static int run_tree(struct answerer *a, uint32_t threads, struct cel_error *e)
{
	for (uint32_t i = 0; i < a->how.threads; i++) {
		exact_free(a->exacts[i]);
		a->exacts[i] = NULL;
	}
	a->share = (a->n + threads - 1) / threads;
	return parallel_run(threads, scan_share, a, e);
}

int answerer_run(struct answerer *a, const uint8_t *queries, size_t n, struct cel_error *e)
{
	a->queries = queries;
	a->n = n;
	if (n == 0)
		return 0;
	uint32_t threads = n < a->how.threads ? (uint32_t)n : a->how.threads;
	return a->how.method == ANSWER_TREE ? run_tree(a, threads, e) : run_index(a, threads, e);
}

struct answer_hits answerer_hits(const struct answerer *a, size_t query)
{
	struct answer_hits out = {0};
	if (a->how.method == ANSWER_TREE) {
		exact_hits(a->exacts[query / a->share], query % a->share, &out.hits, &out.n, NULL);
		out.n = out.n < a->how.k ? out.n : a->how.k;
	} else if (a->how.has_radius) {
		out = (struct answer_hits){(void *)a->within[query].data, (uint32_t)(a->within[query].size / sizeof *out.hits)};
	} else {
		out = (struct answer_hits){a->hits + query * a->how.k, a->counts[query]};
	}
	return out;
}
