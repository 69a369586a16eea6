/* SPDX-License-Identifier: Apache-2.0 */
/* A searcher, as the recall table uses it before there is a file. */
#ifndef HNSW_SEARCH_H
#define HNSW_SEARCH_H

#include "index.h"
#include "overlay.h"
#include "topk.h"
#include "walk.h"

struct hnsw_searcher {
	const struct hnsw_index *index;
	const struct hnsw_overlay *overlay; /* may be NULL */
	struct walk walk;
	struct topk topk;
	uint32_t k_max, ef_max;
	float *scratch; /* [dim] */
	bool is_scanning;
};

#endif
