/* SPDX-License-Identifier: Apache-2.0 */
/* The pool is a sorted array: at the sizes in use (10 to 1000) shifting the tail costs less than the two heaps of the
 * paper, and the next candidate is simply the first that is not expanded. Neighbours that were not visited are
 * gathered first, prefetched, and computed in one call.
 *
 * What was visited is remembered in a table of 32 places for each place of the beam, stamped with the number of the
 * walk: no n bytes, no clearing. Two nodes may share a place; then one is forgotten and may be computed again, which
 * changes no result: it is in the pool already (refused there as equal key), or it was too far, and the bound only
 * falls. */
#include "walk.h"

#include <string.h>

#include "alloc.h"
#include "bits.h"
#include "error.h"

#define VISITED_PER_PLACE 32u
#define VISITED_MIN 1024u
#define VISITED_MAX (1u << 30)
#define PREFETCH_LINES 2u

static uint32_t visited_places(uint32_t ef, uint32_t limit)
{
	uint64_t places = VISITED_MIN;
	while (places < (uint64_t)ef * VISITED_PER_PLACE && places < limit)
		places *= 2;
	return places < limit ? (uint32_t)places : limit;
}

int walk_init(struct walk *w, size_t code_stride, uint32_t ef_max, struct cel_error *e)
{
	*w = (struct walk){.capacity = ef_max > 0 ? ef_max : 1};
	uint32_t places = visited_places(w->capacity, VISITED_MAX);
	w->visited_limit = places;
	w->pool = mem_calloc((size_t)w->capacity + 1, sizeof *w->pool);
	w->visited = mem_calloc(places, sizeof *w->visited);
	w->query.values = mem_alloc_aligned(64, code_stride);
	if (w->pool == NULL || w->visited == NULL || w->query.values == NULL) {
		walk_release(w);
		return error_nomem(e, places * sizeof *w->visited);
	}
	return 0;
}

void walk_release(struct walk *w)
{
	mem_free(w->pool);
	mem_free(w->visited);
	mem_free(w->query.values);
	*w = (struct walk){0};
}

void walk_distances(const struct query_code *query, const struct graph *g, const uint32_t *ordinals, size_t count,
		    uint32_t *distances)
{
	int32_t *dots = (int32_t *)distances; /* signed and unsigned of one type may alias */
	g->kernels->dot_u8_i8_many(query->values, g->codes, g->code_stride, ordinals, count, g->code_stride, dots);
	for (size_t i = 0; i < count; i++)
		distances[i] = (graph_constant(g, ordinals[i]) & query->mask) + query->constant -
			       (distances[i] << query->shift);
}

/* A narrow beam uses the front of the table only, which then stays in the first cache. */
static void begin(struct walk *w, uint32_t ef)
{
	w->visited_mask = visited_places(ef, w->visited_limit) - 1;
	if (++w->epoch == 0) { /* after 2^32 walks */
		memset(w->visited, 0, (size_t)w->visited_limit * sizeof *w->visited);
		w->epoch = 1;
	}
}

/* True the first time (or when the place was lost to another node since). */
static inline bool visit(struct walk *w, uint32_t ordinal)
{
	uint64_t stamp = (uint64_t)w->epoch << 32 | ordinal;
	uint64_t *place = &w->visited[ordinal & w->visited_mask];
	if (*place == stamp)
		return false;
	*place = stamp;
	return true;
}

/* The place of the first key >= key, looking at at most `size` of them. */
static inline uint32_t lower_bound(const uint64_t *keys, uint32_t size, uint64_t key)
{
	const uint64_t *base = keys;
	while (size > 1) {
		uint32_t half = size / 2;
		base += base[half - 1] < key ? half : 0;
		size -= half;
	}
	return (uint32_t)(base - keys) + (size == 1 && *base < key);
}

/* Returns the place, or UINT32_MAX if the key is there already or too far. */
static inline uint32_t pool_insert(struct walk *w, uint32_t ef, uint64_t key)
{
	uint32_t size = w->size;
	if (size == ef && key >= w->pool[ef - 1])
		return UINT32_MAX;
	uint32_t place = lower_bound(w->pool, size, key);
	if (place < size && (w->pool[place] & ~1ull) == key)
		return UINT32_MAX;
	uint32_t last = size < ef ? size : ef - 1; /* the one that falls out, or the free place */
	memmove(w->pool + place + 1, w->pool + place, (last - place) * sizeof *w->pool);
	w->pool[place] = key;
	w->size = last + 1;
	return place;
}

static void pool_drop_last(struct walk *w, const uint64_t *masked)
{
	w->size--;
	w->live -= !bits_get(masked, key_ordinal(w->pool[w->size]));
}

/* A full beam ends with its ef-th node that is not masked. */
static uint32_t pool_insert_masked(struct walk *w, uint32_t ef, uint64_t key, const uint64_t *masked)
{
	bool is_full = w->live == ef || w->size == w->capacity;
	if (is_full && key >= w->pool[w->size - 1])
		return UINT32_MAX;
	uint32_t place = lower_bound(w->pool, w->size, key);
	if (place < w->size && (w->pool[place] & ~1ull) == key)
		return UINT32_MAX;
	if (w->size == w->capacity)
		pool_drop_last(w, masked);
	memmove(w->pool + place + 1, w->pool + place, (w->size - place) * sizeof *w->pool);
	w->pool[place] = key;
	w->size++;
	w->live += !bits_get(masked, key_ordinal(key));
	if (w->live > ef)
		pool_drop_last(w, masked);
	while (w->live == ef && bits_get(masked, key_ordinal(w->pool[w->size - 1])))
		pool_drop_last(w, masked);
	return place;
}

/* Gathers the neighbours not visited yet; they are on the way into the cache when this returns. */
static uint32_t gather(struct walk *w, const struct graph *g, uint32_t level, uint32_t node)
{
	const uint32_t *row = graph_row(g, level, node);
	uint32_t count = 0;
	for (uint32_t i = 0; i < g->width[level]; i++) {
		uint32_t ordinal = row[i];
		if (ordinal >= g->level_count[level]) {
			w->is_corrupt = w->is_corrupt || ordinal != LINK_NONE;
			break;
		}
		if (!visit(w, ordinal))
			continue;
		const uint8_t *code = graph_code(g, ordinal);
		for (uint32_t line = 0; line < PREFETCH_LINES; line++)
			__builtin_prefetch(code + line * 64);
		w->ordinals[count++] = ordinal;
	}
	return count;
}

static inline void prefetch_row(const struct graph *g, uint32_t level, uint32_t node)
{
	const uint32_t *row = graph_row(g, level, node);
	for (uint32_t i = 0; i < g->width[level]; i += 16)
		__builtin_prefetch(row + i);
}

static inline __attribute__((always_inline)) void beam(struct walk *w, const struct graph *g, uint32_t level,
							 uint32_t entries, uint32_t ef, const uint64_t *masked)
{
	w->size = w->size < entries ? w->size : entries;
	w->live = 0;
	for (uint32_t i = 0; i < w->size; i++) {
		w->pool[i] &= ~1ull;
		visit(w, key_ordinal(w->pool[i]));
		w->live += masked != NULL && !bits_get(masked, key_ordinal(w->pool[i]));
	}
	uint32_t cursor = 0;
	while (cursor < w->size) {
		if ((w->pool[cursor] & 1) != 0) {
			cursor++;
			continue;
		}
		w->pool[cursor] |= 1;
		uint32_t count = gather(w, g, level, key_ordinal(w->pool[cursor]));
		cursor++;
		if (cursor < w->size) /* most likely the next */
			prefetch_row(g, level, key_ordinal(w->pool[cursor]));
		walk_distances(&w->query, g, w->ordinals, count, w->distances);
		for (uint32_t i = 0; i < count; i++) {
			uint64_t key = key_make(w->distances[i], w->ordinals[i]);
			uint32_t place = masked != NULL ? pool_insert_masked(w, ef, key, masked) : pool_insert(w, ef, key);
			cursor = place < cursor ? place : cursor;
		}
	}
}

void walk_beam(struct walk *w, const struct graph *g, uint32_t level, uint32_t entries, uint32_t ef)
{
	begin(w, ef);
	beam(w, g, level, entries, ef, NULL);
}

void walk_beam_masked(struct walk *w, const struct graph *g, const uint64_t *masked, uint32_t entries, uint32_t ef)
{
	begin(w, w->capacity);
	beam(w, g, 0, entries, ef, masked);
}

void walk_start(struct walk *w, const struct graph *g)
{
	walk_distances(&w->query, g, &g->entry, 1, w->distances);
	w->pool[0] = key_make(w->distances[0], g->entry);
	w->size = 1;
}

void walk_descend(struct walk *w, const struct graph *g, uint32_t level)
{
	walk_start(w, g);
	for (uint32_t l = graph_top_level(g, g->entry); l > level; l--)
		walk_beam(w, g, l, 1, 1);
}
