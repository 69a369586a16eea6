/* SPDX-License-Identifier: Apache-2.0 */
/* Trees against sorted arrays: what is built is what is read, by walking, by id, by place. Fixed sets have fixed roots
 * (trees.golden; tests/interop rebuilds them with other code). Faults of memory and store leave nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alloc.h"
#include "hashed.h"
#include "node.h"
#include "random.h"
#include "sets.h"

static void assert_item(struct store_read *read, const struct prolly_entry *entry, const struct item *item)
{
	struct prolly_entry expected = item_entry(item);
	struct slice bytes;
	assert_true(slice_equal(entry->id, expected.id));
	assert_int_equal(entry->vector.is_link, item->vector_size > PROLLY_INLINE_MAX);
	assert_int_equal(entry->metadata.is_link, item->metadata_size > PROLLY_INLINE_MAX);
	assert_int_equal(prolly_value_bytes(read, &entry->vector, &bytes, NULL), 0);
	assert_true(slice_equal(bytes, expected.vector.bytes));
	assert_int_equal(prolly_value_bytes(read, &entry->metadata, &bytes, NULL), 0);
	assert_true(slice_equal(bytes, expected.metadata.bytes));
}

struct visit {
	struct store_read *read;
	const struct set *set;
	size_t n;
};

static int visit_item(void *context, const struct prolly_entry *entry, struct cel_error *e)
{
	(void)e;
	struct visit *v = context;
	assert_true(v->n < v->set->n);
	assert_item(v->read, entry, &v->set->items[v->n++]);
	return 0;
}

static size_t first_not_below(const struct set *s, struct slice id)
{
	size_t i = 0;
	while (i < s->n && slice_compare(slice_make(s->items[i].id, s->items[i].id_size), id) < 0)
		i++;
	return i;
}

/* The cursor gives items[i], items[i + 1], ... for a while. */
static void assert_goes_on(struct prolly_cursor *c, struct store_read *read, const struct set *s, size_t i, size_t steps)
{
	struct prolly_entry entry;
	for (; steps > 0 && i < s->n; steps--, i++) {
		assert_int_equal(prolly_cursor_next(c, &entry, NULL), 1);
		assert_item(read, &entry, &s->items[i]);
	}
	if (i == s->n) {
		assert_int_equal(prolly_cursor_next(c, &entry, NULL), 0);
		assert_int_equal(prolly_cursor_next(c, &entry, NULL), 0);
	}
}

static void assert_tree(struct fake_store *store, const struct cid *root, const struct set *s, chunk_hash_fn *hash,
			uint64_t *random)
{
	struct store_read *read = fake_store_read(store);
	struct visit v = {.read = read, .set = s};
	struct cel_error e = {0};
	if (prolly_check_hashed(read, root, hash, NULL, visit_item, &v, &e) < 0)
		fail_msg("%s", e.message);
	assert_int_equal(v.n, s->n);
	uint64_t count;
	assert_int_equal(prolly_count(read, root, &count, NULL), 0);
	assert_int_equal(count, s->n);
	struct prolly_cursor *c;
	assert_int_equal(prolly_cursor_new(read, root, &c, NULL), 0);
	assert_goes_on(c, read, s, 0, s->n);
	for (size_t round = 0; round < 200; round++) {
		size_t i = random_next(random) % (s->n + 2);
		assert_int_equal(prolly_cursor_seek_rank(c, i, NULL), 0);
		assert_goes_on(c, read, s, i < s->n ? i : s->n, random_next(random) % 100);
		struct item probe = {0};
		if (s->n > 0) { /* an id of the set, or one that was cut, grew or had a bit flipped */
			probe = s->items[random_next(random) % s->n];
			uint64_t r = random_next(random);
			if (r % 4 == 0)
				probe.id_size -= r / 4 % probe.id_size;
			else if (r % 4 == 1)
				probe.id[probe.id_size++] = (uint8_t)(r >> 8);
			else if (r % 4 == 2)
				probe.id[r / 4 % probe.id_size] ^= (uint8_t)(1 << (r >> 8) % 8);
		}
		struct slice id = slice_make(probe.id, probe.id_size);
		i = first_not_below(s, id);
		assert_int_equal(prolly_rank(read, root, id, &count, NULL), 0);
		assert_int_equal(count, i);
		assert_int_equal(prolly_cursor_seek(c, id, NULL), 0);
		assert_goes_on(c, read, s, i, random_next(random) % 100);
		struct prolly_entry entry;
		bool is_there = i < s->n && slice_equal(id, slice_make(s->items[i].id, s->items[i].id_size));
		assert_int_equal(prolly_get(read, root, id, &entry, NULL), is_there ? 0 : CEL_ENOTFOUND);
		if (is_there)
			assert_item(read, &entry, &s->items[i]);
	}
	for (size_t i = 0; i < s->n; i++) {
		struct prolly_entry entry;
		assert_int_equal(prolly_get(read, root, slice_make(s->items[i].id, s->items[i].id_size), &entry, NULL), 0);
		assert_item(read, &entry, &s->items[i]);
	}
	prolly_cursor_free(c);
}

static uint64_t hash_low(uint32_t level, uint32_t attempt, struct slice key)
{
	(void)level, (void)attempt, (void)key;
	return 0; /* ranks go by key alone: one endless run, all attempts in vain */
}

static uint64_t hash_low_once(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt == 0 ? 0 : chunk_hash(level, attempt, key);
}

static void test_random_sets(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static const size_t SIZES[] = {0, 1, 2, PROLLY_W, PROLLY_W + 1, 50, 200, 392, 393, 1500, 4000};
	chunk_hash_fn *const hashes[] = {chunk_hash, hash_low, hash_low_once};
	for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
		for (size_t h = 0; h < 3; h++) {
			struct fake_store *store = fake_store_new(), *other = fake_store_new();
			struct set s = set_random(&random, SIZES[i]);
			struct cid root = set_build(&s, store, hashes[h]), again = set_build(&s, other, hashes[h]);
			assert_true(cid_equal(&root, &again));
			assert_tree(store, &root, &s, hashes[h], &random);
			set_release(&s);
			fake_store_free(store);
			fake_store_free(other);
		}
	}
}

/* Values given as links make the same tree as values given as bytes. */
static void test_links_are_kept(void **state)
{
	(void)state;
	struct fake_store *store = fake_store_new();
	struct set s = set_plain(300, 100);
	struct cid root = set_build(&s, store, chunk_hash), copy;
	struct prolly_cursor *c;
	struct prolly_builder *b;
	struct prolly_entry entry;
	uint64_t count;
	assert_int_equal(prolly_cursor_new(fake_store_read(store), &root, &c, NULL), 0);
	assert_int_equal(prolly_builder_new(fake_store_batch(store), &b, NULL), 0);
	while (prolly_cursor_next(c, &entry, NULL) == 1) {
		assert_true(entry.vector.is_link);
		assert_int_equal(prolly_builder_add(b, &entry, NULL), 0);
	}
	assert_int_equal(prolly_builder_finish(b, &copy, &count, NULL), 0);
	assert_true(cid_equal(&root, &copy));
	prolly_builder_free(b);
	prolly_cursor_free(c);
	set_release(&s);
	fake_store_free(store);
}

static void test_an_update_rewrites_one_node_a_level(void **state)
{
	(void)state;
	struct fake_store *store = fake_store_new();
	struct set s = set_plain(5000, 2);
	struct cid root = set_build(&s, store, chunk_hash);
	static struct node node;
	assert_int_equal(node_read(fake_store_read(store), &root, &node, NULL), 0);
	assert_int_equal(node.level, 2);
	for (size_t i = 0; i < s.n; i += 331) {
		size_t n = fake_store_count(store);
		s.items[i].vector[0] ^= 1;
		set_build(&s, store, chunk_hash);
		assert_int_equal(fake_store_count(store) - n, node.level + 1);
		s.items[i].vector[0] ^= 1;
	}
	set_release(&s);
	fake_store_free(store);
}

static int add_id(struct prolly_builder *b, const char *id, size_t vector_size, struct cel_error *e)
{
	static uint8_t big[PROLLY_VALUE_MAX + 1];
	struct prolly_entry entry = {.id = slice_text(id), .vector.bytes = slice_make(big, vector_size)};
	return prolly_builder_add(b, &entry, e);
}

static void test_builder_refuses(void **state)
{
	(void)state;
	static const struct {
		const char *first, *second, *why;
		size_t size;
	} BAD[] = {
		{"b", "b", "does not come after", 1},   {"b", "a", "does not come after", 1},
		{"b", "b\n", "control", 1},             {"", "", "does not come after", 1},
		{"b", "c", "vector is missing", 0},     {"b", "c", "more than", PROLLY_VALUE_MAX + 1},
	};
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		struct fake_store *store = fake_store_new();
		struct prolly_builder *b;
		struct cel_error e = {0};
		struct cid root;
		uint64_t count;
		assert_int_equal(prolly_builder_new(fake_store_batch(store), &b, NULL), 0);
		if (BAD[i].first[0] != '\0')
			assert_int_equal(add_id(b, BAD[i].first, 1, NULL), 0);
		assert_int_equal(add_id(b, BAD[i].second, BAD[i].size, &e), CEL_EDATA);
		assert_non_null(strstr(e.message, BAD[i].why));
		assert_int_equal(add_id(b, "z", 1, NULL), CEL_EINTERNAL);
		assert_int_equal(prolly_builder_finish(b, &root, &count, NULL), CEL_EINTERNAL);
		prolly_builder_free(b);
		fake_store_free(store);
	}
}

/* Builds, walks, gets and checks; the first error. */
static int work(struct fake_store *store, const struct set *s, chunk_hash_fn *hash)
{
	struct store_read *read = fake_store_read(store);
	struct prolly_builder *b = NULL;
	struct prolly_cursor *c = NULL;
	struct prolly_entry entry;
	struct cid root;
	uint64_t count;
	int rc = prolly_builder_new_hashed(fake_store_batch(store), hash, &b, NULL);
	for (size_t i = 0; i < s->n && rc == 0; i++) {
		entry = item_entry(&s->items[i]);
		rc = prolly_builder_add(b, &entry, NULL);
	}
	if (rc == 0)
		rc = prolly_builder_finish(b, &root, &count, NULL);
	prolly_builder_free(b);
	if (rc == 0)
		rc = prolly_cursor_new(read, &root, &c, NULL);
	if (rc == 0) {
		while ((rc = prolly_cursor_next(c, &entry, NULL)) == 1)
			;
		prolly_cursor_free(c);
	}
	if (rc == 0)
		rc = prolly_get(read, &root, slice_make(s->items[7].id, s->items[7].id_size), &entry, NULL);
	return rc < 0 ? rc : prolly_check_hashed(read, &root, hash, NULL, NULL, NULL, NULL);
}

static void test_faults(void **state)
{
	(void)state;
	struct set s = set_plain(500, 66);
	chunk_hash_fn *const hashes[] = {chunk_hash, hash_low};
	for (size_t h = 0; h < 2; h++) {
		bool is_done = false;
		uint64_t nth = 1;
		for (; !is_done; nth++) {
			struct fake_store *store = fake_store_new();
			mem_fault_set(nth);
			int rc = work(store, &s, hashes[h]);
			is_done = mem_fault_count() < nth;
			mem_fault_set(0);
			assert_int_equal(rc, is_done ? 0 : CEL_ENOMEM);
			fake_store_free(store);
		}
		assert_true(nth > 10);
		is_done = false;
		for (nth = 1; !is_done; nth += 1 + nth / 20) {
			struct fake_store *store = fake_store_new();
			fake_store_fail(store, nth);
			int rc = work(store, &s, hashes[h]);
			assert_true(rc == 0 || rc == CEL_EIO);
			is_done = rc == 0;
			fake_store_free(store);
		}
		assert_true(nth > 500);
	}
	set_release(&s);
}

/* A failed cursor says so until it is placed again. */
static void test_cursor_after_a_failure(void **state)
{
	(void)state;
	struct fake_store *store = fake_store_new();
	struct set s = set_plain(500, 2);
	struct cid root = set_build(&s, store, chunk_hash);
	struct prolly_cursor *c;
	struct prolly_entry entry;
	int rc;
	assert_int_equal(prolly_cursor_new(fake_store_read(store), &root, &c, NULL), 0);
	fake_store_fail(store, 3);
	while ((rc = prolly_cursor_next(c, &entry, NULL)) == 1)
		;
	assert_int_equal(rc, CEL_EIO);
	assert_int_equal(prolly_cursor_next(c, &entry, NULL), CEL_EINTERNAL);
	assert_int_equal(prolly_cursor_seek_rank(c, 490, NULL), 0);
	assert_goes_on(c, fake_store_read(store), &s, 490, 100);
	prolly_cursor_free(c);
	set_release(&s);
	fake_store_free(store);
}

/* trees.golden: "records dim root" a line. CEL_TEST_GOLDEN_WRITE=1 prints what it should be. */
static void test_golden(void **state)
{
	(void)state;
	const char *source = getenv("CEL_SRCDIR");
	char path[4096];
	snprintf(path, sizeof path, "%s/libcore/prolly/test/trees.golden", source != NULL ? source : ".");
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t n, dim, n_lines = 0;
	char expected[64], actual[CEL_CID_TEXT_SIZE];
	while (fscanf(file, "%zu %zu %63s", &n, &dim, expected) == 3) {
		struct fake_store *store = fake_store_new();
		struct set s = set_plain(n, dim);
		struct cid root = set_build(&s, store, chunk_hash);
		cid_format(&root, actual);
		if (getenv("CEL_TEST_GOLDEN_WRITE") != NULL)
			printf("%zu %zu %s\n", n, dim, actual);
		else
			assert_string_equal(actual, expected);
		set_release(&s);
		fake_store_free(store);
		n_lines++;
	}
	fclose(file);
	assert_true(n_lines >= 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_sets),
		cmocka_unit_test(test_links_are_kept),
		cmocka_unit_test(test_an_update_rewrites_one_node_a_level),
		cmocka_unit_test(test_builder_refuses),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_cursor_after_a_failure),
		cmocka_unit_test(test_golden),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
