/* SPDX-License-Identifier: Apache-2.0 */
/* A row travels through the external sort as key = id, payload = source (4 bytes), row number (8), vector, metadata; an
 * id to delete without the last two.
 * The sort is stable, so rows of one id come out in the order they were read; one row of look-ahead settles them. */
#include "edits.h"

#include "alloc.h"
#include "buf.h"
#include "bytes.h"
#include "error.h"
#include "extsort.h"

#define PAYLOAD_HEAD 12u

struct row {
	struct buf id, payload;
};

struct edits {
	struct extsort *sort;
	size_t vector_size;
	enum cel_duplicates duplicates;
	char **sources;
	uint32_t n_sources;
	struct buf scratch;
	struct row current, ahead;
	bool is_started, has_ahead;
	uint64_t n_duplicates;
};

int edits_new(size_t memory, const char *tmp_directory, size_t vector_size, enum cel_duplicates duplicates,
	      struct edits **out, struct cel_error *e)
{
	*out = NULL;
	struct edits *edits = mem_calloc(1, sizeof *edits);
	if (edits == NULL)
		return error_nomem(e, sizeof *edits);
	edits->vector_size = vector_size;
	edits->duplicates = duplicates;
	int rc = extsort_new(memory, tmp_directory, &edits->sort, e);
	if (rc < 0) {
		edits->sort = NULL;
		edits_free(edits);
		return rc;
	}
	*out = edits;
	return 0;
}

void edits_ask_directory(struct edits *edits, int (*ask)(void *context, const char **path, struct cel_error *e),
			 void *context)
{
	extsort_ask_directory(edits->sort, ask, context);
}

static void row_release(struct row *row)
{
	buf_release(&row->id);
	buf_release(&row->payload);
}

void edits_free(struct edits *edits)
{
	if (edits == NULL)
		return;
	if (edits->sort != NULL)
		extsort_free(edits->sort);
	for (uint32_t i = 0; i < edits->n_sources; i++)
		mem_free(edits->sources[i]);
	mem_free(edits->sources);
	buf_release(&edits->scratch);
	row_release(&edits->current);
	row_release(&edits->ahead);
	mem_free(edits);
}

int edits_begin_source(struct edits *edits, const char *name, struct cel_error *e)
{
	char **sources = mem_realloc(edits->sources, edits->n_sources + 1u, sizeof *sources);
	if (sources == NULL)
		return error_nomem(e, (edits->n_sources + 1u) * sizeof *sources);
	edits->sources = sources;
	char *copy = mem_strdup(name);
	if (copy == NULL)
		return error_nomem(e, strlen(name) + 1);
	edits->sources[edits->n_sources++] = copy;
	return 0;
}

static int begin_payload(struct edits *edits, uint64_t number, struct cel_error *e)
{
	uint8_t head[PAYLOAD_HEAD];
	store_le32(head, edits->n_sources - 1);
	store_le64(head + 4, number);
	buf_clear(&edits->scratch);
	return buf_append(&edits->scratch, head, sizeof head, e);
}

int edits_add_delete(struct edits *edits, struct slice id, uint64_t number, struct cel_error *e)
{
	int rc = begin_payload(edits, number, e);
	return rc < 0 ? rc : extsort_add(edits->sort, id, buf_slice(&edits->scratch), e);
}

int edits_add(struct edits *edits, const struct reader_row *row, struct cel_error *e)
{
	int rc = begin_payload(edits, row->number, e);
	if (rc == 0)
		rc = buf_append(&edits->scratch, row->vector.data, row->vector.size, e);
	if (rc == 0)
		rc = buf_append(&edits->scratch, row->metadata.data, row->metadata.size, e);
	return rc < 0 ? rc : extsort_add(edits->sort, row->id, buf_slice(&edits->scratch), e);
}

int edits_finish(struct edits *edits, struct cel_error *e)
{
	return extsort_finish(edits->sort, e);
}

/* Copies the next row of the sort into edits->ahead. */
static int pull(struct edits *edits, struct cel_error *e)
{
	struct slice id, payload;
	edits->has_ahead = false;
	int rc = extsort_next(edits->sort, &id, &payload, e);
	if (rc <= 0)
		return rc;
	buf_clear(&edits->ahead.id);
	buf_clear(&edits->ahead.payload);
	rc = buf_append(&edits->ahead.id, id.data, id.size, e);
	if (rc == 0)
		rc = buf_append(&edits->ahead.payload, payload.data, payload.size, e);
	edits->has_ahead = rc == 0;
	return rc;
}

static void swap_rows(struct edits *edits)
{
	struct row row = edits->current;
	edits->current = edits->ahead;
	edits->ahead = row;
}

static int duplicate_error(const struct edits *edits, struct cel_error *e)
{
	const uint8_t *first = edits->current.payload.data, *second = edits->ahead.payload.data;
	return error_set(e, CEL_EDATA,
			 "%s: row %llu: id '%.*s' stands in %s: row %llu too (--duplicates says which one counts)",
			 edits->sources[load_le32(second)], (unsigned long long)load_le64(second + 4),
			 (int)edits->current.id.size, (const char *)edits->current.id.data,
			 edits->sources[load_le32(first)], (unsigned long long)load_le64(first + 4));
}

/* Settles the rows behind `current` that have its id. */
static int settle_duplicates(struct edits *edits, struct cel_error *e)
{
	for (;;) {
		int rc = pull(edits, e);
		if (rc < 0 || !edits->has_ahead)
			return rc;
		if (!slice_equal(buf_slice(&edits->ahead.id), buf_slice(&edits->current.id)))
			return 0;
		if (edits->duplicates == CEL_DUPLICATES_ERROR)
			return duplicate_error(edits, e);
		edits->n_duplicates++;
		if (edits->duplicates == CEL_DUPLICATES_LAST)
			swap_rows(edits);
	}
}

int edits_next(struct edits *edits, struct edit *out, struct cel_error *e)
{
	if (!edits->is_started) {
		edits->is_started = true;
		int rc = pull(edits, e);
		if (rc < 0)
			return rc;
	}
	if (!edits->has_ahead)
		return 0;
	swap_rows(edits);
	int rc = settle_duplicates(edits, e);
	if (rc < 0)
		return rc;
	struct slice payload = buf_slice(&edits->current.payload);
	size_t body = PAYLOAD_HEAD + edits->vector_size;
	*out = (struct edit){.id = buf_slice(&edits->current.id), .is_delete = payload.size == PAYLOAD_HEAD};
	if (out->is_delete)
		return 1;
	out->vector = slice_make(payload.data + PAYLOAD_HEAD, edits->vector_size);
	out->metadata = slice_make(payload.data + body, payload.size - body);
	return 1;
}

uint64_t edits_count(const struct edits *edits)
{
	return extsort_count(edits->sort);
}

uint64_t edits_duplicates(const struct edits *edits)
{
	return edits->n_duplicates;
}
