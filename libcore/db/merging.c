/* SPDX-License-Identifier: Apache-2.0 */
/* The writer lock is held from before the head is read until the commit, so the head cannot move meanwhile and nothing is
 * ever retried; everything that may wait for a pipe comes before or after. Snapshots end before the commit, which may have to enlarge
 * LMDB's map. Conflicts are told from a copy of their own (conflicts.h). */
#include "merging.h"

#include "clock.h"
#include "error.h"
#include "forgotten.h"
#include "index_make.h"
#include "tell.h"
#include "threeway.h"

#define PROGRESS_RECORDS 8192u

int cel_policy_parse(const char *name, enum cel_policy *out, struct cel_error *e)
{
	static const char *const NAMES[] = {[CEL_POLICY_FAIL] = "fail", [CEL_POLICY_OURS] = "ours",
					    [CEL_POLICY_THEIRS] = "theirs", [CEL_POLICY_NEWEST] = "newest"};
	for (int i = 0; i < 4; i++) {
		if (strcmp(name, NAMES[i]) == 0) {
			*out = (enum cel_policy)i;
			return 0;
		}
	}
	return error_set(e, CEL_EUSAGE, "'%.100s' is no policy: fail, ours, theirs or newest is", name);
}

int merging_init(struct merging *m, struct cel_store *store, const char *collection,
		 const struct cel_merge_options *options, struct cel_merge_result *result, struct cel_error *e)
{
	*m = (struct merging){.store = store, .collection = collection, .result = result, .options = {.time = -1},
			      .start = seconds_now()};
	*result = (struct cel_merge_result){0};
	if (options != NULL)
		m->options = *options;
	if (store->is_read_only && !m->options.is_dry_run)
		return error_set(e, CEL_EPERMISSION, "the store is open for reading only");
	return conflicts_new(store_find_tmp, store->store, &m->conflicts, e);
}

int merging_begin(struct merging *m, struct cel_store *theirs, bool is_writing, struct cel_error *e)
{
	int rc = tell_phase(m->options.on_progress, m->options.context, "merge", "records", 0, e);
	if (rc == 0 && is_writing)
		rc = store_batch_begin(m->store->store, m->store->lock_wait, &m->batch, e);
	if (rc == 0)
		rc = store_read_begin(m->store->store, &m->ours, e);
	if (rc == 0 && theirs != NULL && theirs != m->store)
		rc = store_read_begin(theirs->store, &m->theirs, e);
	else if (rc == 0)
		m->theirs = m->ours;
	if (rc == 0)
		rc = db_head_load(m->ours, m->collection, &m->head, e);
	if (rc == 0)
		rc = db_head_ref(m->collection, m->ref, e);
	if (rc == 0)
		rc = db_rev_need_tree(m->ours, &m->head, e);
	if (rc < 0) {
		merging_end(m);
		return rc;
	}
	m->schema = m->head.schema;
	cid_format(&m->head.cid, m->result->ours);
	cid_format(&m->head.cid, m->result->commit);
	cid_format(&m->head.commit.tree, m->result->tree);
	return 0;
}

static void end_reading(struct merging *m)
{
	prolly_update_free(m->update);
	merge_base_free(m->base);
	if (m->theirs != m->ours)
		store_read_end(m->theirs);
	store_read_end(m->ours);
	m->update = NULL;
	m->base = NULL;
	m->ours = m->theirs = NULL;
}

void merging_end(struct merging *m)
{
	end_reading(m);
	store_batch_free(m->batch);
	m->batch = NULL;
}

static int build_index(struct merging *m, struct cel_error *e)
{
	const struct cel_merge_options *options = &m->options;
	struct cel_index_options index = {.M = options->M, .ef_construction = options->ef_construction,
					  .threads = options->threads, .on_progress = options->on_progress,
					  .context = options->context};
	double start = seconds_now();
	int rc = index_follow(m->store, m->result->commit, &index, e);
	m->result->index_seconds = seconds_now() - start;
	if (rc < 0)
		error_context(e, "commit %s stands, but its index was not built", m->result->commit);
	return rc;
}

int merging_finish(struct merging *m, int rc, struct cel_error *e)
{
	merging_end(m);
	m->result->merge_seconds = seconds_now() - m->start;
	if (rc == 0 && m->options.on_conflict != NULL)
		rc = conflicts_tell(m->conflicts, &m->schema, m->options.on_conflict, m->options.context, e);
	conflicts_free(m->conflicts);
	m->conflicts = NULL;
	if (rc == 0 && m->result->is_moved && !m->options.is_without_index)
		rc = build_index(m, e);
	return rc;
}

int merging_open_update(struct merging *m, struct cel_error *e)
{
	return m->batch == NULL ? 0 : prolly_update_new(m->batch, m->ours, &m->head.commit.tree, &m->update, e);
}

int merging_close_update(struct merging *m, struct cid *root, struct cel_error *e)
{
	struct prolly_update_stats stats;
	*root = m->head.commit.tree;
	return m->update == NULL ? 0 : prolly_update_finish(m->update, root, &stats, e);
}

/* ---- records */

/* A linked value may be in either store. */
static int value_bytes(const struct merging *m, const struct prolly_value *value, struct slice *out, struct cel_error *e)
{
	int rc = value->is_link && m->theirs != m->ours ? store_read_has(m->ours, &value->link, e) : 1;
	return rc < 0 ? rc : prolly_value_bytes(rc > 0 ? m->ours : m->theirs, value, out, e);
}

static int fill_side(const struct merging *m, struct slice id, const struct prolly_record *record, struct cel_side *out,
		     struct cel_error *e)
{
	struct change whole = {.id = id};
	*out = (struct cel_side){.is_present = record->state == PROLLY_PRESENT};
	if (!out->is_present)
		return 0;
	int rc = value_bytes(m, &record->vector, &whole.vector, e);
	if (rc == 0)
		rc = value_bytes(m, &record->metadata, &whole.metadata, e);
	if (rc == 0)
		rc = change_check(&whole, &m->schema, e);
	if (rc < 0)
		return rc;
	out->vector = whole.vector.data;
	out->vector_size = whole.vector.size;
	out->metadata = (const char *)whole.metadata.data;
	out->metadata_size = whole.metadata.size;
	return 0;
}

static void fill_side_of_change(const struct change *change, struct cel_side *out)
{
	*out = (struct cel_side){.is_present = !change->is_delete,
				 .vector = change->vector.data,
				 .vector_size = change->vector.size,
				 .metadata = (const char *)change->metadata.data,
				 .metadata_size = change->metadata.size};
}

static enum cel_conflict_kind kind_of(const struct prolly_record *base, const struct prolly_record *ours,
				      const struct prolly_record *theirs)
{
	if (ours->state == PROLLY_ABSENT)
		return CEL_CONFLICT_OURS_DELETED;
	if (theirs->state == PROLLY_ABSENT)
		return CEL_CONFLICT_THEIRS_DELETED;
	return base->state == PROLLY_ABSENT ? CEL_CONFLICT_ADDED : CEL_CONFLICT_CHANGED;
}

static enum cel_decision decision_of(const struct merging *m)
{
	switch (m->options.policy) {
	case CEL_POLICY_OURS:
		return CEL_DECISION_OURS;
	case CEL_POLICY_THEIRS:
		return CEL_DECISION_THEIRS;
	case CEL_POLICY_NEWEST:
		return m->is_theirs_newer ? CEL_DECISION_THEIRS : CEL_DECISION_OURS;
	case CEL_POLICY_FAIL:
		break;
	}
	return CEL_DECISION_NONE;
}

int merging_decide(void *merging, struct slice id, const struct prolly_record *base, const struct prolly_record *ours,
		   const struct prolly_record *theirs, struct cel_error *e)
{
	struct merging *m = merging;
	struct cel_conflict conflict = {.id = id.data, .id_size = id.size, .kind = kind_of(base, ours, theirs),
					.decision = decision_of(m), .is_base_contested = base->state == PROLLY_CONTESTED};
	int rc = fill_side(m, id, base, &conflict.base, e);
	if (rc == 0)
		rc = fill_side(m, id, ours, &conflict.ours, e);
	if (rc == 0 && m->change != NULL)
		fill_side_of_change(m->change, &conflict.theirs);
	else if (rc == 0)
		rc = fill_side(m, id, theirs, &conflict.theirs, e);
	if (rc == 0)
		rc = conflicts_add(m->conflicts, &conflict, e);
	if (rc < 0)
		return rc;
	m->result->conflicts++;
	m->result->overruled_ours += conflict.decision == CEL_DECISION_THEIRS;
	m->result->overruled_theirs += conflict.decision == CEL_DECISION_OURS;
	return conflict.decision == CEL_DECISION_THEIRS ? PROLLY_THEIRS : PROLLY_OURS;
}

static int tell_merge(const struct merging *m, struct cel_error *e)
{
	struct cel_progress progress = {.phase = "merge", .unit = "records", .done = m->n_taken};
	return tell_progress(m->options.on_progress, m->options.context, &progress, e);
}

int merging_took(struct merging *m, struct cel_error *e)
{
	return ++m->n_taken % PROGRESS_RECORDS == 0 ? tell_merge(m, e) : 0;
}

static int ask_base(void *context, struct slice id, struct prolly_record *out, struct cel_error *e)
{
	struct merging *m = context;
	return merge_base_find(m->base, id, out, e);
}

static int take(void *context, const struct prolly_change *change, struct cel_error *e)
{
	struct merging *m = context;
	struct prolly_update *update = m->update;
	int rc = 0;
	if (update != NULL)
		rc = change->kind == PROLLY_SUBTREE   ? prolly_update_graft(update, &change->span, m->theirs, e)
		     : change->kind == PROLLY_DELETED ? prolly_update_delete(update, change->before.id, e)
		     : change->kind == PROLLY_CHANGED ? prolly_update_replace(update, &change->after, change->leaf, e)
						      : prolly_update_put(update, &change->after, e);
	return rc < 0 ? rc : merging_took(m, e);
}

static int merge_trees(struct merging *m, const struct cid *theirs, struct cid *root, struct cel_error *e)
{
	struct prolly_merge_counts counts;
	struct prolly_merge merge = {.read_ours = m->ours, .read_theirs = m->theirs, .ours = &m->head.commit.tree,
				     .theirs = theirs, .base = ask_base, .decide = merging_decide, .take = take, .context = m,
				     .is_without_counts = m->options.is_without_counts};
	struct cid base_root;
	int rc = merge_base_tree(m->base, &merge.read_base, &base_root, e);
	if (rc > 0)
		merge.base_root = &base_root;
	if (rc >= 0)
		rc = merging_open_update(m, e);
	if (rc == 0)
		rc = prolly_merge(&merge, &counts, e);
	if (rc == 0)
		rc = tell_merge(m, e);
	if (rc < 0)
		return rc;
	m->result->records = counts.records;
	if (!m->options.is_without_counts) {
		m->result->added = counts.added;
		m->result->replaced = counts.replaced;
		m->result->deleted = counts.deleted;
	}
	return merging_close_update(m, root, e);
}

/* Nothing is committed or told before the end, so until then hashes may wait. If a node is damaged, that is what is told,
 * whatever came of it. */
int merging_trees(struct merging *m, const struct cid *theirs, struct cid *root, struct cel_error *e)
{
	struct cel_error damage;
	store_read_defer(m->ours);
	if (m->theirs != m->ours)
		store_read_defer(m->theirs);
	int rc = merge_trees(m, theirs, root, e);
	int settled = store_read_settle(m->ours, &damage);
	int settled_theirs = m->theirs != m->ours ? store_read_settle(m->theirs, settled == 0 ? &damage : NULL) : 0;
	if (settled == 0)
		settled = settled_theirs;
	if (settled == 0)
		return rc;
	if (e != NULL)
		*e = damage;
	return settled;
}

/* ---- the end */

bool merging_has_failed(struct merging *m)
{
	if (m->options.policy != CEL_POLICY_FAIL || m->result->conflicts == 0)
		return false;
	m->result->outcome = CEL_MERGE_CONFLICTS;
	return true;
}

int merging_commit(struct merging *m, const struct cid *root, const struct store_ref_update *updates, size_t n,
		   struct cel_error *e)
{
	end_reading(m);
	int rc = tell_phase(m->options.on_progress, m->options.context, "commit", "", 0, e);
	if (rc == 0)
		rc = store_batch_commit(m->batch, root, updates, n, (int64_t)time(NULL), e);
	merging_end(m);
	return rc;
}

int merging_commit_tree(struct merging *m, const struct cid *root, const char *reason, const char *message,
			struct cel_error *e)
{
	const struct cel_merge_options *options = &m->options;
	if (merging_has_failed(m))
		return 0;
	bool is_same = m->batch != NULL && cid_equal(root, &m->head.commit.tree);
	if (m->batch == NULL)
		is_same = m->n_taken == 0;
	m->result->outcome = is_same ? CEL_MERGE_UNCHANGED : CEL_MERGE_MERGED;
	if (is_same)
		return 0;
	m->result->commit[0] = m->result->tree[0] = '\0';
	if (options->is_dry_run)
		return 0;
	struct commit commit = {
		.schema = m->head.commit.schema,
		.tree = *root,
		.parents[0] = m->head.cid,
		.n_parents = 1,
		.generation = m->head.commit.generation + 1,
		.time = (uint64_t)(options->time >= 0 ? options->time : (int64_t)time(NULL)),
		.author = slice_text(options->author != NULL ? options->author : ""),
		.message = slice_text(message != NULL ? message : ""),
	};
	char forgotten[FORGOTTEN_REF_MAX];
	struct cid cid;
	int rc = commit_put(m->batch, &commit, &cid, e);
	if (rc == 0)
		rc = forgotten_has(m->ours, &cid, e); /* the same commit may have been there before */
	if (rc < 0)
		return rc;
	struct store_ref_update updates[2] = {
		{.ref = m->ref, .has_old = true, .has_new = true, .old = m->head.cid, .new = cid, .message = reason},
		forgotten_unmark(&cid, forgotten),
	};
	rc = merging_commit(m, root, updates, rc == 1 ? 2 : 1, e);
	if (rc < 0)
		return rc;
	m->result->is_moved = true;
	cid_format(&cid, m->result->commit);
	cid_format(root, m->result->tree);
	return 0;
}
