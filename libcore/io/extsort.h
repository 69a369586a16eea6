/* SPDX-License-Identifier: Apache-2.0 */
/* External merge sort of (key, payload) items by key in byte order; items of equal keys keep the order in which they
 * were added (stable). Memory stays under the limit: what does not fit goes to unlinked temporary files and is merged
 * with a loser tree. Input in order is written and read but once, as one run. */
#ifndef IO_EXTSORT_H
#define IO_EXTSORT_H

#include "slice.h"

struct cel_error;
struct extsort;

#define EXTSORT_MEMORY_MIN (1u << 20)
#define EXTSORT_KEY_MAX (64u << 10)     /* bytes */
#define EXTSORT_PAYLOAD_MAX (16u << 20) /* bytes */

/* threads: with more than 1 a thread of its own sorts and writes while items are added. CEL_EUSAGE if the limit is under
 * EXTSORT_MEMORY_MIN or an item is over the bounds; CEL_EIO if the disk is full, perhaps only told by a later call. */
int extsort_new(size_t memory_limit, uint32_t threads, const char *directory, struct extsort **out, struct cel_error *e);
/* Instead of the directory that was given (NULL then): it is asked for, by a call that adds, when runs are about to be written, so
 * that what fits into memory makes none. The text must live as long as s. */
typedef int extsort_directory_fn(void *context, const char **path, struct cel_error *e);
void extsort_ask_directory(struct extsort *s, extsort_directory_fn *ask, void *context);
void extsort_free(struct extsort *s);
int extsort_add(struct extsort *s, struct slice key, struct slice payload, struct cel_error *e);
/* The same with a payload that lies in n parts. */
int extsort_add_parts(struct extsort *s, struct slice key, const struct slice *parts, size_t n, struct cel_error *e);
int extsort_finish(struct extsort *s, struct cel_error *e); /* no more adds */
/* 1 an item, 0 the end, negative an error. Slices are borrowed until the next call. */
int extsort_next(struct extsort *s, struct slice *key, struct slice *payload, struct cel_error *e);
uint64_t extsort_count(const struct extsort *s);

#endif
