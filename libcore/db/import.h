/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing commits of another store into a batch of ours. */
#ifndef DB_IMPORT_H
#define DB_IMPORT_H

#include "ancestry.h"
#include "db.h"

struct import {
	struct store_batch *batch;
	struct store_read *ours, *theirs; /* theirs may be ours: then nothing is to be done */
	const struct cid *schema;         /* which every commit must have */
};

/* A commit that came from elsewhere and was decoded: it must have this schema, and encoded again this CID. Else CEL_EDATA. */
int import_put(struct store_batch *batch, const struct cid *schema, const struct cid *cid, const struct commit *commit,
	       struct cel_error *e);
/* The commits of ancestry->missing, parents first, each decoded, checked and encoded anew. */
int import_commits(const struct import *in, const struct ancestry *ancestry, struct cel_error *e);
/* The trees of those commits, as far as the other store has them; near: a tree that is here, for a commit without a parent
 * whose tree is. */
int import_trees(const struct import *in, const struct ancestry *ancestry, const struct cid *near, struct cel_error *e);

#endif
