/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this layer know of each other's struct store. */
#ifndef STORE_STORE_IMPL_H
#define STORE_STORE_IMPL_H

#include "packs.h"
#include "segments.h"
#include "store.h"
#include "tmp.h"

struct store {
	char *path, *index_path, *cache_path, *tmp_parent, *segments_path;
	struct env env;
	struct segments segments;
	pthread_mutex_t tmp_mutex;
	struct tmp tmp; /* made when first asked for */
	bool is_read_only;
};

/* Verifies that bytes are the block of cid; CEL_ECORRUPT names both. */
int store_verify(const struct store *s, const struct cid *cid, struct slice bytes, struct cel_error *e);
/* DIR/tmp/OWNER, made if it is not there yet. */
int store_make_tmp(struct store *s, const char **path, struct cel_error *e);

#endif
