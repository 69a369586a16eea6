/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of fsck share: the commits that were met, the findings, and what is done with each.
 *
 *     fsck_commits    from refs (or revs) to all commits          fsck_trees    the audit of their trees and records
 *     fsck_files      segments and derived files                  fsck_touch    which commits a finding touches
 *
 * A finding does not stop anything; only trouble that is no damage (memory, I/O) does. */
#ifndef DB_FSCK_H
#define DB_FSCK_H

#include "audit.h"
#include "db.h"
#include "digest_set.h"

#define FSCK_NONE UINT32_MAX

struct fsck_commit {
	struct cid cid, schema, tree;
	struct cid parents[COMMIT_PARENTS_MAX];
	uint32_t parent[COMMIT_PARENTS_MAX]; /* places in the array, FSCK_NONE if not in it */
	uint32_t n_parents;
	uint64_t generation;
	bool is_readable;
	bool must_have_tree;
	bool has_tree; /* known once the trees were checked */
	uint64_t touched; /* bits of findings */
};

/* Where a walk began: what the commits are called by. */
struct fsck_start {
	char name[STORE_REF_MAX]; /* of the ref, or the rev that was asked for */
	bool is_ref;
	struct cid cid;
};

struct fsck_finding {
	enum audit_finding kind;
	struct cid block, tree;
	bool has_block, has_tree; /* tree: of a derived file, or one that the store is wrong about */
	char *where, *message;
	uint64_t bit; /* in fsck_commit.touched */
};

struct fsck {
	struct cel_store *store;
	const struct cel_fsck_options *options;
	struct cel_fsck_result *result;
	struct store_read *read;
	struct fsck_start *starts;
	size_t n_starts, starts_capacity;
	struct fsck_commit *commits; /* newest first, once all are met */
	size_t n_commits, commits_capacity;
	struct digest_set commit_places; /* digest -> uint32_t */
	struct fsck_finding *findings;
	size_t n_findings, findings_capacity;
};

/* Keeps it. where NULL: looked up for a block. */
int fsck_find(struct fsck *f, enum audit_finding kind, const struct cid *block, const struct cid *tree, const char *where,
	      const char *message, struct cel_error *e);
int fsck_tell(struct fsck *f, const char *phase, const char *unit, uint64_t done, struct cel_error *e);

int fsck_commits(struct fsck *f, const char *const *revs, size_t n_revs, struct cel_error *e);
struct fsck_commit *fsck_commit_of(const struct fsck *f, const struct cid *cid); /* NULL: not met */
int fsck_trees(struct fsck *f, struct cel_error *e);
int fsck_files(struct fsck *f, bool is_all, struct cel_error *e);
int fsck_touch(struct fsck *f, struct cel_error *e); /* fills in touched and bit */
/* "words~3 and 4 older, feature" for the commits with that bit. */
int fsck_touch_text(const struct fsck *f, uint64_t bit, struct buf *out, struct cel_error *e);

#endif
