/* SPDX-License-Identifier: Apache-2.0 */
/* Sequential input from a file descriptor: io_uring with several reads in flight where the kernel allows it, read(2)
 * otherwise or after any refusal (set-up, registration, the first read). CEL_IO=uring forces the ring (no fallback: an
 * error says what was refused), CEL_IO=read forces read(2). */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include "slice.h"

struct cel_error;
struct stream;

/* Takes over fd (closed by stream_free unless it is 0). name stands in messages. */
int stream_open_fd(int fd, const char *name, struct stream **out, struct cel_error *e);
/* "-" is standard input. CEL_ENOINPUT if it cannot be opened. */
int stream_open(const char *path, struct stream **out, struct cel_error *e);
void stream_free(struct stream *s);

/* If the content is gzip, zstd or xz, puts a stream of what is inside of it in place of the stream, which it owns then.
 * To be called before anything was consumed. Reading on is CEL_EDATA, without the name, where the data is damaged or cut
 * short. After an error *stream is what it was. */
int stream_unpack(struct stream **stream, struct cel_error *e);
bool stream_is_unpacked(const struct stream *s);
/* Puts the output of a helper program (io/child.h), to which the input is given as a file, in place of the stream. To be
 * called before anything was consumed. What the helper says is wrong is the error of the read that would meet the end. After
 * an error *stream can only be freed. */
int stream_take_apart(struct stream **stream, const char *helper, const char *const arguments[2], struct cel_error *e);

const char *stream_name(const struct stream *s);
uint64_t stream_offset(const struct stream *s); /* bytes consumed, unpacked ones */
/* Bytes taken from the file, as they stand there; of how many, 0 if that is not known. */
void stream_position(const struct stream *s, uint64_t *bytes, uint64_t *total);

/* At least `wanted` unconsumed bytes as one contiguous slice, fewer only at the end of the input; more if more are at
 * hand. Borrowed until the next call on s. CEL_EIO, CEL_ENOMEM. `wanted` must be bounded by the caller. */
int stream_peek(struct stream *s, size_t wanted, struct slice *out, struct cel_error *e);
void stream_consume(struct stream *s, size_t count); /* at most what the last peek returned */

/* Moves 1 to `most` of the next bytes to `to`, as many as are at hand: *got is 0 at the end only. What is long goes there without
 * a copy in between where read(2) is used. */
int stream_take(struct stream *s, void *to, size_t most, size_t *got, struct cel_error *e);
/* Whether the next byte, or the end, can be had without waiting for somebody else to write it. */
bool stream_is_ready(const struct stream *s);
int stream_wait(struct stream *s, struct cel_error *e); /* until it is */

#endif
