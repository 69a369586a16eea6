/* SPDX-License-Identifier: Apache-2.0 */
/* One file descriptor read from front to back through an io_uring of its own. Used by stream only. */
#ifndef IO_RING_H
#define IO_RING_H

#include "slice.h"

struct cel_error;
struct ring;

#define RING_BUFFER_SIZE (256u << 10)

/* Sets up ring and registered buffers. A regular file is read by offset from `start` with several reads in flight;
 * anything else is_sequential: one read at a time, at the descriptor's own position. Any error (CEL_EUNAVAILABLE, or
 * CEL_ENOMEM) means that the kernel refused and read(2) is to be used. */
int ring_new(int fd, uint64_t start, bool is_sequential, struct ring **out, struct cel_error *e);
void ring_free(struct ring *r); /* waits for reads in flight */
/* The next bytes in order, 1..RING_BUFFER_SIZE of them, borrowed until the next call. 1, 0 at the end, or an error,
 * after which the next call tries again from the same place. */
int ring_next(struct ring *r, struct slice *out, struct cel_error *e);

#endif
