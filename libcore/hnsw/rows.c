/* SPDX-License-Identifier: Apache-2.0 */
/* All sketches of a graph take more memory than the graph, so the threads make a block of rows, which is put away before the
 * next one. */
#include "rows.h"

#include <stdatomic.h>

#include "alloc.h"
#include "error.h"
#include "sketch.h"

#define BLOCK_SIZE (4u << 20)

struct maker {
	const struct graph *graph;
	const struct sketcher *sketcher;
	size_t links_size, row_size;
	uint32_t width, start; /* links a row; first row of the block */
	const uint8_t *before;
	uint8_t *block;
	struct share share;
};

static void make_row(const struct maker *m, uint32_t node, uint8_t *out)
{
	const uint32_t *row = graph_row(m->graph, 0, node);
	const uint8_t *before = m->before != NULL ? m->before + (size_t)node * m->row_size : NULL;
	if (before != NULL && memcmp(before, row, m->width * sizeof *row) == 0) {
		memcpy(out, before, m->row_size);
		return;
	}
	memset(out, 0, m->links_size);
	memcpy(out, row, m->width * sizeof *row); /* hosts are little-endian: distance.c */
	out += m->links_size;
	for (uint32_t start = 0; start < m->width && m->sketcher != NULL; start += SKETCH_PLACES) {
		uint32_t links[SKETCH_PLACES], count = m->width - start < SKETCH_PLACES ? m->width - start : SKETCH_PLACES;
		memset(links, 0xff, sizeof links);
		memcpy(links, row + start, count * sizeof *row);
		sketch_encode(m->sketcher, m->graph->codes, node, links, out);
		out += sketch_size(m->sketcher->n_directions);
	}
}

static void make_work(void *context, uint32_t worker)
{
	(void)worker;
	struct maker *m = context;
	uint64_t from, to;
	while (share_take(&m->share, &from, &to))
		for (uint64_t i = from; i < to; i++)
			make_row(m, m->start + (uint32_t)i, m->block + i * m->row_size);
}

int rows_make(const struct graph *graph, const struct sketcher *sketcher, const struct layout *layout, const uint8_t *before,
	      struct team *team, const struct rows_sink *sink, struct cel_error *e)
{
	struct maker m = {
		.graph = graph, .sketcher = layout->n_directions > 0 ? sketcher : NULL, .width = 2 * layout->params.M,
		.links_size = layout_links_size(layout->params.M, layout->n_directions),
		.row_size = layout_row_size(layout->params.M, layout->n_directions), .before = before,
	};
	uint32_t rows = (uint32_t)(BLOCK_SIZE / m.row_size);
	MEM_CLEANUP uint8_t *block = mem_alloc_aligned(64, rows * m.row_size);
	if (block == NULL)
		return error_nomem(e, rows * m.row_size);
	m.block = block;
	int rc = 0;
	for (; m.start < graph->n_nodes && rc == 0; m.start += rows) {
		uint32_t count = graph->n_nodes - m.start < rows ? graph->n_nodes - m.start : rows;
		atomic_store(&m.share.next, 0);
		m.share.total = count;
		m.share.piece = 16;
		team_run(team, make_work, &m);
		rc = sink->put(sink->context, block, count * m.row_size, e);
	}
	return rc;
}
