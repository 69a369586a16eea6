/* SPDX-License-Identifier: Apache-2.0 */
/* The id of a store, inside a transaction. */
#ifndef STORE_IDENTITY_H
#define STORE_IDENTITY_H

#include "env.h"
#include "store.h"

int identity_make(uint8_t id[STORE_ID_SIZE], struct cel_error *e);
int identity_get(struct env *env, MDB_txn *txn, uint8_t id[STORE_ID_SIZE], struct cel_error *e); /* CEL_ECORRUPT */
int identity_put(struct env *env, MDB_txn *txn, const uint8_t id[STORE_ID_SIZE]); /* an LMDB code */

#endif
