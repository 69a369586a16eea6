/* SPDX-License-Identifier: Apache-2.0 */
/* Taking over the graph of another index without some of its nodes. */
#ifndef HNSW_REPAIR_H
#define HNSW_REPAIR_H

#include "build.h"

/* map: for each node of `old` its number in the builder's graph, ascending, or LINK_NONE if it is gone. The builder must be
 * empty. Rows that pointed to nodes that are gone are repaired. CEL_ECORRUPT if `old` has a link that cannot be. */
int builder_adopt(struct builder *b, const struct graph *old, const uint32_t *map, struct cel_error *e);

/* Links nodes that no walk from the entry point along level 0 would find; *n_linked, if not NULL: how many. The last step:
 * after builder_trim. */
int builder_reach(struct builder *b, uint32_t *n_linked, struct cel_error *e);

#endif
