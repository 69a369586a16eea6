/* SPDX-License-Identifier: Apache-2.0 */
/* Merging another line of history into a collection. How the two tips lie to each other says what is to be done:
 *
 *     theirs is behind ours         nothing
 *     ours is behind theirs         go there
 *     equal trees                   the one of the larger (generation, CID) counts, on both sides
 *     else                          merge the records, commit with both tips as parents
 *
 * The merge commit has nothing in it but what both sides know, so it is the same commit whoever makes it. What comes from another
 * store goes into the same batch as the new head, which remembers the other tip as merged/NAME/STORE/THEIRS: from then on
 * its tree, the base of the next merge, is never forgotten. */
#include <stdio.h>

#include "error.h"
#include "forgotten.h"
#include "import.h"
#include "merging.h"
#include "record.h"

enum { UPDATES_MAX = 4 };

struct ref_updates {
	struct store_ref_update list[UPDATES_MAX];
	char names[UPDATES_MAX][STORE_REF_MAX];
	size_t n;
	char message[STORE_REF_MAX];
};

static bool is_later(const struct db_rev *a, const struct db_rev *b)
{
	if (a->commit.time != b->commit.time)
		return a->commit.time > b->commit.time;
	return cid_compare(&a->cid, &b->cid) > 0;
}

static bool is_larger(const struct db_rev *a, const struct db_rev *b)
{
	if (a->commit.generation != b->commit.generation)
		return a->commit.generation > b->commit.generation;
	return cid_compare(&a->cid, &b->cid) > 0;
}

static enum cel_merge_outcome classify(const struct merging *m, const struct db_rev *tip, const struct ancestry *ancestry)
{
	if (ancestry->n_missing == 0)
		return CEL_MERGE_UP_TO_DATE;
	if (ancestry->n_bases == 1 && cid_equal(&ancestry->bases[0], &m->head.cid))
		return CEL_MERGE_FAST_FORWARD;
	if (cid_equal(&m->head.commit.tree, &tip->commit.tree))
		return is_larger(tip, &m->head) ? CEL_MERGE_ADOPTED : CEL_MERGE_KEPT;
	return CEL_MERGE_MERGED;
}

/* ---- refs */

static void update_to(struct ref_updates *u, const char *ref, const struct cid *old, const struct cid *new)
{
	struct store_ref_update *update = &u->list[u->n];
	snprintf(u->names[u->n], STORE_REF_MAX, "%s", ref);
	*update = (struct store_ref_update){.ref = u->names[u->n], .has_old = old != NULL, .has_new = new != NULL,
					    .message = u->message};
	if (old != NULL)
		update->old = *old;
	if (new != NULL)
		update->new = *new;
	u->n++;
}

/* The other side by its name there if it is a collection, else by its commit. */
static int merged_ref(const struct merging *m, const char *rev, const struct cid *tip, char out[STORE_REF_MAX],
		      struct cel_error *e)
{
	uint8_t id[STORE_ID_SIZE];
	char hex[2 * STORE_ID_SIZE + 1], name[CEL_CID_TEXT_SIZE + CEL_NAME_MAX], ref[DB_REF_MAX];
	struct cid head;
	if (m->options.origin != NULL) { /* STORE/THEIRS already */
		snprintf(out, STORE_REF_MAX, "merged/%s/%s", m->collection, m->options.origin);
		return 0;
	}
	int rc = m->theirs == m->ours ? store_batch_id(m->batch, id, e) : store_read_id(m->theirs, id, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < STORE_ID_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", id[i]);
	cid_format(tip, name);
	if (db_head_ref(rev, ref, NULL) == 0 && store_read_ref(m->theirs, ref, &head, NULL) == 0)
		snprintf(name, sizeof name, "%s", rev);
	snprintf(out, STORE_REF_MAX, "merged/%s/%s/%s", m->collection, hex, name);
	return 0;
}

static int update_merged(const struct merging *m, struct ref_updates *u, const char *rev, const struct cid *tip,
			 struct cel_error *e)
{
	char ref[STORE_REF_MAX];
	struct cid old;
	int rc = merged_ref(m, rev, tip, ref, e);
	if (rc < 0)
		return rc;
	rc = store_read_ref(m->ours, ref, &old, e);
	if (rc < 0 && rc != CEL_ENOTFOUND)
		return rc;
	if (rc < 0 || !cid_equal(&old, tip))
		update_to(u, ref, rc < 0 ? NULL : &old, tip);
	return 0;
}

/* A commit whose tree is in use again is no forgotten one. */
static int update_remembered(const struct merging *m, struct ref_updates *u, const struct cid *commit, struct cel_error *e)
{
	int rc = forgotten_has(m->ours, commit, e);
	if (rc <= 0)
		return rc;
	u->list[u->n] = forgotten_unmark(commit, u->names[u->n]);
	u->n++;
	return 0;
}

/* ---- the four cases */

/* Nothing is to be done but to remember the other tip, if its tree is still here. */
static int stay(struct merging *m, const char *rev, const struct db_rev *tip, struct cel_error *e)
{
	struct ref_updates u = {.message = "merge"};
	int rc = prolly_count(m->ours, &m->head.commit.tree, &m->result->records, e);
	bool is_itself = m->theirs == m->ours && cid_equal(&tip->cid, &m->head.cid);
	if (rc < 0 || m->batch == NULL || m->result->outcome == CEL_MERGE_KEPT || is_itself)
		return rc;
	rc = db_rev_has_tree(m->ours, tip, e);
	if (rc > 0)
		rc = update_merged(m, &u, rev, &tip->cid, e);
	return rc < 0 || u.n == 0 ? rc : merging_commit(m, NULL, u.list, u.n, e);
}

/* The collection goes to this commit, whose tree is in our store or in the batch. */
static int move(struct merging *m, const char *rev, const struct db_rev *tip, const struct cid *to, const struct cid *root,
		struct cel_error *e)
{
	struct ref_updates u = {0};
	snprintf(u.message, sizeof u.message, "merge %.200s", rev);
	update_to(&u, m->ref, &m->head.cid, to);
	int rc = update_merged(m, &u, rev, &tip->cid, e);
	if (rc == 0)
		rc = update_remembered(m, &u, &tip->cid, e);
	if (rc == 0 && !cid_equal(to, &tip->cid))
		rc = update_remembered(m, &u, to, e);
	struct cid commit = *to, tree = *root; /* they may live in a snapshot */
	if (rc == 0)
		rc = merging_commit(m, &tree, u.list, u.n, e);
	if (rc < 0)
		return rc;
	m->result->is_moved = true;
	cid_format(&commit, m->result->commit);
	cid_format(&tree, m->result->tree);
	return 0;
}

static int import(struct merging *m, const struct ancestry *ancestry, struct cel_error *e)
{
	struct import in = {.batch = m->batch, .ours = m->ours, .theirs = m->theirs, .schema = &m->head.commit.schema};
	struct db_rev base;
	const struct cid *near = &m->head.commit.tree;
	if (ancestry->n_bases > 0 && db_rev_load(m->ours, &ancestry->bases[0], &base, NULL) == 0 &&
	    db_rev_has_tree(m->ours, &base, NULL) > 0)
		near = &base.commit.tree;
	int rc = import_commits(&in, ancestry, e);
	return rc < 0 ? rc : import_trees(&in, ancestry, near, e);
}

static int go_there(struct merging *m, const char *rev, const struct db_rev *tip, const struct ancestry *ancestry,
		    struct cel_error *e)
{
	struct prolly_diff_counts counts = {0};
	bool is_adopted = m->result->outcome == CEL_MERGE_ADOPTED; /* the tree is the head's */
	struct store_read *read = is_adopted ? m->ours : m->theirs;
	int rc = is_adopted ? 0 : db_rev_need_tree(read, tip, e);
	if (rc == 0 && !m->options.is_without_counts)
		rc = prolly_diff_count(m->ours, &m->head.commit.tree, read, &tip->commit.tree, &counts, e);
	if (rc == 0)
		rc = prolly_count(read, &tip->commit.tree, &m->result->records, e);
	m->result->added = counts.added;
	m->result->replaced = counts.changed;
	m->result->deleted = counts.deleted;
	if (rc == 0 && m->batch != NULL)
		rc = import(m, ancestry, e);
	if (rc < 0)
		return rc;
	cid_format(&tip->cid, m->result->commit);
	cid_format(&tip->commit.tree, m->result->tree);
	return m->batch == NULL ? 0 : move(m, rev, tip, &tip->cid, &tip->commit.tree, e);
}

static int put_merge_commit(struct merging *m, const struct db_rev *tip, const struct cid *root, struct cid *out,
			    struct cel_error *e)
{
	const struct commit *a = &m->head.commit, *b = &tip->commit;
	struct commit commit = {
		.schema = a->schema,
		.tree = *root,
		.parents = {m->head.cid, tip->cid},
		.n_parents = 2,
		.generation = 1 + (a->generation > b->generation ? a->generation : b->generation),
		.time = a->time > b->time ? a->time : b->time,
	};
	return commit_put(m->batch, &commit, out, e);
}

static int merge_records(struct merging *m, const char *rev, const struct db_rev *tip, const struct ancestry *ancestry,
			 struct cel_error *e)
{
	struct store_read *other = m->theirs != m->ours ? m->theirs : NULL;
	struct cid root, commit;
	m->is_theirs_newer = is_later(tip, &m->head);
	int rc = db_rev_need_tree(m->theirs, tip, e);
	if (rc == 0 && m->batch != NULL) /* before anything of it is used: it is checked there */
		rc = import(m, ancestry, e);
	if (rc == 0)
		rc = merge_base_new(m->ours, other, ancestry->bases, ancestry->n_bases, &m->base, e);
	if (rc == 0)
		rc = merging_trees(m, &tip->commit.tree, &root, e);
	if (rc < 0 || merging_has_failed(m))
		return rc;
	if (m->batch == NULL) {
		m->result->commit[0] = m->result->tree[0] = '\0';
		return 0;
	}
	rc = put_merge_commit(m, tip, &root, &commit, e);
	return rc < 0 ? rc : move(m, rev, tip, &commit, &root, e);
}

static int merge_tips(struct merging *m, const char *rev, const struct db_rev *tip, struct ancestry *ancestry,
		      struct cel_error *e)
{
	struct store_read *other = m->theirs != m->ours ? m->theirs : NULL;
	int rc = ancestry_find(m->ours, other, &m->head.cid, 1, &tip->cid, ancestry, e);
	if (rc < 0)
		return rc;
	m->result->n_bases = (uint32_t)ancestry->n_bases;
	m->result->commits = ancestry->n_missing;
	if (ancestry->n_bases > 0)
		cid_format(&ancestry->bases[0], m->result->base);
	cid_format(&tip->cid, m->result->theirs);
	m->result->outcome = classify(m, tip, ancestry);
	switch (m->result->outcome) {
	case CEL_MERGE_FAST_FORWARD:
	case CEL_MERGE_ADOPTED:
		return go_there(m, rev, tip, ancestry, e);
	case CEL_MERGE_MERGED:
		return merge_records(m, rev, tip, ancestry, e);
	default:
		return stay(m, rev, tip, e);
	}
}

static int merge(struct merging *m, struct cel_store *theirs, const char *rev, struct cel_error *e)
{
	struct db_rev tip;
	struct ancestry ancestry = {0};
	int rc = merging_begin(m, theirs, !m->options.is_dry_run, e);
	if (rc == 0)
		rc = db_rev_resolve(m->theirs, rev, &tip, e);
	if (rc == 0 && (rc = db_schemas_agree(&m->head.schema, &tip.schema, e)) < 0)
		error_context(e, "'%s' and '%.200s' cannot be merged", m->collection, rev);
	if (rc == 0)
		rc = merge_tips(m, rev, &tip, &ancestry, e);
	ancestry_release(&ancestry);
	return rc;
}

int cel_merge(struct cel_store *store, const char *collection, struct cel_store *theirs, const char *rev,
	      const struct cel_merge_options *options, struct cel_merge_result *out, struct cel_error *e)
{
	struct merging m;
	int rc = merging_init(&m, store, collection, options, out, e);
	if (rc == 0)
		rc = merge(&m, theirs, rev, e);
	return merging_finish(&m, rc, e);
}
