/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: collections, their commits, and the index of a commit. */
#ifndef CEL_H
#error "include cel.h"
#endif

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
/* The commits that led to any of n revs, each once, and after all those that descend from it; the one of the highest (generation,
 * CID) first. */
int cel_history_of(struct cel_store *store, const char *const *revs, size_t n, struct cel_list **out, struct cel_error *e);
int cel_list_next(struct cel_list *list, const struct cel_revision **out, struct cel_error *e);
void cel_list_free(struct cel_list *list);

/* One commit. CEL_ENOINPUT if rev names none. */
int cel_revision_get(struct cel_store *store, const char *rev, struct cel_revision **out, struct cel_error *e);
void cel_revision_free(struct cel_revision *revision);

/* Which recall@10 a beam of ef reached on `queries` records that were asked before they were put into the index. */
struct cel_recall_row {
	uint32_t ef, queries;
	double recall;
};
#define CEL_RECALL_ROWS_MAX 64
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
	uint32_t n_recall;  /* rows, by ascending ef; 0 where there were too few records */
	struct cel_recall_row recall[CEL_RECALL_ROWS_MAX];
};
int cel_index_get(struct cel_store *store, const char *rev, struct cel_index_status *out, struct cel_error *e);

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
