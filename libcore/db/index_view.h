/* SPDX-License-Identifier: Apache-2.0 */
/* An index opened for a rev: its own, or one of a near tree with the difference laid over it. */
#ifndef DB_INDEX_VIEW_H
#define DB_INDEX_VIEW_H

#include "index_near.h"

struct index_view {
	struct hnsw_index *index;
	struct hnsw_overlay *overlay; /* NULL: the index is of the rev's own tree */
	struct index_file file;
	struct cid commit; /* whose tree the index is of */
	uint64_t changes;  /* records that differ in more than metadata */
};

/* As many changes as a pass over the rev's tree costs no less than. */
uint64_t index_view_limit(uint64_t records);

/* CEL_ENOTFOUND if there is none, or none with at most `limit` changes. A bad file of the rev's own tree is an error
 * (CEL_ECORRUPT, CEL_ECONFIG), of another it is passed over. */
int index_view_open(struct cel_store *store, struct store_read *read, const struct db_rev *rev, uint64_t limit,
		    struct index_view *out, struct cel_error *e);
void index_view_close(struct index_view *view);

#endif
