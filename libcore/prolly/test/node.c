/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder takes exactly what the encoder makes: valid nodes come back entry by entry and byte by byte; each rule is
 * broken once, by hand, and must be named; every cut and every flipped bit is either refused or another canonical node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alloc.h"
#include "cbor.h"
#include "node.h"
#include "random.h"
#include "reencode.h"

enum { KEY_ROOM = 40 };

static struct cid some_cid(uint8_t codec, uint64_t n)
{
	return cid_of(codec, slice_make(&n, sizeof n));
}

/* A block written item by item: u uint, b bytes, t text, a array, n null, r raw link, d dag-cbor link. */
static struct slice block_of(struct buf *b, const char *kinds, ...)
{
	va_list args;
	va_start(args, kinds);
	buf_clear(b);
	for (; *kinds != '\0'; kinds++) {
		struct cid cid = some_cid(*kinds == 'r' ? CID_RAW : CID_DAG_CBOR, 7);
		if (*kinds == 'u')
			cbor_put_uint(b, va_arg(args, uint64_t), NULL);
		else if (*kinds == 'a')
			cbor_put_array(b, va_arg(args, uint64_t), NULL);
		else if (*kinds == 'b')
			cbor_put_bytes(b, slice_text(va_arg(args, const char *)), NULL);
		else if (*kinds == 't')
			cbor_put_text(b, slice_text(va_arg(args, const char *)), NULL);
		else if (*kinds == 'n')
			cbor_put_null(b, NULL);
		else
			cbor_put_link(b, &cid, NULL);
	}
	va_end(args);
	return buf_slice(b);
}

#define U(x) ((uint64_t)(x))

static void assert_good(struct slice block)
{
	struct node *node = malloc(sizeof *node);
	struct buf again = {0};
	struct cel_error e = {0};
	if (node_decode(block, node, &e) < 0)
		fail_msg("%s", e.message);
	assert_int_equal(node_reencode(node, &again), 0);
	assert_true(slice_equal(block, buf_slice(&again)));
	buf_release(&again);
	free(node);
}

static void assert_bad(struct slice block, const char *why)
{
	struct node *node = malloc(sizeof *node);
	struct cel_error e = {0};
	assert_int_equal(node_decode(block, node, &e), CEL_ECORRUPT);
	if (strstr(e.message, why) == NULL)
		fail_msg("'%s' is not about '%s'", e.message, why);
	free(node);
}

static void test_good(void **state)
{
	(void)state;
	struct buf b = {0};
	assert_good(block_of(&b, "auuba", U(4), U(0), U(0), "", U(0)));
	assert_good(block_of(&b, "auubaabbn", U(4), U(0), U(1), "key", U(1), U(3), "", "v"));
	assert_good(block_of(&b, "auubaabrn", U(4), U(0), U(1), "key", U(1), U(3), ""));
	assert_good(block_of(&b, "auubaabrr", U(4), U(0), U(1), "key", U(1), U(3), ""));
	assert_good(block_of(&b, "auubaabbbabbr", U(4), U(0), U(2), "k", U(2), U(3), "", "v", "{}", U(3), "a", "v"));
	assert_good(block_of(&b, "auubaabduabdu", U(4), U(1), U(300), "k", U(2), U(3), "a", U(100), U(3), "b", U(200)));
	assert_good(block_of(&b, "auubaabdu", U(4), U(15), UINT64_MAX, "k", U(1), U(3), "", UINT64_MAX));
	buf_release(&b);
}

static void test_bad(void **state)
{
	(void)state;
	struct buf b = {0};
	static char long_key[CEL_ID_MAX + 2], long_value[PROLLY_INLINE_MAX + 2];
	memset(long_key, 'k', CEL_ID_MAX + 1);
	memset(long_value, 'v', PROLLY_INLINE_MAX + 1);
	assert_bad(slice_make(NULL, 0), "missing");
	assert_bad(block_of(&b, "auub", U(3), U(0), U(0), ""), "3 items");
	assert_bad(block_of(&b, "auubat", U(4), U(0), U(0), "", U(0), ""), "too many");
	assert_bad(block_of(&b, "auuba", U(4), U(0), U(0), "k", U(0)), "prefix");
	assert_bad(block_of(&b, "auuba", U(4), U(1), U(0), "", U(0)), "0 entries");
	assert_bad(block_of(&b, "auubaabbn", U(4), U(0), U(2), "key", U(1), U(3), "", "v"), "count");
	assert_bad(block_of(&b, "auubaabbn", U(4), U(0), U(1), "", U(1), U(3), "key", "v"), "prefix");
	assert_bad(block_of(&b, "auutaabbn", U(4), U(0), U(1), "key", U(1), U(3), "", "v"), "byte string");
	assert_bad(block_of(&b, "auubaabbn", U(4), U(0), U(1), "", U(1), U(3), "", "v"), "empty");
	assert_bad(block_of(&b, "auubaabbn", U(4), U(0), U(1), "a\tb", U(1), U(3), "", "v"), "control");
	assert_bad(block_of(&b, "auubaabbn", U(4), U(0), U(1), "\xff", U(1), U(3), "", "v"), "UTF-8");
	/* also behind a prefix of plain ASCII, and two bytes of one sequence on either side of the cut */
	assert_bad(block_of(&b, "auubaabbnabbn", U(4), U(0), U(2), "k", U(2), U(3), "\t", "v", U(3), "b", "v"), "control");
	assert_bad(block_of(&b, "auubaabbnabbn", U(4), U(0), U(2), "k", U(2), U(3), "a", "v", U(3), "\x7f", "v"), "control");
	assert_bad(block_of(&b, "auubaabbnabbn", U(4), U(0), U(2), "k", U(2), U(3), "a", "v", U(3), "\xff", "v"), "UTF-8");
	assert_bad(block_of(&b, "auubaabbnabbn", U(4), U(0), U(2), "k\n", U(2), U(3), "a", "v", U(3), "b", "v"), "control");
	assert_good(block_of(&b, "auubaabbnabbn", U(4), U(0), U(2), "k\xc3", U(2), U(3), "\xa4", "v", U(3), "\xb6", "v"));
	assert_bad(block_of(&b, "auubaabbn", U(4), U(0), U(1), long_key, U(1), U(3), "", "v"), "prefix of");
	assert_bad(block_of(&b, "auubaabbn", U(4), U(0), U(1), "k", U(1), U(3), long_key + 1, "v"), "longer");
	assert_bad(block_of(&b, "auubaabbn", U(4), U(0), U(1), "key", U(1), U(3), "", ""), "0 bytes inline");
	assert_bad(block_of(&b, "auubaabbn", U(4), U(0), U(1), "key", U(1), U(3), "", long_value), "257 bytes inline");
	assert_bad(block_of(&b, "auubaabbb", U(4), U(0), U(1), "key", U(1), U(3), "", "v", ""), "0 bytes inline");
	assert_bad(block_of(&b, "auubaabbb", U(4), U(0), U(1), "key", U(1), U(3), "", "v", long_value), "inline");
	assert_bad(block_of(&b, "auubaabnn", U(4), U(0), U(1), "key", U(1), U(3), ""), "link");
	assert_bad(block_of(&b, "auubaabdn", U(4), U(0), U(1), "key", U(1), U(3), ""), "not raw");
	assert_bad(block_of(&b, "auubaabrd", U(4), U(0), U(1), "key", U(1), U(3), ""), "not raw");
	assert_bad(block_of(&b, "auubaabb", U(4), U(0), U(1), "key", U(1), U(2), "", "v"), "2 items");
	assert_bad(block_of(&b, "auubaabru", U(4), U(1), U(1), "key", U(1), U(3), "", U(1)), "no node");
	assert_bad(block_of(&b, "auubaabdu", U(4), U(1), U(0), "key", U(1), U(3), "", U(0)), "empty node");
	assert_bad(block_of(&b, "auubaabdu", U(4), U(16), U(1), "key", U(1), U(3), "", U(1)), "level 16");
	assert_bad(block_of(&b, "auubaabduabdu", U(4), U(1), U(1), "k", U(2), U(3), "a", UINT64_MAX, U(3), "b", U(2)),
		   "exceed");
	/* order: equal, descending, and a prefix common to all left in the suffixes */
	assert_bad(block_of(&b, "auubaabbnabbn", U(4), U(0), U(2), "k", U(2), U(3), "a", "v", U(3), "a", "v"), "after");
	assert_bad(block_of(&b, "auubaabbnabbn", U(4), U(0), U(2), "k", U(2), U(3), "b", "v", U(3), "a", "v"), "after");
	assert_bad(block_of(&b, "auubaabbnabbn", U(4), U(0), U(2), "", U(2), U(3), "ka", "v", U(3), "kb", "v"), "prefix");
	assert_bad(block_of(&b, "auuba", U(4), U(0), U(393), "", U(393)), "array of 393"); /* before the bytes are there */
	buf_release(&b);
}

/* Counts of two bytes of which one would have done. */
static void test_counts_in_short_form(void **state)
{
	(void)state;
	struct buf b = {0};
	assert_good(block_of(&b, "auubaabdu", U(4), U(1), U(24), "key", U(1), U(3), "", U(24)));
	assert_good(block_of(&b, "auubaabdu", U(4), U(1), U(255), "key", U(1), U(3), "", U(255)));
	assert_good(block_of(&b, "auubaabdu", U(4), U(1), U(256), "key", U(1), U(3), "", U(256)));
	block_of(&b, "auubaabdu", U(4), U(1), U(24), "key", U(1), U(3), "", U(24));
	for (uint8_t count = 0; count < 24; count++) {
		b.data[b.size - 1] = count;
		assert_bad(buf_slice(&b), "shortest");
	}
	b.size--;
	assert_bad(buf_slice(&b), "ends within");
	buf_release(&b);
}

static void test_too_many_entries(void **state)
{
	(void)state;
	struct buf b = {0};
	for (uint64_t n = CHUNK_CAP; n <= CHUNK_CAP + 1; n++) {
		block_of(&b, "auuba", U(4), U(0), n, "", n);
		for (uint64_t i = 0; i < n; i++) {
			char key[8];
			snprintf(key, sizeof key, "%03u", (unsigned)i);
			cbor_put_array(&b, 3, NULL);
			cbor_put_bytes(&b, slice_text(key), NULL);
			cbor_put_bytes(&b, slice_text("v"), NULL);
			cbor_put_null(&b, NULL);
		}
		if (n == CHUNK_CAP)
			assert_good(buf_slice(&b));
		else
			assert_bad(buf_slice(&b), "393 entries");
	}
	buf_release(&b);
}

static void make_random_node(uint64_t *random, uint32_t level, size_t n, char (*keys)[KEY_ROOM], struct buf *block)
{
	struct node_item items[CHUNK_CAP];
	struct buf rest[CHUNK_CAP] = {0};
	uint8_t bytes[PROLLY_INLINE_MAX] = {0};
	uint64_t sum = 0;
	for (size_t i = 0; i < n; i++) {
		snprintf(keys[i], KEY_ROOM, "common/%05zu%s", i * 3, random_next(random) % 2 != 0 ? ".png" : "");
		if (level == 0) {
			struct prolly_value values[2] = {0};
			for (int v = 0; v < 2; v++) {
				values[v].is_link = random_next(random) % 2 != 0;
				values[v].link = some_cid(CID_RAW, random_next(random));
				values[v].bytes = slice_make(bytes, random_next(random) % sizeof bytes + (v == 0));
			}
			assert_int_equal(node_put_leaf_rest(&rest[i], &values[0], &values[1], NULL), 0);
			sum++;
		} else {
			struct cid child = some_cid(CID_DAG_CBOR, random_next(random));
			uint64_t count = 1 + random_next(random) % 100000;
			assert_int_equal(node_put_inner_rest(&rest[i], &child, count, NULL), 0);
			sum += count;
		}
		items[i] = (struct node_item){.key = slice_text(keys[i]), .rest = buf_slice(&rest[i])};
	}
	buf_clear(block);
	assert_int_equal(node_encode(level, sum, items, n, block, NULL), 0);
	for (size_t i = 0; i < n; i++)
		buf_release(&rest[i]);
}

static void test_round_trip_and_search(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static char keys[CHUNK_CAP][KEY_ROOM];
	static struct node node;
	struct buf block = {0};
	for (size_t round = 0; round < 200 * test_scale(); round++) {
		uint32_t n = 1 + (uint32_t)(random_next(&random) % (round % 10 == 0 ? CHUNK_CAP : 60));
		make_random_node(&random, (uint32_t)(round % 3), n, keys, &block);
		assert_good(buf_slice(&block));
		assert_int_equal(node_decode(buf_slice(&block), &node, NULL), 0);
		assert_int_equal(node.n, n);
		for (uint32_t i = 0; i < n; i++) {
			uint8_t key[CEL_ID_MAX];
			struct slice expected = slice_text(keys[i]);
			assert_true(slice_equal(slice_make(key, node_key(&node, i, key)), expected));
			assert_int_equal(node_search(&node, expected), i);
			char next[KEY_ROOM + 1];
			snprintf(next, sizeof next, "%s!", keys[i]);
			assert_int_equal(node_search(&node, slice_text(next)), i + 1);
		}
		assert_int_equal(node_search(&node, slice_text("")), 0);
		assert_int_equal(node_search(&node, slice_text("comm")), 0);
		assert_int_equal(node_search(&node, slice_text("comma")), 0);
		assert_int_equal(node_search(&node, slice_text("d")), n);
		assert_int_equal(node_search(&node, slice_text("commonness")), n);
	}
	buf_release(&block);
}

static void test_flips_and_cuts(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static char keys[CHUNK_CAP][KEY_ROOM];
	static struct node node;
	struct buf block = {0}, again = {0};
	size_t n_good = 0, n_bad = 0;
	for (uint32_t level = 0; level < 2; level++) {
		make_random_node(&random, level, 12, keys, &block);
		for (size_t i = 0; i < block.size; i++) {
			uint8_t *cut = mem_dup(block.data, i);
			assert_int_equal(node_decode(slice_make(cut, i), &node, NULL), CEL_ECORRUPT);
			mem_free(cut);
			for (int bit = 0; bit < 8; bit++) {
				block.data[i] ^= (uint8_t)(1 << bit);
				if (node_decode(buf_slice(&block), &node, NULL) == 0) {
					assert_int_equal(node_reencode(&node, &again), 0);
					assert_true(slice_equal(buf_slice(&block), buf_slice(&again)));
					n_good++;
				} else {
					n_bad++;
				}
				block.data[i] ^= (uint8_t)(1 << bit);
			}
		}
	}
	assert_true(n_good > 0 && n_bad > 0); /* bits of digests and values may flip, the rest may not */
	buf_release(&block);
	buf_release(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad), cmocka_unit_test(test_counts_in_short_form),
		cmocka_unit_test(test_too_many_entries),
		cmocka_unit_test(test_round_trip_and_search),
		cmocka_unit_test(test_flips_and_cuts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
