/* SPDX-License-Identifier: Apache-2.0 */
/* The Nth call of one kind fails: the library's own (io_fault_set), those LMDB makes (the test program's pwrite, writev and
 * fdatasync take the place of libc's), or allocations. Included by one file of a program. */
#ifndef STORE_TEST_ANY_FAULT_H
#define STORE_TEST_ANY_FAULT_H

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "alloc.h"
#include "fault.h"
#include "helper.h"

static _Atomic long libc_nth, libc_count;
static int libc_errno; /* 0: cut the transfer short */

static bool is_hit(void)
{
	long nth = atomic_load(&libc_nth);
	return nth > 0 && atomic_fetch_add(&libc_count, 1) + 1 == nth;
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
	if (is_hit()) {
		if (libc_errno != 0) {
			errno = libc_errno;
			return -1;
		}
		size = size > 1 ? size / 2 : size;
	}
	return (ssize_t)syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t writev(int fd, const struct iovec *vectors, int n)
{
	if (is_hit()) {
		if (libc_errno != 0) {
			errno = libc_errno;
			return -1;
		}
		n = n > 1 ? n / 2 : n;
	}
	return (ssize_t)syscall(SYS_writev, fd, vectors, n);
}

int fdatasync(int fd)
{
	if (is_hit()) {
		errno = libc_errno != 0 ? libc_errno : EIO;
		return -1;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

static void libc_fault_set(long nth, int errno_value)
{
	libc_errno = errno_value;
	atomic_store(&libc_count, 0);
	atomic_store(&libc_nth, nth);
}

struct fault {
	const char *name;
	enum io_op op; /* IO_OPS: LMDB's calls; IO_OPS + 1: allocations */
	int errno_value;
};

static void arm(const struct fault *fault, long nth)
{
	if (fault->op < IO_OPS)
		io_fault_set(fault->op, (uint64_t)nth, fault->errno_value);
	else if (fault->op == IO_OPS)
		libc_fault_set(nth, fault->errno_value);
	else
		mem_fault_set((uint64_t)nth);
}

static bool was_reached(const struct fault *fault, long nth)
{
	uint64_t count = fault->op < IO_OPS ? io_fault_count(fault->op) :
			 fault->op == IO_OPS ? (uint64_t)atomic_load(&libc_count) : mem_fault_count();
	return count >= (uint64_t)nth;
}

static const struct fault FAULTS[] = {
	{"open EIO", IO_OPEN, EIO},       {"write ENOSPC", IO_WRITE, ENOSPC}, {"write EIO", IO_WRITE, EIO},
	{"write short", IO_WRITE, 0},     {"uring EIO", IO_URING, EIO},       {"sync EIO", IO_SYNC, EIO},         {"rename EIO", IO_RENAME, EIO},
	{"rename ENOSPC", IO_RENAME, ENOSPC},
	{"LMDB ENOSPC", IO_OPS, ENOSPC},  {"LMDB EIO", IO_OPS, EIO},          {"LMDB short", IO_OPS, 0},
	{"memory", IO_OPS + 1, ENOMEM},
};


#define N_FAULTS (sizeof FAULTS / sizeof FAULTS[0])

#endif
