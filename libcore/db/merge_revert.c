/* SPDX-License-Identifier: Apache-2.0 */
/* Taking back a commit is a merge whose base is the commit and whose other side is its parent: what it changed goes back, and what
 * was changed again since is a conflict. */
#include <stdio.h>

#include "ancestry.h"
#include "error.h"
#include "merging.h"
#include "rev.h"

static int choose_parent(const struct merging *m, const struct db_rev *rev, const char *wanted, struct db_rev *out,
			 struct cel_error *e)
{
	const struct commit *commit = &rev->commit;
	char text[CEL_CID_TEXT_SIZE], first[CEL_CID_TEXT_SIZE], second[CEL_CID_TEXT_SIZE];
	cid_format(&rev->cid, text);
	if (commit->n_parents == 0)
		return error_set(e, CEL_EUSAGE, "commit %s has no parent to go back to", text);
	cid_format(&commit->parents[0], first);
	if (commit->n_parents == 2)
		cid_format(&commit->parents[1], second);
	if (wanted == NULL && commit->n_parents == 2)
		return error_set(e, CEL_EUSAGE, "commit %s is a merge: name the parent to go back to, %s or %s", text, first, second);
	struct cid parent = commit->parents[0];
	int rc = wanted != NULL ? rev_resolve(m->ours, wanted, &parent, e) : 0;
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < commit->n_parents; i++)
		if (cid_equal(&parent, &commit->parents[i]))
			return db_rev_load(m->ours, &parent, out, e);
	return error_set(e, CEL_EUSAGE, "'%.200s' is no parent of commit %s", wanted, text);
}

static int revert(struct merging *m, const char *text, const char *wanted, struct cel_error *e)
{
	struct db_rev rev, parent;
	struct cid root;
	char cid[CEL_CID_TEXT_SIZE], message[STORE_REF_MAX];
	int rc = merging_begin(m, NULL, !m->options.is_dry_run, e);
	if (rc == 0)
		rc = db_rev_resolve_tree(m->ours, text, &rev, e);
	if (rc < 0)
		return rc;
	cid_format(&rev.cid, cid);
	rc = ancestry_has(m->ours, NULL, &m->head.cid, &rev.cid, e);
	if (rc == 0)
		return error_set(e, CEL_EUSAGE, "commit %s is not in the history of '%s'", cid, m->collection);
	if (rc > 0)
		rc = choose_parent(m, &rev, wanted, &parent, e);
	if (rc == 0)
		rc = db_rev_need_tree(m->ours, &parent, e);
	if (rc == 0)
		rc = merge_base_of_tree(m->ours, &rev.commit.tree, &m->base, e);
	if (rc == 0)
		rc = merging_trees(m, &parent.commit.tree, &root, e);
	if (rc < 0)
		return rc;
	snprintf(message, sizeof message, "revert %s", cid);
	return merging_commit_tree(m, &root, message, m->options.message != NULL ? m->options.message : message, e);
}

int cel_revert(struct cel_store *store, const char *collection, const char *rev, const char *parent,
	       const struct cel_merge_options *options, struct cel_merge_result *out, struct cel_error *e)
{
	struct merging m;
	int rc = merging_init(&m, store, collection, options, out, e);
	if (rc == 0 && m.options.policy == CEL_POLICY_NEWEST)
		rc = error_set(e, CEL_EUSAGE, "the policy newest goes with two lines of history, not with taking back a commit");
	if (rc == 0)
		rc = revert(&m, rev, parent, e);
	return merging_finish(&m, rc, e);
}
