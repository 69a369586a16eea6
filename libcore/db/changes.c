/* SPDX-License-Identifier: Apache-2.0 */
/* Two trees as a stream of changes: the diff's walk, with the values of the new side read from their blocks. */
#include "changes.h"

#include "alloc.h"
#include "diff.h"
#include "error.h"

struct trees {
	struct prolly_diff *diff;
	struct store_read *read_b;
};

static int trees_next(void *context, struct change *out, struct cel_error *e)
{
	struct trees *t = context;
	struct prolly_change c;
	*out = (struct change){0};
	int rc = prolly_diff_next(t->diff, &c, e);
	if (rc <= 0)
		return rc;
	out->is_delete = c.kind == PROLLY_DELETED;
	out->id = out->is_delete ? c.before.id : c.after.id;
	if (out->is_delete)
		return 1;
	rc = prolly_value_bytes(t->read_b, &c.after.vector, &out->vector, e);
	if (rc == 0)
		rc = prolly_value_bytes(t->read_b, &c.after.metadata, &out->metadata, e);
	return rc < 0 ? rc : 1;
}

int changes_of_trees(struct store_read *read_a, const struct cid *root_a, struct store_read *read_b,
		     const struct cid *root_b, struct changes *out, struct cel_error *e)
{
	*out = (struct changes){0};
	struct trees *t = mem_calloc(1, sizeof *t);
	if (t == NULL)
		return error_nomem(e, sizeof *t);
	int rc = prolly_diff_new(read_a, root_a, read_b, root_b, &t->diff, e);
	if (rc < 0) {
		mem_free(t);
		return rc;
	}
	t->read_b = read_b;
	*out = (struct changes){trees_next, t};
	return 0;
}

int changes_of_trees_seek(struct changes *changes, struct slice after, struct cel_error *e)
{
	struct trees *t = changes->context;
	return prolly_diff_seek(t->diff, after, e);
}

void changes_of_trees_free(struct changes *changes)
{
	struct trees *t = changes->context;
	if (t == NULL)
		return;
	prolly_diff_free(t->diff);
	mem_free(t);
	*changes = (struct changes){0};
}
