/* SPDX-License-Identifier: Apache-2.0 */
/* gzip, Zstandard and xz, undone piece by piece. Used by stream only. */
#ifndef IO_DECODE_H
#define IO_DECODE_H

#include "slice.h"

struct cel_error;
struct decoder;

enum decode_kind { DECODE_NONE, DECODE_GZIP, DECODE_ZSTD, DECODE_XZ };

#define DECODE_MAGIC_MAX 6u
/* By the magic bytes. More than DECODE_MAGIC_MAX bytes are not looked at. */
enum decode_kind decode_detect(struct slice start);
/* Whether the byte may begin a magic: if not, there is no need to wait for more. */
bool decode_may_begin(uint8_t first);

int decoder_new(enum decode_kind kind, struct decoder **out, struct cel_error *e);
void decoder_free(struct decoder *d);
/* Takes bytes from the front of *in and makes at most capacity of them; *made is what came of it. is_end: nothing
 * follows *in. 1 go on (with more input if *in is used up), 0 everything was decoded, or an error: CEL_EDATA if the
 * data is damaged, cut short, or something else follows it. Memory is bounded: an xz dictionary or a window of zstd over
 * 256 MiB or 128 MiB is refused. */
int decoder_run(struct decoder *d, struct slice *in, bool is_end, uint8_t *out, size_t capacity, size_t *made,
		struct cel_error *e);

#endif
