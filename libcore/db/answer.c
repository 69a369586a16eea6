/* SPDX-License-Identifier: Apache-2.0 */
/* The queries of a block are shared out among threads. With an index, threads take the next query from a counter, each
 * with a searcher of its own; without one, each thread takes an equal share of the queries and passes over the whole
 * tree with a snapshot of its own. Either way the answers do not depend on the number of threads. */
#include "answer.h"

#include <stdatomic.h>

#include "alloc.h"
#include "error.h"
#include "parallel.h"
#include "record.h"
#include "tree.h"

struct answerer {
	struct cel_store *store;
	const struct db_rev *rev;
	const struct index_view *view;
	enum answer_method method;
	uint32_t k, ef, threads;
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
};

int answerer_new(struct cel_store *store, const struct db_rev *rev, const struct index_view *view,
		 enum answer_method method, uint32_t k, uint32_t ef, uint32_t threads, struct answerer **out,
		 struct cel_error *e)
{
	*out = NULL;
	struct answerer *a = mem_calloc(1, sizeof *a);
	if (a == NULL)
		return error_nomem(e, sizeof *a);
	*a = (struct answerer){.store = store,
			       .rev = rev,
			       .view = view,
			       .method = method,
			       .k = k,
			       .ef = ef > k ? ef : k,
			       .threads = threads,
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
	for (uint32_t i = 0; i < a->threads; i++) {
		if (a->searchers != NULL)
			hnsw_searcher_free(a->searchers[i]);
		if (a->exacts != NULL)
			exact_free(a->exacts[i]);
	}
	mem_free(a->searchers);
	mem_free(a->exacts);
	mem_free(a->hits);
	mem_free(a->counts);
	mem_free(a);
}

static int search_some(void *context, uint32_t thread, struct cel_error *e)
{
	struct answerer *a = context;
	for (;;) {
		size_t i = atomic_fetch_add(&a->next, 1);
		if (i >= a->n)
			return 0;
		struct slice query = slice_make(a->queries + i * a->vector_size, a->vector_size);
		struct hnsw_hit *hits = a->hits + i * a->k;
		int rc = a->method == ANSWER_GRAPH
				 ? hnsw_search(a->searchers[thread], query, a->k, a->ef, hits, &a->counts[i], e)
				 : hnsw_scan(a->searchers[thread], query, a->k, hits, &a->counts[i], e);
		if (rc < 0) {
			atomic_store(&a->next, a->n); /* the others stop too */
			return rc;
		}
	}
}

static int run_index(struct answerer *a, uint32_t threads, struct cel_error *e)
{
	if (a->n > a->capacity) {
		size_t size;
		if (__builtin_mul_overflow(a->n, a->k, &size))
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
	}
	for (uint32_t i = 0; i < threads; i++) {
		if (a->searchers[i] != NULL)
			continue;
		int rc = hnsw_searcher_new(a->view->index, a->view->overlay, a->k, a->ef, &a->searchers[i], e);
		if (rc < 0)
			return rc;
	}
	atomic_store(&a->next, 0);
	return parallel_run(threads, search_some, a, e);
}

static int pass_over_tree(struct answerer *a, struct store_read *read, struct exact *exact, struct cel_error *e)
{
	struct prolly_cursor *cursor;
	int rc = prolly_cursor_new(read, &a->rev->commit.tree, &cursor, e);
	if (rc < 0)
		return rc;
	for (;;) {
		struct prolly_entry entry;
		struct slice vector;
		rc = prolly_cursor_next(cursor, &entry, e);
		if (rc <= 0)
			break;
		rc = db_entry_vector(read, a->rev, &entry, &vector, e);
		if (rc == 0)
			rc = exact_add(exact, entry.id, vector, e);
		if (rc < 0)
			break;
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
	rc = exact_new(&a->rev->schema, a->k, a->queries + first * a->vector_size, count, &a->exacts[thread], e);
	if (rc == 0)
		rc = pass_over_tree(a, read, a->exacts[thread], e);
	store_read_end(read);
	return rc;
}

static int run_tree(struct answerer *a, uint32_t threads, struct cel_error *e)
{
	for (uint32_t i = 0; i < a->threads; i++) {
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
	uint32_t threads = n < a->threads ? (uint32_t)n : a->threads;
	return a->method == ANSWER_TREE ? run_tree(a, threads, e) : run_index(a, threads, e);
}

struct answer_hits answerer_hits(const struct answerer *a, size_t query)
{
	struct answer_hits out = {0};
	if (a->method == ANSWER_TREE)
		exact_hits(a->exacts[query / a->share], query % a->share, &out.hits, &out.n, NULL);
	else
		out = (struct answer_hits){a->hits + query * a->k, a->counts[query]};
	return out;
}
