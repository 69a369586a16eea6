/* SPDX-License-Identifier: Apache-2.0 */
/* A store's id: 128 random bits in the meta table, by which other stores remember what they have merged from it: there
 * from the start and never changed. */
#include <errno.h>
#include <sys/random.h>

#include "batch_impl.h"
#include "error.h"
#include "identity.h"

int identity_make(uint8_t id[STORE_ID_SIZE], struct cel_error *e)
{
	if (getrandom(id, STORE_ID_SIZE, 0) != STORE_ID_SIZE)
		return error_set_errno(e, CEL_EINTERNAL, errno, "no random bytes for the id of a store");
	return 0;
}

int identity_get(struct env *env, MDB_txn *txn, uint8_t id[STORE_ID_SIZE], struct cel_error *e)
{
	MDB_val key = val_make("id", 2), value;
	int rc = mdb_get(txn, env->meta, &key, &value);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return env_error(env, rc, 0, "reading the id of the store", e);
	if (rc == MDB_NOTFOUND || value.mv_size != STORE_ID_SIZE)
		return error_set(e, CEL_ECORRUPT, "%s: the id of the store is damaged", env->path);
	memcpy(id, value.mv_data, STORE_ID_SIZE);
	return 0;
}

int identity_put(struct env *env, MDB_txn *txn, const uint8_t id[STORE_ID_SIZE])
{
	MDB_val key = val_make("id", 2), value = val_make(id, STORE_ID_SIZE);
	return mdb_put(txn, env->meta, &key, &value, 0);
}

int store_batch_id(struct store_batch *b, uint8_t id[STORE_ID_SIZE], struct cel_error *e)
{
	MDB_txn *txn;
	int rc = env_read_begin(&b->store->env, &txn, e);
	if (rc < 0)
		return rc;
	rc = identity_get(&b->store->env, txn, id, e);
	env_end(&b->store->env, txn);
	return rc;
}
