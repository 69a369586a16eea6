/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: fsck and gc. */
#ifndef CEL_H
#error "include cel.h"
#endif

/* Something that is not as it should be. All text lives during the call only. */
struct cel_damage {
	const char *kind;    /* "damaged": not the bytes it is named by; "missing"; "wrong": they break a rule */
	const char *block;   /* CID; NULL: a file or a ref is meant */
	const char *where;   /* "data.mdb", "segments/...", "index/...", "cache/...", "refs/..."; "" if it is nowhere */
	const char *message;
	const char *touches; /* the revs that have it, for a reader: "words~3 and 4 older, feature"; "" if none is known */
	const char *const *commits; /* CIDs of the commits that it touches, newest first */
	size_t n_commits;
};
/* A non-zero result ends the telling, not the check. */
typedef int cel_damage_fn(void *context, const struct cel_damage *damage);

struct cel_fsck_options {
	bool is_reading_data; /* hash again the values outside of nodes, too, and check them as what records hold */
	cel_damage_fn *on_damage;     /* may be NULL */
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;                /* of both */
};

struct cel_fsck_result {
	uint64_t commits, trees; /* distinct */
	uint64_t absent;         /* commits whose trees are not in this store: forgotten, or never fetched */
	uint64_t nodes, records, values; /* distinct; values: blocks that records link */
	uint64_t segments, files; /* files: derived ones */
	uint64_t damages;
};

/* Checks the commits of these revs, each with its tree; with no revs, all that the refs lead to, and the derived files.
 * Damage does not stop it. CEL_ECORRUPT if there is any: on_damage was then told of each. options may be NULL. */
int cel_fsck(struct cel_store *store, const char *const *revs, size_t n_revs, const struct cel_fsck_options *options,
	     struct cel_fsck_result *out, struct cel_error *e);

#define CEL_GRACE_DAYS 14
struct cel_gc_options {
	bool is_dry_run;
	double grace_days; /* what a move of a name within so many days led to, or away from, stays; 0: nothing but what names lead to */
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
};

struct cel_gc_result {
	uint64_t commits, graced;      /* that stay; graced: for the grace time alone */
	uint64_t blocks, block_bytes;  /* removed from data.mdb */
	uint64_t returned_bytes;       /* of data.mdb to the file system; the rest of what was freed is used again */
	uint64_t gathered;             /* values moved from data.mdb to a segment */
	uint64_t segments, segment_bytes; /* files removed */
	uint64_t rewritten, new_segment_bytes; /* of them with live values, which are in a new one */
	uint64_t waiting;              /* segments that a reader of an older state may still need: for the next time */
	uint64_t files, file_bytes;    /* derived ones removed */
	uint64_t mark_bytes;           /* of memory for what was marked */
};

/* Removes what no name leads to, beside readers and writers. options may be NULL. A dry run changes nothing and needs no
 * writer lock; it leaves returned_bytes and new_segment_bytes 0. CEL_ECORRUPT: the store is damaged, nothing live was
 * removed. */
int cel_gc(struct cel_store *store, const struct cel_gc_options *options, struct cel_gc_result *out,
	   struct cel_error *e);
