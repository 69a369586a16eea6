/* SPDX-License-Identifier: Apache-2.0 */
/* Rows are kept as places in one run of bytes, since that may move while it grows; those that are bad keep their message there. A
 * text of many short rows that are all bad makes more bytes than it has, so parsing stops at some MiB and goes on when the rows
 * so far were handed out: what a piece takes is bounded whatever stands in it. */
#include "piece.h"

#include "alloc.h"
#include "error.h"

#define PARSED_MAX (4u << 20)

struct piece_row {
	uint64_t number; /* from 1 in the piece */
	size_t start;    /* id, vector, metadata, and message of an error, behind each other in the bytes */
	size_t id_size, vector_size, metadata_size;
	int result;
	bool has_id, is_intact;
};

int piece_init(struct piece *p, const struct text_format *format, const void *shared, struct cel_error *e)
{
	*p = (struct piece){.format = format};
	return format->parser_new(shared, &p->parser, e);
}

void piece_release(struct piece *p)
{
	if (p->parser != NULL)
		p->format->parser_free(p->parser);
	buf_release(&p->bytes);
	mem_free(p->memory);
	mem_free(p->rows);
}

static void forget_rows(struct piece *p)
{
	buf_clear(&p->bytes);
	p->n_rows = p->next = 0;
}

void piece_clear(struct piece *p)
{
	forget_rows(p);
	p->size = p->at = 0;
	p->n_lines = 0;
	p->is_end = false;
	p->result = 0;
}

uint8_t *piece_room(struct piece *p, size_t most)
{
	if (mem_grow(&p->memory, &p->capacity, p->size + most + 2 * PIECE_MARGIN, 1, NULL) < 0)
		return NULL;
	memset(p->memory, ' ', PIECE_MARGIN);
	return p->memory + PIECE_MARGIN + p->size;
}

struct slice piece_text(const struct piece *p)
{
	return slice_make(p->memory + PIECE_MARGIN, p->size);
}

static int keep_row(struct piece *p, const struct format_row *row, int result, const struct cel_error *error, struct cel_error *e)
{
	struct piece_row kept = {.number = p->n_lines + 1, .start = p->bytes.size, .result = result, .has_id = row->has_id,
				 .is_intact = row->is_intact, .id_size = row->id.size};
	if (result > 0) {
		kept.vector_size = row->vector.size;
		kept.metadata_size = row->metadata.size;
	}
	size_t message_size = result < 0 ? strlen(error->message) + 1 : 0;
	int rc = mem_grow(&p->rows, &p->rows_capacity, p->n_rows + 1, sizeof *p->rows, e);
	if (rc == 0)
		rc = buf_append(&p->bytes, row->id.data, row->id.size, e);
	if (rc == 0)
		rc = buf_append(&p->bytes, row->vector.data, kept.vector_size, e);
	if (rc == 0)
		rc = buf_append(&p->bytes, row->metadata.data, kept.metadata_size, e);
	if (rc == 0)
		rc = buf_append(&p->bytes, error->message, message_size, e);
	if (rc == 0)
		p->rows[p->n_rows++] = kept;
	return rc;
}

void piece_parse(struct piece *p)
{
	forget_rows(p);
	if (p->size > 0)
		memset(p->memory + PIECE_MARGIN + p->size, 0, PIECE_MARGIN);
	while (p->at < p->size && p->result == 0 && p->bytes.size + p->n_rows * sizeof *p->rows < PARSED_MAX) {
		struct format_row row = {0};
		struct text_span span = {0};
		struct cel_error error;
		struct slice rest = slice_make(p->memory + PIECE_MARGIN + p->at, p->size - p->at);
		int rc = p->format->parse(p->parser, rest, p->is_end, &row, &span, &error);
		if (rc == CEL_ENOMEM) {
			p->result = rc;
			p->error = error;
		} else if (rc != 0) {
			p->result = keep_row(p, &row, rc, &error, &p->error);
		}
		p->n_lines += span.n_lines;
		p->at = rc < 0 && !row.is_intact ? p->size : p->at + span.size;
	}
}

int piece_next(struct piece *p, struct format_row *row, struct cel_error *e)
{
	if (p->next == p->n_rows)
		return 0;
	const struct piece_row *kept = &p->rows[p->next++];
	const uint8_t *bytes = p->bytes.data + kept->start;
	*row = (struct format_row){.number = kept->number, .has_id = kept->has_id, .is_intact = kept->is_intact};
	row->id = slice_make(bytes, kept->id_size);
	if (kept->result < 0)
		return error_set(e, kept->result, "%s", (const char *)bytes + kept->id_size);
	row->vector = slice_make(bytes + kept->id_size, kept->vector_size);
	row->metadata = slice_make(bytes + kept->id_size + kept->vector_size, kept->metadata_size);
	return 1;
}

bool piece_is_done(const struct piece *p)
{
	return p->next == p->n_rows && (p->at == p->size || p->result < 0);
}
