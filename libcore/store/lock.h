/* SPDX-License-Identifier: Apache-2.0 */
/* The locks of a store that LMDB does not have: one writer at a time, and one that opens it at a time, over processes
 * and threads. */
#ifndef STORE_LOCK_H
#define STORE_LOCK_H

#include <stdbool.h>

struct cel_error;

/* Waits up to wait_seconds (0: does not wait, negative: for ever), then CEL_EBUSY. *fd holds the lock until
 * writer_lock_release, or until the process ends. */
int writer_lock_acquire(const char *store_path, double wait_seconds, int *fd, struct cel_error *e);
void writer_lock_release(int fd);
bool writer_lock_is_held(const char *store_path); /* by anybody, this process too, at this moment */

/* Held while LMDB opens the store. Who opens it first makes LMDB's shared memory anew, while others that LMDB knows of
 * wait for that; if it is killed meanwhile, they would go on with what it left half-made, and see (or write behind!) an
 * older state. With this lock nobody waits inside LMDB. CEL_EBUSY after a time that no opening takes. */
int opening_lock_acquire(const char *store_path, int *fd, struct cel_error *e);
void opening_lock_release(int fd);

#endif
