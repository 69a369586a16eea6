/* SPDX-License-Identifier: Apache-2.0 */
/* A CID does not tell where its block is, so what is read is looked for in the open packs, in the places of the closed ones, among
 * the upper nodes and among all else. The first three are small. */
#include "blocks.h"

#include "bytes.h"
#include "packs.h"

/* Values of less than half a page stand in the pages of the tree of keys, which are then many. Upper nodes get pages of their own, by
 * zeros behind the block; the last two bytes count these. */
enum { APART = 2048, TRAILER = 2 };

/* By its first two bytes: an array of four, whose first is not 0. */
bool block_is_upper_node(const struct cid *cid, struct slice block)
{
	return cid->codec == CID_DAG_CBOR && block.size >= 2 && block.data[0] == 0x84 && block.data[1] != 0x00;
}

void block_key(const struct cid *cid, bool is_upper_node, uint8_t key[BLOCK_KEY_SIZE])
{
	key[0] = is_upper_node ? BLOCK_UPPER_NODE : cid->codec;
	memcpy(key + 1, cid->digest, SHA256_SIZE);
}

/* What is damaged stays as it is: it will not have the hash. */
static struct slice block_of(bool is_upper_node, const MDB_val *value)
{
	struct slice block = slice_make(value->mv_data, value->mv_size);
	if (!is_upper_node || block.size < TRAILER)
		return block;
	size_t more = TRAILER + load_le16(block.data + block.size - TRAILER);
	block.size -= more <= block.size ? more : 0;
	return block;
}

bool block_at(struct env *env, MDB_txn *txn, MDB_dbi table, const MDB_val *key, const MDB_val *value, struct cid *cid,
	      struct slice *block)
{
	const uint8_t *p = key->mv_data;
	if (key->mv_size != BLOCK_KEY_SIZE)
		return false;
	cid->codec = p[0] == BLOCK_UPPER_NODE ? CID_DAG_CBOR : p[0];
	memcpy(cid->digest, p + 1, SHA256_SIZE);
	if (table == env->places)
		pack_block_at(env, txn, value, block, NULL);
	else
		*block = block_of(p[0] == BLOCK_UPPER_NODE, value);
	return true;
}

/* In a pack, open or closed. */
static int get_packed(struct env *env, MDB_txn *txn, const struct packs *packs, const struct cid *cid, struct slice *out,
		      struct cel_error *e)
{
	uint8_t bytes[BLOCK_KEY_SIZE];
	MDB_val key = val_make(bytes, sizeof bytes), place;
	if (packs != NULL && packs_find(packs, cid, out))
		return 1;
	block_key(cid, false, bytes);
	int rc = mdb_get(txn, env->places, &key, &place);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return env_error(env, rc, 0, "looking for the place of a block", e);
	rc = pack_block_at(env, txn, &place, out, e);
	return rc < 0 ? rc : 1;
}

/* 1 found, 0 not, or an error. */
static int get_value(struct env *env, MDB_txn *txn, const struct cid *cid, bool is_upper_node, struct slice *out, struct cel_error *e)
{
	uint8_t bytes[BLOCK_KEY_SIZE];
	MDB_val key = val_make(bytes, sizeof bytes), value;
	block_key(cid, is_upper_node, bytes);
	int rc = mdb_get(txn, env->blocks, &key, &value);
	if (rc == 0)
		*out = block_of(is_upper_node, &value);
	return rc == 0 ? 1 : rc == MDB_NOTFOUND ? 0 : env_error(env, rc, 0, "reading a block", e);
}

int block_get(struct env *env, MDB_txn *txn, const struct packs *packs, const struct cid *cid, struct slice *out,
	      struct cel_error *e)
{
	int rc = get_packed(env, txn, packs, cid, out, e);
	if (rc == 0 && cid->codec == CID_DAG_CBOR)
		rc = get_value(env, txn, cid, true, out, e);
	return rc == 0 ? get_value(env, txn, cid, false, out, e) : rc;
}

int block_has(struct env *env, MDB_txn *txn, const struct packs *packs, const struct cid *cid, struct slice block,
	      struct cel_error *e)
{
	struct slice found;
	int rc = get_packed(env, txn, packs, cid, &found, e);
	return rc == 0 ? get_value(env, txn, cid, block_is_upper_node(cid, block), &found, e) : rc;
}

int block_put(struct env *env, MDB_txn *txn, const struct cid *cid, struct slice block)
{
	uint8_t bytes[BLOCK_KEY_SIZE];
	bool is_upper_node = block_is_upper_node(cid, block);
	MDB_val key = val_make(bytes, sizeof bytes), value = val_make(block.data, block.size);
	block_key(cid, is_upper_node, bytes);
	if (!is_upper_node)
		return mdb_put(txn, env->blocks, &key, &value, 0);
	size_t padding = block.size + TRAILER < APART ? APART - TRAILER - block.size : 0;
	value.mv_size = block.size + padding + TRAILER;
	int rc = mdb_put(txn, env->blocks, &key, &value, MDB_RESERVE);
	if (rc != 0)
		return rc;
	uint8_t *to = value.mv_data;
	memcpy(to, block.data, block.size);
	memset(to + block.size, 0, padding);
	store_le16(to + block.size + padding, (uint16_t)padding);
	return 0;
}

int block_delete(struct env *env, MDB_txn *txn, const struct cid *cid)
{
	uint8_t bytes[BLOCK_KEY_SIZE];
	MDB_val key = val_make(bytes, sizeof bytes);
	int rc = 0;
	for (int is_upper = cid->codec == CID_DAG_CBOR; is_upper >= 0 && rc == 0; is_upper--) {
		block_key(cid, is_upper == 1, bytes);
		rc = mdb_del(txn, env->blocks, &key, NULL);
		rc = rc == MDB_NOTFOUND ? 0 : rc;
	}
	if (rc == 0)
		rc = mdb_del(txn, env->places, &key, NULL);
	return rc == MDB_NOTFOUND ? 0 : rc;
}
