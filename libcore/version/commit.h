/* SPDX-License-Identifier: Apache-2.0 */
/* Schema and commit blocks: canonical DAG-CBOR arrays.
 *
 *     schema  ["cel-schema", 1, dim, type, metric, model]
 *     commit  ["cel-commit", 1, schema link, tree link, [parent link...], generation, time, author, message]
 *
 * Parents are sorted by CID and distinct (at most 2); generation is 1 + the largest of the parents', 0 without parents.
 * Author and message are UTF-8 without NUL, the author one line without control characters; time and generation are
 * below 2^63. */
#ifndef VERSION_COMMIT_H
#define VERSION_COMMIT_H

#include "buf.h"
#include "cid.h"
#include "store.h"

#define COMMIT_PARENTS_MAX 2
#define COMMIT_AUTHOR_MAX 255u
#define COMMIT_MESSAGE_MAX 65535u

struct commit {
	struct cid schema;
	struct cid tree;
	struct cid parents[COMMIT_PARENTS_MAX];
	uint32_t n_parents;
	uint64_t generation;
	uint64_t time; /* Unix seconds */
	struct slice author, message; /* UTF-8; borrowed from the block when decoded */
};

int commit_decode(struct slice block, struct commit *out, struct cel_error *e); /* CEL_ECORRUPT if not canonical */
/* Parents may be given in any order. CEL_EUSAGE for what commit_decode would refuse (a text that is too long, ...). */
int commit_put(struct store_batch *batch, const struct commit *commit, struct cid *out, struct cel_error *e);
/* CEL_ENOTFOUND if the store has no such block. */
int commit_read(struct store_read *read, const struct cid *cid, struct commit *out, struct cel_error *e);

/* The block of a commit or a schema, appended to b. */
int commit_encode(const struct commit *commit, struct buf *b, struct cel_error *e);
int schema_encode(const struct cel_schema *schema, struct buf *b, struct cel_error *e);

int schema_decode(struct slice block, struct cel_schema *out, struct cel_error *e);
int schema_put(struct store_batch *batch, const struct cel_schema *schema, struct cid *out, struct cel_error *e);
int schema_read(struct store_read *read, const struct cid *cid, struct cel_schema *out, struct cel_error *e);

/* The genesis commit of a schema: empty tree, no parents, generation 0, time 0, no author, no message. */
int commit_put_genesis(struct store_batch *batch, const struct cel_schema *schema, struct cid *out, struct cel_error *e);

#endif
