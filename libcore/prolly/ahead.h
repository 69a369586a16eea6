/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that walks the two sides of a merge ahead of its caller: it takes the later part of the ids and finds the changes
 * there, while the caller goes through those before. What it found comes back in order, so nothing depends on how the two
 * threads ran. Finding them is nearly all of the work of a merge: nodes are looked up, mapped in, hashed and decoded. */
#ifndef PROLLY_AHEAD_H
#define PROLLY_AHEAD_H

#include "sides.h"

struct ahead;
/* For the later half of what is behind the id `after`. *out is NULL if there is nothing to gain or no way to: a small tree, no
 * thread, or a snapshot that cannot be had twice. m must outlive it. */
int ahead_start(struct ahead **out, const struct prolly_merge *m, struct slice after, struct cel_error *e);
/* The caller's part ends with this id, the thread's begins behind it. */
struct slice ahead_cut(const struct ahead *a);
/* Waits for the thread; then its changes: 1, 0 when there are no more, or the error it met. */
int ahead_next(struct ahead *a, struct sided_change *out, struct cel_error *e);
/* After that 0: the id of the last change, if the thread stopped there as it had gathered enough; else of size 0. */
struct slice ahead_rest(const struct ahead *a);
uint64_t ahead_nodes_read(const struct ahead *a); /* after the first ahead_next */
/* Values that were given out live as long as m's reads. */
void ahead_free(struct ahead *a);

#endif
