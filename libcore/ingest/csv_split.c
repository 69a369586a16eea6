/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the text. A field is a slice of it; only one with doubled quotes is copied, and since the memory for
 * copies may move while a row is read, such a field holds its offset there until the row is complete. */
#include "csv_split.h"

#include "alloc.h"
#include "bytes.h"
#include "cel.h"
#include "error.h"

struct splitter {
	struct slice text;
	size_t at;
	uint8_t delimiter;
	bool is_end;
	struct csv_row *row;
	struct cel_error *error;
};

#define NEED_MORE 0
#define HAS_FIELD 1

void csv_row_release(struct csv_row *row)
{
	mem_free(row->fields);
	buf_release(&row->unescaped);
	*row = (struct csv_row){0};
}

static void set_fault(struct splitter *s, const char *what)
{
	if (s->row->fault != NULL)
		return;
	s->row->fault = what;
	s->row->fault_field = s->row->n_fields;
}

/* The high bit of each byte that is c; behind the first one, perhaps of others too. */
static uint64_t find_byte(uint64_t word, uint8_t c)
{
	uint64_t others = word ^ 0x0101010101010101u * c;
	return (others - 0x0101010101010101u) & ~others & 0x8080808080808080u;
}

/* Goes on to the delimiter or line end that ends the field. */
static int find_end(struct splitter *s)
{
	const uint8_t *p = s->text.data;
	size_t i = s->at;
	uint64_t found = 0;
	for (; found == 0 && i + 8 <= s->text.size; i += 8) {
		uint64_t word = load_le64(p + i);
		found = find_byte(word, s->delimiter) | find_byte(word, '\n');
	}
	if (found != 0)
		i = i - 8 + (size_t)__builtin_ctzll(found) / 8;
	while (found == 0 && i < s->text.size && p[i] != s->delimiter && p[i] != '\n')
		i++;
	s->at = i;
	return i < s->text.size || s->is_end ? HAS_FIELD : NEED_MORE;
}

static int take_plain(struct splitter *s, struct csv_field *out)
{
	size_t start = s->at;
	int rc = find_end(s);
	size_t end = s->at;
	bool is_last = end == s->text.size || s->text.data[end] == '\n';
	if (is_last && end > start && s->text.data[end - 1] == '\r')
		end--;
	*out = (struct csv_field){.text = slice_make(s->text.data + start, end - start)};
	return rc;
}

static void count_lines(struct splitter *s, size_t start, size_t end)
{
	const uint8_t *p = s->text.data + start, *stop = s->text.data + end;
	while (p < stop && (p = memchr(p, '\n', (size_t)(stop - p))) != NULL) {
		s->row->n_lines++;
		p++;
	}
}

/* Behind the closing quote: a delimiter, an end of line or the end of the input. */
static int end_quoted(struct splitter *s)
{
	size_t left = s->text.size - s->at;
	const uint8_t *p = s->text.data + s->at;
	if (left > 0 && p[0] == '\r') {
		if (left == 1 && !s->is_end)
			return NEED_MORE;
		if (left == 1 || p[1] == '\n') {
			s->at++;
			return HAS_FIELD;
		}
	}
	if (left == 0)
		return s->is_end ? HAS_FIELD : NEED_MORE;
	if (p[0] != s->delimiter && p[0] != '\n')
		set_fault(s, "text behind the closing quote");
	return find_end(s);
}

/* The opening quote is at s->at. */
static int take_quoted(struct splitter *s, struct csv_field *out)
{
	struct buf *copy = &s->row->unescaped;
	size_t start = s->at + 1, piece = start, copied = copy->size;
	for (size_t i = start;;) {
		const uint8_t *quote = i < s->text.size ? memchr(s->text.data + i, '"', s->text.size - i) : NULL;
		size_t end = quote != NULL ? (size_t)(quote - s->text.data) : s->text.size;
		if (!s->is_end && (quote == NULL || end + 1 == s->text.size))
			return NEED_MORE;
		bool is_doubled = end + 1 < s->text.size && s->text.data[end + 1] == '"';
		if (is_doubled || copy->size > copied) {
			int rc = buf_append(copy, s->text.data + piece, end + is_doubled - piece, s->error);
			if (rc < 0)
				return rc;
		}
		i = piece = end + 2;
		if (is_doubled)
			continue;
		if (quote == NULL)
			set_fault(s, "its quote is not closed");
		count_lines(s, start, end);
		bool is_copy = copy->size > copied;
		*out = (struct csv_field){.text = slice_make(is_copy ? NULL : s->text.data + start, end - start),
					  .is_quoted = true, .is_copied = is_copy};
		if (is_copy) /* without an address: to be found behind those before it */
			out->text.size = copy->size - copied;
		s->at = quote != NULL ? end + 1 : end;
		return end_quoted(s);
	}
}

/* Only a quote at the beginning of a field opens one, so quotes are all that is looked at, and what stands before them. */
size_t csv_cut(struct slice text, uint8_t delimiter)
{
	const uint8_t *p = text.data, *end = text.data + text.size, *found = NULL;
	for (const uint8_t *outside = p;;) { /* where what is outside of quotes began */
		const uint8_t *quote = p < end ? memchr(p, '"', (size_t)(end - p)) : NULL;
		const uint8_t *stop = quote != NULL ? quote : end;
		bool is_opening = quote != NULL && (quote == text.data || quote[-1] == delimiter || quote[-1] == '\n');
		if (quote != NULL && !is_opening) {
			p = quote + 1;
			continue;
		}
		const uint8_t *newline = stop > outside ? memrchr(outside, '\n', (size_t)(stop - outside)) : NULL;
		found = newline != NULL ? newline : found;
		if (quote == NULL)
			break;
		p = quote + 1;
		do { /* to the closing one; two of them stand for one */
			quote = memchr(p, '"', (size_t)(end - p));
			p = quote != NULL ? quote + 1 : end;
		} while (p < end && *p == '"' && p++);
		outside = p;
	}
	return found != NULL ? (size_t)(found - text.data) + 1 : 0;
}

/* Copied fields stand behind each other in the order of the row. */
static void place_copies(struct csv_row *row)
{
	struct csv_field *fields = row->fields;
	size_t at = 0;
	for (size_t i = 0; at < row->unescaped.size && i < row->n_fields; i++) {
		if (fields[i].text.data != NULL)
			continue;
		fields[i].text.data = row->unescaped.data + at;
		at += fields[i].text.size;
	}
}

int csv_split(struct slice text, bool is_end, uint8_t delimiter, struct csv_row *row, struct cel_error *e)
{
	struct splitter s = {.text = text, .delimiter = delimiter, .is_end = is_end, .row = row, .error = e};
	buf_clear(&row->unescaped);
	row->n_fields = row->n_lines = 0;
	row->fault = NULL;
	for (;;) {
		struct csv_field field;
		bool is_quoted = s.at < text.size && text.data[s.at] == '"';
		int rc = is_quoted ? take_quoted(&s, &field) : take_plain(&s, &field);
		if (rc <= 0)
			return rc;
		if (row->n_fields < CSV_FIELDS_MAX) {
			if (mem_grow(&row->fields, &row->capacity, row->n_fields + 1, sizeof field, e) < 0)
				return CEL_ENOMEM;
			row->fields[row->n_fields++] = field;
		} else {
			set_fault(&s, "it is one too many");
		}
		bool is_last = s.at == text.size || text.data[s.at] == '\n';
		row->n_lines += s.at < text.size && is_last;
		s.at += s.at < text.size;
		if (is_last)
			break;
	}
	row->size = s.at;
	place_copies(row);
	return 1;
}
