/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is read again; one bit more or less anywhere, another tree, size or expression are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "bitmap.h"

static const struct slice EXPRESSION = {(const uint8_t *)".year > 1990", 12};

static struct cid tree_of(uint8_t number)
{
	return cid_of(CID_DAG_CBOR, slice_make(&number, 1));
}

static void make(struct bitmap *b, uint64_t n)
{
	assert_int_equal(bitmap_init(b, n, NULL), 0);
	for (uint64_t i = 0; i < n; i += 1 + i % 5)
		bits_set(b->bits, i);
	b->count = bits_count(b->bits, n);
	b->failed = n - b->count;
	strcpy(b->message, b->failed > 0 ? "caf\xc3\xa9" : "");
}

static void test_round_trip(void **state)
{
	(void)state;
	struct cid tree = tree_of(1);
	for (uint64_t n = 0; n < 200; n += 1 + n / 70 * 8) {
		struct bitmap a, b;
		struct buf file BUF_CLEANUP = {0};
		make(&a, n);
		assert_int_equal(bitmap_encode(&a, &tree, EXPRESSION, &file, NULL), 0);
		assert_true(file.size <= bitmap_file_size_max(n, EXPRESSION));
		assert_int_equal(bitmap_decode(buf_slice(&file), &tree, n, EXPRESSION, &b, NULL), 0);
		assert_int_equal(b.count, a.count);
		assert_int_equal(b.failed, a.failed);
		assert_string_equal(b.message, a.message);
		assert_memory_equal(b.bits, a.bits, bits_words(n) * 8);
		bitmap_release(&a);
		bitmap_release(&b);
	}
}

static void test_refused(void **state)
{
	(void)state;
	struct cid tree = tree_of(1), other = tree_of(2);
	struct bitmap a, b;
	struct buf file BUF_CLEANUP = {0};
	make(&a, 100);
	assert_int_equal(bitmap_encode(&a, &tree, EXPRESSION, &file, NULL), 0);
	struct slice whole = buf_slice(&file);
	for (size_t i = 0; i < file.size * 8; i++) {
		file.data[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(bitmap_decode(whole, &tree, 100, EXPRESSION, &b, NULL), CEL_ECORRUPT);
		file.data[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	for (size_t size = 0; size < file.size; size++)
		assert_int_equal(bitmap_decode(slice_make(file.data, size), &tree, 100, EXPRESSION, &b, NULL), CEL_ECORRUPT);
	assert_int_equal(bitmap_decode(whole, &other, 100, EXPRESSION, &b, NULL), CEL_ECORRUPT);
	assert_int_equal(bitmap_decode(whole, &tree, 101, EXPRESSION, &b, NULL), CEL_ECORRUPT);
	assert_int_equal(bitmap_decode(whole, &tree, 100, slice_text(".year > 1991"), &b, NULL), CEL_ECORRUPT);
	assert_int_equal(bitmap_decode(whole, &tree, 100, EXPRESSION, &b, NULL), 0);
	bitmap_release(&a);
	bitmap_release(&b);
}

/* Made with a right digest, but against what it says of itself. */
static void test_contradiction(void **state)
{
	(void)state;
	struct cid tree = tree_of(1);
	for (int kind = 0; kind < 4; kind++) {
		struct bitmap a, b;
		struct buf file BUF_CLEANUP = {0};
		make(&a, 100);
		a.count += kind == 1;
		a.failed += kind == 2;
		a.bits[1] |= kind == 3 ? 1ull << 40 : 0;
		assert_int_equal(bitmap_encode(&a, &tree, EXPRESSION, &file, NULL), 0);
		int rc = bitmap_decode(buf_slice(&file), &tree, 100, EXPRESSION, &b, NULL);
		assert_int_equal(rc, kind == 0 ? 0 : CEL_ECORRUPT);
		if (rc == 0)
			bitmap_release(&b);
		bitmap_release(&a);
	}
}

static void test_names(void **state)
{
	(void)state;
	char a[BITMAP_NAME_MAX], b[BITMAP_NAME_MAX];
	struct cid one = tree_of(1), two = tree_of(2);
	bitmap_name(&one, EXPRESSION, a);
	bitmap_name(&two, EXPRESSION, b);
	assert_string_not_equal(a, b);
	assert_int_equal(a[59], '.');
	assert_string_equal(a + 60 + 32, ".filter");
	bitmap_name(&one, slice_text("."), b);
	assert_string_not_equal(a, b);
	assert_memory_equal(a, b, 60);
}

static void test_memory(void **state)
{
	(void)state;
	struct cid tree = tree_of(1);
	struct bitmap a, b;
	make(&a, 5000);
	for (uint64_t n = 1;; n++) {
		struct buf file BUF_CLEANUP = {0};
		mem_fault_set(n);
		int rc = bitmap_encode(&a, &tree, EXPRESSION, &file, NULL);
		if (rc == 0)
			rc = bitmap_decode(buf_slice(&file), &tree, 5000, EXPRESSION, &b, NULL);
		mem_fault_set(0);
		if (rc == 0)
			break;
		assert_int_equal(rc, CEL_ENOMEM);
	}
	bitmap_release(&a);
	bitmap_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_refused), cmocka_unit_test(test_contradiction),
		cmocka_unit_test(test_names), cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests_name("filter/bitmap", tests, NULL, NULL);
}
