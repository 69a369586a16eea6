/* SPDX-License-Identifier: Apache-2.0 */
/* Which recall each ef reaches, measured on nodes that the graph has not seen. */
#ifndef HNSW_RECALL_TABLE_H
#define HNSW_RECALL_TABLE_H

#include "index.h"
#include "team.h"

#define RECALL_K 10u

struct recall_row {
	uint32_t ef, n_queries;
	uint64_t hits;    /* of n_queries * RECALL_K */
	uint64_t squares; /* sum over the queries of (hits of the query)^2, for the margin */
};

/* How many of the last nodes to hold out; 0 if there are too few for a table. */
uint32_t recall_held_out(uint32_t n_nodes, enum cel_metric metric);

/* index: the graph without its last `held_out` nodes. Returns the rows filled, or negative. */
int recall_measure(const struct hnsw_index *index, uint32_t held_out, struct team *team,
		   struct recall_row rows[RECALL_ROWS_MAX], struct cel_error *e);

void recall_row_encode(const struct recall_row *row, uint8_t out[RECALL_ROW_SIZE]);

#endif
