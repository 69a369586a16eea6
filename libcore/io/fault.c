/* SPDX-License-Identifier: Apache-2.0 */
/* Thin wrappers of system calls. Each asks io_fault_hit first, which counts calls only while a fault of that kind is
 * armed; unarmed it costs one relaxed load. The environment is read once, before the first call. */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const OP_NAMES[IO_OPS] = {
	[IO_OPEN] = "open", [IO_READ] = "read",     [IO_WRITE] = "write",
	[IO_SYNC] = "sync", [IO_RENAME] = "rename", [IO_URING] = "uring",
};

static struct {
	_Atomic uint64_t nth;
	_Atomic uint64_t count;
	_Atomic int errno_value;
} faults[IO_OPS];
static bool is_environment_wrong;
static pthread_once_t environment_once = PTHREAD_ONCE_INIT;

static void arm(enum io_op op, uint64_t nth, int errno_value)
{
	atomic_store(&faults[op].count, 0);
	atomic_store(&faults[op].errno_value, errno_value);
	atomic_store(&faults[op].nth, nth);
}

/* One op:nth:errno; returns what follows it, or NULL if it is none. */
static const char *parse_fault(const char *text)
{
	size_t length = strcspn(text, ":");
	for (int op = 0; op < IO_OPS; op++) {
		if (strlen(OP_NAMES[op]) != length || strncmp(text, OP_NAMES[op], length) != 0)
			continue;
		unsigned long long nth;
		int errno_value, used = 0;
		if (sscanf(text + length, ":%llu:%d%n", &nth, &errno_value, &used) != 2 || nth == 0 || errno_value < 0)
			return NULL;
		arm((enum io_op)op, nth, errno_value);
		return text + length + used;
	}
	return NULL;
}

static void read_environment(void)
{
	const char *p = getenv("CEL_FAULT");
	while (p != NULL && *p != '\0') {
		p = parse_fault(p);
		if (p == NULL || (*p != '\0' && *p != ',')) {
			is_environment_wrong = true;
			return;
		}
		p += *p == ',';
	}
}

void io_fault_set(enum io_op op, uint64_t nth, int errno_value)
{
	pthread_once(&environment_once, read_environment);
	arm(op, nth, errno_value);
}

uint64_t io_fault_count(enum io_op op)
{
	return atomic_load(&faults[op].count);
}

bool io_fault_hit(enum io_op op, int *errno_value)
{
	pthread_once(&environment_once, read_environment);
	uint64_t nth = atomic_load_explicit(&faults[op].nth, memory_order_relaxed);
	if (nth == 0 || atomic_fetch_add(&faults[op].count, 1) + 1 != nth)
		return false;
	*errno_value = atomic_load(&faults[op].errno_value);
	return true;
}

/* For calls that cannot be cut short: true and errno set if this one is to fail. */
static bool is_failing(enum io_op op)
{
	int errno_value;
	if (!io_fault_hit(op, &errno_value))
		return false;
	errno = errno_value != 0 ? errno_value : EIO;
	return true;
}

/* For transfers: the same, but an errno value of 0 cuts the size to one byte instead. */
static bool is_failing_transfer(enum io_op op, size_t *size)
{
	int errno_value;
	if (!io_fault_hit(op, &errno_value))
		return false;
	if (errno_value == 0) {
		*size = *size > 1 ? 1 : *size;
		return false;
	}
	errno = errno_value;
	return true;
}

int io_open(const char *path, int flags, mode_t mode)
{
	bool is_hit = is_failing(IO_OPEN);
	if (is_environment_wrong)
		errno = EINVAL;
	if (is_hit || is_environment_wrong)
		return -1;
	return open(path, flags | O_CLOEXEC, mode);
}

ssize_t io_pread(int fd, void *data, size_t size, off_t offset)
{
	return is_failing_transfer(IO_READ, &size) ? -1 : pread(fd, data, size, offset);
}

ssize_t io_read(int fd, void *data, size_t size)
{
	return is_failing_transfer(IO_READ, &size) ? -1 : read(fd, data, size);
}

ssize_t io_write(int fd, const void *data, size_t size)
{
	return is_failing_transfer(IO_WRITE, &size) ? -1 : write(fd, data, size);
}

ssize_t io_pwrite(int fd, const void *data, size_t size, off_t offset)
{
	return is_failing_transfer(IO_WRITE, &size) ? -1 : pwrite(fd, data, size, offset);
}

int io_fdatasync(int fd)
{
	return is_failing(IO_SYNC) ? -1 : fdatasync(fd);
}

int io_fsync(int fd)
{
	return is_failing(IO_SYNC) ? -1 : fsync(fd);
}

int io_rename(const char *from, const char *to)
{
	return is_failing(IO_RENAME) ? -1 : rename(from, to);
}
