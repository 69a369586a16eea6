/* SPDX-License-Identifier: Apache-2.0 */
/* The records of an update: each is looked up, compared with the one there, its values are brought into the form that
 * leaves have, and the change goes to rewrite.c, which knows the tree but no records. A value over the inline limit is put
 * as a block only when it is known that the record changes. */
#include "update.h"

#include "alloc.h"
#include "error.h"
#include "hashed.h"
#include "record.h"
#include "rewrite.h"

struct prolly_update {
	struct rewrite tree;
	struct prolly_update_stats stats;
	struct buf rest;
	size_t last_id_size;
	uint8_t last_id[CEL_ID_MAX];
	bool is_broken; /* a call failed or the tree is finished: only free may follow */
};

int prolly_update_new_hashed(struct store_batch *batch, struct store_read *read, const struct cid *base,
			     chunk_hash_fn *hash, struct prolly_update **out, struct cel_error *e)
{
	struct prolly_update *u = mem_calloc(1, sizeof *u);
	if (u == NULL)
		return error_nomem(e, sizeof *u);
	int rc = rewrite_init(&u->tree, batch, hash, read, base, e);
	if (rc < 0) {
		prolly_update_free(u);
		return rc;
	}
	*out = u;
	return 0;
}

int prolly_update_new(struct store_batch *batch, struct store_read *read, const struct cid *base,
		      struct prolly_update **out, struct cel_error *e)
{
	return prolly_update_new_hashed(batch, read, base, chunk_hash, out, e);
}

void prolly_update_free(struct prolly_update *u)
{
	if (u == NULL)
		return;
	rewrite_release(&u->tree);
	buf_release(&u->rest);
	mem_free(u);
}

/* The value as it stands in a leaf: what is too long becomes a link. */
static int store_value(struct prolly_update *u, const struct prolly_value *value, struct prolly_value *out,
		       struct cel_error *e)
{
	*out = *value;
	if (value->is_link)
		return value->link.codec == CID_RAW ? 0 : error_set(e, CEL_EDATA, "a value links a block that is not raw");
	if (value->bytes.size <= PROLLY_INLINE_MAX)
		return 0;
	if (value->bytes.size > PROLLY_VALUE_MAX)
		return error_set(e, CEL_EDATA, "a value of %zu bytes, more than %u", value->bytes.size, PROLLY_VALUE_MAX);
	*out = (struct prolly_value){.is_link = true};
	return store_batch_put(u->tree.batch, CID_RAW, value->bytes, &out->link, e);
}

static bool is_same(const struct prolly_value *stored, const struct prolly_value *value)
{
	if (!stored->is_link || value->is_link)
		return stored->is_link == value->is_link && (stored->is_link ? cid_equal(&stored->link, &value->link)
									     : slice_equal(stored->bytes, value->bytes));
	if (value->bytes.size <= PROLLY_INLINE_MAX)
		return false;
	struct cid cid = cid_of(CID_RAW, value->bytes);
	return cid_equal(&stored->link, &cid);
}

static int check_id(struct prolly_update *u, struct slice id, struct cel_error *e)
{
	struct slice last = slice_make(u->last_id, u->last_id_size);
	if (slice_compare(last, id) >= 0)
		return error_set(e, CEL_EDATA, "id '%.*s' does not come after '%.*s'", (int)id.size, (const char *)id.data,
				 (int)last.size, (const char *)last.data);
	int rc = record_check_id(id, e);
	if (rc < 0)
		return rc;
	memcpy(u->last_id, id.data, id.size);
	u->last_id_size = id.size;
	return 0;
}

static int put_record(struct prolly_update *u, const struct prolly_entry *entry, struct cel_error *e)
{
	struct prolly_value vector, metadata;
	int rc = store_value(u, &entry->vector, &vector, e);
	if (rc == 0 && !vector.is_link && vector.bytes.size == 0)
		return error_set(e, CEL_EDATA, "the vector is missing");
	if (rc == 0)
		rc = store_value(u, &entry->metadata, &metadata, e);
	if (rc < 0)
		return rc;
	buf_clear(&u->rest);
	rc = node_put_leaf_rest(&u->rest, &vector, &metadata, e);
	return rc < 0 ? rc : rewrite_put(&u->tree, entry->id, buf_slice(&u->rest), e);
}

static int put(struct prolly_update *u, const struct prolly_entry *entry, struct cel_error *e)
{
	const struct node *node;
	uint32_t i;
	int rc = check_id(u, entry->id, e);
	if (rc == 0)
		rc = rewrite_locate(&u->tree, entry->id, &node, &i, e);
	if (rc < 0)
		return rc;
	if (node == NULL) {
		u->stats.added++;
		return put_record(u, entry, e);
	}
	struct prolly_value vector, metadata;
	node_leaf_entry(node, i, &vector, &metadata);
	if (is_same(&vector, &entry->vector) && is_same(&metadata, &entry->metadata)) {
		u->stats.unchanged++;
		return 0;
	}
	u->stats.replaced++;
	return put_record(u, entry, e);
}

static int delete(struct prolly_update *u, struct slice id, struct cel_error *e)
{
	const struct node *node;
	uint32_t i;
	int rc = check_id(u, id, e);
	if (rc == 0)
		rc = rewrite_locate(&u->tree, id, &node, &i, e);
	if (rc < 0)
		return rc;
	if (node == NULL) {
		u->stats.absent++;
		return 0;
	}
	u->stats.deleted++;
	return rewrite_drop(&u->tree, id, e);
}

static int check_usable(const struct prolly_update *u, struct cel_error *e)
{
	return u->is_broken ? error_set(e, CEL_EINTERNAL, "writing the tree has failed or is finished") : 0;
}

int prolly_update_put(struct prolly_update *u, const struct prolly_entry *entry, struct cel_error *e)
{
	int rc = check_usable(u, e);
	if (rc == 0)
		rc = put(u, entry, e);
	u->is_broken = rc < 0;
	return rc;
}

int prolly_update_delete(struct prolly_update *u, struct slice id, struct cel_error *e)
{
	int rc = check_usable(u, e);
	if (rc == 0)
		rc = delete(u, id, e);
	u->is_broken = rc < 0;
	return rc;
}

int prolly_update_finish(struct prolly_update *u, struct cid *root, struct prolly_update_stats *stats,
			 struct cel_error *e)
{
	int rc = check_usable(u, e);
	u->is_broken = true;
	if (rc == 0)
		rc = rewrite_finish(&u->tree, root, e);
	if (rc < 0)
		return rc;
	*stats = u->stats;
	stats->records = u->tree.old.count + stats->added - stats->deleted;
	stats->nodes_read = u->tree.old.nodes_read;
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++)
		stats->nodes_written[level] = u->tree.levels[level].nodes;
	return 0;
}
