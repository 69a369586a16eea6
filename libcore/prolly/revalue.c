/* SPDX-License-Identifier: Apache-2.0 */
/* Down from the root, each node with the items that are below it: a leaf is written anew with the new values, an inner node is
 * copied and gets the new CIDs of the children that came back changed, or is written anew if their counts have changed too. */
#include "revalue.h"

#include "alloc.h"
#include "cbor.h"
#include "error.h"

struct frame {
	struct node node;
	struct node_item items[CHUNK_CAP]; /* of a leaf, their keys in: */
	struct buf keys; /* room is made before anything is put, so that slices into them stay */
	struct child { /* those of an inner node that have changed */
		uint32_t i;
		struct cid cid;
		uint64_t count;
	} changed[CHUNK_CAP];
	uint32_t n_changed;
	struct buf rests; /* of these, as keys */
	struct buf block; /* what it becomes */
};

struct job {
	struct store_batch *batch;
	struct store_read *read;
	struct frame *frames[NODE_LEVELS_MAX];
	struct revalue_stats *stats;
};

static int frame_at(struct job *j, uint32_t level, struct frame **out, struct cel_error *e)
{
	if (level >= NODE_LEVELS_MAX)
		return error_set(e, CEL_ECORRUPT, "a tree of more than %u levels", NODE_LEVELS_MAX);
	if (j->frames[level] == NULL)
		j->frames[level] = mem_calloc(1, sizeof **out);
	*out = j->frames[level];
	return *out != NULL ? 0 : error_nomem(e, sizeof **out);
}

/* All entries as they are. */
static int copy_entries(struct frame *f, struct cel_error *e)
{
	const struct node *node = &f->node;
	size_t size = 0;
	uint64_t count;
	for (uint32_t i = 0; i < node->n; i++)
		size += node->prefix.size + node->entries[i].suffix_size;
	buf_clear(&f->keys);
	int rc = buf_reserve(&f->keys, size + CEL_ID_MAX, e);
	for (uint32_t i = 0; rc == 0 && i < node->n; i++) {
		uint8_t *key = f->keys.data + f->keys.size;
		f->items[i].key = slice_make(key, node_key(node, i, key));
		f->keys.size += f->items[i].key.size;
		f->items[i].rest = node_rest(node, i, &count);
	}
	return rc;
}

static int put_block(struct job *j, const struct frame *f, struct slice block, struct cid *out, struct cel_error *e)
{
	j->stats->nodes_written[f->node.level]++;
	return store_batch_put(j->batch, CID_DAG_CBOR, block, out, e);
}

static int revalue_leaf(struct job *j, struct frame *f, const struct revalue_item *items, size_t n, struct cid *out,
			struct cel_error *e)
{
	int rc = copy_entries(f, e);
	for (size_t k = 0; k < n && rc == 0; k++) {
		uint32_t i = node_search(&f->node, items[k].id);
		if (i == f->node.n || !slice_equal(f->items[i].key, items[k].id))
			return error_set(e, CEL_EINTERNAL, "the leaf has no id '%.*s'", (int)items[k].id.size,
					 (const char *)items[k].id.data);
		f->items[i].rest = items[k].rest;
	}
	buf_clear(&f->block);
	if (rc == 0)
		rc = node_encode(f->node.level, f->node.count, f->items, f->node.n, &f->block, e);
	return rc < 0 ? rc : put_block(j, f, buf_slice(&f->block), out, e);
}

static int revalue_node(struct job *j, struct frame *f, const struct revalue_item *items, size_t n, struct child *out,
			struct cel_error *e);

/* The child at entry i, to which the items belong. */
static int revalue_child(struct job *j, struct frame *f, uint32_t i, const struct revalue_item *items, size_t n,
			 struct child *out, struct cel_error *e)
{
	struct frame *child;
	out->i = i;
	if (items->level == f->node.level) {
		node_rest_child(items->rest, &out->cid, &out->count);
		return 0;
	}
	int rc = frame_at(j, f->node.level - 1, &child, e);
	if (rc < 0)
		return rc;
	if (f->node.level == 1) {
		rc = node_decode(items->leaf, &child->node, e);
		if (rc == 0)
			rc = node_check_child(&f->node, i, &child->node, e);
		out->count = child->node.count;
		return rc < 0 ? rc : revalue_leaf(j, child, items, n, &out->cid, e);
	}
	rc = node_read_child(j->read, &f->node, i, &child->node, e);
	j->stats->nodes_read++;
	return rc < 0 ? rc : revalue_node(j, child, items, n, out, e);
}

static int revalue_children(struct job *j, struct frame *f, const struct revalue_item *items, size_t n, struct cel_error *e)
{
	const struct node *node = &f->node;
	uint8_t key[CEL_ID_MAX];
	f->n_changed = 0;
	int rc = 0;
	for (size_t done = 0, end; rc == 0 && done < n; done = end) {
		uint32_t i = node_search(node, items[done].id);
		if (i == node->n)
			return error_set(e, CEL_EINTERNAL, "the tree ends before '%.*s'", (int)items[done].id.size,
					 (const char *)items[done].id.data);
		struct slice last = slice_make(key, node_key(node, i, key));
		for (end = done + 1; end < n && slice_compare(items[end].id, last) <= 0;)
			end++;
		rc = revalue_child(j, f, i, items + done, end - done, &f->changed[f->n_changed++], e);
	}
	return rc;
}

/* Keys and counts stay, and links are all of one size: the block gets other digests in their places. */
static int patch_links(struct frame *f, struct cel_error *e)
{
	int rc = buf_append(&f->block, f->node.block.data, f->node.block.size, e);
	for (uint32_t k = 0; k < f->n_changed && rc == 0; k++)
		memcpy(f->block.data + node_digest_place(&f->node, f->changed[k].i), f->changed[k].cid.digest, SHA256_SIZE);
	return rc;
}

static int encode_links(struct frame *f, uint64_t count, struct cel_error *e)
{
	int rc = copy_entries(f, e);
	buf_clear(&f->rests);
	if (rc == 0)
		rc = buf_reserve(&f->rests, f->n_changed * (CBOR_LINK_SIZE + 9), e);
	for (uint32_t k = 0; k < f->n_changed && rc == 0; k++) {
		const struct child *child = &f->changed[k];
		size_t start = f->rests.size;
		rc = node_put_inner_rest(&f->rests, &child->cid, child->count, e);
		f->items[child->i].rest = slice_make(f->rests.data + start, f->rests.size - start);
	}
	return rc < 0 ? rc : node_encode(f->node.level, count, f->items, f->node.n, &f->block, e);
}

static int revalue_node(struct job *j, struct frame *f, const struct revalue_item *items, size_t n, struct child *out,
			struct cel_error *e)
{
	bool is_recount = false;
	out->count = f->node.count;
	int rc = revalue_children(j, f, items, n, e);
	for (uint32_t k = 0; k < f->n_changed && rc == 0; k++) {
		struct cid cid;
		uint64_t before;
		node_inner_entry(&f->node, f->changed[k].i, &cid, &before);
		is_recount |= f->changed[k].count != before;
		out->count += f->changed[k].count - before;
	}
	buf_clear(&f->block);
	if (rc == 0)
		rc = is_recount ? encode_links(f, out->count, e) : patch_links(f, e);
	return rc < 0 ? rc : put_block(j, f, buf_slice(&f->block), &out->cid, e);
}

int revalue(struct store_batch *batch, struct store_read *read, const struct cid *root, const struct revalue_item *items,
	    size_t n, struct cid *out, struct revalue_stats *stats, struct cel_error *e)
{
	struct job j = {.batch = batch, .read = read, .stats = stats};
	struct frame *top = NULL;
	struct child whole;
	*stats = (struct revalue_stats){.nodes_read = 1};
	struct node *node = mem_alloc(sizeof *node);
	int rc = node == NULL ? error_nomem(e, sizeof *node) : node_read(read, root, node, e);
	if (rc == 0)
		rc = frame_at(&j, node->level, &top, e);
	if (rc == 0) {
		top->node = *node;
		rc = node->level == 0 ? revalue_leaf(&j, top, items, n, &whole.cid, e)
				      : revalue_node(&j, top, items, n, &whole, e);
		*out = whole.cid;
	}
	mem_free(node);
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++) {
		if (j.frames[level] != NULL) {
			buf_release(&j.frames[level]->keys);
			buf_release(&j.frames[level]->block);
			buf_release(&j.frames[level]->rests);
			mem_free(j.frames[level]);
		}
	}
	return rc;
}
