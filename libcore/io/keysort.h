/* SPDX-License-Identifier: Apache-2.0 */
/* Sorting of items in memory by key: the in-memory part of extsort. */
#ifndef IO_KEYSORT_H
#define IO_KEYSORT_H

#include "bytes.h"
#include "slice.h"

/* An item lies in memory as: key size, payload size (4 bytes each, little-endian), key, payload. */
#define ITEM_HEAD 8u

struct keysort_entry {
	uint64_t prefix;     /* 8 bytes of the key, big-endian, zeros behind its end */
	const uint8_t *item; /* later items have higher addresses */
};

static inline struct slice item_key(const uint8_t *item)
{
	return slice_make(item + ITEM_HEAD, load_le32(item));
}

static inline struct slice item_payload(const uint8_t *item)
{
	return slice_make(item + ITEM_HEAD + load_le32(item), load_le32(item + 4));
}

static inline size_t item_size(const uint8_t *item)
{
	return ITEM_HEAD + (size_t)load_le32(item) + load_le32(item + 4);
}

/* The 8 bytes of key from depth on. */
static inline uint64_t key_prefix(struct slice key, size_t depth)
{
	if (key.size >= depth + 8)
		return load_be64(key.data + depth);
	uint8_t bytes[8] = {0};
	if (key.size > depth)
		memcpy(bytes, key.data + depth, key.size - depth);
	return load_be64(bytes);
}

/* Sorts by key, equal keys by address. Entries come with the prefix at depth 0; prefixes are garbage afterwards.
 * In place; O(n log n) comparisons for any keys. */
void keysort(struct keysort_entry *entries, size_t count);

#endif
