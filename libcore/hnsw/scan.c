/* SPDX-License-Identifier: Apache-2.0 */
/* A scan measures every vector, or those of the accepted records, in the order of memory and MEASURE_MAX at a time. All within a
 * radius is a scan, too: what is found goes to a list, which is sorted at the end. */
#include <stdlib.h>
#include <sys/mman.h>

#include "error.h"
#include "search.h"

static void read_on(struct hnsw_searcher *s)
{
	const struct hnsw_index *x = s->index;
	if (s->is_scanning || x->map == NULL)
		return;
	size_t skip = (size_t)(x->vectors - x->map) % 4096;
	madvise((void *)(uintptr_t)(x->vectors - skip), x->layout.n_vectors * x->vector_size + skip, MADV_NORMAL);
	s->is_scanning = true;
}

static int scan_add(struct hnsw_searcher *s, const struct measure_query *query, struct survivors *block, uint32_t vector,
		    struct cel_error *e)
{
	block->vectors[block->count++] = vector;
	return block->count == MEASURE_MAX ? searcher_measure(s, query, block, e) : 0;
}

/* The vectors of the records that are accepted. */
static int scan_accepted(struct hnsw_searcher *s, const struct measure_query *query, struct survivors *block,
			 struct cel_error *e)
{
	const struct hnsw_index *x = s->index;
	uint64_t n = x->layout.n_records;
	int rc = 0;
	for (uint64_t r = bits_next_clear(s->out_records, 0, n); r < n && rc == 0;) {
		struct range records;
		uint32_t vector = index_record_vector(x, (uint32_t)r);
		rc = index_vector_records(x, vector, &records, e);
		if (rc == 0)
			rc = scan_add(s, query, block, vector, e);
		r = bits_next_clear(s->out_records, records.end > r ? records.end : r + 1, n);
	}
	return rc;
}

int searcher_scan(struct hnsw_searcher *s, const uint8_t *vector, struct cel_error *e)
{
	const struct hnsw_index *x = s->index;
	struct measure_query query = measure_query(&x->measure, vector);
	struct survivors block = {.count = 0};
	int rc = 0;
	s->topk.n = 0;
	if (s->accept != NULL) {
		if (s->n_records > x->layout.n_records / 8)
			read_on(s);
		rc = scan_accepted(s, &query, &block, e);
	} else {
		read_on(s);
		for (uint64_t v = 0; v < x->layout.n_vectors && rc == 0; v++)
			rc = scan_add(s, &query, &block, (uint32_t)v, e);
	}
	return rc < 0 ? rc : searcher_measure(s, &query, &block, e);
}

int hnsw_scan(struct hnsw_searcher *s, struct slice query, uint32_t k, struct hnsw_hit *hits, uint32_t *n,
	      struct cel_error *e)
{
	int rc = searcher_check(s, query, k, e);
	if (rc < 0)
		return rc;
	searcher_begin(s, k);
	if (s->topk.k > 0)
		rc = searcher_scan(s, query.data, e);
	if (rc == 0)
		rc = searcher_add_overlay(s, query.data, k, e);
	return rc < 0 ? rc : searcher_finish(s, false, hits, n, e);
}

/* ---- all within a radius */

static int compare_entries(const void *x, const void *y)
{
	const struct topk_entry *a = x, *b = y;
	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	return slice_compare(a->id, b->id);
}

static int collect(struct hnsw_searcher *s, struct cel_error *e)
{
	struct topk_entry *entries = (void *)s->within.data;
	size_t n = s->within.size / sizeof *entries;
	if (n > 0)
		qsort(entries, n, sizeof *entries, compare_entries);
	buf_clear(&s->hits);
	for (size_t i = 0; i < n; i++) {
		struct hnsw_hit hit = {.distance = entries[i].distance, .id = entries[i].id};
		int rc = searcher_check_hit(s, entries[i].tag, false, e);
		if (rc == 0)
			rc = buf_append(&s->hits, &hit, sizeof hit, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int hnsw_scan_within(struct hnsw_searcher *s, struct slice query, float radius, const struct hnsw_hit **hits, size_t *n,
		     struct cel_error *e)
{
	int rc = searcher_check(s, query, 0, e);
	buf_clear(&s->within);
	s->radius = radius;
	s->is_within = true;
	if (rc == 0 && s->n_records > 0)
		rc = searcher_scan(s, query.data, e);
	if (rc == 0)
		rc = searcher_measure_rows(s, query.data, e);
	s->is_within = false;
	if (rc == 0)
		rc = collect(s, e);
	*hits = (void *)s->hits.data;
	*n = s->hits.size / sizeof **hits;
	return rc;
}

/* ---- what it costs */

/* A walk computes about 20 codes for each place of the beam and pays a cache miss for most; a scan reads on. */
static uint64_t walk_cost(const struct hnsw_index *x, uint32_t ef)
{
	return (uint64_t)ef * 20 * (x->graph.code_stride + 256);
}

static uint64_t scan_cost(const struct hnsw_index *x, uint64_t vectors)
{
	return vectors * (measure_cost(&x->measure) + 32);
}

bool hnsw_is_scan_cheaper(const struct hnsw_index *x, uint32_t ef)
{
	return scan_cost(x, x->layout.n_vectors) <= walk_cost(x, ef);
}

/* A walk with a filter takes two to three times as long; a scan of what is accepted is not in the order of memory. */
bool hnsw_accept_is_scan_cheaper(const struct hnsw_accept *a, uint32_t ef)
{
	return scan_cost(a->index, a->n_records) <= 3 * walk_cost(a->index, ef);
}

bool hnsw_overlay_is_small(const struct hnsw_overlay *o)
{
	const struct hnsw_index *x = o->index;
	uint32_t ef;
	hnsw_ef_for_recall(x, 0.95, &ef);
	uint64_t added = scan_cost(x, o->n_added), all = scan_cost(x, x->layout.n_vectors);
	/* Rows of an overlay stay in a cache: as many bytes of them as the walk is reckoned at took 17 to 27 % of its time
	 * (docs/adr/0008-carried-indexes.md). */
	return added <= all / 4 && added <= walk_cost(x, ef) && o->n_removed <= x->layout.n_records / 8;
}
