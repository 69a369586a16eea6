/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a decoded node again from its parts. Whatever decodes must give the bytes it came from. */
#ifndef PROLLY_TEST_REENCODE_H
#define PROLLY_TEST_REENCODE_H

#include <stdlib.h>

#include "node.h"

static inline int node_reencode(const struct node *node, struct buf *out)
{
	struct work {
		struct node_item items[CHUNK_CAP];
		uint8_t keys[CHUNK_CAP][CEL_ID_MAX];
		size_t ends[CHUNK_CAP];
	} *work = malloc(sizeof *work);
	struct buf rest = {0};
	for (uint32_t i = 0; i < node->n; i++) {
		work->items[i].key = slice_make(work->keys[i], node_key(node, i, work->keys[i]));
		if (node->level == 0) {
			struct prolly_value vector, metadata;
			node_leaf_entry(node, i, &vector, &metadata);
			node_put_leaf_rest(&rest, &vector, &metadata, NULL);
		} else {
			struct cid child;
			uint64_t count;
			node_inner_entry(node, i, &child, &count);
			node_put_inner_rest(&rest, &child, count, NULL);
		}
		work->ends[i] = rest.size;
	}
	for (uint32_t i = 0; i < node->n; i++) {
		size_t start = i > 0 ? work->ends[i - 1] : 0;
		work->items[i].rest = slice_make(rest.data + start, work->ends[i] - start);
	}
	buf_clear(out);
	int rc = node_encode(node->level, node->count, work->items, node->n, out, NULL);
	buf_release(&rest);
	free(work);
	return rc;
}

#endif
