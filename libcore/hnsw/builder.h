/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a build share: the graph with rows that can be written, and a worker a thread. */
#ifndef HNSW_BUILDER_H
#define HNSW_BUILDER_H

#include "build.h"
#include "pages.h"
#include "prune.h"
#include "walk.h"

#define BUCKETS 256u

struct edge {
	uint64_t where; /* level << 32 | target */
	uint64_t key;   /* distance and source, as in a pool */
};

struct worker {
	struct walk walk;
	struct pruner pruner;
	uint64_t *keys;
	size_t n_keys; /* room */
	uint32_t ordinals[ROW_LINKS_MAX], distances[ROW_LINKS_MAX];
};

struct builder {
	struct graph graph;
	uint32_t *rows[LEVELS_MAX]; /* the same as graph.links, writable */
	struct pages pages[LEVELS_MAX];
	uint32_t M, ef, batch_max;
	struct team *team;
	uint32_t n_workers;
	struct worker *workers;
	uint32_t present;      /* nodes in the graph */
	const uint32_t *order; /* what is inserted, ascending; NULL: all nodes */
	uint32_t inserted;     /* of that */
	/* of the batch: */
	uint32_t start, end;   /* places in the order */
	uint32_t slot_size;    /* own links of a node on a level at most */
	struct edge *slots;    /* slot_size for each (node, level), by level */
	uint16_t *slot_counts; /* how many of them are filled */
	size_t slots_room;     /* (node, level) pairs there is room for */
	struct edge *edges;    /* the same, dealt into buckets */
	size_t bucket_start[BUCKETS + 1];
	struct share share;
};

/* Runs work(b, worker) on all threads; share_take(&b->share, ...) hands out 0..total. */
void builder_share_out(struct builder *b, uint64_t total, uint64_t piece, team_fn *work);

/* How many links a row has in the end; it is wider than that while building. */
static inline uint32_t row_limit(const struct builder *b, uint32_t level)
{
	return level == 0 ? 2 * b->M : b->M;
}

static inline uint32_t *builder_row(struct builder *b, uint32_t level, uint32_t node)
{
	return b->rows[level] + (size_t)node * b->graph.width[level];
}

/* The links of a row on the level, of w->keys or others as for prune_beyond: on level 0 as many as there are room and
 * candidates for. */
static inline uint32_t choose_links(struct builder *b, struct worker *w, uint32_t level, uint64_t *keys, uint32_t n_kept,
				    uint32_t count, uint32_t limit)
{
	n_kept = prune_beyond(&w->pruner, &b->graph, keys, n_kept, count, limit);
	return level == 0 ? prune_fill(&w->pruner, keys, n_kept, limit) : n_kept;
}

uint32_t row_count(const uint32_t *row, uint32_t width);
void row_set(struct builder *b, uint32_t level, uint32_t node, const uint64_t *keys, uint32_t count);
/* The row's links as keys in w->keys; returns how many. */
uint32_t row_keys(struct builder *b, struct worker *w, uint32_t level, uint32_t node);
void keys_sort(uint64_t *keys, uint32_t count);

#endif
