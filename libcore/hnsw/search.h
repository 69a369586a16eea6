/* SPDX-License-Identifier: Apache-2.0 */
/* A searcher, as the recall table uses it before there is a file. */
#ifndef HNSW_SEARCH_H
#define HNSW_SEARCH_H

#include "accept.h"
#include "index.h"
#include "overlay.h"
#include "topk.h"
#include "walk.h"

struct hnsw_searcher {
	const struct hnsw_index *index;
	const struct hnsw_overlay *overlay; /* may be NULL */
	const struct hnsw_accept *accept;   /* may be NULL */
	/* What does not count, a bit each; NULL: all do. Out of one of the two above. */
	const uint64_t *out_records, *out_nodes, *out_rows;
	uint64_t n_records, n_nodes, n_rows; /* that count */
	struct walk walk;
	struct topk topk;
	uint32_t k_max, ef_max;
	float *scratch; /* [dim] */
	bool is_scanning;
	/* What becomes of what is found: among the nearest, or those within the radius. */
	int (*found)(struct hnsw_searcher *s, float distance, struct slice id, uint32_t tag, struct cel_error *e);
	float radius;
	struct buf within, hits; /* of hnsw_scan_within */
};

#endif
