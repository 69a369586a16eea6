/* SPDX-License-Identifier: Apache-2.0 */
/* A search is a walk over codes, which yields the ef nearest nodes by code distance, and then exact distances for the
 * first of them (search_depth), all their vectors and records, sorted by (distance, id). If the walk cannot produce as
 * many records as were asked for (an island in the graph), everything is scanned: an answer is never short.
 *
 * With an overlay the beam holds ef nodes that count, masked ones beside them.
 *
 * Codes of small whole numbers are the vectors, so where the query is of such numbers too, the distances of the walk are
 * the exact ones and nothing is measured again. */
#include "search.h"

#include "error.h"
#include "walk_filter.h"

/* Accepted nodes: if they are one of four or more, the others take part in the walk, else it looks through them. */
#define ACCEPT_FEW 4u
#define SEEDS 16u

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

/* ---- what the walk has reached */

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
				rc = searcher_measure(s, &query, &survivors, e);
		}
		if (rc < 0)
			return rc;
	}
	return searcher_measure(s, &query, &survivors, e);
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
		int rc = searcher_add_vector(s, node, distance, e);
		if (rc < 0)
			return rc;
	}
	return 0;
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
	return searcher_scan(s, query, e);
}

int hnsw_search(struct hnsw_searcher *s, struct slice query, uint32_t k, uint32_t ef, struct hnsw_hit *hits, uint32_t *n,
		struct cel_error *e)
{
	bool is_by_code = false;
	int rc = searcher_check(s, query, k, e);
	if (rc < 0)
		return rc;
	if (ef > s->ef_max)
		return error_set(e, CEL_EUSAGE, "ef = %u is more than the searcher was made for (%u)", ef, s->ef_max);
	searcher_begin(s, k);
	if (s->topk.k > 0)
		rc = search_graph(s, query.data, k, ef, &is_by_code, e);
	if (rc == 0)
		rc = searcher_add_overlay(s, query.data, k, e);
	return rc < 0 ? rc : searcher_finish(s, is_by_code, hits, n, e);
}
