/* SPDX-License-Identifier: Apache-2.0 */
/* An array of n items has room for the next power of two from n on, and for 8 at least: that much was asked for when it came to
 * have them. One that has shrunk has more, which does no harm. */
#include "array.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAST 8u

static size_t room_for(size_t n)
{
	return n <= LEAST ? LEAST : n <= SIZE_MAX / 2 ? (size_t)1 << (64 - __builtin_clzll(n - 1)) : SIZE_MAX;
}

int array_room(void *array, size_t n, size_t more, size_t size, struct cel_error *e)
{
	size_t needed = 0, bytes = 0;
	void *items;
	memcpy(&items, array, sizeof items);
	bool is_too_much = __builtin_add_overflow(n, more, &needed);
	if (!is_too_much && items != NULL && n > 0 && room_for(needed) == room_for(n))
		return 0;
	is_too_much |= __builtin_mul_overflow(room_for(needed), size, &bytes);
	items = is_too_much ? NULL : realloc(items, bytes);
	if (items != NULL) {
		memcpy(array, &items, sizeof items);
		return 0;
	}
	if (e != NULL) {
		e->code = CEL_ENOMEM;
		snprintf(e->message, sizeof e->message, "out of memory");
	}
	return CEL_ENOMEM;
}
