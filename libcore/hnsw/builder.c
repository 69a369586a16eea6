/* SPDX-License-Identifier: Apache-2.0 */
/* Rows have slack over their final width, which makes pruning rare while they grow. Unused places are at the end of a row
 * and hold LINK_NONE. */
#include "builder.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "error.h"

#define BATCH_BOUND 50u

uint32_t row_count(const uint32_t *row, uint32_t width)
{
	uint32_t count = 0;
	while (count < width && row[count] != LINK_NONE)
		count++;
	return count;
}

void row_set(struct builder *b, uint32_t level, uint32_t node, const uint64_t *keys, uint32_t count)
{
	uint32_t *row = builder_row(b, level, node);
	for (uint32_t i = 0; i < b->graph.width[level]; i++)
		row[i] = i < count ? key_ordinal(keys[i]) : LINK_NONE;
}

static int key_compare(const void *a, const void *b)
{
	uint64_t x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

void keys_sort(uint64_t *keys, uint32_t count)
{
	if (count > 128) {
		qsort(keys, count, sizeof *keys, key_compare);
		return;
	}
	for (uint32_t i = 1; i < count; i++) {
		uint64_t key = keys[i];
		uint32_t place = i;
		for (; place > 0 && keys[place - 1] > key; place--)
			keys[place] = keys[place - 1];
		keys[place] = key;
	}
}

uint32_t row_keys(struct builder *b, struct worker *w, uint32_t level, uint32_t node)
{
	const uint32_t *row = builder_row(b, level, node);
	uint32_t count = row_count(row, b->graph.width[level]);
	memcpy(w->ordinals, row, count * sizeof *row);
	walk_node_query(&b->graph, node, &w->walk.query);
	walk_distances(&w->walk.query, &b->graph, w->ordinals, count, w->distances);
	for (uint32_t i = 0; i < count; i++)
		w->keys[i] = key_make(w->distances[i], w->ordinals[i]);
	return count;
}

static int rows_new(struct builder *b, uint32_t level, struct cel_error *e)
{
	struct graph *g = &b->graph;
	g->width[level] = g->pitch[level] = row_limit(b, level) * 3 / 2;
	size_t bytes = (size_t)g->level_count[level] * g->width[level] * sizeof(uint32_t);
	int rc = pages_new(&b->pages[level], bytes, e);
	if (rc < 0)
		return rc;
	b->rows[level] = b->pages[level].data;
	memset(b->rows[level], 0xff, bytes);
	g->links[level] = b->rows[level];
	return 0;
}

static int workers_new(struct builder *b, struct cel_error *e)
{
	b->workers = mem_calloc(team_size(b->team), sizeof *b->workers);
	if (b->workers == NULL)
		return error_nomem(e, team_size(b->team) * sizeof *b->workers);
	for (; b->n_workers < team_size(b->team); b->n_workers++) {
		struct worker *w = &b->workers[b->n_workers];
		int rc = walk_init(&w->walk, b->graph.code_stride, b->ef, e);
		if (rc < 0)
			return rc;
		rc = pruner_init(&w->pruner, b->graph.code_stride, 2 * b->M, e);
		if (rc < 0) {
			walk_release(&w->walk);
			return rc;
		}
		w->n_keys = (size_t)b->batch_max + ROW_LINKS_MAX + b->ef;
		w->keys = mem_calloc(w->n_keys, sizeof *w->keys);
		if (w->keys == NULL) {
			walk_release(&w->walk);
			pruner_release(&w->pruner);
			return error_nomem(e, w->n_keys * sizeof *w->keys);
		}
	}
	return 0;
}

int builder_new(const struct graph *nodes, const struct hnsw_params *params, struct team *team, struct builder **out,
		struct cel_error *e)
{
	struct builder *b = mem_calloc(1, sizeof *b);
	if (b == NULL)
		return error_nomem(e, sizeof *b);
	b->graph = *nodes;
	b->graph.entry = LINK_NONE;
	b->M = params->M;
	b->slot_size = b->M * 3 / 2;
	b->ef = params->ef_construction;
	b->team = team;
	b->batch_max = nodes->n_nodes / BATCH_BOUND + 1;
	int rc = 0;
	for (uint32_t l = 0; l < nodes->n_levels && rc == 0; l++)
		rc = rows_new(b, l, e);
	if (rc == 0)
		rc = workers_new(b, e);
	if (rc < 0) {
		builder_free(b);
		return rc;
	}
	*out = b;
	return 0;
}

void builder_free(struct builder *b)
{
	if (b == NULL)
		return;
	for (uint32_t i = 0; i < b->n_workers; i++) {
		walk_release(&b->workers[i].walk);
		pruner_release(&b->workers[i].pruner);
		mem_free(b->workers[i].keys);
	}
	for (uint32_t l = 0; l < LEVELS_MAX; l++)
		pages_release(&b->pages[l]);
	mem_free(b->workers);
	mem_free(b->slots);
	mem_free(b->slot_counts);
	mem_free(b->edges);
	mem_free(b);
}

const struct graph *builder_graph(const struct builder *b)
{
	return &b->graph;
}

void builder_order(struct builder *b, const uint32_t *nodes)
{
	b->order = nodes;
	b->inserted = 0;
}

void builder_share_out(struct builder *b, uint64_t total, uint64_t piece, team_fn *work)
{
	atomic_store(&b->share.next, 0);
	b->share.total = total;
	b->share.piece = piece;
	team_run(b->team, work, b);
}
