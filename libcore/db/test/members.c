/* SPDX-License-Identifier: Apache-2.0 */
/* Members of objects made at random: keys and values come back as they were put in; and what is no object is refused, byte by
 * byte, without a look behind its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the ones above */
#include <cmocka.h>

#include "alloc.h"
#include "members.h"
#include "metadata.h"
#include "random.h"

static uint64_t seed;

/* Reads all members; keys and values joined with '=' and ';'. */
static int read_members(struct slice object, struct buf *out)
{
	struct members m;
	struct cel_error e = {0};
	buf_clear(out);
	int rc = members_init(&m, object, &e);
	while (rc >= 0 && (rc = members_next(&m, &e)) > 0) {
		buf_append(out, m.key.data, m.key.size, NULL);
		buf_append_byte(out, '=', NULL);
		buf_append(out, m.value.data, m.value.size, NULL);
		buf_append_byte(out, ';', NULL);
	}
	if (rc < 0)
		assert_true(e.code == rc && rc == CEL_ECORRUPT);
	members_release(&m);
	return rc;
}

static void known_objects(void **state)
{
	(void)state;
	static const char *const OBJECTS[][2] = {
		{"", ""},
		{"{}", ""},
		{"{\"a\":1}", "a=1;"},
		{"{\"\":\"\"}", "=\"\";"},
		{"{\"a\":\"}\",\"b\":[1,{\"c\":\"]\\\"\"}],\"c\":{\"d\":{}}}", "a=\"}\";b=[1,{\"c\":\"]\\\"\"}];c={\"d\":{}};"},
		{"{\"a,b\":null,\"c\\\"\\\\\\n\\t\\u0001\":true}", "a,b=null;c\"\\\n\t\x01=true;"},
	};
	struct buf out = {0};
	for (size_t i = 0; i < sizeof OBJECTS / sizeof *OBJECTS; i++) {
		assert_int_equal(read_members(slice_text(OBJECTS[i][0]), &out), 0);
		assert_true(slice_equal(buf_slice(&out), slice_text(OBJECTS[i][1])));
	}
	buf_release(&out);
}

static void bad_objects(void **state)
{
	(void)state;
	static const char *const BAD[] = {"{", "}", "[]", "1", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "{\"a\":1}}",
					  "{,}", "{\"a\":[}", "{\"a\":]}", "{\"a\":\"}", "{\"\\q\":1}", "{\"\\u00\":1}", "{\"a\":1,2}"};
	struct buf out = {0};
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
		if (read_members(slice_text(BAD[i]), &out) != CEL_ECORRUPT)
			fail_msg("%s was taken", BAD[i]);
	buf_release(&out);
}

static void append_random_string(struct buf *b)
{
	static const char *const PIECES[] = {"a", "b", "Z", "\\\"", "\\\\", "\\n", "\\u0001", "\\u001f", "\xc3\xa9", ",", "{", "}",
					     "[", "]", ":", " ", "\xf0\x9f\x98\x80", "\\u00e9", "\\/"};
	buf_append_byte(b, '"', NULL);
	for (uint64_t n = random_next(&seed) % 6; n > 0; n--)
		buf_append_text(b, PIECES[random_next(&seed) % (sizeof PIECES / sizeof *PIECES)], NULL);
	buf_append_byte(b, '"', NULL);
}

static void append_random_value(struct buf *b, unsigned depth)
{
	static const char *const ATOMS[] = {"1", "-2.5e3", "true", "false", "null"};
	unsigned kind = (unsigned)(random_next(&seed) % (depth < 3 ? 4 : 2));
	if (kind == 0) {
		buf_append_text(b, ATOMS[random_next(&seed) % 5], NULL);
	} else if (kind == 1) {
		append_random_string(b);
	} else {
		buf_append_byte(b, kind == 2 ? '[' : '{', NULL);
		for (uint64_t i = 0, n = random_next(&seed) % 4; i < n; i++) {
			if (i > 0)
				buf_append_byte(b, ',', NULL);
			if (kind == 3)
				buf_printf(b, NULL, "\"k%d}\":", (int)i);
			append_random_value(b, depth + 1);
		}
		buf_append_byte(b, kind == 2 ? ']' : '}', NULL);
	}
}

/* An object of members with these keys and values makes the same object again. */
static void random_objects(void **state)
{
	(void)state;
	struct buf text = {0}, object = {0}, again = {0}, canonical = {0};
	size_t n_good = 0;
	for (int i = 0; i < 3000; i++) {
		buf_clear(&text);
		buf_clear(&object);
		buf_append_byte(&text, '{', NULL);
		for (uint64_t k = 0, n = random_next(&seed) % 6; k < n; k++) {
			if (k > 0)
				buf_append_byte(&text, ',', NULL);
			append_random_string(&text);
			buf_append_byte(&text, ':', NULL);
			append_random_value(&text, 0);
		}
		buf_append_byte(&text, '}', NULL);
		if (metadata_canonicalise(buf_slice(&text), &object, NULL) < 0)
			continue; /* a key twice */
		n_good++;
		struct members m;
		int rc;
		assert_int_equal(members_init(&m, buf_slice(&object), NULL), 0);
		buf_clear(&again);
		buf_append_byte(&again, '{', NULL);
		while ((rc = members_next(&m, NULL)) > 0) {
			/* keys as escapes of every byte that is not plain, which the canonical form undoes */
			buf_append_text(&again, again.size > 1 ? ",\"" : "\"", NULL);
			for (size_t c = 0; c < m.key.size; c++) {
				if (m.key.data[c] < 0x20 || m.key.data[c] == '"' || m.key.data[c] == '\\')
					buf_printf(&again, NULL, "\\u%04x", m.key.data[c]);
				else
					buf_append_byte(&again, m.key.data[c], NULL);
			}
			buf_append_text(&again, "\":", NULL);
			buf_append(&again, m.value.data, m.value.size, NULL);
		}
		assert_int_equal(rc, 0);
		members_release(&m);
		buf_append_byte(&again, '}', NULL);
		buf_clear(&canonical);
		assert_int_equal(metadata_canonicalise(buf_slice(&again), &canonical, NULL), 0);
		assert_true(slice_equal(buf_slice(&object), buf_slice(&canonical)));

		/* cut or changed: no byte outside is read (a copy of that size), no crash */
		size_t size = random_next(&seed) % (object.size + 1);
		uint8_t *copy = malloc(size + (size == 0));
		memcpy(copy, object.data, size);
		if (size > 0 && i % 2 == 0)
			copy[random_next(&seed) % size] = "\"\\{}[],:"[random_next(&seed) % 8];
		read_members(slice_make(copy, size), &again);
		free(copy);
	}
	printf("# %zu objects\n", n_good);
	assert_true(n_good > 2000);
	buf_release(&text);
	buf_release(&object);
	buf_release(&again);
	buf_release(&canonical);
}

int main(void)
{
	seed = test_seed();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_objects),
		cmocka_unit_test(bad_objects),
		cmocka_unit_test(random_objects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
