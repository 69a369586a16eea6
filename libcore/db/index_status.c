/* SPDX-License-Identifier: Apache-2.0 */
/* Which index a rev is answered from, as a query would find it. */
#include <stdio.h>

#include "error.h"
#include "index_view.h"

static int copy_path(struct cel_store *store, const struct db_rev *rev, const struct index_file *file,
		     struct cel_index_status *out, struct cel_error *e)
{
	struct buf path BUF_CLEANUP = {0};
	int rc = index_file_path(store, &rev->schema, file, &path, e);
	if (rc == 0)
		snprintf(out->path, sizeof out->path, "%s", (const char *)path.data);
	return rc;
}

static int fill(struct cel_store *store, const struct db_rev *rev, const struct index_view *view,
		struct cel_index_status *out, struct cel_error *e)
{
	struct hnsw_info info;
	hnsw_info(view->index, &info);
	out->is_present = true;
	out->is_carried = info.lineage.is_carried;
	out->churn = info.lineage.churn;
	out->M = info.params.M;
	out->ef_construction = info.params.ef_construction;
	out->nodes = info.n_nodes;
	out->file_size = info.file_size;
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(out->digest + 2 * i, 3, "%02x", info.digest[i]);
	while (out->n_recall < CEL_RECALL_ROWS_MAX && hnsw_recall_row(view->index, out->n_recall, &out->recall[out->n_recall]))
		out->n_recall++;
	if (view->overlay != NULL) {
		struct hnsw_overlay_counts counts = hnsw_overlay_counts(view->overlay);
		out->is_overlaid = true;
		out->removed = counts.removed;
		out->added = counts.added;
		cid_format(&view->commit, out->overlaid_commit);
	}
	return copy_path(store, rev, &view->file, out, e);
}

int cel_index_get(struct cel_store *store, const char *rev, struct cel_index_status *out, struct cel_error *e)
{
	*out = (struct cel_index_status){0};
	struct store_read *read;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	struct db_rev found;
	uint64_t records;
	struct index_view view = {0};
	rc = db_rev_resolve(read, rev, &found, e);
	int has_tree = rc == 0 ? db_rev_has_tree(read, &found, e) : rc;
	if (has_tree <= 0) {
		store_read_end(read);
		return has_tree;
	}
	rc = prolly_count(read, &found.commit.tree, &records, e);
	if (rc == 0)
		rc = index_view_open(store, read, &found, index_view_limit(records), &view, e);
	store_read_end(read);
	if (rc == 0)
		rc = fill(store, &found, &view, out, e);
	index_view_close(&view);
	return rc == CEL_ENOTFOUND ? 0 : rc;
}
