/* SPDX-License-Identifier: Apache-2.0 */
/* The records of an update: each is looked up, compared with the one there, its values are brought into the form that
 * leaves have, and the change goes to rewrite.c, which knows the tree but no records. A value over the inline limit is put
 * as a block only when it is known that the record changes.
 *
 * As long as only values of ids that are there were replaced, the changes wait: if it stays so to the end they are a case
 * for revalue.c, which needs no neighbours. The first id that comes or goes, or too many of them, sends them on to
 * rewrite.c.
 *
 * A graft is a change of an entry of some higher level: the subtree there becomes another over the same ids, and nothing of either is
 * read. That is right as long as what is before and behind it still ends and begins there:
 *
 *     a node of both trees ends with s, and with t       ... s | graft | t ...
 *
 *     In regular trees (store.h) the last entry of a node has a smaller hash than the w entries before it and the w behind it. So s,
 *     which ends nodes in both, does so too when what is before it comes from one of them and what is behind it from the other.
 *     Nothing within can end a node that did not, as neither s nor t lets it look beyond. What is neither tree's is records that
 *     come and go one by one: rewrite.c sees whether s still ends a node behind those before it, and t is safe from
 *     those at least w entries behind it.
 *
 * Where that does not hold the graft is taken to pieces: into its leaves, or the records in them. */
#include "update.h"

#include "alloc.h"
#include "error.h"
#include "hashed.h"
#include "record.h"
#include "revalue.h"
#include "rewrite.h"

#define WAITING_BYTES ((size_t)4 << 20)

/* A subtree that is to be put in; the keys of its span are in some buffer. */
struct graft {
	struct prolly_span span; /* level 0: none */
	struct store_read *read;
};

struct waiting { /* its id and, behind it, its rest or what a graft comes after are in the update's bytes */
	size_t at, id_size, more_size;
	struct slice leaf;
	struct graft graft;
};

struct prolly_update {
	struct rewrite tree;
	bool is_waiting; /* nothing has gone to the tree so far */
	struct waiting *waiting;
	size_t n_waiting, capacity;
	struct buf bytes;
	size_t most_bytes;
	bool can_graft;
	unsigned bugs; /* planted by tests */
	struct graft pending; /* of a leaf; becomes a change of the tree when what comes next leaves it alone */
	uint8_t pending_key[CEL_ID_MAX];
	struct prolly_update_stats stats;
	uint64_t records;
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
	if (rc == 0 && base != NULL) {
		rc = store_batch_is_regular(batch, e);
		u->can_graft = rc > 0;
	}
	if (rc < 0) {
		prolly_update_free(u);
		return rc;
	}
	u->records = u->tree.old.count;
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

/* ---- the tree, with a graft that waits to see what comes next */

static int put_pending(struct prolly_update *u, struct cel_error *e)
{
	struct cid cid;
	uint64_t count;
	struct prolly_span span = u->pending.span;
	if (span.level == 0)
		return 0;
	u->pending.span.level = 0;
	node_rest_child(span.b, &cid, &count);
	return rewrite_graft(&u->tree, slice_make(u->pending_key, span.key.size), span.b, count, e);
}

/* Is the id among the w entries behind the pending graft, so that its leaf may not end there any more? 1, 0. */
static int is_behind_pending(struct prolly_update *u, struct slice id, struct cel_error *e)
{
	struct old_place place;
	const struct node *node;
	uint8_t key[CEL_ID_MAX];
	int rc = old_seek(&u->tree.old, &place, 0, id, e);
	if (rc < 0 || place.i[0] >= PROLLY_W)
		return rc;
	rc = old_previous(&u->tree.old, &place, 0, e);
	if (rc <= 0)
		return rc;
	rc = old_node(&u->tree.old, &place, 0, &node, e);
	return rc < 0 ? rc : slice_equal(slice_make(u->pending_key, u->pending.span.key.size), slice_make(key, node_key(node, node->n - 1, key)));
}

static int graft_records(struct prolly_update *u, const struct graft *graft, prolly_diff_filter_fn *filter, struct cel_error *e);

/* As rewrite_locate. */
static int locate_in_tree(struct prolly_update *u, struct slice id, const struct node **node, uint32_t *i, struct cel_error *e)
{
	int rc = u->pending.span.level > 0 ? is_behind_pending(u, id, e) : 0;
	if (rc > 0 && (u->bugs & PROLLY_BUG_BEHIND) == 0) {
		struct graft graft = u->pending;
		u->pending.span.level = 0;
		rc = graft_records(u, &graft, NULL, e);
	} else if (rc >= 0) {
		rc = put_pending(u, e);
	}
	return rc < 0 ? rc : rewrite_locate(&u->tree, id, node, i, e);
}

/* ---- changes of values alone */

void prolly_update_wait_at_most(struct prolly_update *u, size_t bytes)
{
	u->most_bytes = bytes;
}

void prolly_update_plant(struct prolly_update *u, unsigned bugs)
{
	u->bugs = bugs;
}

static int wait_with(struct prolly_update *u, struct waiting *w, struct slice id, struct slice more, struct cel_error *e)
{
	w->at = u->bytes.size;
	w->id_size = id.size;
	w->more_size = more.size;
	int rc = mem_grow(&u->waiting, &u->capacity, u->n_waiting + 1, sizeof *u->waiting, e);
	if (rc == 0)
		rc = buf_append(&u->bytes, id.data, id.size, e);
	if (rc == 0)
		rc = buf_append(&u->bytes, more.data, more.size, e);
	if (rc == 0)
		u->waiting[u->n_waiting++] = *w;
	return rc;
}

static bool is_full(const struct prolly_update *u)
{
	return u->bytes.size + u->n_waiting * sizeof *u->waiting > u->most_bytes;
}

static struct revalue_item waiting_at(const struct prolly_update *u, size_t i)
{
	const struct waiting *w = &u->waiting[i];
	const uint8_t *bytes = u->bytes.data + w->at;
	struct slice more = slice_make(bytes + w->id_size, w->more_size);
	return (struct revalue_item){.id = slice_make(bytes, w->id_size),
				     .level = w->graft.span.level,
				     .rest = w->graft.span.level > 0 ? w->graft.span.b : more,
				     .leaf = w->leaf};
}

static int graft_in_tree(struct prolly_update *u, const struct graft *graft, struct cel_error *e);

/* From now on all changes go to the tree, and first those that waited. */
static int stop_waiting(struct prolly_update *u, struct cel_error *e)
{
	int rc = 0;
	u->is_waiting = false;
	for (size_t i = 0; i < u->n_waiting && rc == 0; i++) {
		const struct waiting *w = &u->waiting[i];
		const struct node *node;
		uint32_t place;
		struct revalue_item item = waiting_at(u, i);
		struct graft graft = w->graft;
		if (item.level > 0) {
			graft.span.key = item.id;
			graft.span.after = slice_make(item.id.data + item.id.size, w->more_size);
			rc = graft_in_tree(u, &graft, e);
			continue;
		}
		rc = locate_in_tree(u, item.id, &node, &place, e);
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
		return locate_in_tree(u, id, node, i, e);
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
static int put_record(struct prolly_update *u, const struct prolly_entry *entry, struct slice leaf, struct cel_error *e)
{
	struct waiting w = {.leaf = leaf};
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
	rc = wait_with(u, &w, entry->id, buf_slice(&u->rest), e);
	return rc == 0 && is_full(u) ? stop_waiting(u, e) : rc;
}

/* An id comes or goes, so what waited must be in the tree, and the tree at the id. */
static int take_up(struct prolly_update *u, struct slice id, struct cel_error *e)
{
	const struct node *node;
	uint32_t i;
	if (!u->is_waiting)
		return 0;
	int rc = stop_waiting(u, e);
	return rc < 0 ? rc : locate_in_tree(u, id, &node, &i, e);
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
		u->records++;
		return put_record(u, entry, slice_make(NULL, 0), e);
	}
	struct prolly_value vector, metadata;
	node_leaf_entry(node, i, &vector, &metadata);
	if (is_same(&vector, &entry->vector) && is_same(&metadata, &entry->metadata)) {
		u->stats.unchanged++;
		return 0;
	}
	u->stats.replaced++;
	return put_record(u, entry, node->block, e);
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
	u->records--;
	return rewrite_drop(&u->tree, id, e);
}

/* ---- grafts */

static int graft_leaf(struct prolly_update *u, const struct graft *graft, struct cel_error *e)
{
	int rc = put_pending(u, e);
	if (rc == 0)
		rc = rewrite_settle(&u->tree, graft->span.after, e);
	if (rc < 0)
		return rc;
	if (rc == 0 && (u->bugs & PROLLY_BUG_RESTLESS) == 0)
		return graft_records(u, graft, NULL, e);
	u->pending = *graft;
	memcpy(u->pending_key, graft->span.key.data, graft->span.key.size);
	return 0;
}

/* A record, or a leaf, of a graft. */
static int graft_change(struct prolly_update *u, const struct prolly_change *change, struct store_read *read, struct cel_error *e)
{
	const struct node *node;
	uint32_t i;
	if (change->kind == PROLLY_SUBTREE) {
		struct graft leaf = {.span = change->span, .read = read};
		return graft_leaf(u, &leaf, e);
	}
	if (u->is_waiting && change->kind == PROLLY_CHANGED)
		return put_record(u, &change->after, change->leaf, e);
	struct slice id = change->kind == PROLLY_DELETED ? change->before.id : change->after.id;
	int rc = u->is_waiting ? stop_waiting(u, e) : 0;
	if (rc == 0)
		rc = locate_in_tree(u, id, &node, &i, e);
	if (rc < 0)
		return rc;
	return change->kind == PROLLY_DELETED ? rewrite_drop(&u->tree, id, e) : put_record(u, &change->after, change->leaf, e);
}

/* By records; or by what the filter wants of its subtrees. */
static int graft_records(struct prolly_update *u, const struct graft *graft, prolly_diff_filter_fn *filter, struct cel_error *e)
{
	struct prolly_diff *diff;
	struct prolly_change change;
	struct cid a, b;
	uint64_t count;
	node_rest_child(graft->span.a, &a, &count);
	node_rest_child(graft->span.b, &b, &count);
	int rc = prolly_diff_new(u->tree.old.read, &a, graft->read, &b, &diff, e);
	if (rc < 0)
		return rc;
	if (filter != NULL)
		prolly_diff_set_filter(diff, filter, NULL);
	while (rc == 0 && (rc = prolly_diff_next(diff, &change, e)) > 0)
		rc = graft_change(u, &change, graft->read, e);
	prolly_diff_free(diff);
	return rc;
}

static int give_leaves(void *context, const struct prolly_span *span, struct cel_error *e)
{
	(void)context, (void)e;
	return span->level == 1 ? PROLLY_GIVE : PROLLY_ENTER;
}

static int graft_in_tree(struct prolly_update *u, const struct graft *graft, struct cel_error *e)
{
	return graft->span.level == 1 ? graft_leaf(u, graft, e) : graft_records(u, graft, give_leaves, e);
}

static int put_graft(struct prolly_update *u, const struct graft *graft, struct cel_error *e)
{
	const struct prolly_span *span = &graft->span;
	struct cid cid;
	uint64_t before, after;
	int rc = check_id(u, span->key, e);
	if (rc < 0)
		return rc;
	node_rest_child(span->a, &cid, &before);
	node_rest_child(span->b, &cid, &after);
	u->records += after - before;
	u->stats.grafted++;
	bool can_graft = u->can_graft || (u->bugs & PROLLY_BUG_IRREGULAR) != 0;
	if (!can_graft || (!span->ends_alike && (u->bugs & PROLLY_BUG_ENDS) == 0))
		return graft_records(u, graft, NULL, e);
	if (!u->is_waiting)
		return graft_in_tree(u, graft, e);
	struct waiting w = {.graft = *graft};
	rc = wait_with(u, &w, span->key, span->after, e);
	return rc == 0 && is_full(u) ? stop_waiting(u, e) : rc;
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

int prolly_update_replace(struct prolly_update *u, const struct prolly_entry *entry, struct slice leaf, struct cel_error *e)
{
	if (!u->is_waiting)
		return prolly_update_put(u, entry, e);
	int rc = check_usable(u, e);
	if (rc == 0)
		rc = check_id(u, entry->id, e);
	if (rc == 0)
		rc = put_record(u, entry, leaf, e);
	u->stats.replaced++;
	u->is_broken = rc < 0;
	return rc;
}

int prolly_update_graft(struct prolly_update *u, const struct prolly_span *span, struct store_read *read, struct cel_error *e)
{
	struct graft graft = {*span, read};
	int rc = check_usable(u, e);
	if (rc == 0)
		rc = put_graft(u, &graft, e);
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
		rc = put_pending(u, e);
	if (rc == 0)
		rc = u->is_waiting ? revalue_waiting(u, root, e) : rewrite_finish(&u->tree, root, e);
	if (rc < 0)
		return rc;
	*stats = u->stats;
	stats->records = u->records;
	stats->nodes_read = u->tree.old.nodes_read;
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++)
		stats->nodes_written[level] = u->tree.levels[level].nodes;
	return 0;
}
