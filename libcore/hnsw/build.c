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
#include "build.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "error.h"
#include "pages.h"
#include "prune.h"
#include "walk.h"

#define BATCH_GROWTH 16u
#define BATCH_BOUND 50u
#define BUCKETS 256u

struct edge {
	uint64_t where; /* level << 32 | target */
	uint64_t key;   /* distance and source, as in a pool */
};

struct worker {
	struct walk walk;
	struct pruner pruner;
	uint64_t *keys;
	uint32_t ordinals[ROW_LINKS_MAX], distances[ROW_LINKS_MAX];
};

struct builder {
	struct graph graph;
	uint32_t *rows[LEVELS_MAX]; /* the same as graph.links, writable */
	struct pages pages[LEVELS_MAX];
	uint32_t M, ef, inserted, batch_max;
	struct team *team;
	uint32_t n_workers;
	struct worker *workers;
	/* of the batch: */
	uint32_t start, end;
	struct edge *slots;    /* M for each (node, level), by level */
	uint16_t *slot_counts; /* how many of the M are filled */
	size_t slots_room;     /* (node, level) pairs there is room for */
	struct edge *edges;    /* the same, dealt into buckets */
	size_t bucket_start[BUCKETS + 1];
	struct share share;
};

/* ---- rows */

static uint32_t row_limit(const struct builder *b, uint32_t level)
{
	return level == 0 ? 2 * b->M : b->M;
}

static uint32_t row_count(const uint32_t *row, uint32_t width)
{
	uint32_t count = 0;
	while (count < width && row[count] != LINK_NONE)
		count++;
	return count;
}

static uint32_t *builder_row(struct builder *b, uint32_t level, uint32_t node)
{
	return b->rows[level] + (size_t)node * b->graph.width[level];
}

static void row_set(struct builder *b, uint32_t level, uint32_t node, const uint64_t *keys, uint32_t count)
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

static void keys_sort(uint64_t *keys, uint32_t count)
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

/* The row's links as keys; returns how many. */
static uint32_t row_keys(struct builder *b, struct worker *w, uint32_t level, uint32_t node)
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

/* ---- making and freeing */

static int rows_new(struct builder *b, uint32_t level, struct cel_error *e)
{
	struct graph *g = &b->graph;
	g->width[level] = row_limit(b, level) * 3 / 2;
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
		size_t n_keys = (size_t)b->batch_max + ROW_LINKS_MAX + b->ef;
		w->keys = mem_calloc(n_keys, sizeof *w->keys);
		if (w->keys == NULL) {
			walk_release(&w->walk);
			pruner_release(&w->pruner);
			return error_nomem(e, n_keys * sizeof *w->keys);
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
	b->M = params->M;
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

/* ---- 1. search */

static uint32_t nodes_on_level(const struct builder *b, uint32_t level)
{
	uint32_t limit = b->graph.level_count[level] < b->end ? b->graph.level_count[level] : b->end;
	return limit > b->start ? limit - b->start : 0;
}

static void search_node(struct builder *b, struct worker *w, uint32_t node)
{
	const struct graph *g = &b->graph;
	uint32_t top = 0;
	while (top + 1 < g->n_levels && node < g->level_count[top + 1])
		top++;
	walk_node_query(g, node, &w->walk.query);
	walk_descend(&w->walk, g, top);
	for (uint32_t level = top + 1; level-- > 0;) {
		walk_beam(&w->walk, g, level, 1, b->ef);
		for (uint32_t i = 0; i < w->walk.size; i++)
			w->keys[i] = w->walk.pool[i] & ~1ull;
		uint32_t count = prune(&w->pruner, g, w->keys, w->walk.size, b->M);
		row_set(b, level, node, w->keys, count);
		size_t slot = node - b->start;
		for (uint32_t l = 0; l < level; l++)
			slot += nodes_on_level(b, l);
		b->slot_counts[slot] = (uint16_t)count;
		for (uint32_t i = 0; i < count; i++)
			b->slots[slot * b->M + i] = (struct edge){
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
	b->slots = mem_calloc(pairs * b->M, sizeof *b->slots);
	b->edges = mem_calloc(pairs * b->M, sizeof *b->edges);
	b->slot_counts = mem_calloc(pairs, sizeof *b->slot_counts);
	if (b->slots == NULL || b->edges == NULL || b->slot_counts == NULL)
		return error_nomem(e, pairs * b->M * sizeof *b->slots);
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
			next[edge_bucket(&b->slots[slot * b->M + i])]++;
	size_t total = 0;
	for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
		size_t count = next[bucket];
		next[bucket] = total;
		total += count;
	}
	for (size_t slot = 0; slot < pairs; slot++)
		for (uint32_t i = 0; i < b->slot_counts[slot]; i++) {
			const struct edge *edge = &b->slots[slot * b->M + i];
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
	uint32_t kept = prune(&w->pruner, &b->graph, w->keys, have + count, row_limit(b, level));
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

static void share_out(struct builder *b, uint64_t total, uint64_t piece, team_fn *work)
{
	atomic_store(&b->share.next, 0);
	b->share.total = total;
	b->share.piece = piece;
	team_run(b->team, work, b);
}

static int insert_batch(struct builder *b, struct cel_error *e)
{
	size_t pairs = 0;
	for (uint32_t l = 0; l < b->graph.n_levels; l++)
		pairs += nodes_on_level(b, l);
	int rc = batch_reserve(b, pairs, e);
	if (rc < 0)
		return rc;
	share_out(b, b->end - b->start, 4, search_work);
	deal_edges(b, pairs);
	share_out(b, BUCKETS, 1, connect_work);
	return 0;
}

int builder_insert(struct builder *b, uint32_t end, const struct progress *progress, struct cel_error *e)
{
	while (b->inserted < end) {
		uint32_t size = b->inserted / BATCH_GROWTH + 1;
		size = size < b->batch_max ? size : b->batch_max;
		b->start = b->inserted;
		b->end = end - b->start < size ? end : b->start + size;
		if (b->start > 0) { /* node 0 has no one to look for */
			int rc = insert_batch(b, e);
			if (rc < 0)
				return rc;
		}
		b->inserted = b->end;
		if (progress->told != NULL && progress->told(progress->context, b->inserted, b->graph.n_nodes) != 0)
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
					prune(&w->pruner, &b->graph, w->keys, have, row_limit(b, level)));
			}
		}
	}
}

void builder_trim(struct builder *b)
{
	share_out(b, b->inserted, 256, trim_work);
}
