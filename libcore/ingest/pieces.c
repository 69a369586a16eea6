/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces are filled from the stream one after the other and cut behind their last whole row; what is left over begins the next:
 *
 *     stream   |row|row|ro      w|row|row|row|r     ow| ...
 *              [  piece 0 ][rest ->  piece 1  ][rest ->
 *
 * A piece is as large as a processor's own cache, so that its text is still there when it is parsed. One that holds no whole row
 * grows. Where a stream has nothing more for now, as a pipe, the piece is cut at once, so its rows go on their way. */
#include "pieces.h"

#include "alloc.h"
#include "conveyor.h"
#include "error.h"
#include "piece.h"
#include "reader.h"
#include "stream.h"

#define PIECE_SIZE (256u << 10)
#define THREADS_MAX 8u /* these parse some GB/s: more only need memory */

struct pieces {
	struct stream *stream;
	const struct text_format *format;
	const void *shared;
	/* of the filling */
	struct buf rest;
	size_t piece_size;
	size_t wanted; /* bytes, in the box that is being filled; 0: none is */
	bool is_end;
	int failure; /* of the stream, to be told behind what came before it */
	struct cel_error error;
	/* the caller's */
	struct conveyor *conveyor;
	struct piece *current; /* NULL before the first */
	uint64_t n_lines;      /* before the current one */
	uint32_t n_boxes;
	void *boxes[2 * THREADS_MAX];
	struct piece pieces[2 * THREADS_MAX];
};

static int hand_over(struct pieces *p, struct piece *piece, size_t whole, struct cel_error *e)
{
	struct slice text = piece_text(piece);
	buf_clear(&p->rest);
	int rc = buf_append(&p->rest, text.data + whole, text.size - whole, e);
	piece->size = whole;
	p->wanted = 0;
	return rc < 0 ? rc : 1;
}

/* The input is over, or cannot be read any more. */
static int hand_over_last(struct pieces *p, struct piece *piece, struct cel_error *e)
{
	struct slice text = piece_text(piece);
	piece->is_end = p->is_end;
	size_t whole = p->is_end || text.size == 0 ? text.size : p->format->cut(p->shared, text);
	return whole > 0 ? hand_over(p, piece, whole, e) : 0;
}

static int begin(struct pieces *p, struct piece *piece, struct cel_error *e)
{
	piece_clear(piece);
	uint8_t *room = piece_room(piece, p->rest.size);
	if (room == NULL)
		return error_nomem(e, p->rest.size);
	if (p->rest.size > 0)
		memcpy(room, p->rest.data, p->rest.size);
	piece->size = p->rest.size;
	p->wanted = p->piece_size;
	return 0;
}

static void read_more(struct pieces *p, struct piece *piece)
{
	size_t got = 0, most = p->wanted - piece->size;
	uint8_t *room = piece_room(piece, most);
	p->failure = room == NULL ? error_nomem(&p->error, p->wanted) : stream_take(p->stream, room, most, &got, &p->error);
	piece->size += got;
	p->is_end = p->failure == 0 && got == 0;
}

/* 0, or what went wrong with the stream. */
static int end_of_input(const struct pieces *p, struct cel_error *e)
{
	if (p->failure < 0 && e != NULL)
		*e = p->error;
	return p->failure;
}

static int fill(void *context, void *box, struct cel_error *e)
{
	struct pieces *p = context;
	struct piece *piece = box;
	if (p->is_end || p->failure < 0)
		return end_of_input(p, e);
	int rc = p->wanted == 0 ? begin(p, piece, e) : 0;
	while (rc == 0) {
		bool is_full = piece->size >= p->wanted, is_ready = stream_is_ready(p->stream);
		if (piece->size > 0 && (is_full || !is_ready)) {
			size_t whole = p->format->cut(p->shared, piece_text(piece));
			if (whole == 0 && piece->size > TEXT_ROW_MAX)
				whole = piece->size; /* its parser finds that out */
			if (whole > 0)
				return hand_over(p, piece, whole, e);
		}
		if (!is_ready)
			return CONVEYOR_LATER;
		p->wanted = is_full ? 2 * piece->size : p->wanted;
		read_more(p, piece);
		if (p->is_end || p->failure < 0)
			return (rc = hand_over_last(p, piece, e)) != 0 ? rc : end_of_input(p, e);
	}
	return rc;
}

static int wait_for_stream(void *context, struct cel_error *e)
{
	struct pieces *p = context;
	return stream_wait(p->stream, e);
}

static int parse(void *context, void *box, struct cel_error *e)
{
	(void)context;
	(void)e;
	piece_parse(box); /* whose errors are told where they stand */
	return 0;
}

int pieces_new(struct stream *s, const struct text_format *format, const void *shared, uint64_t n_lines,
	       const struct reader_options *options, struct pieces **out, struct cel_error *e)
{
	uint32_t threads = options->threads;
	struct pieces *p = mem_calloc(1, sizeof *p);
	if (p == NULL)
		return error_nomem(e, sizeof *p);
	p->stream = s;
	p->format = format;
	p->shared = shared;
	p->n_lines = n_lines;
	p->piece_size = options->piece_size > 0 ? options->piece_size : PIECE_SIZE;
	threads = threads < 1 ? 1 : threads < THREADS_MAX ? threads : THREADS_MAX;
	uint32_t wanted = threads == 1 ? 1 : 2 * threads;
	int rc = 0;
	for (; rc == 0 && p->n_boxes < wanted; p->n_boxes++) {
		p->boxes[p->n_boxes] = &p->pieces[p->n_boxes];
		rc = piece_init(&p->pieces[p->n_boxes], format, shared, e);
	}
	struct conveyor_plan plan = {.n_boxes = p->n_boxes, .threads = threads, .boxes = p->boxes, .context = p,
				     .fill = fill, .wait = wait_for_stream, .work = parse};
	if (rc == 0)
		rc = conveyor_new(&plan, &p->conveyor, e);
	if (rc < 0) {
		pieces_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void pieces_free(struct pieces *p)
{
	if (p == NULL)
		return;
	conveyor_free(p->conveyor);
	for (uint32_t i = 0; i < p->n_boxes; i++)
		piece_release(&p->pieces[i]);
	buf_release(&p->rest);
	mem_free(p);
}

int pieces_next(struct pieces *p, struct format_row *row, struct cel_error *e)
{
	for (;;) {
		int rc = p->current != NULL ? piece_next(p->current, row, e) : 0;
		if (rc != 0) {
			row->number += p->n_lines;
			return rc;
		}
		if (p->current != NULL && !piece_is_done(p->current)) {
			piece_parse(p->current);
			continue;
		}
		*row = (struct format_row){0};
		if (p->current != NULL) {
			p->n_lines += p->current->n_lines;
			p->current->n_lines = 0;
			rc = p->current->result;
		}
		row->number = p->n_lines + 1;
		if (rc < 0) {
			if (e != NULL)
				*e = p->current->error;
			return rc;
		}
		void *box;
		rc = conveyor_next(p->conveyor, &box, e);
		if (rc <= 0)
			return rc;
		p->current = box;
	}
}
