/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata was parsed and made canonical when it came in, so a member is found by looking for quotes and brackets:
 *
 *     {"a":{"b":"}"},"c":1}      rest: "a":{"b":"}"},"c":1}      value: {"b":"}"}       rest: "c":1}
 */
#include "members.h"

#include "error.h"

static int no_object(struct cel_error *e)
{
	return error_set(e, CEL_ECORRUPT, "metadata that is no canonical JSON object");
}

int members_init(struct members *m, struct slice object, struct cel_error *e)
{
	*m = (struct members){0};
	if (object.size == 0)
		return 0;
	if (object.size < 2 || object.data[0] != '{' || object.data[object.size - 1] != '}')
		return no_object(e);
	if (object.size > 2)
		m->rest = slice_make(object.data + 1, object.size - 1);
	return 0;
}

void members_release(struct members *m)
{
	buf_release(&m->key);
}

/* The size of the string that text begins with, quotes included; 0 if there is none. */
static size_t string_size(struct slice text)
{
	if (text.size == 0 || text.data[0] != '"')
		return 0;
	for (size_t i = 1; i < text.size; i++) {
		if (text.data[i] == '"')
			return i + 1;
		if (text.data[i] == '\\')
			i++;
	}
	return 0;
}

/* The size of the value that text begins with: up to the ',' or '}' that is not inside it; 0 if there is none. */
static size_t value_size(struct slice text)
{
	size_t depth = 0;
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];
		if (c == '"') {
			size_t size = string_size(slice_make(text.data + i, text.size - i));
			if (size == 0)
				return 0;
			i += size - 1;
		} else if (depth == 0 && (c == ',' || c == '}')) {
			return i;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (c == '}' || c == ']') {
			if (depth-- == 0)
				return 0;
		}
	}
	return 0;
}

static unsigned hex_digit(uint8_t c)
{
	return c <= '9' ? c - (unsigned)'0' : (c | 0x20u) - 'a' + 10u;
}

/* Appends what the string stands for. Canonical strings have \u only for control characters. */
static int unescape(struct slice string, struct buf *out, struct cel_error *e)
{
	static const char LETTERS[] = "\"\\bfnrt", BYTES[] = "\"\\\b\f\n\r\t";
	buf_clear(out);
	int rc = buf_reserve(out, string.size, e);
	for (size_t i = 1; rc == 0 && i + 1 < string.size; i++) {
		uint8_t c = string.data[i];
		if (c == '\\') {
			c = string.data[++i];
			const char *found = c != '\0' ? strchr(LETTERS, c) : NULL;
			if (found != NULL)
				c = (uint8_t)BYTES[found - LETTERS];
			else if (c == 'u' && i + 4 < string.size - 1)
				c = (uint8_t)(hex_digit(string.data[i + 3]) << 4 | hex_digit(string.data[i + 4]));
			else
				return no_object(e);
			i += found == NULL ? 4 : 0;
		}
		rc = buf_append_byte(out, c, e);
	}
	return rc;
}

int members_next(struct members *m, struct cel_error *e)
{
	struct slice rest = m->rest;
	if (rest.size == 0)
		return 0;
	size_t key_size = string_size(rest);
	if (key_size == 0 || key_size == rest.size || rest.data[key_size] != ':')
		return no_object(e);
	struct slice value = slice_make(rest.data + key_size + 1, rest.size - key_size - 1);
	value.size = value_size(value);
	if (value.size == 0)
		return no_object(e);
	int rc = unescape(slice_make(rest.data, key_size), &m->key, e);
	if (rc < 0)
		return rc;
	m->value = value;
	size_t end = key_size + 1 + value.size; /* of the member; there is a ',' or '}' behind it */
	bool is_last = rest.data[end] == '}';
	if (is_last != (end + 1 == rest.size))
		return no_object(e);
	m->rest = is_last ? slice_make(NULL, 0) : slice_make(rest.data + end + 1, rest.size - end - 1);
	return 1;
}
