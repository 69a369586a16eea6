/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing of another store is taken over as it stands. A commit is decoded, its schema compared, its generation too (by the
 * walk that found it), and it is encoded again, which must give the same CID. A tree is not copied node by node: the records
 * in which it differs from its parent's tree go through the same door as those of a file (changes_apply), and must make that
 * tree. So history comes over at the cost of its changes, and whether some block happens to be here already is not asked:
 * it may have been left by a batch that was cut off, without what it links. */
#include "import.h"

#include "changes.h"
#include "digest_set.h"
#include "error.h"

int import_put(struct store_batch *batch, const struct cid *schema, const struct cid *cid, const struct commit *commit,
	       struct cel_error *e)
{
	struct cid written;
	char text[CEL_CID_TEXT_SIZE];
	cid_format(cid, text);
	if (!cid_equal(&commit->schema, schema))
		return error_set(e, CEL_EDATA, "commit %s has another schema than its descendants", text);
	int rc = commit_put(batch, commit, &written, e);
	if (rc == 0 && !cid_equal(&written, cid))
		return error_set(e, CEL_EDATA, "commit %s is not in its canonical form", text);
	return rc;
}

static int import_commit(const struct import *in, const struct cid *cid, struct cel_error *e)
{
	struct commit commit;
	int rc = commit_read(in->theirs, cid, &commit, e);
	if (rc == CEL_ENOTFOUND) /* left by a batch that was cut off; its own tip was not */
		rc = commit_read(in->ours, cid, &commit, e);
	return rc < 0 ? rc : import_put(in->batch, in->schema, cid, &commit, e);
}

int import_commits(const struct import *in, const struct ancestry *ancestry, struct cel_error *e)
{
	int rc = 0;
	if (in->ours == in->theirs)
		return 0;
	for (size_t i = ancestry->n_missing; i > 0 && rc == 0; i--)
		rc = import_commit(in, &ancestry->missing[i - 1], e);
	return rc;
}

/* ---- trees */

struct origin {
	struct store_read *read;
	struct cid tree;
};

/* The tree of a parent of the commit, if we have it: since before, or since it was imported, when the other store has it
 * and the batch what was new in it. imported: those that came, each with whether its tree did. */
static int find_origin(const struct import *in, const struct digest_set *imported, const struct commit *commit,
		       struct origin *out, struct cel_error *e)
{
	for (uint32_t p = 0; p < commit->n_parents; p++) {
		struct db_rev parent;
		const bool *is_here = digest_set_value(imported, commit->parents[p].digest);
		if (is_here != NULL && !*is_here)
			continue;
		struct store_read *read = is_here != NULL ? in->theirs : in->ours;
		int rc = db_rev_load(read, &commit->parents[p], &parent, e);
		if (rc == 0)
			rc = db_rev_has_tree(read, &parent, e);
		if (rc < 0)
			return rc;
		if (rc > 0) {
			*out = (struct origin){read, parent.commit.tree};
			return 0;
		}
	}
	return 0;
}

static int import_tree(const struct import *in, const struct db_rev *rev, const struct origin *from, struct cel_error *e)
{
	struct changes changes;
	int rc = changes_of_trees(from->read, &from->tree, in->theirs, &rev->commit.tree, &changes, e);
	if (rc < 0)
		return rc;
	rc = changes_apply(in->batch, from->read, &from->tree, &changes, &rev->schema, &rev->commit.tree, NULL, e);
	changes_of_trees_free(&changes);
	return rc;
}

/* 1 if the tree of the commit is here now, 0 if the other store has none. */
static int import_tree_of(const struct import *in, const struct digest_set *imported, const struct cid *commit,
			  const struct cid *near, struct cel_error *e)
{
	struct db_rev rev;
	struct origin from = {in->ours, *near};
	int rc = db_rev_load(in->theirs, commit, &rev, e);
	if (rc == CEL_ENOTFOUND)
		return 0;
	if (rc == 0)
		rc = db_rev_has_tree(in->theirs, &rev, e);
	if (rc <= 0)
		return rc;
	rc = find_origin(in, imported, &rev.commit, &from, e);
	if (rc == 0)
		rc = import_tree(in, &rev, &from, e);
	if (rc < 0) {
		char text[CEL_CID_TEXT_SIZE];
		cid_format(commit, text);
		error_context(e, "the tree of commit %s", text);
		return rc;
	}
	return 1;
}

int import_trees(const struct import *in, const struct ancestry *ancestry, const struct cid *near, struct cel_error *e)
{
	if (in->ours == in->theirs || ancestry->n_missing == 0)
		return 0;
	struct digest_set imported = {.value_size = sizeof(bool)};
	int rc = 0;
	for (size_t i = ancestry->n_missing; i-- > 0 && rc >= 0;) {
		const struct cid *commit = &ancestry->missing[i];
		rc = digest_set_add(&imported, commit->digest, e);
		int is_here = rc < 0 ? rc : import_tree_of(in, &imported, commit, near, e);
		if (is_here > 0)
			*(bool *)digest_set_value(&imported, commit->digest) = true;
		rc = is_here;
	}
	digest_set_release(&imported);
	return rc < 0 ? rc : 0;
}
