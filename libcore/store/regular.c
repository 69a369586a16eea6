/* SPDX-License-Identifier: Apache-2.0 */
/* A tree is regular if all its nodes end by the first hash: if it has no run over the cap, which takes ids that somebody has made
 * up for it. What a node of a regular tree ends with is known from its neighbours alone, so subtrees of one may be put into another
 * unread. One cannot see from a tree whether it is regular without reading all of it; but every tree of a store was built here,
 * key by key, so a store knows of all of them. A new one has the mark, and loses it for good with the first tree that is
 * not regular. */
#include "regular.h"

#include "batch_impl.h"
#include "error.h"

static MDB_val mark(void)
{
	return val_make("regular", 7);
}

int regular_put(struct env *env, MDB_txn *txn)
{
	MDB_val key = mark(), value = val_make("", 0);
	return mdb_put(txn, env->meta, &key, &value, 0);
}

int regular_drop(struct env *env, MDB_txn *txn)
{
	MDB_val key = mark();
	int rc = mdb_del(txn, env->meta, &key, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

int regular_get(struct env *env, MDB_txn *txn, struct cel_error *e)
{
	MDB_val key = mark(), value;
	int rc = mdb_get(txn, env->meta, &key, &value);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return env_error(env, rc, 0, "reading whether the trees are regular", e);
	return rc == 0;
}

void store_batch_set_irregular(struct store_batch *b)
{
	b->is_irregular = true;
}

int store_batch_is_regular(struct store_batch *b, struct cel_error *e)
{
	MDB_txn *txn;
	if (b->is_irregular)
		return 0;
	int rc = env_read_begin(&b->store->env, &txn, e);
	if (rc < 0)
		return rc;
	rc = regular_get(&b->store->env, txn, e);
	env_end(&b->store->env, txn);
	return rc;
}
