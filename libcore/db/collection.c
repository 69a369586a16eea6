/* SPDX-License-Identifier: Apache-2.0 */
/* Making and removing the names of collections. Removing takes away refs only, the collection's and those of its tags: the
 * commits stay until gc, and the ref log still knows where the name was. */
#include <stdio.h>
#include <time.h>

#include "alloc.h"
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

/* What goes with the name: its tags, and where it was last merged. */
struct removal {
	struct store_ref_update *updates;
	char (*refs)[STORE_REF_MAX];
	size_t n, capacity;
};

static int removal_add(struct removal *r, const char *ref, const struct cid *cid, struct cel_error *e)
{
	if (r->n == r->capacity) {
		size_t capacity = r->capacity;
		if (mem_grow(&r->refs, &capacity, r->n + 1, sizeof *r->refs, e) < 0 ||
		    mem_grow(&r->updates, &r->capacity, r->n + 1, sizeof *r->updates, e) < 0)
			return CEL_ENOMEM;
	}
	strcpy(r->refs[r->n], ref);
	r->updates[r->n++] = (struct store_ref_update){.has_old = true, .old = *cid, .message = "delete"};
	return 0;
}

static int removal_add_all(struct removal *r, struct store_read *read, const char *kind, const char *name,
			   struct cel_error *e)
{
	char prefix[STORE_REF_MAX], position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	snprintf(prefix, sizeof prefix, "%s/%s/", kind, name);
	while ((rc = store_read_next_ref(read, prefix, position, &cid, e)) == 1) {
		rc = removal_add(r, position, &cid, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int removal_fill(struct removal *r, struct store_read *read, const char *name, struct cel_error *e)
{
	char ref[DB_REF_MAX];
	struct cid cid;
	int rc = db_head_cid(read, name, ref, &cid, e);
	if (rc == 0)
		rc = removal_add(r, ref, &cid, e);
	if (rc == 0)
		rc = removal_add_all(r, read, "tags", name, e);
	if (rc == 0)
		rc = removal_add_all(r, read, "merged", name, e);
	for (size_t i = 0; i < r->n; i++)
		r->updates[i].ref = r->refs[i];
	return rc;
}

int cel_collection_delete(struct cel_store *store, const char *name, struct cel_error *e)
{
	struct store_batch *batch;
	struct store_read *read;
	struct removal removal = {0};
	int rc = store_batch_begin(store->store, store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	rc = store_read_begin(store->store, &read, e);
	if (rc == 0) {
		rc = removal_fill(&removal, read, name, e);
		store_read_end(read);
	}
	if (rc == 0)
		rc = store_batch_commit(batch, NULL, removal.updates, removal.n, (int64_t)time(NULL), e);
	mem_free(removal.updates);
	mem_free(removal.refs);
	store_batch_free(batch);
	return rc;
}
