/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a block go to both sides, one after the other. The first side's answers are kept as ids, and each is compared
 * when the second side's comes; ids are sorted for that, as k may be large. */
#include <stdlib.h>

#include "alloc.h"
#include "diff_impl.h"
#include "error.h"
#include "reader.h"
#include "record.h"
#include "tell.h"

#define BLOCK_QUERIES 1024u
#define BLOCK_BYTES ((size_t)8 << 20)
#define BLOCK_HITS ((size_t)256 << 10)
#define K_DEFAULT 10u

struct overlaps {
	struct reader *reader;
	struct cel_query *sides[2];
	cel_overlap_fn *call;
	void *context;
	struct cel_overlap_result result;
	double sum;
	size_t limit; /* queries a block */

	/* a block */
	struct buf vectors, query_ids, ids; /* ids: of the first side's answers */
	size_t n;
	size_t query_id_ends[BLOCK_QUERIES]; /* in query_ids */
	size_t hit_ends[BLOCK_QUERIES];      /* in hits */
	size_t n_hits, n_compared;
	size_t *id_ends;           /* in ids, of each hit; [limit * k] */
	struct slice *mine, *other; /* [k] */
};

/* Fewer rows than the limit at the end of the input. After an error, what was read before it is a block too. */
static int read_block(struct overlaps *o, struct cel_error *e)
{
	buf_clear(&o->vectors);
	buf_clear(&o->query_ids);
	for (o->n = 0; o->n < o->limit; o->n++) {
		struct reader_row row;
		int rc = reader_next(o->reader, &row, e);
		if (rc <= 0)
			return rc;
		rc = buf_append(&o->vectors, row.vector.data, row.vector.size, e);
		if (rc == 0)
			rc = buf_append(&o->query_ids, row.id.data, row.id.size, e);
		if (rc < 0)
			return rc;
		o->query_id_ends[o->n] = o->query_ids.size;
	}
	return 0;
}

static int keep_answer(void *context, const struct cel_answer *answer, struct cel_error *e)
{
	struct overlaps *o = context;
	for (uint32_t i = 0; i < answer->n_hits; i++) {
		int rc = buf_append(&o->ids, answer->hits[i].id, answer->hits[i].id_size, e);
		if (rc < 0)
			return rc;
		o->id_ends[o->n_hits++] = o->ids.size;
	}
	o->hit_ends[o->n_compared++] = o->n_hits;
	return 0;
}

static int compare_slices(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static size_t count_common(struct slice *a, size_t n_a, struct slice *b, size_t n_b)
{
	size_t n = 0;
	qsort(a, n_a, sizeof *a, compare_slices);
	qsort(b, n_b, sizeof *b, compare_slices);
	for (size_t i = 0, j = 0; i < n_a && j < n_b;) {
		int order = slice_compare(a[i], b[j]);
		n += order == 0;
		i += order <= 0;
		j += order >= 0;
	}
	return n;
}

/* Sets is_same and overlap. */
static void compare(struct overlaps *o, const struct cel_answer *answer, struct cel_overlap *out)
{
	size_t first = o->n_compared > 0 ? o->hit_ends[o->n_compared - 1] : 0;
	size_t n_mine = o->hit_ends[o->n_compared] - first, n_other = answer->n_hits;
	out->is_same = n_mine == n_other;
	for (size_t i = 0; i < n_mine; i++) {
		size_t hit = first + i, start = hit > 0 ? o->id_ends[hit - 1] : 0;
		o->mine[i] = slice_make(o->ids.data + start, o->id_ends[hit] - start);
	}
	for (size_t i = 0; i < n_other; i++) {
		o->other[i] = slice_make(answer->hits[i].id, answer->hits[i].id_size);
		out->is_same = out->is_same && slice_equal(o->mine[i], o->other[i]);
	}
	size_t longer = n_mine > n_other ? n_mine : n_other;
	size_t common = out->is_same ? longer : count_common(o->mine, n_mine, o->other, n_other);
	out->overlap = longer == 0 ? 1 : (double)common / (double)longer;
}

static int compare_answer(void *context, const struct cel_answer *answer, struct cel_error *e)
{
	struct overlaps *o = context;
	size_t i = o->n_compared, start = i > 0 ? o->query_id_ends[i - 1] : 0, end = o->query_id_ends[i];
	struct cel_overlap overlap = {.row = o->result.queries, .id_size = end - start};
	if (end > start)
		overlap.id = o->query_ids.data + start;
	compare(o, answer, &overlap);
	o->n_compared++;
	o->result.queries++;
	o->result.changed += !overlap.is_same;
	o->sum += overlap.overlap;
	return o->call(o->context, &overlap, e);
}

static int compare_block(struct overlaps *o, struct cel_error *e)
{
	buf_clear(&o->ids);
	o->n_hits = o->n_compared = 0;
	int rc = cel_query_vectors(o->sides[0], o->vectors.data, o->n, keep_answer, o, e);
	o->n_compared = 0;
	if (rc == 0)
		rc = cel_query_vectors(o->sides[1], o->vectors.data, o->n, compare_answer, o, e);
	return rc;
}

static int tell_queries(const struct overlaps *o, const struct cel_diff *d, struct cel_error *e)
{
	struct cel_progress progress = {.phase = "query", .unit = "queries", .done = o->result.queries};
	reader_position(o->reader, &progress.bytes, &progress.bytes_total);
	return tell_progress(d->options.on_progress, d->options.context, &progress, e);
}

static int compare_all(struct overlaps *o, const struct cel_diff *d, struct cel_error *e)
{
	int rc;
	do {
		struct cel_error bad;
		rc = tell_queries(o, d, e);
		if (rc < 0)
			return rc;
		rc = read_block(o, e);
		int after = compare_block(o, rc < 0 ? &bad : e); /* what was read before the bad row */
		if (rc == 0)
			rc = after;
	} while (rc == 0 && o->n == o->limit);
	return rc;
}

static int prepare(struct overlaps *o, const struct cel_diff *d, const struct cel_query_options *options,
		   struct cel_error *e)
{
	uint32_t k = options != NULL && options->k != 0 ? options->k : K_DEFAULT;
	for (unsigned i = 0; i < 2; i++) {
		int rc = cel_query_new(d->stores[i], d->commits[i], options, &o->sides[i], e);
		if (rc < 0)
			return rc;
	}
	size_t by_bytes = BLOCK_BYTES / schema_vector_size(&d->schema) + 1, by_hits = BLOCK_HITS / k + 1;
	o->limit = by_bytes < by_hits ? by_bytes : by_hits;
	if (o->limit > BLOCK_QUERIES)
		o->limit = BLOCK_QUERIES;
	o->result.k = k;
	o->id_ends = mem_calloc(o->limit * k, sizeof *o->id_ends);
	o->mine = mem_calloc(k, sizeof *o->mine);
	o->other = mem_calloc(k, sizeof *o->other);
	if (o->id_ends == NULL || o->mine == NULL || o->other == NULL)
		return error_nomem(e, o->limit * k * sizeof *o->id_ends);
	return 0;
}

static void release(struct overlaps *o)
{
	reader_free(o->reader);
	cel_query_free(o->sides[0]);
	cel_query_free(o->sides[1]);
	buf_release(&o->vectors);
	buf_release(&o->query_ids);
	buf_release(&o->ids);
	mem_free(o->id_ends);
	mem_free(o->mine);
	mem_free(o->other);
	mem_free(o);
}

int cel_diff_queries(struct cel_diff *d, const struct cel_query_options *options, const char *path,
		     const struct cel_source_options *source, cel_overlap_fn *call, void *context,
		     struct cel_overlap_result *out, struct cel_error *e)
{
	struct reader_options input = {.schema = &d->schema, .is_id_optional = true};
	db_reader_options(source, &input);
	struct overlaps *o = mem_calloc(1, sizeof *o);
	if (o == NULL)
		return error_nomem(e, sizeof *o);
	o->call = call;
	o->context = context;
	int rc = prepare(o, d, options, e);
	if (rc == 0)
		rc = reader_open(path, &input, &o->reader, e);
	if (rc == 0)
		rc = compare_all(o, d, e);
	o->result.mean = o->result.queries == 0 ? 1 : o->sum / (double)o->result.queries;
	*out = o->result;
	release(o);
	return rc;
}
