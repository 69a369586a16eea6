/* SPDX-License-Identifier: Apache-2.0 */
/* The graph in memory or in a mapped file: rows of codes and rows of links, all of fixed stride. Bits and places have codes
 * of another kind than what is said here (codes.h).
 *
 * Nodes are numbered by the order of a hash, and a node's level follows from the same hash, so the nodes of level l
 * or higher are always the first level_count[l] ordinals: no table says where a node's upper links are, node 0 is the
 * entry point, and inserting by ordinal builds the upper levels first.
 *
 *     codes      [ u8 x code_size | 0 ... | u32 K ]             one row a node, code_stride bytes (a multiple of 64)
 *     links[0]   [ u32 ordinal x width0, unused = LINK_NONE | sketches ]   one row a node
 *     links[l]   [ u32 ordinal x width ]                                   one row for each of the first level_count[l] nodes
 *
 * A row of level 0 in a file may carry a sketch of each neighbour (sketch.h), by which a walk tells which ones it can pass by.
 *
 * K = sum(a^2) - 256 sum(a): with b' = b - 128 as signed bytes, |a - b|^2 = K(a) + sum(b^2) - 2 a.b', one
 * multiply-add instruction for each 64 bytes on AVX-512. The signed side is 0 where K stands, so a row is multiplied
 * whole, without a tail. All sums are modulo 2^32 and the result fits. For ip K is not used: codes are 128 more than the
 * signed value, and minus the product is 2^31 + 128 sum(b') - a.b'. */
#ifndef HNSW_GRAPH_H
#define HNSW_GRAPH_H

#include <stdint.h>
#include <string.h>

#include "cel.h"
#include "simd.h"

struct sketcher;

#define LINK_NONE 0xffffffffu
#define LEVELS_MAX 32u
#define NODES_MAX 0x7fffffffu /* an ordinal has 31 bits in the keys of a walk */
#define M_MIN 4u
#define M_MAX 128u
#define ROW_LINKS_MAX (3 * M_MAX) /* level 0 while building, with slack */

struct graph {
	const struct simd_kernels *kernels;
	uint32_t n_nodes;
	uint32_t n_levels;                 /* 0 if there are no nodes */
	uint32_t entry;                    /* where a walk begins: the first node, of those that are in */
	uint32_t level_count[LEVELS_MAX];  /* [0] = n_nodes */
	uint32_t width[LEVELS_MAX];        /* links a row */
	uint32_t pitch[LEVELS_MAX];        /* from row to row, in links */
	const uint32_t *links[LEVELS_MAX];
	const uint8_t *codes;
	size_t code_stride;
	enum cel_metric metric; /* codes.h says what a row is and how far two are */
	uint32_t dim;
	const struct sketcher *sketcher; /* NULL: rows of level 0 carry no sketches */
};

static inline const uint8_t *graph_code(const struct graph *g, uint32_t node)
{
	return g->codes + (size_t)node * g->code_stride;
}

static inline uint32_t graph_constant(const struct graph *g, uint32_t node)
{
	uint32_t constant;
	memcpy(&constant, graph_code(g, node) + g->code_stride - 4, 4);
	return constant;
}

/* The highest level that a node is on. */
static inline uint32_t graph_top_level(const struct graph *g, uint32_t node)
{
	uint32_t level = g->n_levels - 1;
	while (level > 0 && node >= g->level_count[level])
		level--;
	return level;
}

static inline const uint32_t *graph_row(const struct graph *g, uint32_t level, uint32_t node)
{
	return g->links[level] + (size_t)node * g->pitch[level];
}

#endif
