/* SPDX-License-Identifier: Apache-2.0 */
/* A live owner holds flock(2) on its own directory, so who gets that lock knows that the owner is dead: no process id
 * is trusted, and whatever any part of the program leaves in there goes with it. Making and locking a directory are
 * two steps; between them it looks ownerless, so both these steps and every sweep happen under a lock of the parent. */
#include "tmp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "error.h"

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int lock_directory(int fd, int how)
{
	int rc;
	do
		rc = flock(fd, how);
	while (rc != 0 && errno == EINTR);
	return rc;
}

/* Makes parent/PID-N and locks it. */
static int make_owned(int parent_fd, const char *parent, struct tmp *tmp, struct cel_error *e)
{
	static _Atomic unsigned counter;
	char name[64];
	for (;;) {
		snprintf(name, sizeof name, "%ld-%u", (long)getpid(), atomic_fetch_add(&counter, 1));
		if (mkdirat(parent_fd, name, 0777) == 0)
			break;
		if (errno != EEXIST)
			return error_set_errno(e, CEL_EIO, errno, "making a directory in %s", parent);
	}
	size_t size = strlen(parent) + strlen(name) + 2;
	tmp->path = mem_alloc(size);
	tmp->fd = openat(parent_fd, name, DIRECTORY);
	if (tmp->path != NULL && tmp->fd >= 0 && lock_directory(tmp->fd, LOCK_EX | LOCK_NB) == 0) {
		snprintf(tmp->path, size, "%s/%s", parent, name);
		return 0;
	}
	int saved = tmp->path == NULL ? ENOMEM : errno;
	if (tmp->fd >= 0)
		close(tmp->fd);
	unlinkat(parent_fd, name, AT_REMOVEDIR);
	mem_free(tmp->path);
	*tmp = (struct tmp){0};
	return error_set_errno(e, CEL_EIO, saved, "%s/%s", parent, name);
}

/* ---- what a handler of a signal may do, too: nothing is allocated, directories are read by the system call itself */

static bool is_self_or_parent(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void remove_content(int fd, int depth);

static void remove_item(int fd, const char *name, int depth)
{
	if (is_self_or_parent(name) || unlinkat(fd, name, 0) == 0 || depth == 0)
		return;
	int inner = openat(fd, name, DIRECTORY);
	if (inner < 0)
		return;
	remove_content(inner, depth - 1);
	close(inner);
	unlinkat(fd, name, AT_REMOVEDIR);
}

/* What is in it, two levels deep at most: nothing of ours nests deeper. */
static void remove_content(int fd, int depth)
{
	_Alignas(struct dirent64) char items[4096];
	int copy = openat(fd, ".", DIRECTORY); /* with a position of its own */
	ssize_t size;
	while (copy >= 0 && (size = getdents64(copy, items, sizeof items)) > 0) {
		for (ssize_t at = 0; at < size;) {
			const struct dirent64 *item = (const struct dirent64 *)(const void *)(items + at);
			remove_item(fd, item->d_name, depth);
			at += item->d_reclen;
		}
	}
	if (copy >= 0)
		close(copy);
}

/* The directories that this process owns, for tmp_abandon_all. What finds no place is swept by others later. */
#define OWNED_MAX 16
static struct owned {
	_Atomic int state; /* OWNED_FREE, OWNED_TAKEN, or 2 + the descriptor */
	char path[PATH_MAX];
} owned[OWNED_MAX];
enum { OWNED_FREE, OWNED_TAKEN, OWNED_FD };

static void own(const struct tmp *tmp)
{
	for (size_t i = 0; i < OWNED_MAX && strlen(tmp->path) < sizeof owned->path; i++) {
		int expected = OWNED_FREE;
		if (!atomic_compare_exchange_strong(&owned[i].state, &expected, OWNED_TAKEN))
			continue;
		strcpy(owned[i].path, tmp->path);
		atomic_store(&owned[i].state, OWNED_FD + tmp->fd);
		return;
	}
}

static void disown(const struct tmp *tmp)
{
	for (size_t i = 0; i < OWNED_MAX; i++) {
		int expected = OWNED_FD + tmp->fd;
		if (atomic_compare_exchange_strong(&owned[i].state, &expected, OWNED_FREE))
			return;
	}
}

void tmp_abandon_all(void)
{
	for (size_t i = 0; i < OWNED_MAX; i++) {
		int state = atomic_load(&owned[i].state);
		if (state < OWNED_FD)
			continue;
		remove_content(state - OWNED_FD, 1);
		rmdir(owned[i].path);
	}
}

/* ---- one directory */

int tmp_open(const char *parent, struct tmp *tmp, struct cel_error *e)
{
	*tmp = (struct tmp){0};
	if (mkdir(parent, 0777) != 0 && errno != EEXIST)
		return error_set_errno(e, CEL_EIO, errno, "making %s", parent);
	int parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd < 0)
		return error_set_errno(e, CEL_EIO, errno, "%s", parent);
	int rc = lock_directory(parent_fd, LOCK_EX) != 0 ? error_set_errno(e, CEL_EIO, errno, "locking %s", parent)
							 : make_owned(parent_fd, parent, tmp, e);
	close(parent_fd);
	if (rc == 0)
		own(tmp);
	return rc;
}

void tmp_close(struct tmp *tmp)
{
	if (tmp->path == NULL)
		return;
	disown(tmp);
	remove_content(tmp->fd, 1);
	rmdir(tmp->path);
	close(tmp->fd);
	mem_free(tmp->path);
	*tmp = (struct tmp){0};
}

static void sweep_one(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, DIRECTORY);
	if (fd < 0)
		return;
	if (lock_directory(fd, LOCK_EX | LOCK_NB) == 0) {
		remove_content(fd, 1);
		unlinkat(parent_fd, name, AT_REMOVEDIR);
	}
	close(fd);
}

void tmp_sweep(const char *parent)
{
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* Busy: another process is sweeping already, or is making its directory. */
	DIR *directory = lock_directory(fd, LOCK_EX | LOCK_NB) == 0 ? fdopendir(fd) : NULL;
	if (directory == NULL) {
		close(fd);
		return;
	}
	for (struct dirent *item; (item = readdir(directory)) != NULL;)
		if (item->d_name[0] != '.')
			sweep_one(dirfd(directory), item->d_name);
	closedir(directory);
}
