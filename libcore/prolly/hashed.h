/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: trees whose boundaries follow another hash than the format's, as hostile ids would make them; and bounds that
 * are reached sooner. */
#ifndef PROLLY_HASHED_H
#define PROLLY_HASHED_H

#include "chunker.h"

struct prolly_update;
int prolly_builder_new_hashed(struct store_batch *batch, chunk_hash_fn *hash, struct prolly_builder **out,
			      struct cel_error *e);
int prolly_update_new_hashed(struct store_batch *batch, struct store_read *read, const struct cid *base,
			     chunk_hash_fn *hash, struct prolly_update **out, struct cel_error *e);
/* Bytes of changes that wait for whether ids come or go. */
void prolly_update_wait_at_most(struct prolly_update *u, size_t bytes);
/* Grafts without looking whether: their trees are regular; both trees end with it or neither; level 0 is at rest; what comes next is
 * behind it by w entries. */
enum { PROLLY_BUG_IRREGULAR = 1, PROLLY_BUG_ENDS = 2, PROLLY_BUG_RESTLESS = 4, PROLLY_BUG_BEHIND = 8 };
void prolly_update_plant(struct prolly_update *u, unsigned bugs);
/* *is_irregular, unless NULL: a run over the cap was met (before what is wrong, if anything is). */
int prolly_check_hashed(struct store_read *read, const struct cid *root, chunk_hash_fn *hash, bool *is_irregular,
			int (*visit)(void *context, const struct prolly_entry *entry, struct cel_error *e), void *context,
			struct cel_error *e);

#endif
