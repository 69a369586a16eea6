/* SPDX-License-Identifier: Apache-2.0 */
/* O_TMPFILE where the file system has it: then a killed process leaves nothing behind. Only for the instant between
 * linkat and rename there is a second name, since linkat cannot replace a file. Elsewhere it has the temporary name from
 * the start. */
#include "tempfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "alloc.h"
#include "error.h"

#define SUFFIX_ROOM 32u
#define NAME_TRIES 100

static char *directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return mem_strdup(".");
	size_t length = slash == path ? 1 : (size_t)(slash - path);
	char *directory = mem_alloc(length + 1);
	if (directory != NULL) {
		memcpy(directory, path, length);
		directory[length] = '\0';
	}
	return directory;
}

static void make_name(struct tempfile *t)
{
	uint64_t number = 0;
	if (getrandom(&number, sizeof number, GRND_NONBLOCK) < 0)
		number = (uint64_t)getpid(); /* O_EXCL sorts out the rest */
	snprintf(t->name, t->name_size, "%s.tmp-%016llx", t->path, (unsigned long long)number);
}

static int open_named(struct tempfile *t)
{
	for (int i = 0; i < NAME_TRIES; i++) {
		make_name(t);
		t->fd = open(t->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (t->fd >= 0 || errno != EEXIST)
			break;
	}
	if (t->fd < 0)
		t->name[0] = '\0';
	return t->fd;
}

int tempfile_open(struct tempfile *t, const char *path, struct cel_error *e)
{
	*t = (struct tempfile){.fd = -1, .name_size = strlen(path) + SUFFIX_ROOM};
	MEM_CLEANUP char *directory = directory_of(path);
	t->path = mem_strdup(path);
	t->name = mem_calloc(1, t->name_size);
	if (directory == NULL || t->path == NULL || t->name == NULL) {
		tempfile_discard(t);
		return error_nomem(e, t->name_size);
	}
	t->fd = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC, 0666);
	if (t->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT))
		open_named(t);
	if (t->fd < 0) {
		int rc = error_set_errno(e, CEL_ECANTCREAT, errno, "cannot create a file in %s", directory);
		tempfile_discard(t);
		return rc;
	}
	return 0;
}

static int give_name(struct tempfile *t)
{
	char self[64];
	snprintf(self, sizeof self, "/proc/self/fd/%d", t->fd);
	for (int i = 0; i < NAME_TRIES; i++) {
		make_name(t);
		if (linkat(AT_FDCWD, self, AT_FDCWD, t->name, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	t->name[0] = '\0';
	return -1;
}

int tempfile_commit(struct tempfile *t, struct cel_error *e)
{
	MEM_CLEANUP char *directory = directory_of(t->path);
	if (directory == NULL)
		return error_nomem(e, strlen(t->path));
	if (fdatasync(t->fd) < 0)
		return error_set_errno(e, CEL_EIO, errno, "cannot write %s", t->path);
	if (t->name[0] == '\0' && give_name(t) < 0)
		return error_set_errno(e, CEL_ECANTCREAT, errno, "cannot name %s", t->path);
	if (rename(t->name, t->path) < 0)
		return error_set_errno(e, CEL_ECANTCREAT, errno, "cannot rename to %s", t->path);
	t->name[0] = '\0';
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int failure = fd < 0 || fsync(fd) < 0 ? errno : 0;
	if (fd >= 0)
		close(fd);
	return failure == 0 ? 0 : error_set_errno(e, CEL_EIO, failure, "cannot sync %s", directory);
}

void tempfile_discard(struct tempfile *t)
{
	if (t->fd >= 0)
		close(t->fd);
	if (t->name != NULL && t->name[0] != '\0')
		unlink(t->name);
	mem_free(t->path);
	mem_free(t->name);
	*t = (struct tempfile){.fd = -1};
}

int tempfile_write(const struct tempfile *t, const void *data, size_t size, long long offset, struct cel_error *e)
{
	const char *p = data;
	while (size > 0) {
		ssize_t n = pwrite(t->fd, p, size, offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set_errno(e, CEL_EIO, n < 0 ? errno : ENOSPC, "cannot write %s", t->path);
		p += n;
		size -= (size_t)n;
		offset += n;
	}
	return 0;
}
