/* SPDX-License-Identifier: Apache-2.0 */
/* A file is written under a temporary name and renamed; it is not synced, as one that is cut off does not match its
 * digest and is made again. Reading one sets its time, and when there are too many, or too large ones, the oldest go. */
#include "filter_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "fault.h"

#define FILES_MAX 256u
#define BYTES_MAX (64ll << 20)

static int make_path(struct cel_store *store, const struct cid *tree, struct slice expression, struct buf *path)
{
	char name[BITMAP_NAME_MAX];
	bitmap_name(tree, expression, name);
	int rc = buf_printf(path, NULL, "%s/%s", store_cache_path(store->store), name);
	return rc < 0 ? rc : buf_append_byte(path, '\0', NULL);
}

static bool read_file(int fd, uint64_t limit, struct buf *out)
{
	struct stat status;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || (uint64_t)status.st_size > limit ||
	    buf_reserve(out, (size_t)status.st_size, NULL) < 0)
		return false;
	while (out->size < (size_t)status.st_size) {
		ssize_t n = io_read(fd, out->data + out->size, (size_t)status.st_size - out->size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		out->size += (size_t)n;
	}
	return true;
}

int filter_cache_load(struct cel_store *store, const struct cid *tree, uint64_t n, struct slice expression,
		      struct bitmap *out)
{
	struct buf path BUF_CLEANUP = {0}, file BUF_CLEANUP = {0};
	if (make_path(store, tree, expression, &path) < 0)
		return 0;
	int fd = io_open((const char *)path.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	bool is_good = read_file(fd, bitmap_file_size_max(n, expression), &file) &&
		       bitmap_decode(buf_slice(&file), tree, n, expression, out, NULL) == 0;
	if (is_good)
		futimens(fd, NULL);
	close(fd);
	return is_good;
}

/* ---- keeping it small */

struct aged {
	struct timespec time;
	off_t size;
	char name[BITMAP_NAME_MAX];
};

static int compare_age(const void *a, const void *b)
{
	const struct timespec *x = &((const struct aged *)a)->time, *y = &((const struct aged *)b)->time;
	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

static bool is_filter(const char *name)
{
	size_t length = strlen(name);
	return length > 7 && length < BITMAP_NAME_MAX && strcmp(name + length - 7, ".filter") == 0;
}

static void list_files(DIR *directory, struct buf *out)
{
	for (struct dirent *item; (item = readdir(directory)) != NULL;) {
		struct aged aged = {0};
		struct stat status;
		if (!is_filter(item->d_name) || fstatat(dirfd(directory), item->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		aged.time = status.st_mtim;
		aged.size = status.st_size;
		memcpy(aged.name, item->d_name, strlen(item->d_name));
		if (buf_append(out, &aged, sizeof aged, NULL) < 0)
			return;
	}
}

static void drop_oldest(const char *path)
{
	DIR *directory = opendir(path);
	struct buf list BUF_CLEANUP = {0};
	if (directory == NULL)
		return;
	list_files(directory, &list);
	struct aged *files = (void *)list.data;
	size_t n = list.size / sizeof *files;
	long long bytes = 0;
	if (n > 0)
		qsort(files, n, sizeof *files, compare_age);
	for (size_t i = 0; i < n; i++)
		bytes += files[i].size;
	for (size_t i = 0; i + 1 < n && (n - i > FILES_MAX || bytes > BYTES_MAX); i++) {
		unlinkat(dirfd(directory), files[i].name, 0);
		bytes -= files[i].size;
	}
	closedir(directory);
}

static bool write_file(const char *path, const struct buf *file)
{
	int fd = io_open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return false;
	size_t done = 0;
	while (done < file->size) {
		ssize_t n = io_write(fd, file->data + done, file->size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return close(fd) == 0 && done == file->size;
}

void filter_cache_save(struct cel_store *store, const struct cid *tree, struct slice expression,
		       const struct bitmap *bitmap)
{
	struct buf path BUF_CLEANUP = {0}, file BUF_CLEANUP = {0}, temporary BUF_CLEANUP = {0};
	char name[BITMAP_NAME_MAX];
	const char *directory;
	bitmap_name(tree, expression, name);
	if (store_find_tmp(store->store, &directory, NULL) < 0 || make_path(store, tree, expression, &path) < 0 ||
	    bitmap_encode(bitmap, tree, expression, &file, NULL) < 0 ||
	    buf_printf(&temporary, NULL, "%s/%s", directory, name) < 0 || buf_append_byte(&temporary, '\0', NULL) < 0)
		return;
	if (write_file((const char *)temporary.data, &file) &&
	    io_rename((const char *)temporary.data, (const char *)path.data) == 0)
		drop_oldest(store_cache_path(store->store));
	else
		unlink((const char *)temporary.data);
}
