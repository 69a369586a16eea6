/* SPDX-License-Identifier: Apache-2.0 */
/* A borrowed run of bytes. Whoever returns one says how long it lives. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const uint8_t *data; /* may be NULL if size is 0 */
	size_t size;
};

static inline struct slice slice_make(const void *data, size_t size)
{
	return (struct slice){.data = data, .size = size};
}

static inline struct slice slice_text(const char *text)
{
	return slice_make(text, strlen(text));
}

/* Byte order: memcmp of the common length, then the shorter first. */
static inline int slice_compare(struct slice a, struct slice b)
{
	size_t common = a.size < b.size ? a.size : b.size;
	int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
	return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline size_t slice_common_prefix(struct slice a, struct slice b)
{
	size_t limit = a.size < b.size ? a.size : b.size;
	size_t n = 0;
	for (uint64_t x, y; limit - n >= sizeof x; n += sizeof x) {
		memcpy(&x, a.data + n, sizeof x);
		memcpy(&y, b.data + n, sizeof y);
		if (x != y)
			break;
	}
	while (n < limit && a.data[n] == b.data[n])
		n++;
	return n;
}

#endif
