/* SPDX-License-Identifier: Apache-2.0 */
/* Building the index of a rev. A good file that is there needs no building; the commit stands whether or not there is
 * one. */
#include "error.h"
#include "index_files.h"

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
	rc = db_rev_resolve_tree(read, rev, &found, e);
	if (rc == 0) {
		struct index_file file = {.tree = found.commit.tree, .params = params};
		rc = index_file_path(store, &found.schema, &file, &path, e);
	}
	if (rc < 0 || is_good_file((const char *)path.data)) {
		store_read_end(read);
		return rc;
	}
	return build_file(read, &found, &params, (const char *)path.data, options, e);
}

