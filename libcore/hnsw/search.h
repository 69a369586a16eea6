/* SPDX-License-Identifier: Apache-2.0 */
/* A searcher, as the recall table uses it before there is a file, and what walk and scan share. */
#ifndef HNSW_SEARCH_H
#define HNSW_SEARCH_H

#include "accept.h"
#include "index.h"
#include "overlay.h"
#include "topk.h"
#include "walk.h"

struct hnsw_searcher {
	const struct hnsw_index *index;
	const struct hnsw_overlay *overlay; /* may be NULL */
	const struct hnsw_accept *accept;   /* may be NULL */
	/* What does not count, a bit each; NULL: all do. Out of one of the two above. */
	const uint64_t *out_records, *out_nodes, *out_rows;
	uint64_t n_records, n_nodes, n_rows; /* that count */
	struct walk walk;
	struct topk topk;
	uint32_t k_max, ef_max;
	float *scratch; /* [dim] */
	bool is_scanning;
	bool is_within;          /* what is found goes to those within the radius, not among the nearest */
	float radius;
	struct buf within, hits; /* of hnsw_scan_within */
};

/* Vectors that wait for their distances. */
struct survivors {
	uint32_t vectors[MEASURE_MAX];
	uint32_t count;
};

int searcher_check(const struct hnsw_searcher *s, struct slice query, uint32_t k, struct cel_error *e);
/* First the answers of the file, min(k, what counts of it). */
void searcher_begin(struct hnsw_searcher *s, uint32_t k);
/* The records of a vector at that distance join the answers, as far as they count and come in. */
int searcher_add_vector(struct hnsw_searcher *s, uint32_t vector, float distance, struct cel_error *e);
/* Those that wait are measured and added; so are the rows of the overlay. */
int searcher_measure(struct hnsw_searcher *s, const struct measure_query *query, struct survivors *v, struct cel_error *e);
int searcher_measure_rows(struct hnsw_searcher *s, const uint8_t *vector, struct cel_error *e);
int searcher_add_overlay(struct hnsw_searcher *s, const uint8_t *vector, uint32_t k, struct cel_error *e);
/* is_by_code: the distance is that of the vector's code. CEL_ECORRUPT */
int searcher_check_hit(struct hnsw_searcher *s, uint32_t tag, bool is_by_code, struct cel_error *e);
int searcher_finish(struct hnsw_searcher *s, bool is_by_code, struct hnsw_hit *hits, uint32_t *n, struct cel_error *e);

/* scan.c: everything that counts of the file. */
int searcher_scan(struct hnsw_searcher *s, const uint8_t *vector, struct cel_error *e);

#endif
