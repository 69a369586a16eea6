/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: while a batch needs more than one transaction, what it has written so far belongs to a lease, which gc
 * honours and the last transaction drops. */
#ifndef STORE_LEASE_H
#define STORE_LEASE_H

#include <lmdb.h>

#include "cel.h"

#define LEASE_ID_SIZE 16
#define LEASE_BOOT_SIZE 36

struct lease {
	uint8_t id[LEASE_ID_SIZE];
	uint64_t pid;
	uint64_t start; /* of the process, in clock ticks since boot */
	char boot[LEASE_BOOT_SIZE]; /* the kernel's random id of this boot */
	int64_t begun, renewed;     /* Unix seconds */
};

int lease_new(struct lease *lease, struct cel_error *e); /* of this process */
bool lease_is_live(const struct lease *lease);           /* its process runs on this machine, in this boot */

int64_t lease_process_time(uint64_t pid); /* when that process began, Unix seconds; 0: there is none, or not in sight */
bool lease_decode(const MDB_val *key, const MDB_val *value, struct lease *out); /* false: it is damaged */

/* All of these return LMDB codes. */
int lease_put(MDB_txn *txn, MDB_dbi leases, struct lease *lease); /* sets renewed */
int lease_drop(MDB_txn *txn, MDB_dbi leases, const struct lease *lease);
/* Removes the leases of dead processes, and those of this process but `keep` (may be NULL): the writer lock is ours, so
 * they are of batches that have ended. *n_live: how many are left, keep not counted. */
int lease_sweep(MDB_txn *txn, MDB_dbi leases, const struct lease *keep, size_t *n_live);

#endif
