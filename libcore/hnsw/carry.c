/* SPDX-License-Identifier: Apache-2.0 */
/* A node is the same in both if its code and its smallest id are: then its hash is the same too, and so is its level. Both
 * sides are numbered by (hash, id), so one pass over the two tells what stays, what is gone and what is new:
 *
 *       parent   n0  n1  n2  n3  n4             stays: takes its row along, repaired where a neighbour is gone
 *                 |   x   |   \   \              gone:  left out
 *       new      m0      m1 (m2) m3 m4           new:   inserted, in order, as in a build
 *
 * A record that got another vector is gone and new. The result follows from the parent and the new set, not from what
 * the difference was called. */
#include "carry.h"

#include <string.h>

#include "alloc.h"
#include "codes.h"
#include "error.h"
#include "levels.h"
#include "repair.h"

#define SAMPLE 4096u
#define CUT_OFF_MAX 50000u /* per million */
#define FEW 4u /* vectors */

/* Goes through the nodes of an index in order. */
struct passage {
	const struct hnsw_index *index;
	uint32_t node;
	uint64_t hash;
	struct slice id;
};

static bool is_at_end(const struct passage *p)
{
	return p->node == p->index->layout.n_nodes;
}

static int load(struct passage *p, struct cel_error *e)
{
	struct range records;
	if (is_at_end(p))
		return 0;
	int rc = index_node_records(p->index, p->node, &records, e);
	if (rc == 0)
		rc = index_id(p->index, records.start, &p->id, e);
	if (rc == 0)
		p->hash = level_hash(p->id);
	return rc;
}

static int compare(const struct passage *a, const struct passage *b)
{
	if (is_at_end(a) || is_at_end(b))
		return is_at_end(a) - is_at_end(b);
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return slice_compare(a->id, b->id);
}

static bool is_same_code(const struct passage *a, const struct passage *b)
{
	return memcmp(graph_code(&a->index->graph, a->node), graph_code(&b->index->graph, b->node),
		      a->index->graph.code_stride) == 0;
}

/* Fills map (for each node of the parent) and fresh (the new nodes); returns how many are new. */
static int64_t match(const struct hnsw_index *parent, const struct hnsw_index *view, uint32_t *map, uint32_t *fresh,
		     struct cel_error *e)
{
	struct passage old = {.index = parent}, new = {.index = view};
	uint32_t n_fresh = 0;
	int rc = load(&old, e);
	if (rc == 0)
		rc = load(&new, e);
	while (rc == 0 && !(is_at_end(&old) && is_at_end(&new))) {
		int order = compare(&old, &new);
		bool is_kept = order == 0 && is_same_code(&old, &new);
		if (order <= 0) {
			map[old.node++] = is_kept ? new.node : LINK_NONE;
			rc = load(&old, e);
		}
		if (order >= 0) {
			if (!is_kept)
				fresh[n_fresh++] = new.node;
			new.node++;
			if (rc == 0)
				rc = load(&new, e);
		}
	}
	return rc < 0 ? rc : (int64_t)n_fresh;
}

struct tally {
	uint64_t at_ends, of;
};

/* How many elements of vectors are at the ends of the span (no probability is below 0): of some thousand nodes of the
 * list, or of all if there is none. */
static struct tally count_at_ends(const struct hnsw_index *x, const uint32_t *nodes, uint32_t count)
{
	struct tally tally = {0};
	bool is_zero_least = x->graph.metric == CEL_JSD;
	uint32_t step = count / SAMPLE + 1;
	for (uint64_t i = 0; i < count; i += step) {
		uint32_t node = nodes != NULL ? nodes[i] : (uint32_t)i;
		struct range vectors = {0, 1};
		index_node_vectors(x, node, &vectors, NULL);
		const uint8_t *code = graph_code(&x->graph, node);
		uint64_t weight = vectors.end - vectors.start; /* far out many have one code */
		for (uint32_t d = 0; d < x->graph.dim; d++)
			tally.at_ends += weight * ((code[d] == 0 && !is_zero_least) || code[d] == 255);
		tally.of += weight * x->graph.dim;
	}
	return tally;
}

/* Codes were made for the vectors of the fresh build. If many elements of the new ones are cut off at the ends of the span,
 * code distances say little about them. A few vectors show nothing: one element of one vector of 6 is 17 %, and images differ
 * by a quarter in how much of them is black. FEW keeps 3.5 standard deviations of those away for any number of nodes. */
static int check_codes(const struct hnsw_index *parent, const struct hnsw_index *view, const uint32_t *fresh,
		       uint32_t n_fresh, struct cel_error *e)
{
	if (!codes_are_bytes(parent->graph.metric))
		return 0;
	struct tally usual = count_at_ends(parent, NULL, parent->layout.n_nodes);
	struct tally here = count_at_ends(view, fresh, n_fresh);
	uint64_t per_million = (usual.of > 0 ? usual.at_ends * 1000000 / usual.of : 0) + CUT_OFF_MAX;
	if (here.at_ends <= here.of * per_million / 1000000 + FEW * parent->graph.dim)
		return 0;
	return error_set(e, CEL_EUNAVAILABLE, "the codes of the index do not fit the new vectors: build it anew");
}

int carry_graph(const struct hnsw_index *parent, const struct hnsw_index *view, struct builder *b,
		const struct progress *progress, struct cel_error *e)
{
	MEM_CLEANUP uint32_t *map = mem_calloc(parent->layout.n_nodes, sizeof *map);
	MEM_CLEANUP uint32_t *fresh = mem_calloc(view->layout.n_nodes, sizeof *fresh);
	if (map == NULL || fresh == NULL)
		return error_nomem(e, (size_t)view->layout.n_nodes * sizeof *fresh);
	int64_t n_fresh = match(parent, view, map, fresh, e);
	if (n_fresh < 0)
		return (int)n_fresh;
	int rc = check_codes(parent, view, fresh, (uint32_t)n_fresh, e);
	if (rc == 0)
		rc = builder_adopt(b, &parent->graph, map, e);
	builder_order(b, fresh);
	if (rc == 0)
		rc = builder_insert(b, (uint32_t)n_fresh, progress, e);
	if (rc == 0) {
		builder_trim(b);
		rc = builder_reach(b, NULL, e);
	}
	builder_order(b, NULL);
	return rc;
}
