/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: what a store and a commit take, and who is at work. */

/* Counted without a look at any block. */
struct cel_store_stat {
	char path[4096];
	char id[33];          /* hexadecimal, or "" */
	uint64_t collections, tags;
	uint64_t data_bytes, data_allocated; /* of data.mdb: its length, and what it takes of the disk */
	uint64_t data_used, data_free;       /* pages with something in them; pages to be written over. Bytes */
	uint64_t map_bytes;
	uint64_t data_blocks; /* in data.mdb */
	uint64_t moves;       /* of names, that are remembered */
	uint64_t segments, segment_bytes, segment_blocks;
	uint64_t index_files, index_bytes;     /* canonical ones */
	uint64_t carried_files, carried_bytes;
	uint64_t filter_files, filter_bytes;
	uint32_t reader_slots;
	bool is_written;      /* somebody is writing, or keeps others from it */
};
int cel_store_stat(struct cel_store *store, struct cel_store_stat *out, struct cel_error *e);

/* Another process that has the store open and has read. */
struct cel_reader {
	uint64_t pid;
	int64_t since;   /* Unix seconds: when the process began; 0: not known */
	bool is_reading; /* holds a state just now */
	uint64_t behind; /* commits to data.mdb since that state: their old pages cannot be used again before it is done */
};
typedef int cel_reader_fn(void *context, const struct cel_reader *reader, struct cel_error *e);
/* A non-zero result of `call` stops and is returned. *stale: slots of dead processes, which were freed since the
 * store was opened. */
int cel_reader_list(struct cel_store *store, cel_reader_fn *call, void *context, uint32_t *stale, struct cel_error *e);

/* A writer whose work takes several transactions, or that was killed in the middle of it: then gc drops what it left. */
struct cel_lease {
	uint64_t pid;
	int64_t begun, renewed; /* Unix seconds */
	bool is_live;
};
typedef int cel_lease_fn(void *context, const struct cel_lease *lease, struct cel_error *e);
int cel_lease_list(struct cel_store *store, cel_lease_fn *call, void *context, struct cel_error *e);

#define CEL_LEVELS_MAX 16
struct cel_tree_stat {
	uint64_t records;
	uint32_t height;                /* levels; 1: one leaf */
	uint64_t nodes[CEL_LEVELS_MAX]; /* from the leaves up */
	uint64_t vector_bytes;          /* of all records, one behind the other */
	uint64_t index_files, filter_files; /* of this very tree */
	/* by a walk of all its nodes: */
	uint64_t node_bytes;
	uint64_t distinct_vectors;      /* records with equal vectors count once */
	uint64_t value_blocks, value_bytes; /* what is over 256 bytes has a block of its own, and equal ones share it */
	uint64_t with_metadata, metadata_bytes; /* records; of each of them */
};
struct cel_stat_options {
	bool is_deep; /* walk all nodes; else those above the leaves alone: a page or two for each thousand records */
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
};
/* CEL_EUNAVAILABLE if the tree is not here. options may be NULL. */
int cel_tree_stat(struct cel_store *store, const char *rev, const struct cel_stat_options *options,
		  struct cel_tree_stat *out, struct cel_error *e);

/* What the commits that led to a rev share. */
struct cel_history_stat {
	uint64_t commits;
	uint64_t trees;   /* commits whose trees are here */
	/* Deep, by a walk of all their nodes, each once; about 50 bytes of memory for each node and each value over 256 bytes: */
	uint64_t logical; /* bytes of each of the trees, nodes and values, added up: what as many copies would take */
	uint64_t stored;  /* bytes of the distinct blocks they consist of */
	uint64_t own;     /* of these, what the rev's tree alone has: none of the other commits */
};
/* rev NULL: of all commits that a name leads to, of which none is the rev's own. */
int cel_history_stat(struct cel_store *store, const char *rev, const struct cel_stat_options *options,
		     struct cel_history_stat *out, struct cel_error *e);
