/* SPDX-License-Identifier: Apache-2.0 */
/* Items in a piece of memory, with what sorts them:
 *
 *     | items, each behind the last -->        <-- entries, one an item |
 *
 * It is full when the two meet. */
#ifndef IO_CHUNK_H
#define IO_CHUNK_H

#include "keysort.h"

/* A payload in parts, which stand one behind the other in the item. */
struct item_payload {
	const struct slice *parts;
	size_t n, size;
};

struct chunk {
	uint8_t *memory; /* borrowed; of `size` bytes, aligned for entries */
	size_t size, items_size, n;
	struct keysort_entry *entries; /* the last one added, the lowest in memory; after chunk_sort the first in order */
	const uint8_t *last;           /* item added */
	bool is_in_order;              /* items came sorted: they are a run as they lie there */
};

void chunk_init(struct chunk *c, uint8_t *memory, size_t size);
void chunk_clear(struct chunk *c);
/* False: it does not fit in any more. */
bool chunk_add(struct chunk *c, struct slice key, const struct item_payload *payload);
void chunk_sort(struct chunk *c); /* after the last item */

void item_make_head(uint8_t head[ITEM_HEAD], size_t key_size, size_t payload_size);

#endif
