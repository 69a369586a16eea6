/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about a comparison share. */
#ifndef DB_DIFF_IMPL_H
#define DB_DIFF_IMPL_H

#include "db.h"
#include "diff_walk.h"
#include "distance.h"

struct cel_diff {
	struct cel_schema schema;
	struct cel_store *stores[2];
	char commits[2][CEL_CID_TEXT_SIZE]; /* what the revs meant at first: names may move */
	struct diff_trees trees;
	struct cel_diff_options options;
	uint64_t n_changes; /* given out */
	struct measure measure;
	struct diff_walk *walk; /* made at the first change asked for */

	struct cel_key_change *keys;
	size_t n_keys, keys_capacity;
	struct buf key_bytes;
};

#endif
