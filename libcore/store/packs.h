/* SPDX-License-Identifier: Apache-2.0 */
/* Packs: what a small batch writes to data.mdb stands together in one value (table packs: number -> pack), in the order in which the
 * batch gives it. A pack has a directory of its own, by which it is searched while it is open. Once there are many open ones their
 * directories go to a table (places: key of a block -> pack, offset, size), and they are closed. So a commit writes one run of pages,
 * not one page and the way to it for each block, and what was made together is read together. */
#ifndef STORE_PACKS_H
#define STORE_PACKS_H

#include "blocks.h"

#define PACK_BYTES ((size_t)4 << 20)  /* of blocks in one: a larger run of free pages is hard to find */
#define PACKS_OPEN_MAX 16u            /* every look-up of a block asks each of these */
#define PACK_PLACE_SIZE 16u           /* bytes of a value of places */

struct pack_block {
	struct cid cid;
	struct slice block;
};

struct pack {
	uint64_t number;
	uint32_t n;
	uint32_t n_buckets;
	struct slice bytes; /* see packs.c */
};

/* The open packs of a state, oldest first. A zeroed one has none. Slices live as long as the transaction. */
struct packs {
	struct pack *items;
	size_t n;
};
int packs_load(struct packs *p, struct env *env, MDB_txn *txn, struct cel_error *e);
void packs_release(struct packs *p);
bool packs_find(const struct packs *p, const struct cid *cid, struct slice *out); /* not verified */
uint64_t packs_count(const struct packs *p);                                      /* blocks in them */

/* What an entry of the table packs is; an LMDB code. */
int pack_open(struct pack *out, const MDB_val *key, const MDB_val *value);
uint64_t pack_block_bytes(const struct pack *pack);
/* Entry i of n; the block is empty if the directory is damaged. */
void pack_at(const struct pack *pack, uint32_t i, struct cid *cid, struct slice *block);
/* The block at a place, a value of the table places; CEL_ECORRUPT if it leads nowhere. */
int pack_block_at(struct env *env, MDB_txn *txn, const MDB_val *place, struct slice *out, struct cel_error *e);

/* LMDB codes. One new pack, open; of at least one block, none twice. */
int pack_put(struct env *env, MDB_txn *txn, const struct pack_block *blocks, size_t n);
/* Closes all that are open, if they are more than that. Those of this transaction too, if there is room for what it writes: LMDB
 * gives pages back when it has 130,000 of them. */
int packs_close(struct env *env, MDB_txn *txn, size_t most);
int pack_delete(struct env *env, MDB_txn *txn, uint64_t number); /* of which places has nothing */

#endif
