/* SPDX-License-Identifier: Apache-2.0 */
/* The mark of a store that all its trees are regular. */
#ifndef STORE_REGULAR_H
#define STORE_REGULAR_H

#include "env.h"

/* Inside a write transaction; LMDB codes. */
int regular_put(struct env *env, MDB_txn *txn);
int regular_drop(struct env *env, MDB_txn *txn);
int regular_get(struct env *env, MDB_txn *txn, struct cel_error *e); /* 1, 0, or an error */

#endif
