/* SPDX-License-Identifier: Apache-2.0 */
/* What a store uses, counted without a look at any block: pages, files, and who reads or writes. */
#ifndef STORE_USAGE_H
#define STORE_USAGE_H

#include "store.h"

struct store_usage {
	uint64_t file_size, allocated; /* of data.mdb, bytes; allocated: on the disk, without the holes */
	uint64_t page_size, map_size;
	uint64_t used_pages;  /* of the file, free ones among them */
	uint64_t free_pages;  /* to be written over, once no reader needs them */
	uint64_t blocks, refs, moves; /* in data.mdb; moves: entries of the refs' logs */
	uint64_t segments, segment_bytes, segment_blocks;
	uint32_t reader_slots;
	bool is_written; /* somebody holds the writer lock */
};
int store_usage(struct store *s, struct store_usage *out, struct cel_error *e);

/* Slots of other processes in LMDB's table of readers. */
struct store_reader {
	uint64_t pid;
	int64_t since;   /* Unix seconds, when the process began: it has read no longer than that; 0: not known */
	bool is_reading; /* holds a state at the moment */
	uint64_t behind; /* transactions that were committed since then, whose old pages wait for it */
};
typedef int store_reader_fn(void *context, const struct store_reader *reader, struct cel_error *e);
/* What a call returns, unless 0, ends it and is returned. *n_stale: slots of dead processes that were freed,
 * also when the store was opened. A store without LMDB's lock has no table. */
int store_usage_readers(struct store *s, store_reader_fn *call, void *context, uint32_t *n_stale, struct cel_error *e);

struct lease;
typedef int store_lease_fn(void *context, const struct lease *lease, struct cel_error *e);
int store_usage_leases(struct store *s, store_lease_fn *call, void *context, struct cel_error *e);

#endif
