/* SPDX-License-Identifier: Apache-2.0 */
/* The LMDB environment of a store: opening under the map size rules, transactions, growth, and LMDB's errors as ours. */
#ifndef STORE_ENV_H
#define STORE_ENV_H

#include <lmdb.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "cel.h"

#define ENV_MAP_SIZE (64ull << 30)     /* tried first; $CEL_MAP_SIZE replaces it (for tests) */
#define ENV_MAP_SIZE_MIN (1ull << 30)  /* halved down to this */
#define ENV_IDLE_WAIT 10               /* seconds, see idle_wait */

struct env {
	MDB_env *mdb;
	MDB_dbi blocks, packs, places, refs, log, leases, meta;
	char *path; /* of the store */
	bool is_read_only;
	uint32_t n_stale; /* slots of dead readers that were freed when it was opened */
	bool is_lockless; /* read-only without a writable lock.mdb: not protected from a writer */
	pthread_mutex_t mutex;
	pthread_cond_t idle, gate;
	time_t idle_wait; /* seconds that growth waits for this process's transactions to end */
	uint32_t n_transactions; /* of this process; the map may move only when it is 0 */
	uint32_t n_waiting;      /* for that; new transactions hold back then, but for a second at most */
};

int env_init(const char *path, int64_t now, struct cel_error *e); /* makes data.mdb and lock.mdb with empty tables */
int env_open(struct env *env, const char *path, bool is_read_only, struct cel_error *e);
void env_close(struct env *env);

/* Transactions. The write transaction must be begun and ended by one thread, with the writer lock of lock.h held. */
int env_read_begin(struct env *env, MDB_txn **out, struct cel_error *e);
int env_write_begin(struct env *env, MDB_txn **out, struct cel_error *e);
int env_commit(struct env *env, MDB_txn *txn); /* ends it in any case; LMDB's code */
void env_end(struct env *env, MDB_txn *txn);   /* aborts; NULL does nothing */

/* Enlarges the map after MDB_MAP_FULL. No transaction of this thread may be open. */
int env_grow(struct env *env, struct cel_error *e);
/* Enlarges it if it is more than half full and nobody is reading; never fails. */
void env_grow_early(struct env *env);
/* LMDB met a failed write of its meta page and wants to be opened anew: what a failed commit did is then unknown. */
bool env_is_panicked(struct env *env);
uint64_t env_map_size(struct env *env);

/* An LMDB code (or errno) as an error. wanted: bytes that were being written, 0 if none. */
int env_error(const struct env *env, int rc, uint64_t wanted, const char *what, struct cel_error *e);

/* True for the f_type of a network file system, on which neither LMDB nor the locks are safe. */
bool env_is_network_type(uint64_t f_type);

static inline MDB_val val_make(const void *data, size_t size)
{
	union {
		const void *in;
		void *out;
	} pointer = {.in = data}; /* MDB_val has no const, LMDB only reads */
	return (MDB_val){.mv_size = size, .mv_data = pointer.out};
}

#endif
