/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a taker share.
 *
 *     sync_take.c     what it is to take, and the end: which ref moves
 *     sync_haves.c    what is here already
 *     sync_plan.c     how each tree is to be got
 *     sync_apply.c    from what has come to commits and trees in a batch */
#ifndef DB_SYNC_TAKE_IMPL_H
#define DB_SYNC_TAKE_IMPL_H

#include "digest_set.h"
#include "quarantine.h"
#include "sync_nodes.h"
#include "sync_spool.h"
#include "sync_transfer.h"

enum plan {
	PLAN_UNKNOWN,
	PLAN_NONE,  /* the other side has no tree of it */
	PLAN_HERE,  /* the commit was here before */
	PLAN_SAME,  /* it is the tree of a parent */
	PLAN_EMPTY, /* it is the empty one */
	PLAN_PATCH, /* from `base` */
	PLAN_NODES, /* compared with `base` */
};

struct taken_commit {
	struct cid cid, tree, parents[2];
	uint32_t n_parents;
	unsigned trees; /* SYNC_HAS_... */
	uint64_t generation, records;
	size_t block, block_size; /* in t->blocks; 0: it was here before, or is applied */
	enum plan plan;
	bool has_base; /* else: the empty tree */
	struct cid base;
	uint64_t base_records;
};

struct sync_taker {
	struct cel_store *store;
	struct sync_take_options options;
	char name[CEL_NAME_MAX + 1];
	uint8_t from[STORE_ID_SIZE];
	struct cid tip, schema_cid, empty;
	struct cel_schema schema;
	uint64_t n_announced;
	bool is_tip_here; /* was, before */
	bool is_diverged;
	uint32_t n_have_rounds;

	struct taken_commit *commits;
	size_t n_commits, capacity, page, planned, applied;
	struct digest_set index;  /* of the commits, by digest: their number, a uint64_t */
	struct digest_set here;   /* commits that refs of this store lead to, down to the generation `floor` */
	uint64_t floor;
	bool has_here;
	struct buf blocks;
	struct buf fronts; /* struct cid: commits that were applied and are no parent of another */

	struct spool spool;
	struct quarantine quarantine;
	size_t spooled;  /* commits before this one have their patches in the spool */
	bool is_spooling; /* of this one it has come in part */
	bool has_last;   /* a tree that came node by node: */
	struct cid last;
	struct sync_nodes *nodes; /* of the tree of commits[planned] */
	uint64_t trees, changes, n_nodes, n_values, n_kept;
};

/* sync_haves.c */
int take_load_here(struct sync_taker *t, struct store_read *read, uint64_t generation, struct cel_error *e);
/* Whether the commit is here and refs lead to it: 1, 0 or an error. */
int take_is_here(struct sync_taker *t, struct store_read *read, const struct cid *cid, struct cel_error *e);
struct taken_commit *take_find(const struct sync_taker *t, const struct cid *cid); /* of those that came; NULL */

/* sync_apply.c */
int take_apply(struct sync_taker *t, struct store_batch *batch, struct cel_error *e); /* all that are planned and not applied */
int take_flush(struct sync_taker *t, struct cel_error *e); /* the same in a batch of its own, kept by the quarantine */

#endif
