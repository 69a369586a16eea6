/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks that came and may be written, gathered until a batch is worth its while. */
#ifndef DB_SYNC_READY_H
#define DB_SYNC_READY_H

#include "buf.h"
#include "store.h"

struct sync_ready {
	struct buf blocks; /* codec, size (le32), bytes */
};

int sync_ready_add(struct sync_ready *ready, uint8_t codec, struct slice block, struct cel_error *e);
size_t sync_ready_size(const struct sync_ready *ready); /* bytes */
int sync_ready_put(const struct sync_ready *ready, struct store_batch *batch, struct cel_error *e);
void sync_ready_clear(struct sync_ready *ready);
void sync_ready_release(struct sync_ready *ready);

#endif
