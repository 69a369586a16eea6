/* SPDX-License-Identifier: Apache-2.0 */
/* CSV and TSV: rows of fields, split where they stand in the text. What is metadata becomes a JSON object under the names of the
 * header: a field without quotes that is a number as JSON writes it is a number, an empty one is left out, everything else is
 * text.
 *
 * The header is read from the stream as it is opened; the rows behind it are parsed in pieces, each by a parser of its own with
 * the columns in common. A row with a fault is left behind whole, so the next one can be read; only a quote that is never closed
 * swallows the rest. Rows are named by the line on which they begin. */
#include <string.h>

#include "alloc.h"
#include "convert.h"
#include "csv_columns.h"
#include "csv_split.h"
#include "decimal.h"
#include "error.h"
#include "format.h"
#include "metadata_writer.h"
#include "pieces.h"
#include "record.h"
#include "stream.h"

#define PEEK_SIZE (64u << 10)
#define VALUE_PRINTED 40

/* What the parsers have in common, once the header is read. */
struct csv {
	struct stream *stream;
	const struct cel_schema *schema;
	uint8_t delimiter;
	bool has_header;
	struct csv_row first; /* the header, or the first row */
	struct columns columns;
	uint64_t n_lines; /* that were read as the header */
	struct pieces *pieces;
};

/* One row at a time. */
struct row_parser {
	const struct csv *csv;
	const struct cel_schema *schema;
	const struct columns *columns;
	struct csv_row row;
	struct metadata_writer metadata;
	double *numbers;
	uint8_t *elements;
	bool is_hex; /* of this row: bits as hexadecimal digits, in elements already */
};

static void csv_free(void *self)
{
	struct csv *c = self;
	pieces_free(c->pieces);
	csv_row_release(&c->first);
	columns_release(&c->columns);
	mem_free(c);
}

/* Splits the row that comes next, without taking it; 1, 0 at the end of the input, or an error. A row that has come is not kept waiting
 * for more than its end. */
static int split_next(struct csv *c, struct cel_error *e)
{
	size_t searched = 0;
	for (size_t wanted = 1;;) {
		struct slice got;
		int rc = stream_peek(c->stream, wanted, &got, e);
		if (rc < 0 || got.size == 0)
			return rc;
		bool is_end = got.size < wanted;
		if (is_end || memchr(got.data + searched, '\n', got.size - searched) != NULL)
			rc = csv_split(got, is_end, c->delimiter, &c->first, e);
		if (rc != 0)
			return rc;
		if (got.size > TEXT_ROW_MAX)
			return error_set(e, CEL_EDATA, "the row has more than %u bytes", TEXT_ROW_MAX);
		searched = got.size;
		wanted = got.size + (got.size < PEEK_SIZE ? 1 : got.size);
	}
}

static bool is_nothing(const struct csv_row *row)
{
	const struct csv_field *first = csv_field(row, 0);
	return row->n_fields == 1 && first->text.size == 0 && !first->is_quoted;
}

/* The same, without rows that have nothing on them. */
static int next_row(struct csv *c, struct cel_error *e)
{
	int rc;
	while ((rc = split_next(c, e)) > 0 && is_nothing(&c->first)) {
		c->n_lines += c->first.n_lines;
		stream_consume(c->stream, c->first.size);
	}
	return rc;
}

static int skip_byte_order_mark(struct csv *c, struct cel_error *e)
{
	struct slice got;
	int rc = stream_peek(c->stream, 1, &got, e);
	if (rc == 0 && got.size > 0 && got.data[0] == 0xef)
		rc = stream_peek(c->stream, 3, &got, e);
	if (rc == 0 && got.size >= 3 && memcmp(got.data, "\xef\xbb\xbf", 3) == 0)
		stream_consume(c->stream, 3);
	return rc;
}

/* The header, or the first row without taking it. No row at all is an empty table. */
static int read_header(struct csv *c, const struct reader_options *options, struct cel_error *e)
{
	int rc = skip_byte_order_mark(c, e);
	if (rc == 0)
		rc = next_row(c, e);
	if (rc > 0 && c->first.fault != NULL)
		rc = error_set(e, CEL_EDATA, "line %llu: field %zu: %s", (unsigned long long)c->n_lines + 1,
			       c->first.fault_field + 1, c->first.fault);
	if (rc <= 0)
		return rc;
	rc = columns_new(&c->first, options, &c->columns, e);
	if (rc == 0 && c->has_header) {
		stream_consume(c->stream, c->first.size);
		c->n_lines += c->first.n_lines;
	}
	return rc;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct slice trim(struct slice text)
{
	while (text.size > 0 && is_blank(text.data[text.size - 1]))
		text.size--;
	while (text.size > 0 && is_blank(text.data[0]))
		text = slice_make(text.data + 1, text.size - 1);
	return text;
}

static int bad_number(struct slice text, const struct column *column, struct cel_error *e)
{
	bool is_shown = text.size > 0 && utf8_is_valid(text);
	for (size_t i = 0; i < text.size; i++)
		is_shown = is_shown && text.data[i] >= 0x20 && text.data[i] != 0x7f;
	if (text.size == 0)
		error_set(e, CEL_EDATA, "there is no number");
	else if (is_shown)
		error_set(e, CEL_EDATA, "\"%.*s\" is no number", text_shown(text, VALUE_PRINTED), (const char *)text.data);
	else
		error_set(e, CEL_EDATA, "what stands there is no number");
	error_context(e, "column \"%.*s\"", COLUMN_NAME(column));
	return CEL_EDATA;
}

static bool read_number(struct slice text, bool is_inside, double *out)
{
	return is_inside ? decimal_read_inside((const char *)text.data, text.size, out)
			 : decimal_read((const char *)text.data, text.size, out);
}

static int read_element(struct row_parser *c, const struct column *column, const struct csv_field *field, struct cel_error *e)
{
	struct slice text = trim(field->text);
	return read_number(text, !field->is_copied, &c->numbers[column->element]) ? 0 : bad_number(text, column, e);
}

/* The text in brackets of any kind, or without; numbers with a comma or blanks between them. */
static struct slice strip_brackets(struct slice text)
{
	static const char OPEN[] = "[({", CLOSE[] = "])}";
	text = trim(text);
	const char *found = text.size >= 2 && text.data[0] != '\0' ? strchr(OPEN, text.data[0]) : NULL;
	if (found != NULL && text.data[text.size - 1] == (uint8_t)CLOSE[found - OPEN])
		text = trim(slice_make(text.data + 1, text.size - 2));
	return text;
}

static int read_vector(struct row_parser *c, const struct column *column, const struct csv_field *field, struct cel_error *e)
{
	struct slice text = strip_brackets(field->text);
	c->is_hex = c->schema->type == CEL_B1 && text.size == 2 * schema_vector_size(c->schema) &&
		    convert_hex(text, c->elements);
	if (c->is_hex)
		return 0;
	size_t n = 0;
	const uint8_t *p = text.data, *end = text.data + text.size;
	while (p < end) {
		const uint8_t *start = p;
		while (p < end && *p != ',' && !is_blank(*p))
			p++;
		double number;
		struct slice item = slice_make(start, (size_t)(p - start));
		if (!read_number(item, !field->is_copied, &number))
			return bad_number(item, column, e);
		if (n < c->schema->dim)
			c->numbers[n] = number;
		n++;
		while (p < end && is_blank(*p))
			p++;
		if (p < end && *p == ',') {
			for (p++; p < end && is_blank(*p); p++)
				continue;
			if (p == end)
				return bad_number(slice_make(p, 0), column, e);
		}
	}
	if (n == c->schema->dim)
		return 0;
	return error_set(e, CEL_EDATA, "column \"%.*s\": the vector has %zu elements, not %u as in the collection",
			 COLUMN_NAME(column), n, c->schema->dim);
}

static int read_numbers(struct row_parser *c, struct cel_error *e)
{
	for (size_t i = 0; i < c->columns->n; i++) {
		const struct column *column = &c->columns->list[i];
		const struct csv_field *field = csv_field(&c->row, i);
		int rc = 0;
		if (column->role == COLUMN_ELEMENT)
			rc = read_element(c, column, field, e);
		else if (column->role == COLUMN_VECTOR)
			rc = read_vector(c, column, field, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int add_member(struct row_parser *c, const struct column *column, const struct csv_field *field, struct cel_error *e)
{
	bool is_number = !field->is_quoted && decimal_is_json((const char *)field->text.data, field->text.size);
	if (!is_number && !utf8_is_valid(field->text))
		return error_set(e, CEL_EDATA, "column \"%.*s\": not UTF-8", COLUMN_NAME(column));
	int rc = metadata_writer_event(&c->metadata, JSON_KEY, column->name);
	if (rc == 0)
		rc = metadata_writer_event(&c->metadata, is_number ? JSON_NUMBER : JSON_STRING, field->text);
	return rc;
}

/* Columns come in the order of their names, which is that of the canonical form. */
static int write_metadata(struct row_parser *c, struct slice *out, struct cel_error *e)
{
	bool is_any = false;
	metadata_writer_clear(&c->metadata, e);
	int rc = metadata_writer_event(&c->metadata, JSON_OBJECT_BEGIN, slice_make(NULL, 0));
	for (size_t i = 0; rc == 0 && i < c->columns->n_metadata; i++) {
		size_t which = c->columns->metadata[i];
		const struct csv_field *field = csv_field(&c->row, which);
		if (field->text.size == 0 && !field->is_quoted)
			continue;
		rc = add_member(c, &c->columns->list[which], field, e);
		is_any = true;
	}
	if (rc == 0)
		rc = metadata_writer_event(&c->metadata, JSON_OBJECT_END, slice_make(NULL, 0));
	if (rc == 0 && is_any)
		*out = buf_slice(&c->metadata.out);
	return rc;
}

static int check_shape(struct row_parser *c, struct cel_error *e)
{
	size_t n = c->columns->n, got = c->row.n_fields;
	const char *model = c->csv->has_header ? "the header" : "the first row";
	if (c->row.fault != NULL && c->row.fault_field < n)
		return error_set(e, CEL_EDATA, "column \"%.*s\": %s", COLUMN_NAME(&c->columns->list[c->row.fault_field]),
				 c->row.fault);
	if (got < n)
		return error_set(e, CEL_EDATA, "%zu fields, not %zu as in %s: the column \"%.*s\" is missing", got, n, model,
				 COLUMN_NAME(&c->columns->list[got]));
	if (got > n || c->row.fault != NULL)
		return error_set(e, CEL_EDATA, "%zu fields, not %zu as in %s", got, n, model);
	return 0;
}

static int read_row(struct row_parser *c, struct format_row *row, struct cel_error *e)
{
	int rc = check_shape(c, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; c->columns->has_id && i < c->columns->n; i++)
		if (c->columns->list[i].role == COLUMN_ID)
			row->id = csv_field(&c->row, i)->text;
	row->has_id = c->columns->has_id;
	rc = read_numbers(c, e);
	if (rc == 0 && !c->is_hex)
		rc = convert_doubles(c->numbers, c->schema->dim, c->schema->type, c->elements, e);
	row->vector = slice_make(c->elements, schema_vector_size(c->schema));
	return rc < 0 ? rc : write_metadata(c, &row->metadata, e);
}

static void row_parser_free(void *self)
{
	struct row_parser *c = self;
	csv_row_release(&c->row);
	metadata_writer_release(&c->metadata);
	mem_free(c->numbers);
	mem_free(c->elements);
	mem_free(c);
}

static int row_parser_new(const void *shared, void **out, struct cel_error *e)
{
	struct row_parser *c = mem_calloc(1, sizeof *c);
	if (c == NULL)
		return error_nomem(e, sizeof *c);
	c->csv = shared;
	c->schema = c->csv->schema;
	c->columns = &c->csv->columns;
	c->numbers = mem_calloc(c->schema->dim, sizeof *c->numbers);
	c->elements = mem_alloc(schema_vector_size(c->schema));
	if (c->numbers == NULL || c->elements == NULL) {
		row_parser_free(c);
		return error_nomem(e, sizeof *c);
	}
	*out = c;
	return 0;
}

static size_t cut(const void *shared, struct slice text)
{
	return csv_cut(text, ((const struct csv *)shared)->delimiter);
}

static int parse(void *parser, struct slice text, bool is_end, struct format_row *row, struct text_span *span,
		 struct cel_error *e)
{
	struct row_parser *c = parser;
	int rc = csv_split(text, is_end, c->csv->delimiter, &c->row, e);
	if (rc < 0)
		return rc;
	if (rc == 0 || c->row.size > TEXT_ROW_MAX)
		return error_set(e, CEL_EDATA, "the row has more than %u bytes", TEXT_ROW_MAX);
	*span = (struct text_span){.size = c->row.size, .n_lines = c->row.n_lines};
	if (is_nothing(&c->row))
		return 0;
	rc = read_row(c, row, e);
	row->is_intact = rc == 0 || rc == CEL_EDATA;
	return rc < 0 ? rc : 1;
}

static const struct text_format ROWS = {
	.cut = cut, .parser_new = row_parser_new, .parser_free = row_parser_free, .parse = parse};

static int csv_open(struct stream *s, const struct reader_options *options, uint8_t delimiter, void **self,
		    struct cel_error *e)
{
	struct csv *c = mem_calloc(1, sizeof *c);
	if (c == NULL)
		return error_nomem(e, sizeof *c);
	c->stream = s;
	c->schema = options->schema;
	c->delimiter = delimiter;
	c->has_header = !options->is_without_header;
	int rc = read_header(c, options, e);
	if (rc >= 0)
		rc = pieces_new(s, &ROWS, c, c->n_lines, options, &c->pieces, e);
	if (rc < 0) {
		csv_free(c);
		return rc;
	}
	*self = c;
	return 0;
}

static int comma_open(struct stream *s, const struct reader_options *options, void **self, struct cel_error *e)
{
	return csv_open(s, options, ',', self, e);
}

static int tab_open(struct stream *s, const struct reader_options *options, void **self, struct cel_error *e)
{
	return csv_open(s, options, '\t', self, e);
}

static int csv_next(void *self, struct format_row *row, struct cel_error *e)
{
	return pieces_next(((struct csv *)self)->pieces, row, e);
}

const struct format FORMAT_CSV = {
	.name = "csv", .unit = "line", .can_have_ids = true, .has_columns = true, .open = comma_open, .next = csv_next, .free = csv_free};
const struct format FORMAT_TSV = {
	.name = "tsv", .unit = "line", .can_have_ids = true, .has_columns = true, .open = tab_open, .next = csv_next, .free = csv_free};
