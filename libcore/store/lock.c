/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB has a writer lock of its own, but it waits for ever and only for the length of a transaction. This one stands in
 * front of it for a whole batch: an open file description lock on DIR/lock, which also keeps two threads of one process
 * apart (each batch opens the file anew) and which the kernel drops with its holder. A timed wait polls, as there is no
 * timed form of F_OFD_SETLKW: after 1 ms at first, then every 20 ms. The opening lock is a flock(2) on data.mdb, for which
 * it is enough that the file can be read, and which LMDB does not use. */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "error.h"
#include "fault.h"

#define OPENING_WAIT 30 /* seconds */

/* 0 or errno. */
static int try_lock(int fd, int command)
{
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int rc;
	do
		rc = fcntl(fd, command, &range);
	while (rc != 0 && errno == EINTR);
	if (rc == 0)
		return 0;
	return errno == EACCES ? EAGAIN : errno;
}

static int try_writer_lock(int fd)
{
	return try_lock(fd, F_OFD_SETLK);
}

static int try_opening_lock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno == EWOULDBLOCK || errno == EINTR ? EAGAIN : errno;
}

static int lock_within(int fd, double wait_seconds, int (*try)(int fd))
{
	double deadline = seconds_now() + wait_seconds;
	struct timespec pause = {.tv_nsec = 1000000};
	for (;;) {
		int rc = try(fd);
		double left = deadline - seconds_now();
		if (rc != EAGAIN || left <= 0)
			return rc;
		if ((double)pause.tv_nsec > 1e9 * left)
			pause.tv_nsec = (long)(1e9 * left) + 1;
		nanosleep(&pause, NULL);
		pause.tv_nsec = pause.tv_nsec < 10000000 ? 2 * pause.tv_nsec : 20000000;
	}
}

int writer_lock_acquire(const char *store_path, double wait_seconds, int *fd, struct cel_error *e)
{
	char name[4096];
	snprintf(name, sizeof name, "%s/lock", store_path);
	*fd = io_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (*fd < 0)
		return error_set_errno(e, CEL_EIO, errno, "%s", name);
	int rc = wait_seconds < 0 ? try_lock(*fd, F_OFD_SETLKW) : lock_within(*fd, wait_seconds, try_writer_lock);
	if (rc == 0)
		return 0;
	close(*fd);
	*fd = -1;
	if (rc == EAGAIN)
		return error_set(e, CEL_EBUSY, "another writer is at work in %s (waited %.1f s)", store_path, wait_seconds);
	return error_set_errno(e, CEL_EIO, rc, "locking %s", name);
}

void writer_lock_release(int fd)
{
	if (fd >= 0)
		close(fd);
}

bool writer_lock_is_held(const char *store_path)
{
	char name[4096];
	struct flock range = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	snprintf(name, sizeof name, "%s/lock", store_path);
	int fd = io_open(name, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool is_held = fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
	close(fd);
	return is_held;
}

int opening_lock_acquire(const char *store_path, int *fd, struct cel_error *e)
{
	char name[4096];
	snprintf(name, sizeof name, "%s/data.mdb", store_path);
	*fd = io_open(name, O_RDONLY | O_CLOEXEC, 0);
	if (*fd < 0)
		return error_set_errno(e, CEL_EIO, errno, "%s", name);
	int rc = lock_within(*fd, OPENING_WAIT, try_opening_lock);
	if (rc == 0)
		return 0;
	close(*fd);
	*fd = -1;
	if (rc == EAGAIN)
		return error_set(e, CEL_EBUSY, "another process has been opening %s for %d s", store_path, OPENING_WAIT);
	return error_set_errno(e, CEL_EIO, rc, "locking %s", name);
}

void opening_lock_release(int fd)
{
	if (fd >= 0)
		close(fd);
}
