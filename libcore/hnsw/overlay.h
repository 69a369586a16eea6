/* SPDX-License-Identifier: Apache-2.0 */
/* An overlay as the search sees it: bits for what of the index does not count, and rows that count as well. */
#ifndef HNSW_OVERLAY_H
#define HNSW_OVERLAY_H

#include "bits.h"
#include "buf.h"
#include "index.h"

struct hnsw_overlay {
	const struct hnsw_index *index;
	uint64_t *records; /* a bit a record: it does not count */
	uint64_t *nodes;   /* a bit a node: none of its records counts */
	uint64_t n_removed;
	uint64_t n_added;
	struct buf vectors;      /* [n_added] rows */
	struct buf ids, id_ends; /* id_ends: size_t, in ids */
	double *norms;           /* [n_added], as in distance.h */
};

struct slice overlay_id(const struct hnsw_overlay *o, uint64_t row);

#endif
