/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical form of metadata: pairs of input and expected text, what is refused, and that the form is a fixed
 * point. The strictness of the JSON parser is tested here too. */
#include "metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "error.h"

static int canonicalise(struct slice in, struct buf *out, struct cel_error *e)
{
	buf_clear(out);
	return metadata_canonicalise(in, out, e);
}

static void test_good(void **state)
{
	(void)state;
	static const char *const PAIRS[][2] = {
		{"{}", "{}"},
		{" { } ", "{}"},
		{"{\"b\":1,\"a\":2}", "{\"a\":2,\"b\":1}"},
		{"{\"a\" : [ 1 , 2.50 , -0 , 1e400, 1E+05, 0.10, -1.0e-9 ] }", "{\"a\":[1,2.50,-0,1e400,1E+05,0.10,-1.0e-9]}"},
		{"{\"a\":[],\"b\":{},\"c\":[[],{}]}", "{\"a\":[],\"b\":{},\"c\":[[],{}]}"},
		{"{\"t\":true,\"n\":null,\"f\":false}", "{\"f\":false,\"n\":null,\"t\":true}"},
		{"{\"z\":{\"y\":1,\"x\":[{\"d\":1,\"c\":2}]},\"a\":0}", "{\"a\":0,\"z\":{\"x\":[{\"c\":2,\"d\":1}],\"y\":1}}"},
		{"{\"\\u0061\":\"\\u00e9\\/\\u20ac\\ud83d\\ude00\"}", "{\"a\":\"\xc3\xa9/\xe2\x82\xac\xf0\x9f\x98\x80\"}"},
		{"{\"a\":\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\\\u007f\"}", "{\"a\":\"\\u0000\\u001f\\b\\f\\n\\r\\t\\\"\\\\\x7f\"}"},
		{"{\"aa\":1,\"a\":2,\"\":3}", "{\"\":3,\"a\":2,\"aa\":1}"},
		{"{\"\\u00e9\":1,\"z\":2}", "{\"z\":2,\"\xc3\xa9\":1}"},
		{"{\"a\":123456789012345678901234567890}", "{\"a\":123456789012345678901234567890}"},
		{"\n{\"a\":\r\n1\t}\n", "{\"a\":1}"},
	};
	struct buf out = {0};
	for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
		struct cel_error e = {0};
		int rc = canonicalise(slice_text(PAIRS[i][0]), &out, &e);
		if (rc != 0)
			print_message("%s: %s\n", PAIRS[i][0], e.message);
		assert_int_equal(rc, 0);
		assert_int_equal(out.size, strlen(PAIRS[i][1]));
		assert_memory_equal(out.data, PAIRS[i][1], out.size);
		assert_int_equal(metadata_check(buf_slice(&out), &e), 0);
		if (strcmp(PAIRS[i][0], PAIRS[i][1]) != 0)
			assert_int_equal(metadata_check(slice_text(PAIRS[i][0]), &e), CEL_EDATA);
	}
	buf_release(&out);
}

static void test_bad(void **state)
{
	(void)state;
	static const char *const BAD[] = {
		"", " ", "[]", "1", "\"a\"", "null", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,}", "{,}",
		"{\"a\":[1,]}", "{\"a\":[1 2]}", "{\"a\":[,1]}", "{\"a\":1 \"b\":2}", "{\"a\" 1}", "{\"a\":1}}", "{\"a\":1}{}",
		"{\"a\":1} x", "{\"a\":1},", "{a:1}", "{'a':1}", "{1:1}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}",
		"{\"a\":-}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":0x10}", "{\"a\":1_000}", "{\"a\":NaN}", "{\"a\":nan}",
		"{\"a\":Infinity}", "{\"a\":-Infinity}", "{\"a\":tru}", "{\"a\":truee}", "{\"a\":nulll}", "{\"a\":nul}",
		"{\"a\":True}", "{\"a\":\"b}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}", "{\"a\":\"\\u12g4\"}", "{\"a\":\"\n\"}",
		"{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xf4\x90\x80\x80\"}",
		"{\"a\":\"\\ud800\"}", "{\"a\":\"\\udc00\"}", "{\"a\":\"\\ud800\\ud800\"}", "{\"a\":\"\\ud800x\"}", "{\"\\udc00\":1}",
		"{\"a\":\"\\udc00\\ud800\"}", "{\"a\":1,\"a\":2}", "{\"b\":1,\"a\":2,\"b\":3}", "{\"a\":{\"x\":1,\"\\u0078\":1}}",
		"\xef\xbb\xbf{}", "{\"a\":1}//", "/**/{}", "{\"a\":1]", "{\"a\":[1}", "{\"a\":[[1]}", "{\"a\":[1]]}", "{\"a\":{\"b\":1}",
		"{:1}", "{\"a\"::1}", "{\"a\":1,,\"b\":2}", "{\"a\",\"b\":1}", "{\"a\":\"b\" \"c\"}", "{\"a\":1 2}", "{\"a\":true false}",
		"{\"a\":{}{}}", "{\"a\":[]1}", "{\"a\":[1]\"b\":2}", "{[]}", "{\"a\":\"\\\"}", "{\"a\":1}\x0b", "{\"a\":\x0c true}",
		"{\"a\":1\xc2\xa0}", "{\"a\":1a}", "{\"a\":-01}", "{\"a\":--1}", "{\"a\":1.5.2}", "{\"a\":1e5e5}",
	};
	struct buf out = {0};
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		struct cel_error e = {0};
		int rc = canonicalise(slice_text(BAD[i]), &out, &e);
		if (rc != CEL_EDATA)
			print_message("taken: %s\n", BAD[i]);
		assert_int_equal(rc, CEL_EDATA);
		assert_true(e.message[0] != '\0');
		assert_int_equal(out.size, 0);
	}
	struct cel_error e;
	assert_int_equal(canonicalise(slice_make("{\"a\":1\0}", 8), &out, &e), CEL_EDATA);
	assert_int_equal(canonicalise(slice_make("{\"a\":[1\0x,2]}", 13), &out, &e), CEL_EDATA);
	assert_int_equal(canonicalise(slice_make("{}\0", 3), &out, &e), CEL_EDATA);
	buf_release(&out);
}

static void test_depth(void **state)
{
	(void)state;
	struct buf in = {0}, out = {0};
	struct cel_error e;
	static const int DEPTHS[] = {1, 2, METADATA_DEPTH_MAX, METADATA_DEPTH_MAX + 1, METADATA_DEPTH_MAX + 5, 100000};
	for (size_t i = 0; i < sizeof DEPTHS / sizeof *DEPTHS; i++) {
		for (int is_array = 0; is_array < 2; is_array++) {
			buf_clear(&in);
			for (int d = 1; d < DEPTHS[i]; d++)
				assert_int_equal(buf_append_text(&in, is_array && d > 1 ? "[" : "{\"a\":", &e), 0);
			assert_int_equal(buf_append_text(&in, is_array && DEPTHS[i] > 1 ? "[" : "{", &e), 0);
			assert_int_equal(buf_append_text(&in, is_array && DEPTHS[i] > 1 ? "]" : "}", &e), 0);
			for (int d = DEPTHS[i] - 1; d >= 1; d--)
				assert_int_equal(buf_append_text(&in, is_array && d > 1 ? "]" : "}", &e), 0);
			int rc = canonicalise(buf_slice(&in), &out, &e);
			assert_int_equal(rc, DEPTHS[i] <= METADATA_DEPTH_MAX ? 0 : CEL_EDATA);
			if (rc == 0)
				assert_true(slice_equal(buf_slice(&in), buf_slice(&out)));
		}
	}
	buf_release(&in);
	buf_release(&out);
}

static void test_size(void **state)
{
	(void)state;
	struct buf in = {0}, out = {0};
	struct cel_error e;
	assert_int_equal(buf_append_text(&in, "{\"a\":\"", &e), 0);
	while (in.size < METADATA_SIZE_MAX - 2)
		assert_int_equal(buf_append_byte(&in, 'x', &e), 0);
	assert_int_equal(buf_append_text(&in, "\"}", &e), 0);
	assert_int_equal(in.size, METADATA_SIZE_MAX);
	assert_int_equal(canonicalise(buf_slice(&in), &out, &e), 0);
	assert_int_equal(metadata_check(buf_slice(&out), &e), 0);
	in.size -= 2;
	assert_int_equal(buf_append_text(&in, "x\"}", &e), 0);
	assert_int_equal(canonicalise(buf_slice(&in), &out, &e), CEL_EDATA);
	assert_int_equal(metadata_check(buf_slice(&in), &e), CEL_EDATA);
	buf_release(&in);
	buf_release(&out);
}

/* Many members in any order come out sorted; the result does not depend on the order. */
static void test_order(void **state)
{
	(void)state;
	struct buf in = {0}, first = {0}, out = {0};
	struct cel_error e;
	for (unsigned step = 1; step < 1000; step += 98) { /* no step shares a factor with 1009 */
		buf_clear(&in);
		assert_int_equal(buf_append_byte(&in, '{', &e), 0);
		for (unsigned i = 0, k = step; i < 1009; i++, k = (k + step) % 1009)
			assert_int_equal(buf_printf(&in, &e, "%s\"key%u\": {\"b\": %u, \"a\": []}", i > 0 ? ", " : "", k, k), 0);
		assert_int_equal(buf_append_byte(&in, '}', &e), 0);
		assert_int_equal(canonicalise(buf_slice(&in), &out, &e), 0);
		if (step == 1)
			assert_int_equal(buf_append(&first, out.data, out.size, &e), 0);
		assert_true(slice_equal(buf_slice(&first), buf_slice(&out)));
		assert_int_equal(metadata_check(buf_slice(&out), &e), 0);
	}
	buf_release(&in);
	buf_release(&first);
	buf_release(&out);
}

static void test_memory_faults(void **state)
{
	(void)state;
	static const char TEXT[] = "{\"b\":[1,2,{\"c\":\"\\n\",\"a\":{\"x\":1}}],\"a\":\"text\"}";
	bool was_hit = true;
	for (uint64_t nth = 1; was_hit; nth++) {
		struct buf out = {0};
		struct cel_error e;
		mem_fault_set(nth);
		int rc = metadata_canonicalise(slice_text(TEXT), &out, &e);
		was_hit = mem_fault_count() >= nth;
		mem_fault_set(0);
		assert_int_equal(rc, was_hit ? CEL_ENOMEM : 0);
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_bad),   cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size), cmocka_unit_test(test_order), cmocka_unit_test(test_memory_faults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
