/* SPDX-License-Identifier: Apache-2.0 */
/* Refs and their log, inside a transaction. */
#ifndef STORE_REFS_H
#define STORE_REFS_H

#include "env.h"
#include "store.h"

int refs_check_name(const char *ref, struct cel_error *e); /* CEL_EUSAGE */
int refs_get(struct env *env, MDB_txn *txn, const char *ref, struct cid *out, struct cel_error *e); /* CEL_ENOTFOUND */
int refs_next(struct env *env, MDB_txn *txn, const char *prefix, char position[STORE_REF_MAX], struct cid *out,
	      struct cel_error *e);
int refs_log(struct env *env, MDB_txn *txn, const char *ref, uint64_t index, struct store_log_entry *out,
	     struct cel_error *e);
int refs_logs(struct env *env, MDB_txn *txn,
	      int (*each)(void *context, const char *ref, const struct store_log_entry *entry, struct cel_error *e),
	      void *context, struct cel_error *e);
/* CEL_EBUSY if the ref is not what the update expects. */
int refs_compare(struct env *env, MDB_txn *txn, const struct store_ref_update *update, struct cel_error *e);
/* Writes the new value and the log entry; an LMDB code. */
int refs_move(struct env *env, MDB_txn *txn, const struct store_ref_update *update, int64_t time);

#endif
