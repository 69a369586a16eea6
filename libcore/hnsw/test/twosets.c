/* SPDX-License-Identifier: Apache-2.0 */
/* Each record draws its lot; the vectors of changed records come from a second half of the same clusters. */
#include "twosets.h"

#include <stdlib.h>
#include <string.h>

void vectorset_append(struct vectorset *to, const struct vectorset *from, size_t vector, size_t id)
{
	memcpy(to->vectors + to->n * to->vector_size, from->vectors + vector * from->vector_size, from->vector_size);
	memcpy(to->ids[to->n++], from->ids[id], sizeof *from->ids);
}

struct vectorset vectorset_room(const struct vectorset *like, size_t n)
{
	struct vectorset s = *like;
	s.n = 0;
	s.vectors = malloc(n * s.vector_size + 1);
	s.ids = calloc(n + 1, sizeof *s.ids);
	return s;
}

struct two_sets two_sets_new(enum cel_type type, enum cel_metric metric, size_t n, struct mix mix, uint64_t *random)
{
	struct vectorset all = vectorset_new(type, metric, type == CEL_B1 ? 101 : 12, 2 * n + 40, 25, 0.5, random);
	struct two_sets s = {vectorset_room(&all, n), vectorset_room(&all, n), vectorset_room(&all, 40)};
	for (size_t i = 0; i < n; i++) {
		uint32_t dice = (uint32_t)(random_next(random) % 100);
		size_t vector = i % 10 == 3 ? i / 50 : i; /* some vectors have several records */
		bool is_added = dice < mix.added, is_deleted = !is_added && dice < mix.added + mix.deleted;
		bool is_changed = !is_added && !is_deleted && dice < mix.added + mix.deleted + mix.changed;
		if (!is_added)
			vectorset_append(&s.before, &all, vector, i);
		if (!is_deleted)
			vectorset_append(&s.after, &all, is_changed ? n + i : vector, i);
	}
	for (size_t i = 0; i < 40; i++)
		vectorset_append(&s.queries, &all, 2 * n + i, i);
	vectorset_free(&all);
	return s;
}

void two_sets_free(struct two_sets *s)
{
	vectorset_free(&s->before);
	vectorset_free(&s->after);
	vectorset_free(&s->queries);
}

size_t hits_agreeing(const struct hnsw_hit *a, uint32_t n, const struct hnsw_hit *b, uint32_t m)
{
	size_t count = 0;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < m; j++)
			count += a[i].distance == b[j].distance && slice_equal(a[i].id, b[j].id);
	return count;
}
