/* SPDX-License-Identifier: Apache-2.0 */
/* Records are copied into a block of rows; a full block is met with every query in turn, so a row is read from
 * cache by all queries but the first. An id is kept only once its record is among somebody's best: the block's ids
 * are copied then into pages that stay where they are. */
#include <stdlib.h>

#include "alloc.h"
#include "buf.h"
#include "distance.h"
#include "error.h"
#include "hnsw.h"
#include "record.h"
#include "topk.h"

#define ROWS MEASURE_MAX
#define PAGE_SIZE 65536u

struct id_page {
	struct id_page *next;
	size_t used;
	uint8_t bytes[PAGE_SIZE];
};

struct exact {
	struct measure measure;
	struct cel_schema schema;
	uint32_t k;
	size_t n_queries, vector_size;
	struct measure_query *queries;
	uint8_t *query_bytes;
	struct topk *best;           /* [n_queries] */
	struct topk_entry *entries;  /* [n_queries * k] */
	struct hnsw_hit *hits;       /* [k], of the last exact_hits */
	struct buf *within;          /* [n_queries] of hits; NULL: the k nearest */
	float radius;
	struct id_page *pages;
	uint8_t *rows;               /* [ROWS] vectors */
	double norms[ROWS];
	uint8_t ids[ROWS][CEL_ID_MAX];
	size_t id_sizes[ROWS];
	struct slice kept[ROWS];     /* the copy, once there is one */
	uint32_t n_rows;
};

int exact_new(const struct cel_schema *schema, uint32_t k, const uint8_t *queries, size_t n_queries, struct exact **out,
	      struct cel_error *e)
{
	const struct simd_kernels *kernels = simd_select();
	if (kernels == NULL)
		return error_set(e, CEL_EUNAVAILABLE, "%s", simd_select_error());
	struct exact *x = mem_calloc(1, sizeof *x);
	if (x == NULL)
		return error_nomem(e, sizeof *x);
	x->measure = (struct measure){
		.kernels = kernels, .type = schema->type, .metric = schema->metric, .dim = schema->dim,
	};
	x->schema = *schema;
	x->k = k;
	x->n_queries = n_queries;
	x->vector_size = schema_vector_size(schema);
	x->query_bytes = mem_dup(queries, n_queries * x->vector_size);
	x->queries = mem_calloc(n_queries, sizeof *x->queries);
	x->best = mem_calloc(n_queries, sizeof *x->best);
	size_t n_entries;
	x->entries = __builtin_mul_overflow(n_queries, (size_t)k, &n_entries) ? NULL :
										mem_calloc(n_entries, sizeof *x->entries);
	x->hits = mem_calloc(k, sizeof *x->hits);
	x->rows = mem_alloc(ROWS * x->vector_size);
	if (x->query_bytes == NULL || x->queries == NULL || x->best == NULL || x->entries == NULL || x->hits == NULL ||
	    x->rows == NULL) {
		exact_free(x);
		return error_nomem(e, n_queries * k * sizeof(struct topk_entry));
	}
	for (size_t q = 0; q < n_queries; q++) {
		x->queries[q] = measure_query(&x->measure, x->query_bytes + q * x->vector_size);
		x->best[q] = (struct topk){.entries = x->entries + q * k, .k = k};
	}
	*out = x;
	return 0;
}

void exact_free(struct exact *x)
{
	if (x == NULL)
		return;
	while (x->pages != NULL) {
		struct id_page *page = x->pages;
		x->pages = page->next;
		mem_free(page);
	}
	for (size_t q = 0; x->within != NULL && q < x->n_queries; q++)
		buf_release(&x->within[q]);
	mem_free(x->within);
	mem_free(x->query_bytes);
	mem_free(x->queries);
	mem_free(x->best);
	mem_free(x->entries);
	mem_free(x->hits);
	mem_free(x->rows);
	mem_free(x);
}

int exact_within(struct exact *x, float radius, struct cel_error *e)
{
	x->radius = radius;
	x->within = mem_calloc(x->n_queries, sizeof *x->within);
	return x->within != NULL ? 0 : error_nomem(e, x->n_queries * sizeof *x->within);
}

static int keep_id(struct exact *x, uint32_t row, struct cel_error *e)
{
	if (x->kept[row].data != NULL)
		return 0;
	size_t size = x->id_sizes[row];
	if (x->pages == NULL || PAGE_SIZE - x->pages->used < size) {
		struct id_page *page = mem_alloc(sizeof *page);
		if (page == NULL)
			return error_nomem(e, sizeof *page);
		page->next = x->pages;
		page->used = 0;
		x->pages = page;
	}
	uint8_t *copy = x->pages->bytes + x->pages->used;
	memcpy(copy, x->ids[row], size);
	x->pages->used += size;
	x->kept[row] = slice_make(copy, size);
	return 0;
}

static int take(struct exact *x, size_t query, uint32_t row, float distance, struct cel_error *e)
{
	int rc = keep_id(x, row, e);
	if (rc < 0)
		return rc;
	struct hnsw_hit hit = {.distance = distance, .id = x->kept[row]};
	if (x->within != NULL)
		return buf_append(&x->within[query], &hit, sizeof hit, e);
	topk_add(&x->best[query], distance, hit.id, 0);
	return 0;
}

static int compare_hits(const void *x, const void *y)
{
	const struct hnsw_hit *a = x, *b = y;
	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	return slice_compare(a->id, b->id);
}

static int flush(struct exact *x, struct cel_error *e)
{
	uint32_t ordinals[ROWS];
	float distances[ROWS];
	for (uint32_t i = 0; i < x->n_rows; i++) {
		ordinals[i] = i;
		x->norms[i] = measure_norm(&x->measure, x->rows + i * x->vector_size);
		x->kept[i] = (struct slice){0};
	}
	for (size_t q = 0; q < x->n_queries && x->k > 0; q++) {
		struct topk *best = &x->best[q];
		measure_many(&x->measure, &x->queries[q], x->rows, ordinals, x->n_rows, x->norms, distances);
		for (uint32_t i = 0; i < x->n_rows; i++) {
			bool is_wanted = x->within != NULL ? distances[i] <= x->radius : topk_is_wanted(best, distances[i]);
			int rc = is_wanted ? take(x, q, i, distances[i], e) : 0;
			if (rc < 0)
				return rc;
		}
	}
	x->n_rows = 0;
	return 0;
}

int exact_add(struct exact *x, struct slice id, struct slice vector, struct cel_error *e)
{
	if (vector.size != x->vector_size || id.size > CEL_ID_MAX)
		return error_set(e, CEL_EDATA, "a record has %zu bytes of vector and %zu of id, not %zu and at most %u",
				 vector.size, id.size, x->vector_size, CEL_ID_MAX);
	memcpy(x->rows + x->n_rows * x->vector_size, vector.data, vector.size);
	memcpy(x->ids[x->n_rows], id.data, id.size);
	x->id_sizes[x->n_rows] = id.size;
	x->n_rows++;
	return x->n_rows == ROWS ? flush(x, e) : 0;
}

int exact_hits(struct exact *x, size_t query, const struct hnsw_hit **hits, uint32_t *n, struct cel_error *e)
{
	int rc = flush(x, e);
	if (rc < 0)
		return rc;
	if (x->within != NULL) {
		struct buf *within = &x->within[query];
		*hits = (void *)within->data;
		*n = (uint32_t)(within->size / sizeof **hits);
		if (*n > 0)
			qsort(within->data, *n, sizeof **hits, compare_hits);
		return 0;
	}
	const struct topk *best = &x->best[query];
	for (uint32_t i = 0; i < best->n; i++)
		x->hits[i] = (struct hnsw_hit){.distance = best->entries[i].distance, .id = best->entries[i].id};
	*hits = x->hits;
	*n = best->n;
	return 0;
}
