/* SPDX-License-Identifier: Apache-2.0 */
/* Lane i is column 2 i. What leads from one line to the next stands in the columns between them:
 *
 *     * |        lane 0 has the commit, lane 1 passes it by
 *     |\ \       its two parents are in lanes 0 and 1, so lane 1 goes to the right
 *     | | |
 *     | |/       lane 2 waits for the same commit as lane 1: they become one, and what is right of it goes to the left
 *
 * Over more than one lane a line goes in two steps, across those that go straight on:
 *
 *     | |_|/     lane 3 goes to lane 0, across 2 and 1
 *     |/| |
 *
 * Read downwards there is one way to understand it: where a slanting and an upright line meet and both go on, each keeps its
 * direction; where one of them goes on, it is both; only a commit's line forks. */
#include "lanes.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"

void lanes_release(struct lanes *g)
{
	free(g->ends);
	free(g->row);
	*g = (struct lanes){0};
}

static size_t find_lane(const struct lanes *g, const char *commit, size_t from)
{
	while (from < g->n && strcmp(g->ends[from], commit) != 0)
		from++;
	return from;
}

static bool insert_lane(struct lanes *g, size_t at, const char *commit)
{
	if (array_room(&g->ends, g->n, 1, sizeof *g->ends, NULL) < 0 || array_room(&g->row, 2 * g->n, 2, 1, NULL) < 0)
		return false;
	memmove(g->ends + at + 1, g->ends + at, (g->n - at) * sizeof *g->ends);
	strcpy(g->ends[at], commit);
	g->n++;
	return true;
}

static void remove_lane(struct lanes *g, size_t at)
{
	memmove(g->ends + at, g->ends + at + 1, (g->n - at - 1) * sizeof *g->ends);
	g->n--;
}

/* ---- lines of the picture */

/* The lanes before `end` go straight on. */
static void begin_row(struct lanes *g, size_t end)
{
	memset(g->row, ' ', 2 * g->n);
	for (size_t i = 0; i < end; i++)
		g->row[2 * i] = '|';
}

static void end_row(const struct lanes *g, FILE *out)
{
	size_t size = 2 * g->n;
	while (size > 0 && g->row[size - 1] == ' ')
		size--;
	fwrite(g->row, 1, size, out);
	putc('\n', out);
}

/* The line of lane `at` has ended. */
static void drop_lane(struct lanes *g, FILE *out, size_t at)
{
	begin_row(g, at);
	for (size_t i = at + 1; i < g->n; i++)
		g->row[2 * i - 1] = '/';
	g->is_end_bare = at + 1 == g->n;
	if (!g->is_end_bare)
		end_row(g, out);
	remove_lane(g, at);
}

/* Lane `from`, which is right of `to`, becomes one with it. */
static void join_lane(struct lanes *g, FILE *out, size_t from, size_t to)
{
	begin_row(g, from);
	for (size_t i = from; i < g->n; i++)
		g->row[2 * i - 1] = '/';
	for (size_t i = to + 2; i < from; i++)
		g->row[2 * i - 1] = '_';
	end_row(g, out);
	remove_lane(g, from);
	if (from - to == 1)
		return;
	begin_row(g, g->n);
	g->row[2 * to + 1] = '/';
	end_row(g, out);
}

/* A new lane right of `at`. */
static bool fork_lane(struct lanes *g, FILE *out, size_t at, const char *commit)
{
	if (!insert_lane(g, at + 1, commit))
		return false;
	begin_row(g, at + 1);
	for (size_t i = at + 1; i < g->n; i++)
		g->row[2 * i - 1] = '\\';
	end_row(g, out);
	return true;
}

static void join_twins(struct lanes *g, FILE *out, const char *commit)
{
	size_t first = find_lane(g, commit, 0), twin = find_lane(g, commit, first + 1);
	if (twin < g->n)
		join_lane(g, out, twin, first);
}

bool lanes_commit(struct lanes *g, FILE *out, const struct cel_revision *r)
{
	g->at = find_lane(g, r->commit, 0);
	bool is_tip = g->at == g->n;
	if (is_tip && !insert_lane(g, g->n, r->commit))
		return false;
	if (is_tip && g->is_end_bare) {
		begin_row(g, g->n - 1);
		end_row(g, out);
	}
	g->is_end_bare = false;
	for (size_t i = 0; i < g->n; i++)
		fputs(i == g->at ? "* " : "| ", out);
	return true;
}

/* The one that is waited for farther on the left goes left, so that fewer lines are crossed. */
static bool is_crossed(const struct lanes *g, const struct cel_revision *r)
{
	size_t first = find_lane(g, r->parents[0], 0), second = find_lane(g, r->parents[1], 0);
	return (first < g->n ? first : g->at) > (second < g->n ? second : g->at);
}

bool lanes_parents(struct lanes *g, FILE *out, const struct cel_revision *r)
{
	if (r->n_parents == 0) {
		drop_lane(g, out, g->at);
		return true;
	}
	bool is_swapped = r->n_parents > 1 && is_crossed(g, r);
	const char *left = r->parents[is_swapped], *right = r->n_parents > 1 ? r->parents[!is_swapped] : NULL;
	strcpy(g->ends[g->at], left);
	if (right != NULL && !fork_lane(g, out, g->at, right))
		return false;
	join_twins(g, out, left);
	if (right != NULL)
		join_twins(g, out, right);
	return true;
}
