/* SPDX-License-Identifier: Apache-2.0 */
/* A walk in key order that asks of every block: is it what its CID says (the store does), canonical (node_decode), what
 * its parent says (node_read_child), and behind what came before on its level? Each level also runs the keys it meets
 * through a chunker of its own and compares: a queue holds the nodes found, and each node that the rule gives out must
 * be the one at its head.
 *
 * Memory is that of the chunkers. Nothing is read twice: keys that must ascend cannot come round again. */
#include "alloc.h"
#include "error.h"
#include "hashed.h"
#include "node.h"

struct found {
	struct cid cid;
	uint32_t n;
};

struct level {
	struct chunker chunker;
	struct found *queue; /* nodes met, from head to tail, that the chunker has not given out yet */
	size_t head, tail, capacity;
	size_t last_size;
	uint8_t last[CEL_ID_MAX]; /* key */
	struct node node;
};

struct check {
	struct store_read *read;
	int (*visit)(void *context, const struct prolly_entry *entry, struct cel_error *e);
	void *context;
	struct level levels[NODE_LEVELS_MAX];
};

static int push_found(struct level *level, const struct cid *cid, uint32_t n, struct cel_error *e)
{
	if (level->tail == level->capacity && level->head > level->capacity / 2) {
		memmove(level->queue, level->queue + level->head, (level->tail - level->head) * sizeof *level->queue);
		level->tail -= level->head;
		level->head = 0;
	}
	if (mem_grow(&level->queue, &level->capacity, level->tail + 1, sizeof *level->queue, e) < 0)
		return CEL_ENOMEM;
	level->queue[level->tail++] = (struct found){.cid = *cid, .n = n};
	return 0;
}

/* The nodes the rule is sure of by now against those that were found. */
static int compare_ready(struct level *level, struct cel_error *e)
{
	size_t n;
	while ((n = chunker_ready(&level->chunker)) > 0) {
		/* Every entry was announced before it was added, so the queue is not empty. */
		const struct found *found = &level->queue[level->head++];
		if (found->n != n) {
			char text[CEL_CID_TEXT_SIZE];
			cid_format(&found->cid, text);
			return error_set(e, CEL_ECORRUPT, "node %s of level %u has %u entries where the rule gives it %zu", text,
					 level->chunker.level, found->n, n);
		}
		chunker_drop(&level->chunker);
	}
	return 0;
}

static int check_keys(struct level *level, const struct cid *cid, struct cel_error *e)
{
	int rc = push_found(level, cid, level->node.n, e);
	for (uint32_t i = 0; i < level->node.n && rc == 0; i++) {
		uint8_t key[CEL_ID_MAX];
		size_t size = node_key(&level->node, i, key);
		if (slice_compare(slice_make(level->last, level->last_size), slice_make(key, size)) >= 0) {
			char text[CEL_CID_TEXT_SIZE];
			cid_format(cid, text);
			return error_set(e, CEL_ECORRUPT, "node %s begins before the end of the one before it", text);
		}
		memcpy(level->last, key, size);
		level->last_size = size;
		rc = chunker_add(&level->chunker, slice_make(key, size), slice_make(NULL, 0), 1, e);
		if (rc == 0)
			rc = compare_ready(level, e);
	}
	return rc;
}

static int check_value(struct check *c, const struct prolly_value *value, struct cel_error *e)
{
	struct slice bytes;
	int rc = prolly_value_bytes(c->read, value, &bytes, e);
	if (rc == 0 && value->is_link && bytes.size <= PROLLY_INLINE_MAX)
		return error_set(e, CEL_ECORRUPT, "a value of %zu bytes is linked, not inline", bytes.size);
	if (rc == 0 && bytes.size > PROLLY_VALUE_MAX)
		return error_set(e, CEL_ECORRUPT, "a value of %zu bytes, more than %u", bytes.size, PROLLY_VALUE_MAX);
	return rc;
}

static int check_records(struct check *c, const struct node *leaf, struct cel_error *e)
{
	for (uint32_t i = 0; i < leaf->n; i++) {
		uint8_t key[CEL_ID_MAX];
		struct prolly_entry entry = {.id = slice_make(key, node_key(leaf, i, key))};
		node_leaf_entry(leaf, i, &entry.vector, &entry.metadata);
		int rc = check_value(c, &entry.vector, e);
		if (rc == 0)
			rc = check_value(c, &entry.metadata, e);
		if (rc < 0)
			error_context(e, "record '%.*s'", (int)entry.id.size, (const char *)key);
		else if (c->visit != NULL)
			rc = c->visit(c->context, &entry, e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* The node that stands in its level's place, and all below it. */
static int check_node(struct check *c, uint32_t level, const struct cid *cid, struct cel_error *e)
{
	struct node *node = &c->levels[level].node;
	int rc = check_keys(&c->levels[level], cid, e);
	if (rc == 0 && level == 0)
		rc = check_records(c, node, e);
	for (uint32_t i = 0; level > 0 && i < node->n && rc == 0; i++) {
		struct cid child;
		uint64_t count;
		node_inner_entry(node, i, &child, &count);
		rc = node_read_child(c->read, node, i, &c->levels[level - 1].node, e);
		if (rc == 0)
			rc = check_node(c, level - 1, &child, e); /* as deep as there are levels */
	}
	return rc;
}

static int check_tree(struct check *c, const struct cid *root, struct cel_error *e)
{
	struct node *node = mem_alloc(sizeof *node);
	if (node == NULL)
		return error_nomem(e, sizeof *node);
	int rc = node_read(c->read, root, node, e);
	uint32_t top = rc == 0 ? node->level : 0;
	if (rc == 0)
		c->levels[top].node = *node;
	mem_free(node);
	if (rc == 0 && top > 0 && c->levels[top].node.n == 1)
		return error_set(e, CEL_ECORRUPT, "the root has a single entry: the node below it is the root");
	if (rc == 0)
		rc = check_node(c, top, root, e);
	for (uint32_t level = 0; level <= top && rc == 0; level++) {
		rc = chunker_finish(&c->levels[level].chunker, e);
		if (rc == 0)
			rc = compare_ready(&c->levels[level], e);
	}
	return rc;
}

int prolly_check_hashed(struct store_read *read, const struct cid *root, chunk_hash_fn *hash, bool *is_irregular,
			int (*visit)(void *context, const struct prolly_entry *entry, struct cel_error *e), void *context,
			struct cel_error *e)
{
	struct check *c = mem_calloc(1, sizeof *c);
	if (c == NULL)
		return error_nomem(e, sizeof *c);
	c->read = read;
	c->visit = visit;
	c->context = context;
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++)
		chunker_init(&c->levels[level].chunker, level, hash);
	int rc = check_tree(c, root, e);
	if (is_irregular != NULL)
		*is_irregular = false;
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++) {
		if (is_irregular != NULL)
			*is_irregular |= c->levels[level].chunker.has_cut;
		chunker_release(&c->levels[level].chunker);
		mem_free(c->levels[level].queue);
	}
	mem_free(c);
	return rc;
}

int prolly_check(struct store_read *read, const struct cid *root,
		 int (*visit)(void *context, const struct prolly_entry *entry, struct cel_error *e), void *context,
		 struct cel_error *e)
{
	return prolly_check_hashed(read, root, chunk_hash, NULL, visit, context, e);
}
