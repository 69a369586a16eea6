/* SPDX-License-Identifier: Apache-2.0 */
/* The last nodes in insertion order are a random sample, since the order is a hash. Before they are inserted they are
 * asked as queries, for growing ef, and the answers compared with a scan of everything else: an answer counts if it
 * is no farther than the true tenth. The work is bounded by counts (queries, and the table stops once recall is 0.999),
 * never by a clock, so the table is the same everywhere.
 *
 * A chosen ef must keep its promise on other queries, so standard errors of the mean are taken off: with one, an unlucky sample of the
 * word vectors gave .9472 for .95 and .9890 for .99 (docs/adr/0012-recall.md). */
#include "recall_table.h"

#include <math.h>
#include <stdatomic.h>

#include "alloc.h"
#include "bytes.h"
#include "error.h"
#include "search.h"

#define QUERIES_MAX 500u
#define QUERIES_MIN 25u
#define EF_UNKNOWN 1024u
#define EF_MAX 65536u
#define MARGIN 4

static const uint32_t EFS[] = {10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024};
#define N_EFS (sizeof EFS / sizeof *EFS)
_Static_assert(N_EFS <= RECALL_ROWS_MAX, "the header allows as many rows");

/* Under jsd the scan would take longer than the build. */
uint32_t recall_held_out(uint32_t n_nodes, enum cel_metric metric)
{
	uint32_t most = metric == CEL_JSD ? QUERIES_MAX / 5 : QUERIES_MAX;
	uint32_t count = n_nodes / 20 < most ? n_nodes / 20 : most;
	return count >= QUERIES_MIN ? count : 0;
}

struct survey {
	const struct hnsw_index *index;
	uint32_t first, count; /* the queries: nodes first .. first + count - 1 */
	float *tenth;          /* [count] */
	uint8_t *hits;         /* [count], at the ef in question */
	uint32_t ef;
	struct hnsw_searcher **searchers; /* one a worker */
	struct share share;
	_Atomic int code; /* of a worker that failed */
};

static struct slice query_vector(const struct survey *s, uint32_t query)
{
	struct range vectors = {0, 0};
	index_node_vectors(s->index, s->first + query, &vectors, NULL);
	return slice_make(index_vector(s->index, vectors.start), s->index->vector_size);
}

/* All vectors of the nodes before `first` against queries from..to-1. */
static int find_tenth(struct survey *s, uint32_t from, uint32_t to)
{
	const struct hnsw_index *x = s->index;
	struct range last;
	struct exact *exact = NULL;
	MEM_CLEANUP uint8_t *queries = mem_alloc((to - from) * x->vector_size);
	if (queries == NULL)
		return CEL_ENOMEM;
	for (uint32_t q = from; q < to; q++)
		memcpy(queries + (q - from) * x->vector_size, query_vector(s, q).data, x->vector_size);
	int rc = exact_new(&x->layout.schema, RECALL_K, queries, to - from, &exact, NULL);
	if (rc == 0)
		rc = index_node_vectors(x, s->first - 1, &last, NULL);
	for (uint32_t v = 0; rc == 0 && v < last.end; v++) {
		struct range records;
		rc = index_vector_records(x, v, &records, NULL);
		for (uint32_t r = records.start; rc == 0 && r < records.end && r < records.start + RECALL_K; r++)
			rc = exact_add(exact, slice_make("", 0), slice_make(index_vector(x, v), x->vector_size), NULL);
	}
	for (uint32_t q = from; q < to && rc == 0; q++) {
		const struct hnsw_hit *hits;
		uint32_t n;
		rc = exact_hits(exact, q - from, &hits, &n, NULL);
		s->tenth[q] = rc == 0 && n == RECALL_K ? hits[n - 1].distance : INFINITY;
	}
	exact_free(exact);
	return rc;
}

static void tenth_work(void *context, uint32_t worker)
{
	(void)worker;
	struct survey *s = context;
	uint64_t from, to;
	while (share_take(&s->share, &from, &to)) {
		int rc = find_tenth(s, (uint32_t)from, (uint32_t)to);
		if (rc < 0)
			atomic_store(&s->code, rc);
	}
}

static void search_work(void *context, uint32_t worker)
{
	struct survey *s = context;
	uint64_t from, to;
	while (share_take(&s->share, &from, &to)) {
		for (uint64_t q = from; q < to; q++) {
			struct hnsw_hit hits[RECALL_K];
			uint32_t n = 0;
			int rc = hnsw_search(s->searchers[worker], query_vector(s, (uint32_t)q), RECALL_K, s->ef, hits, &n, NULL);
			if (rc < 0)
				atomic_store(&s->code, rc);
			s->hits[q] = 0;
			for (uint32_t i = 0; i < n; i++)
				s->hits[q] = (uint8_t)(s->hits[q] + (hits[i].distance <= s->tenth[q]));
		}
	}
}

static int survey_run(struct survey *s, struct team *team, team_fn *work, uint64_t piece, struct cel_error *e)
{
	atomic_store(&s->share.next, 0);
	s->share.total = s->count;
	s->share.piece = piece;
	team_run(team, work, s);
	int rc = atomic_load(&s->code);
	return rc == 0 ? 0 : error_set(e, rc, "measuring recall: %s", cel_error_text(rc));
}

static int survey_rows(struct survey *s, struct team *team, struct recall_row *rows, struct cel_error *e)
{
	/* Queries share the scan of a block of rows, so the pieces are as large as they can be. */
	int rc = survey_run(s, team, tenth_work, (s->count + team_size(team) - 1) / team_size(team), e);
	int n_rows = 0;
	for (size_t i = 0; i < N_EFS && rc == 0; i++) {
		struct recall_row row = {.ef = EFS[i], .n_queries = s->count};
		s->ef = EFS[i];
		rc = survey_run(s, team, search_work, 4, e);
		for (uint32_t q = 0; q < s->count; q++) {
			row.hits += s->hits[q];
			row.squares += (uint64_t)s->hits[q] * s->hits[q];
		}
		rows[n_rows++] = row;
		if (row.hits * 1000 >= 999ull * s->count * RECALL_K)
			break;
	}
	return rc < 0 ? rc : n_rows;
}

int recall_measure(const struct hnsw_index *index, uint32_t held_out, struct team *team,
		   struct recall_row rows[RECALL_ROWS_MAX], struct cel_error *e)
{
	uint32_t workers = team_size(team);
	MEM_CLEANUP float *tenth = mem_calloc(held_out, sizeof *tenth);
	MEM_CLEANUP uint8_t *hits = mem_calloc(held_out, sizeof *hits);
	MEM_CLEANUP struct hnsw_searcher **searchers = mem_calloc(workers, sizeof *searchers);
	if (tenth == NULL || hits == NULL || searchers == NULL)
		return error_nomem(e, held_out * sizeof *tenth);
	struct survey s = {
		.index = index, .first = index->layout.n_nodes - held_out, .count = held_out, .tenth = tenth, .hits = hits,
		.searchers = searchers,
	};
	int rc = 0;
	for (uint32_t i = 0; i < workers && rc == 0; i++)
		rc = hnsw_searcher_new(index, NULL, RECALL_K, EFS[N_EFS - 1], &searchers[i], e);
	if (rc == 0)
		rc = survey_rows(&s, team, rows, e);
	for (uint32_t i = 0; i < workers; i++)
		hnsw_searcher_free(searchers[i]);
	return rc;
}

void recall_row_encode(const struct recall_row *row, uint8_t out[RECALL_ROW_SIZE])
{
	memset(out, 0, RECALL_ROW_SIZE);
	store_le32(out, row->ef);
	store_le32(out + 4, row->n_queries);
	store_le64(out + 8, row->hits);
	store_le64(out + 16, row->squares);
}

/* What other queries may count on: the mean less MARGIN standard errors, with one query more that missed one, as perfect rows
 * have no error to take off. */
static double sure_recall(const uint8_t *row)
{
	double n = load_le32(row + 4), hits = (double)load_le64(row + 8), squares = (double)load_le64(row + 16);
	if (n < 2)
		return 0;
	n += 1;
	hits += RECALL_K - 1;
	squares += (RECALL_K - 1) * (RECALL_K - 1);
	double mean = hits / n;
	double variance = (squares - hits * mean) / (n - 1);
	return (mean - MARGIN * sqrt(variance > 0 ? variance / n : 0)) / RECALL_K;
}

/* Recall grows ever more slowly with ef, so between two rows it lies above the line. */
static uint32_t between(const uint8_t *low, const uint8_t *high, double recall)
{
	double from = load_le32(low), to = load_le32(high), start = sure_recall(low);
	double ef = ceil(from + (to - from) * (recall - start) / (sure_recall(high) - start));
	return ef < to ? (uint32_t)ef : (uint32_t)to;
}

bool hnsw_ef_for_recall(const struct hnsw_index *x, double recall, uint32_t *ef)
{
	*ef = x->n_recall > 0 ? 0 : EF_UNKNOWN;
	for (uint32_t i = 0; i < x->n_recall; i++) {
		const uint8_t *row = x->recall + (size_t)i * RECALL_ROW_SIZE;
		*ef = load_le32(row);
		if (*ef < 1 || *ef > EF_MAX) {
			*ef = EF_UNKNOWN;
			return false;
		}
		if (sure_recall(row) < recall)
			continue;
		if (i > 0 && load_le32(row - RECALL_ROW_SIZE) < *ef)
			*ef = between(row - RECALL_ROW_SIZE, row, recall);
		return true;
	}
	return false;
}

bool hnsw_recall_row(const struct hnsw_index *x, uint32_t i, struct cel_recall_row *out)
{
	if (i >= x->n_recall)
		return false;
	const uint8_t *row = x->recall + (size_t)i * RECALL_ROW_SIZE;
	double asked = (double)load_le32(row + 4) * RECALL_K;
	*out = (struct cel_recall_row){.ef = load_le32(row), .queries = load_le32(row + 4)};
	out->recall = asked > 0 ? (double)load_le64(row + 8) / asked : 0;
	return true;
}
