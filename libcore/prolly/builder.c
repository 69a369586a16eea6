/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk build, bottom up: one chunker a level. A node that a chunker gives out is encoded, put into the batch and becomes
 * one entry (last key, CID, records) of the level above:
 *
 *     level 1   | a..f -> CID |                      <- entry of the node just finished
 *     level 0   | a b c d e f |  g h i               <- entries whose node is not known to end yet
 *
 * At the end the chunkers are finished from the bottom; the first level with one node has the root. */
#include "alloc.h"
#include "error.h"
#include "hashed.h"
#include "node.h"
#include "record.h"
#include "tree.h"

struct level {
	struct chunker chunker;
	uint64_t nodes;  /* put so far */
	struct cid last; /* the CID of the last one */
};

struct prolly_builder {
	struct store_batch *batch;
	struct level levels[NODE_LEVELS_MAX];
	uint64_t count;
	struct buf rest, block;
	size_t last_id_size;
	uint8_t last_id[CEL_ID_MAX];
	bool is_broken; /* a call failed or the tree is finished: only free may follow */
	struct node_item items[CHUNK_CAP];
};

int prolly_builder_new_hashed(struct store_batch *batch, chunk_hash_fn *hash, struct prolly_builder **out,
			      struct cel_error *e)
{
	struct prolly_builder *b = mem_calloc(1, sizeof *b);
	if (b == NULL)
		return error_nomem(e, sizeof *b);
	b->batch = batch;
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++)
		chunker_init(&b->levels[level].chunker, level, hash);
	*out = b;
	return 0;
}

int prolly_builder_new(struct store_batch *batch, struct prolly_builder **out, struct cel_error *e)
{
	return prolly_builder_new_hashed(batch, chunk_hash, out, e);
}

void prolly_builder_free(struct prolly_builder *b)
{
	if (b == NULL)
		return;
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++)
		chunker_release(&b->levels[level].chunker);
	buf_release(&b->rest);
	buf_release(&b->block);
	mem_free(b);
}

/* Puts the node of the chunker's next n entries. */
static int put_node(struct prolly_builder *b, uint32_t level, size_t n, uint64_t *count, struct cel_error *e)
{
	const struct chunker *c = &b->levels[level].chunker;
	*count = 0;
	for (size_t i = 0; i < n; i++) {
		b->items[i] = (struct node_item){.key = chunker_key(c, i), .rest = chunker_payload(c, i)};
		*count += chunker_count(c, i);
	}
	buf_clear(&b->block);
	int rc = node_encode(level, *count, b->items, n, &b->block, e);
	if (rc < 0)
		return rc;
	b->levels[level].nodes++;
	return store_batch_put(b->batch, CID_DAG_CBOR, buf_slice(&b->block), &b->levels[level].last, e);
}

/* Puts the nodes that are known on this level; their entries may finish nodes of the levels above. */
static int put_ready(struct prolly_builder *b, uint32_t level, struct cel_error *e)
{
	struct chunker *c = &b->levels[level].chunker;
	size_t n;
	while ((n = chunker_ready(c)) > 0) {
		uint64_t count;
		int rc = put_node(b, level, n, &count, e);
		if (rc < 0)
			return rc;
		if (level + 1 == NODE_LEVELS_MAX)
			return error_set(e, CEL_EINTERNAL, "a tree of more than %u levels", NODE_LEVELS_MAX);
		buf_clear(&b->rest);
		rc = node_put_inner_rest(&b->rest, &b->levels[level].last, count, e);
		if (rc == 0)
			rc = chunker_add(&b->levels[level + 1].chunker, chunker_key(c, n - 1), buf_slice(&b->rest), count, e);
		if (rc == 0)
			rc = put_ready(b, level + 1, e);
		if (rc < 0)
			return rc;
		chunker_drop(c);
	}
	return 0;
}

/* The value as it stands in a leaf: what is too long becomes a link. */
static int store_value(struct prolly_builder *b, const struct prolly_value *value, struct prolly_value *out,
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
	return store_batch_put(b->batch, CID_RAW, value->bytes, &out->link, e);
}

static int add_entry(struct prolly_builder *b, const struct prolly_entry *entry, struct cel_error *e)
{
	struct slice last = slice_make(b->last_id, b->last_id_size);
	if (slice_compare(last, entry->id) >= 0)
		return error_set(e, CEL_EDATA, "id '%.*s' does not come after '%.*s'", (int)entry->id.size,
				 (const char *)entry->id.data, (int)last.size, (const char *)last.data);
	int rc = record_check_id(entry->id, e);
	if (rc < 0)
		return rc;
	struct prolly_value vector, metadata;
	rc = store_value(b, &entry->vector, &vector, e);
	if (rc == 0 && !vector.is_link && vector.bytes.size == 0)
		return error_set(e, CEL_EDATA, "the vector is missing");
	if (rc == 0)
		rc = store_value(b, &entry->metadata, &metadata, e);
	if (rc < 0)
		return rc;
	buf_clear(&b->rest);
	rc = node_put_leaf_rest(&b->rest, &vector, &metadata, e);
	if (rc == 0)
		rc = chunker_add(&b->levels[0].chunker, entry->id, buf_slice(&b->rest), 1, e);
	if (rc < 0)
		return rc;
	memcpy(b->last_id, entry->id.data, entry->id.size);
	b->last_id_size = entry->id.size;
	b->count++;
	return put_ready(b, 0, e);
}

int prolly_builder_add(struct prolly_builder *b, const struct prolly_entry *entry, struct cel_error *e)
{
	if (b->is_broken)
		return error_set(e, CEL_EINTERNAL, "the tree builder has failed or is finished");
	int rc = add_entry(b, entry, e);
	b->is_broken = rc < 0;
	return rc;
}

int prolly_builder_finish(struct prolly_builder *b, struct cid *root, uint64_t *count, struct cel_error *e)
{
	if (b->is_broken)
		return error_set(e, CEL_EINTERNAL, "the tree builder has failed or is finished");
	b->is_broken = true;
	*count = b->count;
	if (b->count == 0) {
		int rc = put_node(b, 0, 0, count, e);
		*root = b->levels[0].last;
		return rc;
	}
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++) {
		int rc = chunker_finish(&b->levels[level].chunker, e);
		if (rc == 0)
			rc = put_ready(b, level, e);
		if (rc < 0)
			return rc;
		if (b->levels[level].nodes == 1) {
			*root = b->levels[level].last;
			return 0;
		}
	}
	return error_set(e, CEL_EINTERNAL, "a tree of more than %u levels", NODE_LEVELS_MAX);
}
