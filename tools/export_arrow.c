/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to the helper: a line of JSON with the schema, then batches of columns that are Arrow's buffers already:
 *
 *     u32 rows, u32 bytes of ids, u32 bytes of metadata       little-endian; 0 rows: the end
 *     i32 offsets[rows + 1], ids
 *     bitmap of those that have metadata, i32 offsets[rows + 1], metadata
 *     vectors
 *
 * bf16, which Arrow has not, is widened to f32, which holds it exactly; bits stay packed in bytes, as in .npy. */
#include "export_arrow.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "export_helper.h"
#include "json_line.h"

#define ROWS_MAX 65536u
#define BYTES_MAX ((size_t)32 << 20)

struct column {
	uint8_t *data;
	size_t size;
};
struct batch {
	uint32_t rows;
	struct column ids, id_ends, metadata, metadata_ends, has_metadata, vectors;
};

static bool append(struct column *c, const void *data, size_t size)
{
	if (size == 0)
		return true;
	if (array_room(&c->data, c->size, size, 1, NULL) < 0)
		return false;
	memcpy(c->data + c->size, data, size);
	c->size += size;
	return true;
}

static void put_u32(uint8_t *out, size_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

/* Where the last value of the column ends. */
static bool append_end(struct column *ends, const struct column *values)
{
	uint8_t bytes[4];
	put_u32(bytes, values->size);
	return append(ends, bytes, sizeof bytes);
}

/* The elements as they go: those of bf16 as f32, whose upper half they are. */
static bool append_vector(struct column *c, const struct cel_record *r)
{
	if (r->schema.type != CEL_BF16)
		return append(c, r->vector, r->vector_size);
	for (size_t i = 0; i < r->vector_size; i += 2) {
		uint8_t wide[4] = {0, 0, r->vector[i], r->vector[i + 1]};
		if (!append(c, wide, sizeof wide))
			return false;
	}
	return true;
}

static bool append_record(struct batch *b, const struct cel_record *r)
{
	if (b->rows % 8 == 0 && !append(&b->has_metadata, "", 1))
		return false;
	if (r->metadata != NULL)
		b->has_metadata.data[b->rows / 8] |= (uint8_t)(1u << b->rows % 8);
	b->rows++;
	return append(&b->ids, r->id, r->id_size) && append_end(&b->id_ends, &b->ids) &&
	       append(&b->metadata, r->metadata != NULL ? r->metadata : "", r->metadata != NULL ? r->metadata_size : 0) &&
	       append_end(&b->metadata_ends, &b->metadata) && append_vector(&b->vectors, r);
}

static void write_column(FILE *out, struct column *c)
{
	if (c->size > 0)
		fwrite(c->data, 1, c->size, out);
	c->size = 0;
}

static void write_batch(FILE *out, struct batch *b)
{
	static const uint8_t zero[4];
	uint8_t head[12];
	put_u32(head, b->rows);
	put_u32(head + 4, b->ids.size);
	put_u32(head + 8, b->metadata.size);
	fwrite(head, 1, sizeof head, out);
	b->rows = 0;
	fwrite(zero, 1, sizeof zero, out);
	write_column(out, &b->id_ends);
	write_column(out, &b->ids);
	write_column(out, &b->has_metadata);
	fwrite(zero, 1, sizeof zero, out);
	write_column(out, &b->metadata_ends);
	write_column(out, &b->metadata);
	write_column(out, &b->vectors);
}

static void write_schema(FILE *out, const struct cel_schema *schema)
{
	struct json j;
	json_begin(&j, out);
	json_count(&j, "dim", schema->dim);
	json_text(&j, "type", cel_type_name(schema->type));
	json_text(&j, "metric", cel_metric_name(schema->metric));
	json_text(&j, "model", schema->model);
	json_end(&j);
}

static int write_records(const struct cli *cli, struct cel_records *records, FILE *out)
{
	static const uint8_t END[12];
	struct batch b = {0};
	const struct cel_record *record;
	struct cel_error e;
	int rc = 0, status = 0;
	write_schema(out, cel_records_schema(records));
	while (status == 0 && ferror(out) == 0 && (rc = cel_records_next(records, &record, &e)) != 0) {
		if (rc < 0) {
			status = cli_fail(cli, &e);
		} else if (!append_record(&b, record)) {
			fprintf(stderr, "%s: out of memory\n", cli->command->name);
			status = 69;
		} else if (b.rows == ROWS_MAX || b.vectors.size + b.metadata.size > BYTES_MAX) {
			write_batch(out, &b);
		}
	}
	if (status == 0 && b.rows > 0)
		write_batch(out, &b);
	if (status == 0)
		fwrite(END, 1, sizeof END, out);
	struct column *const columns[] = {&b.ids, &b.id_ends, &b.metadata, &b.metadata_ends, &b.has_metadata, &b.vectors};
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
		free(columns[i]->data);
	return status;
}

int export_arrow(const struct cli *cli, struct cel_records *records, const char *format)
{
	struct helper helper;
	int status = helper_start(&helper, cli, "write-arrow", format);
	if (status != 0)
		return status;
	status = write_records(cli, records, helper.input);
	if (status == 0)
		return helper_finish(&helper, cli);
	helper_stop(&helper);
	return status;
}
