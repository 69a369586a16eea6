/* SPDX-License-Identifier: Apache-2.0 */
/* The prolly tree: id -> (vector, metadata), its shape a function of the ids alone. DESIGN.md section 4 has the rule,
 * man/cel-format.5 the bytes.
 *
 * A value of at most PROLLY_INLINE_MAX bytes stands in the leaf; a longer one is a raw block and the leaf links it. */
#ifndef PROLLY_TREE_H
#define PROLLY_TREE_H

#include "cid.h"
#include "store.h"

#define PROLLY_W 24
#define PROLLY_INLINE_MAX 256u
#define PROLLY_VALUE_MAX (1u << 20) /* bytes of a value: a raw block */

struct prolly_value {
	bool is_link;
	struct cid link;    /* of the raw block, if is_link */
	struct slice bytes; /* else the bytes; size 0: absent (metadata only). Given with a link: the block, hashed already */
};

struct prolly_entry {
	struct slice id;
	struct prolly_value vector;
	struct prolly_value metadata;
};

/* ---- bulk build: entries in strictly ascending id order. Memory O(w * height). */
struct prolly_builder;
int prolly_builder_new(struct store_batch *batch, struct prolly_builder **out, struct cel_error *e);
void prolly_builder_free(struct prolly_builder *b);
/* Values given as bytes over the inline limit are put as raw blocks, and so are those of a link; a link without bytes is kept
 * as it is (it must be in the store, and over the limit). CEL_EDATA for an id that is none or does not come after the one before it, for a missing vector and
 * for a value over PROLLY_VALUE_MAX. After a failure the builder can only be freed. */
int prolly_builder_add(struct prolly_builder *b, const struct prolly_entry *entry, struct cel_error *e);
int prolly_builder_finish(struct prolly_builder *b, struct cid *root, uint64_t *count, struct cel_error *e);

/* ---- reading. `read` must outlive the cursor. Slices live until the next call on the cursor (ids) or until the read
 * ends (blocks). */
struct prolly_cursor;
int prolly_cursor_new(struct store_read *read, const struct cid *root, struct prolly_cursor **out, struct cel_error *e);
void prolly_cursor_free(struct prolly_cursor *c);
/* Places the cursor before the first id >= key. */
int prolly_cursor_seek(struct prolly_cursor *c, struct slice key, struct cel_error *e);
int prolly_cursor_seek_rank(struct prolly_cursor *c, uint64_t rank, struct cel_error *e); /* 0-based */
int prolly_cursor_next(struct prolly_cursor *c, struct prolly_entry *out, struct cel_error *e); /* 1, 0, error */

/* CEL_ENOTFOUND if there is no such id. id in *out is borrowed from the argument. */
int prolly_get(struct store_read *read, const struct cid *root, struct slice id, struct prolly_entry *out,
	       struct cel_error *e);
int prolly_count(struct store_read *read, const struct cid *root, uint64_t *out, struct cel_error *e);
/* How many ids are smaller than key. */
int prolly_rank(struct store_read *read, const struct cid *root, struct slice key, uint64_t *out, struct cel_error *e);
/* The bytes of a value, following the link. */
int prolly_value_bytes(struct store_read *read, const struct prolly_value *value, struct slice *out, struct cel_error *e);

/* ---- check: walks every node and verifies hash, canonical form, order, counts, levels and every boundary against the
 * rule. Calls `visit`, if not NULL, for each record. CEL_ECORRUPT names the node and what is wrong. */
int prolly_check(struct store_read *read, const struct cid *root,
		 int (*visit)(void *context, const struct prolly_entry *entry, struct cel_error *e), void *context,
		 struct cel_error *e);

#endif
