/* SPDX-License-Identifier: Apache-2.0 */
/* One buffer, block after block, each behind its codec and size. */
#include "sync_ready.h"

#include "bytes.h"

enum { HEAD = 5 };

int sync_ready_add(struct sync_ready *ready, uint8_t codec, struct slice block, struct cel_error *e)
{
	uint8_t head[HEAD] = {codec};
	store_le32(head + 1, (uint32_t)block.size);
	int rc = buf_append(&ready->blocks, head, sizeof head, e);
	return rc < 0 ? rc : buf_append(&ready->blocks, block.data, block.size, e);
}

size_t sync_ready_size(const struct sync_ready *ready)
{
	return ready->blocks.size;
}

int sync_ready_put(const struct sync_ready *ready, struct store_batch *batch, struct cel_error *e)
{
	const uint8_t *p = ready->blocks.data, *end = p + ready->blocks.size;
	int rc = 0;
	while (p < end && rc == 0) {
		struct cid cid;
		size_t size = load_le32(p + 1);
		rc = store_batch_put(batch, p[0], slice_make(p + HEAD, size), &cid, e);
		p += HEAD + size;
	}
	return rc;
}

void sync_ready_clear(struct sync_ready *ready)
{
	buf_clear(&ready->blocks);
}

void sync_ready_release(struct sync_ready *ready)
{
	buf_release(&ready->blocks);
}
