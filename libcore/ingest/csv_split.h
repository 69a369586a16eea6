/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of fields as in RFC 4180, where they stand in a text. */
#ifndef INGEST_CSV_SPLIT_H
#define INGEST_CSV_SPLIT_H

#include "buf.h"

#define CSV_FIELDS_MAX (1u << 17) /* a row */

struct csv_field {
	struct slice text; /* without quotes; after a split: in the text, or in the row's own memory */
	bool is_quoted;
	bool is_copied; /* it is in the row's own memory */
};

/* A zeroed one is ready for use. */
struct csv_row {
	struct csv_field *fields;
	struct buf unescaped;  /* fields that have doubled quotes, without them */
	size_t n_fields, capacity;
	size_t size;           /* in the text, its end of line included */
	uint64_t n_lines;      /* ends of line in it */
	const char *fault;     /* what is wrong with it, or NULL */
	size_t fault_field;    /* which one, from 0 */
};

void csv_row_release(struct csv_row *row);
/* Splits the row that the text begins with: fields between delimiters, ended by LF or CRLF or the end of the input. A
 * field that begins with a quote goes on to the closing one, in which two quotes stand for one; elsewhere quotes are
 * characters like others. 1 a row, 0 the text ends before the row does (only if !is_end), or CEL_ENOMEM. */
int csv_split(struct slice text, bool is_end, uint8_t delimiter, struct csv_row *row, struct cel_error *e);

/* How many bytes of a text that begins with a row are whole rows. Ends of line within quotes end none. */
size_t csv_cut(struct slice text, uint8_t delimiter);

static inline const struct csv_field *csv_field(const struct csv_row *row, size_t i)
{
	return &row->fields[i];
}

#endif
