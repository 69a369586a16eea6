/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over the graph: a beam of the ef nearest nodes found so far, by code distance. One a thread; nothing is
 * allocated after walk_init. */
#ifndef HNSW_WALK_H
#define HNSW_WALK_H

#include <stdbool.h>

#include "cel.h"
#include "graph.h"
#include "quantise.h"
#include "sketch.h"

#define STEP_NODES_MAX 8u
#define STEP_LINKS_MAX 512u
_Static_assert(STEP_LINKS_MAX >= ROW_LINKS_MAX, "a step expands one node at least");

struct walk {
	struct query_code query;
	struct sketch_query *sketch; /* NULL: this walk does without sketches */
	uint64_t *pool; /* ascending keys: distance << 32 | ordinal << 1 | is expanded */
	uint32_t size, capacity;
	uint32_t live; /* of a masked walk: how many of the pool are not masked */
	uint64_t *visited; /* epoch << 32 | ordinal, at ordinal & visited_mask */
	uint32_t visited_limit; /* places there are, a power of 2 */
	uint32_t visited_mask, epoch;
	bool is_corrupt; /* an ordinal out of bounds was met */
	uint32_t ordinals[STEP_LINKS_MAX];
	uint32_t distances[STEP_LINKS_MAX];
};

static inline uint32_t key_ordinal(uint64_t key)
{
	return (uint32_t)key >> 1;
}

static inline uint32_t key_distance(uint64_t key)
{
	return (uint32_t)(key >> 32);
}

static inline uint64_t key_make(uint32_t distance, uint32_t ordinal)
{
	return (uint64_t)distance << 32 | (uint64_t)ordinal << 1;
}

int walk_init(struct walk *w, size_t code_stride, uint32_t ef_max, struct cel_error *e);
void walk_release(struct walk *w);

/* From here on walks over level 0 go by the sketches of rows, if the graph has some; walk_use_sketches once a walk,
 * walk_sketch_query once a query, after that was set. */
int walk_use_sketches(struct walk *w, struct cel_error *e);
void walk_sketch_query(struct walk *w, const struct graph *g);

/* How many nodes a step of the beam expands: part of what makes the graph, so a matter of the format. */
uint32_t walk_step_nodes(const struct graph *g, uint32_t level);

/* The pool holds the entry point. The query must be set. */
void walk_start(struct walk *w, const struct graph *g);
/* From the entry point on its top level down to `level` + 1, greedily; then the pool holds one entry point for `level`. */
void walk_descend(struct walk *w, const struct graph *g, uint32_t level);
/* The beam on one level from what is in the pool (the nearest `entries` of it): pool = at most ef nearest. */
void walk_beam(struct walk *w, const struct graph *g, uint32_t level, uint32_t entries, uint32_t ef);
/* The same on level 0 where nodes are masked (a bit each): they lead the walk on but are not among the ef; the pool holds
 * them too, up to its capacity. */
void walk_beam_masked(struct walk *w, const struct graph *g, const uint64_t *masked, uint32_t entries, uint32_t ef);

/* The query that asks for the neighbours of a node. */
static inline void walk_node_query(const struct graph *g, uint32_t node, struct query_code *out)
{
	quantise_row_query(g->metric, g->dim, graph_code(g, node), out);
}

/* Code distances from the query to count nodes. */
void walk_distances(const struct query_code *query, const struct graph *g, const uint32_t *ordinals, size_t count,
		    uint32_t *distances);

#endif
