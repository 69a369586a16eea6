/* SPDX-License-Identifier: Apache-2.0 */
/* Celestica: a versioned, decentralised vector database. The one installed header.
 *
 * Ownership: inputs are borrowed; what a _new, _open or _detach function returns is the caller's until the
 * matching _free; text and slices inside a returned struct live until the next call on the object that returned
 * them, or until that object is freed, whichever is first.
 *
 * Errors: functions return 0 (or a count, where said) or a negative CEL_E code; the last parameter is a
 * caller-owned struct cel_error, filled on failure only. The library never prints and never exits.
 *
 * Iterators are named _next: 1 an item, 0 the end, negative an error.
 *
 * Threads: one cel_store may be used by several threads; every other object by one thread at a time.
 */
#ifndef CEL_H
#define CEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#ifdef __GNUC__
#pragma GCC visibility push(default) /* the library is built with hidden visibility; what stands here is exported */
#endif

#define CEL_VERSION "0.1.0"
/* Numbers of the stored formats; data of another number is refused. */
#define CEL_FORMAT_STORE 1
#define CEL_FORMAT_TREE 1
#define CEL_FORMAT_INDEX 2
#define CEL_FORMAT_PATCH 1

/* X(name, value, exit status, text). The exit statuses are those of sysexits.h, and frozen. */
#define CEL_ERRORS(X)                                                        \
	X(CEL_ENOTFOUND, -1, 1, "not found")                                 \
	X(CEL_EUSAGE, -64, 64, "wrong usage")                                \
	X(CEL_EDATA, -65, 65, "bad data")                                    \
	X(CEL_ENOINPUT, -66, 66, "no such input")                            \
	X(CEL_EUNAVAILABLE, -69, 69, "unavailable")                          \
	X(CEL_EINTERNAL, -70, 70, "internal error")                          \
	X(CEL_ENOMEM, -71, 69, "out of memory")                              \
	X(CEL_ECORRUPT, -72, 74, "stored data is damaged")                   \
	X(CEL_ECANTCREAT, -73, 73, "cannot create")                          \
	X(CEL_EIO, -74, 74, "input/output error")                            \
	X(CEL_EBUSY, -75, 75, "busy, try again")                             \
	X(CEL_EPROTOCOL, -76, 76, "protocol error")                          \
	X(CEL_EPERMISSION, -77, 77, "permission denied")                     \
	X(CEL_ECONFIG, -78, 78, "wrong configuration")

enum cel_code {
#define X(name, value, status, text) name = (value),
	CEL_ERRORS(X)
#undef X
};

struct cel_error {
	int code;           /* a CEL_E code, or 0 */
	char message[1000]; /* one line, UTF-8, no newline */
};

const char *cel_error_text(int code);  /* the text of a code, without context */
int cel_error_exit_status(int code);   /* 0 for 0 */

/* Element types of a vector. The values are local to the API; in stored data types are named by their text. */
enum cel_type { CEL_F32 = 1, CEL_F16, CEL_BF16, CEL_I8, CEL_U8, CEL_B1 };
/* Metrics; smaller is nearer. l2: Euclidean, with its root; ip: minus the inner product; cosine: 1 - cos. Of bits (b1) only,
 * hamming: how many differ; jaccard: 1 - both / either, 0 for two without any. jsd: the Jensen-Shannon distance of vectors
 * without negative elements, taken as probabilities: the root of the divergence in bits, 0 to 1. haversine: between latitudes
 * and longitudes in degrees (f32, dim 2), kilometres on a sphere of the earth's mean radius, 6371.0088 km. */
enum cel_metric { CEL_L2 = 1, CEL_IP, CEL_COSINE, CEL_HAMMING, CEL_JACCARD, CEL_JSD, CEL_HAVERSINE };

const char *cel_type_name(enum cel_type type);       /* "f32", ... */
const char *cel_metric_name(enum cel_metric metric); /* "l2", ... */
int cel_type_parse(const char *name, enum cel_type *out, struct cel_error *e);
int cel_metric_parse(const char *name, enum cel_metric *out, struct cel_error *e);
size_t cel_type_size(enum cel_type type);            /* bytes an element; 0 for b1, whose elements are bits */
/* Bytes a vector. b1: eight elements a byte, the first in the highest bit; the bits that are left over are 0. */
size_t cel_vector_size(enum cel_type type, uint32_t dim);

#define CEL_DIM_MAX 65535u
#define CEL_ID_MAX 512u       /* bytes */
#define CEL_NAME_MAX 63u      /* bytes of a collection's name */
#define CEL_CID_TEXT_SIZE 60u /* base32 text of a CID with its NUL */

/* What two histories must share to be merged; part of every commit. */
struct cel_schema {
	uint32_t dim; /* elements a vector, 1..CEL_DIM_MAX */
	enum cel_type type;
	enum cel_metric metric;
	char model[256]; /* free text, UTF-8, may be empty */
};

/* ------------------------------------------------------------------------------------------------ stores */

struct cel_store;

/* Makes the directory `path` a new, empty store. CEL_ECANTCREAT if it exists and is not empty. */
int cel_store_init(const char *path, struct cel_error *e);

/* Which store is meant when none is named: $CEL_STORE, else the nearest ".cel" at or above the working directory.
 * Writes its path. CEL_ENOINPUT if there is none. */
int cel_store_find(char *path, size_t size, struct cel_error *e);

struct cel_store_options {
	bool is_read_only;
	double lock_wait; /* seconds to wait for another writer; 0 not at all, negative for ever */
};

/* options may be NULL (read and write, no wait). */
int cel_store_open(const char *path, const struct cel_store_options *options, struct cel_store **out,
		   struct cel_error *e);
void cel_store_free(struct cel_store *store);

/* What commands take where a rev of another store may stand: REV, PATH:REV, REMOTE:REV or [USER@]HOST:PATH:REV. It is split
 * at the last ':' outside of braces; what stands left of that is a path if it has a '/' before any ':'. */
enum cel_place_kind { CEL_PLACE_HERE, CEL_PLACE_PATH, CEL_PLACE_REMOTE, CEL_PLACE_HOST };
struct cel_place {
	enum cel_place_kind kind;
	char user[64], host[256]; /* CEL_PLACE_HOST; user may be empty */
	char remote[64];          /* CEL_PLACE_REMOTE */
	char path[4096];          /* CEL_PLACE_PATH and CEL_PLACE_HOST: of the store's directory */
	char rev[256];
};
/* Only takes the text apart. CEL_EUSAGE if a part is empty or too long, or a name begins with '-'. */
int cel_place_parse(const char *text, struct cel_place *out, struct cel_error *e);
/* The same where a whole store is meant: PATH, REMOTE or [USER@]HOST:PATH; rev stays empty. */
int cel_place_parse_store(const char *text, struct cel_place *out, struct cel_error *e);

/* ------------------------------------------------------------------------------------------- collections */

/* Makes the collection with the genesis commit of the schema. CEL_ECANTCREAT if the name is taken. */
int cel_collection_create(struct cel_store *store, const char *name, const struct cel_schema *schema,
			  struct cel_error *e);
/* Removes the name and its tags; commits stay until gc. CEL_ENOINPUT if there is none. */
int cel_collection_delete(struct cel_store *store, const char *name, struct cel_error *e);
/* Makes the collection with the commit of rev: another line of history in the same store. CEL_ECANTCREAT if the name is
 * taken, CEL_EUNAVAILABLE if the commit's tree is not in this store. */
int cel_collection_create_from(struct cel_store *store, const char *name, const char *rev, struct cel_error *e);

struct cel_revision {
	char name[CEL_NAME_MAX + 1];     /* the collection, or "" when asked by a rev that is none */
	char tag[CEL_NAME_MAX + 1];      /* in cel_tag_list: the tag of that collection; else "" */
	char commit[CEL_CID_TEXT_SIZE];
	char tree[CEL_CID_TEXT_SIZE];    /* the root CID */
	char parents[2][CEL_CID_TEXT_SIZE];
	uint32_t n_parents;
	uint64_t generation;
	uint64_t time;                   /* Unix seconds */
	const char *author, *message;    /* UTF-8 */
	const char *tags;                /* of the commit: COLLECTION@TAG, separated by blanks, by name; "" */
	bool has_tree;                   /* false: the tree is not in this store (forgotten, or never fetched) */
	uint64_t records;                /* 0 without it */
	struct cel_schema schema;
};

/* A list that is read to its end with cel_list_next. */
struct cel_list;
int cel_collection_list(struct cel_store *store, struct cel_list **out, struct cel_error *e); /* by name */
int cel_history(struct cel_store *store, const char *rev, struct cel_list **out, struct cel_error *e); /* newest first */
int cel_list_next(struct cel_list *list, const struct cel_revision **out, struct cel_error *e);
void cel_list_free(struct cel_list *list);

/* One commit. CEL_ENOINPUT if rev names none. */
int cel_revision_get(struct cel_store *store, const char *rev, struct cel_revision **out, struct cel_error *e);
void cel_revision_free(struct cel_revision *revision);

/* Which index a rev is answered from: one of its own tree, or one of a near commit with the difference laid over it. */
struct cel_index_status {
	bool is_present;
	bool is_carried;    /* carried along from another tree's; else canonical: a fresh build */
	uint64_t churn;     /* carried: records that changed since the fresh build it comes from */
	bool is_overlaid;   /* the file is of another commit's tree */
	char overlaid_commit[CEL_CID_TEXT_SIZE];
	uint64_t removed, added; /* of the overlay; a record that has changed is in both */
	uint32_t M, ef_construction;
	uint64_t nodes;     /* distinct vectors */
	uint64_t file_size; /* bytes */
	char digest[65];    /* sha2-256 that stands for the file's content (cel-format(5)), hexadecimal */
	char path[4096];    /* of the file */
};
int cel_index_get(struct cel_store *store, const char *rev, struct cel_index_status *out, struct cel_error *e);

/* Told what is going on; a non-zero result stops the work (CEL_EBUSY). */
typedef int cel_progress_fn(void *context, const char *phase, uint64_t done, uint64_t total);

struct cel_index_options {
	uint32_t M, ef_construction; /* 0: those of a near index, else the defaults (16, 150) */
	bool is_canonical;           /* nothing but a fresh build of this tree will do */
	uint32_t threads;            /* 0: all processors */
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
};
/* Makes the rev's index unless a good one is there: carried along from one of a near commit, or built. */
int cel_index_build(struct cel_store *store, const char *rev, const struct cel_index_options *options,
		    struct cel_error *e);

/* ----------------------------------------------------------------------------------------------- history */

/* COLLECTION@TAG names the commit of rev from now on. collection NULL: the one that rev begins with. CEL_ECANTCREAT if
 * the tag is there and is_forced is not set; CEL_EUNAVAILABLE if the commit's tree is not in this store. */
int cel_tag_set(struct cel_store *store, const char *collection, const char *tag, const char *rev, bool is_forced,
		struct cel_error *e);
int cel_tag_delete(struct cel_store *store, const char *collection, const char *tag, struct cel_error *e);
/* The tags by name; of all collections if collection is NULL. Revisions have name and tag. */
int cel_tag_list(struct cel_store *store, const char *collection, struct cel_list **out, struct cel_error *e);

struct cel_reset_result {
	bool is_moved; /* false: it was there already */
	char old_commit[CEL_CID_TEXT_SIZE], commit[CEL_CID_TEXT_SIZE];
};
/* Makes rev the collection's latest commit. It must be of the same schema (CEL_EUSAGE) and its tree must be here
 * (CEL_EUNAVAILABLE). */
int cel_collection_reset(struct cel_store *store, const char *name, const char *rev, struct cel_reset_result *out,
			 struct cel_error *e);

/* This store's own log of where the collection's name was, newest first; also of a collection that was deleted. */
struct cel_move {
	uint64_t index;                     /* NAME@{index} */
	char old_commit[CEL_CID_TEXT_SIZE]; /* "": the name was not there before */
	char commit[CEL_CID_TEXT_SIZE];     /* "": it was deleted */
	int64_t time;                       /* Unix seconds */
	const char *message;                /* what moved it */
};
struct cel_moves;
int cel_moves_new(struct cel_store *store, const char *name, struct cel_moves **out, struct cel_error *e);
int cel_moves_next(struct cel_moves *moves, const struct cel_move **out); /* 1 or 0 */
void cel_moves_free(struct cel_moves *moves);

/* What to keep, as restic has it; at least one rule. Hours, days, ... are those of the process's time zone. */
struct cel_forget_options {
	uint32_t keep_last; /* the newest N commits; 0: no such rule */
	uint32_t keep_hourly, keep_daily, keep_weekly, keep_monthly, keep_yearly; /* the newest of each of the last N that have one */
	const char *keep_within; /* all that are younger than the newest less this duration, such as "1y6m", "30d"; NULL: none */
	bool is_dry_run;         /* decide, but change nothing */
};
struct cel_forget_item {
	char commit[CEL_CID_TEXT_SIZE];
	uint64_t time; /* Unix seconds */
	bool is_kept;
	const char *reasons; /* why, separated by commas: head, tag NAME@TAG, merged, first, shared, last, daily, oldest daily, ... */
};
typedef int cel_forget_fn(void *context, const struct cel_forget_item *item, struct cel_error *e);
struct cel_forget_result {
	uint64_t kept, forgotten; /* commits whose trees are in this store */
};
/* Marks those commits in the history of the collections as forgotten that no rule keeps for any of them: the commits stay,
 * their trees go at the next gc. Always kept are heads, tagged commits, tips that were merged, first commits, and what is in
 * the history of a collection that is not named. `call` (may be NULL) is told of each commit that had its tree, descendants
 * first, when all is done. */
int cel_forget(struct cel_store *store, const char *const *collections, size_t n,
	       const struct cel_forget_options *options, cel_forget_fn *call, void *context, struct cel_forget_result *out,
	       struct cel_error *e);

/* The search for the first bad commit: whatever descends from it is bad, whatever does not is good. Candidates are the
 * ancestors of a bad commit, and itself, that are not ancestors of a good one. */
enum cel_verdict { CEL_GOOD, CEL_BAD, CEL_SKIP };
struct cel_bisect_step {
	char commit[CEL_CID_TEXT_SIZE];
	bool has_tree; /* false: it can only be skipped */
};
struct cel_bisect;
/* CEL_EUSAGE if good is no ancestor of bad. */
int cel_bisect_new(struct cel_store *store, const char *good, const char *bad, struct cel_bisect **out,
		   struct cel_error *e);
void cel_bisect_free(struct cel_bisect *bisect);
/* 1: the commit to be judged next, the one that halves the candidates best. 0: it is decided. */
int cel_bisect_next(struct cel_bisect *bisect, struct cel_bisect_step *out, struct cel_error *e);
void cel_bisect_tell(struct cel_bisect *bisect, enum cel_verdict verdict);
uint64_t cel_bisect_left(const struct cel_bisect *bisect); /* candidates; at the end more than 1 if some were skipped */
/* The i-th candidate, i < cel_bisect_left: ancestors first, the last is known to be bad. */
void cel_bisect_candidate(const struct cel_bisect *bisect, uint64_t i, char commit[CEL_CID_TEXT_SIZE]);

/* ----------------------------------------------------------------------------------------------- records */

struct cel_record {
	const uint8_t *id;
	size_t id_size;
	const uint8_t *vector; /* elements, little-endian: schema.dim of them; b1: packed */
	size_t vector_size;
	const char *metadata;  /* canonical JSON object, or NULL */
	size_t metadata_size;
	struct cel_schema schema;
};

/* The record of that id. CEL_ENOTFOUND if there is none, CEL_ENOINPUT if rev names no commit. */
int cel_record_get(struct cel_store *store, const char *rev, const void *id, size_t id_size, struct cel_record **out,
		   struct cel_error *e);
void cel_record_free(struct cel_record *record);

/* Which records are meant, where not all are. */
#define CEL_FILTER_MAX 32768u /* bytes */
struct cel_select {
	const char *prefix; /* those whose ids begin with this; NULL: all */
	/* Those for which this predicate in jq's language holds, as in select(...): some output of it is neither false nor null. In
	 * it . is the metadata, null if there is none, and $id is the id. A record for which it fails does not match. It is
	 * evaluated in a process of its own that is bounded in memory and time; what depends on more than the record (env, now,
	 * input, import, ...) is refused: CEL_EUSAGE. NULL: all. */
	const char *filter;
};
struct cel_selected {
	uint64_t records;    /* of the rev */
	uint64_t selected;
	uint64_t failed;     /* for which the filter failed */
	const char *message; /* what jq said of the first of them, or "" */
	bool is_cached;      /* the filter was evaluated before */
};

/* All records of rev in the order of their ids. Nothing is held in the store between two calls, so the caller may take its
 * time: on a pipe, for ever. CEL_EUNAVAILABLE if the tree is not in the store, or any more. */
struct cel_records;
int cel_records_new(struct cel_store *store, const char *rev, struct cel_records **out, struct cel_error *e);
/* Only those that are selected; cel_records_count tells how many they are. */
int cel_records_select(struct cel_store *store, const char *rev, const struct cel_select *select, struct cel_records **out,
		       struct cel_error *e);
void cel_records_selected(const struct cel_records *records, struct cel_selected *out);
void cel_records_free(struct cel_records *records);
uint64_t cel_records_count(const struct cel_records *records);
const struct cel_schema *cel_records_schema(const struct cel_records *records);
int cel_records_next(struct cel_records *records, const struct cel_record **out, struct cel_error *e);

/* Elements as double, from their stored form. */
double cel_element(enum cel_type type, const uint8_t *vector, size_t position);
/* One element as the shortest decimal text that reads back to the same element; returns its length. */
#define CEL_ELEMENT_TEXT_MAX 32
size_t cel_element_format(enum cel_type type, const uint8_t *vector, size_t position, char out[CEL_ELEMENT_TEXT_MAX]);

/* -------------------------------------------------------------------------------------------------- diff */

enum cel_change_kind { CEL_ADDED = 1, CEL_DELETED, CEL_CHANGED };

/* What is compared: from A to B, in one store or in two. Borrowed as long as what was made of it. */
struct cel_diff_sides {
	struct cel_store *store_a;
	const char *rev_a;
	struct cel_store *store_b;
	const char *rev_b;
};
struct cel_diff_options {
	bool is_ids_only; /* only the kinds and ids of the changes: quicker */
};

/* CEL_EDATA if the schemas differ, which names how. options may be NULL. */
struct cel_diff;
int cel_diff_new(const struct cel_diff_sides *sides, const struct cel_diff_options *options, struct cel_diff **out,
		 struct cel_error *e);
void cel_diff_free(struct cel_diff *diff);
const struct cel_schema *cel_diff_schema(const struct cel_diff *diff);

struct cel_values {
	const uint8_t *vector; /* elements, little-endian; NULL: none */
	size_t vector_size;
	const char *metadata; /* canonical JSON object; NULL: none */
	size_t metadata_size;
};
/* A member of the metadata object, top level only. */
struct cel_key_change {
	enum cel_change_kind kind;
	const uint8_t *key; /* UTF-8, without JSON's escapes; a NUL behind it */
	size_t key_size;
};
struct cel_change {
	enum cel_change_kind kind;
	const uint8_t *id;
	size_t id_size;
	struct cel_values before, after; /* empty where there is no such record */
	/* CEL_CHANGED: */
	bool has_moved; /* the vectors differ */
	float distance; /* of the two vectors by the metric of the schema; 0 unless has_moved */
	const struct cel_key_change *keys; /* by key */
	size_t n_keys;
};
/* Changes by ascending id, in bounded memory; the stores may be written to between the calls. */
int cel_diff_next(struct cel_diff *diff, struct cel_change *out, struct cel_error *e);

struct cel_diff_counts {
	uint64_t added, deleted, changed;
	uint64_t nodes_read; /* of the two trees, to count */
};
int cel_diff_count(struct cel_diff *diff, struct cel_diff_counts *out, struct cel_error *e);

/* Writes the patch that makes A's records B's (cel-format(5)), piece by piece; a non-zero result of `write` stops and is
 * returned. *count: the changes in it. */
typedef int cel_write_fn(void *context, const void *data, size_t size, struct cel_error *e);
int cel_diff_patch(struct cel_diff *diff, cel_write_fn *write, void *context, uint64_t *count, struct cel_error *e);

/* ------------------------------------------------------------------------------------------------- merge */

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

/* ------------------------------------------------------------------------------- input: files of vectors */

enum cel_format {
	CEL_FORMAT_AUTO,
	CEL_FORMAT_NPY,
	CEL_FORMAT_FVECS,
	CEL_FORMAT_BVECS,
	CEL_FORMAT_JSONL,
	CEL_FORMAT_CSV,
	CEL_FORMAT_TSV,
	CEL_FORMAT_RAW,
	CEL_FORMAT_NPZ,
	CEL_FORMAT_HDF5,
	CEL_FORMAT_ARROW /* and Parquet */
};
int cel_format_parse(const char *name, enum cel_format *out, struct cel_error *e);

struct cel_source_options {
	enum cel_format format;
	const char *ids;       /* file of ids, one a line; NULL: none */
	bool is_ids_nul;       /* they end with NUL instead */
	const char *id_prefix; /* ids are this and the row number from 0; NULL: none */
	/* Tables (CSV, TSV, Parquet, Arrow). Columns are called by their names, or by their numbers from 1. */
	const char *id_column;      /* NULL: "id" */
	const char *vector_columns; /* "A,B,C", "A..B", or one column with all numbers; NULL: "vector" */
	bool is_without_header;     /* the first line is a row already */
	/* CEL_FORMAT_RAW: rows of little-endian numbers and nothing else */
	const char *raw_type; /* "f32", "f64", "f16", "bf16", "i8" or "u8" */
	uint32_t raw_dim;
	const char *member; /* CEL_FORMAT_NPZ and CEL_FORMAT_HDF5: which array; NULL: the only one, or "train" */
};

/* ------------------------------------------------------------------------------------------------- build */

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

/* ------------------------------------------------------------------------------------------------- query */

struct cel_hit {
	const uint8_t *id;
	size_t id_size;
	float distance;
};

struct cel_query_options {
	uint32_t k;      /* answers a query; 0: 10 */
	uint32_t ef;     /* beam on the graph, forces it; 0: chosen by recall */
	double recall;   /* aimed at when ef is 0; 0: 0.95 */
	bool is_exact;   /* scan */
	uint32_t threads; /* 0: all processors */
	struct cel_select select; /* only these records */
	bool has_radius;  /* all that are no farther than radius, instead of the k nearest; k other than 0: the nearest k of them */
	float radius;     /* a distance as in cel_hit */
};

struct cel_query;
int cel_query_new(struct cel_store *store, const char *rev, const struct cel_query_options *options,
		  struct cel_query **out, struct cel_error *e);
void cel_query_free(struct cel_query *query);

struct cel_answer {
	uint64_t row;        /* of the query, from 0 over all inputs */
	const uint8_t *id;   /* of the query, or NULL */
	size_t id_size;
	const struct cel_hit *hits; /* nearest first; ties in id order */
	uint32_t n_hits;
};
typedef int cel_answer_fn(void *context, const struct cel_answer *answer, struct cel_error *e);

/* Answers every row of the file ("-": standard input) in order, in bounded memory. A non-zero result of `answer`
 * stops and is returned. */
int cel_query_file(struct cel_query *query, const char *path, const struct cel_source_options *source,
		   cel_answer_fn *answer, void *context, struct cel_error *e);
/* Answers n vectors, one behind the other, in the elements of the schema as they are stored. CEL_EDATA for one that no
 * record may have. */
int cel_query_vectors(struct cel_query *query, const void *vectors, size_t n, cel_answer_fn *answer, void *context,
		      struct cel_error *e);
/* Answers with the neighbours of a stored record, itself left out. CEL_ENOTFOUND if there is no such id. */
int cel_query_id(struct cel_query *query, const void *id, size_t id_size, cel_answer_fn *answer, void *context,
		 struct cel_error *e);

/* The true answers to a file of queries: an .ivecs file, a row a query, of the numbers of records. */
struct cel_truth_options {
	uint32_t k;            /* numbers a row that count; 0: all */
	const char *id_prefix; /* number n is the record of this id and n; NULL: of the id n */
	const char *ids;       /* file of ids, one a line: number n is the one on line n + 1; NULL: none */
};
struct cel_truth;
int cel_truth_new(const char *path, const struct cel_truth_options *options, struct cel_truth **out, struct cel_error *e);
void cel_truth_free(struct cel_truth *truth);
uint32_t cel_truth_k(const struct cel_truth *truth); /* numbers a row: what the query's k should be */
/* Answers the file and compares: which share of the true answers was found. CEL_EDATA if it has not as many rows as the
 * truth. */
int cel_query_recall(struct cel_query *query, const char *path, const struct cel_source_options *source,
		     struct cel_truth *truth, double *recall, struct cel_error *e);

/* False: all records are. */
bool cel_query_selected(const struct cel_query *query, struct cel_selected *out);

/* How the last answers were found: "graph", "scan" (of the index file) or "tree" (no index). */
const char *cel_query_method(const struct cel_query *query);
uint32_t cel_query_ef(const struct cel_query *query); /* 0 unless "graph" */

/* How the answer to one query differs between the two sides of a comparison. An answer is the list of ids, nearest first. */
struct cel_overlap {
	uint64_t row;      /* of the query, from 0 */
	const uint8_t *id; /* of the query, or NULL */
	size_t id_size;
	bool is_same;   /* the same ids in the same order */
	double overlap; /* ids in both answers, over the length of the longer one; 1 if both are empty */
};
typedef int cel_overlap_fn(void *context, const struct cel_overlap *overlap, struct cel_error *e);
struct cel_overlap_result {
	uint32_t k;
	uint64_t queries, changed; /* changed: not is_same */
	double mean;               /* of the overlaps; 1 without queries */
};
/* Asks both sides every row of the file ("-": standard input) and tells of each in order, in bounded memory; the result does
 * not depend on the threads. A non-zero result of `call` stops and is returned. */
int cel_diff_queries(struct cel_diff *diff, const struct cel_query_options *options, const char *path,
		     const struct cel_source_options *source, cel_overlap_fn *call, void *context,
		     struct cel_overlap_result *out, struct cel_error *e);

/* --------------------------------------------------------------------------------------------- integrity */

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

/* ------------------------------------------------------------------------------------------------- peers */
/* Remotes: short names for places of other stores, in the settings of this one. */
#define CEL_PLACE_MAX 4500u /* bytes of a place */
/* place: PATH or [USER@]HOST:PATH; of a PATH the absolute one is kept. CEL_ECANTCREAT if the name is taken, the
 * next two CEL_ENOINPUT if there is none. */
int cel_remote_add(struct cel_store *store, const char *name, const char *place, struct cel_error *e);
int cel_remote_remove(struct cel_store *store, const char *name, struct cel_error *e);
int cel_remote_get(struct cel_store *store, const char *name, char place[CEL_PLACE_MAX + 1], struct cel_error *e);
/* The list is by name; a non-zero result of `call` stops and is returned. */
typedef int cel_remote_fn(void *context, const char *name, const char *place, struct cel_error *e);
int cel_remote_list(struct cel_store *store, cel_remote_fn *call, void *context, struct cel_error *e);

/* Another store: on this host (a PATH, or that of a socket on which cel-serve listens), or on another one, where ssh runs
 * cel-serve. Environment: CEL_SSH names another program than ssh, called as ssh is: host, then one command line. */
struct cel_peer_options {
	const char *remote_command; /* a shell word there; NULL: "cel-serve" */
	double timeout;    /* seconds without a byte either way, then CEL_EUNAVAILABLE or, later on, CEL_EBUSY; 0: none */
	double lock_wait;  /* seconds that a push may wait there for another writer */
	double rate;       /* bytes a second each way; 0: no limit */
	bool is_pushing;   /* something is to be written there */
	cel_progress_fn *on_progress; /* may be NULL; phases such as "records", with what is done */
	void *context;
};
struct cel_peer;
/* store: where remotes are looked up, and what is fetched to and pushed from. Of the place the rev is not looked at. options may be
 * NULL. From here on, as the connection is used: CEL_EUNAVAILABLE if the host cannot be reached or has no cel-serve,
 * CEL_EPERMISSION if that serves another store, CEL_EPROTOCOL if it is none or sends what is not true. */
int cel_peer_open(struct cel_store *store, const struct cel_place *place, const struct cel_peer_options *options,
		  struct cel_peer **out, struct cel_error *e);
void cel_peer_free(struct cel_peer *peer);
void cel_peer_traffic(const struct cel_peer *peer, uint64_t *received, uint64_t *sent, uint64_t *round_trips); /* bytes */

/* The collections that may be read; the rest as with the remotes. */
typedef int cel_peer_list_fn(void *context, const char *name, const char *commit, uint64_t records, struct cel_error *e);
int cel_peer_list(struct cel_peer *peer, cel_peer_list_fn *call, void *context, struct cel_error *e);

struct cel_fetch_result {
	char commit[CEL_CID_TEXT_SIZE]; /* that rev is, there */
	char origin[320];     /* for cel_merge_options: whose it is */
	bool is_up_to_date;
	uint64_t commits, changes; /* that came, or in a dry run would come; changes: records in patches */
	uint64_t blocks, kept;     /* where trees had to be compared: that came; parts of trees that an earlier try had left */
};
/* Brings the commits of rev (NAME, NAME~N, NAME@TAG) with their trees here. No collection moves. CEL_ENOINPUT if it names none. */
int cel_peer_fetch(struct cel_peer *peer, const char *rev, bool is_dry_run, struct cel_fetch_result *out, struct cel_error *e);

struct cel_push_options {
	bool is_dry_run, is_merging; /* merging: there, if it is no fast-forward */
	enum cel_policy policy;
};
/* Nothing is changed in UNCHANGED (it was there already, or what is there descends from it), DIVERGED (there are commits that ours
 * has not, and merging was not asked for), CONFLICTS (it was, with the policy FAIL) and DRY_RUN. */
enum cel_push_outcome { CEL_PUSH_UNCHANGED, CEL_PUSH_CREATED, CEL_PUSH_FAST_FORWARD, CEL_PUSH_MERGED, CEL_PUSH_DIVERGED,
			CEL_PUSH_CONFLICTS, CEL_PUSH_DRY_RUN };
struct cel_push_result {
	enum cel_push_outcome outcome;
	char commit[CEL_CID_TEXT_SIZE];   /* where the collection is there now; "" in a dry run */
	uint64_t commits, changes, conflicts; /* that went, or would go */
};
/* Our rev goes to the collection `name` there. CEL_EPERMISSION if it may not be written, CEL_EBUSY if another writer is at work. */
int cel_peer_push(struct cel_peer *peer, const char *rev, const char *name, const struct cel_push_options *options,
		  struct cel_push_result *out, struct cel_error *e);

/* The other side of it. Rules of access: NAME, NAME:r or NAME:rw, where a * may end the name; none at all: all of them, :rw. */
struct cel_serve_options {
	const char *const *allow;
	size_t n_allow;
	bool is_read_only, is_without_index; /* whatever the rules say; else the indexes of what was pushed are built at the end */
	const char *socket;    /* the path by which clients of a socket name the store; or NULL */
	double timeout, rate;  /* as in cel_peer_options */
	uint64_t push_max;     /* bytes that one push may bring, unpacked; 0: 64 GiB. One that brings more is refused: CEL_EPROTOCOL */
};
/* Serves one client, who reads `out` and writes `in` (which may be the same), to its end. It must mean this very store. */
int cel_serve_fd(struct cel_store *store, const struct cel_serve_options *options, int in, int out, struct cel_error *e);

/* A Unix socket for clients of this user (and root). Accept: CEL_EBUSY after a signal, CEL_EPERMISSION for one of another user. */
int cel_socket_listen(const char *path, int *fd, struct cel_error *e);
int cel_socket_accept(int listener, int *fd, struct cel_error *e);

/* ------------------------------------------------------------------------------------------ this library */
/* The kernels in use: "scalar", "avx2", "avx512", "neon". CEL_EUNAVAILABLE if CEL_SIMD names one the CPU lacks. */
int cel_simd_name(const char **out, struct cel_error *e);

#ifdef __GNUC__
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif

#endif
