/* SPDX-License-Identifier: Apache-2.0 */
/* A file that appears under its name only when it is whole. */
#ifndef HNSW_TEMPFILE_H
#define HNSW_TEMPFILE_H

#include <stddef.h>
#include <stdint.h>

struct cel_error;

struct tempfile {
	int fd;
	char *path;      /* the name it will have */
	char *name;      /* the temporary name, room for it; "" while the file has none */
	size_t name_size;
};

int tempfile_open(struct tempfile *t, const char *path, struct cel_error *e);
/* fdatasync, rename, fsync of the directory. tempfile_discard must follow. */
int tempfile_commit(struct tempfile *t, struct cel_error *e);
/* Closes; unless committed, nothing is left of it. */
void tempfile_discard(struct tempfile *t);

/* All of it, or an error that says no space is left and the like. */
int tempfile_write(const struct tempfile *t, const void *data, size_t size, long long offset, struct cel_error *e);

#endif
