/* SPDX-License-Identifier: Apache-2.0 */
/* A batch, as batch.c fills it and batch_commit.c writes it. */
#ifndef STORE_BATCH_IMPL_H
#define STORE_BATCH_IMPL_H

#include "lease.h"
#include "pending.h"
#include "segment.h"
#include "store_impl.h"

struct store_batch {
	struct store *store;
	int lock_fd;
	bool is_over;               /* committed, or failed somewhere: nothing but freeing may follow */
	bool is_irregular;          /* the mark goes with the commit */
	MDB_txn *txn;               /* for looking into LMDB; NULL until needed */
	struct packs packs;         /* the open ones of txn */
	bool is_raw_in_lmdb;        /* or may be; known when txn is there */
	struct segment_set *set;    /* NULL until needed */
	struct pending raw;         /* in put order; empty once there is a segment */
	struct segment_writer *segment;
	struct cid first_raw;
	size_t memory;    /* see store_batch_set_limits */
	uint32_t threads;
	struct pending nodes;
	struct segment **runs;      /* spilled nodes, each run sorted */
	size_t n_runs;
};

void batch_end_reading(struct store_batch *b); /* of LMDB */
void batch_release(struct store_batch *b);     /* all but the memory of b */

#endif
