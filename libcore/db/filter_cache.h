/* SPDX-License-Identifier: Apache-2.0 */
/* Bitmaps of filters in the store's cache/: TREE.DIGEST.filter. They may go at any time, and a bad one counts as none. gc takes
 * those of trees that are gone. */
#ifndef DB_FILTER_CACHE_H
#define DB_FILTER_CACHE_H

#include "bitmap.h"
#include "db.h"

/* 1 with the bitmap, or 0. n: records of the tree. */
int filter_cache_load(struct cel_store *store, const struct cid *tree, uint64_t n, struct slice expression,
		      struct bitmap *out);
/* Does what it can: whatever goes wrong, the bitmap is in memory. */
void filter_cache_save(struct cel_store *store, const struct cid *tree, struct slice expression,
		       const struct bitmap *bitmap);

#endif
