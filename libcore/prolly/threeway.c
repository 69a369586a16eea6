/* SPDX-License-Identifier: Apache-2.0 */
/* The diff of the two sides is walked, not those of the base with each of them: what both have in common is as it should be
 * whatever the base says, and what one side alone has changed is in that diff once. Each of its records is looked up in the
 * base. So a base may be several trees, or none, and a merge of two sides that made the same changes reads hardly anything.
 *
 * If the base is one tree, its subtrees are compared with the two sides' where these cover the same ids: one that is as
 * theirs need not be gone into (only ours has changed it), and in one that is as ours all of theirs is taken; if it is a leaf,
 * by its CID, should no id have come or gone. */
#include "threeway.h"

#include "old.h"

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
	struct old_tree base; /* if base_root is there */
	bool has_sure; /* up to `sure` the base is as ours */
	bool has_twin; /* and this is the leaf of theirs */
	struct cid twin;
	size_t sure_size;
	uint8_t sure[CEL_ID_MAX];
};

static bool is_key(const struct node *node, uint32_t i, struct slice key)
{
	uint8_t own[CEL_ID_MAX];
	return slice_equal(key, slice_make(own, node_key(node, i, own)));
}

/* Does what the base has at this place begin behind `after`? Nodes of the same ids can still have others before them. */
static int begins_behind(struct walk *w, const struct old_place *place, uint32_t level, struct slice after,
			 struct cel_error *e)
{
	struct old_place previous = *place;
	const struct node *node;
	if (place->i[level] == 0) {
		int rc = old_previous(&w->base, &previous, level, e);
		if (rc <= 0)
			return rc < 0 ? rc : after.size == 0;
		previous.i[level] = UINT32_MAX;
	}
	int rc = old_node(&w->base, &previous, level, &node, e);
	if (rc < 0)
		return rc;
	return is_key(node, previous.i[level] == UINT32_MAX ? node->n - 1 : previous.i[level] - 1, after);
}

/* Passes what only ours has changed, and notes what only theirs has. */
static int filter(void *context, const struct prolly_span *span, struct cel_error *e)
{
	struct walk *w = context;
	struct old_place place;
	const struct node *node;
	uint64_t count;
	if (span->level > w->base.top)
		return 0;
	int rc = old_seek(&w->base, &place, span->level, span->key, e);
	if (rc == 0)
		rc = old_node(&w->base, &place, span->level, &node, e);
	if (rc < 0)
		return rc;
	uint32_t i = place.i[span->level];
	if (i == node->n || !is_key(node, i, span->key))
		return 0;
	struct slice rest = node_rest(node, i, &count);
	bool is_ours = slice_equal(rest, span->a), is_theirs = slice_equal(rest, span->b);
	if (!is_ours && !is_theirs)
		return 0;
	rc = begins_behind(w, &place, span->level, span->after, e);
	if (rc <= 0)
		return rc;
	if (is_ours) {
		w->has_sure = true;
		w->has_twin = span->level == 1;
		if (w->has_twin)
			node_rest_child(span->b, &w->twin);
		w->sure_size = span->key.size;
		memcpy(w->sure, span->key.data, span->key.size);
	}
	return is_theirs;
}

static int find_verdict(struct walk *w, struct slice id, const struct prolly_record *ours,
			const struct prolly_record *theirs, struct cel_error *e)
{
	const struct prolly_merge *m = w->m;
	struct prolly_record base;
	if (w->has_sure && slice_compare(id, slice_make(w->sure, w->sure_size)) <= 0)
		return PROLLY_THEIRS;
	w->has_sure = w->has_twin = false;
	int rc = m->base(m->context, id, &base, e);
	if (rc < 0)
		return rc;
	int verdict = (int)prolly_merge_record(&base, ours, theirs);
	if (verdict != PROLLY_CONFLICT)
		return verdict;
	w->counts->conflicts++;
	return m->decide(m->context, id, &base, ours, theirs, e);
}

static int merge_change(struct walk *w, const struct prolly_change *change, struct cel_error *e)
{
	struct slice id = change->kind == PROLLY_DELETED ? change->before.id : change->after.id;
	struct prolly_record ours = record_of(&change->before), theirs = record_of(&change->after);
	struct prolly_merge_counts *counts = w->counts;
	int verdict = find_verdict(w, id, &ours, &theirs, e);
	if (verdict < 0 || verdict == PROLLY_OURS)
		return verdict < 0 ? verdict : 0;
	*(change->kind == PROLLY_ADDED     ? &counts->added
	  : change->kind == PROLLY_DELETED ? &counts->deleted
					   : &counts->replaced) += 1;
	struct prolly_change taken = *change;
	taken.twin = w->has_twin ? &w->twin : NULL;
	return w->m->take(w->m->context, &taken, e);
}

int prolly_merge(const struct prolly_merge *m, struct prolly_merge_counts *out, struct cel_error *e)
{
	struct walk w = {.m = m, .counts = out};
	struct prolly_diff *diff = NULL;
	struct prolly_change change;
	*out = (struct prolly_merge_counts){0};
	int rc = prolly_diff_new(m->read_ours, m->ours, m->read_theirs, m->theirs, &diff, e);
	if (rc == 0 && m->base_root != NULL) {
		rc = old_open(&w.base, m->read_base, m->base_root, e);
		prolly_diff_set_filter(diff, filter, &w);
	}
	while (rc == 0 && (rc = prolly_diff_next(diff, &change, e)) > 0)
		rc = merge_change(&w, &change, e);
	out->nodes_read = rc == 0 ? prolly_diff_nodes_read(diff) + w.base.nodes_read : 0;
	prolly_diff_free(diff);
	old_release(&w.base);
	return rc;
}
