/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of level 0 as they stand in a file: links, and a sketch of each neighbour. */
#ifndef HNSW_ROWS_H
#define HNSW_ROWS_H

#include "layout.h"
#include "team.h"

struct rows_sink {
	int (*put)(void *context, const uint8_t *rows, size_t size, struct cel_error *e);
	void *context;
};

/* All rows of the graph's level 0, some at a time, in order. graph: as while building, with codes; sketcher: of the layout,
 * if it has directions. before: NULL, or what was made of the same codes earlier: rows whose links are still the same are
 * taken from there; a row may be overwritten once it was put. */
int rows_make(const struct graph *graph, const struct sketcher *sketcher, const struct layout *layout, const uint8_t *before,
	      struct team *team, const struct rows_sink *sink, struct cel_error *e);

#endif
