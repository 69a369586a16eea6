/* SPDX-License-Identifier: Apache-2.0 */
/* Entries go down from the top of the memory, so they stand in reverse: even of items that came in order they are turned round,
 * which costs little beside sorting. */
#include "chunk.h"

void chunk_init(struct chunk *c, uint8_t *memory, size_t size)
{
	*c = (struct chunk){.memory = memory, .size = size};
	chunk_clear(c);
}

void chunk_clear(struct chunk *c)
{
	c->items_size = c->n = 0;
	c->entries = (struct keysort_entry *)(void *)(c->memory + c->size);
	c->last = NULL;
	c->is_in_order = true;
}

void item_make_head(uint8_t head[ITEM_HEAD], size_t key_size, size_t payload_size)
{
	store_le32(head, (uint32_t)key_size);
	store_le32(head + 4, (uint32_t)payload_size);
}

static uint8_t *put(uint8_t *to, struct slice bytes)
{
	if (bytes.size > 0)
		memcpy(to, bytes.data, bytes.size);
	return to + bytes.size;
}

bool chunk_add(struct chunk *c, struct slice key, const struct item_payload *payload)
{
	size_t size = ITEM_HEAD + key.size + payload->size;
	size_t used = c->items_size + c->n * sizeof *c->entries;
	if (size + sizeof *c->entries > c->size - used)
		return false;
	uint8_t *item = c->memory + c->items_size;
	item_make_head(item, key.size, payload->size);
	uint8_t *to = put(item + ITEM_HEAD, key);
	for (size_t i = 0; i < payload->n; i++)
		to = put(to, payload->parts[i]);
	c->items_size += size;
	*--c->entries = (struct keysort_entry){.prefix = key_prefix(key, 0), .item = item};
	c->n++;
	if (c->is_in_order && c->last != NULL)
		c->is_in_order = slice_compare(item_key(c->last), key) <= 0;
	c->last = item;
	return true;
}

void chunk_sort(struct chunk *c)
{
	if (!c->is_in_order) {
		keysort(c->entries, c->n);
		return;
	}
	for (size_t i = 0, j = c->n; i + 1 < j; i++) {
		j--;
		struct keysort_entry t = c->entries[i];
		c->entries[i] = c->entries[j];
		c->entries[j] = t;
	}
}
