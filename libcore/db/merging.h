/* SPDX-License-Identifier: Apache-2.0 */
/* What merging a commit, applying a patch and reverting have in common: the other side's records go into those of the
 * collection, on a base, by a policy.
 *
 *     merging_init      once
 *     merging_begin     lock, snapshots, head     ┐
 *     ... the work, in m->batch ...               │ may be done again
 *     merging_commit or merging_end               ┘
 *     merging_finish    once: tells of the conflicts and builds the index, with neither lock nor snapshot */
#ifndef DB_MERGING_H
#define DB_MERGING_H

#include "changes.h"
#include "conflicts.h"
#include "db.h"
#include "merge_base.h"
#include "update.h"

struct merging {
	struct cel_store *store;
	const char *collection;
	struct cel_merge_options options;
	struct cel_merge_result *result;
	struct conflicts *conflicts;
	struct cel_schema schema; /* the head's, also when head is over */
	double start;
	/* from merging_begin to merging_end */
	struct store_batch *batch; /* NULL if nothing is to be written */
	struct store_read *ours, *theirs; /* theirs may be ours */
	struct db_rev head;
	char ref[DB_REF_MAX]; /* of the collection */
	struct merge_base *base;
	struct prolly_update *update; /* of the head's tree; NULL: only counting */
	bool is_theirs_newer;
	const struct change *change; /* what theirs is just now, if it is no record of a tree */
	uint64_t n_taken;
};

int merging_init(struct merging *m, struct cel_store *store, const char *collection,
		 const struct cel_merge_options *options, struct cel_merge_result *result, struct cel_error *e);
/* theirs NULL: the same store. */
int merging_begin(struct merging *m, struct cel_store *theirs, bool is_writing, struct cel_error *e);
void merging_end(struct merging *m);
/* rc: what came of it so far; returns it, or what went wrong here. */
int merging_finish(struct merging *m, int rc, struct cel_error *e);

/* Begins and ends m->update (nothing to do without a batch). *root is the head's tree if nothing was changed. */
int merging_open_update(struct merging *m, struct cel_error *e);
int merging_close_update(struct merging *m, struct cid *root, struct cel_error *e);

/* Merges the tree `theirs`, read through m->theirs, into the head's on m->base; fills in the result's counts. All of it must
 * be in our store or in the batch, unless nothing is written. */
int merging_trees(struct merging *m, const struct cid *theirs, struct cid *root, struct cel_error *e);
/* A conflict: notes it. PROLLY_OURS, PROLLY_THEIRS or an error. */
int merging_decide(void *merging, struct slice id, const struct prolly_record *base, const struct prolly_record *ours,
		   const struct prolly_record *theirs, struct cel_error *e);
/* One record was taken, the nth: progress. */
int merging_took(struct merging *m, struct cel_error *e);

/* The policy is FAIL and there are conflicts: nothing may be kept. Sets the outcome then. */
bool merging_has_failed(struct merging *m);
/* An ordinary commit of this tree on the head, and the end; no commit if the tree is the head's, or in a dry run. */
int merging_commit_tree(struct merging *m, const struct cid *root, const char *reason, const char *message,
			struct cel_error *e);
/* Ends the snapshots, commits the batch and ends the rest. */
int merging_commit(struct merging *m, const struct cid *root, const struct store_ref_update *updates, size_t n,
		   struct cel_error *e);

#endif
