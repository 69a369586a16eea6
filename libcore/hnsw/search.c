/* SPDX-License-Identifier: Apache-2.0 */
/* A search is a walk over codes, which yields the ef nearest nodes by code distance, and then exact distances for the
 * first of them (search_depth), all their vectors and records, sorted by (distance, id). If the walk cannot produce as
 * many records as were asked for (an island in the graph), everything is scanned: an answer is never short.
 *
 * With an overlay the beam holds ef nodes that count, masked ones beside them; then the overlay's rows are measured and
 * join the answer.
 *
 * Codes of small whole numbers are the vectors, so where the query is of such numbers too, the distances of the walk are
 * the exact ones and nothing is measured again.
 *
 * Whatever leads from the file to an address is checked first; what the answers come from is compared with its checksum, each
 * at most once a process. */
#include "search.h"

#include <sys/mman.h>

#include "alloc.h"
#include "bytes.h"
#include "element.h"
#include "error.h"

/* Room for the masked nodes that stand between ef others, if no more than three of four nearby are masked. */
#define MASKED_ROOM 4u
#define TAG_OVERLAY UINT32_MAX /* not a vector of the file */

static uint64_t records_removed(const struct hnsw_searcher *s)
{
	return s->overlay != NULL ? s->overlay->n_removed : 0;
}

static uint64_t records_added(const struct hnsw_searcher *s)
{
	return s->overlay != NULL ? s->overlay->n_added : 0;
}

/* No more than there is will ever be found. */
static int make_room(struct hnsw_searcher *s, struct cel_error *e)
{
	const struct layout *l = &s->index->layout;
	uint64_t records = l->n_records + records_added(s);
	uint64_t k_room = s->k_max < records ? s->k_max : records;
	uint64_t ef_room = (uint64_t)s->ef_max * (records_removed(s) > 0 ? MASKED_ROOM : 1);
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
	int rc = make_room(s, e);
	if (rc < 0) {
		hnsw_searcher_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void hnsw_searcher_free(struct hnsw_searcher *s)
{
	if (s == NULL)
		return;
	walk_release(&s->walk);
	mem_free(s->topk.entries);
	mem_free(s->scratch);
	mem_free(s);
}

static int check_request(const struct hnsw_searcher *s, struct slice query, uint32_t k, struct cel_error *e)
{
	if (query.size != s->index->vector_size)
		return error_set(e, CEL_EDATA, "the query has %zu bytes, not %zu", query.size, s->index->vector_size);
	if (k > s->k_max)
		return error_set(e, CEL_EUSAGE, "k = %u is more than the searcher was made for (%u)", k, s->k_max);
	return 0;
}

/* First the answers of the file, min(k, what counts of it). */
static void begin(struct hnsw_searcher *s, uint32_t k)
{
	uint64_t n_records = s->index->layout.n_records - records_removed(s);
	s->topk.n = 0;
	s->topk.k = k < n_records ? k : (uint32_t)n_records;
}

/* Then those of the overlay. */
static void add_overlay(struct hnsw_searcher *s, const uint8_t *vector, uint32_t k)
{
	const struct hnsw_overlay *o = s->overlay;
	uint32_t rows[MEASURE_MAX];
	float distances[MEASURE_MAX];
	if (o == NULL)
		return;
	uint64_t records = s->index->layout.n_records - o->n_removed + o->n_added;
	s->topk.k = k < records ? k : (uint32_t)records;
	struct measure_query query = measure_query(&s->index->measure, vector);
	for (uint64_t start = 0; start < o->n_added; start += MEASURE_MAX) {
		uint32_t count = o->n_added - start < MEASURE_MAX ? (uint32_t)(o->n_added - start) : MEASURE_MAX;
		for (uint32_t i = 0; i < count; i++)
			rows[i] = i;
		measure_many(&s->index->measure, &query, o->vectors.data + start * s->index->vector_size, rows, count,
			     o->norms + start, distances);
		for (uint32_t i = 0; i < count; i++)
			if (topk_is_wanted(&s->topk, distances[i]))
				topk_add(&s->topk, distances[i], overlay_id(o, start + i), TAG_OVERLAY);
	}
}

static int add_vector(struct hnsw_searcher *s, uint32_t vector, float distance, struct cel_error *e)
{
	struct range records;
	struct slice id;
	if (!topk_is_wanted(&s->topk, distance))
		return 0;
	int rc = index_vector_records(s->index, vector, &records, e);
	for (uint32_t r = records.start; r < records.end && rc == 0; r++) {
		if (!topk_is_wanted(&s->topk, distance))
			break;
		if (s->overlay != NULL && bits_get(s->overlay->records, r))
			continue;
		rc = index_id(s->index, r, &id, e);
		if (rc == 0)
			topk_add(&s->topk, distance, id, vector);
	}
	return rc;
}

/* Exact distances of up to MEASURE_MAX vectors, gathered from several nodes. */
struct survivors {
	uint32_t vectors[MEASURE_MAX];
	uint32_t count;
};

static int survivors_flush(struct hnsw_searcher *s, const struct measure_query *query, struct survivors *v,
			   struct cel_error *e)
{
	float distances[MEASURE_MAX];
	measure_many(&s->index->measure, query, s->index->vectors, v->vectors, v->count, NULL, distances);
	int rc = 0;
	for (uint32_t i = 0; i < v->count && rc == 0; i++)
		rc = add_vector(s, v->vectors[i], distances[i], e);
	v->count = 0;
	return rc;
}

/* How many of the beam are worth an exact distance. On the word vectors 16 for k = 10 lost 0.0001 of recall against
 * all of them, 20 nothing. */
static uint32_t search_depth(uint32_t k, uint32_t found)
{
	uint64_t depth = (uint64_t)k + k / 2 + 8;
	return depth < found ? (uint32_t)depth : found;
}

static const uint64_t *mask_of(const struct hnsw_searcher *s)
{
	return records_removed(s) > 0 ? s->overlay->nodes : NULL;
}

static int rerank(struct hnsw_searcher *s, const uint8_t *vector, uint32_t depth, struct cel_error *e)
{
	const struct hnsw_index *x = s->index;
	struct measure_query query = measure_query(&x->measure, vector);
	struct survivors survivors = {.count = 0};
	const uint64_t *masked = mask_of(s);
	for (uint32_t i = 0; i < s->walk.size && depth > 0; i++) {
		struct range vectors;
		if (masked != NULL && bits_get(masked, key_ordinal(s->walk.pool[i])))
			continue;
		depth--;
		int rc = index_node_vectors(x, key_ordinal(s->walk.pool[i]), &vectors, e);
		for (uint32_t v = vectors.start; v < vectors.end && rc == 0; v++) {
			survivors.vectors[survivors.count++] = v;
			if (survivors.count == MEASURE_MAX)
				rc = survivors_flush(s, &query, &survivors, e);
		}
		if (rc < 0)
			return rc;
	}
	return survivors_flush(s, &query, &survivors, e);
}

/* Whether the distances of the walk are what rerank would find. Float sums of whole numbers are exact below 2^24; the
 * distances ascend, so the last one tells. */
static bool is_code_enough(const struct hnsw_searcher *s, uint32_t depth)
{
	const struct hnsw_index *x = s->index;
	if (!x->layout.is_exact || depth == 0)
		return false;
	uint32_t place = depth - 1; /* masked ones between make the last lie farther */
	if (mask_of(s) != NULL)
		place = s->walk.size - 1;
	return key_distance(s->walk.pool[place]) < 1u << 24 && s->walk.query.is_exact;
}

/* In the place of rerank; a node is a vector here. */
static int take_codes(struct hnsw_searcher *s, uint32_t depth, struct cel_error *e)
{
	const uint64_t *masked = mask_of(s);
	for (uint32_t i = 0; i < s->walk.size && depth > 0; i++) {
		uint32_t node = key_ordinal(s->walk.pool[i]);
		if (masked != NULL && bits_get(masked, node))
			continue;
		depth--;
		float distance = measure_l2(key_distance(s->walk.pool[i]));
		if (!topk_is_wanted(&s->topk, distance))
			break;
		int rc = add_vector(s, node, distance, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int scan(struct hnsw_searcher *s, const uint8_t *vector, struct cel_error *e)
{
	const struct hnsw_index *x = s->index;
	struct measure_query query = measure_query(&x->measure, vector);
	struct survivors block = {.count = 0};
	if (!s->is_scanning && x->map != NULL) {
		size_t skip = (size_t)(x->vectors - x->map) % 4096;
		madvise((void *)(uintptr_t)(x->vectors - skip), x->layout.n_vectors * x->vector_size + skip, MADV_NORMAL);
		s->is_scanning = true;
	}
	s->topk.n = 0;
	for (uint64_t v = 0; v < x->layout.n_vectors; v++) {
		block.vectors[block.count++] = (uint32_t)v;
		if (block.count == MEASURE_MAX) {
			int rc = survivors_flush(s, &query, &block, e);
			if (rc < 0)
				return rc;
		}
	}
	return survivors_flush(s, &query, &block, e);
}

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

static int finish(struct hnsw_searcher *s, bool is_by_code, struct hnsw_hit *hits, uint32_t *n, struct cel_error *e)
{
	const struct hnsw_index *x = s->index;
	for (uint32_t i = 0; i < s->topk.n; i++) {
		const struct topk_entry *entry = &s->topk.entries[i];
		if (x->checksums != NULL && entry->tag != TAG_OVERLAY) {
			int rc = check_vector(x, entry->tag, e);
			if (rc == 0 && x->layout.is_exact && !is_by_code)
				rc = compare_with_code(s, entry->tag, e);
			if (rc < 0)
				return rc;
		}
		hits[i] = (struct hnsw_hit){.distance = entry->distance, .id = entry->id};
	}
	*n = s->topk.n;
	return 0;
}

/* The beam of ef on level 0. */
static int walk(struct hnsw_searcher *s, const uint8_t *vector, uint32_t ef, struct cel_error *e)
{
	const struct graph *g = &s->index->graph;
	ef = ef < s->walk.capacity ? ef : s->walk.capacity;
	s->walk.is_corrupt = false;
	quantise_query(&s->index->quantiser, vector, s->scratch, &s->walk.query);
	walk_sketch_query(&s->walk, g);
	walk_descend(&s->walk, g, 0);
	if (mask_of(s) != NULL)
		walk_beam_masked(&s->walk, g, mask_of(s), 1, ef);
	else
		walk_beam(&s->walk, g, 0, 1, ef);
	return s->walk.is_corrupt ? error_set(e, CEL_ECORRUPT, "the index file has a bad link: build it again") : 0;
}

int hnsw_search(struct hnsw_searcher *s, struct slice query, uint32_t k, uint32_t ef, struct hnsw_hit *hits, uint32_t *n,
		struct cel_error *e)
{
	bool is_by_code = false;
	int rc = check_request(s, query, k, e);
	if (rc < 0)
		return rc;
	if (ef > s->ef_max)
		return error_set(e, CEL_EUSAGE, "ef = %u is more than the searcher was made for (%u)", ef, s->ef_max);
	begin(s, k);
	if (s->topk.k > 0) {
		rc = walk(s, query.data, ef > k ? ef : k, e);
		if (rc < 0)
			return rc;
		uint32_t depth = search_depth(k, s->walk.size);
		is_by_code = is_code_enough(s, depth);
		rc = is_by_code ? take_codes(s, depth, e) : rerank(s, query.data, depth, e);
		if (rc == 0 && s->topk.n < s->topk.k) {
			is_by_code = false;
			rc = scan(s, query.data, e);
		}
	}
	if (rc == 0)
		add_overlay(s, query.data, k);
	return rc < 0 ? rc : finish(s, is_by_code, hits, n, e);
}

int hnsw_scan(struct hnsw_searcher *s, struct slice query, uint32_t k, struct hnsw_hit *hits, uint32_t *n,
	      struct cel_error *e)
{
	int rc = check_request(s, query, k, e);
	if (rc < 0)
		return rc;
	begin(s, k);
	if (s->topk.k > 0)
		rc = scan(s, query.data, e);
	if (rc == 0)
		add_overlay(s, query.data, k);
	return rc < 0 ? rc : finish(s, false, hits, n, e);
}

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

bool hnsw_overlay_is_small(const struct hnsw_overlay *o)
{
	const struct hnsw_index *x = o->index;
	uint32_t ef = hnsw_ef_for_recall(x, 0.95);
	uint64_t added = scan_cost(x, o->n_added), all = scan_cost(x, x->layout.n_vectors);
	/* Rows of an overlay stay in a cache: as many bytes of them as the walk is reckoned at took 17 to 27 % of its time
	 * (docs/adr/0008-carried-indexes.md). */
	return added <= all / 4 && added <= walk_cost(x, ef) && o->n_removed <= x->layout.n_records / 8;
}
