/* SPDX-License-Identifier: Apache-2.0 */
/* Candidates stand in an array, parents before children, each with the places of those of its parents that are candidates
 * too. The weight of a candidate is how many of those that are left it descends from, itself counted: a verdict "bad" leaves
 * so many, "good" leaves the others. With one parent it is one more than the parent's; only at a merge, whose parents share
 * ancestors, they have to be counted. */
#include "bisect.h"

#include <stdlib.h>

#include "alloc.h"
#include "error.h"
#include "history.h"

#define NONE UINT32_MAX
enum { FROM_BAD = 1, FROM_GOOD = 2 };

struct candidate {
	struct cid cid;
	struct cid parent_cids[COMMIT_PARENTS_MAX];
	uint32_t parents[COMMIT_PARENTS_MAX]; /* NONE: not there, or no candidate */
	uint32_t weight;
	bool is_left, is_skipped, is_marked;
};

struct bisect {
	struct candidate *items;
	size_t capacity;
	uint32_t n, n_left;
	uint32_t bad;   /* the earliest known */
	uint32_t asked; /* NONE: nothing */
};

void bisect_free(struct bisect *b)
{
	if (b == NULL)
		return;
	mem_free(b->items);
	mem_free(b);
}

/* ---- collecting */

static int add_candidate(struct bisect *b, const struct history_item *item, struct cel_error *e)
{
	if (mem_grow(&b->items, &b->capacity, b->n + 1, sizeof *b->items, e) < 0)
		return CEL_ENOMEM;
	struct candidate *c = &b->items[b->n++];
	*c = (struct candidate){.cid = item->cid, .parents = {NONE, NONE}, .is_left = true};
	for (uint32_t i = 0; i < item->commit.n_parents; i++) {
		c->parent_cids[i] = item->commit.parents[i];
		c->parents[i] = 0; /* to be looked up */
	}
	return 0;
}

static int walk(struct bisect *b, struct history *h, const struct cid *good, const struct cid *bad, struct cel_error *e)
{
	const struct history_item *item;
	bool is_ancestor = false;
	int rc = history_push(h, bad, FROM_BAD, e);
	if (rc == 0)
		rc = history_push(h, good, FROM_GOOD, e);
	while (rc >= 0 && (rc = history_next(h, &item, e)) == 1) {
		if (cid_equal(&item->cid, good))
			is_ancestor = (item->marks & FROM_BAD) != 0;
		if (item->marks == FROM_BAD)
			rc = add_candidate(b, item, e);
	}
	if (rc < 0)
		return rc;
	if (b->n == 0)
		return error_set(e, CEL_EUSAGE, "the good commit is the bad one, or descends from it");
	if (!is_ancestor)
		return error_set(e, CEL_EUSAGE, "the good commit is no ancestor of the bad one");
	return 0;
}

struct place {
	struct cid cid;
	uint32_t at;
};

static int compare_places(const void *a, const void *b)
{
	return cid_compare(&((const struct place *)a)->cid, &((const struct place *)b)->cid);
}

/* The walk gave descendants first; turns that round and finds the parents. */
static int link_parents(struct bisect *b, struct cel_error *e)
{
	struct place *places = mem_alloc(b->n * sizeof *places);
	if (places == NULL)
		return error_nomem(e, b->n * sizeof *places);
	for (uint32_t i = 0; i < b->n / 2; i++) {
		struct candidate item = b->items[i];
		b->items[i] = b->items[b->n - 1 - i];
		b->items[b->n - 1 - i] = item;
	}
	for (uint32_t i = 0; i < b->n; i++)
		places[i] = (struct place){b->items[i].cid, i};
	qsort(places, b->n, sizeof *places, compare_places);
	for (uint32_t i = 0; i < b->n; i++) {
		struct candidate *c = &b->items[i];
		for (uint32_t p = 0; p < COMMIT_PARENTS_MAX; p++) {
			struct place key = {.cid = c->parent_cids[p]};
			if (c->parents[p] == NONE)
				continue;
			const struct place *found = bsearch(&key, places, b->n, sizeof *places, compare_places);
			c->parents[p] = found != NULL ? found->at : NONE;
		}
	}
	mem_free(places);
	return 0;
}

int bisect_new(struct store_read *read, const struct cid *good, const struct cid *bad, struct bisect **out,
	       struct cel_error *e)
{
	struct history *h;
	struct bisect *b = mem_calloc(1, sizeof *b);
	*out = NULL;
	if (b == NULL)
		return error_nomem(e, sizeof *b);
	int rc = history_new(read, NULL, &h, e);
	if (rc == 0) {
		rc = walk(b, h, good, bad, e);
		history_free(h);
	}
	if (rc == 0)
		rc = link_parents(b, e);
	if (rc < 0) {
		bisect_free(b);
		return rc;
	}
	b->n_left = b->n;
	b->bad = b->n - 1; /* what all others are ancestors of comes last */
	b->asked = NONE;
	*out = b;
	return 0;
}

/* ---- halving */

/* Marks what candidate i descends from, as far as it is left, and itself; returns how many. All marks behind i are off. */
static uint32_t mark_ancestors(struct bisect *b, uint32_t i)
{
	uint32_t count = 0;
	for (uint32_t k = 0; k < b->n; k++)
		b->items[k].is_marked = k == i;
	for (uint32_t k = i + 1; k-- > 0;) {
		const struct candidate *c = &b->items[k];
		if (!c->is_marked)
			continue;
		count++;
		for (uint32_t p = 0; p < COMMIT_PARENTS_MAX; p++)
			if (c->parents[p] != NONE && b->items[c->parents[p]].is_left)
				b->items[c->parents[p]].is_marked = true;
	}
	return count;
}

static uint32_t weigh(struct bisect *b, uint32_t i)
{
	uint32_t n_parents = 0, weight = 0;
	for (uint32_t p = 0; p < COMMIT_PARENTS_MAX; p++) {
		uint32_t parent = b->items[i].parents[p];
		if (parent == NONE || !b->items[parent].is_left)
			continue;
		n_parents++;
		weight = b->items[parent].weight;
	}
	return n_parents < 2 ? weight + 1 : mark_ancestors(b, i);
}

bool bisect_next(struct bisect *b, struct cid *out)
{
	uint32_t best = 0; /* how many the worse verdict rules out */
	b->asked = NONE;
	for (uint32_t i = 0; i < b->n; i++) {
		struct candidate *c = &b->items[i];
		if (!c->is_left)
			continue;
		c->weight = weigh(b, i);
		uint32_t others = b->n_left - c->weight, halved = c->weight < others ? c->weight : others;
		if (!c->is_skipped && halved > best) {
			best = halved;
			b->asked = i;
		}
	}
	if (b->asked == NONE)
		return false;
	*out = b->items[b->asked].cid;
	return true;
}

void bisect_tell(struct bisect *b, enum bisect_verdict verdict)
{
	if (b->asked == NONE)
		return;
	uint32_t asked = b->asked;
	b->asked = NONE;
	if (verdict == BISECT_SKIP) {
		b->items[asked].is_skipped = true;
		return;
	}
	mark_ancestors(b, asked);
	b->n_left = 0;
	for (uint32_t i = 0; i < b->n; i++) {
		struct candidate *c = &b->items[i];
		if (c->is_marked != (verdict == BISECT_BAD))
			c->is_left = false;
		b->n_left += c->is_left;
	}
	if (verdict == BISECT_BAD)
		b->bad = asked;
}

size_t bisect_left(const struct bisect *b)
{
	return b->n_left;
}

struct cid bisect_candidate(const struct bisect *b, size_t i)
{
	for (uint32_t k = 0; k < b->n; k++)
		if (b->items[k].is_left && i-- == 0)
			return b->items[k].cid;
	return b->items[b->bad].cid;
}
