/* SPDX-License-Identifier: Apache-2.0 */
/* Where a node stands: its order and its level, both from one hash of an id. */
#ifndef HNSW_LEVELS_H
#define HNSW_LEVELS_H

#include "graph.h"
#include "slice.h"

/* Of a node's smallest record id. Nodes are numbered by ascending (hash, id). */
uint64_t level_hash(struct slice id);

/* hashes ascend. Fills level_count and returns the number of levels: a node is on level l iff its hash is below
 * 2^64 / M^l, so P(level >= l) = M^-l. */
uint32_t levels_count(const uint64_t *hashes, uint32_t n, uint32_t M, uint32_t level_count[LEVELS_MAX]);

#endif
