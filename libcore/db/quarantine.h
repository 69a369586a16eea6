/* SPDX-License-Identifier: Apache-2.0 */
/* What has come in a transfer that is not complete yet, as far as it is whole: nodes with all that is below them, values of
 * leaves that are not, and commits with all their ancestors. Each is kept by a ref "quarantine/NAME/TIME/CID" (the
 * collection that the transfer is about, the time in hex), which only transfers about a collection of that name look at: what
 * somebody left there may be nothing for others to read. gc drops the refs when they are older than its grace. What is named so was checked against its CID and not against the rules of trees and records: that comes when
 * the tree is complete. */
#ifndef DB_QUARANTINE_H
#define DB_QUARANTINE_H

#include "buf.h"
#include "digest_set.h"
#include "store.h"

#define QUARANTINE_PREFIX "quarantine/"

struct quarantine {
	struct digest_set kept, values; /* nodes and commits; raw blocks; each with a struct kept_since */
	struct store_ref_update *updates; /* of this batch */
	char (*refs)[STORE_REF_MAX];
	size_t n, capacity;
	uint64_t now; /* Unix seconds */
	char prefix[sizeof QUARANTINE_PREFIX + CEL_NAME_MAX + 1];
};

/* All that the store has under that name. */
int quarantine_load(struct quarantine *q, struct store_read *read, const char *name, uint64_t now, struct cel_error *e);
void quarantine_release(struct quarantine *q);
bool quarantine_has(const struct quarantine *q, const struct cid *cid);

/* Adds to the updates; of what is kept, or not, already, nothing. */
int quarantine_keep(struct quarantine *q, const struct cid *cid, struct cel_error *e);
int quarantine_drop(struct quarantine *q, const struct cid *cid, struct cel_error *e);
/* Adds to the updates that all goes that was kept since quarantine_load. */
int quarantine_drop_own(struct quarantine *q, struct store_read *read, struct cel_error *e);
int quarantine_add(struct quarantine *q, const struct store_ref_update *update, struct cel_error *e); /* another ref's */
void quarantine_clear(struct quarantine *q); /* the updates are committed */

/* The time in the name of such a ref; 0 if it is none. */
uint64_t quarantine_time(const char *ref);

#endif
