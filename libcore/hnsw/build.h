/* SPDX-License-Identifier: Apache-2.0 */
/* Building the graph over rows of codes, in batches against a frozen graph. */
#ifndef HNSW_BUILD_H
#define HNSW_BUILD_H

#include "graph.h"
#include "hnsw.h"
#include "team.h"

struct builder;

/* nodes: n_nodes, n_levels, level_count, kernels, codes and code_stride are read. */
int builder_new(const struct graph *nodes, const struct hnsw_params *params, struct team *team, struct builder **out,
		struct cel_error *e);
void builder_free(struct builder *b);

struct progress {
	int (*told)(void *context, uint64_t done, uint64_t total); /* may be NULL */
	void *context;
};

/* What is inserted instead of all nodes: their numbers, ascending; borrowed. */
void builder_order(struct builder *b, const uint32_t *nodes);
/* Inserts the nodes up to place `end` of the order (all nodes, unless builder_order said else); those before are in. */
int builder_insert(struct builder *b, uint32_t end, const struct progress *progress, struct cel_error *e);
/* Cuts rows to 2 M and M links; to be called before the graph is searched or written. */
void builder_trim(struct builder *b);
/* Rows are wider than they will be in the file; the first 2 M (level 0) or M links of a row count. */
const struct graph *builder_graph(const struct builder *b);

#endif
