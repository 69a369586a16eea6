/* SPDX-License-Identifier: Apache-2.0 */
/* Which index file a rev is best answered from: that of its own tree, else of a commit near it in history. */
#ifndef DB_INDEX_NEAR_H
#define DB_INDEX_NEAR_H

#include "index_files.h"

struct index_near {
	const struct index_file *file; /* of the list */
	struct cid commit;             /* the one whose tree it is of */
	uint64_t distance;             /* in generations; 0: the rev's own tree */
};

/* CEL_ENOTFOUND if none of the files is of a tree near enough. */
int index_near_find(struct store_read *read, const struct db_rev *rev, const struct index_files *files,
		    struct index_near *out, struct cel_error *e);

#endif
