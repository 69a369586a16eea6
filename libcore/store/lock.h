/* SPDX-License-Identifier: Apache-2.0 */
/* The writer lock of a store: one writer at a time, over processes and threads. */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

struct cel_error;

/* Waits up to wait_seconds (0: does not wait, negative: for ever), then CEL_EBUSY. *fd holds the lock until
 * writer_lock_release, or until the process ends. */
int writer_lock_acquire(const char *store_path, double wait_seconds, int *fd, struct cel_error *e);
void writer_lock_release(int fd);

#endif
