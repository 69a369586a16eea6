/* SPDX-License-Identifier: Apache-2.0 */
/* A piece of a text, whole rows of it, and what a format's parser makes of them. Used by pieces only. */
#ifndef INGEST_PIECE_H
#define INGEST_PIECE_H

#include "buf.h"
#include "cel.h"
#include "text_format.h"

#define PIECE_MARGIN 64u /* readable bytes before the text and behind it */

struct piece_row;

struct piece {
	const struct text_format *format;
	void *parser;
	/* the text, to be filled from piece_room */
	uint8_t *memory;
	size_t capacity, size;
	bool is_end; /* nothing follows it */
	/* what was made of it */
	size_t at;        /* parsed up to here */
	uint64_t n_lines; /* ends of line before `at` */
	struct piece_row *rows;
	size_t n_rows, rows_capacity, next;
	struct buf bytes; /* of the rows */
	int result;       /* an error that is of no row: behind them it ends all */
	struct cel_error error;
};

int piece_init(struct piece *p, const struct text_format *format, const void *shared, struct cel_error *e);
void piece_release(struct piece *p);
void piece_clear(struct piece *p);
/* Where the text goes on; `most` bytes at least may be put there and added to size. NULL if memory is short. */
uint8_t *piece_room(struct piece *p, size_t most);
struct slice piece_text(const struct piece *p);
/* Parses on from `at` until something is there for piece_next: rows of up to some MiB. */
void piece_parse(struct piece *p);
/* 1 or an error: a row, whose number counts from the piece's first line; slices live until piece_parse or piece_clear. 0: no more of them
 * without piece_parse. */
int piece_next(struct piece *p, struct format_row *row, struct cel_error *e);
bool piece_is_done(const struct piece *p); /* nothing is left to parse or to hand out */

#endif
