/* SPDX-License-Identifier: Apache-2.0 */
/* The two ends of a transfer, as struct sync_side has them. */
#ifndef DB_SYNC_TRANSFER_H
#define DB_SYNC_TRANSFER_H

#include "db.h"
#include "side.h"

int sync_empty_tree(struct cid *out, struct cel_error *e); /* its root */

/* sync_give.c */
int sync_give_begin(void *context, const char *rev, struct sync_giver **out, struct cid *tip, struct cel_error *e);
void sync_give_end(struct sync_giver *g);
int sync_give_haves(struct sync_giver *g, const struct cid *haves, size_t n, bool is_last, uint64_t *n_missing,
		    struct cel_error *e);
int sync_give_schema(struct sync_giver *g, struct buf *block, struct cel_error *e);
int sync_give_commit(struct sync_giver *g, struct sync_commit *out, struct buf *block, struct cel_error *e);
int sync_give_patch(struct sync_giver *g, const struct cid *commit, uint32_t base, size_t limit, struct buf *out,
		    uint64_t *changes, bool *is_end, struct cel_error *e);
int sync_give_blocks(struct sync_giver *g, const struct cid *commit, const struct sync_ask *ask, size_t limit,
		     sync_block_fn *each, void *each_context, bool *is_end, struct cel_error *e);

/* sync_give_blocks.c: where a subtree was left, and going on there. A zeroed place is the beginning. */
struct give_place {
	uint8_t leaf[CEL_ID_MAX]; /* the last id of the last leaf that has gone whole */
	size_t leaf_size;
	uint32_t n_values; /* of the next one that have gone, and it itself, if has_node */
	bool has_node;
};
int give_ask(struct store_read *read, const struct cid *root, const struct sync_ask *ask, struct give_place *place,
	     size_t limit, sync_block_fn *each, void *each_context, bool *is_end, struct cel_error *e);

/* sync_take.c */
int sync_take_begin(void *context, const struct sync_take_options *options, struct sync_taker **out, struct cel_error *e);
void sync_take_end(struct sync_taker *t, bool is_distrusted);
int sync_take_haves(struct sync_taker *t, struct cid *out, size_t max, size_t *n, bool *is_last, struct cel_error *e);
int sync_take_tip(struct sync_taker *t, const uint8_t from[STORE_ID_SIZE], const struct cid *tip, uint64_t n_missing,
		  struct slice schema, bool *is_wanted, struct cel_error *e);
int sync_take_commit(struct sync_taker *t, const struct sync_commit *commit, struct cel_error *e);
int sync_take_ask(struct sync_taker *t, struct sync_ask *out, size_t max, size_t *n, struct cel_error *e);
int sync_take_patch(struct sync_taker *t, struct slice bytes, bool is_end, struct cel_error *e);
int sync_take_block(struct sync_taker *t, struct slice block, bool *is_end, struct cel_error *e);
int sync_take_finish(struct sync_taker *t, struct sync_taken *out, struct cel_error *e);

#endif
