/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Lines: one object a line with the keys id, vector and metadata. A line is copied to a buffer with the padding
 * that the parser wants and parsed in one go; events of the metadata go to the metadata writer, the vector comes as an
 * array of doubles; bits may also come as a string of hexadecimal digits. Whatever is wrong on a line, the next line can be read. */
#include "format.h"

#include <string.h>

#include "alloc.h"
#include "buf.h"
#include "convert.h"
#include "error.h"
#include "json.h"
#include "metadata_writer.h"
#include "reader.h"
#include "record.h"
#include "stream.h"

#define LINE_MAX_SIZE (16u << 20) /* 65,535 numbers of 25 bytes and the longest metadata take under half */
#define LINE_PEEK (64u << 10)

enum key { KEY_NONE, KEY_ID, KEY_VECTOR, KEY_METADATA };

struct jsonl {
	struct stream *stream;
	const struct cel_schema *schema;
	struct json_parser *parser;
	struct buf line; /* and padding behind it */
	struct metadata_writer metadata;
	double *numbers;
	uint8_t *elements;
	uint64_t number;
	/* of the line being parsed */
	enum key key;
	uint32_t seen; /* 1 << enum key */
	bool is_metadata;
	bool is_hex; /* the vector is in elements already */
	struct slice id;
	struct cel_error *error;
};

static void jsonl_free(void *self)
{
	struct jsonl *j = self;
	json_parser_free(j->parser);
	buf_release(&j->line);
	metadata_writer_release(&j->metadata);
	mem_free(j->numbers);
	mem_free(j->elements);
	mem_free(j);
}

static int jsonl_open(struct stream *s, const struct reader_options *options, void **self, struct cel_error *e)
{
	const struct cel_schema *schema = options->schema;
	struct jsonl *j = mem_calloc(1, sizeof *j);
	if (j == NULL)
		return error_nomem(e, sizeof *j);
	j->stream = s;
	j->schema = schema;
	j->parser = json_parser_new();
	j->numbers = mem_calloc(schema->dim, sizeof *j->numbers);
	j->elements = mem_alloc(schema_vector_size(schema));
	if (j->parser == NULL || j->numbers == NULL || j->elements == NULL) {
		jsonl_free(j);
		return error_nomem(e, schema->dim * sizeof(double));
	}
	*self = j;
	return 0;
}

/* Finds the next line; *size is what it takes in the stream, its newline included. 1, 0 at the end, or an error. */
static int find_line(struct jsonl *j, struct slice *line, size_t *size, struct cel_error *e)
{
	size_t searched = 0;
	for (size_t wanted = 1;; wanted = searched + (searched < LINE_PEEK ? LINE_PEEK : searched)) {
		struct slice got;
		int rc = stream_peek(j->stream, wanted, &got, e);
		if (rc < 0 || got.size == 0)
			return rc;
		const uint8_t *newline = memchr(got.data + searched, '\n', got.size - searched);
		bool is_end = newline == NULL && got.size < wanted;
		size_t length = newline != NULL ? (size_t)(newline - got.data) : got.size;
		if (length > LINE_MAX_SIZE)
			return error_set(e, CEL_EDATA, "the line has more than %u bytes", LINE_MAX_SIZE);
		if (newline != NULL || is_end) {
			*line = slice_make(got.data, length);
			*size = length + (newline != NULL);
			return 1;
		}
		searched = got.size;
	}
}

static struct slice strip(struct slice line)
{
	while (line.size > 0 && strchr(" \t\r", line.data[line.size - 1]) != NULL && line.data[line.size - 1] != '\0')
		line.size--;
	return line;
}

/* Copies the next line that is not blank to j->line. 1, 0 at the end, or an error. */
static int next_line(struct jsonl *j, struct cel_error *e)
{
	for (;;) {
		struct slice line;
		size_t size = 0;
		j->number++;
		int rc = find_line(j, &line, &size, e);
		if (rc <= 0)
			return rc;
		line = strip(line);
		buf_clear(&j->line);
		rc = buf_reserve(&j->line, line.size + JSON_PADDING, e);
		if (rc < 0)
			return rc;
		memcpy(j->line.data, line.data, line.size);
		memset(j->line.data + line.size, 0, JSON_PADDING);
		j->line.size = line.size;
		stream_consume(j->stream, size);
		if (line.size > 0)
			return 1;
	}
}

static int on_key(struct jsonl *j, struct slice key)
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

static int on_hex(struct jsonl *j, struct slice text)
{
	j->is_hex = text.size == 2 * schema_vector_size(j->schema) && convert_hex(text, j->elements);
	return j->is_hex ? 0 : error_set(j->error, CEL_EDATA, "the vector is no string of %zu hexadecimal digits",
					 2 * schema_vector_size(j->schema));
}

/* The value of a key of the row. */
static int on_value(struct jsonl *j, enum json_event event, struct slice text)
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
	struct jsonl *j = context;
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

static int parse_line(struct jsonl *j, struct format_row *row, struct cel_error *e)
{
	j->key = KEY_NONE;
	j->seen = 0;
	j->is_metadata = false;
	j->is_hex = false;
	j->id = slice_make(NULL, 0);
	j->error = e;
	metadata_writer_clear(&j->metadata, e);
	struct json_result result;
	int rc = json_parse(j->parser, (const char *)j->line.data, j->line.size, on_event, j, j->numbers, j->schema->dim,
			    &result);
	row->has_id = (j->seen & 1u << KEY_ID) != 0;
	row->id = j->id;
	if (rc < 0)
		return report(&result, e);
	if (j->is_metadata)
		row->metadata = buf_slice(&j->metadata.out);
	if ((j->seen & 1u << KEY_VECTOR) == 0)
		return error_set(e, CEL_EDATA, "no vector");
	row->vector = slice_make(j->elements, schema_vector_size(j->schema));
	if (j->is_hex)
		return 0;
	if (result.count != j->schema->dim)
		return error_set(e, CEL_EDATA, "the vector has %zu elements, not %u as in the collection", result.count,
				 j->schema->dim);
	return convert_doubles(j->numbers, j->schema->dim, j->schema->type, j->elements, e);
}

static int jsonl_next(void *self, struct format_row *row, struct cel_error *e)
{
	struct jsonl *j = self;
	*row = (struct format_row){0};
	int rc = next_line(j, e);
	row->number = j->number;
	if (rc <= 0)
		return rc;
	rc = parse_line(j, row, e);
	row->is_intact = rc == 0 || rc == CEL_EDATA;
	return rc < 0 ? rc : 1;
}

const struct format FORMAT_JSONL = {
	.name = "jsonl", .unit = "line", .can_have_ids = true, .open = jsonl_open, .next = jsonl_next, .free = jsonl_free};
