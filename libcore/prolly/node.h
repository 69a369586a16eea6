/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks of the tree: [level, count, prefix, [entry...]], canonical DAG-CBOR.
 *
 *     leaf entry   (level 0)  [suffix, vector, metadata | null]   a value: bytes up to PROLLY_INLINE_MAX, or a link
 *     inner entry             [suffix, link to a node, records below it]
 *
 * Decoding allocates nothing: struct node keeps where the entries are in the block, which must outlive it. */
#ifndef PROLLY_NODE_H
#define PROLLY_NODE_H

#include "chunker.h"
#include "tree.h"

/* 25 entries a node, but the last: 2^64 records need 15 levels. */
#define NODE_LEVELS_MAX 16u

struct node_span {
	uint32_t suffix, suffix_size; /* where the suffix is in the block */
	uint32_t rest;                /* where the items behind it begin */
};

struct node {
	struct slice block;
	struct slice prefix;
	uint64_t count; /* records at or below this node */
	uint32_t level;
	uint32_t n;
	struct node_span entries[CHUNK_CAP];
};

/* CEL_ECORRUPT for every block that node_encode would not have made. What one block cannot tell (where boundaries must
 * be, that linked values are long enough) is left to prolly_check. */
int node_decode(struct slice block, struct node *out, struct cel_error *e);
/* Reads and decodes a block of the store; one that is missing is CEL_ECORRUPT. */
int node_read(struct store_read *read, const struct cid *cid, struct node *out, struct cel_error *e);
/* The child that entry i of an inner node links; it must be what the entry says. */
int node_read_child(struct store_read *read, const struct node *parent, uint32_t i, struct node *out,
		    struct cel_error *e);
/* Only that comparison, for a node that was read before. */
int node_check_child(const struct node *parent, uint32_t i, const struct node *child, struct cel_error *e);

size_t node_key(const struct node *node, uint32_t i, uint8_t out[CEL_ID_MAX]); /* returns its size */
uint32_t node_search(const struct node *node, struct slice key); /* first entry with a key >= key; n if none */
void node_leaf_entry(const struct node *node, uint32_t i, struct prolly_value *vector, struct prolly_value *metadata);
void node_inner_entry(const struct node *node, uint32_t i, struct cid *child, uint64_t *count);
size_t node_digest_place(const struct node *node, uint32_t i); /* in the block: of the child that an inner entry links */
/* What stands behind the suffix of entry i, as the two functions below write it, and the records it stands for. */
struct slice node_rest(const struct node *node, uint32_t i, uint64_t *count);
/* How many entries of the two from i and j on are the same, given that their prefixes are: the bytes are compared in one go. */
uint32_t node_common_run(const struct node *a, uint32_t i, const struct node *b, uint32_t j);
void node_rest_child(struct slice rest, struct cid *child, uint64_t *count); /* of an inner entry */

/* What stands behind the suffix of an entry; appended to b. */
int node_put_leaf_rest(struct buf *b, const struct prolly_value *vector, const struct prolly_value *metadata,
		       struct cel_error *e);
int node_put_inner_rest(struct buf *b, const struct cid *child, uint64_t count, struct cel_error *e);

struct node_item {
	struct slice key;
	struct slice rest; /* from one of the two above */
};
/* Appends the block of these entries, which are in order and at most CHUNK_CAP. */
int node_encode(uint32_t level, uint64_t count, const struct node_item *items, size_t n, struct buf *b,
		struct cel_error *e);

#endif
