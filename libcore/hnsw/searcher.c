/* SPDX-License-Identifier: Apache-2.0 */
/* What the two ways to search, the walk (search.c) and the scan (scan.c), do alike: what counts of the index, of an overlay and of
 * what is accepted; what is measured becomes an answer if its record counts; the overlay's rows are measured and join the answer.
 *
 * Whatever leads from the file to an address is checked first; what the answers come from is compared with its checksum, each
 * at most once a process. */
#include <stdlib.h>

#include "alloc.h"
#include "bytes.h"
#include "element.h"
#include "error.h"
#include "search.h"

/* Room for the masked nodes that stand between ef others, if no more than three of four nearby are masked; with a filter
 * it may be 15 of 16 before the other walk takes over. */
#define MASKED_ROOM 4u
#define ACCEPT_ROOM 16u
#define TAG_OVERLAY UINT32_MAX /* not a vector of the file */

/* What counts, by the accepted records if there are any, else by the overlay. */
static void count_records(struct hnsw_searcher *s)
{
	const struct hnsw_overlay *o = s->overlay;
	const struct hnsw_accept *a = s->accept;
	const struct layout *l = &s->index->layout;
	s->n_rows = o != NULL ? o->n_added : 0;
	s->n_records = l->n_records - (o != NULL ? o->n_removed : 0);
	s->n_nodes = l->n_nodes;
	if (a != NULL) {
		s->n_records = a->n_records;
		s->n_nodes = a->n_nodes;
		s->out_records = a->records;
		s->out_nodes = a->nodes;
		s->out_rows = a->rows;
	} else if (o != NULL && o->n_removed > 0) {
		s->out_records = o->records;
		s->out_nodes = o->nodes;
	}
}

/* No more than there is will ever be found. */
static int make_room(struct hnsw_searcher *s, struct cel_error *e)
{
	const struct layout *l = &s->index->layout;
	uint64_t records = l->n_records + s->n_rows;
	uint64_t k_room = s->k_max < records ? s->k_max : records;
	uint64_t ef_room = (uint64_t)s->ef_max * (s->accept != NULL ? ACCEPT_ROOM : s->out_nodes != NULL ? MASKED_ROOM : 1);
	ef_room = ef_room < l->n_nodes ? ef_room : l->n_nodes;
	int rc = walk_init(&s->walk, s->index->graph.code_stride, (uint32_t)ef_room, e);
	if (rc == 0 && s->index->graph.sketcher != NULL)
		rc = walk_use_sketches(&s->walk, e);
	if (rc < 0)
		return rc;
	s->topk.entries = mem_calloc(k_room, sizeof *s->topk.entries);
	s->scratch = mem_calloc(l->schema.dim, sizeof *s->scratch);
	return s->topk.entries == NULL || s->scratch == NULL ? error_nomem(e, k_room * sizeof *s->topk.entries) : 0;
}

int hnsw_searcher_new(const struct hnsw_index *index, const struct hnsw_overlay *overlay, uint32_t k_max,
		      uint32_t ef_max, struct hnsw_searcher **out, struct cel_error *e)
{
	struct hnsw_searcher *s = mem_calloc(1, sizeof *s);
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	s->index = index;
	s->overlay = overlay;
	s->k_max = k_max > 0 ? k_max : 1;
	s->ef_max = ef_max > s->k_max ? ef_max : s->k_max;
	count_records(s);
	int rc = make_room(s, e);
	if (rc < 0) {
		hnsw_searcher_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int hnsw_searcher_accept(struct hnsw_searcher *s, const struct hnsw_accept *accept, struct cel_error *e)
{
	s->accept = accept;
	count_records(s);
	walk_release(&s->walk);
	mem_free(s->topk.entries);
	mem_free(s->scratch);
	s->topk.entries = NULL;
	s->scratch = NULL;
	return make_room(s, e);
}

void hnsw_searcher_free(struct hnsw_searcher *s)
{
	if (s == NULL)
		return;
	walk_release(&s->walk);
	mem_free(s->topk.entries);
	mem_free(s->scratch);
	buf_release(&s->within);
	buf_release(&s->hits);
	mem_free(s);
}

int searcher_check(const struct hnsw_searcher *s, struct slice query, uint32_t k, struct cel_error *e)
{
	if (query.size != s->index->vector_size)
		return error_set(e, CEL_EDATA, "the query has %zu bytes, not %zu", query.size, s->index->vector_size);
	if (k > s->k_max)
		return error_set(e, CEL_EUSAGE, "k = %u is more than the searcher was made for (%u)", k, s->k_max);
	return 0;
}

/* First come the answers of the file, min(k, what counts of it). */
void searcher_begin(struct hnsw_searcher *s, uint32_t k)
{
	s->topk.n = 0;
	s->topk.k = k < s->n_records ? k : (uint32_t)s->n_records;
}

/* ---- what is found */

static bool is_wanted(const struct hnsw_searcher *s, float distance)
{
	return s->is_within ? distance <= s->radius : topk_is_wanted(&s->topk, distance);
}

static int found(struct hnsw_searcher *s, float distance, struct slice id, uint32_t tag, struct cel_error *e)
{
	struct topk_entry entry = {.distance = distance, .tag = tag, .id = id};
	if (!is_wanted(s, distance))
		return 0;
	if (s->is_within)
		return buf_append(&s->within, &entry, sizeof entry, e);
	topk_add(&s->topk, distance, id, tag);
	return 0;
}

/* The rows of the overlay that count, with their distances. */
int searcher_measure_rows(struct hnsw_searcher *s, const uint8_t *vector, struct cel_error *e)
{
	const struct hnsw_overlay *o = s->overlay;
	uint32_t rows[MEASURE_MAX];
	float distances[MEASURE_MAX];
	struct measure_query query = measure_query(&s->index->measure, vector);
	int rc = 0;
	for (uint64_t start = 0; o != NULL && start < o->n_added; start += MEASURE_MAX) {
		uint32_t count = o->n_added - start < MEASURE_MAX ? (uint32_t)(o->n_added - start) : MEASURE_MAX;
		for (uint32_t i = 0; i < count; i++)
			rows[i] = i;
		measure_many(&s->index->measure, &query, o->vectors.data + start * s->index->vector_size, rows, count,
			     o->norms + start, distances);
		for (uint32_t i = 0; i < count && rc == 0; i++)
			if (s->out_rows == NULL || !bits_get(s->out_rows, start + i))
				rc = found(s, distances[i], overlay_id(o, start + i), TAG_OVERLAY, e);
	}
	return rc;
}

/* Then those of the overlay. */
int searcher_add_overlay(struct hnsw_searcher *s, const uint8_t *vector, uint32_t k, struct cel_error *e)
{
	uint64_t records = s->n_records + (s->accept != NULL ? s->accept->n_rows : s->n_rows);
	s->topk.k = k < records ? k : (uint32_t)records;
	return searcher_measure_rows(s, vector, e);
}

int searcher_add_vector(struct hnsw_searcher *s, uint32_t vector, float distance, struct cel_error *e)
{
	struct range records;
	struct slice id;
	int rc = index_vector_records(s->index, vector, &records, e);
	for (uint32_t r = records.start; r < records.end && rc == 0; r++) {
		if (s->out_records != NULL && bits_get(s->out_records, r))
			continue;
		rc = index_id(s->index, r, &id, e);
		if (rc == 0)
			rc = found(s, distance, id, vector, e);
	}
	return rc;
}

int searcher_measure(struct hnsw_searcher *s, const struct measure_query *query, struct survivors *v, struct cel_error *e)
{
	float distances[MEASURE_MAX];
	measure_many(&s->index->measure, query, s->index->vectors, v->vectors, v->count, NULL, distances);
	int rc = 0;
	for (uint32_t i = 0; i < v->count && rc == 0; i++)
		if (is_wanted(s, distances[i]))
			rc = searcher_add_vector(s, v->vectors[i], distances[i], e);
	v->count = 0;
	return rc;
}

/* ---- what is told */

static int damaged(uint32_t vector, struct cel_error *e)
{
	return error_set(e, CEL_ECORRUPT, "vector %u of the index file is damaged: build it again", vector);
}

static int check_vector(const struct hnsw_index *x, uint32_t vector, struct cel_error *e)
{
	uint64_t bit = 1ull << vector % 64;
	if ((atomic_load_explicit(&x->checked[vector / 64], memory_order_relaxed) & bit) != 0)
		return 0;
	if (index_checksum(x, vector) != load_le64(x->checksums + (size_t)vector * 8))
		return damaged(vector, e);
	atomic_fetch_or_explicit(&x->checked[vector / 64], bit, memory_order_relaxed);
	return 0;
}

/* Where codes have the checksums, a vector is good if it is what its code says. */
static int compare_with_code(struct hnsw_searcher *s, uint32_t vector, struct cel_error *e)
{
	const struct hnsw_index *x = s->index;
	element_widen(x->quantiser.type, index_vector(x, vector), x->quantiser.dim, s->scratch);
	return quantise_is_exact(&x->quantiser, s->scratch, graph_code(&x->graph, vector)) ? 0 : damaged(vector, e);
}

int searcher_check_hit(struct hnsw_searcher *s, uint32_t tag, bool is_by_code, struct cel_error *e)
{
	const struct hnsw_index *x = s->index;
	if (x->checksums == NULL || tag == TAG_OVERLAY)
		return 0;
	int rc = check_vector(x, tag, e);
	return rc == 0 && x->layout.is_exact && !is_by_code ? compare_with_code(s, tag, e) : rc;
}

int searcher_finish(struct hnsw_searcher *s, bool is_by_code, struct hnsw_hit *hits, uint32_t *n, struct cel_error *e)
{
	for (uint32_t i = 0; i < s->topk.n; i++) {
		const struct topk_entry *entry = &s->topk.entries[i];
		int rc = searcher_check_hit(s, entry->tag, is_by_code, e);
		if (rc < 0)
			return rc;
		hits[i] = (struct hnsw_hit){.distance = entry->distance, .id = entry->id};
	}
	*n = s->topk.n;
	return 0;
}
