/* SPDX-License-Identifier: Apache-2.0 */
/* Queries are asked one at a time on one thread, as who waits for an answer does; all of them once without the clock, and
 * then over and over for a fifth of a second, so that pages are in memory and the clock's grain does not show. */
#include "survey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "seconds.h"

#define K_DEFAULT 10u
#define QUERIES_DEFAULT 200u
#define QUERIES_MAX 10000u
#define SECONDS_MIN 0.2
#define ROUNDS_MAX 50
#define EXACT_TIMED 20u

static const uint32_t EFS[] = {10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024};
_Static_assert(sizeof EFS / sizeof *EFS <= SURVEY_POINTS_MAX, "points");

struct work {
	struct survey *survey;
	struct cel_store *store;
	const char *rev;
	size_t vector_size;
	uint8_t *vectors;
	size_t n;
	char (*ids)[CEL_ID_MAX]; /* of stored queries */
	size_t *id_sizes;
	float *truth;            /* the distance of the k-th true answer to each */
	uint32_t *counts;        /* how many true answers there are: k, or all records */
	/* of the run that is on: */
	size_t query;
	bool is_truth;
	uint64_t hits, wanted;
};

static int fail_memory(struct cel_error *e)
{
	e->code = CEL_ENOMEM;
	snprintf(e->message, sizeof e->message, "out of memory");
	return e->code;
}

static int fail_data(struct cel_error *e, const char *text)
{
	e->code = CEL_EDATA;
	snprintf(e->message, sizeof e->message, "%s", text);
	return e->code;
}

/* ---- queries */

static int add_query(void *context, const void *vector, const void *id, size_t id_size, struct cel_error *e)
{
	struct work *w = context;
	if (w->n == QUERIES_MAX)
		return 1;
	int rc = array_room(&w->vectors, w->n, 1, w->vector_size, e);
	if (rc == 0)
		rc = array_room(&w->ids, w->n, 1, sizeof *w->ids, e);
	if (rc == 0)
		rc = array_room(&w->id_sizes, w->n, 1, sizeof *w->id_sizes, e);
	if (rc < 0)
		return rc;
	memcpy(w->vectors + w->n * w->vector_size, vector, w->vector_size);
	memcpy(w->ids[w->n], id, id_size);
	w->id_sizes[w->n++] = id_size;
	return 0;
}

static int add_row(void *context, const struct cel_row *row, struct cel_error *e)
{
	return add_query(context, row->vector, "", 0, e);
}

static int load_queries(struct work *w, struct cel_error *e)
{
	struct cel_records *records;
	const struct cel_record *r;
	int rc = cel_records_new(w->store, w->rev, &records, e);
	if (rc < 0)
		return rc;
	struct cel_schema schema = *cel_records_schema(records);
	w->vector_size = cel_vector_size(schema.type, schema.dim);
	if (cel_records_count(records) < 2) {
		cel_records_free(records);
		return fail_data(e, "there are no records to ask about");
	}
	if (w->survey->queries != NULL) {
		rc = cel_rows_read(&schema, w->survey->queries, NULL, add_row, w, e);
	} else {
		cel_records_sample(records, w->survey->n_wanted);
		while ((rc = cel_records_next(records, &r, e)) > 0 && (rc = add_query(w, r->vector, r->id, r->id_size, e)) == 0)
			continue;
	}
	cel_records_free(records);
	if (rc >= 0 && w->n == 0)
		return fail_data(e, "there are no queries");
	return rc < 0 ? rc : 0;
}

/* ---- answers */

static int take_answer(void *context, const struct cel_answer *a, struct cel_error *e)
{
	struct work *w = context;
	size_t q = w->query;
	uint32_t n = 0;
	(void)e;
	for (uint32_t i = 0; i < a->n_hits && n < w->survey->k; i++) {
		const struct cel_hit *hit = &a->hits[i];
		if (w->id_sizes[q] != 0 && hit->id_size == w->id_sizes[q] && memcmp(hit->id, w->ids[q], hit->id_size) == 0)
			continue; /* itself */
		n++;
		if (w->is_truth)
			w->truth[q] = hit->distance;
		else
			w->hits += hit->distance <= w->truth[q];
	}
	if (w->is_truth)
		w->counts[q] = n;
	w->wanted += w->counts[q];
	return 0;
}

static int ask(struct work *w, struct cel_query *query, size_t q, struct cel_error *e)
{
	w->query = q;
	return cel_query_vectors(query, w->vectors + q * w->vector_size, 1, take_answer, w, e);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Asks the first n over and over, with the clock. */
static int measure_time(struct work *w, struct cel_query *query, size_t n, struct survey_point *out, struct cel_error *e)
{
	double *times = malloc(ROUNDS_MAX * n * sizeof *times), total = 0;
	size_t n_times = 0;
	int rc = times == NULL ? fail_memory(e) : 0;
	for (int round = 0; rc == 0 && round < ROUNDS_MAX && total < SECONDS_MIN; round++) {
		for (size_t q = 0; rc == 0 && q < n; q++) {
			double start = seconds_now();
			rc = ask(w, query, q, e);
			times[n_times] = seconds_now() - start;
			total += times[n_times++];
		}
	}
	if (rc == 0) {
		qsort(times, n_times, sizeof *times, compare_doubles);
		out->per_second = (double)n_times / total;
		out->p50 = 1e3 * times[n_times / 2];
		out->p99 = 1e3 * times[n_times - 1 - (n_times - 1) / 100];
	}
	free(times);
	return rc;
}

static int tell(struct work *w, uint64_t done, struct cel_error *e)
{
	struct cel_progress progress = {.phase = "ask", .unit = "rounds", .done = done, .total = sizeof EFS / sizeof *EFS + 1};
	if (w->survey->on_progress == NULL || w->survey->on_progress(w->survey->context, &progress) == 0)
		return 0;
	e->code = CEL_EBUSY;
	snprintf(e->message, sizeof e->message, "stopped");
	return e->code;
}

static int find_truth(struct work *w, struct cel_error *e)
{
	struct cel_query_options options = {.k = w->survey->k + 1, .is_exact = true, .threads = 1};
	struct cel_query *query;
	w->truth = calloc(w->n, sizeof *w->truth);
	w->counts = calloc(w->n, sizeof *w->counts);
	if (w->truth == NULL || w->counts == NULL)
		return fail_memory(e);
	int rc = cel_query_new(w->store, w->rev, &options, &query, e);
	if (rc < 0)
		return rc;
	w->is_truth = true;
	for (size_t q = 0; rc == 0 && q < w->n; q++) {
		rc = ask(w, query, q, e);
		if (rc == 0 && q % 16 == 0)
			rc = tell(w, 0, e);
	}
	w->survey->exact.recall = 1;
	if (rc == 0)
		rc = measure_time(w, query, w->n < EXACT_TIMED ? w->n : EXACT_TIMED, &w->survey->exact, e);
	w->is_truth = false;
	cel_query_free(query);
	return rc;
}

static int measure(struct work *w, uint32_t ef, struct cel_error *e)
{
	struct cel_query_options options = {.k = w->survey->k + (w->survey->queries == NULL), .ef = ef, .threads = 1};
	struct survey_point *point = &w->survey->points[w->survey->n_points];
	struct cel_query *query;
	int rc = cel_query_new(w->store, w->rev, &options, &query, e);
	if (rc < 0)
		return rc;
	*point = (struct survey_point){.ef = ef};
	w->hits = w->wanted = 0;
	for (size_t q = 0; rc == 0 && q < w->n; q++)
		rc = ask(w, query, q, e);
	point->recall = w->wanted > 0 ? (double)w->hits / (double)w->wanted : 1;
	if (rc == 0)
		rc = measure_time(w, query, w->n, point, e);
	w->survey->n_points += rc == 0;
	cel_query_free(query);
	return rc;
}

/* Until nothing is to be won any more: twice the same, or all found. */
static int measure_all(struct work *w, struct cel_error *e)
{
	struct survey *s = w->survey;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < sizeof EFS / sizeof *EFS; i++) {
		if (EFS[i] < s->k)
			continue;
		rc = tell(w, i + 1, e);
		if (rc == 0)
			rc = measure(w, EFS[i], e);
		if (rc == 0 && s->points[s->n_points - 1].recall >= 0.9995)
			break;
	}
	return rc;
}

/* Said before work is done in vain. */
static int check_index(struct work *w, struct cel_error *e)
{
	struct cel_query_options options = {.k = 1, .ef = EFS[0]};
	struct cel_query *query;
	int rc = cel_query_new(w->store, w->rev, &options, &query, e);
	if (rc == 0)
		cel_query_free(query);
	return rc;
}

int survey_run(struct survey *s, struct cel_store *store, const char *rev, struct cel_error *e)
{
	struct work w = {.survey = s, .store = store, .rev = rev};
	s->k = s->k != 0 ? s->k : K_DEFAULT;
	s->n_wanted = s->n_wanted != 0 ? s->n_wanted : QUERIES_DEFAULT;
	int rc = check_index(&w, e);
	if (rc == 0)
		rc = load_queries(&w, e);
	s->n_queries = w.n;
	if (rc == 0)
		rc = find_truth(&w, e);
	if (rc == 0)
		rc = measure_all(&w, e);
	free(w.vectors);
	free(w.ids);
	free(w.id_sizes);
	free(w.truth);
	free(w.counts);
	return rc;
}
