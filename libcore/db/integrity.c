/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a commit: its tree node by node, and every record against the rules that it was let in by. */
#include "db.h"
#include "error.h"
#include "metadata.h"
#include "record.h"
#include "tree.h"

struct check {
	struct store_read *read;
	const struct cel_schema *schema;
	uint64_t records;
};

static int check_record(void *context, const struct prolly_entry *entry, struct cel_error *e)
{
	struct check *check = context;
	struct slice vector, metadata;
	int rc = prolly_value_bytes(check->read, &entry->vector, &vector, e);
	if (rc == 0)
		rc = record_check_vector(check->schema, vector, e);
	if (rc == 0)
		rc = prolly_value_bytes(check->read, &entry->metadata, &metadata, e);
	if (rc == 0 && metadata.size > 0)
		rc = metadata_check(metadata, e);
	if (rc < 0) {
		error_context(e, "record '%.*s'", (int)entry->id.size, (const char *)entry->id.data);
		return rc == CEL_EDATA ? CEL_ECORRUPT : rc;
	}
	check->records++;
	return 0;
}

int cel_check(struct cel_store *store, const char *rev, uint64_t *records, struct cel_error *e)
{
	struct cel_error own;
	if (e == NULL)
		e = &own;
	struct store_read *read;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	struct db_rev found;
	rc = db_rev_resolve_tree(read, rev, &found, e);
	struct check check = {.read = read, .schema = &found.schema};
	if (rc == 0)
		rc = prolly_check(read, &found.commit.tree, check_record, &check, e);
	store_read_end(read);
	*records = check.records;
	if (rc < 0)
		e->code = rc;
	return rc;
}
