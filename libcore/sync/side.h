/* SPDX-License-Identifier: Apache-2.0 */
/* What a session wants of a store, as a table of functions; libcore/db/sync_side.c has it for a real one. No function keeps
 * a read of the store, or its lock, beyond its return.
 *
 * A giver is one transfer out of the store: the commits that the other side lacks and their trees. A taker is one
 * transfer into it: what comes is checked piece by piece and waits outside of the store (in files without a name, or as parts
 * of trees that are whole) until all of it is there; take_finish moves the ref.
 *
 *     giver                          taker
 *     give_begin(rev)
 *                                    take_haves    commits that are here         ◄─┐
 *     give_haves                                                                 ──┘ until one is common
 *     give_commits  a page      ───► take_commit   each
 *                                    take_ask      what to ask for next          ◄─┐
 *     give_trees or give_node   ───► take_patch, take_block                      ──┘ until it asks for nothing
 *     (next page)
 *                                    take_finish                                                                    */
#ifndef SYNC_SIDE_H
#define SYNC_SIDE_H

#include "access.h"
#include "buf.h"
#include "cid.h"
#include "store.h"

/* A collection, or a tag, as it is listed. */
struct sync_entry {
	char name[CEL_NAME_MAX + 1];
	bool can_write;
	struct cid tip;
	struct cel_schema schema;
	uint64_t generation, time, records;
};

/* A commit as it is announced, with what the giver has of the trees. */
enum { SYNC_HAS_TREE = 1, SYNC_HAS_FIRST = 2, SYNC_HAS_SECOND = 4 }; /* its own, its parents' */
struct sync_commit {
	struct cid cid;
	struct slice block;
	unsigned trees;
	uint64_t records; /* of its tree, if the giver has it */
};

/* What a taker asks for, about a commit of the present page. */
enum sync_ask_kind {
	SYNC_PATCH = 1, /* from the tree of a parent, or from the empty one */
	SYNC_NODE,    /* of the tree: the one of the level `what` whose last id is `key`; level SYNC_ROOT: the root */
	SYNC_SUBTREE, /* that one and all below it: depth first, each leaf followed by the values it links */
	SYNC_VALUES,  /* the linked values of the record `key` */
};
enum { SYNC_BASE_EMPTY = 0, SYNC_BASE_FIRST = 1, SYNC_BASE_SECOND = 2, SYNC_ROOT = 15 };
struct sync_ask {
	enum sync_ask_kind kind;
	uint32_t commit; /* position in the page */
	uint32_t what;   /* SYNC_PATCH: the base; SYNC_NODE, SUBTREE: the level; else 0 */
	uint8_t key[CEL_ID_MAX];
	size_t key_size;
};

struct sync_giver;
struct sync_taker;

enum sync_target { SYNC_FETCH, SYNC_PUSH };
struct sync_take_options {
	enum sync_target target;
	const char *name;       /* of the collection (push: here; fetch: there) */
	bool is_dry_run, is_merging;
	enum cel_policy policy;
	uint64_t receive_max;
	/* Push: what the other side may read. Only commits of such collections count as here: who knows the CID of another must
	 * send it as if it were new. Borrowed until take_end; NULL: everything. */
	const struct access *access;
};
struct sync_taken {
	uint32_t outcome; /* enum session_outcome */
	struct cid commit;
	char ref[STORE_REF_MAX];
	uint64_t commits, trees, changes, nodes, values, kept, conflicts;
};

typedef int sync_block_fn(void *context, struct slice block, struct cel_error *e);

struct sync_side {
	void *context;
	int (*identify)(void *context, uint8_t id[STORE_ID_SIZE], struct cel_error *e);
	/* The first collection, or tag of the collection unless that is NULL, behind the name `after`: 1, 0 at the end. can_write is for
	 * the session to set. */
	int (*list)(void *context, const char *collection, const char *after, struct sync_entry *out, struct cel_error *e);

	/* CEL_ENOINPUT if there is no such rev. */
	int (*give_begin)(void *context, const char *rev, struct sync_giver **out, struct cid *tip, struct cel_error *e);
	void (*give_end)(struct sync_giver *g);
	/* Commits of the other side: 1 if that is enough to know what it lacks (always if is_last), 0 if not. */
	int (*give_haves)(struct sync_giver *g, const struct cid *haves, size_t n, bool is_last, uint64_t *n_missing,
			  struct cel_error *e);
	int (*give_schema)(struct sync_giver *g, struct buf *block, struct cel_error *e);
	/* The next commit, parents first; its block is appended: 1, 0 at the end of all. */
	int (*give_commit)(struct sync_giver *g, struct sync_commit *out, struct buf *block, struct cel_error *e);
	/* The patch that this commit's tree is from the base: some of it is appended (about limit bytes); *is_end with the last.
	 * *changes: the records in it so far. */
	int (*give_patch)(struct sync_giver *g, const struct cid *commit, uint32_t base, size_t limit, struct buf *out,
			  uint64_t *changes, bool *is_end, struct cel_error *e);
	/* Some of the blocks that are asked for (a SYNC_NODE, SUBTREE or VALUES), each to `each`, until about limit bytes have
	 * gone; *is_end with the last. The ask may be given again only until then. */
	int (*give_blocks)(struct sync_giver *g, const struct cid *commit, const struct sync_ask *ask, size_t limit,
			   sync_block_fn *each, void *each_context, bool *is_end, struct cel_error *e);

	int (*take_begin)(void *context, const struct sync_take_options *options, struct sync_taker **out, struct cel_error *e);
	/* Without take_finish what is not whole is dropped, and if the other side broke the rules what is whole too. */
	void (*take_end)(struct sync_taker *t, bool is_distrusted);
	/* Up to max commits that are here, the likeliest first; *is_last if there are no others. */
	int (*take_haves)(struct sync_taker *t, struct cid *out, size_t max, size_t *n, bool *is_last, struct cel_error *e);
	/* What was announced by the store of this id. *is_wanted: whether the commits are to come. */
	int (*take_tip)(struct sync_taker *t, const uint8_t from[STORE_ID_SIZE], const struct cid *tip, uint64_t n_missing,
			struct slice schema, bool *is_wanted, struct cel_error *e);
	int (*take_commit)(struct sync_taker *t, const struct sync_commit *commit, struct cel_error *e);
	/* After a page, and whenever all that was asked for has come: up to max things to ask for. *n 0: the page is done. */
	int (*take_ask)(struct sync_taker *t, struct sync_ask *out, size_t max, size_t *n, struct cel_error *e);
	/* A piece of the patch that was asked for first of those still open. */
	int (*take_patch)(struct sync_taker *t, struct slice bytes, bool is_end, struct cel_error *e);
	/* The next block of that. *is_end: it was the last of what was asked for first. */
	int (*take_block)(struct sync_taker *t, struct slice block, bool *is_end, struct cel_error *e);
	int (*take_finish)(struct sync_taker *t, struct sync_taken *out, struct cel_error *e);
};

#endif
