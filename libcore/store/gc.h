/* SPDX-License-Identifier: Apache-2.0 */
/* Removing the blocks that nothing refers to. Who calls says which blocks are live; what refers to what is not known here.
 *
 * The order of a sweep, each step durable before the next, so that it may be killed anywhere:
 *
 *     1  plan: every live value must be found somewhere, else nothing is removed
 *     2  dead blocks go from LMDB, who refers before what it refers to (by rank): what is still there is whole
 *     3  live values of segments below half live, and small ones from LMDB if they are many, go to one new segment
 *     4  values that a segment has now go from LMDB; packs below half live by now are written anew
 *     5  the old segments go, unless a reader has a state from before step 2: then they are left for the next time
 *     6  runs of free pages of data.mdb are given back to the file system
 *
 * All of it happens under the writer lock, and a batch holds that from its first look at the store to its last transaction. So
 * no batch can have found a block that is swept before it is referred to, and every lease is that of a batch which has
 * ended: leases are dropped. Readers are not waited for, except in step 5 for a moment. */
#ifndef STORE_GC_H
#define STORE_GC_H

#include "buf.h"
#include "digest_set.h"
#include "store.h"

struct gc_live {
	struct digest_set nodes;  /* every block that is not raw */
	struct digest_set values; /* raw blocks, each with its place in the order of the trees; 45 bytes each on average */
	struct buf dead_refs;     /* names with their NULs, of refs to be removed with what they name; unlogged */
};
void gc_live_init(struct gc_live *live);
void gc_live_release(struct gc_live *live);
/* 1 if new, 0 if not, or an error. */
int gc_live_add(struct gc_live *live, const struct cid *cid, struct cel_error *e);

/* The order in which dead blocks go: higher ones first. Ranks up to GC_RANK_MAX are swept in one pass each, those above in
 * one pass that keeps them in memory (48 bytes each). */
#define GC_RANK_MAX 63u
typedef uint64_t gc_rank_fn(const struct cid *cid, struct slice block);

struct gc_counts {
	uint64_t blocks, block_bytes;       /* dead ones in data.mdb */
	uint64_t gathered, gathered_bytes;  /* live values moved from data.mdb to a segment */
	uint64_t segments, segment_bytes;   /* files removed, dead or rewritten */
	uint64_t rewritten;                 /* of these, how many had live values */
	uint64_t new_segment_bytes;         /* of the segment that was written for them */
	uint64_t waiting;                   /* segments left because of a reader */
	uint64_t returned_bytes;            /* of data.mdb to the file system */
};

/* b: holds the writer lock, has put nothing, and can only be freed afterwards. CEL_ECORRUPT if a live value is missing or
 * damaged, or a segment is: nothing that is live was removed. */
int store_gc_sweep(struct store_batch *b, struct gc_live *live, gc_rank_fn *rank, struct gc_counts *out,
		   struct cel_error *e);
/* What a sweep would do, without the lock. */
int store_gc_count(struct store *s, struct gc_live *live, gc_rank_fn *rank, struct gc_counts *out, struct cel_error *e);

#endif
