/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of rows becomes one commit:
 *
 *     readers ──► edits (external sort by id) ──► update of the present tree ──► commit ──► ref
 *
 * The writer lock is taken only after the input was read to its end, so a slow pipe keeps nobody waiting. The index is
 * built after the commit, without the lock: it is derived, and the commit stands without it. */
#include <time.h>

#include "alloc.h"
#include "apply.h"
#include "clock.h"
#include "db.h"
#include "edits.h"
#include "error.h"
#include "forgotten.h"
#include "ids.h"
#include "index_make.h"
#include "record.h"
#include "tell.h"

#define MEMORY_DEFAULT ((size_t)256 << 20)
#define MEMORY_MIN ((size_t)8 << 20)
#define PROGRESS_ROWS 8192u /* also told whenever more input has come */

struct cel_build {
	struct cel_store *store;
	char collection[CEL_NAME_MAX + 1];
	struct cel_build_options options;
	struct cel_schema schema;
	enum cel_duplicates duplicates; /* the policy in force */
	bool is_duplicate_bad;          /* counts as skipped */
	struct edits *edits;
	struct cel_build_result result;
	uint64_t bytes, sources_bytes; /* of the input; of the sources before this one */
	bool is_ended;
};

static int load_schema(struct cel_store *store, const char *collection, struct cel_schema *out, struct cel_error *e)
{
	struct store_read *read;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	struct db_rev head;
	rc = db_head_load(read, collection, &head, e);
	if (rc == 0)
		*out = head.schema;
	store_read_end(read);
	return rc;
}

/* How the memory is shared out. Reading comes before the batch, and LMDB's transactions after the sort, so these need none of
 * their own; beside them there are edits on their way (see edits.c) and the process itself. */
static size_t batch_memory(size_t memory)
{
	size_t share = memory / 8 < STORE_BATCH_MEMORY_MIN ? STORE_BATCH_MEMORY_MIN : memory / 8;
	return share < STORE_BATCH_MEMORY ? share : STORE_BATCH_MEMORY;
}

static size_t sort_memory(size_t memory)
{
	size_t edits = memory / 8 < ((size_t)4 << 20) ? memory / 8 : (size_t)4 << 20;
	return memory - batch_memory(memory) - edits - ((size_t)3 << 20);
}

int cel_build_new(struct cel_store *store, const char *collection, const struct cel_build_options *options,
		  struct cel_build **out, struct cel_error *e)
{
	*out = NULL;
	if (store->is_read_only)
		return error_set(e, CEL_EPERMISSION, "the store is open for reading only");
	struct cel_build *build = mem_calloc(1, sizeof *build);
	if (build == NULL)
		return error_nomem(e, sizeof *build);
	build->store = store;
	if (options != NULL)
		build->options = *options;
	else
		build->options.time = -1;
	/* A row whose id another row has is bad too: who skips bad rows keeps the first. */
	build->is_duplicate_bad = build->options.duplicates == CEL_DUPLICATES_ERROR;
	build->duplicates = build->is_duplicate_bad && build->options.is_skipping_bad ? CEL_DUPLICATES_FIRST
										      : build->options.duplicates;
	if (build->options.memory == 0)
		build->options.memory = MEMORY_DEFAULT;
	int rc = 0;
	if (build->options.memory < MEMORY_MIN)
		rc = error_set(e, CEL_EUSAGE, "memory %zu is less than %zu bytes (8M)", build->options.memory, MEMORY_MIN);
	if (rc == 0)
		rc = load_schema(store, collection, &build->schema, e);
	if (rc == 0) {
		strcpy(build->collection, collection); /* a checked name: it fits */
		rc = edits_new(sort_memory(build->options.memory), db_thread_count(build->options.threads), NULL,
			       schema_vector_size(&build->schema), build->duplicates, &build->edits, e);
		if (rc == 0) /* a small commit needs no directory */
			edits_ask_directory(build->edits, store_find_tmp, store->store);
	}
	if (rc < 0) {
		cel_build_free(build);
		return rc;
	}
	*out = build;
	return 0;
}

void cel_build_free(struct cel_build *build)
{
	if (build == NULL)
		return;
	edits_free(build->edits);
	mem_free(build);
}

/* Of the phase that begins. */
static int tell_start(const struct cel_build *build, const char *phase, const char *unit, uint64_t total, struct cel_error *e)
{
	return tell_phase(build->options.on_progress, build->options.context, phase, unit, total, e);
}

static int tell_read(struct cel_build *build, const struct reader *reader, struct cel_error *e)
{
	uint64_t bytes, total;
	reader_position(reader, &bytes, &total);
	build->bytes = build->sources_bytes + bytes;
	struct cel_progress progress = {.phase = "read", .unit = "rows", .done = build->result.rows, .bytes = build->bytes,
					.bytes_total = total > 0 ? build->sources_bytes + total : 0};
	return tell_progress(build->options.on_progress, build->options.context, &progress, e);
}

/* A slow pipe brings few rows at a time. */
static bool is_time_to_tell(const struct cel_build *build, const struct reader *reader)
{
	uint64_t bytes, total;
	reader_position(reader, &bytes, &total);
	return build->sources_bytes + bytes != build->bytes || build->result.rows % PROGRESS_ROWS == 0;
}

static void skip_bad(struct cel_build *build, const struct cel_error *e)
{
	build->result.skipped++;
	if (build->options.on_skip != NULL)
		build->options.on_skip(build->options.context, e->message);
}

static int read_rows(struct cel_build *build, struct reader *reader, struct cel_error *e)
{
	for (;;) {
		struct reader_row row;
		int rc = reader_next(reader, &row, e);
		if (rc == 0)
			return tell_read(build, reader, e);
		if (rc == CEL_EDATA && build->options.is_skipping_bad && reader_can_continue(reader)) {
			skip_bad(build, e);
			continue;
		}
		if (rc > 0)
			rc = edits_add(build->edits, &row, e);
		build->result.rows += rc == 0;
		if (rc == 0 && is_time_to_tell(build, reader))
			rc = tell_read(build, reader, e);
		if (rc < 0)
			return rc;
	}
}

int cel_build_add(struct cel_build *build, const char *path, const struct cel_source_options *source,
		  struct cel_error *e)
{
	struct cel_error own;
	if (e == NULL)
		e = &own; /* skipped rows are reported from it */
	if (build->is_ended)
		return error_set(e, CEL_EUSAGE, "the build has ended");
	struct reader_options options = {.schema = &build->schema, .threads = db_thread_count(build->options.threads)};
	db_reader_options(source, &options);
	struct reader *reader;
	int rc = reader_open(path, &options, &reader, e);
	if (rc < 0)
		return rc;
	rc = edits_begin_source(build->edits, reader_name(reader), e);
	if (rc == 0)
		rc = tell_read(build, reader, e);
	if (rc == 0)
		rc = read_rows(build, reader, e);
	build->sources_bytes = build->bytes;
	reader_free(reader);
	return rc;
}

static int read_ids(struct cel_build *build, struct ids *ids, struct cel_error *e)
{
	for (uint64_t number = 1;; number++) {
		struct slice id;
		int rc = ids_next(ids, &id, e);
		if (rc <= 0)
			return rc;
		rc = record_check_id(id, e);
		if (rc < 0) {
			error_context(e, "%s: line %llu", ids_name(ids), (unsigned long long)number);
			if (!build->options.is_skipping_bad)
				return rc;
			skip_bad(build, e);
			continue;
		}
		rc = edits_add_delete(build->edits, id, number, e);
		if (rc < 0)
			return rc;
	}
}

int cel_build_delete(struct cel_build *build, const char *path, bool is_nul, struct cel_error *e)
{
	struct cel_error own;
	if (e == NULL)
		e = &own; /* skipped lines are reported from it */
	if (build->is_ended)
		return error_set(e, CEL_EUSAGE, "the build has ended");
	if (build->options.is_replacing)
		return error_set(e, CEL_EUSAGE, "a build that replaces the set deletes by leaving out");
	struct ids *ids;
	int rc = ids_open(path, is_nul, &ids, e);
	if (rc < 0)
		return rc;
	rc = edits_begin_source(build->edits, ids_name(ids), e);
	if (rc == 0)
		rc = read_ids(build, ids, e);
	ids_free(ids);
	return rc;
}

static int tell_edits(void *context, uint64_t n, struct cel_error *e)
{
	const struct cel_build *build = context;
	struct cel_progress progress = {.phase = "tree", .unit = "rows", .done = n, .total = edits_count(build->edits)};
	return tell_progress(build->options.on_progress, build->options.context, &progress, e);
}

static int update_tree(struct cel_build *build, struct store_batch *batch, struct store_read *read,
		       const struct db_rev *head, struct cid *root, struct cel_error *e)
{
	struct prolly_update_stats stats;
	struct apply apply = {
		.batch = batch,
		.read = read,
		.base = &head->commit.tree,
		.edits = build->edits,
		.is_replacing = build->options.is_replacing,
		.is_keeping_metadata = build->options.is_keeping_metadata,
		.on_progress = tell_edits,
		.context = build,
	};
	int rc = tell_edits(build, 0, e);
	if (rc == 0)
		rc = apply_edits(&apply, root, &stats, e);
	if (rc == 0)
		rc = tell_edits(build, edits_count(build->edits), e);
	if (rc < 0)
		return rc;
	build->result.added = stats.added;
	build->result.replaced = stats.replaced;
	build->result.unchanged = stats.unchanged;
	build->result.deleted = stats.deleted;
	build->result.absent = stats.absent;
	build->result.records = stats.records;
	return 0;
}

static int put_commit(struct cel_build *build, struct store_batch *batch, struct store_read *read,
		      const struct db_rev *head, const struct cid *root, struct cel_error *e)
{
	const struct cel_build_options *options = &build->options;
	int64_t when = options->time >= 0 ? options->time : (int64_t)time(NULL);
	struct commit commit = {
		.schema = head->commit.schema,
		.tree = *root,
		.parents[0] = head->cid,
		.n_parents = 1,
		.generation = head->commit.generation + 1,
		.time = (uint64_t)when,
		.author = slice_text(options->author != NULL ? options->author : ""),
		.message = slice_text(options->message != NULL ? options->message : ""),
	};
	char ref[DB_REF_MAX], forgotten[FORGOTTEN_REF_MAX];
	struct cid cid;
	int rc = db_head_ref(build->collection, ref, e);
	if (rc == 0)
		rc = commit_put(batch, &commit, &cid, e);
	if (rc == 0)
		rc = forgotten_has(read, &cid, e); /* the same commit may have been there before */
	if (rc < 0)
		return rc;
	struct store_ref_update updates[2] = {
		{.ref = ref, .has_old = true, .has_new = true, .old = head->cid, .new = cid, .message = "build"},
		forgotten_unmark(&cid, forgotten),
	};
	size_t n_updates = rc == 1 ? 2 : 1;
	rc = tell_start(build, "commit", "", 0, e);
	if (rc == 0)
		rc = store_batch_commit(batch, root, updates, n_updates, (int64_t)time(NULL), e);
	if (rc == 0) {
		build->result.is_committed = true;
		cid_format(&cid, build->result.commit);
	}
	return rc;
}

static int build_tree(struct cel_build *build, struct store_batch *batch, struct store_read *read, struct cel_error *e)
{
	struct db_rev head;
	int rc = db_head_load(read, build->collection, &head, e);
	if (rc < 0)
		return rc;
	if (!schema_equal(&head.schema, &build->schema))
		return error_set(e, CEL_EBUSY, "the collection '%s' was made anew with another schema meanwhile",
				 build->collection);
	struct cid root;
	rc = update_tree(build, batch, read, &head, &root, e);
	if (rc < 0)
		return rc;
	cid_format(&root, build->result.tree);
	if (cid_equal(&root, &head.commit.tree)) {
		cid_format(&head.cid, build->result.commit);
		return 0;
	}
	return put_commit(build, batch, read, &head, &root, e);
}

static int commit_rows(struct cel_build *build, struct cel_error *e)
{
	struct store_batch *batch;
	int rc = tell_start(build, "sort", "rows", edits_count(build->edits), e);
	if (rc == 0)
		rc = edits_finish(build->edits, e);
	if (rc == 0 && build->store->lock_wait != 0)
		rc = tell_start(build, "lock", "", 0, e);
	if (rc < 0)
		return rc;
	rc = store_batch_begin(build->store->store, build->store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	store_batch_set_limits(batch, batch_memory(build->options.memory), db_thread_count(build->options.threads));
	struct store_read *read;
	rc = store_read_begin(build->store->store, &read, e);
	if (rc == 0) {
		rc = build_tree(build, batch, read, e);
		store_read_end(read);
	}
	store_batch_free(batch);
	return rc;
}

static int build_index(struct cel_build *build, struct cel_error *e)
{
	const struct cel_build_options *options = &build->options;
	struct cel_index_options index = {.M = options->M,
					  .ef_construction = options->ef_construction,
					  .threads = options->threads,
					  .on_progress = options->on_progress,
					  .context = options->context};
	int rc = index_follow(build->store, build->result.commit, &index, e);
	if (rc < 0)
		error_context(e, "commit %s stands, but its index was not built", build->result.commit);
	return rc;
}

int cel_build_commit(struct cel_build *build, struct cel_build_result *out, struct cel_error *e)
{
	if (build->is_ended)
		return error_set(e, CEL_EUSAGE, "the build has ended");
	build->is_ended = true;
	double start = seconds_now();
	int rc = commit_rows(build, e);
	if (build->is_duplicate_bad)
		build->result.skipped += edits_duplicates(build->edits);
	else
		build->result.duplicates = edits_duplicates(build->edits);
	build->result.build_seconds = seconds_now() - start;
	edits_free(build->edits); /* its memory is the index's now */
	build->edits = NULL;
	if (rc == 0 && !build->options.is_without_index) {
		start = seconds_now();
		rc = build_index(build, e);
		build->result.index_seconds = seconds_now() - start;
	}
	*out = build->result;
	return rc;
}
