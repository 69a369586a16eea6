/* SPDX-License-Identifier: Apache-2.0 */
/* The records of an update: each is looked up, compared with the one there, its values are brought into the form that
 * leaves have, and the change goes to rewrite.c, which knows the tree but no records. A value over the inline limit is put
 * as a block only when it is known that the record changes.
 *
 * As long as only values of ids that are there were replaced, the changes wait: if it stays so to the end they are a case
 * for revalue.c, which needs no neighbours. The first id that comes or goes, or too many of them, sends them on to
 * rewrite.c. */
#include "update.h"

#include "alloc.h"
#include "error.h"
#include "hashed.h"
#include "record.h"
#include "revalue.h"
#include "rewrite.h"

#define WAITING_BYTES ((size_t)4 << 20)

struct waiting { /* its id and, behind it, its rest are in the update's bytes */
	size_t at, id_size, rest_size;
	struct slice leaf;
	bool has_twin;
	struct cid twin;
};

struct prolly_update {
	struct rewrite tree;
	bool is_waiting; /* nothing has gone to the tree so far */
	struct waiting *waiting;
	size_t n_waiting, capacity;
	struct buf bytes;
	size_t most_bytes;
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
	u->is_waiting = base != NULL;
	u->most_bytes = WAITING_BYTES;
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
	buf_release(&u->bytes);
	mem_free(u->waiting);
	mem_free(u);
}

/* ---- changes of values alone */

void prolly_update_wait_at_most(struct prolly_update *u, size_t bytes)
{
	u->most_bytes = bytes;
}

static int wait_with(struct prolly_update *u, struct slice id, struct slice leaf, const struct cid *twin,
		     struct cel_error *e)
{
	struct waiting w = {.at = u->bytes.size, .id_size = id.size, .rest_size = u->rest.size, .leaf = leaf};
	w.has_twin = twin != NULL;
	if (w.has_twin)
		w.twin = *twin;
	if (mem_grow(&u->waiting, &u->capacity, u->n_waiting + 1, sizeof *u->waiting, e) < 0)
		return CEL_ENOMEM;
	int rc = buf_append(&u->bytes, id.data, id.size, e);
	if (rc == 0)
		rc = buf_append(&u->bytes, u->rest.data, u->rest.size, e);
	if (rc == 0)
		u->waiting[u->n_waiting++] = w;
	return rc;
}

static struct revalue_item waiting_at(const struct prolly_update *u, size_t i)
{
	const struct waiting *w = &u->waiting[i];
	const uint8_t *bytes = u->bytes.data + w->at;
	return (struct revalue_item){.id = slice_make(bytes, w->id_size),
				     .rest = slice_make(bytes + w->id_size, w->rest_size),
				     .leaf = w->leaf,
				     .twin = w->has_twin ? &w->twin : NULL};
}

/* From now on all changes go to the tree, and first those that waited. */
static int stop_waiting(struct prolly_update *u, struct cel_error *e)
{
	const struct node *node;
	uint32_t place;
	int rc = 0;
	u->is_waiting = false;
	for (size_t i = 0; i < u->n_waiting && rc == 0; i++) {
		struct revalue_item item = waiting_at(u, i);
		rc = rewrite_locate(&u->tree, item.id, &node, &place, e);
		if (rc == 0)
			rc = rewrite_put(&u->tree, item.id, item.rest, e);
	}
	mem_free(u->waiting);
	u->waiting = NULL;
	u->n_waiting = u->capacity = 0;
	buf_release(&u->bytes);
	return rc;
}

static int revalue_waiting(struct prolly_update *u, struct cid *root, struct cel_error *e)
{
	struct revalue_stats stats;
	*root = u->tree.old.root;
	if (u->n_waiting == 0)
		return 0;
	MEM_CLEANUP struct revalue_item *items = mem_calloc(u->n_waiting, sizeof *items);
	if (items == NULL)
		return error_nomem(e, u->n_waiting * sizeof *items);
	for (size_t i = 0; i < u->n_waiting; i++)
		items[i] = waiting_at(u, i);
	int rc = revalue(u->tree.batch, u->tree.old.read, &u->tree.old.root, items, u->n_waiting, root, &stats, e);
	if (rc < 0)
		return rc;
	u->tree.old.nodes_read += stats.nodes_read;
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++)
		u->tree.levels[level].nodes = stats.nodes_written[level];
	return 0;
}

/* The record of that id, if the base has it, else node is NULL. */
static int locate(struct prolly_update *u, struct slice id, const struct node **node, uint32_t *i, struct cel_error *e)
{
	struct old_place place;
	uint8_t key[CEL_ID_MAX];
	if (!u->is_waiting)
		return rewrite_locate(&u->tree, id, node, i, e);
	int rc = old_seek(&u->tree.old, &place, 0, id, e);
	if (rc == 0)
		rc = old_node(&u->tree.old, &place, 0, node, e);
	if (rc < 0)
		return rc;
	*i = place.i[0];
	if (*i == (*node)->n || !slice_equal(id, slice_make(key, node_key(*node, *i, key))))
		*node = NULL;
	return 0;
}

/* ---- records */

/* The value as it stands in a leaf: what is too long becomes a link. */
static int store_value(struct prolly_update *u, const struct prolly_value *value, struct prolly_value *out,
		       struct cel_error *e)
{
	*out = *value;
	if (value->is_link && value->link.codec != CID_RAW)
		return error_set(e, CEL_EDATA, "a value links a block that is not raw");
	if (value->bytes.size <= PROLLY_INLINE_MAX)
		return 0;
	if (value->bytes.size > PROLLY_VALUE_MAX)
		return error_set(e, CEL_EDATA, "a value of %zu bytes, more than %u", value->bytes.size, PROLLY_VALUE_MAX);
	if (value->is_link)
		return store_batch_put_hashed(u->tree.batch, &value->link, value->bytes, e);
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

/* leaf: the block of the one that has the id, if any. */
static int put_record(struct prolly_update *u, const struct prolly_entry *entry, struct slice leaf, const struct cid *twin,
		      struct cel_error *e)
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
	if (rc < 0 || !u->is_waiting)
		return rc < 0 ? rc : rewrite_put(&u->tree, entry->id, buf_slice(&u->rest), e);
	rc = wait_with(u, entry->id, leaf, twin, e);
	return rc == 0 && u->bytes.size > u->most_bytes ? stop_waiting(u, e) : rc;
}

/* An id comes or goes, so what waited must be in the tree, and the tree at the id. */
static int take_up(struct prolly_update *u, struct slice id, struct cel_error *e)
{
	const struct node *node;
	uint32_t i;
	if (!u->is_waiting)
		return 0;
	int rc = stop_waiting(u, e);
	return rc < 0 ? rc : rewrite_locate(&u->tree, id, &node, &i, e);
}

static int put(struct prolly_update *u, const struct prolly_entry *entry, struct cel_error *e)
{
	const struct node *node;
	uint32_t i;
	int rc = check_id(u, entry->id, e);
	if (rc == 0)
		rc = locate(u, entry->id, &node, &i, e);
	if (rc == 0 && node == NULL)
		rc = take_up(u, entry->id, e);
	if (rc < 0)
		return rc;
	if (node == NULL) {
		u->stats.added++;
		return put_record(u, entry, slice_make(NULL, 0), NULL, e);
	}
	struct prolly_value vector, metadata;
	node_leaf_entry(node, i, &vector, &metadata);
	if (is_same(&vector, &entry->vector) && is_same(&metadata, &entry->metadata)) {
		u->stats.unchanged++;
		return 0;
	}
	u->stats.replaced++;
	return put_record(u, entry, node->block, NULL, e);
}

static int delete(struct prolly_update *u, struct slice id, struct cel_error *e)
{
	const struct node *node;
	uint32_t i;
	int rc = check_id(u, id, e);
	if (rc == 0)
		rc = locate(u, id, &node, &i, e);
	if (rc == 0 && node != NULL)
		rc = take_up(u, id, e);
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

int prolly_update_replace(struct prolly_update *u, const struct prolly_entry *entry, struct slice leaf,
			  const struct cid *twin, struct cel_error *e)
{
	if (!u->is_waiting)
		return prolly_update_put(u, entry, e);
	int rc = check_usable(u, e);
	if (rc == 0)
		rc = check_id(u, entry->id, e);
	if (rc == 0)
		rc = put_record(u, entry, leaf, twin, e);
	u->stats.replaced++;
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
		rc = u->is_waiting ? revalue_waiting(u, root, e) : rewrite_finish(&u->tree, root, e);
	if (rc < 0)
		return rc;
	*stats = u->stats;
	stats->records = u->tree.old.count + stats->added - stats->deleted;
	stats->nodes_read = u->tree.old.nodes_read;
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++)
		stats->nodes_written[level] = u->tree.levels[level].nodes;
	return 0;
}
