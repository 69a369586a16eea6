/* SPDX-License-Identifier: Apache-2.0 */
/* Choosing a node's links among candidates: near ones that are not near each other (HNSW paper, algorithm 4), and if wanted
 * the nearest of the others (keepPrunedConnections there). */
#ifndef HNSW_PRUNE_H
#define HNSW_PRUNE_H

#include "walk.h"

struct pruner {
	size_t code_stride;
	uint32_t limit_max;
	struct query_code *kept; /* [limit_max] */
	int8_t *values;
	uint64_t *dropped; /* [limit_max]: the nearest of those that were not kept */
	uint32_t n_dropped;
};

int pruner_init(struct pruner *p, size_t code_stride, uint32_t limit_max, struct cel_error *e);
void pruner_release(struct pruner *p);

/* keys: `count` candidates ascending (distance to the node, ordinal), the node itself not among them. Moves those kept,
 * at most `limit`, to the front; returns how many. */
uint32_t prune(struct pruner *p, const struct graph *g, uint64_t *keys, uint32_t count, uint32_t limit);
/* The same, but the first n_kept keys, in any order, are kept whatever they are; the others ascend. */
uint32_t prune_beyond(struct pruner *p, const struct graph *g, uint64_t *keys, uint32_t n_kept, uint32_t count,
		      uint32_t limit);
/* After either: behind the n_kept, the nearest of those that were not kept, up to `limit` in all; returns how many there are. */
uint32_t prune_fill(const struct pruner *p, uint64_t *keys, uint32_t n_kept, uint32_t limit);

#endif
