/* SPDX-License-Identifier: Apache-2.0 */
/* A store: blocks by CID, refs, their log and leases, in LMDB and sealed segments behind one table.
 *
 *     DIR/data.mdb, lock.mdb   LMDB: nodes, commits, schemas, small raw blocks, refs, ref log, leases, settings
 *     DIR/segments/            sealed CARv2 files of raw blocks, never changed once named
 *     DIR/index/  DIR/cache/   derived files; may be deleted at any time
 *     DIR/tmp/OWNER/           temporary files of one process (swept at open when their owner is gone)
 *     DIR/lock                 the writer lock (open file description lock)
 *
 * Durable order: segments are sealed first, then blocks go to LMDB, those of a small batch as packs in one transaction, others in
 * several of at most 64 MiB under a lease, and the last transaction moves the refs by compare-and-swap. A crash leaves only what nothing refers to. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "cid.h"

struct store;
struct store_read;
struct store_batch;

struct store_options {
	bool is_read_only;
};

/* Creates the directory (its parent must exist). CEL_ECANTCREAT if it exists and is not empty. */
int store_init(const char *path, struct cel_error *e);
/* CEL_ENOINPUT if there is no store, CEL_ECONFIG if its format is newer, CEL_EUNAVAILABLE on a network file system,
 * CEL_EBUSY if this process has it open already. A read-only store whose lock.mdb cannot be written is read without
 * LMDB's lock: only safe while nobody writes. options may be NULL. */
int store_open(const char *path, const struct store_options *options, struct store **out, struct cel_error *e);
void store_free(struct store *s);
const char *store_path(const struct store *s);
/* DIR/index, DIR/cache, DIR/tmp/OWNER (this process's own); made if missing. The text lives as long as the store. */
const char *store_index_path(const struct store *s);
const char *store_cache_path(const struct store *s);
const char *store_tmp_path(struct store *s);
/* The same as an extsort_directory_fn, the store being the context: what needs no file makes no directory. */
int store_find_tmp(void *store, const char **path, struct cel_error *e);

/* ---- reading: a snapshot. Slices live until store_read_end. One thread at a time. Not to be held across pipe or
 * network I/O: use store_read_renew at intervals. */
int store_read_begin(struct store *s, struct store_read **out, struct cel_error *e);
void store_read_end(struct store_read *r); /* NULL is fine */
/* The present state in place of the old one; slices end. After an error only store_read_end may follow. */
int store_read_renew(struct store_read *r, struct cel_error *e);
/* The block, its hash verified. CEL_ENOTFOUND if absent, CEL_ECORRUPT if the bytes do not match the CID. */
int store_read_block(struct store_read *r, const struct cid *cid, struct slice *out, struct cel_error *e);
int store_read_has(struct store_read *r, const struct cid *cid, struct cel_error *e); /* 1, 0 or an error */
/* From now on nodes are given out before their hashes are verified, which another thread does meanwhile. Nothing that was made of
 * them may leave the process before store_read_settle: 0 if all were sound, else CEL_ECORRUPT; then all is as without. */
void store_read_defer(struct store_read *r);
int store_read_settle(struct store_read *r, struct cel_error *e);

/* Where the block is, its hash not verified: 1, 0 or an error. file is "data.mdb" or "segments/NAME", filled in too when the
 * segment that should have the block is damaged, and "" if there is none. */
struct store_location {
	char file[96];
	size_t size; /* of the block */
};
int store_read_locate(struct store_read *r, const struct cid *cid, struct store_location *out, struct cel_error *e);
/* Opens every segment and compares its index with its name. `tell` gets the file ("segments/NAME") and what is wrong with
 * it, NULL if nothing is; what it returns, unless 0, ends the check and is returned. */
int store_check_segments(struct store *s,
			 int (*tell)(void *context, const char *file, const struct cel_error *problem, struct cel_error *e),
			 void *context, struct cel_error *e);

/* Refs: "heads/NAME" is a collection, "tags/..." a tag. CEL_ENOTFOUND if absent. */
int store_read_ref(struct store_read *r, const char *ref, struct cid *out, struct cel_error *e);
/* Refs that begin with prefix, in byte order: start with *position = "" and go on with what came back.
 * 1 an item (name copied into position, a buffer of STORE_REF_MAX), 0 the end. */
#define STORE_REF_MAX 256
int store_read_next_ref(struct store_read *r, const char *prefix, char position[STORE_REF_MAX], struct cid *out,
			struct cel_error *e);
/* The log of a ref, newest first; index 0 is the present value. CEL_ENOTFOUND past the end. */
struct store_log_entry {
	bool has_old, has_new;
	struct cid old, new;
	int64_t time;      /* Unix seconds */
	char message[256]; /* what moved it */
};
int store_read_ref_log(struct store_read *r, const char *ref, uint64_t index, struct store_log_entry *out,
		       struct cel_error *e);
/* Every entry of every log, also of refs that are gone. What `each` returns, unless 0, ends it and is returned. */
int store_read_logs(struct store_read *r,
		    int (*each)(void *context, const char *ref, const struct store_log_entry *entry, struct cel_error *e),
		    void *context, struct cel_error *e);

/* The store's random id, by which others remember what they have merged from it. */
#define STORE_ID_SIZE 16
int store_read_id(struct store_read *r, uint8_t id[STORE_ID_SIZE], struct cel_error *e);
/* 1 if the store says that all its trees are regular (regular.c), else 0. */
int store_read_is_regular(struct store_read *r, struct cel_error *e);

/* ---- writing: one batch at a time per store, across processes. Waits up to lock_wait_seconds (0: does not wait,
 * negative: for ever) for the writer lock, then CEL_EBUSY. */
int store_batch_begin(struct store *s, double lock_wait_seconds, struct store_batch **out, struct cel_error *e);
/* What the batch may keep in memory, about, at least STORE_BATCH_MEMORY_MIN and by default STORE_BATCH_MEMORY; and threads, by default 1.
 * Before the first put. Neither changes what is stored, but for small values, which go to a segment sooner. */
#define STORE_BATCH_MEMORY ((size_t)48 << 20)
#define STORE_BATCH_MEMORY_MIN ((size_t)2 << 20)
void store_batch_set_limits(struct store_batch *b, size_t memory, uint32_t threads);
/* Hashes and keeps a block of at most 1 MiB; *out is its CID. A block that the store already has is not written again.
 * Raw blocks are gathered in memory up to 4 MiB and go to a segment beyond that; nodes over 16 MiB go to sorted
 * temporary files. Nothing reaches LMDB before the commit. After an error the batch can only be freed. */
int store_batch_put(struct store_batch *b, uint8_t codec, struct slice block, struct cid *out, struct cel_error *e);
/* The same for who has just made the CID of the block himself: it is believed. */
int store_batch_put_hashed(struct store_batch *b, const struct cid *cid, struct slice block, struct cel_error *e);
/* A block of the store or of this batch so far; borrowed until the next call on b. Verified. */
int store_batch_block(struct store_batch *b, const struct cid *cid, struct slice *out, struct cel_error *e);

struct store_ref_update {
	const char *ref;
	bool has_old, has_new; /* no old: must not exist; no new: is deleted */
	bool is_unlogged;      /* leaves no entry in the log of the ref */
	struct cid old, new;
	const char *message; /* for the log; not NULL, unless is_unlogged */
};
/* Seals the segment (its root is `root`, the tree's CID; NULL: the first raw block), writes the blocks, and in the last transaction moves the
 * refs. CEL_EBUSY if a ref does not hold `old` any more: nothing is visible then. Ends the batch in any case but
 * leaves freeing to store_batch_free. CEL_EIO with "no space left" when the disk is full: the store stays usable. */
int store_batch_commit(struct store_batch *b, const struct cid *root, const struct store_ref_update *updates,
		       size_t n_updates, int64_t time, struct cel_error *e);
/* A snapshot in which what the batch has put is there too: for a tree that is made from one of the same batch. It must end
 * before the batch does. */
int store_read_begin_with(struct store *s, struct store_batch *batch, struct store_read **out, struct cel_error *e);
/* Trees that are put may not be regular (regular.c says what that is): whoever makes one that is not must say so. 1 if all of the
 * store's and the batch's are, as far as is known, else 0. */
void store_batch_set_irregular(struct store_batch *b);
int store_batch_is_regular(struct store_batch *b, struct cel_error *e);
/* As store_read_id. */
int store_batch_id(struct store_batch *b, uint8_t id[STORE_ID_SIZE], struct cel_error *e);
void store_batch_free(struct store_batch *b); /* without commit: everything of the batch is dropped */

#endif
