/* SPDX-License-Identifier: Apache-2.0 */
/* The segments of a store: the files in DIR/segments, opened when first needed. A set is one state of that directory;
 * it never changes, and what was found in it stays mapped until the set is released. */
#ifndef STORE_SEGMENTS_H
#define STORE_SEGMENTS_H

#include <pthread.h>
#include <sys/stat.h>

#include "buf.h"
#include "segment.h"

struct segment_set {
	_Atomic uint32_t n_owners;
	struct cel_error damage; /* of the first file that could not be opened; code 0 if none */
	size_t n;
	struct segment *items[]; /* sorted by path */
};

struct segments {
	char *path;
	pthread_mutex_t mutex;
	struct segment_set *current; /* NULL until first asked for */
	struct timespec changed, scanned;
};

int segments_init(struct segments *s, const char *path, struct cel_error *e);
void segments_release(struct segments *s);

/* The present state of the directory, which is read again if it has changed. */
int segments_acquire(struct segments *s, struct segment_set **out, struct cel_error *e);
void segment_set_release(struct segment_set *set); /* NULL is fine */

/* 1, 0 or an error, as segment_find over all of them. A damaged segment is an error only if no other has the block. */
int segment_set_find(const struct segment_set *set, const struct cid *cid, struct slice *out, struct cel_error *e);
/* Whether an index lists the raw block; quicker than to find it, and as good while nothing is damaged. */
bool segment_set_has(const struct segment_set *set, const struct cid *cid);
/* The path of the first segment whose index lists the block, or NULL. */
const char *segment_set_where(const struct segment_set *set, const struct cid *cid);
/* Names of all segments, SEGMENT_NAME_SIZE bytes each with their NULs, sorted. */
int segments_list(const struct segments *s, struct buf *names, struct cel_error *e);
/* After a miss that should have been a hit: CEL_ECORRUPT if a file could not be opened or an index is damaged. */
int segment_set_explain_miss(const struct segment_set *set, struct cel_error *e);

#endif
