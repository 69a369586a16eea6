/* SPDX-License-Identifier: Apache-2.0 */
/* Binary search for the place, then the tail moves up by one. */
#include "topk.h"

#include <string.h>

static bool is_before(const struct topk_entry *a, const struct topk_entry *b)
{
	return a->distance < b->distance || (a->distance == b->distance && slice_compare(a->id, b->id) < 0);
}

void topk_add(struct topk *t, float distance, struct slice id, uint32_t tag)
{
	struct topk_entry entry = {.distance = distance, .tag = tag, .id = id};
	if (t->k == 0 || (t->n == t->k && !is_before(&entry, &t->entries[t->n - 1])))
		return;
	uint32_t low = 0, high = t->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (is_before(&t->entries[middle], &entry))
			low = middle + 1;
		else
			high = middle;
	}
	uint32_t last = t->n < t->k ? t->n++ : t->n - 1;
	memmove(t->entries + low + 1, t->entries + low, (last - low) * sizeof *t->entries);
	t->entries[low] = entry;
}
