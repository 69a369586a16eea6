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

#include <stdlib.h>
#include <sys/mman.h>

#include "alloc.h"
#include "bytes.h"
#include "element.h"
#include "error.h"
#include "walk_filter.h"

/* Room for the masked nodes that stand between ef others, if no more than three of four nearby are masked; with a filter
 * it may be 15 of 16 before the other walk takes over. */
#define MASKED_ROOM 4u
#define ACCEPT_ROOM 16u
/* Accepted nodes: if they are one of four or more, the others take part in the walk, else it looks through them. */
#define ACCEPT_FEW 4u
#define SEEDS 16u
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

static int found_near(struct hnsw_searcher *s, float distance, struct slice id, uint32_t tag, struct cel_error *e)
{
	(void)e;
	if (topk_is_wanted(&s->topk, distance))
		topk_add(&s->topk, distance, id, tag);
	return 0;
}

int hnsw_searcher_new(const struct hnsw_index *index, const struct hnsw_overlay *overlay, uint32_t k_max,
		      uint32_t ef_max, struct hnsw_searcher **out, struct cel_error *e)
{
	struct hnsw_searcher *s = mem_calloc(1, sizeof *s);
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	s->index = index;
	s->overlay = overlay;
	s->found = found_near;
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
	s->topk.n = 0;
	s->topk.k = k < s->n_records ? k : (uint32_t)s->n_records;
}

/* The rows of the overlay that count, with their distances. */
static int measure_rows(struct hnsw_searcher *s, const uint8_t *vector, struct cel_error *e)
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
				rc = s->found(s, distances[i], overlay_id(o, start + i), TAG_OVERLAY, e);
	}
	return rc;
}

/* Then those of the overlay. */
static int add_overlay(struct hnsw_searcher *s, const uint8_t *vector, uint32_t k, struct cel_error *e)
{
	uint64_t records = s->n_records + (s->accept != NULL ? s->accept->n_rows : s->n_rows);
	s->topk.k = k < records ? k : (uint32_t)records;
	return measure_rows(s, vector, e);
}

static int add_vector(struct hnsw_searcher *s, uint32_t vector, float distance, struct cel_error *e)
{
	struct range records;
	struct slice id;
	if (s->found == found_near ? !topk_is_wanted(&s->topk, distance) : distance > s->radius)
		return 0;
	int rc = index_vector_records(s->index, vector, &records, e);
	for (uint32_t r = records.start; r < records.end && rc == 0; r++) {
		if (s->out_records != NULL && bits_get(s->out_records, r))
			continue;
		rc = index_id(s->index, r, &id, e);
		if (rc == 0)
			rc = s->found(s, distance, id, vector, e);
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

static int rerank(struct hnsw_searcher *s, const uint8_t *vector, uint32_t depth, struct cel_error *e)
{
	const struct hnsw_index *x = s->index;
	struct measure_query query = measure_query(&x->measure, vector);
	struct survivors survivors = {.count = 0};
	const uint64_t *masked = s->out_nodes;
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
	if (s->out_nodes != NULL)
		place = s->walk.size - 1;
	return key_distance(s->walk.pool[place]) < 1u << 24 && s->walk.query.is_exact;
}

/* In the place of rerank; a node is a vector here. */
static int take_codes(struct hnsw_searcher *s, uint32_t depth, struct cel_error *e)
{
	const uint64_t *masked = s->out_nodes;
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
	return block->count == MEASURE_MAX ? survivors_flush(s, query, block, e) : 0;
}

/* The vectors of the records that are accepted. */
static int scan_accepted(struct hnsw_searcher *s, const struct measure_query *query, struct survivors *block,
			 struct cel_error *e)
{
	const struct hnsw_index *x = s->index;
	uint64_t n = x->layout.n_records;
	int rc = 0;
	for (uint64_t r = accept_next(s->out_records, 0, n); r < n && rc == 0;) {
		struct range records;
		uint32_t vector = index_record_vector(x, (uint32_t)r);
		rc = index_vector_records(x, vector, &records, e);
		if (rc == 0)
			rc = scan_add(s, query, block, vector, e);
		r = accept_next(s->out_records, records.end > r ? records.end : r + 1, n);
	}
	return rc;
}

static int scan(struct hnsw_searcher *s, const uint8_t *vector, struct cel_error *e)
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
	return rc < 0 ? rc : survivors_flush(s, &query, &block, e);
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

static int check_hit(struct hnsw_searcher *s, uint32_t tag, bool is_by_code, struct cel_error *e)
{
	const struct hnsw_index *x = s->index;
	if (x->checksums == NULL || tag == TAG_OVERLAY)
		return 0;
	int rc = check_vector(x, tag, e);
	return rc == 0 && x->layout.is_exact && !is_by_code ? compare_with_code(s, tag, e) : rc;
}

static int finish(struct hnsw_searcher *s, bool is_by_code, struct hnsw_hit *hits, uint32_t *n, struct cel_error *e)
{
	for (uint32_t i = 0; i < s->topk.n; i++) {
		const struct topk_entry *entry = &s->topk.entries[i];
		int rc = check_hit(s, entry->tag, is_by_code, e);
		if (rc < 0)
			return rc;
		hits[i] = (struct hnsw_hit){.distance = entry->distance, .id = entry->id};
	}
	*n = s->topk.n;
	return 0;
}

/* Leaves the nodes that count and are near in the pool. False: too few for the beam were
 * reached, so there may be better ones where the walk did not come.
 *
 * What an ef reaches was measured without a filter; these walks go farther with the same, but where all that is accepted
 * lies on one side of the query they need a wider beam. On the word vectors (docs/adr/0011-filters.md) so much was enough. */
static bool walk_accepted(struct hnsw_searcher *s, uint32_t ef)
{
	const struct graph *g = &s->index->graph;
	bool is_many = s->n_nodes >= g->n_nodes / ACCEPT_FEW;
	uint32_t wide = is_many ? ef + ef / 4 : ef + ef / 2;
	wide = wide < s->walk.capacity ? wide : s->walk.capacity;
	uint64_t wanted = wide < s->n_nodes ? wide : s->n_nodes;
	if (is_many) {
		walk_beam_masked(&s->walk, g, s->out_nodes, 1, wide);
		if (s->walk.live >= wanted)
			return true;
	} else {
		walk_beam(&s->walk, g, 0, 1, SEEDS < s->walk.capacity ? SEEDS : s->walk.capacity);
	}
	walk_beam_filtered(&s->walk, g, s->out_nodes, wide);
	return s->walk.size >= wanted;
}

/* The beam of ef on level 0. False: what the walk has reached is not to be relied on. */
static bool walk(struct hnsw_searcher *s, const uint8_t *vector, uint32_t ef)
{
	const struct graph *g = &s->index->graph;
	ef = ef < s->walk.capacity ? ef : s->walk.capacity;
	s->walk.is_corrupt = false;
	quantise_query(&s->index->quantiser, vector, s->scratch, &s->walk.query);
	walk_sketch_query(&s->walk, g);
	walk_descend(&s->walk, g, 0);
	if (s->accept != NULL)
		return walk_accepted(s, ef);
	if (s->out_nodes != NULL)
		walk_beam_masked(&s->walk, g, s->out_nodes, 1, ef);
	else
		walk_beam(&s->walk, g, 0, 1, ef);
	return true;
}

static int search_graph(struct hnsw_searcher *s, const uint8_t *query, uint32_t k, uint32_t ef, bool *is_by_code,
			struct cel_error *e)
{
	bool is_enough = walk(s, query, ef > k ? ef : k);
	if (s->walk.is_corrupt)
		return error_set(e, CEL_ECORRUPT, "the index file has a bad link: build it again");
	int rc = 0;
	if (is_enough) {
		uint32_t depth = search_depth(k, s->walk.size);
		*is_by_code = is_code_enough(s, depth);
		rc = *is_by_code ? take_codes(s, depth, e) : rerank(s, query, depth, e);
	}
	if (rc < 0 || s->topk.n == s->topk.k)
		return rc;
	*is_by_code = false;
	return scan(s, query, e);
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
	if (s->topk.k > 0)
		rc = search_graph(s, query.data, k, ef, &is_by_code, e);
	if (rc == 0)
		rc = add_overlay(s, query.data, k, e);
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
		rc = add_overlay(s, query.data, k, e);
	return rc < 0 ? rc : finish(s, false, hits, n, e);
}

/* ---- all within a radius: whatever is found goes to a list, which is sorted at the end */

static int found_within(struct hnsw_searcher *s, float distance, struct slice id, uint32_t tag, struct cel_error *e)
{
	struct topk_entry entry = {.distance = distance, .tag = tag, .id = id};
	return distance <= s->radius ? buf_append(&s->within, &entry, sizeof entry, e) : 0;
}

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
		int rc = check_hit(s, entries[i].tag, false, e);
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
	int rc = check_request(s, query, 0, e);
	buf_clear(&s->within);
	s->radius = radius;
	s->found = found_within;
	if (rc == 0 && s->n_records > 0)
		rc = scan(s, query.data, e);
	if (rc == 0)
		rc = measure_rows(s, query.data, e);
	s->found = found_near;
	if (rc == 0)
		rc = collect(s, e);
	*hits = (void *)s->hits.data;
	*n = s->hits.size / sizeof **hits;
	return rc;
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
