/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: rows become one commit. */
#ifndef CEL_H
#error "include cel.h"
#endif

enum cel_duplicates { CEL_DUPLICATES_ERROR, CEL_DUPLICATES_FIRST, CEL_DUPLICATES_LAST };

struct cel_build_options {
	size_t memory;         /* bytes for sorting; 0: 256 MiB */
	uint32_t threads;      /* 0: all processors */
	enum cel_duplicates duplicates;
	bool is_skipping_bad;  /* count bad rows and go on */
	bool is_replacing;        /* the set becomes exactly the rows: records that no row names are deleted */
	bool is_keeping_metadata; /* a row without metadata leaves that of the record it replaces */
	bool is_without_index;
	uint32_t M, ef_construction; /* 0: those of the index there is, else the defaults (16, 150) */
	const char *author, *message; /* NULL: none */
	int64_t time;          /* of the commit, Unix seconds; negative: now */
	/* Told of bad rows that were skipped, one line each; may be NULL. */
	void (*on_skip)(void *context, const char *message);
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
};

struct cel_build;
/* Rows of any number of sources become one commit on the collection: an id that exists is replaced, others are
 * added. Nothing is visible before cel_build_commit has returned 0. */
int cel_build_new(struct cel_store *store, const char *collection, const struct cel_build_options *options,
		  struct cel_build **out, struct cel_error *e);
void cel_build_free(struct cel_build *build);
/* Reads the file to its end ("-": standard input). */
int cel_build_add(struct cel_build *build, const char *path, const struct cel_source_options *source,
		  struct cel_error *e);

/* Deletes the records of these ids, one a line (is_nul: each ends with NUL). An id that is not there is counted. */
int cel_build_delete(struct cel_build *build, const char *path, bool is_nul, struct cel_error *e);

struct cel_build_result {
	uint64_t rows;     /* good rows read */
	uint64_t skipped;  /* bad rows left out */
	uint64_t duplicates; /* rows that gave way to another of the same id */
	uint64_t added, replaced, unchanged;
	uint64_t deleted, absent; /* absent: to be deleted but not there */
	uint64_t records;  /* in the collection now */
	bool is_committed; /* false: nothing changed, no commit was made */
	char commit[CEL_CID_TEXT_SIZE], tree[CEL_CID_TEXT_SIZE];
	double build_seconds, index_seconds;
};
/* Makes the commit and moves the collection, then sees to its index (the commit stands even if that fails). */
int cel_build_commit(struct cel_build *build, struct cel_build_result *out, struct cel_error *e);
