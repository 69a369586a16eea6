/* SPDX-License-Identifier: Apache-2.0 */
/* Edits come in id order and go to the tree's update as they are. Only who replaces the set, or keeps metadata, also
 * looks at what is there, through a cursor that moves along with the edits: replacing walks over every record, keeping
 * metadata seeks those that the batch names. */
#include "apply.h"

#include "error.h"
#include "tree.h"

#define PROGRESS_EDITS 8192u

struct present {
	struct prolly_cursor *cursor; /* NULL: what is there does not matter */
	struct prolly_entry entry;
	bool has_entry;
};

static int present_next(struct present *p, struct cel_error *e)
{
	int rc = prolly_cursor_next(p->cursor, &p->entry, e);
	p->has_entry = rc > 0;
	return rc < 0 ? rc : 0;
}

/* Deletes the records before id (of size 0: all that are left). */
static int delete_before(struct prolly_update *update, struct present *p, struct slice id, struct cel_error *e)
{
	int rc = 0;
	while (rc == 0 && p->has_entry && (id.size == 0 || slice_compare(p->entry.id, id) < 0)) {
		rc = prolly_update_delete(update, p->entry.id, e);
		if (rc == 0)
			rc = present_next(p, e);
	}
	return rc;
}

/* Moves to the record of this id, if there is one. */
static int find_present(const struct apply *a, struct prolly_update *update, struct present *p, struct slice id,
			struct cel_error *e)
{
	if (a->is_replacing)
		return delete_before(update, p, id, e);
	int rc = prolly_cursor_seek(p->cursor, id, e);
	return rc < 0 ? rc : present_next(p, e);
}

static struct prolly_value value_of(struct slice bytes, const struct cid *cid)
{
	struct prolly_value value = {.bytes = bytes, .is_link = cid != NULL};
	if (cid != NULL)
		value.link = *cid;
	return value;
}

static int put_edit(const struct apply *a, struct prolly_update *update, struct present *p, const struct edit *edit,
		    struct cel_error *e)
{
	struct prolly_entry entry = {.id = edit->id,
				     .vector = value_of(edit->vector, edit->vector_cid),
				     .metadata = value_of(edit->metadata, edit->metadata_cid)};
	if (p->cursor == NULL)
		return prolly_update_put(update, &entry, e);
	int rc = find_present(a, update, p, edit->id, e);
	bool is_there = rc == 0 && p->has_entry && slice_equal(p->entry.id, edit->id);
	if (is_there && a->is_keeping_metadata && edit->metadata.size == 0)
		entry.metadata = p->entry.metadata;
	if (rc == 0)
		rc = prolly_update_put(update, &entry, e);
	return rc == 0 && is_there ? present_next(p, e) : rc;
}

static int apply_all(const struct apply *a, struct prolly_update *update, struct present *p, struct cel_error *e)
{
	struct edit edit;
	int rc = a->is_replacing ? present_next(p, e) : 0;
	for (uint64_t n = 1; rc == 0 && (rc = edits_next(a->edits, &edit, e)) > 0; n++) {
		rc = edit.is_delete ? prolly_update_delete(update, edit.id, e) : put_edit(a, update, p, &edit, e);
		if (rc == 0 && n % PROGRESS_EDITS == 0)
			rc = a->on_progress(a->context, n, e);
	}
	return rc == 0 && a->is_replacing ? delete_before(update, p, slice_make(NULL, 0), e) : rc;
}

int apply_edits(const struct apply *a, struct cid *root, struct prolly_update_stats *stats, struct cel_error *e)
{
	struct prolly_update *update;
	struct present present = {0};
	int rc = prolly_update_new(a->batch, a->read, a->base, &update, e);
	if (rc < 0)
		return rc;
	if (a->is_replacing || a->is_keeping_metadata)
		rc = prolly_cursor_new(a->read, a->base, &present.cursor, e);
	if (rc == 0)
		rc = apply_all(a, update, &present, e);
	if (rc == 0)
		rc = prolly_update_finish(update, root, stats, e);
	prolly_cursor_free(present.cursor);
	prolly_update_free(update);
	return rc;
}
