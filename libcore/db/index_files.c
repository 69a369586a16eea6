/* SPDX-License-Identifier: Apache-2.0 */
/* Which file is the index of a rev, and building it. An index is a function of the tree, the metric, the element type
 * and the parameters, and all of them stand in its name; so two commits of one tree share it, and a file that is there
 * needs no building. It is derived: the commit stands whether or not there is one. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "hnsw.h"
#include "index_files.h"
#include "record.h"
#include "tree.h"

/* "TREE.METRIC-TYPE-DIM." */
static void name_prefix(const struct db_rev *rev, char out[DB_INDEX_NAME_MAX])
{
	char tree[CEL_CID_TEXT_SIZE];
	cid_format(&rev->commit.tree, tree);
	snprintf(out, DB_INDEX_NAME_MAX, "%s.%s-%s-%u.", tree, cel_metric_name(rev->schema.metric),
		 cel_type_name(rev->schema.type), rev->schema.dim);
}

void db_index_name(const struct db_rev *rev, uint32_t M, uint32_t ef_construction, char out[DB_INDEX_NAME_MAX])
{
	name_prefix(rev, out);
	size_t used = strlen(out);
	snprintf(out + used, DB_INDEX_NAME_MAX - used, "M%u.efc%u.hnsw", M, ef_construction);
}

int db_index_find(struct cel_store *store, const struct db_rev *rev, struct buf *path, struct cel_error *e)
{
	char prefix[DB_INDEX_NAME_MAX], best[DB_INDEX_NAME_MAX] = "";
	uint32_t best_M = 0, best_ef = 0;
	name_prefix(rev, prefix);
	DIR *directory = opendir(store_index_path(store->store));
	if (directory == NULL && errno != ENOENT)
		return error_set_errno(e, CEL_EIO, errno, "%s", store_index_path(store->store));
	for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
		size_t length = strlen(prefix);
		uint32_t M, ef;
		int end = 0;
		if (strncmp(entry->d_name, prefix, length) != 0 ||
		    sscanf(entry->d_name + length, "M%u.efc%u.hnsw%n", &M, &ef, &end) != 2 || end == 0 ||
		    entry->d_name[length + (size_t)end] != '\0')
			continue;
		if (ef > best_ef || (ef == best_ef && M > best_M)) {
			best_ef = ef;
			best_M = M;
			db_index_name(rev, M, ef, best);
		}
	}
	if (directory != NULL)
		closedir(directory);
	if (best[0] == '\0')
		return error_set(e, CEL_ENOTFOUND, "there is no index");
	int rc = buf_printf(path, e, "%s/%s", store_index_path(store->store), best);
	return rc < 0 ? rc : buf_append_byte(path, '\0', e);
}

/* The records of a tree, as the builder asks for them. The snapshot ends with the last record: the graph takes much
 * longer to build, and an old snapshot keeps LMDB from using its free pages. */
struct tree_input {
	struct store_read *read; /* NULL when the input has ended */
	struct prolly_cursor *cursor;
	const struct db_rev *rev;
};

static void tree_input_release(struct tree_input *input)
{
	if (input->read == NULL)
		return;
	prolly_cursor_free(input->cursor);
	store_read_end(input->read);
	input->read = NULL;
}

static int tree_input_next(void *context, struct slice *id, struct slice *vector, struct cel_error *e)
{
	struct tree_input *input = context;
	struct prolly_entry entry;
	if (input->read == NULL)
		return 0;
	int rc = prolly_cursor_next(input->cursor, &entry, e);
	if (rc == 0)
		tree_input_release(input);
	if (rc <= 0)
		return rc;
	*id = entry.id;
	rc = db_entry_vector(input->read, input->rev, &entry, vector, e);
	return rc < 0 ? rc : 1;
}

static int tell_progress(void *context, uint64_t done, uint64_t total)
{
	const struct cel_index_options *options = context;
	return options->on_progress != NULL ? options->on_progress(options->context, "index", done, total) : 0;
}

/* Takes over `read`. */
static int build_file(struct store_read *read, const struct db_rev *rev, const struct hnsw_params *params,
		      const char *path, const struct cel_index_options *options, struct cel_error *e)
{
	struct tree_input tree = {.read = read, .rev = rev};
	struct hnsw_input input = {.next = tree_input_next, .context = &tree};
	int rc = prolly_cursor_new(read, &rev->commit.tree, &tree.cursor, e);
	if (rc < 0)
		tree.cursor = NULL;
	if (rc == 0)
		rc = prolly_count(read, &rev->commit.tree, &input.count, e);
	if (rc == 0)
		rc = hnsw_build(&rev->schema, params, &rev->commit.tree, &input, db_thread_count(options->threads), path,
				tell_progress, (void *)(uintptr_t)options, e);
	tree_input_release(&tree);
	return rc;
}

static bool is_good_file(const char *path)
{
	struct hnsw_index *index;
	if (hnsw_open(path, &index, NULL) < 0)
		return false;
	bool is_good = hnsw_verify(index, NULL) == 0;
	hnsw_close(index);
	return is_good;
}

/* 0 stands for the default. */
static int index_params(const struct cel_index_options *options, struct hnsw_params *out, struct cel_error *e)
{
	out->M = options->M != 0 ? options->M : HNSW_M_DEFAULT;
	out->ef_construction = options->ef_construction != 0 ? options->ef_construction : HNSW_EF_CONSTRUCTION_DEFAULT;
	if (out->M < 4 || out->M > 128)
		return error_set(e, CEL_EUSAGE, "M %u is not in 4..128", out->M);
	if (out->ef_construction < 8 || out->ef_construction > 4096)
		return error_set(e, CEL_EUSAGE, "ef_construction %u is not in 8..4096", out->ef_construction);
	return 0;
}

int cel_index_build(struct cel_store *store, const char *rev, const struct cel_index_options *options,
		    struct cel_error *e)
{
	static const struct cel_index_options DEFAULTS = {0};
	if (options == NULL)
		options = &DEFAULTS;
	struct hnsw_params params;
	struct store_read *read;
	int rc = index_params(options, &params, e);
	if (rc == 0)
		rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	struct db_rev found;
	struct buf path BUF_CLEANUP = {0};
	char name[DB_INDEX_NAME_MAX];
	rc = db_rev_resolve_tree(read, rev, &found, e);
	if (rc == 0) {
		db_index_name(&found, params.M, params.ef_construction, name);
		rc = buf_printf(&path, e, "%s/%s", store_index_path(store->store), name);
	}
	if (rc == 0)
		rc = buf_append_byte(&path, '\0', e);
	if (rc < 0 || is_good_file((const char *)path.data)) {
		store_read_end(read);
		return rc;
	}
	return build_file(read, &found, &params, (const char *)path.data, options, e);
}

int cel_index_info(struct cel_store *store, const char *rev, struct cel_index_info *out, struct cel_error *e)
{
	*out = (struct cel_index_info){0};
	struct store_read *read;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	struct db_rev found;
	struct buf path BUF_CLEANUP = {0};
	rc = db_rev_resolve(read, rev, &found, e);
	if (rc == 0)
		rc = db_index_find(store, &found, &path, e);
	store_read_end(read);
	if (rc == CEL_ENOTFOUND)
		return 0;
	struct hnsw_index *index;
	if (rc == 0)
		rc = hnsw_open((const char *)path.data, &index, e);
	if (rc < 0)
		return rc;
	struct hnsw_info info;
	hnsw_info(index, &info);
	hnsw_close(index);
	out->is_present = true;
	out->M = info.params.M;
	out->ef_construction = info.params.ef_construction;
	out->nodes = info.n_nodes;
	out->file_size = info.file_size;
	for (size_t i = 0; i < SHA256_SIZE; i++)
		snprintf(out->digest + 2 * i, 3, "%02x", info.digest[i]);
	snprintf(out->path, sizeof out->path, "%s", (const char *)path.data);
	return 0;
}
