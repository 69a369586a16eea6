/* SPDX-License-Identifier: Apache-2.0 */
/* The index: an HNSW graph (Malkov and Yashunin, arXiv 1603.09320) over the distinct vectors of one tree, built in
 * batches against a frozen graph (ParlayANN, arXiv 2305.04359), kept in one mmapped file that carries ids and vectors.
 * The bytes of the file are a function of (records, parameters, tree CID): not of threads, instruction set or order.
 *
 * Distances reported: l2 with its root, 1 - cos, -dot; computed in float by the fixed reduction of simd.h on the
 * stored elements, so they are the same everywhere; order is (distance, id). */
#ifndef HNSW_HNSW_H
#define HNSW_HNSW_H

#include "cel.h"
#include "cid.h"
#include "slice.h"

struct hnsw_params {
	uint32_t M;               /* links a node on upper levels; 2 M on level 0. 4..128 */
	uint32_t ef_construction; /* beam while building, 8..4096 */
};
#define HNSW_M_DEFAULT 16
#define HNSW_EF_CONSTRUCTION_DEFAULT 150

/* Records in ascending id order; slices borrowed until the next call; 1 an item, 0 the end, negative an error. */
struct hnsw_input {
	int (*next)(void *context, struct slice *id, struct slice *vector, struct cel_error *e);
	void *context;
	uint64_t count; /* exactly this many items follow */
};

/* Builds the index of the records and writes it to `path` by way of a temporary name in the same directory (fdatasync,
 * rename, fsync of the directory). threads >= 1. `progress`, if not NULL, is told done and total now and then and
 * stops the build with CEL_EBUSY by returning non-zero. */
int hnsw_build(const struct cel_schema *schema, const struct hnsw_params *params, const struct cid *tree,
	       struct hnsw_input *input, uint32_t threads, const char *path,
	       int (*progress)(void *context, uint64_t done, uint64_t total), void *progress_context,
	       struct cel_error *e);

/* ---- the file */
struct hnsw_index;
/* mmap and a check of the header (format, schema, section bounds, header digest): O(1). CEL_ENOTFOUND if there is no
 * file, CEL_ECORRUPT if it is not a good one, CEL_ECONFIG if its format is another. */
int hnsw_open(const char *path, struct hnsw_index **out, struct cel_error *e);
void hnsw_close(struct hnsw_index *index);
int hnsw_verify(const struct hnsw_index *index, struct cel_error *e); /* CEL_ECORRUPT; reads the whole file */

/* Where a carried index comes from; a fresh build, the canonical index of its tree, has none. */
struct hnsw_lineage {
	bool is_carried;
	uint8_t parent[SHA256_SIZE]; /* the digest of the file it was carried from */
	struct cid origin;           /* the tree of the fresh build at the beginning of the line */
	uint64_t churn;              /* records added, deleted and changed since then */
};

struct hnsw_info {
	struct cid tree;
	struct cel_schema schema; /* model empty: it is no part of the index */
	struct hnsw_params params;
	uint64_t n_records, n_nodes; /* nodes: distinct vectors */
	uint64_t file_size;
	uint8_t digest[SHA256_SIZE]; /* of the header, which holds the one over the rest: stands for the whole file */
	struct hnsw_lineage lineage;
};
void hnsw_info(const struct hnsw_index *index, struct hnsw_info *out);

/* The smallest ef that is sure to reach recall@10 on queries like the records: by the held-out records of the build, less four
 * standard errors. False if none is: then the largest that was tried; 1024 if there were too few records (under 500) to try. */
bool hnsw_ef_for_recall(const struct hnsw_index *index, double recall, uint32_t *ef);

/* Row i of what was measured then; false past the last one. */
bool hnsw_recall_row(const struct hnsw_index *index, uint32_t i, struct cel_recall_row *out);

/* Like hnsw_build, but takes over what it can of the parent's graph: nodes that are gone are deleted and their neighbours
 * linked anew, new ones inserted. Parameters and codes are the parent's. The result follows from the parent's file and the
 * input, on any number of threads, but is not what hnsw_build would make. changes: records that differ, for the lineage.
 * CEL_ECORRUPT if the parent's file does not match its digest; CEL_EUNAVAILABLE if its codes do not fit the new vectors:
 * then only hnsw_build will do. */
int hnsw_carry(const struct hnsw_index *parent, const struct cid *tree, struct hnsw_input *input, uint64_t changes,
	       uint32_t threads, const char *path, int (*progress)(void *context, uint64_t done, uint64_t total),
	       void *progress_context, struct cel_error *e);

/* ---- overlay: how the tree that is asked about differs from the one of the index. Its records are looked up by id when
 * it is made, and are no more than bits and rows when queries are answered. */
struct hnsw_overlay;
int hnsw_overlay_new(const struct hnsw_index *index, struct hnsw_overlay **out, struct cel_error *e);
void hnsw_overlay_free(struct hnsw_overlay *o);
/* A record that is deleted is removed, one that is new is added, one whose vector has changed both. CEL_ECORRUPT if the
 * index has no record of that id. What is added is copied. */
int hnsw_overlay_remove(struct hnsw_overlay *o, struct slice id, struct cel_error *e);
int hnsw_overlay_add(struct hnsw_overlay *o, struct slice id, struct slice vector, struct cel_error *e);
/* To be called once, after the last of them; then searchers, on any thread, may use it. */
int hnsw_overlay_finish(struct hnsw_overlay *o, struct cel_error *e);
struct hnsw_overlay_counts {
	uint64_t removed, added;
};
struct hnsw_overlay_counts hnsw_overlay_counts(const struct hnsw_overlay *o);
/* Whether it costs a query of recall 0.95 no more than about a quarter. */
bool hnsw_overlay_is_small(const struct hnsw_overlay *o);

/* ---- some of the records only. bits: one for each record of the tree that is asked about, n of them, in the order of ids: of the
 * index's own, or with the overlay. CEL_ECORRUPT if the index has not as many. */
struct hnsw_accept;
int hnsw_accept_new(const struct hnsw_index *index, const struct hnsw_overlay *overlay, const uint64_t *bits, uint64_t n,
		    struct hnsw_accept **out, struct cel_error *e);
void hnsw_accept_free(struct hnsw_accept *accept);

/* ---- search: one searcher a thread; no allocation after hnsw_searcher_new. */
struct hnsw_hit {
	float distance;
	struct slice id; /* in the mapped file or the overlay: lives as long as that */
};
struct hnsw_searcher;
/* overlay: of this index, or NULL; must outlive the searcher. */
int hnsw_searcher_new(const struct hnsw_index *index, const struct hnsw_overlay *overlay, uint32_t k_max,
		      uint32_t ef_max, struct hnsw_searcher **out, struct cel_error *e);
/* From now on only what is accepted counts; made of the same index and overlay. Must outlive the searcher. */
int hnsw_searcher_accept(struct hnsw_searcher *s, const struct hnsw_accept *accept, struct cel_error *e);
void hnsw_searcher_free(struct hnsw_searcher *s);
/* query: the elements of one vector as stored, obeying the record rules. hits has room for k; *n of them are filled:
 * min(k, records that count) of them. The vectors of the hits are checked against their digests: CEL_ECORRUPT. */
int hnsw_search(struct hnsw_searcher *s, struct slice query, uint32_t k, uint32_t ef, struct hnsw_hit *hits, uint32_t *n,
		struct cel_error *e);
/* The exact k nearest, by scanning every vector of the file and of the overlay. */
int hnsw_scan(struct hnsw_searcher *s, struct slice query, uint32_t k, struct hnsw_hit *hits, uint32_t *n,
	      struct cel_error *e);
/* All that are no farther than radius, in the order of (distance, id), by a scan; they live until the next call on the searcher. */
int hnsw_scan_within(struct hnsw_searcher *s, struct slice query, float radius, const struct hnsw_hit **hits, size_t *n,
		     struct cel_error *e);
/* Whether a scan (of what is accepted) is expected to be cheaper than walking the graph with ef. */
bool hnsw_is_scan_cheaper(const struct hnsw_index *index, uint32_t ef);
bool hnsw_accept_is_scan_cheaper(const struct hnsw_accept *accept, uint32_t ef);

/* ---- exact search without an index, over records passed in one at a time */
struct exact;
int exact_new(const struct cel_schema *schema, uint32_t k, const uint8_t *queries, size_t n_queries, struct exact **out,
	      struct cel_error *e);
void exact_free(struct exact *x);
/* Before the first record: not the k nearest, but all that are no farther than radius. */
int exact_within(struct exact *x, float radius, struct cel_error *e);
int exact_add(struct exact *x, struct slice id, struct slice vector, struct cel_error *e); /* ids ascending; copied */
/* hits in order (distance, id), ids alive until exact_free. */
int exact_hits(struct exact *x, size_t query, const struct hnsw_hit **hits, uint32_t *n, struct cel_error *e);

#endif
