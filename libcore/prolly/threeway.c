/* SPDX-License-Identifier: Apache-2.0 */
/* The diff of the two sides is walked (sides.c), not those of the base with each of them: what both have in common is as it
 * should be whatever the base says, and what one side alone has changed is in that diff once. Each of its records is looked up
 * in the base, unless that is known to be as ours there. So a base may be several trees, or none, and a merge of two sides that
 * made the same changes reads hardly anything.
 *
 * Whole subtrees that only theirs has changed are taken by their CIDs. What is in them is looked at only to be counted. */
#include "threeway.h"

#include "node.h"
#include "sides.h"

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
};

static int find_verdict(struct walk *w, struct slice id, const struct prolly_record *ours, const struct prolly_record *theirs,
			struct cel_error *e)
{
	const struct prolly_merge *m = w->m;
	struct prolly_record base;
	int rc = m->base(m->context, id, &base, e);
	if (rc < 0)
		return rc;
	int verdict = (int)prolly_merge_record(&base, ours, theirs);
	if (verdict != PROLLY_CONFLICT)
		return verdict;
	w->counts->conflicts++;
	return m->decide(m->context, id, &base, ours, theirs, e);
}

static int merge_record(struct walk *w, const struct prolly_change *change, struct cel_error *e)
{
	struct prolly_record ours = record_of(&change->before), theirs = record_of(&change->after);
	struct slice id = change->kind == PROLLY_DELETED ? change->before.id : change->after.id;
	struct prolly_merge_counts *counts = w->counts;
	int verdict = find_verdict(w, id, &ours, &theirs, e);
	if (verdict < 0 || verdict == PROLLY_OURS)
		return verdict < 0 ? verdict : 0;
	*(change->kind == PROLLY_ADDED     ? &counts->added
	  : change->kind == PROLLY_DELETED ? &counts->deleted
					   : &counts->replaced) += 1;
	counts->records += change->kind == PROLLY_ADDED;
	counts->records -= change->kind == PROLLY_DELETED;
	return w->m->take(w->m->context, change, e);
}

static int count_subtree(struct walk *w, const struct cid *ours, const struct cid *theirs, struct cel_error *e)
{
	struct prolly_diff_counts counts;
	int rc = prolly_diff_count(w->m->read_ours, ours, w->m->read_theirs, theirs, &counts, e);
	if (rc < 0)
		return rc;
	w->counts->added += counts.added;
	w->counts->replaced += counts.changed;
	w->counts->deleted += counts.deleted;
	w->counts->nodes_read += counts.nodes_read;
	return 0;
}

static int take_subtree(struct walk *w, const struct prolly_change *change, struct cel_error *e)
{
	struct cid ours, theirs;
	uint64_t before, after;
	node_rest_child(change->span.a, &ours, &before);
	node_rest_child(change->span.b, &theirs, &after);
	w->counts->subtrees++;
	w->counts->records += after - before;
	int rc = w->m->is_without_counts ? 0 : count_subtree(w, &ours, &theirs, e);
	return rc < 0 ? rc : w->m->take(w->m->context, change, e);
}

int prolly_merge(const struct prolly_merge *m, struct prolly_merge_counts *out, struct cel_error *e)
{
	struct walk w = {.m = m, .counts = out};
	struct sides sides;
	struct prolly_change change;
	*out = (struct prolly_merge_counts){0};
	int rc = sides_open(&sides, m, e);
	if (rc == 0)
		rc = prolly_count(m->read_ours, m->ours, &out->records, e);
	while (rc == 0 && (rc = sides_next(&sides, &change, e)) > 0)
		rc = change.kind == PROLLY_SUBTREE ? take_subtree(&w, &change, e) : merge_record(&w, &change, e);
	if (rc == 0)
		out->nodes_read += sides_nodes_read(&sides);
	sides_close(&sides);
	return rc;
}
