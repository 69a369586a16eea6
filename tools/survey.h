/* SPDX-License-Identifier: Apache-2.0 */
/* What the index of a commit answers, and how quickly, for growing ef: measured on queries of which the truth is found by
 * looking at every record. */
#ifndef TOOLS_SURVEY_H
#define TOOLS_SURVEY_H

#include "cel.h"

struct survey_point {
	uint32_t ef;         /* 0: every record was looked at */
	double recall;       /* share of the true k nearest that were found; one as near as the k-th counts */
	double per_second;   /* queries, on one thread */
	double p50, p99;     /* milliseconds a query */
};
#define SURVEY_POINTS_MAX 32

struct survey {
	uint32_t k;          /* 0: 10 */
	uint32_t n_wanted;   /* stored records to ask, spread over the ids; 0: 200. They are left out of their own answers */
	const char *queries; /* a file of queries instead; NULL: none */
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
	/* found: */
	uint64_t n_queries;
	struct survey_point points[SURVEY_POINTS_MAX]; /* by ef */
	uint32_t n_points;
	struct survey_point exact;
};
/* CEL_EUNAVAILABLE if there is no index that answers for the rev, CEL_EDATA if there are no records or no queries. */
int survey_run(struct survey *s, struct cel_store *store, const char *rev, struct cel_error *e);

#endif
