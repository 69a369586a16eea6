/* SPDX-License-Identifier: Apache-2.0 */
/* The overlay is the difference of the two trees, which costs what it holds. A change that leaves the vector as it was (of
 * metadata alone) is none for the index. */
#include "index_view.h"

#include "diff.h"
#include "error.h"

uint64_t index_view_limit(uint64_t records)
{
	return records / 4 + 64;
}

static bool is_same_vector(const struct prolly_change *change)
{
	const struct prolly_value *a = &change->before.vector, *b = &change->after.vector;
	if (change->kind != PROLLY_CHANGED || a->is_link != b->is_link)
		return false;
	return a->is_link ? cid_equal(&a->link, &b->link) : slice_equal(a->bytes, b->bytes);
}

static int add_change(struct hnsw_overlay *overlay, struct store_read *read, const struct db_rev *rev,
		      const struct prolly_change *change, struct cel_error *e)
{
	struct slice vector;
	int rc = change->kind != PROLLY_ADDED ? hnsw_overlay_remove(overlay, change->before.id, e) : 0;
	if (rc < 0 || change->kind == PROLLY_DELETED)
		return rc;
	rc = db_entry_vector(read, rev, &change->after, &vector, e);
	return rc < 0 ? rc : hnsw_overlay_add(overlay, change->after.id, vector, e);
}

static int add_changes(struct index_view *view, struct store_read *read, const struct cid *tree,
		       const struct db_rev *rev, uint64_t limit, struct cel_error *e)
{
	struct prolly_diff *diff;
	struct prolly_change change;
	int rc = prolly_diff_new(read, tree, read, &rev->commit.tree, &diff, e);
	if (rc < 0)
		return rc;
	while ((rc = prolly_diff_next(diff, &change, e)) == 1) {
		if (is_same_vector(&change))
			continue;
		rc = view->changes++ < limit ? add_change(view->overlay, read, rev, &change, e) : CEL_ENOTFOUND;
		if (rc < 0)
			break;
	}
	prolly_diff_free(diff);
	return rc < 0 ? rc : hnsw_overlay_finish(view->overlay, e);
}

/* Sets of very different sizes need not be compared. */
static int check_sizes(struct store_read *read, const struct cid *tree, const struct db_rev *rev, uint64_t limit,
		       struct cel_error *e)
{
	uint64_t before, after;
	int rc = prolly_count(read, tree, &before, e);
	if (rc == 0)
		rc = prolly_count(read, &rev->commit.tree, &after, e);
	if (rc == 0 && (before > after ? before - after : after - before) > limit)
		rc = CEL_ENOTFOUND;
	return rc;
}

static int open_file(struct cel_store *store, const struct db_rev *rev, const struct index_near *near,
		     struct index_view *out, struct cel_error *e)
{
	struct buf path BUF_CLEANUP = {0};
	*out = (struct index_view){.file = *near->file, .commit = near->commit};
	int rc = index_file_path(store, &rev->schema, near->file, &path, e);
	return rc < 0 ? rc : hnsw_open((const char *)path.data, &out->index, e);
}

static int lay_over(struct store_read *read, const struct db_rev *rev, uint64_t limit, struct index_view *view,
		    struct cel_error *e)
{
	struct hnsw_info info;
	hnsw_info(view->index, &info);
	if (!cid_equal(&info.tree, &view->file.tree))
		return error_set(e, CEL_ECORRUPT, "the index file is of another tree than its name says: build it again");
	if (cid_equal(&info.tree, &rev->commit.tree))
		return 0;
	int rc = check_sizes(read, &info.tree, rev, limit, e);
	if (rc == 0)
		rc = hnsw_overlay_new(view->index, &view->overlay, e);
	return rc < 0 ? rc : add_changes(view, read, &info.tree, rev, limit, e);
}

int index_view_open(struct cel_store *store, struct store_read *read, const struct db_rev *rev, uint64_t limit,
		    struct index_view *out, struct cel_error *e)
{
	struct index_files files;
	struct index_near near;
	int rc = index_files_list(store, &rev->schema, &files, e);
	if (rc < 0)
		return rc;
	while ((rc = index_near_find(read, rev, &files, &near, e)) == 0) {
		rc = open_file(store, rev, &near, out, e);
		bool is_open = rc == 0;
		if (rc == 0)
			rc = lay_over(read, rev, limit, out, e);
		if (rc == 0)
			break;
		index_view_close(out);
		bool is_own = cid_equal(&near.file->tree, &rev->commit.tree);
		if (rc == CEL_ENOMEM || (is_own && rc != CEL_ENOTFOUND) || (is_open && rc == CEL_ENOTFOUND))
			break;
		index_files_drop(&files, near.file); /* bad, or gone meanwhile */
	}
	index_files_release(&files);
	if (rc == CEL_ECORRUPT || rc == CEL_ECONFIG)
		error_context(e, "build the index anew with 'cel index'");
	return rc;
}

void index_view_close(struct index_view *view)
{
	hnsw_overlay_free(view->overlay);
	hnsw_close(view->index);
	*view = (struct index_view){0};
}
