/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines: one object a line with the keys id, vector and metadata. Events of the metadata go to the metadata writer; bits may
 * also come as a string of hexadecimal digits. Whatever is wrong on a line, the next line can be read.
 *
 * Most of a line is its vector, so that is taken out before the rest is parsed:
 *
 *     {"id": "a", "vector": [0.25, -1.5, 0.125], "metadata": {}}      the text, where the numbers are read
 *     {"id": "a", "vector": [], "metadata": {}}                       a copy, which the parser reads
 *
 * If the parser then finds no fault and its vector at that place, the whole line is right, since one array stands there for another.
 * In any other case the line is parsed as a whole, as a copy with the padding that the parser wants. */
#include "format.h"

#include <string.h>

#include "alloc.h"
#include "buf.h"
#include "convert.h"
#include "decimal.h"
#include "error.h"
#include "json.h"
#include "metadata_writer.h"
#include "pieces.h"
#include "reader.h"
#include "record.h"

enum key { KEY_NONE, KEY_ID, KEY_VECTOR, KEY_METADATA };

/* One line at a time. */
struct line_parser {
	const struct cel_schema *schema;
	struct json_parser *json;
	struct buf copy; /* of the line, with padding before and behind */
	struct metadata_writer metadata;
	double *numbers;
	uint8_t *elements;
	/* of the line being parsed */
	enum key key;
	uint32_t seen; /* 1 << enum key */
	bool is_metadata;
	bool is_hex; /* the vector is in elements already */
	struct slice id;
	const uint8_t *array; /* where the parser met the array of the vector; NULL: nowhere */
	struct cel_error *error;
};

static void line_parser_free(void *self)
{
	struct line_parser *j = self;
	json_parser_free(j->json);
	buf_release(&j->copy);
	metadata_writer_release(&j->metadata);
	mem_free(j->numbers);
	mem_free(j->elements);
	mem_free(j);
}

static int line_parser_new(const void *schema, void **out, struct cel_error *e)
{
	struct line_parser *j = mem_calloc(1, sizeof *j);
	if (j == NULL)
		return error_nomem(e, sizeof *j);
	j->schema = schema;
	j->json = json_parser_new();
	j->numbers = mem_calloc(j->schema->dim, sizeof *j->numbers);
	j->elements = mem_alloc(schema_vector_size(schema));
	if (j->json == NULL || j->numbers == NULL || j->elements == NULL) {
		line_parser_free(j);
		return error_nomem(e, sizeof *j);
	}
	*out = j;
	return 0;
}

static size_t cut(const void *schema, struct slice text)
{
	(void)schema;
	const uint8_t *newline = memrchr(text.data, '\n', text.size);
	return newline != NULL ? (size_t)(newline - text.data) + 1 : 0;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct slice strip(struct slice line)
{
	while (line.size > 0 && is_blank(line.data[line.size - 1]))
		line.size--;
	return line;
}

static int on_key(struct line_parser *j, struct slice key)
{
	static const char *const KEYS[] = {[KEY_ID] = "id", [KEY_VECTOR] = "vector", [KEY_METADATA] = "metadata"};
	int printed = (int)(key.size < 100 ? key.size : 100);
	for (int i = KEY_ID; i <= KEY_METADATA; i++) {
		if (!slice_equal(key, slice_text(KEYS[i])))
			continue;
		if ((j->seen & 1u << i) != 0)
			return error_set(j->error, CEL_EDATA, "the key \"%s\" stands twice", KEYS[i]);
		j->seen |= 1u << i;
		j->key = (enum key)i;
		return i == KEY_VECTOR ? JSON_AS_NUMBERS : JSON_GO_ON;
	}
	if (!utf8_is_valid(key))
		return error_set(j->error, CEL_EDATA, "a key with half a surrogate pair");
	return error_set(j->error, CEL_EDATA, "unknown key \"%.*s\" (known: id, vector, metadata)", printed,
			 (const char *)key.data);
}

static int on_hex(struct line_parser *j, struct slice text)
{
	j->is_hex = text.size == 2 * schema_vector_size(j->schema) && convert_hex(text, j->elements);
	return j->is_hex ? 0 : error_set(j->error, CEL_EDATA, "the vector is no string of %zu hexadecimal digits",
					 2 * schema_vector_size(j->schema));
}

/* The value of a key of the row. */
static int on_value(struct line_parser *j, enum json_event event, struct slice text)
{
	bool is_null = event == JSON_LITERAL && slice_equal(text, slice_text("null"));
	switch (j->key) {
	case KEY_ID:
		if (event != JSON_STRING)
			return error_set(j->error, CEL_EDATA, "the id is no string");
		j->id = text;
		return 0;
	case KEY_VECTOR:
		if (event == JSON_STRING && j->schema->type == CEL_B1)
			return on_hex(j, text);
		j->array = text.data;
		return event == JSON_NUMBERS ? 0 : error_set(j->error, CEL_EDATA, "the vector is no array of numbers");
	case KEY_METADATA:
		j->is_metadata = event == JSON_OBJECT_BEGIN;
		if (j->is_metadata)
			return metadata_writer_event(&j->metadata, event, text);
		return is_null ? 0 : error_set(j->error, CEL_EDATA, "the metadata is no object");
	case KEY_NONE:
	default:
		return 0; /* the row's own braces */
	}
}

static int on_event(void *context, enum json_event event, const char *text, size_t size)
{
	struct line_parser *j = context;
	if (metadata_writer_is_open(&j->metadata))
		return metadata_writer_event(&j->metadata, event, slice_make(text, size));
	if (event == JSON_OBJECT_END)
		return 0;
	if (event == JSON_KEY)
		return on_key(j, slice_make(text, size));
	return on_value(j, event, slice_make(text, size));
}

static int report(const struct json_result *result, struct cel_error *e)
{
	switch (result->fault) {
	case JSON_STOPPED:
		return result->stop_code;
	case JSON_NO_MEMORY:
		return error_nomem(e, 0);
	case JSON_BAD_ELEMENT:
		return error_set(e, CEL_EDATA, "element %zu of the vector is no number", result->count + 1);
	case JSON_TOO_LARGE:
		return error_set(e, CEL_EDATA, "element %zu is too large", result->count + 1);
	case JSON_BAD_TEXT:
	default:
		return error_set(e, CEL_EDATA, "not JSON: %s", result->what);
	}
}

/* Two parts behind each other, with padding around. */
static int copy_line(struct line_parser *j, struct slice first, struct slice second, struct cel_error *e)
{
	buf_clear(&j->copy);
	int rc = buf_reserve(&j->copy, first.size + second.size + (size_t)2 * JSON_PADDING, e);
	if (rc < 0)
		return rc;
	uint8_t *p = j->copy.data;
	memset(p, ' ', JSON_PADDING);
	memcpy(p + JSON_PADDING, first.data, first.size);
	if (second.size > 0)
		memcpy(p + JSON_PADDING + first.size, second.data, second.size);
	j->copy.size = JSON_PADDING + first.size + second.size;
	memset(p + j->copy.size, 0, JSON_PADDING);
	return 0;
}

/* Parses the copy; *count is of the numbers that stand there. */
static int parse_copy(struct line_parser *j, size_t *count, struct cel_error *e)
{
	j->key = KEY_NONE;
	j->seen = 0;
	j->is_metadata = false;
	j->is_hex = false;
	j->id = slice_make(NULL, 0);
	j->array = NULL;
	j->error = e;
	metadata_writer_clear(&j->metadata, e);
	struct json_result result;
	int rc = json_parse(j->json, (const char *)j->copy.data + JSON_PADDING, j->copy.size - JSON_PADDING, on_event, j,
			    j->numbers, j->schema->dim, &result);
	*count = result.count;
	return rc < 0 ? report(&result, e) : 0;
}

/* Where the array begins that may be the vector, or NULL. */
static const uint8_t *find_array(struct slice line)
{
	static const char KEY[] = "\"vector\"";
	const uint8_t *end = line.data + line.size, *p = memmem(line.data, line.size, KEY, sizeof KEY - 1);
	if (p == NULL)
		return NULL;
	for (p += sizeof KEY - 1; p < end && is_blank(*p); p++)
		continue;
	if (p == end || *p != ':')
		return NULL;
	for (p++; p < end && is_blank(*p); p++)
		continue;
	return p < end && *p == '[' ? p : NULL;
}

/* Without the vector, which goes to numbers: 1, or 0 if it is to be parsed as a whole. */
static int parse_without_vector(struct line_parser *j, struct slice line, size_t *count)
{
	const uint8_t *array = find_array(line);
	if (array == NULL)
		return 0;
	size_t before = (size_t)(array - line.data), ignored;
	const char *end;
	if (!decimal_read_array((const char *)array, line.size - before, j->numbers, j->schema->dim, count, &end))
		return 0;
	const uint8_t *bracket = (const uint8_t *)end - 1;
	struct slice rest = slice_make(bracket, line.size - (size_t)(bracket - line.data));
	struct cel_error error;
	/* The empty array overwrites no numbers. */
	return copy_line(j, slice_make(line.data, before + 1), rest, &error) == 0 && parse_copy(j, &ignored, &error) == 0 &&
	       j->array == j->copy.data + JSON_PADDING + before;
}

static int parse_line(struct line_parser *j, struct slice line, struct format_row *row, struct cel_error *e)
{
	size_t count = 0;
	int rc = 0;
	if (!parse_without_vector(j, line, &count)) {
		rc = copy_line(j, line, slice_make(NULL, 0), e);
		if (rc == 0)
			rc = parse_copy(j, &count, e);
	}
	row->has_id = (j->seen & 1u << KEY_ID) != 0;
	row->id = j->id;
	if (rc < 0)
		return rc;
	if (j->is_metadata)
		row->metadata = buf_slice(&j->metadata.out);
	if ((j->seen & 1u << KEY_VECTOR) == 0)
		return error_set(e, CEL_EDATA, "no vector");
	row->vector = slice_make(j->elements, schema_vector_size(j->schema));
	if (j->is_hex)
		return 0;
	if (count != j->schema->dim)
		return error_set(e, CEL_EDATA, "the vector has %zu elements, not %u as in the collection", count, j->schema->dim);
	return convert_doubles(j->numbers, j->schema->dim, j->schema->type, j->elements, e);
}

static int parse(void *parser, struct slice text, bool is_end, struct format_row *row, struct text_span *span,
		 struct cel_error *e)
{
	const uint8_t *newline = memchr(text.data, '\n', text.size);
	size_t size = newline != NULL ? (size_t)(newline - text.data) : text.size;
	if (size > TEXT_ROW_MAX || (newline == NULL && !is_end))
		return error_set(e, CEL_EDATA, "the line has more than %u bytes", TEXT_ROW_MAX);
	*span = (struct text_span){.size = size + (newline != NULL), .n_lines = newline != NULL};
	struct slice line = strip(slice_make(text.data, size));
	if (line.size == 0)
		return 0;
	int rc = parse_line(parser, line, row, e);
	row->is_intact = rc == 0 || rc == CEL_EDATA;
	return rc < 0 ? rc : 1;
}

static const struct text_format LINES = {
	.cut = cut, .parser_new = line_parser_new, .parser_free = line_parser_free, .parse = parse};

static void jsonl_free(void *self)
{
	pieces_free(self);
}

static int jsonl_open(struct stream *s, const struct reader_options *options, void **self, struct cel_error *e)
{
	struct pieces *pieces;
	int rc = pieces_new(s, &LINES, options->schema, 0, options, &pieces, e);
	if (rc == 0)
		*self = pieces;
	return rc;
}

static int jsonl_next(void *self, struct format_row *row, struct cel_error *e)
{
	return pieces_next(self, row, e);
}

const struct format FORMAT_JSONL = {
	.name = "jsonl", .unit = "line", .can_have_ids = true, .open = jsonl_open, .next = jsonl_next, .free = jsonl_free};
