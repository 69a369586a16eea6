/* SPDX-License-Identifier: Apache-2.0 */
/* Making and removing the names of collections. Removing takes away the ref only: the commits stay until gc, and the
 * ref log still knows where the name was. */
#include <stdio.h>
#include <time.h>

#include "db.h"
#include "error.h"
#include "record.h"

int cel_collection_create(struct cel_store *store, const char *name, const struct cel_schema *schema,
			  struct cel_error *e)
{
	char ref[DB_REF_MAX];
	int rc = db_head_ref(name, ref, e);
	if (rc == 0)
		rc = schema_check(schema, e);
	if (rc < 0)
		return rc;
	struct store_batch *batch;
	rc = store_batch_begin(store->store, store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	struct store_ref_update update = {.ref = ref, .has_new = true, .message = "create"};
	rc = commit_put_genesis(batch, schema, &update.new, e);
	if (rc == 0)
		rc = store_batch_commit(batch, NULL, &update, 1, (int64_t)time(NULL), e);
	if (rc == CEL_EBUSY) /* this batch holds the writer lock, so the ref was there before */
		rc = error_set(e, CEL_ECANTCREAT, "there is a collection '%s' already", name);
	store_batch_free(batch);
	return rc;
}

int cel_collection_delete(struct cel_store *store, const char *name, struct cel_error *e)
{
	struct store_batch *batch;
	int rc = store_batch_begin(store->store, store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	struct store_read *read;
	rc = store_read_begin(store->store, &read, e);
	if (rc == 0) {
		struct store_ref_update update = {.has_old = true, .message = "delete"};
		char ref[DB_REF_MAX];
		rc = db_head_cid(read, name, ref, &update.old, e);
		update.ref = ref;
		store_read_end(read);
		if (rc == 0)
			rc = store_batch_commit(batch, NULL, &update, 1, (int64_t)time(NULL), e);
	}
	store_batch_free(batch);
	return rc;
}
