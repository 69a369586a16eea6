/* SPDX-License-Identifier: Apache-2.0 */
/* A pack is put once and never changed; gc takes whole ones away. meta has the number of the last one that is closed: those
 * above it are open. Numbers ascend, and none comes twice as long as a place or that mark knows it.
 *
 *     n         4 bytes
 *     buckets   4 bytes each: how many keys are in it and those before it. By the first 32 bits of the digest, of which each has its
 *               share; there are as many as the least power of two that is at least n / 2
 *     keys      33 bytes each, ascending by digest
 *     spans     4 bytes of offset in the pack, 4 of size, each
 *     blocks
 *
 * Most of the packs that are asked do not have the block: that takes two looks. */
#include "packs.h"

#include <errno.h>
#include <stdlib.h>

#include "alloc.h"
#include "bytes.h"
#include "error.h"

enum { HEAD = 4, BUCKET = 4, SPAN = 8, NUMBER = 8 };

static MDB_val closed_key(void)
{
	return val_make("closed", 6);
}

static int get_closed(struct env *env, MDB_txn *txn, uint64_t *out)
{
	MDB_val key = closed_key(), value;
	*out = 0;
	int rc = mdb_get(txn, env->meta, &key, &value);
	if (rc == 0 && value.mv_size != NUMBER)
		return MDB_CORRUPTED;
	if (rc == 0)
		*out = load_le64(value.mv_data);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* ---- reading one */

static uint32_t bucket_count(size_t n)
{
	uint32_t count = 1;
	while (count < n / 2)
		count *= 2;
	return count;
}

static size_t directory_size(size_t n)
{
	return HEAD + (size_t)bucket_count(n) * BUCKET + n * (BLOCK_KEY_SIZE + SPAN);
}

static uint32_t bucket_of(const uint8_t *digest, uint32_t n_buckets)
{
	return (uint32_t)((load_be64(digest) >> 32) * n_buckets >> 32);
}

int pack_open(struct pack *out, const MDB_val *key, const MDB_val *value)
{
	struct slice bytes = slice_make(value->mv_data, value->mv_size);
	uint32_t n = bytes.size < HEAD ? 0 : load_le32(bytes.data);
	if (key->mv_size != NUMBER || n == 0 || n > bytes.size || directory_size(n) > bytes.size)
		return MDB_CORRUPTED;
	*out = (struct pack){.number = load_be64(key->mv_data), .n = n, .n_buckets = bucket_count(n), .bytes = bytes};
	return 0;
}

uint64_t pack_block_bytes(const struct pack *pack)
{
	return pack->bytes.size - directory_size(pack->n);
}

static const uint8_t *key_at(const struct pack *pack, uint32_t i)
{
	return pack->bytes.data + HEAD + (size_t)pack->n_buckets * BUCKET + (size_t)i * BLOCK_KEY_SIZE;
}

static const uint8_t *span_at(const struct pack *pack, uint32_t i)
{
	return key_at(pack, pack->n) + (size_t)i * SPAN;
}

static struct slice slice_at(const struct pack *pack, uint64_t offset, uint64_t size)
{
	bool is_within = offset <= pack->bytes.size && size <= pack->bytes.size - offset;
	return is_within ? slice_make(pack->bytes.data + offset, size) : slice_make(NULL, 0);
}

void pack_at(const struct pack *pack, uint32_t i, struct cid *cid, struct slice *block)
{
	const uint8_t *key = key_at(pack, i), *span = span_at(pack, i);
	cid->codec = key[0];
	memcpy(cid->digest, key + 1, SHA256_SIZE);
	*block = slice_at(pack, load_le32(span), load_le32(span + 4));
}

static bool find_in(const struct pack *pack, const struct cid *cid, struct slice *out)
{
	uint32_t bucket = bucket_of(cid->digest, pack->n_buckets);
	const uint8_t *ends = pack->bytes.data + HEAD + (size_t)bucket * BUCKET;
	uint32_t i = bucket > 0 ? load_le32(ends - BUCKET) : 0, end = load_le32(ends);
	for (; i < end && i < pack->n; i++) {
		const uint8_t *key = key_at(pack, i);
		struct cid same;
		if (key[0] != cid->codec || memcmp(key + 1, cid->digest, SHA256_SIZE) != 0)
			continue;
		pack_at(pack, i, &same, out);
		return true;
	}
	return false;
}

/* 1, 0 or an error. */
static int pack_get(struct env *env, MDB_txn *txn, uint64_t number, struct pack *out, struct cel_error *e)
{
	uint8_t bytes[NUMBER];
	MDB_val key = val_make(bytes, sizeof bytes), value;
	store_be64(bytes, number);
	int rc = mdb_get(txn, env->packs, &key, &value);
	if (rc == 0)
		rc = pack_open(out, &key, &value);
	if (rc == MDB_NOTFOUND)
		return 0;
	return rc != 0 ? env_error(env, rc, 0, "reading a pack", e) : 1;
}

int pack_block_at(struct env *env, MDB_txn *txn, const MDB_val *place, struct slice *out, struct cel_error *e)
{
	struct pack pack;
	const uint8_t *p = place->mv_data;
	*out = slice_make(NULL, 0);
	int rc = place->mv_size == PACK_PLACE_SIZE ? pack_get(env, txn, load_le64(p), &pack, e) : 0;
	if (rc > 0)
		*out = slice_at(&pack, load_le32(p + 8), load_le32(p + 12));
	if (rc >= 0 && out->data == NULL)
		return env_error(env, MDB_CORRUPTED, 0, "looking for the place of a block", e);
	return rc < 0 ? rc : 0;
}

/* ---- the open ones */

int packs_load(struct packs *p, struct env *env, MDB_txn *txn, struct cel_error *e)
{
	MDB_cursor *cursor;
	uint64_t closed;
	uint8_t bytes[NUMBER];
	size_t capacity = 0;
	*p = (struct packs){0};
	int code = get_closed(env, txn, &closed), rc = 0;
	if (code == 0)
		code = mdb_cursor_open(txn, env->packs, &cursor);
	if (code != 0)
		return env_error(env, code, 0, "looking for packs", e);
	MDB_val key = val_make(bytes, sizeof bytes), value;
	store_be64(bytes, closed + 1);
	for (code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE); code == 0 && rc == 0;
	     code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		rc = mem_grow(&p->items, &capacity, p->n + 1, sizeof *p->items, e);
		if (rc == 0)
			code = pack_open(&p->items[p->n++], &key, &value);
		if (code != 0)
			break;
	}
	mdb_cursor_close(cursor);
	if (rc == 0 && code != MDB_NOTFOUND)
		rc = env_error(env, code, 0, "looking for packs", e);
	if (rc < 0)
		packs_release(p);
	return rc;
}

void packs_release(struct packs *p)
{
	mem_free(p->items);
	*p = (struct packs){0};
}

bool packs_find(const struct packs *p, const struct cid *cid, struct slice *out)
{
	for (size_t i = p->n; i-- > 0;)
		if (find_in(&p->items[i], cid, out))
			return true;
	return false;
}

uint64_t packs_count(const struct packs *p)
{
	uint64_t n = 0;
	for (size_t i = 0; i < p->n; i++)
		n += p->items[i].n;
	return n;
}

/* ---- writing */

static int put_place(struct env *env, MDB_txn *txn, const struct pack *pack, uint32_t i)
{
	uint8_t place[PACK_PLACE_SIZE];
	MDB_val key = val_make(key_at(pack, i), BLOCK_KEY_SIZE), value = val_make(place, sizeof place);
	store_le64(place, pack->number);
	memcpy(place + 8, span_at(pack, i), SPAN);
	return mdb_put(txn, env->places, &key, &value, 0);
}

static int put_places(struct env *env, MDB_txn *txn, const struct pack *pack)
{
	int rc = 0;
	for (uint32_t i = 0; i < pack->n && rc == 0; i++)
		rc = put_place(env, txn, pack, i);
	return rc;
}

static int set_closed(struct env *env, MDB_txn *txn, uint64_t number)
{
	uint8_t bytes[NUMBER];
	MDB_val key = closed_key(), value = val_make(bytes, sizeof bytes);
	store_le64(bytes, number);
	return mdb_put(txn, env->meta, &key, &value, 0);
}

int packs_close(struct env *env, MDB_txn *txn, size_t most)
{
	struct packs open;
	struct cel_error e;
	int rc = packs_load(&open, env, txn, &e);
	if (rc < 0)
		return rc == CEL_ENOMEM ? ENOMEM : MDB_CORRUPTED;
	bool is_over = open.n > most;
	for (size_t i = 0; i < open.n && is_over && rc == 0; i++)
		rc = put_places(env, txn, &open.items[i]);
	if (is_over && rc == 0)
		rc = set_closed(env, txn, open.items[open.n - 1].number);
	packs_release(&open);
	return rc;
}

static int next_number(struct env *env, MDB_txn *txn, uint64_t *out)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = get_closed(env, txn, out);
	if (rc == 0)
		rc = mdb_cursor_open(txn, env->packs, &cursor);
	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
	if (rc == 0 && key.mv_size != NUMBER)
		rc = MDB_CORRUPTED;
	if (rc == 0 && load_be64(key.mv_data) > *out)
		*out = load_be64(key.mv_data);
	mdb_cursor_close(cursor);
	++*out;
	return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Where a block stands, for the directory. */
struct entry {
	const struct cid *cid;
	uint32_t offset, size;
};

static int by_digest(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = memcmp(x->cid->digest, y->cid->digest, SHA256_SIZE);
	return order != 0 ? order : x->cid->codec - y->cid->codec;
}

/* Gives the size of the whole. */
static size_t fill_entries(struct entry *entries, const struct pack_block *blocks, size_t n)
{
	size_t end = directory_size(n);
	for (size_t i = 0; i < n; i++) {
		entries[i] = (struct entry){&blocks[i].cid, (uint32_t)end, (uint32_t)blocks[i].block.size};
		end += blocks[i].block.size;
	}
	return end;
}

static void fill_buckets(uint8_t *out, const struct entry *entries, size_t n)
{
	uint32_t n_buckets = bucket_count(n);
	size_t i = 0;
	for (uint32_t bucket = 0; bucket < n_buckets; bucket++) {
		while (i < n && bucket_of(entries[i].cid->digest, n_buckets) == bucket)
			i++;
		store_le32(out + (size_t)bucket * BUCKET, (uint32_t)i);
	}
}

static void fill_pack(uint8_t *out, const struct entry *entries, const struct pack_block *blocks, size_t n)
{
	uint8_t *buckets = out + HEAD, *key = buckets + (size_t)bucket_count(n) * BUCKET, *span = key + n * BLOCK_KEY_SIZE,
		*bytes = span + n * SPAN;
	store_le32(out, (uint32_t)n);
	fill_buckets(buckets, entries, n);
	for (size_t i = 0; i < n; i++, key += BLOCK_KEY_SIZE, span += SPAN) {
		block_key(entries[i].cid, false, key);
		store_le32(span, entries[i].offset);
		store_le32(span + 4, entries[i].size);
	}
	for (size_t i = 0; i < n; bytes += blocks[i++].block.size)
		memcpy(bytes, blocks[i].block.data, blocks[i].block.size);
}

int pack_put(struct env *env, MDB_txn *txn, const struct pack_block *blocks, size_t n)
{
	uint8_t bytes[NUMBER];
	uint64_t number;
	MDB_val key = val_make(bytes, sizeof bytes), value;
	MEM_CLEANUP struct entry *entries = mem_calloc(n, sizeof *entries);
	int rc = entries != NULL ? next_number(env, txn, &number) : ENOMEM;
	if (rc != 0)
		return rc;
	value = val_make(NULL, fill_entries(entries, blocks, n));
	qsort(entries, n, sizeof *entries, by_digest);
	store_be64(bytes, number);
	rc = mdb_put(txn, env->packs, &key, &value, MDB_RESERVE | MDB_APPEND);
	if (rc == 0)
		fill_pack(value.mv_data, entries, blocks, n);
	return rc;
}

int pack_delete(struct env *env, MDB_txn *txn, uint64_t number)
{
	uint8_t bytes[NUMBER];
	MDB_val key = val_make(bytes, sizeof bytes);
	store_be64(bytes, number);
	return mdb_del(txn, env->packs, &key, NULL);
}
