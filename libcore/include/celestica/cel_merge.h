/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: merge, patch, revert. */
#ifndef CEL_H
#error "include cel.h"
#endif

/* What becomes of records that both sides changed, each otherwise. FAIL: nothing is changed. NEWEST: the side whose latest
 * commit has the later (time, CID). */
enum cel_policy { CEL_POLICY_FAIL, CEL_POLICY_OURS, CEL_POLICY_THEIRS, CEL_POLICY_NEWEST };
int cel_policy_parse(const char *name, enum cel_policy *out, struct cel_error *e);

enum cel_conflict_kind {
	CEL_CONFLICT_CHANGED, /* both sides changed it */
	CEL_CONFLICT_ADDED,   /* both sides added it */
	CEL_CONFLICT_OURS_DELETED, /* and theirs changed it */
	CEL_CONFLICT_THEIRS_DELETED,
};
enum cel_decision { CEL_DECISION_NONE, CEL_DECISION_OURS, CEL_DECISION_THEIRS };

struct cel_side {
	bool is_present; /* false: the record is not there */
	const uint8_t *vector;
	size_t vector_size;
	const char *metadata; /* canonical JSON */
	size_t metadata_size; /* 0: none */
};

struct cel_conflict {
	const uint8_t *id;
	size_t id_size;
	enum cel_conflict_kind kind;
	enum cel_decision decision;
	struct cel_side base, ours, theirs;
	bool is_base_contested; /* there are several merge bases, which do not agree on the record */
	const struct cel_schema *schema;
};
typedef int cel_conflict_fn(void *context, const struct cel_conflict *conflict, struct cel_error *e);

struct cel_merge_options {
	enum cel_policy policy;
	bool is_dry_run; /* only says what would happen */
	bool is_without_index;
	/* Not to be counted is what the other side alone has changed: it need not be read then. `added`, `replaced` and `deleted` of the
	 * result are 0 in that case, and `records` and all else as ever. */
	bool is_without_counts;
	uint32_t threads, M, ef_construction; /* of the index, as in cel_build_options */
	/* Told of every conflict by ascending id, after the merge and before the index is built; may be NULL. A non-zero
	 * result stops and is returned: what was merged stays so. */
	cel_conflict_fn *on_conflict;
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
	/* Of the commit that cel_patch_apply and cel_revert make; that of a merge has none of its own, so that both sides
	 * make the same one. */
	const char *author, *message; /* NULL: none (of a revert: "revert CID") */
	int64_t time;                 /* Unix seconds; negative: now */
	const char *origin;           /* of a rev that was fetched: cel_fetch_result.origin; else NULL */
};

enum cel_merge_outcome {
	CEL_MERGE_UP_TO_DATE,   /* theirs is in our history already */
	CEL_MERGE_FAST_FORWARD, /* ours is in theirs: the collection goes to their commit */
	CEL_MERGE_ADOPTED,      /* the same records: the collection goes to their commit, which has the larger (generation, CID) */
	CEL_MERGE_KEPT,         /* the same records: our commit is the larger one */
	CEL_MERGE_MERGED,       /* a commit is made */
	CEL_MERGE_UNCHANGED,    /* of a patch or a revert: all is as it would make it, no commit is made */
	CEL_MERGE_CONFLICTS,    /* and the policy is FAIL: nothing is changed */
};

struct cel_merge_result {
	enum cel_merge_outcome outcome;
	bool is_moved; /* the collection is at another commit than before; never in a dry run */
	uint64_t added, replaced, deleted; /* records of ours, by the other side */
	uint64_t conflicts;
	uint64_t overruled_ours, overruled_theirs; /* conflicts that the policy decided against that side */
	uint64_t commits; /* of the other side's history that ours lacked */
	uint64_t records; /* afterwards */
	uint32_t n_bases; /* merge bases */
	char base[CEL_CID_TEXT_SIZE];   /* the first of them, or "" */
	char ours[CEL_CID_TEXT_SIZE];   /* our commit before */
	char theirs[CEL_CID_TEXT_SIZE]; /* the other side's commit, or "" */
	char commit[CEL_CID_TEXT_SIZE], tree[CEL_CID_TEXT_SIZE]; /* afterwards; "" in a dry run that would make one */
	double merge_seconds, index_seconds;
};

/* Merges rev, of the store `theirs` (NULL: the same), into the collection, and builds the index if the collection moved. The
 * other store is only read. CEL_EDATA if the schemas differ; CEL_EUNAVAILABLE if a tree that is needed was forgotten. */
int cel_merge(struct cel_store *store, const char *collection, struct cel_store *theirs, const char *rev,
	      const struct cel_merge_options *options, struct cel_merge_result *out, struct cel_error *e);

/* Merges the changes of a patch ("-": standard input) into the collection: one commit on top of its latest. The patch is read to its
 * end first, and applied to the tree that it begins from, which must be that of a commit of the collection (else
 * CEL_EUNAVAILABLE) and become the announced one (else CEL_EDATA). There is no policy NEWEST for it, nor for a revert. */
int cel_patch_apply(struct cel_store *store, const char *collection, const char *path,
		    const struct cel_merge_options *options, struct cel_merge_result *out, struct cel_error *e);

/* Takes back what the commit rev, of the collection's history, changed against its parent (a rev; only a merge needs to be
 * told which one, else NULL): one commit on top of the latest. */
int cel_revert(struct cel_store *store, const char *collection, const char *rev, const char *parent,
	       const struct cel_merge_options *options, struct cel_merge_result *out, struct cel_error *e);
