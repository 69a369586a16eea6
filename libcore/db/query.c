/* SPDX-License-Identifier: Apache-2.0 */
/* Queries against one commit. Rows are read in blocks, a block is answered by all threads, and its answers are handed
 * out in the order of the rows; so memory is bounded and the output does not depend on the threads. */
#include <math.h>

#include "alloc.h"
#include "answer.h"
#include "db.h"
#include "error.h"
#include "hnsw.h"
#include "index_view.h"
#include "reader.h"
#include "record.h"
#include "tell.h"
#include "tree.h"

#define K_DEFAULT 10u
#define K_MAX 65536u
#define EF_MAX 65536u
#define RECALL_DEFAULT 0.95
#define BLOCK_QUERIES 4096u
#define BLOCK_BYTES ((size_t)16 << 20)
#define BLOCK_HITS ((size_t)1 << 20)
#define BLOCK_RADIUS 64u /* queries, each with as many hits as there are */

struct cel_query {
	struct cel_store *store;
	struct db_rev rev; /* its texts are not kept: no snapshot is held while input is read */
	struct index_view view; /* its index NULL: none */
	struct answer_how how;
	struct latency latency;
	cel_progress_fn *on_progress;
	void *context;
	bool is_selecting;
	struct selection selection;
	struct hnsw_accept *accept;
	uint64_t next_row;
	struct answerer *answerer;

	/* a block of queries */
	struct buf vectors, ids;
	size_t id_ends[BLOCK_QUERIES]; /* in ids */
	struct cel_hit *hits;          /* of one answer */
	size_t hits_capacity;
};

static int check_options(const struct cel_query_options *options, struct cel_error *e)
{
	if (options->k > K_MAX)
		return error_set(e, CEL_EUSAGE, "k %u is over %u", options->k, K_MAX);
	if (options->ef > EF_MAX)
		return error_set(e, CEL_EUSAGE, "ef %u is over %u", options->ef, EF_MAX);
	if (!(options->recall >= 0 && options->recall <= 1))
		return error_set(e, CEL_EUSAGE, "recall %g is not in 0..1", options->recall);
	if (options->is_exact && options->ef != 0)
		return error_set(e, CEL_EUSAGE, "ef is for the graph, exact does without it: choose one");
	if (options->has_radius && isnan(options->radius))
		return error_set(e, CEL_EUSAGE, "the radius is no number");
	return 0;
}

static int choose_method(struct cel_query *q, const struct cel_query_options *options, struct cel_error *e)
{
	const struct hnsw_index *index = q->view.index;
	if (index == NULL) {
		if (options->ef != 0)
			return error_set(e, CEL_EUNAVAILABLE,
					 "there is no index to walk with ef %u ('cel index' builds it)", options->ef);
		q->how.method = ANSWER_TREE;
		return 0;
	}
	struct answer_how *how = &q->how;
	bool is_sure = hnsw_ef_for_recall(index, options->recall > 0 ? options->recall : RECALL_DEFAULT, &how->ef);
	if (options->ef != 0)
		how->ef = options->ef;
	if (how->ef < how->k && !how->has_radius)
		how->ef = how->k;
	bool is_scan_cheaper = q->accept != NULL ? hnsw_accept_is_scan_cheaper(q->accept, how->ef)
						 : hnsw_is_scan_cheaper(index, how->ef);
	/* Who asks for more than any walk is known to reach gets it. */
	bool is_scan_needed = options->recall > 0 && !is_sure;
	how->method = options->is_exact || (options->ef == 0 && (is_scan_cheaper || is_scan_needed)) ? ANSWER_SCAN : ANSWER_GRAPH;
	return 0;
}

/* Who asks for the graph gets it, however much there is to lay over. */
static int open_index(struct cel_query *q, struct store_read *read, const struct cel_query_options *options,
		      struct cel_error *e)
{
	uint64_t records;
	int rc = prolly_count(read, &q->rev.commit.tree, &records, e);
	if (rc < 0)
		return rc;
	uint64_t limit = options->ef != 0 ? UINT64_MAX : index_view_limit(records);
	rc = index_view_open(q->store, read, &q->rev, limit, &q->view, e);
	return rc == CEL_ENOTFOUND ? 0 : rc;
}

static int load(struct cel_query *q, const char *rev, const struct cel_query_options *options, struct cel_error *e)
{
	struct store_read *read;
	int rc = store_read_begin(q->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = db_rev_resolve_tree(read, rev, &q->rev, e);
	if (rc == 0)
		rc = open_index(q, read, options, e);
	q->rev.commit.author = q->rev.commit.message = slice_make(NULL, 0);
	store_read_end(read);
	return rc;
}

/* After the snapshot has ended: a filter may take long. */
static int select_records(struct cel_query *q, const struct cel_select *select, struct cel_error *e)
{
	const uint64_t *bits;
	q->is_selecting = select->prefix != NULL || select->filter != NULL;
	if (!q->is_selecting)
		return 0;
	int rc = select->filter != NULL ? tell_phase(q->on_progress, q->context, "filter", "", 0, e) : 0;
	if (rc < 0)
		return rc;
	rc = selection_make(q->store, &q->rev.commit.tree, select, q->how.threads, &q->selection, e);
	if (rc < 0)
		return rc;
	q->how.selection = &q->selection;
	if (q->view.index == NULL)
		return 0;
	rc = selection_bits(&q->selection, &bits, e);
	if (rc == 0)
		rc = hnsw_accept_new(q->view.index, q->view.overlay, bits, q->selection.n, &q->accept, e);
	q->how.accept = q->accept;
	return rc;
}

int cel_query_new(struct cel_store *store, const char *rev, const struct cel_query_options *options,
		  struct cel_query **out, struct cel_error *e)
{
	static const struct cel_query_options DEFAULTS = {0};
	*out = NULL;
	if (options == NULL)
		options = &DEFAULTS;
	int rc = check_options(options, e);
	if (rc < 0)
		return rc;
	struct cel_query *q = mem_calloc(1, sizeof *q);
	if (q == NULL)
		return error_nomem(e, sizeof *q);
	q->store = store;
	q->on_progress = options->on_progress;
	q->context = options->context;
	q->how = (struct answer_how){.k = options->k, .threads = db_thread_count(options->threads),
				     .has_radius = options->has_radius, .radius = options->radius, .latency = &q->latency};
	if (options->k == 0)
		q->how.k = options->has_radius ? UINT32_MAX - 1 : K_DEFAULT;
	rc = load(q, rev, options, e);
	if (rc == 0)
		rc = select_records(q, &options->select, e);
	if (rc == 0)
		rc = choose_method(q, options, e);
	if (rc < 0) {
		cel_query_free(q);
		return rc;
	}
	*out = q;
	return 0;
}

void cel_query_free(struct cel_query *query)
{
	if (query == NULL)
		return;
	answerer_free(query->answerer);
	hnsw_accept_free(query->accept);
	selection_release(&query->selection);
	index_view_close(&query->view);
	buf_release(&query->vectors);
	buf_release(&query->ids);
	mem_free(query->hits);
	mem_free(query);
}

/* Hands out one answer; the record `self` (size 0: none) is left out of it. */
static int give_answer(struct cel_query *q, struct cel_answer *answer, struct answer_hits found, struct slice self,
		       cel_answer_fn *call, void *context, struct cel_error *e)
{
	uint32_t n = 0;
	if (mem_grow(&q->hits, &q->hits_capacity, found.n, sizeof *q->hits, e) < 0)
		return CEL_ENOMEM;
	for (uint32_t i = 0; i < found.n && n < q->how.k; i++) {
		struct slice id = found.hits[i].id;
		if (self.size == 0 || !slice_equal(id, self))
			q->hits[n++] = (struct cel_hit){id.data, id.size, found.hits[i].distance};
	}
	answer->hits = q->hits;
	answer->n_hits = n;
	return call(context, answer, e);
}

static size_t block_limit(const struct cel_query *q)
{
	size_t by_bytes = BLOCK_BYTES / schema_vector_size(&q->rev.schema) + 1;
	size_t by_hits = q->how.has_radius ? BLOCK_RADIUS : BLOCK_HITS / q->how.k + 1;
	size_t limit = by_bytes < by_hits ? by_bytes : by_hits;
	return limit < BLOCK_QUERIES ? limit : BLOCK_QUERIES;
}

/* Fills the block; *n rows were read, fewer than the limit at the end of the input. */
static int read_block(struct cel_query *q, struct reader *reader, size_t limit, size_t *n, struct cel_error *e)
{
	buf_clear(&q->vectors);
	buf_clear(&q->ids);
	for (*n = 0; *n < limit; (*n)++) {
		struct reader_row row;
		int rc = reader_next(reader, &row, e);
		if (rc <= 0)
			return rc;
		rc = buf_append(&q->vectors, row.vector.data, row.vector.size, e);
		if (rc == 0)
			rc = buf_append(&q->ids, row.id.data, row.id.size, e);
		if (rc < 0)
			return rc;
		q->id_ends[*n] = q->ids.size;
	}
	return 0;
}

static int answer_block(struct cel_query *q, size_t n, cel_answer_fn *call, void *context, struct cel_error *e)
{
	int rc = answerer_run(q->answerer, q->vectors.data, n, e);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		size_t start = i > 0 ? q->id_ends[i - 1] : 0, end = q->id_ends[i];
		struct cel_answer answer = {.row = q->next_row++,
					    .id = end > start ? q->ids.data + start : NULL,
					    .id_size = end - start};
		rc = give_answer(q, &answer, answerer_hits(q->answerer, i), slice_make(NULL, 0), call, context, e);
	}
	return rc;
}

/* One answerer serves every file; that of cel_query_id asks for one hit more. */
static int prepare(struct cel_query *q, struct answerer **out, bool is_self_left_out, struct cel_error *e)
{
	struct answer_how how = q->how;
	how.k += is_self_left_out;
	return *out != NULL ? 0 : answerer_new(q->store, &q->rev, &q->view, &how, out, e);
}

static int tell_queries(const struct cel_query *q, const struct reader *reader, struct cel_error *e)
{
	struct cel_progress progress = {.phase = "query", .unit = "queries", .done = q->next_row};
	reader_position(reader, &progress.bytes, &progress.bytes_total);
	return tell_progress(q->on_progress, q->context, &progress, e);
}

int cel_query_file(struct cel_query *q, const char *path, const struct cel_source_options *source,
		   cel_answer_fn *call, void *context, struct cel_error *e)
{
	struct reader_options options = {.schema = &q->rev.schema, .is_id_optional = true};
	db_reader_options(source, &options);
	struct reader *reader;
	int rc = prepare(q, &q->answerer, false, e);
	if (rc == 0)
		rc = reader_open(path, &options, &reader, e);
	if (rc < 0)
		return rc;
	size_t limit = block_limit(q), n = limit;
	rc = tell_queries(q, reader, e);
	while (rc == 0 && n == limit) {
		rc = read_block(q, reader, limit, &n, e);
		struct cel_error bad;
		int after = answer_block(q, n, call, context, rc < 0 ? &bad : e); /* what was read before the bad row */
		if (rc == 0)
			rc = after;
		if (rc == 0)
			rc = tell_queries(q, reader, e);
	}
	reader_free(reader);
	return rc;
}

int cel_query_vectors(struct cel_query *q, const void *vectors, size_t n, cel_answer_fn *call, void *context,
		      struct cel_error *e)
{
	size_t size = schema_vector_size(&q->rev.schema), limit = block_limit(q);
	const uint8_t *p = vectors;
	int rc = prepare(q, &q->answerer, false, e);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = record_check_vector(&q->rev.schema, slice_make(p + i * size, size), e);
		if (rc < 0)
			error_context(e, "query %zu", i);
	}
	for (size_t done = 0, part; rc == 0 && done < n; done += part) {
		part = n - done < limit ? n - done : limit;
		rc = answerer_run(q->answerer, p + done * size, part, e);
		for (size_t i = 0; rc == 0 && i < part; i++) {
			struct cel_answer answer = {.row = q->next_row++};
			rc = give_answer(q, &answer, answerer_hits(q->answerer, i), slice_make(NULL, 0), call, context, e);
		}
	}
	return rc;
}

/* Answers with the vector of a record; self is its id. */
static int answer_record(struct cel_query *q, struct slice self, struct slice vector, cel_answer_fn *call, void *context,
			 struct cel_error *e)
{
	struct answerer *answerer = NULL;
	int rc = prepare(q, &answerer, true, e);
	if (rc == 0)
		rc = answerer_run(answerer, vector.data, 1, e);
	if (rc == 0) {
		struct cel_answer answer = {.row = q->next_row++, .id = self.data, .id_size = self.size};
		rc = give_answer(q, &answer, answerer_hits(answerer, 0), self, call, context, e);
	}
	answerer_free(answerer);
	return rc;
}

int cel_query_id(struct cel_query *q, const void *id, size_t id_size, cel_answer_fn *call, void *context,
		 struct cel_error *e)
{
	struct slice key = slice_make(id, id_size), vector;
	struct store_read *read;
	int rc = store_read_begin(q->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = db_vector_get(read, &q->rev, key, &vector, e);
	if (rc == 0) {
		buf_clear(&q->vectors);
		rc = buf_append(&q->vectors, vector.data, vector.size, e);
	}
	store_read_end(read);
	return rc < 0 ? rc : answer_record(q, key, buf_slice(&q->vectors), call, context, e);
}

const char *cel_query_method(const struct cel_query *query)
{
	static const char *const NAMES[] = {[ANSWER_GRAPH] = "graph", [ANSWER_SCAN] = "scan", [ANSWER_TREE] = "tree"};
	return NAMES[query->how.method];
}

uint32_t cel_query_ef(const struct cel_query *query)
{
	return query->how.method == ANSWER_GRAPH ? query->how.ef : 0;
}

void cel_query_latency(const struct cel_query *query, struct cel_latency *out)
{
	latency_get(&query->latency, out);
}

bool cel_query_selected(const struct cel_query *query, struct cel_selected *out)
{
	*out = (struct cel_selected){.message = ""};
	if (query->is_selecting)
		selection_tell(&query->selection, out);
	return query->is_selecting;
}
