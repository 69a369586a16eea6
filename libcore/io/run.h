/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted runs in an unlinked temporary file: written one behind the other, read each from front to back. */
#ifndef IO_RUN_H
#define IO_RUN_H

#include "buf.h"

struct run_file {
	int fd;
	uint64_t size;      /* bytes written, buffer included */
	uint8_t *buffer;    /* borrowed */
	size_t capacity, used;
	const char *directory; /* for messages; borrowed */
};

/* Makes the file; buffer serves for writing. */
int run_file_open(struct run_file *f, const char *directory, uint8_t *buffer, size_t capacity, struct cel_error *e);
void run_file_close(struct run_file *f); /* also of one never opened, if fd is -1 */
int run_file_write(struct run_file *f, struct slice bytes, struct cel_error *e);
int run_file_flush(struct run_file *f, struct cel_error *e);

/* Items of one run, in a file or as sorted entries in memory; see keysort.h for their form. */
struct keysort_entry;
struct run_reader {
	const struct run_file *file;
	uint64_t offset, end;    /* still unread part of the file */
	uint64_t freed;          /* what lies before it has been given back to the file system */
	uint8_t *buffer;         /* borrowed */
	size_t capacity, start, filled;
	struct buf big;          /* for an item that the buffer is too small for */
	const struct keysort_entry *entries, *entries_end; /* instead of a file */
	const uint8_t *item;     /* the present one, NULL at the end */
	uint64_t prefix;         /* of its key */
};

void run_reader_init(struct run_reader *r, const struct run_file *file, uint64_t start, uint64_t end, uint8_t *buffer,
		     size_t capacity);
void run_reader_init_entries(struct run_reader *r, const struct keysort_entry *entries, size_t n);
/* Goes to the first, then the next item. What was read is gone from the file. */
int run_reader_next(struct run_reader *r, struct cel_error *e);
void run_reader_release(struct run_reader *r);

#endif
