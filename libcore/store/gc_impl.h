/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a sweep share. */
#ifndef STORE_GC_IMPL_H
#define STORE_GC_IMPL_H

#include "gc.h"
#include "store_impl.h"

enum gc_fate { GC_KEPT, GC_DEAD, GC_REWRITTEN };

struct gc_move {
	uint32_t order;
	uint8_t digest[SHA256_SIZE];
};

struct gc {
	struct store *store;
	struct gc_live *live;
	gc_rank_fn *rank;
	struct gc_counts *counts;
	/* of data.mdb */
	uint64_t ranks_seen; /* bits */
	struct gc_ranked { uint64_t rank; struct cid cid; } *ranked; /* above GC_RANK_MAX */
	size_t n_ranked, ranked_capacity;
	struct gc_move *small; /* live values */
	size_t n_small, small_capacity;
	uint64_t small_bytes;
	uint64_t n_placed;
	uint64_t n_unplaced; /* of these, how many stay in data.mdb */
	/* of segments */
	struct segment_set *set;
	enum gc_fate *fates; /* as set->items */
	struct gc_move *moves; /* values for the new segment */
	size_t n_moves, moves_capacity;
	uint64_t swept_txn; /* the last one that removed dead blocks */
	char new_name[SEGMENT_NAME_SIZE];
};

#define GC_PLACED 0x80000000u /* in the value of a live raw block: a segment that stays, or the new one, has it */

int gc_add_move(struct gc_move **list, size_t *n, size_t *capacity, uint32_t order, const uint8_t *digest,
		struct cel_error *e);
/* Calls `step` in one transaction after another until it says that there is nothing left: MDB_NOTFOUND. It gets the state (at most
 * 64 bytes) as it was when the transaction began, and is called again with that one if the map had to be enlarged. */
typedef int gc_step_fn(struct gc *gc, MDB_txn *txn, void *state);
int gc_in_transactions(struct gc *gc, size_t state_size, void *state, gc_step_fn *step, struct cel_error *e);
int gc_close_packs(struct gc *gc, struct cel_error *e);
int gc_shrink_packs(struct gc *gc, struct cel_error *e);
int gc_plan_segments(struct gc *gc, struct cel_error *e);
int gc_write_segment(struct gc *gc, struct cel_error *e); /* for the moves, if there are any */
int gc_drop_segments(struct gc *gc, struct cel_error *e);
/* No reader has a state older than that transaction, or none has any more within a few seconds. */
bool gc_wait_for_readers(struct env *env, uint64_t txn);
uint64_t gc_last_txn(struct env *env);
void gc_return_pages(struct env *env, uint64_t *bytes);

#endif
