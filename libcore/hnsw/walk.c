/* SPDX-License-Identifier: Apache-2.0 */
/* A walk waits for memory: a line that depends on the one before costs ten times an independent one. So a step expands the
 * few nearest nodes of the pool at once, not one:
 *
 *       rows of links        all asked for
 *       neighbours' codes    all asked for, of those that were not visited
 *       distances            one call
 *       pool                 one merge
 *
 * The nodes beyond the first might not have been expanded otherwise, which costs some distances and finds a little more.
 * The pool is a sorted array: at the sizes in use (10 to 1000) shifting the tail costs less than the two heaps of the
 * paper, and the next candidates are simply the first that are not expanded.
 *
 * What was visited is remembered in a table of 32 places for each place of the beam, stamped with the number of the
 * walk: no n bytes, no clearing. Two nodes may share a place; then one is forgotten and may be computed again, even twice
 * in a step, which changes no result: it is in the pool already (refused there as equal key), or it was too far, and
 * the bound only falls. */
#include "walk.h"

#include <string.h>

#include "alloc.h"
#include "bits.h"
#include "codes.h"
#include "error.h"

#define VISITED_PER_PLACE 32u
#define VISITED_MIN 1024u
#define VISITED_MAX (1u << 30)
#define PREFETCH_LINES 2u
#define MERGE_MAX 32u

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
	mem_free(w->sketch);
	*w = (struct walk){0};
}

int walk_use_sketches(struct walk *w, struct cel_error *e)
{
	if (w->sketch == NULL)
		w->sketch = mem_alloc_aligned(64, sizeof *w->sketch);
	return w->sketch == NULL ? error_nomem(e, sizeof *w->sketch) : 0;
}

void walk_sketch_query(struct walk *w, const struct graph *g)
{
	if (w->sketch != NULL && g->sketcher != NULL)
		sketch_query_set(g->sketcher, &w->query, w->sketch);
}

void walk_distances(const struct query_code *query, const struct graph *g, const uint32_t *ordinals, size_t count,
		    uint32_t *distances)
{
	if (!codes_are_bytes(g->metric)) {
		codes_distances((const uint8_t *)query->values, g, ordinals, count, distances);
		return;
	}
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

/* The place of the first key >= key, looking at at most `size` of them. Without a branch: where a key goes is chance. */
static inline uint32_t lower_bound(const uint64_t *keys, uint32_t size, uint64_t key)
{
	const uint64_t *base = keys;
	while (size > 1) {
		uint32_t half = size / 2;
		base += half & -(size_t)(base[half - 1] < key);
		size -= half;
	}
	return (uint32_t)(base - keys) + (size == 1 && *base < key);
}

/* Of n ascending keys those that belong into the pool and are not there yet, to the front, with their places in it as it
 * is; returns how many. */
static inline uint32_t find_places(const struct walk *w, uint32_t ef, uint64_t *keys, uint32_t n, uint32_t *places)
{
	uint32_t found = 0, from = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint64_t key = keys[i];
		from += lower_bound(w->pool + from, w->size - from, key);
		bool is_known = (from < w->size && (w->pool[from] & ~1ull) == key) || (found > 0 && keys[found - 1] == key);
		if (is_known)
			continue;
		if (from + found >= ef)
			break;
		places[found] = from;
		keys[found++] = key;
	}
	return found;
}

/* Merges n <= MERGE_MAX keys into the pool, whose tail moves once for all of them. Returns the first place, or UINT32_MAX if
 * none was near enough. */
static inline uint32_t pool_merge(struct walk *w, uint32_t ef, uint64_t *keys, uint32_t n)
{
	uint32_t places[MERGE_MAX];
	for (uint32_t i = 1; i < n; i++) {
		uint64_t key = keys[i];
		uint32_t j = i;
		for (; j > 0 && keys[j - 1] > key; j--)
			keys[j] = keys[j - 1];
		keys[j] = key;
	}
	n = find_places(w, ef, keys, n, places);
	if (n == 0)
		return UINT32_MAX;
	uint32_t end = w->size; /* what stands from places[i] to end moves on by i + 1 */
	for (uint32_t i = n; i-- > 0;) {
		uint32_t stop = end + i + 1 > ef ? ef - i - 1 : end;
		if (stop > places[i])
			memmove(w->pool + places[i] + i + 1, w->pool + places[i], (stop - places[i]) * sizeof *w->pool);
		w->pool[places[i] + i] = keys[i];
		end = places[i];
	}
	w->size = w->size + n < ef ? w->size + n : ef;
	return places[0];
}

/* What a step found; returns the first place that is new. */
static inline uint32_t pool_take(struct walk *w, uint32_t ef, uint32_t count)
{
	uint64_t keys[MERGE_MAX];
	uint32_t first = UINT32_MAX;
	for (uint32_t i = 0; i < count;) {
		uint64_t bound = w->size == ef ? w->pool[ef - 1] : UINT64_MAX;
		uint32_t n = 0;
		for (; i < count && n < MERGE_MAX; i++) {
			keys[n] = key_make(w->distances[i], w->ordinals[i]);
			n += keys[n] < bound;
		}
		uint32_t place = pool_merge(w, ef, keys, n);
		first = place < first ? place : first;
	}
	return first;
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

static uint32_t pool_take_masked(struct walk *w, uint32_t ef, uint32_t count, const uint64_t *masked)
{
	uint32_t first = UINT32_MAX;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t place = pool_insert_masked(w, ef, key_make(w->distances[i], w->ordinals[i]), masked);
		first = place < first ? place : first;
	}
	return first;
}

/* ---- a step
 *
 * Helpers that do nothing but prefetch must be inlined early: gcc 12 takes them for pure functions and drops the calls. */
#define PREFETCHING static inline __attribute__((always_inline))

PREFETCHING void prefetch_lines(const void *start, uint32_t lines)
{
	for (uint32_t i = 0; i < lines; i++)
		__builtin_prefetch((const uint8_t *)start + (size_t)i * 64);
}

PREFETCHING void prefetch_row(const struct graph *g, uint32_t level, uint32_t node)
{
	prefetch_lines(graph_row(g, level, node), (g->pitch[level] + 15) / 16);
}

uint32_t walk_step_nodes(const struct graph *g, uint32_t level)
{
	uint32_t room = STEP_LINKS_MAX / g->width[level];
	uint32_t nodes = g->code_stride > 256 ? STEP_NODES_MAX / 2 : STEP_NODES_MAX;
	return nodes < room ? nodes : room;
}

/* Marks the nearest nodes of the pool that are not expanded, from the cursor on, and asks for their rows. */
static inline uint32_t choose(struct walk *w, const struct graph *g, uint32_t level, uint32_t most, uint32_t cursor,
			      uint64_t *nodes)
{
	uint32_t n = 0;
	for (; cursor < w->size && n < most; cursor++) {
		if ((w->pool[cursor] & 1) != 0)
			continue;
		w->pool[cursor] |= 1;
		nodes[n++] = w->pool[cursor];
		prefetch_row(g, level, key_ordinal(w->pool[cursor]));
	}
	return n;
}

/* Adds the neighbours not visited yet to the `count` there are; they are on the way into the cache when this returns. */
static inline uint32_t gather(struct walk *w, const struct graph *g, uint32_t level, uint32_t node, uint32_t count)
{
	const uint32_t *row = graph_row(g, level, node);
	for (uint32_t i = 0; i < g->width[level]; i++) {
		uint32_t ordinal = row[i];
		if (ordinal >= g->level_count[level]) {
			w->is_corrupt = w->is_corrupt || ordinal != LINK_NONE;
			break;
		}
		if (!visit(w, ordinal))
			continue;
		prefetch_lines(graph_code(g, ordinal), PREFETCH_LINES);
		w->ordinals[count++] = ordinal;
	}
	return count;
}

/* The same by the sketches: only those that seem to be nearer than `bound`. The node's key has the distance from the query. */
static inline uint32_t gather_near(struct walk *w, const struct graph *g, uint64_t node, uint32_t bound, uint32_t count)
{
	const struct sketcher *s = g->sketcher;
	const uint32_t *row = graph_row(g, 0, key_ordinal(node));
	const uint8_t *sketch = (const uint8_t *)(row + (g->width[0] + 15) / 16 * 16);
	for (uint32_t start = 0; start < g->width[0]; start += SKETCH_PLACES) {
		uint32_t near = sketch_sift(s, w->sketch, sketch, key_distance(node), bound);
		for (; near != 0; near &= near - 1) {
			uint32_t place = start + (uint32_t)__builtin_ctz(near);
			uint32_t ordinal = place < g->width[0] ? row[place] : LINK_NONE;
			if (ordinal >= g->n_nodes) {
				w->is_corrupt = true;
				break;
			}
			if (!visit(w, ordinal))
				continue;
			prefetch_lines(graph_code(g, ordinal), PREFETCH_LINES);
			w->ordinals[count++] = ordinal;
		}
		sketch += sketch_size(s->n_directions);
	}
	return count;
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
	uint32_t most = walk_step_nodes(g, level), cursor = 0, n;
	uint64_t nodes[STEP_NODES_MAX];
	bool is_sifting = level == 0 && g->sketcher != NULL && w->sketch != NULL;
	while ((n = choose(w, g, level, most, cursor, nodes)) > 0) {
		uint32_t count = 0;
		bool is_full = masked != NULL ? w->live == ef || w->size == w->capacity : w->size == ef;
		uint32_t bound = is_full ? key_distance(w->pool[w->size - 1]) : UINT32_MAX;
		for (uint32_t i = 0; i < n; i++)
			count = is_sifting ? gather_near(w, g, nodes[i], bound, count)
					   : gather(w, g, level, key_ordinal(nodes[i]), count);
		while (cursor < w->size && (w->pool[cursor] & 1) != 0)
			cursor++;
		if (cursor < w->size) /* most likely the next */
			prefetch_row(g, level, key_ordinal(w->pool[cursor]));
		walk_distances(&w->query, g, w->ordinals, count, w->distances);
		uint32_t first = masked != NULL ? pool_take_masked(w, ef, count, masked) : pool_take(w, ef, count);
		cursor = first < cursor ? first : cursor;
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
