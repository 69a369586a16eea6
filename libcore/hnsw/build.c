/* SPDX-License-Identifier: Apache-2.0 */
/* ParlayANN's scheme (arXiv 2305.04359, section 4) for HNSW. For each batch of nodes s..e-1:
 *
 *   1. search   each node walks the graph of 0..s-1, which nobody changes meanwhile, and prunes what it found to its
 *               own links; those rows are seen by no one yet. Every link also gives an edge back.
 *   2. connect  the edges back are dealt into buckets by target; a bucket is sorted by (target, distance, source) and
 *               each target's row grows once: appended while there is room, else pruned once with all it has.
 *
 * Threads take nodes and buckets from a counter, but what is done for one depends on nothing else in the batch, so
 * the number of threads leaves no trace. Rows have slack over their final width, which makes pruning rare; builder_trim
 * prunes what is above it in the end. Nodes of a batch do not see each other: batches are at most 1/BATCH_GROWTH of what
 * is there and 1/BATCH_BOUND of all, which costs no measurable recall (docs/adr/0004-index-layout.md). */
#include "builder.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "error.h"

#define BATCH_GROWTH 16u

/* ---- 1. search */

static uint32_t batch_node(const struct builder *b, uint32_t place)
{
	return b->order != NULL ? b->order[place] : place;
}

/* The nodes of the batch ascend, so those of a level come first. */
static uint32_t nodes_on_level(const struct builder *b, uint32_t level)
{
	uint32_t low = b->start, high = b->end;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (batch_node(b, middle) < b->graph.level_count[level])
			low = middle + 1;
		else
			high = middle;
	}
	return low - b->start;
}

/* How many links a node chooses itself: at first there is room left in its row for edges back. */
static uint32_t own_links(const struct builder *b, uint32_t level)
{
	return level == 0 ? b->slot_size : b->M;
}

static void search_node(struct builder *b, struct worker *w, uint32_t place)
{
	const struct graph *g = &b->graph;
	uint32_t node = batch_node(b, place);
	uint32_t own = graph_top_level(g, node), there = graph_top_level(g, g->entry);
	uint32_t top = own < there ? own : there; /* nobody is above the entry point */
	walk_node_query(g, node, &w->walk.query);
	walk_descend(&w->walk, g, top);
	for (uint32_t level = top + 1; level-- > 0;) {
		walk_beam(&w->walk, g, level, 1, b->ef);
		for (uint32_t i = 0; i < w->walk.size; i++)
			w->keys[i] = w->walk.pool[i] & ~1ull;
		uint32_t count = choose_links(b, w, level, w->keys, 0, w->walk.size, own_links(b, level));
		row_set(b, level, node, w->keys, count);
		size_t slot = place - b->start;
		for (uint32_t l = 0; l < level; l++)
			slot += nodes_on_level(b, l);
		b->slot_counts[slot] = (uint16_t)count;
		for (uint32_t i = 0; i < count; i++)
			b->slots[slot * b->slot_size + i] = (struct edge){
				.where = (uint64_t)level << 32 | key_ordinal(w->keys[i]),
				.key = key_make(key_distance(w->keys[i]), node),
			};
	}
}

static void search_work(void *context, uint32_t worker)
{
	struct builder *b = context;
	uint64_t from, to;
	while (share_take(&b->share, &from, &to))
		for (uint64_t i = from; i < to; i++)
			search_node(b, &b->workers[worker], b->start + (uint32_t)i);
}

static int batch_reserve(struct builder *b, size_t pairs, struct cel_error *e)
{
	if (pairs <= b->slots_room)
		return 0;
	mem_free(b->slots);
	mem_free(b->edges);
	mem_free(b->slot_counts);
	b->slots_room = 0;
	b->slots = mem_calloc(pairs * b->slot_size, sizeof *b->slots);
	b->edges = mem_calloc(pairs * b->slot_size, sizeof *b->edges);
	b->slot_counts = mem_calloc(pairs, sizeof *b->slot_counts);
	if (b->slots == NULL || b->edges == NULL || b->slot_counts == NULL)
		return error_nomem(e, pairs * b->slot_size * sizeof *b->slots);
	b->slots_room = pairs;
	return 0;
}

/* ---- 2. connect */

static uint32_t edge_bucket(const struct edge *edge)
{
	return (uint32_t)edge->where % BUCKETS;
}

static void deal_edges(struct builder *b, size_t pairs)
{
	size_t *next = b->bucket_start;
	memset(next, 0, sizeof b->bucket_start);
	for (size_t slot = 0; slot < pairs; slot++)
		for (uint32_t i = 0; i < b->slot_counts[slot]; i++)
			next[edge_bucket(&b->slots[slot * b->slot_size + i])]++;
	size_t total = 0;
	for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
		size_t count = next[bucket];
		next[bucket] = total;
		total += count;
	}
	for (size_t slot = 0; slot < pairs; slot++)
		for (uint32_t i = 0; i < b->slot_counts[slot]; i++) {
			const struct edge *edge = &b->slots[slot * b->slot_size + i];
			b->edges[next[edge_bucket(edge)]++] = *edge;
		}
	memmove(next + 1, next, BUCKETS * sizeof *next); /* the ends of the buckets are the next ones' starts */
	next[0] = 0;
}

static int edge_compare(const void *x, const void *y)
{
	const struct edge *a = x, *b = y;
	if (a->where != b->where)
		return a->where < b->where ? -1 : 1;
	return (a->key > b->key) - (a->key < b->key);
}

static void connect_target(struct builder *b, struct worker *w, const struct edge *edges, uint32_t count)
{
	uint32_t level = (uint32_t)(edges->where >> 32), target = (uint32_t)edges->where;
	uint32_t *row = builder_row(b, level, target);
	uint32_t have = row_count(row, b->graph.width[level]);
	if (have + count <= b->graph.width[level]) {
		for (uint32_t i = 0; i < count; i++)
			row[have + i] = key_ordinal(edges[i].key);
		return;
	}
	have = row_keys(b, w, level, target);
	for (uint32_t i = 0; i < count; i++)
		w->keys[have + i] = edges[i].key;
	keys_sort(w->keys, have + count);
	uint32_t kept = choose_links(b, w, level, w->keys, 0, have + count, row_limit(b, level));
	row_set(b, level, target, w->keys, kept);
}

static void connect_work(void *context, uint32_t worker)
{
	struct builder *b = context;
	uint64_t bucket, bucket_end;
	while (share_take(&b->share, &bucket, &bucket_end)) {
		struct edge *edges = b->edges + b->bucket_start[bucket];
		size_t count = b->bucket_start[bucket + 1] - b->bucket_start[bucket];
		qsort(edges, count, sizeof *edges, edge_compare);
		for (size_t from = 0, to; from < count; from = to) {
			for (to = from + 1; to < count && edges[to].where == edges[from].where; to++)
				;
			connect_target(b, &b->workers[worker], edges + from, (uint32_t)(to - from));
		}
	}
}

/* ---- batches */

static int insert_batch(struct builder *b, struct cel_error *e)
{
	size_t pairs = 0;
	for (uint32_t l = 0; l < b->graph.n_levels; l++)
		pairs += nodes_on_level(b, l);
	int rc = batch_reserve(b, pairs, e);
	if (rc < 0)
		return rc;
	memset(b->slot_counts, 0, pairs * sizeof *b->slot_counts);
	builder_share_out(b, b->end - b->start, 4, search_work);
	deal_edges(b, pairs);
	builder_share_out(b, BUCKETS, 1, connect_work);
	return 0;
}

/* A node that becomes the entry point is a batch of its own, so that others of its level find it. */
static uint32_t batch_size(const struct builder *b)
{
	if (batch_node(b, b->start) < b->graph.entry)
		return 1;
	uint32_t size = b->present / BATCH_GROWTH + 1;
	return size < b->batch_max ? size : b->batch_max;
}

int builder_insert(struct builder *b, uint32_t end, const struct progress *progress, struct cel_error *e)
{
	while (b->inserted < end) {
		b->start = b->inserted;
		uint32_t size = batch_size(b), first = batch_node(b, b->start);
		b->end = end - b->start < size ? end : b->start + size;
		if (b->present > 0) { /* the first has no one to look for */
			int rc = insert_batch(b, e);
			if (rc < 0)
				return rc;
		}
		b->graph.entry = first < b->graph.entry ? first : b->graph.entry;
		b->present += b->end - b->start;
		b->inserted = b->end;
		if (progress->told != NULL && progress->told(progress->context, b->present, b->graph.n_nodes) != 0)
			return error_set(e, CEL_EBUSY, "the index build was stopped");
	}
	return 0;
}

static void trim_work(void *context, uint32_t worker)
{
	struct builder *b = context;
	struct worker *w = &b->workers[worker];
	uint64_t from, to;
	while (share_take(&b->share, &from, &to)) {
		for (uint32_t level = 0; level < b->graph.n_levels; level++) {
			for (uint64_t i = from; i < to && i < b->graph.level_count[level]; i++) {
				uint32_t node = (uint32_t)i;
				if (row_count(builder_row(b, level, node), b->graph.width[level]) <= row_limit(b, level))
					continue;
				uint32_t have = row_keys(b, w, level, node);
				keys_sort(w->keys, have);
				row_set(b, level, node, w->keys,
					choose_links(b, w, level, w->keys, 0, have, row_limit(b, level)));
			}
		}
	}
}

void builder_trim(struct builder *b)
{
	builder_share_out(b, b->graph.n_nodes, 256, trim_work);
}
