/* SPDX-License-Identifier: Apache-2.0 */
/* The growable buffer and the allocator under it, with every allocation failing once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "buf.h"
#include "bytes.h"
#include "cel.h"

static void check_appends(void **state)
{
	(void)state;
	BUF_CLEANUP struct buf b = {0};
	assert_int_equal(buf_append(&b, NULL, 0, NULL), 0);
	assert_null(b.data);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(buf_append_byte(&b, (uint8_t)i, NULL), 0);
	assert_int_equal(b.size, 10000);
	for (size_t i = 0; i < b.size; i++)
		assert_int_equal(b.data[i], (uint8_t)i);
	assert_true(b.capacity <= 15000);
	size_t capacity = b.capacity;
	buf_clear(&b);
	assert_int_equal(b.size, 0);
	assert_int_equal(b.capacity, capacity);
	assert_int_equal(buf_append_text(&b, "abc", NULL), 0);
	assert_int_equal(buf_printf(&b, NULL, "%d-%s", 42, "x"), 0);
	assert_true(slice_equal(buf_slice(&b), slice_text("abc42-x")));
}

static void check_impossible_size(void **state)
{
	(void)state;
	BUF_CLEANUP struct buf b = {0};
	struct cel_error e = {0};
	assert_int_equal(buf_append_text(&b, "abc", &e), 0);
	assert_int_equal(buf_reserve(&b, SIZE_MAX, &e), CEL_ENOMEM);
	assert_int_equal(buf_reserve(&b, SIZE_MAX / 2, &e), CEL_ENOMEM);
	assert_int_equal(e.code, CEL_ENOMEM);
	assert_true(slice_equal(buf_slice(&b), slice_text("abc")));
}

static int fill(struct buf *b, struct cel_error *e)
{
	for (int i = 0; i < 500; i++) {
		int rc = buf_printf(b, e, "line %d\n", i);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static void check_buf_faults(void **state)
{
	(void)state;
	BUF_CLEANUP struct buf good = {0};
	assert_int_equal(fill(&good, NULL), 0);
	uint64_t nth = 0;
	int rc;
	do {
		BUF_CLEANUP struct buf b = {0};
		struct cel_error e = {0};
		mem_fault_set(++nth);
		rc = fill(&b, &e);
		uint64_t count = mem_fault_count();
		mem_fault_set(0);
		assert_true(rc == 0 ? count < nth : rc == CEL_ENOMEM && e.code == CEL_ENOMEM && count == nth);
		/* What was appended before stands. */
		assert_true(b.size <= good.size && (b.size == 0 || memcmp(b.data, good.data, b.size) == 0));
	} while (rc < 0);
	assert_in_range(nth, 5, 30);
}

static void check_alloc_faults(void **state)
{
	(void)state;
	mem_fault_set(1);
	assert_null(mem_alloc(1));
	void *p = mem_alloc(1);
	assert_non_null(p);
	assert_int_equal(mem_fault_count(), 2);
	mem_fault_set(2);
	void *q = mem_calloc(3, 5);
	assert_non_null(q);
	assert_null(mem_realloc(p, 1000, 1)); /* p stays */
	memset(p, 1, 1);
	mem_fault_set(1);
	assert_null(mem_alloc_aligned(64, 100));
	mem_fault_set(1);
	assert_null(mem_dup("abc", 3));
	mem_fault_set(1);
	assert_null(mem_strdup("abc"));
	mem_fault_set(1);
	assert_null(mem_map(100));
	mem_fault_set(0);
	mem_free(p);
	mem_free(q);
	mem_free(NULL);
	const size_t SIZE = (64u << 20) + 1;
	uint8_t *pages = mem_map(SIZE);
	assert_non_null(pages);
	assert_int_equal(pages[0] | pages[SIZE - 1], 0);
	pages[0] = pages[SIZE - 1] = 1;
	mem_unmap(pages, SIZE);
	mem_unmap(NULL, SIZE);
	assert_null(mem_map(SIZE_MAX / 2));
}

static void check_grow(void **state)
{
	(void)state;
	uint32_t *items = NULL;
	size_t capacity = 0, moves = 0;
	for (uint32_t i = 0; i < 5000; i++) {
		size_t before = capacity;
		assert_int_equal(mem_grow(&items, &capacity, i + 1, sizeof *items, NULL), 0);
		moves += capacity != before;
		items[i] = i;
	}
	for (uint32_t i = 0; i < 5000; i++)
		assert_int_equal(items[i], i);
	assert_in_range(moves, 2, 12); /* in steps that double */
	assert_int_equal(mem_grow(&items, &capacity, 50000, sizeof *items, NULL), 0);
	assert_int_equal(capacity, 50000);
	struct cel_error e = {0};
	uint32_t *old = items;
	mem_fault_set(1);
	assert_int_equal(mem_grow(&items, &capacity, 50001, sizeof *items, &e), CEL_ENOMEM);
	mem_fault_set(0);
	assert_int_equal(mem_grow(&items, &capacity, SIZE_MAX / 2, sizeof *items, &e), CEL_ENOMEM);
	assert_int_equal(e.code, CEL_ENOMEM);
	assert_ptr_equal(items, old);
	assert_int_equal(capacity, 50000);
	mem_free(items);
}

static void check_alloc(void **state)
{
	(void)state;
	for (size_t alignment = 8; alignment <= 4096; alignment *= 2) {
		for (size_t size = 0; size < 300; size += 37) {
			MEM_CLEANUP uint8_t *p = mem_alloc_aligned(alignment, size);
			assert_non_null(p);
			assert_int_equal((uintptr_t)p % alignment, 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(p[i], 0);
		}
	}
	assert_null(mem_realloc(NULL, SIZE_MAX / 2, 3));
	assert_null(mem_alloc_aligned(64, SIZE_MAX - 3));
	volatile size_t huge = SIZE_MAX / 2; /* volatile: gcc warns of sizes it can see */
	assert_null(mem_calloc(huge, 3));
	void *empty = mem_alloc(0);
	assert_non_null(empty);
	mem_free(empty);
	MEM_CLEANUP char *text = mem_strdup("a text");
	assert_string_equal(text, "a text");
}

static void check_bytes(void **state)
{
	(void)state;
	uint8_t b[9] = {0};
	store_le16(b + 1, 0x0102);
	assert_memory_equal(b, "\0\x02\x01\0", 4);
	assert_int_equal(load_le16(b + 1), 0x0102);
	store_le32(b + 1, 0xf1020304);
	assert_memory_equal(b + 1, "\x04\x03\x02\xf1", 4);
	assert_int_equal(load_le32(b + 1), 0xf1020304);
	store_le64(b + 1, 0xf102030405060708);
	assert_memory_equal(b + 1, "\x08\x07\x06\x05\x04\x03\x02\xf1", 8);
	assert_true(load_le64(b + 1) == 0xf102030405060708);
	store_be64(b + 1, 0xf102030405060708);
	assert_memory_equal(b + 1, "\xf1\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_true(load_be64(b + 1) == 0xf102030405060708);
	store_le_f32(b + 1, -2.5f);
	assert_memory_equal(b + 1, "\0\0\x20\xc0", 4);
	assert_true(load_le_f32(b + 1) == -2.5f);
}

static void check_slices(void **state)
{
	(void)state;
	/* In byte order; every pair is compared both ways. */
	static const char *const SORTED[] = {"", "\x01", "a", "aa", "ab", "b", "\x7f", "\x80", "\xff", "\xff\xff"};
	for (size_t i = 0; i < 10; i++) {
		for (size_t j = 0; j < 10; j++) {
			struct slice a = slice_text(SORTED[i]), b = slice_text(SORTED[j]);
			int order = slice_compare(a, b);
			assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
			assert_int_equal(slice_equal(a, b), i == j);
		}
	}
	assert_int_equal(slice_common_prefix(slice_text("abcd"), slice_text("abxd")), 2);
	assert_int_equal(slice_common_prefix(slice_text("ab"), slice_text("abxd")), 2);
	assert_int_equal(slice_common_prefix(slice_make(NULL, 0), slice_text("a")), 0);
	assert_true(slice_equal(slice_make(NULL, 0), slice_text("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_appends),    cmocka_unit_test(check_impossible_size),
		cmocka_unit_test(check_buf_faults), cmocka_unit_test(check_alloc_faults),
		cmocka_unit_test(check_alloc),
		cmocka_unit_test(check_grow),      cmocka_unit_test(check_bytes),
		cmocka_unit_test(check_slices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
