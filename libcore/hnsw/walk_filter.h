/* SPDX-License-Identifier: Apache-2.0 */
/* The walk among the few nodes that count. */
#ifndef HNSW_WALK_FILTER_H
#define HNSW_WALK_FILTER_H

#include "walk.h"

/* On level 0, from all that is in the pool: pool = at most ef nearest nodes that count. masked: a bit a node, it does not count. */
void walk_beam_filtered(struct walk *w, const struct graph *g, const uint64_t *masked, uint32_t ef);

#endif
