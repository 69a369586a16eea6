/* SPDX-License-Identifier: Apache-2.0 */
/* Index files of a store: DIR/index/TREE.METRIC-TYPE-DIM.M<M>.efc<ef_construction>.hnsw */
#ifndef DB_INDEX_FILES_H
#define DB_INDEX_FILES_H

#include "buf.h"
#include "db.h"
#include "hnsw.h"

#define DB_INDEX_NAME_MAX 192
void db_index_name(const struct db_rev *rev, uint32_t M, uint32_t ef_construction, char out[DB_INDEX_NAME_MAX]);
/* The path, NUL-terminated, of the best index file (highest ef_construction, then M) of the rev's tree. CEL_ENOTFOUND
 * if there is none. */
int db_index_find(struct cel_store *store, const struct db_rev *rev, struct buf *path, struct cel_error *e);

#endif
