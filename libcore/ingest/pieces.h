/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a text, in order, parsed by several threads a piece at a time (io/conveyor.h). */
#ifndef INGEST_PIECES_H
#define INGEST_PIECES_H

#include "text_format.h"

struct pieces;
struct reader_options;

/* `shared` is the format's, for its parsers; it and the stream are borrowed. n_lines of the text were read already. Of the options,
 * threads and piece_size count. */
int pieces_new(struct stream *s, const struct text_format *format, const void *shared, uint64_t n_lines,
	       const struct reader_options *options, struct pieces **out, struct cel_error *e);
void pieces_free(struct pieces *p); /* NULL is fine */
/* As in struct format. The same rows and errors whatever the threads; a row is not kept back because there is no next one yet. */
int pieces_next(struct pieces *p, struct format_row *row, struct cel_error *e);

#endif
