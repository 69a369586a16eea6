/* SPDX-License-Identifier: Apache-2.0 */
/* The diff of the two sides is walked, not those of the base with each of them: what both have in common is as it should be
 * whatever the base says, and what one side alone has changed is in that diff once. Each of its records is looked up in the
 * base. So a base may be several trees, or none, and a merge of two sides that made the same changes reads hardly anything. */
#include "threeway.h"

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

static int merge_change(const struct prolly_merge *m, const struct prolly_change *change,
			struct prolly_merge_counts *counts, struct cel_error *e)
{
	struct slice id = change->kind == PROLLY_DELETED ? change->before.id : change->after.id;
	struct prolly_record base, ours = record_of(&change->before), theirs = record_of(&change->after);
	int rc = m->base(m->context, id, &base, e);
	if (rc < 0)
		return rc;
	int verdict = (int)prolly_merge_record(&base, &ours, &theirs);
	if (verdict == PROLLY_CONFLICT) {
		counts->conflicts++;
		verdict = m->decide(m->context, id, &base, &ours, &theirs, e);
	}
	if (verdict < 0)
		return verdict;
	if (verdict == PROLLY_OURS) {
		counts->kept++;
		return 0;
	}
	*(change->kind == PROLLY_ADDED     ? &counts->added
	  : change->kind == PROLLY_DELETED ? &counts->deleted
					   : &counts->replaced) += 1;
	return m->take(m->context, change, e);
}

int prolly_merge(const struct prolly_merge *m, struct prolly_merge_counts *out, struct cel_error *e)
{
	struct prolly_diff *diff;
	struct prolly_change change;
	*out = (struct prolly_merge_counts){0};
	int rc = prolly_diff_new(m->read_ours, m->ours, m->read_theirs, m->theirs, &diff, e);
	if (rc < 0)
		return rc;
	while (rc == 0 && (rc = prolly_diff_next(diff, &change, e)) > 0)
		rc = merge_change(m, &change, out, e);
	prolly_diff_free(diff);
	return rc;
}
