/* SPDX-License-Identifier: Apache-2.0 */
/* Random ids are drawn with repetition and then made unique, so a set may come out slightly smaller than asked for. */
#include "sets.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "bytes.h"
#include "hashed.h"
#include "random.h"

static int compare_items(const void *a, const void *b)
{
	const struct item *x = a, *y = b;
	return slice_compare(slice_make(x->id, x->id_size), slice_make(y->id, y->id_size));
}

static void random_id(uint64_t *random, struct item *item)
{
	static const char *const WORDS[] = {"photo", "\xc3\xa9t\xc3\xa9", "\xe6\xb0\xb4", "zebra", "a", "\xf0\x9f\x90\x88"};
	uint64_t r = random_next(random);
	const char *word = WORDS[r / 4 % 6];
	unsigned number = (unsigned)(r >> 40);
	int size = r % 4 == 0   ? snprintf((char *)item->id, sizeof item->id, "/data/%s/%u", word, number % 100000)
		   : r % 4 == 1 ? snprintf((char *)item->id, sizeof item->id, "%s%u", word, number)
		   : r % 4 == 2 ? snprintf((char *)item->id, sizeof item->id, "%u", number)
				: snprintf((char *)item->id, sizeof item->id, "https://example.org/%s/%08x.jpg", word, number);
	item->id_size = (size_t)size;
}

struct set set_random(uint64_t *random, size_t n)
{
	struct set s = {.items = calloc(n + 1, sizeof *s.items)};
	for (size_t i = 0; i < n; i++) {
		struct item *item = &s.items[i];
		random_id(random, item);
		item->vector_size = 1 + random_next(random) % (i % 8 == 0 ? sizeof item->vector : 16);
		item->metadata_size = i % 5 == 0 ? random_next(random) % sizeof item->metadata : 0;
		store_le64(item->vector, random_next(random));
	}
	qsort(s.items, n, sizeof *s.items, compare_items);
	for (size_t i = 0; i < n; i++)
		if (s.n == 0 || compare_items(&s.items[s.n - 1], &s.items[i]) != 0)
			s.items[s.n++] = s.items[i];
	return s;
}

struct set set_plain(size_t n, size_t dim)
{
	struct set s = {.items = calloc(n + 1, sizeof *s.items), .n = n};
	assert_true(dim * 4 <= sizeof s.items[0].vector);
	for (size_t i = 0; i < n; i++) {
		struct item *item = &s.items[i];
		item->id_size = (size_t)snprintf((char *)item->id, sizeof item->id, "id-%06zu", i);
		item->vector_size = dim * 4;
		for (size_t j = 0; j < dim; j++)
			store_le_f32(item->vector + 4 * j, (float)(i + j));
		if (i % 3 == 0)
			item->metadata_size = (size_t)snprintf((char *)item->metadata, sizeof item->metadata, "{\"n\":%zu}", i);
	}
	return s;
}

void set_release(struct set *s)
{
	free(s->items);
}

struct prolly_entry item_entry(const struct item *item)
{
	return (struct prolly_entry){
		.id = slice_make(item->id, item->id_size),
		.vector.bytes = slice_make(item->vector, item->vector_size),
		.metadata.bytes = slice_make(item->metadata, item->metadata_size),
	};
}

struct cid set_build(const struct set *s, struct fake_store *store, chunk_hash_fn *hash)
{
	struct prolly_builder *b;
	struct cel_error e = {0};
	struct cid root = {0};
	uint64_t count = 0;
	int rc = prolly_builder_new_hashed(fake_store_batch(store), hash, &b, &e);
	for (size_t i = 0; i < s->n && rc == 0; i++) {
		struct prolly_entry entry = item_entry(&s->items[i]);
		rc = prolly_builder_add(b, &entry, &e);
	}
	if (rc == 0)
		rc = prolly_builder_finish(b, &root, &count, &e);
	if (rc < 0)
		fail_msg("%s", e.message);
	assert_int_equal(count, s->n);
	prolly_builder_free(b);
	return root;
}
