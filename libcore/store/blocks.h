/* SPDX-License-Identifier: Apache-2.0 */
/* The blocks of data.mdb: those of large batches each under its key (table blocks), those of small ones in packs (packs.h). */
#ifndef STORE_BLOCKS_H
#define STORE_BLOCKS_H

#include "cid.h"
#include "env.h"

struct packs;

/* A key: what the block is, and its digest. That is the codec, but in the table blocks tree nodes above the leaves have an own
 * byte: they are one in fifty, nearly everything begins with reading them, and so they stand together. */
#define BLOCK_UPPER_NODE 0x01u
#define BLOCK_KEY_SIZE (1 + SHA256_SIZE)
bool block_is_upper_node(const struct cid *cid, struct slice block);
void block_key(const struct cid *cid, bool is_upper_node, uint8_t key[BLOCK_KEY_SIZE]);

/* 1 found, 0 not, or an error; the hash is not verified here. packs: the open ones of the transaction, NULL if there are none. */
int block_get(struct env *env, MDB_txn *txn, const struct packs *packs, const struct cid *cid, struct slice *out,
	      struct cel_error *e);
/* The same of a block whose bytes are known, which takes fewer steps. */
int block_has(struct env *env, MDB_txn *txn, const struct packs *packs, const struct cid *cid, struct slice block,
	      struct cel_error *e);

/* LMDB codes. */
int block_put(struct env *env, MDB_txn *txn, const struct cid *cid, struct slice block); /* to the table blocks */
int block_delete(struct env *env, MDB_txn *txn, const struct cid *cid); /* from it and from places; also 0 if there is none */

/* What an entry of blocks, or of places, stands for; false if it is none. A damaged place has an empty block. */
bool block_at(struct env *env, MDB_txn *txn, MDB_dbi table, const MDB_val *key, const MDB_val *value, struct cid *cid,
	      struct slice *block);

#endif
