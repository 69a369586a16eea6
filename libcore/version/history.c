/* SPDX-License-Identifier: Apache-2.0 */
/* A heap of commits that were met and not yet given out. A commit's descendants all have higher generations, so when it is
 * on top, everything that leads to it has been there; copies of it follow one another and become one. The parents of a
 * commit are met when the next one is asked for, so that its marks can be changed until then. */
#include "history.h"

#include "alloc.h"
#include "error.h"

struct history {
	struct store_read *read, *other;
	struct history_item *heap;
	size_t n, capacity;
	struct history_item current;
	bool has_current; /* its parents are still to be met */
	uint32_t parent_marks;
};

int history_new(struct store_read *read, struct store_read *other, struct history **out, struct cel_error *e)
{
	struct history *h = mem_calloc(1, sizeof *h);
	if (h == NULL)
		return error_nomem(e, sizeof *h);
	h->read = read;
	h->other = other;
	*out = h;
	return 0;
}

void history_free(struct history *h)
{
	if (h == NULL)
		return;
	mem_free(h->heap);
	mem_free(h);
}

static bool is_above(const struct history_item *a, const struct history_item *b)
{
	if (a->commit.generation != b->commit.generation)
		return a->commit.generation > b->commit.generation;
	return cid_compare(&a->cid, &b->cid) > 0;
}

static void swap(struct history_item *a, struct history_item *b)
{
	struct history_item item = *a;
	*a = *b;
	*b = item;
}

static int heap_push(struct history *h, const struct history_item *item, struct cel_error *e)
{
	if (mem_grow(&h->heap, &h->capacity, h->n + 1, sizeof *h->heap, e) < 0)
		return CEL_ENOMEM;
	size_t i = h->n++;
	h->heap[i] = *item;
	for (; i > 0 && is_above(&h->heap[i], &h->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&h->heap[i], &h->heap[(i - 1) / 2]);
	return 0;
}

static void heap_pop(struct history *h)
{
	h->heap[0] = h->heap[--h->n];
	for (size_t i = 0, child; (child = 2 * i + 1) < h->n; i = child) {
		if (child + 1 < h->n && is_above(&h->heap[child + 1], &h->heap[child]))
			child++;
		if (!is_above(&h->heap[child], &h->heap[i]))
			return;
		swap(&h->heap[child], &h->heap[i]);
	}
}

static int meet(struct history *h, const struct cid *cid, uint32_t marks, uint64_t *generation, struct cel_error *e)
{
	struct history_item item = {.cid = *cid, .marks = marks};
	int rc = commit_read(h->read, cid, &item.commit, e);
	if (rc == CEL_ENOTFOUND && h->other != NULL)
		rc = commit_read(h->other, cid, &item.commit, e);
	if (rc == CEL_ENOTFOUND) {
		char text[CEL_CID_TEXT_SIZE];
		cid_format(cid, text);
		return error_set(e, CEL_ECORRUPT, "commit %s is missing", text);
	}
	if (rc < 0)
		return rc;
	*generation = item.commit.generation;
	return heap_push(h, &item, e);
}

int history_push(struct history *h, const struct cid *commit, uint32_t marks, struct cel_error *e)
{
	uint64_t generation;
	return meet(h, commit, marks, &generation, e);
}

int history_push_refs(struct history *h, const char *prefix, uint32_t marks, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(h->read, prefix, position, &cid, e)) == 1) {
		rc = history_push(h, &cid, marks, e);
		if (rc < 0) {
			error_context(e, "%s", position);
			return rc;
		}
	}
	return rc;
}

int history_push_all(struct history *h, uint32_t marks, struct cel_error *e)
{
	static const char *const PREFIXES[] = {"heads/", "tags/", "merged/", "fetched/"};
	int rc = 0;
	for (size_t i = 0; i < sizeof PREFIXES / sizeof *PREFIXES && rc == 0; i++)
		rc = history_push_refs(h, PREFIXES[i], marks, e);
	return rc;
}

static int meet_parents(struct history *h, struct cel_error *e)
{
	const struct commit *commit = &h->current.commit;
	uint64_t expected = 0;
	for (uint32_t i = 0; i < commit->n_parents; i++) {
		uint64_t generation;
		int rc = meet(h, &commit->parents[i], h->parent_marks, &generation, e);
		if (rc < 0)
			return rc;
		if (generation >= expected)
			expected = generation + 1;
	}
	if (commit->generation != expected) {
		char text[CEL_CID_TEXT_SIZE];
		cid_format(&h->current.cid, text);
		return error_set(e, CEL_ECORRUPT, "commit %s says generation %llu, its parents say %llu", text,
				 (unsigned long long)commit->generation, (unsigned long long)expected);
	}
	return 0;
}

int history_next(struct history *h, const struct history_item **out, struct cel_error *e)
{
	if (h->has_current) {
		int rc = meet_parents(h, e);
		if (rc < 0)
			return rc;
		h->has_current = false;
	}
	if (h->n == 0)
		return 0;
	h->current = h->heap[0];
	heap_pop(h);
	while (h->n > 0 && cid_equal(&h->heap[0].cid, &h->current.cid)) {
		h->current.marks |= h->heap[0].marks;
		heap_pop(h);
	}
	h->has_current = true;
	h->parent_marks = h->current.marks;
	*out = &h->current;
	return 1;
}

void history_mark_parents(struct history *h, uint32_t marks)
{
	h->parent_marks = marks;
}

void history_stop(struct history *h)
{
	h->has_current = false;
}

bool history_is_settled(const struct history *h, uint32_t marks)
{
	if (h->has_current && h->current.commit.n_parents > 0 && (h->parent_marks & marks) == 0)
		return false;
	for (size_t i = 0; i < h->n; i++)
		if ((h->heap[i].marks & marks) == 0)
			return false;
	return true;
}
