/* SPDX-License-Identifier: Apache-2.0 */
/* Sequential output to a file from its beginning: io_uring with registered buffers where the kernel allows it, write
 * calls otherwise or after any refusal. CEL_IO=uring forces the ring for what it can do (an error says what was refused
 * at set-up), CEL_IO=read forces write calls. */
#ifndef IO_OUTFILE_H
#define IO_OUTFILE_H

#include <stddef.h>
#include <stdint.h>

struct cel_error;
struct outfile;

#define OUTFILE_MEMORY ((size_t)4 << 20) /* beyond which it gets no faster */
/* fd must be open for writing, at a new and empty file; name stands in messages. Both are borrowed. Buffers of about that
 * memory together, at least 64 KiB. */
int outfile_new(int fd, const char *name, size_t memory, struct outfile **out, struct cel_error *e);
void outfile_free(struct outfile *o); /* waits for writes in flight; what was not flushed is lost */
int outfile_append(struct outfile *o, const void *data, size_t size, struct cel_error *e);
uint64_t outfile_position(const struct outfile *o); /* bytes appended */
/* Everything appended has been written when this returns. */
int outfile_flush(struct outfile *o, struct cel_error *e);
/* Writes over a part that was flushed before. */
int outfile_patch(struct outfile *o, const void *data, size_t size, uint64_t offset, struct cel_error *e);

#endif
