/* SPDX-License-Identifier: Apache-2.0 */
/* A candidate is dropped if a kept one is nearer to it than the node is. Candidates are looked at in windows, nearest
 * first: within a window each kept node is compared at once with all that are still in question (one call of the
 * one-to-many kernel), so the comparisons are those of the plain double loop with early exit, but in long runs. The
 * window keeps the work small when `limit` is reached early.
 *
 * On level 0 places that are left go to the nearest of those dropped. A row is read whole in any case, and longer ones find
 * more for the same beam: Fashion-MNIST at ef 10 .948 -> .976, words at ef 200 .955 -> .965. Above, where a walk goes one node at
 * a time, they would only cost distances (docs/adr/0009-faster-walks.md). */
#include "prune.h"

#include <string.h>

#include "alloc.h"
#include "error.h"

#define WINDOW 32u

int pruner_init(struct pruner *p, size_t code_stride, uint32_t limit_max, struct cel_error *e)
{
	*p = (struct pruner){.code_stride = code_stride, .limit_max = limit_max};
	p->kept = mem_calloc(limit_max, sizeof *p->kept);
	p->values = mem_alloc_aligned(64, limit_max * code_stride);
	p->dropped = mem_calloc(limit_max, sizeof *p->dropped);
	if (p->kept == NULL || p->values == NULL || p->dropped == NULL) {
		pruner_release(p);
		return error_nomem(e, limit_max * code_stride);
	}
	for (uint32_t i = 0; i < limit_max; i++)
		p->kept[i].values = p->values + i * code_stride;
	return 0;
}

void pruner_release(struct pruner *p)
{
	mem_free(p->kept);
	mem_free(p->values);
	mem_free(p->dropped);
	*p = (struct pruner){0};
}

struct window {
	uint32_t ordinals[WINDOW];
	uint32_t limits[WINDOW]; /* distance to the node */
	uint32_t count;
};

/* Drops what is nearer to the kept node than to the node whose links these are. */
static void window_sift(struct window *w, const struct graph *g, const struct query_code *kept)
{
	uint32_t distances[WINDOW];
	walk_distances(kept, g, w->ordinals, w->count, distances);
	uint32_t left = 0;
	for (uint32_t i = 0; i < w->count; i++) {
		w->ordinals[left] = w->ordinals[i];
		w->limits[left] = w->limits[i];
		left += distances[i] >= w->limits[i];
	}
	w->count = left;
}

uint32_t prune(struct pruner *p, const struct graph *g, uint64_t *keys, uint32_t count, uint32_t limit)
{
	return prune_beyond(p, g, keys, 0, count, limit);
}

/* Of the candidates of a window, ascending, those that were not kept; as many as could be wanted. */
static void note_dropped(struct pruner *p, const uint64_t *candidates, uint32_t count, const uint64_t *kept,
			 uint32_t n_kept)
{
	uint32_t k = 0;
	for (uint32_t i = 0; i < count && p->n_dropped < p->limit_max; i++) {
		if (k < n_kept && kept[k] == candidates[i])
			k++;
		else
			p->dropped[p->n_dropped++] = candidates[i];
	}
}

uint32_t prune_beyond(struct pruner *p, const struct graph *g, uint64_t *keys, uint32_t n_kept, uint32_t count,
		      uint32_t limit)
{
	p->n_dropped = 0;
	for (uint32_t i = 0; i < n_kept; i++)
		walk_node_query(g, key_ordinal(keys[i]), &p->kept[i]);
	for (uint32_t start = n_kept; start < count && n_kept < limit; start += WINDOW) {
		struct window w = {.count = count - start < WINDOW ? count - start : WINDOW};
		uint64_t candidates[WINDOW];
		uint32_t n_candidates = w.count, n_before = n_kept;
		memcpy(candidates, keys + start, n_candidates * sizeof *keys);
		for (uint32_t i = 0; i < w.count; i++) {
			w.ordinals[i] = key_ordinal(keys[start + i]);
			w.limits[i] = key_distance(keys[start + i]);
		}
		for (uint32_t k = 0; k < n_kept && w.count > 0; k++)
			window_sift(&w, g, &p->kept[k]);
		while (w.count > 0 && n_kept < limit) {
			keys[n_kept] = key_make(w.limits[0], w.ordinals[0]); /* at or before its old place */
			walk_node_query(g, w.ordinals[0], &p->kept[n_kept]);
			n_kept++;
			w.count--;
			memmove(w.ordinals, w.ordinals + 1, w.count * sizeof *w.ordinals);
			memmove(w.limits, w.limits + 1, w.count * sizeof *w.limits);
			if (w.count > 0 && n_kept < limit)
				window_sift(&w, g, &p->kept[n_kept - 1]);
		}
		note_dropped(p, candidates, n_candidates, keys + n_before, n_kept - n_before);
	}
	return n_kept;
}

uint32_t prune_fill(const struct pruner *p, uint64_t *keys, uint32_t n_kept, uint32_t limit)
{
	for (uint32_t i = 0; i < p->n_dropped && n_kept < limit; i++)
		keys[n_kept++] = p->dropped[i];
	return n_kept;
}
