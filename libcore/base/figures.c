/* SPDX-License-Identifier: Apache-2.0 */
/* They belong to the process and not to a store or a query, so that what is deep inside needs nobody to tell; as nothing
 * is decided by them, no order among threads matters. */
#include "figures.h"

#include <stdatomic.h>

#include "cel.h"

static _Atomic uint64_t figures[FIGURES];
static _Atomic(const char *) texts[FIGURE_TEXTS];

void figure_add(enum figure which, uint64_t n)
{
	atomic_fetch_add_explicit(&figures[which], n, memory_order_relaxed);
}

void figure_raise(enum figure which, uint64_t to)
{
	uint64_t is = atomic_load_explicit(&figures[which], memory_order_relaxed);
	while (is < to && !atomic_compare_exchange_weak(&figures[which], &is, to))
		continue;
}

void figure_set_text(enum figure_text which, const char *text)
{
	atomic_store_explicit(&texts[which], text, memory_order_relaxed);
}

static uint64_t figure(enum figure which)
{
	return atomic_load_explicit(&figures[which], memory_order_relaxed);
}

static const char *text(enum figure_text which)
{
	const char *it = atomic_load_explicit(&texts[which], memory_order_relaxed);
	return it != NULL ? it : "";
}

void cel_figures_get(struct cel_figures *out)
{
	*out = (struct cel_figures){
		.nodes_read = figure(FIGURE_NODES_READ),
		.nodes_written = figure(FIGURE_NODES_WRITTEN),
		.values_written = figure(FIGURE_VALUES_WRITTEN),
		.segments_written = figure(FIGURE_SEGMENTS_WRITTEN),
		.segment_bytes = figure(FIGURE_SEGMENT_BYTES),
		.threads = figure(FIGURE_THREADS),
		.input_bytes = figure(FIGURE_INPUT_BYTES),
		.input = text(FIGURE_INPUT),
		.format = text(FIGURE_FORMAT),
		.index = text(FIGURE_INDEX),
	};
}
