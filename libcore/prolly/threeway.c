/* SPDX-License-Identifier: Apache-2.0 */
/* The diff of the two sides is walked (sides.c), not those of the base with each of them: what both have in common is as it
 * should be whatever the base says, and what one side alone has changed is in that diff once. Each of its records is looked up
 * in the base, unless that is known to be as ours there. So a base may be several trees, or none, and a merge of two sides that
 * made the same changes reads hardly anything.
 *
 * Once that walk turns out long, a thread takes its later half (ahead.c). */
#include "threeway.h"

#include "ahead.h"

static bool value_equal(const struct prolly_value *a, const struct prolly_value *b)
{
	if (a->is_link != b->is_link)
		return false;
	return a->is_link ? cid_equal(&a->link, &b->link) : slice_equal(a->bytes, b->bytes);
}

bool prolly_record_equal(const struct prolly_record *a, const struct prolly_record *b)
{
	if (a->state != b->state)
		return false;
	return a->state != PROLLY_PRESENT ||
	       (value_equal(&a->vector, &b->vector) && value_equal(&a->metadata, &b->metadata));
}

static struct prolly_record record_of(const struct prolly_entry *entry)
{
	if (entry->id.size == 0)
		return (struct prolly_record){.state = PROLLY_ABSENT};
	return (struct prolly_record){PROLLY_PRESENT, entry->vector, entry->metadata};
}

int prolly_record_find(struct prolly_cursor *cursor, struct slice id, struct prolly_record *out, struct cel_error *e)
{
	struct prolly_entry entry = {0};
	int rc = prolly_cursor_seek(cursor, id, e);
	if (rc == 0)
		rc = prolly_cursor_next(cursor, &entry, e);
	if (rc < 0)
		return rc;
	if (rc == 0 || !slice_equal(entry.id, id))
		entry.id.size = 0;
	*out = record_of(&entry);
	return 0;
}

enum prolly_verdict prolly_merge_record(const struct prolly_record *base, const struct prolly_record *ours,
					const struct prolly_record *theirs)
{
	if (prolly_record_equal(ours, theirs) || prolly_record_equal(base, theirs))
		return PROLLY_OURS;
	return prolly_record_equal(base, ours) ? PROLLY_THEIRS : PROLLY_CONFLICT;
}

struct walk {
	const struct prolly_merge *m;
	struct prolly_merge_counts *counts;
	struct sides sides;
	struct ahead *ahead; /* if it is there, the sides end where it begins */
	bool is_ahead_due;   /* one may be started */
};

static int find_verdict(struct walk *w, struct slice id, bool is_sure, const struct prolly_record *ours,
			const struct prolly_record *theirs, struct cel_error *e)
{
	const struct prolly_merge *m = w->m;
	struct prolly_record base;
	if (is_sure)
		return PROLLY_THEIRS;
	int rc = m->base(m->context, id, &base, e);
	if (rc < 0)
		return rc;
	int verdict = (int)prolly_merge_record(&base, ours, theirs);
	if (verdict != PROLLY_CONFLICT)
		return verdict;
	w->counts->conflicts++;
	return m->decide(m->context, id, &base, ours, theirs, e);
}

static struct slice id_of(const struct prolly_change *change)
{
	return change->kind == PROLLY_DELETED ? change->before.id : change->after.id;
}

static int merge_change(struct walk *w, const struct sided_change *found, struct cel_error *e)
{
	const struct prolly_change *change = &found->change;
	struct prolly_record ours = record_of(&change->before), theirs = record_of(&change->after);
	struct prolly_merge_counts *counts = w->counts;
	int verdict = find_verdict(w, id_of(change), found->is_sure, &ours, &theirs, e);
	if (verdict < 0 || verdict == PROLLY_OURS)
		return verdict < 0 ? verdict : 0;
	*(change->kind == PROLLY_ADDED     ? &counts->added
	  : change->kind == PROLLY_DELETED ? &counts->deleted
					   : &counts->replaced) += 1;
	return w->m->take(w->m->context, change, e);
}

/* The sides are at the change of this id. */
static int start_ahead(struct walk *w, struct slice id, struct cel_error *e)
{
	if (!w->is_ahead_due || sides_nodes_read(&w->sides) < w->m->nodes_alone)
		return 0;
	w->is_ahead_due = false;
	int rc = ahead_start(&w->ahead, w->m, id, e);
	if (w->ahead != NULL)
		sides_end_with(&w->sides, ahead_cut(w->ahead));
	return rc;
}

static int merge_own_part(struct walk *w, struct cel_error *e)
{
	struct sided_change found;
	int rc = 0;
	while (rc == 0 && (rc = sides_next(&w->sides, &found, e)) > 0) {
		rc = merge_change(w, &found, e);
		if (rc == 0)
			rc = start_ahead(w, id_of(&found.change), e);
	}
	return rc;
}

/* What the thread found. 1 if it stopped before the end, where the sides are then. */
static int merge_part_ahead(struct walk *w, struct cel_error *e)
{
	struct sided_change found;
	struct ahead *ahead = w->ahead;
	int rc = 0;
	while (rc == 0 && (rc = ahead_next(ahead, &found, e)) > 0)
		rc = merge_change(w, &found, e);
	struct slice rest = ahead_rest(ahead);
	w->counts->nodes_read += ahead_nodes_read(ahead);
	if (rc == 0 && rest.size > 0) {
		rc = sides_seek(&w->sides, rest, e);
		w->is_ahead_due = true;
		rc = rc < 0 ? rc : 1;
	}
	ahead_free(ahead);
	w->ahead = NULL;
	return rc;
}

int prolly_merge(const struct prolly_merge *m, struct prolly_merge_counts *out, struct cel_error *e)
{
	struct walk w = {.m = m, .counts = out, .is_ahead_due = m->nodes_alone > 0};
	struct sides_reads reads = {m->read_ours, m->read_theirs, m->read_base};
	*out = (struct prolly_merge_counts){0};
	int rc = sides_open(&w.sides, m, &reads, e);
	do {
		if (rc >= 0)
			rc = merge_own_part(&w, e);
		if (rc == 0 && w.ahead != NULL)
			rc = merge_part_ahead(&w, e);
	} while (rc > 0);
	out->nodes_read += rc == 0 ? sides_nodes_read(&w.sides) : 0;
	ahead_free(w.ahead);
	sides_close(&w.sides);
	return rc;
}
