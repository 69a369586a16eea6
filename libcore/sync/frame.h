/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: an unsigned varint, the length (1..FRAME_MAX), and that many bytes. */
#ifndef SYNC_FRAME_H
#define SYNC_FRAME_H

#include "buf.h"

#define FRAME_MAX (2u << 20)

int frame_put(struct buf *out, struct slice body, struct cel_error *e);

/* A zeroed one is at the beginning. */
struct frame_reader {
	struct buf held;
	size_t at; /* of held: what is before it has been given out */
};
/* Bytes cut anywhere. Slices that were given out end. */
int frame_feed(struct frame_reader *r, struct slice bytes, struct cel_error *e);
/* 1 a frame, 0: more bytes are needed. CEL_EPROTOCOL for a length that is none; at most one frame is ever waited for. */
int frame_next(struct frame_reader *r, struct slice *body, struct slice *whole, struct cel_error *e);
struct slice frame_rest(const struct frame_reader *r); /* what has come of a frame that is not whole */
void frame_reader_release(struct frame_reader *r);

#endif
