/* SPDX-License-Identifier: Apache-2.0 */
/* Each node that is asked for, or waits for what is below it, is a part (sync_parts.h). A part is whole when all below it has
 * come; only then its block is ready to be written. So what is in the store is whole at any time, and the children that are whole
 * of parts that are not are what the quarantine names. Blocks that are ready are gathered and written in batches of their own,
 * which hold the writer lock for no longer than that takes.
 *
 * Without a tree to compare with, what is below a node of level 1 is asked for as one, or what is below a leaf. */
#include "sync_nodes.h"

#include <time.h>

#include "alloc.h"
#include "error.h"
#include "node.h"
#include "sync_parts.h"
#include "sync_plant.h"
#include "sync_ready.h"

enum { NODE_ASKS = 256 };
static size_t ready_bytes = 32 << 20;

void sync_nodes_write_from(size_t bytes)
{
	ready_bytes = bytes;
}

struct sync_nodes {
	struct cel_store *store;
	struct quarantine *q;
	struct cid root, near;
	bool has_near, is_done, is_flushed;
	uint32_t commit, whole_level; /* nodes of that level are asked for with all below them */
	struct parts parts;
	struct sync_nodes_counts counts;
	struct sync_ready ready;
	struct node node, below;
	/* the subtree that is just coming */
	struct part *leaf;
	uint32_t child, entry, value;
};

/* ---- writing what is ready */

static int keep_whole(struct sync_nodes *n, struct cel_error *e)
{
	int rc = n->is_done ? quarantine_keep(n->q, &n->root, e) : 0;
	for (const struct part *p = n->parts.open; p != NULL && rc == 0; p = p->after) {
		if (sync_planted() == SYNC_BUG_NOT_WHOLE && p->block.size > 0)
			rc = quarantine_keep(n->q, &p->cid, e);
		const struct cid *cids = (const struct cid *)(const void *)p->whole.data;
		for (size_t i = 0; i < p->whole.size / sizeof *cids && rc == 0; i++)
			rc = quarantine_keep(n->q, &cids[i], e);
	}
	return rc;
}

static int flush(struct sync_nodes *n, struct cel_error *e)
{
	struct store_batch *batch;
	int rc = keep_whole(n, e);
	if (rc < 0 || (sync_ready_size(&n->ready) == 0 && n->q->n == 0))
		return rc;
	rc = store_batch_begin(n->store->store, n->store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	rc = sync_ready_put(&n->ready, batch, e);
	if (rc == 0)
		rc = store_batch_commit(batch, NULL, n->q->updates, n->q->n, (int64_t)time(NULL), e);
	store_batch_free(batch);
	quarantine_clear(n->q);
	sync_ready_clear(&n->ready);
	return rc;
}

/* ---- becoming whole */

static int add_whole(struct part *parent, const struct cid *cid, struct cel_error *e)
{
	return parent == NULL ? 0 : buf_append(&parent->whole, cid, sizeof *cid, e);
}

/* The part has all that is below it: so may its parent, and so on. */
static int settle(struct sync_nodes *n, struct part *p, struct cel_error *e)
{
	while (p != NULL && p->pending == 0) {
		struct part *parent = p->parent;
		const struct cid *cids = (const struct cid *)(const void *)p->whole.data;
		int rc = p->kind == SYNC_VALUES ? 0 : sync_ready_add(&n->ready, CID_DAG_CBOR, buf_slice(&p->block), e);
		for (size_t i = 0; i < p->whole.size / sizeof *cids && rc == 0; i++)
			rc = quarantine_drop(n->q, &cids[i], e);
		if (rc == 0 && p->kind != SYNC_VALUES)
			rc = add_whole(parent, &p->cid, e);
		if (rc < 0)
			return rc;
		if (parent != NULL)
			parent->pending--;
		n->is_done = n->is_done || parent == NULL;
		parts_close(&n->parts, p);
		p = parent;
	}
	return sync_ready_size(&n->ready) >= ready_bytes ? flush(n, e) : 0;
}

/* ---- what is here */

/* Whether the tree that is here has this node at this place: 1, 0 or an error. */
static int is_in_near(struct sync_nodes *n, struct store_read *read, uint32_t level, struct slice key, const struct cid *cid,
		      struct cel_error *e)
{
	struct cid at = n->near;
	if (!n->has_near)
		return 0;
	int rc = node_read(read, &at, &n->below, e);
	while (rc == 0 && n->below.level > level) {
		uint64_t count;
		uint32_t i = node_search(&n->below, key);
		if (i == n->below.n)
			return 0;
		node_inner_entry(&n->below, i, &at, &count);
		if (n->below.level == level + 1) /* what it links need not be read */
			return cid_equal(&at, cid);
		rc = node_read(read, &at, &n->below, e);
	}
	return rc < 0 ? rc : cid_equal(&at, cid);
}

/* ---- children */

static int add_child(struct sync_nodes *n, struct store_read *read, struct part *p, uint32_t i, struct cel_error *e)
{
	uint8_t key[CEL_ID_MAX];
	struct cid cid;
	uint64_t count;
	struct slice k = slice_make(key, node_key(&n->node, i, key));
	node_inner_entry(&n->node, i, &cid, &count);
	int rc = is_in_near(n, read, n->node.level - 1, k, &cid, e);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (quarantine_has(n->q, &cid)) {
		n->counts.kept++;
		return add_whole(p, &cid, e);
	}
	struct part *child = part_new(p, k, e);
	if (child == NULL)
		return CEL_ENOMEM;
	child->cid = cid;
	child->count = count;
	child->level = n->node.level - 1;
	child->kind = n->has_near || child->level > n->whole_level ? SYNC_NODE : SYNC_SUBTREE;
	p->pending++;
	parts_push(&n->parts, child);
	return 0;
}

/* The links of a record that the record of that id in the near tree does not have. */
static int add_values(struct sync_nodes *n, struct store_read *read, struct part *p, uint32_t i, struct cel_error *e)
{
	uint8_t key[CEL_ID_MAX];
	struct prolly_value vector, metadata;
	struct prolly_entry old = {0};
	struct slice id = slice_make(key, node_key(&n->node, i, key));
	node_leaf_entry(&n->node, i, &vector, &metadata);
	if (!vector.is_link && !metadata.is_link)
		return 0;
	int rc = n->has_near ? prolly_get(read, &n->near, id, &old, e) : CEL_ENOTFOUND;
	if (rc < 0 && rc != CEL_ENOTFOUND)
		return rc;
	bool has_vector = !vector.is_link || (rc == 0 && old.vector.is_link && cid_equal(&old.vector.link, &vector.link));
	bool has_metadata =
		!metadata.is_link || (rc == 0 && old.metadata.is_link && cid_equal(&old.metadata.link, &metadata.link));
	if (has_vector && has_metadata)
		return 0;
	struct part *child = part_new(p, id, e);
	if (child == NULL)
		return CEL_ENOMEM;
	child->kind = SYNC_VALUES;
	if (vector.is_link)
		child->values[child->n_values++] = vector.link;
	if (metadata.is_link)
		child->values[child->n_values++] = metadata.link;
	p->pending++;
	parts_push(&n->parts, child);
	return 0;
}

/* What is below the node in n->node, which is p's, goes to todo as far as it is missing. Backwards, since todo is a stack. */
static int add_children(struct sync_nodes *n, struct part *p, struct cel_error *e)
{
	struct store_read *read;
	int rc = store_read_begin(n->store->store, &read, e);
	if (rc < 0)
		return rc;
	for (uint32_t i = n->node.n; i-- > 0 && rc == 0;)
		rc = n->node.level > 0 ? add_child(n, read, p, i, e) : add_values(n, read, p, i, e);
	store_read_end(read);
	return rc;
}

/* ---- blocks that come */

static int check_hash(const struct cid *cid, struct slice block, struct cel_error *e)
{
	struct cid is = cid_of(cid->codec, block);
	char text[CEL_CID_TEXT_SIZE];
	if (cid_equal(&is, cid))
		return 0;
	cid_format(cid, text);
	return error_set(e, CEL_EPROTOCOL, "a block came that is not %s, which was asked for", text);
}

/* Into p and n->node, which live as long as p. */
static int take_node(struct sync_nodes *n, struct part *p, struct slice block, struct cel_error *e)
{
	struct cel_error why;
	uint8_t key[CEL_ID_MAX];
	int rc = check_hash(&p->cid, block, e);
	if (rc == 0)
		rc = buf_append(&p->block, block.data, block.size, e);
	if (rc < 0)
		return rc;
	if (node_decode(buf_slice(&p->block), &n->node, &why) < 0)
		return error_set(e, CEL_EPROTOCOL, "a node of the tree is none: %s", why.message);
	struct slice last = slice_make(key, n->node.n > 0 ? node_key(&n->node, n->node.n - 1, key) : 0);
	bool is_right = p->parent == NULL || (n->node.level == p->level && slice_equal(last, part_key(p)));
	if (!is_right || n->node.count != p->count)
		return error_set(e, CEL_EPROTOCOL, "a node of the tree is not what is said of it: it has level %u and %llu records",
				 n->node.level, (unsigned long long)n->node.count);
	p->level = n->node.level;
	n->counts.nodes++;
	parts_open(&n->parts, p);
	return 0;
}

/* A value of the leaf: until that is whole, the value is kept for itself. */
static int take_value(struct sync_nodes *n, struct part *leaf, const struct cid *cid, struct slice block, struct cel_error *e)
{
	int rc = check_hash(cid, block, e);
	if (rc == 0)
		rc = sync_ready_add(&n->ready, CID_RAW, block, e);
	n->counts.values++;
	return rc < 0 ? rc : add_whole(leaf, cid, e);
}

/* ---- subtrees: a node of level 1 or 0, then for each leaf its block (unless it is that node) and the values it links */

/* The next value that is to come for n->leaf; false if that was all. */
static bool next_value(struct sync_nodes *n, struct cid *out)
{
	struct node *leaf = &n->below;
	if (node_decode(buf_slice(&n->leaf->block), leaf, NULL) < 0)
		return false;
	for (; n->entry < leaf->n; n->entry++, n->value = 0) {
		struct prolly_value values[2];
		node_leaf_entry(leaf, n->entry, &values[0], &values[1]);
		for (; n->value < 2; n->value++) {
			if (!values[n->value].is_link)
				continue;
			*out = values[n->value++].link;
			return true;
		}
	}
	return false;
}

static int begin_leaf(struct sync_nodes *n, struct part *leaf)
{
	n->leaf = leaf;
	n->entry = n->value = 0;
	leaf->pending = 1; /* its values */
	return 0;
}

/* The leaf of this number below the top, as a part that is open. */
static int take_leaf(struct sync_nodes *n, struct part *top, struct slice block, struct cel_error *e)
{
	uint8_t key[CEL_ID_MAX];
	struct cid cid;
	uint64_t count;
	if (node_decode(buf_slice(&top->block), &n->node, e) < 0)
		return CEL_EINTERNAL;
	struct part *leaf = part_new(top, slice_make(key, node_key(&n->node, n->child, key)), e);
	if (leaf == NULL)
		return CEL_ENOMEM;
	node_inner_entry(&n->node, n->child++, &cid, &count);
	leaf->kind = SYNC_SUBTREE;
	leaf->cid = cid;
	leaf->count = count;
	int rc = take_node(n, leaf, block, e);
	if (rc < 0 && !leaf->is_open)
		part_free(leaf);
	return rc < 0 ? rc : begin_leaf(n, leaf);
}

/* Ends the leaf if it has all its values; *is_end: and the subtree with it. */
static int end_leaf(struct sync_nodes *n, struct part *top, bool *is_end, struct cel_error *e)
{
	struct cid cid;
	uint32_t entry = n->entry, value = n->value;
	*is_end = false;
	if (next_value(n, &cid)) {
		n->entry = entry;
		n->value = value;
		return 0;
	}
	struct part *leaf = n->leaf;
	n->leaf = NULL;
	*is_end = leaf == top || top->pending == 1;
	leaf->pending = 0;
	return settle(n, leaf, e);
}

static int take_of_subtree(struct sync_nodes *n, struct part *top, struct slice block, bool *is_end, struct cel_error *e)
{
	struct cid cid;
	int rc;
	*is_end = false;
	if (!top->is_open) {
		rc = take_node(n, top, block, e);
		if (rc < 0 || n->node.level > 0) {
			top->pending = n->node.n;
			n->child = 0;
			return rc;
		}
		rc = begin_leaf(n, top);
	} else if (n->leaf == NULL) {
		rc = take_leaf(n, top, block, e);
	} else {
		rc = next_value(n, &cid) ? take_value(n, n->leaf, &cid, block, e) : CEL_EINTERNAL;
	}
	return rc < 0 ? rc : end_leaf(n, top, is_end, e);
}

/* ---- the whole */

int sync_nodes_new(struct cel_store *store, struct quarantine *q, const struct cid *root, uint64_t records, const struct cid *near,
		   uint32_t commit, struct sync_nodes **out, struct cel_error *e)
{
	struct sync_nodes *n = mem_calloc(1, sizeof *n);
	*out = NULL;
	if (n == NULL)
		return error_nomem(e, sizeof *n);
	n->store = store;
	n->q = q;
	n->root = *root;
	n->commit = commit;
	parts_init(&n->parts);
	n->has_near = near != NULL;
	n->whole_level = q->kept.n > 0 ? 0 : 1; /* an earlier try may have left leaves */
	if (near != NULL)
		n->near = *near;
	*out = n;
	if (quarantine_has(q, root)) {
		n->counts.kept = 1;
		n->is_done = true;
		return 0;
	}
	struct part *top = part_new(NULL, slice_make(NULL, 0), e);
	if (top == NULL) {
		sync_nodes_free(n);
		*out = NULL;
		return CEL_ENOMEM;
	}
	top->cid = *root;
	top->count = records;
	top->level = SYNC_ROOT;
	top->kind = SYNC_NODE;
	parts_push(&n->parts, top);
	return 0;
}

void sync_nodes_free(struct sync_nodes *n)
{
	if (n == NULL)
		return;
	parts_release(&n->parts);
	sync_ready_release(&n->ready);
	mem_free(n);
}

void sync_nodes_keep(struct sync_nodes *n)
{
	if (!n->is_flushed)
		flush(n, NULL);
}

int sync_nodes_ask(struct sync_nodes *n, struct sync_ask *out, size_t max, size_t *count, struct cel_error *e)
{
	size_t n_nodes = 0;
	*count = 0;
	while (n->parts.todo != NULL && *count < max && n_nodes < NODE_ASKS) {
		struct part *p = parts_ask(&n->parts);
		struct sync_ask *ask = &out[(*count)++];
		n_nodes += p->kind == SYNC_NODE;
		*ask = (struct sync_ask){.kind = p->kind, .commit = n->commit, .what = p->kind == SYNC_VALUES ? 0 : p->level,
					 .key_size = p->key_size};
		memcpy(ask->key, p->key, p->key_size);
	}
	if (*count > 0)
		return 0;
	if (!n->is_done)
		return error_set(e, CEL_EINTERNAL, "a tree that is not complete, and nothing to ask for");
	int rc = n->is_flushed ? 0 : flush(n, e);
	n->is_flushed = true;
	return rc;
}

static int take(struct sync_nodes *n, struct part *p, struct slice block, bool *is_end, struct cel_error *e)
{
	int rc;
	*is_end = true;
	switch (p->kind) {
	case SYNC_SUBTREE:
		return take_of_subtree(n, p, block, is_end, e);
	case SYNC_VALUES:
		rc = take_value(n, p->parent, &p->values[p->at++], block, e);
		*is_end = p->at == p->n_values;
		if (rc == 0 && *is_end)
			parts_open(&n->parts, p);
		return rc < 0 || !*is_end ? rc : settle(n, p, e);
	default:
		rc = take_node(n, p, block, e);
		if (rc == 0)
			rc = add_children(n, p, e);
		return rc < 0 ? rc : settle(n, p, e);
	}
}

int sync_nodes_take(struct sync_nodes *n, struct slice block, bool *is_end, struct cel_error *e)
{
	struct part *p = n->parts.asked, *next = p->next; /* p may be gone behind this */
	int rc = take(n, p, block, is_end, e);
	if (rc < 0 || !*is_end)
		return rc;
	parts_answered(&n->parts, next);
	return sync_ready_size(&n->ready) >= ready_bytes ? flush(n, e) : 0;
}

void sync_nodes_counts(const struct sync_nodes *n, struct sync_nodes_counts *out)
{
	*out = n->counts;
}
