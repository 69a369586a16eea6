/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks held in memory until they are written: found by CID, kept in put order until sorted. */
#ifndef STORE_PENDING_H
#define STORE_PENDING_H

#include "buf.h"
#include "cid.h"

struct pending_block {
	struct cid cid;
	uint32_t size;
	size_t offset;
};

/* A zeroed one is empty. */
struct pending {
	struct buf bytes;
	struct pending_block *blocks;
	size_t n, capacity;
	uint32_t *slots; /* open addressing: position + 1, 0 empty; n_slots is a power of two */
	size_t n_slots;
};

int pending_add(struct pending *p, const struct cid *cid, struct slice block, struct cel_error *e);
bool pending_find(const struct pending *p, const struct cid *cid, struct slice *out); /* not after pending_sort */
struct slice pending_at(const struct pending *p, size_t i, struct cid *cid);
void pending_sort(struct pending *p); /* by codec and digest; only pending_at and clear may follow */
void pending_clear(struct pending *p);
void pending_release(struct pending *p);

#endif
