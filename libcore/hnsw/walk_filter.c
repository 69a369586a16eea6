/* SPDX-License-Identifier: Apache-2.0 */
/* The graph that the nodes which count make among themselves falls to pieces when they are few. So two of them are
 * neighbours here also if a node that does not count lies between (ACORN, arXiv 2403.04871): the row of such a node is
 * read, but its distance is never computed, and it takes no place in the pool.
 *
 *       expanded ── counts                     candidate
 *          │
 *          └────── does not count ── counts    candidate
 *
 * A step takes no more candidates than are useful: the nearer neighbours' rows come first. */
#include "walk_filter.h"

#include <string.h>

#include "bits.h"

#define SEEDS_MAX 64u
#define CANDIDATES 64u /* a step; the rest of the row that reaches it is still read */
_Static_assert(CANDIDATES + ROW_LINKS_MAX <= STEP_LINKS_MAX, "a step has room");

static inline bool is_new(struct walk *w, uint32_t ordinal)
{
	uint64_t stamp = (uint64_t)w->epoch << 32 | ordinal;
	uint64_t *place = &w->visited[ordinal & w->visited_mask];
	if (*place == stamp)
		return false;
	*place = stamp;
	return true;
}

static void begin(struct walk *w)
{
	w->visited_mask = w->visited_limit - 1;
	if (++w->epoch == 0) { /* after 2^32 walks */
		memset(w->visited, 0, (size_t)w->visited_limit * sizeof *w->visited);
		w->epoch = 1;
	}
}

static inline void take(struct walk *w, const struct graph *g, uint32_t ordinal, uint32_t *count)
{
	const uint8_t *code = graph_code(g, ordinal);
	__builtin_prefetch(code);
	__builtin_prefetch(code + 64);
	w->ordinals[(*count)++] = ordinal;
}

/* The neighbours of the node that count; the others go to `bridges`, if that is not NULL. */
static void read_row(struct walk *w, const struct graph *g, uint32_t node, const uint64_t *masked, uint32_t *count,
		     uint32_t *bridges, uint32_t *n_bridges)
{
	const uint32_t *row = graph_row(g, 0, node);
	for (uint32_t i = 0; i < g->width[0]; i++) {
		uint32_t ordinal = row[i];
		if (ordinal >= g->n_nodes) {
			w->is_corrupt = w->is_corrupt || ordinal != LINK_NONE;
			break;
		}
		if (!bits_get(masked, ordinal)) {
			if (is_new(w, ordinal))
				take(w, g, ordinal, count);
		} else if (bridges != NULL && is_new(w, ordinal)) {
			const uint32_t *next = graph_row(g, 0, ordinal);
			__builtin_prefetch(next);
			__builtin_prefetch(next + 16);
			bridges[(*n_bridges)++] = ordinal;
		}
	}
}

static uint32_t gather(struct walk *w, const struct graph *g, uint32_t node, const uint64_t *masked)
{
	uint32_t bridges[ROW_LINKS_MAX], n_bridges = 0, count = 0;
	read_row(w, g, node, masked, &count, bridges, &n_bridges);
	for (uint32_t i = 0; i < n_bridges && count < CANDIDATES; i++)
		read_row(w, g, bridges[i], masked, &count, NULL, NULL);
	return count;
}

/* Returns the place, or UINT32_MAX if it is there already or too far. */
static uint32_t insert(struct walk *w, uint32_t ef, uint64_t key)
{
	uint32_t low = 0, high = w->size;
	if (w->size == ef && key >= w->pool[ef - 1])
		return UINT32_MAX;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (w->pool[middle] < key)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < w->size && (w->pool[low] & ~1ull) == key)
		return UINT32_MAX;
	uint32_t last = w->size < ef ? w->size++ : ef - 1;
	memmove(w->pool + low + 1, w->pool + low, (last - low) * sizeof *w->pool);
	w->pool[low] = key;
	return low;
}

/* Returns the first place that is new. */
static uint32_t measure(struct walk *w, const struct graph *g, uint32_t ef, uint32_t count)
{
	uint32_t first = UINT32_MAX;
	walk_distances(&w->query, g, w->ordinals, count, w->distances);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t place = insert(w, ef, key_make(w->distances[i], w->ordinals[i]));
		first = place < first ? place : first;
	}
	return first;
}

static void sow(struct walk *w, const struct graph *g, const uint64_t *masked, uint32_t ef)
{
	uint64_t seeds[SEEDS_MAX];
	uint32_t n = w->size < SEEDS_MAX ? w->size : SEEDS_MAX;
	memcpy(seeds, w->pool, n * sizeof *seeds);
	w->size = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t node = key_ordinal(seeds[i]), count;
		if (!is_new(w, node))
			continue;
		if (!bits_get(masked, node))
			insert(w, ef, key_make(key_distance(seeds[i]), node));
		count = gather(w, g, node, masked);
		measure(w, g, ef, count);
	}
}

void walk_beam_filtered(struct walk *w, const struct graph *g, const uint64_t *masked, uint32_t ef)
{
	begin(w);
	sow(w, g, masked, ef);
	for (uint32_t cursor = 0; cursor < w->size;) {
		if ((w->pool[cursor] & 1) != 0) {
			cursor++;
			continue;
		}
		w->pool[cursor] |= 1;
		uint32_t first = measure(w, g, ef, gather(w, g, key_ordinal(w->pool[cursor]), masked));
		cursor = first <= cursor ? first : cursor + 1;
	}
}
