/* SPDX-License-Identifier: Apache-2.0 */
/* No islands: every node must be found along level 0 from the entry point. A search along the links marks what is; each
 * node that is not, in order, is linked from the nearest one that is and has room, and with it comes what it leads to. If
 * nobody near has room, the nearest gives up its farthest link x and the node passes on to it:
 *
 *       a --> x          a --> u --> x
 */
#include "repair.h"

#include <string.h>

#include "alloc.h"
#include "bits.h"
#include "builder.h"
#include "error.h"

struct reach {
	struct builder *builder;
	uint64_t *reached; /* a bit a node */
	uint32_t *queue;   /* [n_nodes]: each node is in it once at most */
	uint32_t head, tail;
};

static void reach_node(struct reach *r, uint32_t node)
{
	if (bits_get(r->reached, node))
		return;
	bits_set(r->reached, node);
	r->queue[r->tail++] = node;
}

static void spread(struct reach *r)
{
	const struct graph *g = &r->builder->graph;
	while (r->head < r->tail) {
		const uint32_t *row = graph_row(g, 0, r->queue[r->head++]);
		for (uint32_t i = 0; i < g->width[0] && row[i] != LINK_NONE; i++)
			reach_node(r, row[i]);
	}
}

/* The row has no room: its last link is another's from now on. */
static void insert_between(struct builder *b, uint32_t near, uint32_t node)
{
	uint32_t limit = row_limit(b, 0), *from = builder_row(b, 0, near), *own = builder_row(b, 0, node);
	uint32_t passed_on = from[limit - 1], have = row_count(own, b->graph.width[0]);
	from[limit - 1] = node;
	for (uint32_t i = 0; i < have; i++)
		if (own[i] == passed_on)
			return;
	own[have < limit ? have : limit - 1] = passed_on;
}

static void link_node(struct reach *r, uint32_t node)
{
	struct builder *b = r->builder;
	struct walk *w = &b->workers[0].walk;
	walk_node_query(&b->graph, node, &w->query);
	walk_start(w, &b->graph);
	walk_beam(w, &b->graph, 0, 1, b->ef); /* meets none but those that are reached */
	for (uint32_t i = 0; i < w->size; i++) {
		uint32_t *row = builder_row(b, 0, key_ordinal(w->pool[i]));
		uint32_t have = row_count(row, b->graph.width[0]);
		if (have < row_limit(b, 0)) {
			row[have] = node;
			return;
		}
	}
	insert_between(b, key_ordinal(w->pool[0]), node);
}

int builder_reach(struct builder *b, uint32_t *n_linked, struct cel_error *e)
{
	uint32_t n_nodes = b->graph.n_nodes, linked = 0;
	MEM_CLEANUP uint64_t *reached = mem_calloc(n_nodes / 64 + 1, sizeof *reached);
	MEM_CLEANUP uint32_t *queue = mem_calloc(n_nodes, sizeof *queue);
	if (reached == NULL || queue == NULL)
		return error_nomem(e, n_nodes * sizeof *queue);
	struct reach r = {.builder = b, .reached = reached, .queue = queue};
	for (uint32_t node = 0; node < n_nodes; node++) {
		if (node == 0)
			reach_node(&r, b->graph.entry);
		spread(&r);
		if (bits_get(reached, node))
			continue;
		link_node(&r, node);
		linked++;
		reach_node(&r, node);
	}
	if (n_linked != NULL)
		*n_linked = linked;
	return 0;
}
