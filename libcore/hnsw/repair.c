/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting for real, as in FreshDiskANN (arXiv 2105.09613, section 5.3): whoever had a link to a node that is gone may link
 * to that node's neighbours instead,
 *
 *       a --> (x) --> b, c          a --> b or c, whichever pruning likes
 *
 * and keeps those neighbours that it has, adding of the others what pruning would keep beside them. (Choosing anew among all
 * of them makes rows shorter with every carry, and loses 0.01 of recall in six of them; docs/adr/0008-carried-indexes.md.)
 * A row depends on the old graph alone, so rows are made by any number of threads. */
#include "repair.h"

#include <stdatomic.h>
#include <string.h>

#include "alloc.h"
#include "builder.h"
#include "error.h"

struct adoption {
	struct builder *builder;
	const struct graph *old;
	const uint32_t *map;
	uint64_t **keys; /* one array a worker: a row's neighbours and theirs */
	_Atomic int is_corrupt;
};

struct candidates {
	uint64_t *keys;
	uint32_t count;
	uint32_t kept; /* the first of them: neighbours that are still there */
	uint32_t lost; /* neighbours that are gone */
};

/* The links of a row of the old graph, up to the first unused place; UINT32_MAX if one is out of bounds. */
static uint32_t old_row(const struct graph *old, uint32_t level, uint32_t node, const uint32_t **row)
{
	*row = graph_row(old, level, node);
	for (uint32_t i = 0; i < old->width[level]; i++)
		if ((*row)[i] >= old->level_count[level])
			return (*row)[i] == LINK_NONE ? i : UINT32_MAX;
	return old->width[level];
}

static void add_neighbours(struct adoption *a, uint32_t level, uint32_t gone, struct candidates *c)
{
	const uint32_t *row;
	uint32_t count = old_row(a->old, level, gone, &row);
	if (count == UINT32_MAX) {
		atomic_store(&a->is_corrupt, 1);
		return;
	}
	for (uint32_t i = 0; i < count; i++)
		if (a->map[row[i]] != LINK_NONE)
			c->keys[c->count++] = a->map[row[i]];
}

/* Ordinals in the new graph, the kept ones first. */
static struct candidates gather(struct adoption *a, uint64_t *keys, uint32_t level, uint32_t node)
{
	struct candidates c = {.keys = keys};
	const uint32_t *row;
	uint32_t count = old_row(a->old, level, node, &row);
	if (count == UINT32_MAX) {
		atomic_store(&a->is_corrupt, 1);
		return c;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (a->map[row[i]] != LINK_NONE)
			keys[c.count++] = a->map[row[i]];
		else
			c.lost++;
	}
	c.kept = c.count;
	for (uint32_t i = 0; i < count && c.lost > 0; i++)
		if (a->map[row[i]] == LINK_NONE)
			add_neighbours(a, level, row[i], &c);
	return c;
}

/* Ordinals become keys by distance to the node. */
static void measure(struct builder *b, struct worker *w, uint32_t node, uint64_t *keys, uint32_t count)
{
	walk_node_query(&b->graph, node, &w->walk.query);
	for (uint32_t start = 0; start < count; start += ROW_LINKS_MAX) {
		uint32_t part = count - start < ROW_LINKS_MAX ? count - start : ROW_LINKS_MAX;
		for (uint32_t i = 0; i < part; i++)
			w->ordinals[i] = (uint32_t)keys[start + i];
		walk_distances(&w->walk.query, &b->graph, w->ordinals, part, w->distances);
		for (uint32_t i = 0; i < part; i++)
			keys[start + i] = key_make(w->distances[i], w->ordinals[i]);
	}
}

static bool is_among(const uint64_t *keys, uint32_t count, uint64_t key)
{
	for (uint32_t i = 0; i < count; i++)
		if (keys[i] == key)
			return true;
	return false;
}

/* Sorts the others behind those kept, each once, without the node itself and what is kept. */
static void rank(struct candidates *c, uint32_t node)
{
	uint32_t distinct = c->kept;
	keys_sort(c->keys + c->kept, c->count - c->kept);
	for (uint32_t i = c->kept; i < c->count; i++) {
		uint64_t key = c->keys[i];
		bool is_again = distinct > c->kept && key == c->keys[distinct - 1];
		if (!is_again && key_ordinal(key) != node && !is_among(c->keys, c->kept, key))
			c->keys[distinct++] = key;
	}
	c->count = distinct;
}

static void adopt_row(struct adoption *a, uint32_t worker, uint32_t level, uint32_t old_node)
{
	struct builder *b = a->builder;
	uint32_t node = a->map[old_node];
	struct candidates c = gather(a, a->keys[worker], level, old_node);
	if (c.lost == 0) {
		uint32_t *row = builder_row(b, level, node);
		for (uint32_t i = 0; i < c.count; i++)
			row[i] = (uint32_t)c.keys[i];
		return;
	}
	struct worker *w = &b->workers[worker];
	measure(b, w, node, c.keys, c.count);
	rank(&c, node);
	row_set(b, level, node, c.keys, choose_links(b, w, level, c.keys, c.kept, c.count, row_limit(b, level)));
}

static void adopt_work(void *context, uint32_t worker)
{
	struct adoption *a = context;
	uint64_t from, to;
	while (share_take(&a->builder->share, &from, &to))
		for (uint64_t i = from; i < to; i++)
			for (uint32_t level = 0; level < a->old->n_levels && i < a->old->level_count[level]; level++)
				if (a->map[i] != LINK_NONE)
					adopt_row(a, worker, level, (uint32_t)i);
}

static int adopt_rows(struct adoption *a, struct cel_error *e)
{
	struct builder *b = a->builder;
	size_t room = (size_t)row_limit(b, 0) * (row_limit(b, 0) + 1);
	for (uint32_t i = 0; i < b->n_workers; i++) {
		a->keys[i] = mem_calloc(room, sizeof **a->keys);
		if (a->keys[i] == NULL)
			return error_nomem(e, room * sizeof **a->keys);
	}
	atomic_store(&b->share.next, 0);
	b->share.total = a->old->n_nodes;
	b->share.piece = 64;
	team_run(b->team, adopt_work, a);
	if (atomic_load(&a->is_corrupt))
		return error_set(e, CEL_ECORRUPT, "the index file has a bad link: build it again");
	return 0;
}

int builder_adopt(struct builder *b, const struct graph *old, const uint32_t *map, struct cel_error *e)
{
	struct adoption a = {.builder = b, .old = old, .map = map};
	a.keys = mem_calloc(b->n_workers, sizeof *a.keys);
	if (a.keys == NULL)
		return error_nomem(e, b->n_workers * sizeof *a.keys);
	int rc = adopt_rows(&a, e);
	for (uint32_t i = 0; i < b->n_workers; i++)
		mem_free(a.keys[i]);
	mem_free(a.keys);
	for (uint32_t i = 0; i < old->n_nodes && rc == 0; i++) {
		if (map[i] == LINK_NONE)
			continue;
		b->graph.entry = map[i] < b->graph.entry ? map[i] : b->graph.entry;
		b->present++;
	}
	return rc;
}
