/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing of another store is taken over as it stands. A commit is decoded, its schema compared, its generation too (by the
 * walk that found it), and it is encoded again, which must give the same CID. A tree is not copied node by node: its
 * records go through the same door as those of a file (changes_apply). */
#include "import.h"

#include "changes.h"
#include "error.h"

static int import_commit(const struct import *in, const struct cid *cid, struct cel_error *e)
{
	struct commit commit;
	struct cid written;
	char text[CEL_CID_TEXT_SIZE];
	int rc = commit_read(in->theirs, cid, &commit, e);
	if (rc == CEL_ENOTFOUND) /* left by a batch that was cut off; its own tip was not */
		rc = commit_read(in->ours, cid, &commit, e);
	if (rc < 0)
		return rc;
	cid_format(cid, text);
	if (!cid_equal(&commit.schema, in->schema))
		return error_set(e, CEL_EDATA, "commit %s has another schema than its descendants", text);
	rc = commit_put(in->batch, &commit, &written, e);
	if (rc == 0 && !cid_equal(&written, cid))
		return error_set(e, CEL_EDATA, "commit %s is not in its canonical form", text);
	return rc;
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

int import_tree(const struct import *in, const struct db_rev *tip, const struct cid *near, struct cel_error *e)
{
	struct changes changes;
	int rc = db_rev_has_tree(in->ours, tip, e);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = db_rev_need_tree(in->theirs, tip, e);
	if (rc < 0 || in->ours == in->theirs)
		return rc;
	rc = changes_of_trees(in->ours, near, in->theirs, &tip->commit.tree, &changes, e);
	if (rc < 0)
		return rc;
	rc = changes_apply(in->batch, in->ours, near, &changes, &tip->schema, &tip->commit.tree, NULL, e);
	changes_of_trees_free(&changes);
	return rc;
}
