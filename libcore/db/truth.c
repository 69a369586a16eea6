/* SPDX-License-Identifier: Apache-2.0 */
/* Recall: which share of the true nearest records is among the answers. The truth is an .ivecs file of row numbers, a row a
 * query; a number stands for the id PREFIXnumber, or for a line of a file of ids. Both sides are compared as sets. */
#include <inttypes.h>
#include <stdlib.h>

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "ids.h"
#include "vecs.h"

struct cel_truth {
	struct ivecs rows;
	char *path, *prefix;
	struct buf ids;   /* of the file, one behind the other; */
	struct buf ends;  /* where each ends in it, a size_t each */
	bool has_ids;
	struct buf names; /* the ids of one row, and */
	struct slice *row; /* where they stand in it, by id */
	size_t *starts;
};

void cel_truth_free(struct cel_truth *t)
{
	if (t == NULL)
		return;
	ivecs_release(&t->rows);
	mem_free(t->path);
	mem_free(t->prefix);
	buf_release(&t->ids);
	buf_release(&t->ends);
	buf_release(&t->names);
	mem_free(t->row);
	mem_free(t->starts);
	mem_free(t);
}

static int read_ids(struct cel_truth *t, const char *path, struct cel_error *e)
{
	struct ids *ids;
	struct slice id;
	int rc = ids_open(path, false, &ids, e);
	if (rc < 0)
		return rc;
	t->has_ids = true;
	while (rc >= 0 && (rc = ids_next(ids, &id, e)) == 1) {
		rc = buf_append(&t->ids, id.data, id.size, e);
		if (rc == 0)
			rc = buf_append(&t->ends, &t->ids.size, sizeof t->ids.size, e);
	}
	ids_free(ids);
	return rc;
}

static size_t count_ids(const struct cel_truth *t)
{
	return t->ends.size / sizeof(size_t);
}

static int check_numbers(const struct cel_truth *t, const char *ids_path, struct cel_error *e)
{
	for (uint64_t i = 0; i < t->rows.n * t->rows.dim; i++)
		if (t->rows.numbers[i] >= count_ids(t))
			return error_set(e, CEL_EDATA, "%s: row %" PRIu64 ": number %" PRIu32 " is beyond the %zu ids of %s", t->path,
					 i / t->rows.dim + 1, t->rows.numbers[i], count_ids(t), ids_path);
	return 0;
}

static int fill(struct cel_truth *t, const char *path, const struct cel_truth_options *options, struct cel_error *e)
{
	t->path = mem_strdup(path);
	t->prefix = mem_strdup(options->id_prefix != NULL ? options->id_prefix : "");
	if (t->path == NULL || t->prefix == NULL)
		return error_nomem(e, strlen(path) + 1);
	int rc = ivecs_read(path, options->k, &t->rows, e);
	if (rc == 0 && options->ids != NULL) {
		rc = read_ids(t, options->ids, e);
		if (rc == 0)
			rc = check_numbers(t, options->ids, e);
	}
	if (rc < 0)
		return rc;
	t->row = mem_calloc(t->rows.dim, sizeof *t->row);
	t->starts = mem_calloc(t->rows.dim + 1u, sizeof *t->starts);
	return t->row == NULL || t->starts == NULL ? error_nomem(e, t->rows.dim * sizeof *t->row) : 0;
}

int cel_truth_new(const char *path, const struct cel_truth_options *options, struct cel_truth **out, struct cel_error *e)
{
	*out = NULL;
	if (options->ids != NULL && options->id_prefix != NULL)
		return error_set(e, CEL_EUSAGE, "the truth's ids come from a file or from a prefix, not from both");
	struct cel_truth *t = mem_calloc(1, sizeof *t);
	if (t == NULL)
		return error_nomem(e, sizeof *t);
	int rc = fill(t, path, options, e);
	if (rc < 0) {
		cel_truth_free(t);
		return rc;
	}
	*out = t;
	return 0;
}

uint32_t cel_truth_k(const struct cel_truth *truth)
{
	return truth->rows.dim;
}

/* ---- measuring */

static int put_name(struct cel_truth *t, uint32_t number, struct cel_error *e)
{
	if (!t->has_ids)
		return buf_printf(&t->names, e, "%s%" PRIu32, t->prefix, number);
	const size_t *ends = (const size_t *)(const void *)t->ends.data;
	size_t start = number > 0 ? ends[number - 1] : 0;
	return buf_append(&t->names, t->ids.data + start, ends[number] - start, e);
}

static int compare_ids(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static int load_row(struct cel_truth *t, uint64_t row, struct cel_error *e)
{
	uint32_t k = t->rows.dim;
	buf_clear(&t->names);
	for (uint32_t i = 0; i < k; i++) {
		int rc = put_name(t, t->rows.numbers[row * k + i], e);
		if (rc < 0)
			return rc;
		t->starts[i + 1] = t->names.size;
	}
	for (uint32_t i = 0; i < k; i++)
		t->row[i] = slice_make(t->names.data + t->starts[i], t->starts[i + 1] - t->starts[i]);
	qsort(t->row, k, sizeof *t->row, compare_ids);
	return 0;
}

struct measure {
	struct cel_truth *truth;
	uint64_t n_rows, n_found;
};

static int count_found(void *context, const struct cel_answer *answer, struct cel_error *e)
{
	struct measure *m = context;
	struct cel_truth *t = m->truth;
	if (m->n_rows == t->rows.n)
		return error_set(e, CEL_EDATA, "%s has %" PRIu64 " rows, there are more queries", t->path, t->rows.n);
	int rc = load_row(t, m->n_rows++, e);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < answer->n_hits && i < t->rows.dim; i++) {
		struct slice id = slice_make(answer->hits[i].id, answer->hits[i].id_size);
		m->n_found += bsearch(&id, t->row, t->rows.dim, sizeof id, compare_ids) != NULL;
	}
	return 0;
}

int cel_query_recall(struct cel_query *query, const char *path, const struct cel_source_options *source,
		     struct cel_truth *truth, double *recall, struct cel_error *e)
{
	struct measure m = {.truth = truth};
	int rc = cel_query_file(query, path, source, count_found, &m, e);
	if (rc < 0)
		return rc;
	if (m.n_rows != truth->rows.n)
		return error_set(e, CEL_EDATA, "%s has %" PRIu64 " rows, but there are %" PRIu64 " queries in %s", truth->path,
				 truth->rows.n, m.n_rows, path);
	*recall = (double)m.n_found / ((double)m.n_rows * truth->rows.dim);
	return 0;
}
