/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from elsewhere is believed twice over: record by record, by the rules that rows of a file obey, and as a whole,
 * since the tree that is built here must be the one that was announced. The tree's shape follows from its ids, so equal
 * roots also say that the other side's nodes were what they should be. */
#include "changes.h"

#include "error.h"
#include "metadata.h"
#include "record.h"
#include "update.h"

int change_check(const struct change *change, const struct cel_schema *schema, struct cel_error *e)
{
	int rc = record_check_id(change->id, e);
	if (rc < 0 || change->is_delete)
		return rc;
	rc = record_check_vector(schema, change->vector, e);
	if (rc == 0 && change->metadata.size > 0)
		rc = metadata_check(change->metadata, e);
	if (rc < 0)
		error_context(e, "record '%.*s'", (int)change->id.size, (const char *)change->id.data);
	return rc;
}

static int apply_change(struct prolly_update *update, const struct change *change, const struct cel_schema *schema,
			struct cel_error *e)
{
	int rc = change_check(change, schema, e);
	if (rc < 0)
		return rc;
	if (change->is_delete)
		return prolly_update_delete(update, change->id, e);
	struct prolly_entry entry = {
		.id = change->id, .vector.bytes = change->vector, .metadata.bytes = change->metadata};
	return prolly_update_put(update, &entry, e);
}

int changes_apply(struct store_batch *batch, struct store_read *read, const struct cid *base, const struct changes *changes,
		  const struct cel_schema *schema, const struct cid *expected, struct prolly_update_stats *stats,
		  struct cel_error *e)
{
	struct prolly_update *update;
	struct prolly_update_stats own;
	struct change change;
	struct cid root;
	int rc = prolly_update_new(batch, read, base, &update, e);
	if (rc < 0)
		return rc;
	while (rc == 0 && (rc = changes->next(changes->context, &change, e)) > 0)
		rc = apply_change(update, &change, schema, e);
	if (rc == 0)
		rc = prolly_update_finish(update, &root, stats != NULL ? stats : &own, e);
	prolly_update_free(update);
	if (rc < 0 || cid_equal(&root, expected))
		return rc;
	char made[CEL_CID_TEXT_SIZE], announced[CEL_CID_TEXT_SIZE];
	cid_format(&root, made);
	cid_format(expected, announced);
	return error_set(e, CEL_EDATA, "the records make the tree %s, not %s as was announced", made, announced);
}
