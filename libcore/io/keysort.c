/* SPDX-License-Identifier: Apache-2.0 */
/* Quicksort on the pairs (8 bytes of the key, address), which touches no key; then, within each group of equal prefix,
 * again on the next 8 bytes. Ids often begin alike ("photo-000..."), which makes comparing whole keys slow and a fixed
 * prefix useless. Within a group, keys that end there come first, by length (they differ in trailing NULs at most).
 *
 * Heapsort takes over where quicksort degenerates, and with whole keys beyond 512 bytes of depth, so neither time nor
 * recursion depend on the goodwill of the keys. */
#include "keysort.h"

#define SMALL 16u
#define LEVELS_MAX 64u

static inline bool entry_less(const struct keysort_entry *a, const struct keysort_entry *b)
{
	return a->prefix != b->prefix ? a->prefix < b->prefix : a->item < b->item;
}

static bool whole_key_less(const struct keysort_entry *a, const struct keysort_entry *b)
{
	int order = slice_compare(item_key(a->item), item_key(b->item));
	return order != 0 ? order < 0 : a->item < b->item;
}

static inline void swap_entries(struct keysort_entry *a, struct keysort_entry *b)
{
	struct keysort_entry t = *a;
	*a = *b;
	*b = t;
}

static inline bool is_less(const struct keysort_entry *a, const struct keysort_entry *b, bool is_whole)
{
	return is_whole ? whole_key_less(a, b) : entry_less(a, b);
}

static void insertion_sort(struct keysort_entry *entries, size_t count, bool is_whole)
{
	for (size_t i = 1; i < count; i++) {
		struct keysort_entry moving = entries[i];
		size_t j = i;
		for (; j > 0 && is_less(&moving, &entries[j - 1], is_whole); j--)
			entries[j] = entries[j - 1];
		entries[j] = moving;
	}
}

static void sift_down(struct keysort_entry *entries, size_t root, size_t count, bool is_whole)
{
	for (;;) {
		size_t child = 2 * root + 1;
		if (child >= count)
			return;
		if (child + 1 < count && is_less(&entries[child], &entries[child + 1], is_whole))
			child++;
		if (!is_less(&entries[root], &entries[child], is_whole))
			return;
		swap_entries(&entries[root], &entries[child]);
		root = child;
	}
}

static void heap_sort(struct keysort_entry *entries, size_t count, bool is_whole)
{
	for (size_t i = count / 2; i-- > 0;)
		sift_down(entries, i, count, is_whole);
	for (size_t end = count; end-- > 1;) {
		swap_entries(&entries[0], &entries[end]);
		sift_down(entries, 0, end, is_whole);
	}
}

/* Puts the median of three spread entries first and returns it. */
static struct keysort_entry choose_pivot(struct keysort_entry *entries, size_t count)
{
	struct keysort_entry *low = &entries[count / 4], *middle = &entries[count / 2], *high = &entries[count - count / 4 - 1];
	if (entry_less(middle, low))
		swap_entries(middle, low);
	if (entry_less(high, middle))
		swap_entries(high, middle);
	if (entry_less(middle, low))
		swap_entries(middle, low);
	swap_entries(&entries[0], middle);
	return entries[0];
}

/* By prefix and address. No two entries are equal, so the pivot has one place, which is returned. */
static size_t partition(struct keysort_entry *entries, size_t count)
{
	struct keysort_entry pivot = choose_pivot(entries, count);
	size_t kept = 1; /* entries[1..kept) are smaller than the pivot */
	for (size_t i = 1; i < count; i++) {
		/* Without a branch on the order, which is a coin's toss. */
		struct keysort_entry entry = entries[i];
		bool is_smaller = entry_less(&entry, &pivot);
		entries[i] = entries[kept];
		entries[kept] = entry;
		kept += is_smaller;
	}
	swap_entries(&entries[0], &entries[kept - 1]);
	return kept - 1;
}

static void quick_sort(struct keysort_entry *entries, size_t count, unsigned budget)
{
	while (count > SMALL) {
		if (budget-- == 0) {
			heap_sort(entries, count, false);
			return;
		}
		size_t middle = partition(entries, count);
		size_t right = count - middle - 1;
		if (middle < right) {
			quick_sort(entries, middle, budget);
			entries += middle + 1;
			count = right;
		} else {
			quick_sort(entries + middle + 1, right, budget);
			count = middle;
		}
	}
	insertion_sort(entries, count, false);
}

static void sort_by_prefix(struct keysort_entry *entries, size_t count)
{
	unsigned log2 = 63u - (unsigned)__builtin_clzll(count | 1);
	quick_sort(entries, count, 2 * log2 + 4);
}

/* Puts the keys that end before depth first, in order; returns how many. The others get their next prefix. */
static size_t settle_ended(struct keysort_entry *entries, size_t count, size_t depth)
{
	size_t ended = 0;
	for (size_t i = 0; i < count; i++) {
		struct slice key = item_key(entries[i].item);
		entries[i].prefix = key.size <= depth ? key.size : key_prefix(key, depth);
		if (key.size <= depth)
			swap_entries(&entries[i], &entries[ended++]);
	}
	sort_by_prefix(entries, ended);
	return ended;
}

static void sort_from(struct keysort_entry *entries, size_t count, size_t depth, unsigned level)
{
	if (count <= SMALL || level == LEVELS_MAX) {
		if (count <= SMALL)
			insertion_sort(entries, count, true);
		else
			heap_sort(entries, count, true);
		return;
	}
	sort_by_prefix(entries, count);
	for (size_t start = 0, end; start < count; start = end) {
		for (end = start + 1; end < count && entries[end].prefix == entries[start].prefix;)
			end++;
		if (end - start == 1)
			continue;
		size_t ended = settle_ended(entries + start, end - start, depth + 8);
		sort_from(entries + start + ended, end - start - ended, depth + 8, level + 1);
	}
}

void keysort(struct keysort_entry *entries, size_t count)
{
	sort_from(entries, count, 0, 0);
}
