/* SPDX-License-Identifier: Apache-2.0 */
/* Writing an index file front to back, hashing it on the way. */
#ifndef HNSW_FILE_WRITE_H
#define HNSW_FILE_WRITE_H

#include "layout.h"
#include "tempfile.h"

struct file_writer {
	struct tempfile file;
	uint64_t offset;  /* of what is put next */
	uint8_t *chunk;   /* the 1 MiB of the file that it falls into */
	size_t used;
	struct sha256 root;
};

int file_writer_open(struct file_writer *w, const char *path, struct cel_error *e);
int file_writer_put(struct file_writer *w, const void *data, size_t size, struct cel_error *e);
/* Zeros up to the offset, where a section begins. */
int file_writer_seek(struct file_writer *w, uint64_t offset, struct cel_error *e);
/* What was put so far can be read from the file. */
int file_writer_flush(struct file_writer *w, struct cel_error *e);
/* Writes the header last, syncs and gives the file its name. */
int file_writer_commit(struct file_writer *w, struct layout *layout, struct cel_error *e);
void file_writer_release(struct file_writer *w);

#endif
