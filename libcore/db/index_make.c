/* SPDX-License-Identifier: Apache-2.0 */
/* Three ways to an index for a rev, the cheapest that will do:
 *
 *   none needed   one of its tree is there; or, after a commit, one of a near tree and little to lay over it
 *   carried       the near one takes the changes in: cache/
 *   canonical     a fresh build: index/. When nothing is near, other parameters are asked for, or the line that the near
 *                 one stands in has changed by more than a quarter since its fresh build
 *
 * All of it is derived: the commit stands whether or not there is an index. */
#include "index_make.h"

#include "error.h"
#include "figures.h"
#include "index_view.h"
#include "tell.h"

#define CHURN_PART 4u /* a canonical index is due when more than 1 record of so many has changed */

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

static int tell_index(void *context, uint64_t done, uint64_t total)
{
	const struct cel_index_options *options = context;
	struct cel_progress progress = {.phase = "index", .unit = "records", .done = done, .total = total};
	return tell_progress(options->on_progress, options->context, &progress, NULL);
}

struct making {
	struct cel_store *store;
	struct db_rev rev; /* its texts are not kept */
	struct hnsw_params params; /* 0: whatever there is, or the default */
	const struct cel_index_options *options;
};

/* Of the rev's tree, by a fresh build or from the parent. */
static int write_file(const struct making *m, const struct hnsw_index *parent, uint64_t changes,
		      const struct index_file *file, struct cel_error *e)
{
	struct buf path BUF_CLEANUP = {0};
	struct tree_input tree = {.rev = &m->rev};
	struct hnsw_input input = {.next = tree_input_next, .context = &tree};
	uint32_t threads = db_thread_count(m->options->threads);
	void *context = (void *)(uintptr_t)m->options;
	int rc = index_file_path(m->store, &m->rev.schema, file, &path, e);
	if (rc == 0)
		rc = store_read_begin(m->store->store, &tree.read, e);
	if (rc < 0)
		return rc;
	rc = prolly_cursor_new(tree.read, &m->rev.commit.tree, &tree.cursor, e);
	if (rc < 0)
		tree.cursor = NULL;
	if (rc == 0)
		rc = prolly_count(tree.read, &m->rev.commit.tree, &input.count, e);
	if (rc == 0) /* quantising comes before the first insertion */
		rc = tell_phase(m->options->on_progress, m->options->context, "index", "records", input.count, e);
	const char *to = (const char *)path.data;
	if (rc == 0 && parent != NULL)
		rc = hnsw_carry(parent, &file->tree, &input, changes, threads, to, tell_index, context, e);
	else if (rc == 0)
		rc = hnsw_build(&m->rev.schema, &file->params, &file->tree, &input, threads, to, tell_index, context, e);
	tree_input_release(&tree);
	return rc;
}

static bool is_wanted(const struct making *m, const struct index_file *file)
{
	return (m->params.M == 0 || m->params.M == file->params.M) &&
	       (m->params.ef_construction == 0 || m->params.ef_construction == file->params.ef_construction);
}

static bool is_good_file(const struct making *m, const struct index_file *file)
{
	struct buf path BUF_CLEANUP = {0};
	struct hnsw_index *index;
	if (index_file_path(m->store, &m->rev.schema, file, &path, NULL) < 0 ||
	    hnsw_open((const char *)path.data, &index, NULL) < 0)
		return false;
	bool is_good = hnsw_verify(index, NULL) == 0;
	hnsw_close(index);
	return is_good;
}

/* 1 if the rev's tree has a good one. */
static int has_own(const struct making *m, struct cel_error *e)
{
	struct index_files files;
	int rc = index_files_list(m->store, &m->rev.schema, &files, e);
	for (size_t i = 0; rc == 0 && i < files.n; i++) {
		const struct index_file *file = &files.files[i];
		bool will_do = cid_equal(&file->tree, &m->rev.commit.tree) && is_wanted(m, file) &&
			       !(m->options->is_canonical && file->is_carried);
		rc = will_do && is_good_file(m, file);
	}
	index_files_release(&files);
	return rc;
}

static int build_canonical(const struct making *m, struct hnsw_params params, struct cel_error *e)
{
	struct index_file file = {.tree = m->rev.commit.tree, .params = params};
	figure_set_text(FIGURE_INDEX, "built");
	return write_file(m, NULL, 0, &file, e);
}

/* The near index in view has changes laid over it. */
static int carry(const struct making *m, const struct index_view *view, struct cel_error *e)
{
	struct hnsw_info info;
	hnsw_info(view->index, &info);
	struct index_file file = {.tree = m->rev.commit.tree, .params = info.params, .is_carried = true};
	uint64_t churn = info.lineage.churn + view->changes;
	figure_set_text(FIGURE_INDEX, "carried");
	int rc = churn <= info.n_records / CHURN_PART ? write_file(m, view->index, view->changes, &file, e)
						      : CEL_EUNAVAILABLE;
	if (rc == CEL_EUNAVAILABLE || rc == CEL_ECORRUPT)
		rc = build_canonical(m, info.params, e);
	return rc;
}

/* What is laid over the near one is little. */
static int leave(void)
{
	figure_set_text(FIGURE_INDEX, "overlaid");
	return 0;
}

static int open_view(const struct making *m, struct index_view *view, struct cel_error *e)
{
	struct store_read *read;
	uint64_t records;
	int rc = store_read_begin(m->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = prolly_count(read, &m->rev.commit.tree, &records, e);
	if (rc == 0)
		rc = index_view_open(m->store, read, &m->rev, index_view_limit(records), view, e);
	store_read_end(read);
	return rc;
}

static int make(const struct making *m, bool is_lazy, struct cel_error *e)
{
	struct hnsw_params params = {
		.M = m->params.M != 0 ? m->params.M : HNSW_M_DEFAULT,
		.ef_construction = m->params.ef_construction != 0 ? m->params.ef_construction
								  : HNSW_EF_CONSTRUCTION_DEFAULT,
	};
	struct index_view view = {0};
	if (m->options->is_canonical)
		return build_canonical(m, params, e);
	int rc = open_view(m, &view, e);
	if (rc == CEL_ENOMEM)
		return rc;
	if (rc < 0 || view.overlay == NULL || !is_wanted(m, &view.file))
		rc = build_canonical(m, params, e);
	else if (is_lazy && hnsw_overlay_is_small(view.overlay))
		rc = leave();
	else
		rc = carry(m, &view, e);
	index_view_close(&view);
	return rc;
}

static int check_options(const struct cel_index_options *options, struct cel_error *e)
{
	if (options->M != 0 && (options->M < 4 || options->M > 128))
		return error_set(e, CEL_EUSAGE, "M %u is not in 4..128", options->M);
	if (options->ef_construction != 0 && (options->ef_construction < 8 || options->ef_construction > 4096))
		return error_set(e, CEL_EUSAGE, "ef_construction %u is not in 8..4096", options->ef_construction);
	return 0;
}

static int load_rev(struct making *m, const char *rev, struct cel_error *e)
{
	struct store_read *read;
	int rc = store_read_begin(m->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = db_rev_resolve_tree(read, rev, &m->rev, e);
	m->rev.commit.author = m->rev.commit.message = slice_make(NULL, 0);
	store_read_end(read);
	return rc;
}

static int start(struct cel_store *store, const char *rev, const struct cel_index_options *options, bool is_lazy,
		 struct cel_error *e)
{
	static const struct cel_index_options DEFAULTS = {0};
	struct making m = {.store = store, .options = options != NULL ? options : &DEFAULTS};
	int rc = check_options(m.options, e);
	if (rc == 0)
		rc = load_rev(&m, rev, e);
	if (rc < 0)
		return rc;
	m.params = (struct hnsw_params){.M = m.options->M, .ef_construction = m.options->ef_construction};
	rc = has_own(&m, e);
	if (rc > 0)
		figure_set_text(FIGURE_INDEX, "there");
	return rc != 0 ? (rc < 0 ? rc : 0) : make(&m, is_lazy, e);
}

int cel_index_build(struct cel_store *store, const char *rev, const struct cel_index_options *options,
		    struct cel_error *e)
{
	return start(store, rev, options, false, e);
}

int index_follow(struct cel_store *store, const char *rev, const struct cel_index_options *options, struct cel_error *e)
{
	return start(store, rev, options, true, e);
}
