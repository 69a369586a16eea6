/* SPDX-License-Identifier: Apache-2.0 */
/* The one place through which the library reads, writes, syncs and renames files, so that a test can make the Nth
 * call of a kind fail, or be cut short. Every function behaves as its system call and sets errno. */
#ifndef IO_FAULT_H
#define IO_FAULT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum io_op { IO_OPEN, IO_READ, IO_WRITE, IO_SYNC, IO_RENAME, IO_URING, IO_OPS };

int io_open(const char *path, int flags, mode_t mode);
ssize_t io_pread(int fd, void *data, size_t size, off_t offset);
ssize_t io_read(int fd, void *data, size_t size);
ssize_t io_write(int fd, const void *data, size_t size);
ssize_t io_pwrite(int fd, const void *data, size_t size, off_t offset);
int io_fdatasync(int fd);
int io_fsync(int fd);
int io_rename(const char *from, const char *to);

/* Tests: the nth call (1 = the next) of op fails with errno_value and later ones succeed again; errno_value 0 on reads
 * and writes means "transfer one byte only", elsewhere EIO. nth 0 turns it off. Also set by the environment:
 * CEL_FAULT=op:nth:errno (e.g. write:3:28), several with commas between; op is open, read, write, sync, rename or
 * uring. A CEL_FAULT that cannot be read fails every io_open with EINVAL, so that no test passes by a typing slip. */
void io_fault_set(enum io_op op, uint64_t nth, int errno_value);
/* Calls of op since io_fault_set armed it; lets a test stop when the fault was never reached. */
uint64_t io_fault_count(enum io_op op);
/* Counts one call of op. True if it is the one to fail, errno_value then says how. For operations that are no system
 * call of their own (IO_URING: set-up, registration, then each read of the ring). */
bool io_fault_hit(enum io_op op, int *errno_value);

#endif
