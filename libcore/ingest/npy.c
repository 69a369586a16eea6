/* SPDX-License-Identifier: Apache-2.0 */
/* The header is the text of a Python dict with exactly the keys descr, fortran_order and shape:
 *
 *     \x93NUMPY  major minor  length (2 bytes; from version 2.0: 4)  {'descr': '<f4', ..., 'shape': (3, 4), }   \n
 *
 * A small scanner over that text; nothing of it is believed beyond what the row reader then finds in the file. */
#include "npy.h"

#include <string.h>

#include "bytes.h"
#include "error.h"
#include "stream.h"

struct scanner {
	const char *p, *end;
};

static void skip_blanks(struct scanner *s)
{
	while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
		s->p++;
}

static bool take(struct scanner *s, char c)
{
	skip_blanks(s);
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

static bool take_word(struct scanner *s, const char *word)
{
	skip_blanks(s);
	size_t length = strlen(word);
	if ((size_t)(s->end - s->p) < length || memcmp(s->p, word, length) != 0)
		return false;
	s->p += length;
	return true;
}

/* A quoted text without escapes, which no key or type needs. */
static bool take_text(struct scanner *s, struct slice *out)
{
	skip_blanks(s);
	if (s->p == s->end || (*s->p != '\'' && *s->p != '"'))
		return false;
	const char *start = s->p + 1;
	const char *close = memchr(start, *s->p, (size_t)(s->end - start));
	if (close == NULL || memchr(start, '\\', (size_t)(close - start)) != NULL)
		return false;
	*out = slice_make(start, (size_t)(close - start));
	s->p = close + 1;
	return true;
}

static int parse_type(struct scanner *s, struct npy_header *h, struct cel_error *e)
{
	static const struct {
		char name[3];
		enum number_kind kind;
	} KINDS[] = {{"f2", NUMBER_F16}, {"f4", NUMBER_F32}, {"f8", NUMBER_F64}, {"i1", NUMBER_I8}, {"u1", NUMBER_U8},
		     {"b1", NUMBER_U8}};
	struct slice text;
	if (!take_text(s, &text))
		return error_set(e, CEL_EDATA, "the header's descr is no plain type (wanted: f4, f8, f2, i1, u1 or b1)");
	if (text.size == 3 && strchr("<>|=", text.data[0]) != NULL) {
		for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
			if (memcmp(text.data + 1, KINDS[i].name, 2) != 0)
				continue;
			h->is_bool = KINDS[i].name[0] == 'b';
			h->type = (struct number_type){.kind = KINDS[i].kind, .is_big_endian = text.data[0] == '>'};
			bool has_order = text.data[0] == '<' || text.data[0] == '>';
			if (has_order || numbers_size(h->type, 1) == 1)
				return 0;
		}
	}
	return error_set(e, CEL_EDATA, "elements of type '%.*s' (wanted: f4, f8, f2, i1, u1 or b1)",
			 (int)(text.size < 40 ? text.size : 40), (const char *)text.data);
}

static bool take_count(struct scanner *s, uint64_t *out)
{
	skip_blanks(s);
	const char *start = s->p;
	*out = 0;
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
		if (__builtin_mul_overflow(*out, 10u, out) || __builtin_add_overflow(*out, (uint64_t)(*s->p - '0'), out))
			return false;
	}
	bool has_digits = s->p > start;
	if (has_digits && s->p < s->end && *s->p == 'L') /* written by Python 2 */
		s->p++;
	return has_digits;
}

static int parse_shape(struct scanner *s, struct npy_header *h, struct cel_error *e)
{
	bool is_good = take(s, '(');
	for (bool is_last = false; is_good && !take(s, ')');) {
		uint64_t count;
		is_good = !is_last && take_count(s, &count);
		if (is_good && h->n_dims < 2)
			h->shape[h->n_dims] = count;
		h->n_dims++;
		is_last = !take(s, ',');
	}
	return is_good ? 0 : error_set(e, CEL_EDATA, "the header's shape is no tuple of counts");
}

static int parse_value(struct scanner *s, struct slice key, unsigned *seen, struct npy_header *h, struct cel_error *e)
{
	static const char *const KEYS[] = {"descr", "fortran_order", "shape"};
	unsigned i = 0;
	while (i < 3 && !slice_equal(key, slice_text(KEYS[i])))
		i++;
	if (i == 3 || (*seen & 1u << i) != 0)
		return error_set(e, CEL_EDATA, "the header's key '%.*s' is unknown or stands twice",
				 (int)(key.size < 40 ? key.size : 40), (const char *)key.data);
	*seen |= 1u << i;
	if (i == 0)
		return parse_type(s, h, e);
	if (i == 2)
		return parse_shape(s, h, e);
	h->is_fortran_order = take_word(s, "True");
	if (!h->is_fortran_order && !take_word(s, "False"))
		return error_set(e, CEL_EDATA, "the header's fortran_order is neither True nor False");
	return 0;
}

static int parse_dict(struct slice text, struct npy_header *h, struct cel_error *e)
{
	struct scanner s = {.p = (const char *)text.data, .end = (const char *)text.data + text.size};
	unsigned seen = 0;
	bool is_good = take(&s, '{');
	for (bool is_last = false; is_good && !take(&s, '}');) {
		struct slice key;
		is_good = !is_last && take_text(&s, &key) && take(&s, ':');
		if (!is_good)
			break;
		int rc = parse_value(&s, key, &seen, h, e);
		if (rc < 0)
			return rc;
		is_last = !take(&s, ',');
	}
	skip_blanks(&s);
	if (!is_good || s.p != s.end || seen != 7)
		return error_set(e, CEL_EDATA, "the header is no dict of descr, fortran_order and shape");
	return 0;
}

int npy_read_header(struct stream *s, struct npy_header *out, struct cel_error *e)
{
	struct slice got;
	int rc = stream_peek(s, 12, &got, e);
	if (rc < 0)
		return rc;
	if (got.size < 12 || memcmp(got.data, NPY_MAGIC, NPY_MAGIC_SIZE) != 0)
		return error_set(e, CEL_EDATA, "not an .npy file: it does not begin with its magic");
	unsigned major = got.data[6];
	if (major < 1 || major > 3)
		return error_set(e, CEL_EDATA, "an .npy file of version %u.%u (known: 1.0, 2.0, 3.0)", major, got.data[7]);
	size_t prefix = major == 1 ? 10 : 12;
	size_t length = major == 1 ? load_le16(got.data + 8) : load_le32(got.data + 8);
	if (length > NPY_HEADER_MAX)
		return error_set(e, CEL_EDATA, "the header has %zu bytes, more than %u", length, NPY_HEADER_MAX);
	rc = stream_peek(s, prefix + length, &got, e);
	if (rc < 0)
		return rc;
	if (got.size < prefix + length)
		return error_set(e, CEL_EDATA, "truncated: the file ends within its header");
	*out = (struct npy_header){0};
	rc = parse_dict(slice_make(got.data + prefix, length), out, e);
	if (rc == 0)
		stream_consume(s, prefix + length);
	return rc;
}
