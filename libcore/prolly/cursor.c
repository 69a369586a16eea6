/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor is the path from the root to a leaf: one frame a level, each with its decoded node and the entry that leads on
 * (in the leaf: the entry to give out next). A frame remembers which block it holds, so a seek near the last one reads
 * only what is new to it. Key order within and between nodes is what seek relies on; each child is compared with what
 * its parent says of it, so a path cannot leave the levels and a wrong count is found where it is used. */
#include "alloc.h"
#include "error.h"
#include "node.h"
#include "tree.h"

struct frame {
	struct cid cid; /* of the node, if has_node */
	bool has_node;
	uint32_t i;
	struct node node;
};

enum place { AT_START, AT_ENTRY, AT_END, IS_BROKEN };

struct prolly_cursor {
	struct store_read *read;
	uint32_t top; /* level of the root */
	enum place place;
	uint8_t id[CEL_ID_MAX]; /* given out last */
	size_t id_size;
	struct frame *frames; /* by level */
};

int prolly_cursor_new(struct store_read *read, const struct cid *root, struct prolly_cursor **out, struct cel_error *e)
{
	struct prolly_cursor *c = mem_calloc(1, sizeof *c);
	struct node *node = mem_alloc(sizeof *node);
	int rc = c == NULL || node == NULL ? error_nomem(e, sizeof *c + sizeof *node) : node_read(read, root, node, e);
	if (rc == 0) {
		c->read = read;
		c->top = node->level;
		c->frames = mem_calloc(c->top + 1, sizeof *c->frames);
		if (c->frames == NULL)
			rc = error_nomem(e, (c->top + 1) * sizeof *c->frames);
	}
	if (rc == 0) {
		c->frames[c->top] = (struct frame){.cid = *root, .has_node = true, .node = *node};
		*out = c;
	} else {
		mem_free(c);
	}
	mem_free(node);
	return rc;
}

void prolly_cursor_free(struct prolly_cursor *c)
{
	if (c == NULL)
		return;
	mem_free(c->frames);
	mem_free(c);
}

/* Loads the frame below, unless it holds that node already. */
static int descend(struct prolly_cursor *c, uint32_t level, struct cel_error *e)
{
	const struct frame *parent = &c->frames[level];
	struct frame *child = &c->frames[level - 1];
	struct cid cid;
	uint64_t count;
	node_inner_entry(&parent->node, parent->i, &cid, &count);
	child->i = 0;
	bool is_here = child->has_node && cid_equal(&child->cid, &cid);
	/* Compared again even if it is here: another parent may have led to it and said something else. */
	int rc = is_here ? node_check_child(&parent->node, parent->i, &child->node, e)
			 : node_read_child(c->read, &parent->node, parent->i, &child->node, e);
	child->cid = cid;
	child->has_node = rc == 0;
	if (rc < 0)
		c->place = IS_BROKEN;
	return rc;
}

int prolly_cursor_seek(struct prolly_cursor *c, struct slice key, struct cel_error *e)
{
	for (uint32_t level = c->top;; level--) {
		struct frame *frame = &c->frames[level];
		frame->i = node_search(&frame->node, key);
		if (frame->i == frame->node.n) { /* in the root only: below it, the parent's key says that there is one */
			c->place = AT_END;
			return 0;
		}
		if (level == 0)
			break;
		int rc = descend(c, level, e);
		if (rc < 0)
			return rc;
	}
	c->place = AT_ENTRY;
	return 0;
}

int prolly_cursor_seek_rank(struct prolly_cursor *c, uint64_t rank, struct cel_error *e)
{
	if (rank >= c->frames[c->top].node.count) {
		c->place = AT_END;
		return 0;
	}
	for (uint32_t level = c->top; level > 0; level--) {
		struct frame *frame = &c->frames[level];
		struct cid child;
		uint64_t count;
		frame->i = 0;
		node_inner_entry(&frame->node, 0, &child, &count);
		while (rank >= count) { /* ends in time: the node's count, which is more than rank, is the sum of these */
			rank -= count;
			node_inner_entry(&frame->node, ++frame->i, &child, &count);
		}
		int rc = descend(c, level, e);
		if (rc < 0)
			return rc;
	}
	c->frames[0].i = (uint32_t)rank;
	c->place = AT_ENTRY;
	return 0;
}

/* To the first entry of the next leaf: 1, 0 if there is none. It must come after the last of this leaf: nodes that are
 * sound one by one can still lead to the same leaves over and over, along more ways than anybody could walk. */
static int next_leaf(struct prolly_cursor *c, struct cel_error *e)
{
	uint32_t level = 1;
	while (level <= c->top && c->frames[level].i + 1 == c->frames[level].node.n)
		level++;
	if (level > c->top) {
		c->place = AT_END;
		return 0;
	}
	c->frames[level].i++;
	for (; level > 0; level--) {
		int rc = descend(c, level, e);
		if (rc < 0)
			return rc;
	}
	uint8_t first[CEL_ID_MAX];
	struct slice key = slice_make(first, node_key(&c->frames[0].node, 0, first));
	if (slice_compare(slice_make(c->id, c->id_size), key) >= 0) {
		c->place = IS_BROKEN;
		return error_set(e, CEL_ECORRUPT, "a leaf begins with '%.*s', which does not come after '%.*s'", (int)key.size,
				 (const char *)key.data, (int)c->id_size, (const char *)c->id);
	}
	return 1;
}

int prolly_cursor_next(struct prolly_cursor *c, struct prolly_entry *out, struct cel_error *e)
{
	if (c->place == IS_BROKEN)
		return error_set(e, CEL_EINTERNAL, "the cursor has failed and was not placed again");
	int rc = c->place == AT_START ? prolly_cursor_seek_rank(c, 0, e) : 0;
	if (rc < 0 || c->place == AT_END)
		return rc;
	struct frame *leaf = &c->frames[0];
	if (leaf->i == leaf->node.n) {
		rc = next_leaf(c, e);
		if (rc <= 0)
			return rc;
	}
	c->id_size = node_key(&leaf->node, leaf->i, c->id);
	out->id = slice_make(c->id, c->id_size);
	node_leaf_entry(&leaf->node, leaf->i, &out->vector, &out->metadata);
	leaf->i++;
	return 1;
}

int prolly_get(struct store_read *read, const struct cid *root, struct slice id, struct prolly_entry *out,
	       struct cel_error *e)
{
	struct node a, b, *node = &a, *child = &b;
	int rc = node_read(read, root, node, e);
	if (rc < 0)
		return rc;
	uint32_t i;
	while ((i = node_search(node, id)) < node->n && node->level > 0) {
		rc = node_read_child(read, node, i, child, e);
		if (rc < 0)
			return rc;
		struct node *parent = node;
		node = child;
		child = parent;
	}
	uint8_t key[CEL_ID_MAX];
	if (i == node->n || !slice_equal(id, slice_make(key, node_key(node, i, key))))
		return error_set(e, CEL_ENOTFOUND, "no record has the id '%.*s'", (int)(id.size < CEL_ID_MAX ? id.size : CEL_ID_MAX),
				 (const char *)id.data);
	out->id = id;
	node_leaf_entry(node, i, &out->vector, &out->metadata);
	return 0;
}

int prolly_count(struct store_read *read, const struct cid *root, uint64_t *out, struct cel_error *e)
{
	struct node node;
	int rc = node_read(read, root, &node, e);
	if (rc == 0)
		*out = node.count;
	return rc;
}

int prolly_value_bytes(struct store_read *read, const struct prolly_value *value, struct slice *out, struct cel_error *e)
{
	*out = value->bytes;
	if (!value->is_link)
		return 0;
	int rc = store_read_block(read, &value->link, out, e);
	if (rc == CEL_ENOTFOUND) {
		char text[CEL_CID_TEXT_SIZE];
		cid_format(&value->link, text);
		return error_set(e, CEL_ECORRUPT, "value %s is missing", text);
	}
	return rc;
}
