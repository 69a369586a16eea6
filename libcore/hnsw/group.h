/* SPDX-License-Identifier: Apache-2.0 */
/* Records that share a vector, and vectors that share a code. */
#ifndef HNSW_GROUP_H
#define HNSW_GROUP_H

#include "gather.h"
#include "quantise.h"

/* Everything in the order of the file: nodes by hash, a node's vectors and a vector's records by id. */
struct groups {
	uint32_t n_nodes, n_vectors;
	uint32_t *records;      /* [records] numbers in id order */
	uint32_t *vector_first; /* [n_vectors + 1] into records */
	uint32_t *node_first;   /* [n_nodes + 1] into vectors */
	uint64_t *hashes;       /* [n_nodes], ascending */
};

int group_records(const struct gathered *g, const struct quantiser *q, struct groups *out, struct cel_error *e);
void groups_release(struct groups *g);

#endif
