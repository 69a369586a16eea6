/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: nearest neighbours, and how good the answers are. */
#ifndef CEL_H
#error "include cel.h"
#endif

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
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
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

/* How long single answers took, each on its thread, in seconds; percentiles within a thirtieth. */
struct cel_latency {
	uint64_t count; /* 0, and so is the rest, where one pass answers many ("tree") */
	double mean, p50, p95, p99, most;
};
void cel_query_latency(const struct cel_query *query, struct cel_latency *out);

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
