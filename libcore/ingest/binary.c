/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of fixed size: raw ones, .npy after its header, and .fvecs/.bvecs, where each row begins with its dimension as a
 * little-endian int32. Where the numbers of the file are the stored elements already, the row is handed out as it
 * stands in the stream's buffer and consumed only when the next one is asked for. A wrong length or dimension ends the
 * reading; a number that has no place in the element type is a matter of its row alone.
 *
 * For a collection of bits, bytes in rows an eighth as wide as a vector are packed bits, as numpy.packbits makes them. */
#include "format.h"

#include <inttypes.h>

#include "alloc.h"
#include "bytes.h"
#include "convert.h"
#include "error.h"
#include "npy.h"
#include "reader.h"
#include "record.h"
#include "stream.h"
#include "vecs.h"

struct binary {
	struct stream *stream;
	const struct cel_schema *schema;
	struct number_type type;
	bool is_identity;
	bool is_raw;        /* numbers and nothing else */
	bool has_count;     /* n_rows is known; else rows go on to the end of the file, each with its dimension */
	uint64_t n_rows;
	uint64_t n_done;
	size_t row_size;    /* bytes in the file */
	size_t to_consume;  /* bytes of the row in the caller's hands */
	uint8_t *elements;  /* converted */
};

static int check_dim(uint64_t dim, const struct cel_schema *schema, struct cel_error *e)
{
	if (dim == schema->dim)
		return 0;
	return error_set(e, CEL_EDATA, "the dimension is %" PRIu64 ", not %u as in the collection", dim, schema->dim);
}

static void binary_free(void *self)
{
	struct binary *b = self;
	mem_free(b->elements);
	mem_free(b);
}

static int binary_new(struct stream *s, const struct cel_schema *schema, struct number_type type, size_t prefix_size,
		      struct binary **out, struct cel_error *e)
{
	struct binary *b = mem_calloc(1, sizeof *b);
	if (b == NULL)
		return error_nomem(e, sizeof *b);
	b->stream = s;
	b->schema = schema;
	b->type = type;
	b->is_identity = convert_is_identity(type, schema->type);
	b->row_size = prefix_size + numbers_size(type, schema->dim);
	b->elements = mem_alloc(schema_vector_size(schema));
	if (b->elements == NULL) {
		binary_free(b);
		return error_nomem(e, schema_vector_size(schema));
	}
	*out = b;
	return 0;
}

/* Whether rows of that many bytes are bits; then *type becomes b1. A single bit is taken as packed, too. */
static bool take_as_bits(const struct cel_schema *schema, uint64_t width, struct number_type *type)
{
	bool is_packed = schema->type == CEL_B1 && type->kind == NUMBER_U8 && width == schema_vector_size(schema);
	if (is_packed)
		type->kind = NUMBER_B1;
	return is_packed;
}

static int npy_check(struct npy_header *h, const struct cel_schema *schema, uint64_t *n_rows, struct cel_error *e)
{
	if (h->n_dims < 1 || h->n_dims > 2)
		return error_set(e, CEL_EDATA, "an array of %u dimensions, not of 2 (rows, elements) or 1 (a single vector)",
				 h->n_dims);
	uint64_t dim = h->shape[h->n_dims - 1];
	*n_rows = h->n_dims == 1 ? 1 : h->shape[0];
	int rc = !h->is_bool && take_as_bits(schema, dim, &h->type) ? 0 : check_dim(dim, schema, e);
	if (rc < 0)
		return rc;
	if (h->is_fortran_order && *n_rows > 1 && dim > 1)
		return error_set(e, CEL_EDATA, "the array is in Fortran order: save it with numpy.ascontiguousarray");
	uint64_t size;
	if (__builtin_mul_overflow(*n_rows, numbers_size(h->type, schema->dim), &size) || size > INT64_MAX)
		return error_set(e, CEL_EDATA, "the header lies: no file holds %" PRIu64 " rows", *n_rows);
	return 0;
}

static int npy_open(struct stream *s, const struct reader_options *options, void **self, struct cel_error *e)
{
	const struct cel_schema *schema = options->schema;
	struct npy_header header;
	uint64_t n_rows = 0;
	int rc = npy_read_header(s, &header, e);
	if (rc == 0)
		rc = npy_check(&header, schema, &n_rows, e);
	if (rc < 0)
		return rc;
	struct binary *b;
	rc = binary_new(s, schema, header.type, 0, &b, e);
	if (rc < 0)
		return rc;
	b->has_count = true;
	b->n_rows = n_rows;
	*self = b;
	return 0;
}

static int vecs_open(struct stream *s, const struct cel_schema *schema, enum number_kind kind, void **self,
		     struct cel_error *e)
{
	struct binary *b;
	int rc = binary_new(s, schema, (struct number_type){.kind = kind}, 4, &b, e);
	if (rc == 0)
		*self = b;
	return rc;
}

static int fvecs_open(struct stream *s, const struct reader_options *options, void **self, struct cel_error *e)
{
	return vecs_open(s, options->schema, NUMBER_F32, self, e);
}

static int bvecs_open(struct stream *s, const struct reader_options *options, void **self, struct cel_error *e)
{
	struct number_type type = {.kind = NUMBER_U8};
	struct slice got;
	int rc = stream_peek(s, 4, &got, e);
	if (rc < 0)
		return rc;
	if (got.size >= 4)
		take_as_bits(options->schema, load_le32(got.data), &type);
	return vecs_open(s, options->schema, type.kind, self, e);
}

static int raw_open(struct stream *s, const struct reader_options *options, void **self, struct cel_error *e)
{
	struct number_type type;
	if (options->raw_type == NULL || options->raw_dim == 0)
		return error_set(e, CEL_EUSAGE, "raw rows: their type and dimension must be given");
	int rc = number_type_parse(options->raw_type, &type, e);
	if (rc == 0)
		rc = check_dim(options->raw_dim, options->schema, e);
	if (rc == 0 && type.kind == NUMBER_B1 && options->schema->type != CEL_B1)
		rc = error_set(e, CEL_EDATA, "packed bits go into a collection of b1 only, not %s",
			       cel_type_name(options->schema->type));
	struct binary *b;
	if (rc == 0)
		rc = binary_new(s, options->schema, type, 0, &b, e);
	if (rc < 0)
		return rc;
	b->is_raw = true;
	*self = b;
	return 0;
}

/* The numbers of a row of .npy, still unconsumed. 1, 0 at a proper end, or an error. */
static int peek_npy(struct binary *b, struct slice *got, struct cel_error *e)
{
	bool is_last = b->n_done == b->n_rows;
	int rc = stream_peek(b->stream, is_last ? 1 : b->row_size, got, e);
	if (rc < 0)
		return rc;
	if (is_last && got->size > 0)
		return error_set(e, CEL_EDATA, "the header lies: more bytes follow the %" PRIu64 " rows that it tells of",
				 b->n_rows);
	if (is_last)
		return 0;
	if (got->size < b->row_size)
		return error_set(e, CEL_EDATA, "truncated: the file ends in this row, the header tells of %" PRIu64,
				 b->n_rows);
	return 1;
}

static int peek_raw(struct binary *b, struct slice *got, struct cel_error *e)
{
	int rc = stream_peek(b->stream, b->row_size, got, e);
	if (rc < 0 || got->size == 0)
		return rc;
	return got->size >= b->row_size ? 1 : error_set(e, CEL_EDATA, "truncated: the file ends in this row");
}

static int peek_row(struct binary *b, struct slice *numbers, struct cel_error *e)
{
	if (b->has_count)
		return peek_npy(b, numbers, e);
	if (b->is_raw)
		return peek_raw(b, numbers, e);
	if (b->type.kind == NUMBER_B1)
		return vecs_peek(b->stream, (uint32_t)schema_vector_size(b->schema), 1, "first row", numbers, e);
	return vecs_peek(b->stream, b->schema->dim, numbers_size(b->type, 1), "collection", numbers, e);
}

static int binary_next(void *self, struct format_row *row, struct cel_error *e)
{
	struct binary *b = self;
	stream_consume(b->stream, b->to_consume);
	b->to_consume = 0;
	*row = (struct format_row){.number = b->n_done + 1};
	struct slice numbers;
	int rc = peek_row(b, &numbers, e);
	if (rc <= 0)
		return rc;
	b->to_consume = b->row_size;
	b->n_done++;
	row->is_intact = true;
	row->vector = slice_make(numbers.data, schema_vector_size(b->schema));
	if (b->is_identity)
		return 1;
	row->vector.data = b->elements;
	rc = convert_numbers(b->type, numbers.data, b->schema->dim, b->schema->type, b->elements, e);
	return rc < 0 ? rc : 1;
}

const struct format FORMAT_NPY = {.name = "npy", .unit = "row", .open = npy_open, .next = binary_next, .free = binary_free};
const struct format FORMAT_FVECS = {.name = "fvecs", .unit = "row", .open = fvecs_open, .next = binary_next, .free = binary_free};
const struct format FORMAT_BVECS = {.name = "bvecs", .unit = "row", .open = bvecs_open, .next = binary_next, .free = binary_free};
const struct format FORMAT_RAW = {.name = "raw", .unit = "row", .is_raw = true, .open = raw_open, .next = binary_next, .free = binary_free};
