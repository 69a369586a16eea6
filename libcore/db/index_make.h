/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping indexes at the pace of the commits. */
#ifndef DB_INDEX_MAKE_H
#define DB_INDEX_MAKE_H

#include "db.h"

/* To be called after every commit that is to have an index. As long as what is laid over the nearest index costs a query
 * little, nothing is done; then that index is carried along, and when a quarter of it has changed, or there is none, a
 * canonical one is built. */
int index_follow(struct cel_store *store, const char *rev, const struct cel_index_options *options,
		 struct cel_error *e);

#endif
