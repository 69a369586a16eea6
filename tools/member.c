/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the top level; what is inside of a value is only counted in and out of. In canonical form the escapes are
 * \" \\ \b \f \n \r \t and \u00XX, all others stand for themselves in UTF-8. */
#include "member.h"

#include <string.h>

/* p is at the opening quote. What it says goes to out, as far as it fits; *size is all of it. Returns what stands behind. */
static const char *read_text(const char *p, const char *end, char *out, size_t capacity, size_t *size)
{
	static const char LETTERS[] = "bfnrt", MEANT[] = "\b\f\n\r\t";
	size_t n = 0;
	for (p++; p < end && *p != '"'; p++) {
		char c = *p;
		if (c == '\\' && p + 1 < end) {
			const char *letter = strchr(LETTERS, *++p);
			c = letter != NULL && *letter != '\0' ? MEANT[letter - LETTERS] : *p;
			if (*p == 'u' && end - p > 4) {
				static const char DIGITS[] = "0123456789abcdef";
				const char *high = strchr(DIGITS, p[3]), *low = strchr(DIGITS, p[4]);
				c = (char)(high != NULL && low != NULL ? (high - DIGITS) << 4 | (low - DIGITS) : '?');
				p += 4;
			}
		}
		if (n < capacity)
			out[n] = c;
		n++;
	}
	*size = n;
	return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end)
{
	size_t depth = 0, size;
	while (p < end && (depth > 0 || (*p != ',' && *p != '}'))) {
		if (*p == '"') {
			p = read_text(p, end, NULL, 0, &size);
			continue;
		}
		depth += *p == '{' || *p == '[';
		depth -= *p == '}' || *p == ']';
		p++;
	}
	return p;
}

bool member_text(const char *object, size_t object_size, const char *key, char *out, size_t capacity, size_t *size)
{
	const char *p = object + 1, *end = object + object_size;
	size_t key_size = strlen(key);
	while (p < end && *p == '"') {
		char name[256];
		size_t name_size;
		p = read_text(p, end, name, sizeof name, &name_size) + 1;
		bool is_it = name_size == key_size && name_size <= sizeof name && memcmp(name, key, key_size) == 0;
		if (is_it && p < end && *p == '"') {
			read_text(p, end, out, capacity, size);
			return *size <= capacity;
		}
		if (is_it)
			return false;
		p = skip_value(p, end) + 1;
	}
	return false;
}
