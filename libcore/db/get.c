/* SPDX-License-Identifier: Apache-2.0 */
/* One record by its id: a walk from the root to one leaf, and one block for each linked value. */
#include "alloc.h"
#include "db.h"
#include "error.h"
#include "record.h"
#include "tree.h"

/* One allocation: the struct, then id, vector and metadata. */
static int record_new(const struct cel_schema *schema, struct slice id, struct slice vector, struct slice metadata,
		      struct cel_record **out, struct cel_error *e)
{
	size_t size = sizeof(struct cel_record) + id.size + vector.size + metadata.size;
	struct cel_record *r = mem_calloc(1, size);
	if (r == NULL)
		return error_nomem(e, size);
	uint8_t *p = (uint8_t *)(r + 1);
	*r = (struct cel_record){.id = p, .id_size = id.size, .vector_size = vector.size, .metadata_size = metadata.size};
	memcpy(p, id.data, id.size);
	r->vector = p += id.size;
	memcpy(p, vector.data, vector.size);
	if (metadata.size > 0) {
		r->metadata = (char *)(p += vector.size);
		memcpy(p, metadata.data, metadata.size);
	}
	r->schema = *schema;
	*out = r;
	return 0;
}

int db_entry_vector(struct store_read *read, const struct db_rev *rev, const struct prolly_entry *entry,
		    struct slice *vector, struct cel_error *e)
{
	int rc = prolly_value_bytes(read, &entry->vector, vector, e);
	if (rc == 0 && vector->size != schema_vector_size(&rev->schema))
		rc = error_set(e, CEL_ECORRUPT, "record '%.*s' has a vector of %zu bytes, not %zu", (int)entry->id.size,
			       (const char *)entry->id.data, vector->size, schema_vector_size(&rev->schema));
	return rc;
}

static int find_record(struct store_read *read, const struct db_rev *rev, struct slice id, struct prolly_entry *entry,
		       struct slice *vector, struct cel_error *e)
{
	int rc = prolly_get(read, &rev->commit.tree, id, entry, e);
	if (rc == CEL_ENOTFOUND)
		return error_set(e, rc, "there is no record '%.*s'", (int)id.size, (const char *)id.data);
	return rc < 0 ? rc : db_entry_vector(read, rev, entry, vector, e);
}

int db_vector_get(struct store_read *read, const struct db_rev *rev, struct slice id, struct slice *vector,
		  struct cel_error *e)
{
	struct prolly_entry entry;
	return find_record(read, rev, id, &entry, vector, e);
}

int cel_record_get(struct cel_store *store, const char *rev, const void *id, size_t id_size, struct cel_record **out,
		   struct cel_error *e)
{
	*out = NULL;
	struct slice key = slice_make(id, id_size);
	struct store_read *read;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	struct db_rev found;
	struct prolly_entry entry;
	struct slice vector, metadata;
	rc = db_rev_resolve_tree(read, rev, &found, e);
	if (rc == 0)
		rc = find_record(read, &found, key, &entry, &vector, e);
	if (rc == 0)
		rc = prolly_value_bytes(read, &entry.metadata, &metadata, e);
	if (rc == 0)
		rc = record_new(&found.schema, key, vector, metadata, out, e);
	store_read_end(read);
	return rc;
}

void cel_record_free(struct cel_record *record)
{
	mem_free(record);
}
