/* SPDX-License-Identifier: Apache-2.0 */
/* Answering a block of queries, by whichever of the three ways fits:
 *   graph  the index, walked with a beam of ef
 *   scan   the vectors of the index file, one after the other
 *   tree   the vectors of the tree, all queries of the block in one pass */
#ifndef DB_ANSWER_H
#define DB_ANSWER_H

#include "db.h"
#include "index_view.h"
#include "latency.h"
#include "selection.h"

enum answer_method { ANSWER_GRAPH, ANSWER_SCAN, ANSWER_TREE };

struct answer_how {
	enum answer_method method;
	uint32_t k;  /* the most hits a query */
	uint32_t ef;
	uint32_t threads;
	const struct selection *selection; /* NULL: all records; else accept is made of it, if there is an index */
	const struct hnsw_accept *accept;
	bool has_radius; /* all within the radius, the nearest k of them */
	float radius;
	struct latency *latency; /* of every answer */
};

struct answerer;
/* The view's index may be NULL (ANSWER_TREE only); all but `how` itself is borrowed. */
int answerer_new(struct cel_store *store, const struct db_rev *rev, const struct index_view *view,
		 const struct answer_how *how, struct answerer **out, struct cel_error *e);
void answerer_free(struct answerer *a);

/* Answers n queries (n vectors of schema_vector_size() bytes one behind the other); hits until the next call. */
int answerer_run(struct answerer *a, const uint8_t *queries, size_t n, struct cel_error *e);
struct answer_hits {
	const struct hnsw_hit *hits;
	uint32_t n;
};
struct answer_hits answerer_hits(const struct answerer *a, size_t query);

#endif
