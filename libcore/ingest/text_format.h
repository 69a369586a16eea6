/* SPDX-License-Identifier: Apache-2.0 */
/* What a format of text has to offer so that pieces of it can be parsed at the same time. */
#ifndef INGEST_TEXT_FORMAT_H
#define INGEST_TEXT_FORMAT_H

#include "format.h"

#define TEXT_ROW_MAX (16u << 20) /* bytes: 65,535 numbers of 25 bytes and the longest metadata take under half */

/* What a row takes of the text. */
struct text_span {
	size_t size;
	uint64_t n_lines; /* ends of line in it */
};

struct text_format {
	/* How many bytes of a text that begins with a row are whole rows; 0: not even the first is there. */
	size_t (*cut)(const void *shared, struct slice text);
	/* A parser for one thread at a time. `shared` is what they have in common, and does not change any more. */
	int (*parser_new)(const void *shared, void **out, struct cel_error *e);
	void (*parser_free)(void *parser);
	/* The row that the text begins with; is_end: nothing follows the text. 1 a row, 0 a line with none, or an error, with as much of
	 * the row as is known and is_intact. *span is set but for an error that is not of the row alone. Slices live until the next call or
	 * as long as the text; 64 bytes before and behind it are readable. */
	int (*parse)(void *parser, struct slice text, bool is_end, struct format_row *row, struct text_span *span,
		     struct cel_error *e);
};

#endif
