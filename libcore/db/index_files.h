/* SPDX-License-Identifier: Apache-2.0 */
/* Index files of a store: TREE.METRIC-TYPE-DIM.M<M>.efc<ef_construction>.hnsw, in index/ the canonical ones (a fresh build of
 * the tree), in cache/ those carried along from another tree's. All of them are derived and may go at any time. */
#ifndef DB_INDEX_FILES_H
#define DB_INDEX_FILES_H

#include "buf.h"
#include "db.h"
#include "hnsw.h"

#define DB_INDEX_NAME_MAX 192

struct index_file {
	struct cid tree;
	struct hnsw_params params;
	bool is_carried;
};

/* Those of a schema, the best of a tree first: canonical, then highest ef_construction, then M. */
struct index_files {
	struct index_file *files;
	size_t n, capacity;
};
int index_files_list(struct cel_store *store, const struct cel_schema *schema, struct index_files *out,
		     struct cel_error *e);
void index_files_release(struct index_files *files);
/* The best of that tree, or NULL. */
const struct index_file *index_files_find(const struct index_files *files, const struct cid *tree);
void index_files_drop(struct index_files *files, const struct index_file *file); /* one of the list */

/* Appends the path with its NUL. */
int index_file_path(struct cel_store *store, const struct cel_schema *schema, const struct index_file *file,
		    struct buf *path, struct cel_error *e);

#endif
