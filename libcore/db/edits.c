/* SPDX-License-Identifier: Apache-2.0 */
/* A row travels through the external sort as key = id, payload = source (4 bytes), row number (8), vector, metadata; an
 * id to delete without the last two. Behind the sort edits go on in parcels, on a conveyor:
 *
 *     sort ──► fill: merge, settle duplicates ──► hash, on all cores ──► edits_next, in order
 *
 * The sort is stable, so rows of one id come out in the order they were read. A parcel ends where an id begins that is not
 * its last one's, so all rows of an id meet in one parcel. */
#include "edits.h"

#include <stdatomic.h>

#include "alloc.h"
#include "buf.h"
#include "bytes.h"
#include "conveyor.h"
#include "error.h"
#include "extsort.h"
#include "parcel.h"
#include "tree.h"

#define THREADS_MAX 4u                      /* the tree takes what so many hash */
#define PARCELS_MAX (2 * THREADS_MAX + 1)
#define PARCEL_SIZE_MAX ((size_t)256 << 10) /* about */

struct edits {
	struct extsort *sort;
	size_t vector_size, parcel_size;
	enum cel_duplicates duplicates;
	char **sources;
	uint32_t n_sources, threads;
	uint64_t count;
	/* from the first edits_next on the conveyor's, whose fill is called by one thread at a time */
	struct slice id, payload; /* of the row that comes next */
	bool is_started, has_row;
	_Atomic uint64_t n_duplicates; /* asked for after a failure too, when threads may still run */
	/* the caller's */
	struct conveyor *conveyor;
	struct parcel parcels[PARCELS_MAX];
	void *boxes[PARCELS_MAX];
	const struct parcel *parcel; /* that edits are given out of */
	size_t next;
};

int edits_new(size_t memory, uint32_t threads, const char *tmp_directory, size_t vector_size, enum cel_duplicates duplicates,
	      struct edits **out, struct cel_error *e)
{
	*out = NULL;
	struct edits *edits = mem_calloc(1, sizeof *edits);
	if (edits == NULL)
		return error_nomem(e, sizeof *edits);
	edits->vector_size = vector_size;
	edits->duplicates = duplicates;
	edits->threads = threads < THREADS_MAX ? threads : THREADS_MAX;
	edits->parcel_size = memory / 32 < PARCEL_SIZE_MAX ? memory / 32 : PARCEL_SIZE_MAX;
	int rc = extsort_new(memory, threads, tmp_directory, &edits->sort, e);
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

/* Whoever works on with the edits has use for the memory. */
static void release_sort(struct edits *edits)
{
	conveyor_free(edits->conveyor);
	extsort_free(edits->sort);
	for (uint32_t i = 0; i < PARCELS_MAX; i++)
		parcel_release(&edits->parcels[i]);
	edits->conveyor = NULL;
	edits->sort = NULL;
}

void edits_free(struct edits *edits)
{
	if (edits == NULL)
		return;
	release_sort(edits);
	for (uint32_t i = 0; i < edits->n_sources; i++)
		mem_free(edits->sources[i]);
	mem_free(edits->sources);
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

static struct slice make_head(const struct edits *edits, uint64_t number, uint8_t head[PARCEL_HEAD])
{
	store_le32(head, edits->n_sources - 1);
	store_le64(head + 4, number);
	return slice_make(head, PARCEL_HEAD);
}

int edits_add_delete(struct edits *edits, struct slice id, uint64_t number, struct cel_error *e)
{
	uint8_t head[PARCEL_HEAD];
	edits->count++;
	return extsort_add(edits->sort, id, make_head(edits, number, head), e);
}

int edits_add(struct edits *edits, const struct reader_row *row, struct cel_error *e)
{
	uint8_t head[PARCEL_HEAD];
	const struct slice parts[] = {make_head(edits, row->number, head), row->vector, row->metadata};
	edits->count++;
	return extsort_add_parts(edits->sort, row->id, parts, sizeof parts / sizeof *parts, e);
}

int edits_finish(struct edits *edits, struct cel_error *e)
{
	return extsort_finish(edits->sort, e);
}

/* ---- parcels, on any thread */

static int pull(struct edits *edits, struct cel_error *e)
{
	int rc = extsort_next(edits->sort, &edits->id, &edits->payload, e);
	edits->has_row = rc > 0;
	return rc < 0 ? rc : 0;
}

/* The row has the id of the parcel's last one. */
static int settle_duplicate(struct edits *edits, struct parcel *p, struct cel_error *e)
{
	if (edits->duplicates == CEL_DUPLICATES_ERROR) {
		const uint8_t *first = parcel_payload(p, p->n - 1).data, *second = edits->payload.data;
		return error_set(e, CEL_EDATA,
				 "%s: row %llu: id '%.*s' stands in %s: row %llu too (--duplicates says which one counts)",
				 edits->sources[load_le32(second)], (unsigned long long)load_le64(second + 4),
				 (int)edits->id.size, (const char *)edits->id.data, edits->sources[load_le32(first)],
				 (unsigned long long)load_le64(first + 4));
	}
	atomic_fetch_add(&edits->n_duplicates, 1);
	if (edits->duplicates == CEL_DUPLICATES_FIRST)
		return 0;
	parcel_drop_last(p);
	return parcel_add(p, edits->id, edits->payload, e);
}

static int fill_parcel(void *context, void *box, struct cel_error *e)
{
	struct edits *edits = context;
	struct parcel *p = box;
	parcel_clear(p);
	int rc = edits->is_started ? 0 : pull(edits, e);
	edits->is_started = true;
	while (rc == 0 && edits->has_row) {
		if (p->n > 0 && slice_equal(edits->id, parcel_id(p, p->n - 1)))
			rc = settle_duplicate(edits, p, e);
		else if (p->bytes.size >= edits->parcel_size)
			return 1; /* the row opens the next one */
		else
			rc = parcel_add(p, edits->id, edits->payload, e);
		if (rc == 0)
			rc = pull(edits, e);
	}
	return rc < 0 ? rc : p->n > 0;
}

static int hash_parcel(void *context, void *box, struct cel_error *e)
{
	(void)e;
	parcel_hash(box, ((const struct edits *)context)->vector_size);
	return 0;
}

static int start_conveyor(struct edits *edits, struct cel_error *e)
{
	for (uint32_t i = 0; i < PARCELS_MAX; i++)
		edits->boxes[i] = &edits->parcels[i];
	struct conveyor_plan plan = {.n_boxes = edits->threads > 1 ? 2 * edits->threads + 1 : 1,
				     .threads = edits->threads,
				     .boxes = edits->boxes,
				     .context = edits,
				     .fill = fill_parcel,
				     .work = hash_parcel};
	return conveyor_new(&plan, &edits->conveyor, e);
}

/* ---- edits */

/* The parcel that has the next edit: 1, or 0 at the end. */
static int next_parcel(struct edits *edits, struct cel_error *e)
{
	void *box;
	int rc = edits->conveyor == NULL && edits->sort != NULL ? start_conveyor(edits, e) : 0;
	if (rc == 0 && edits->conveyor != NULL)
		rc = conveyor_next(edits->conveyor, &box, e);
	edits->parcel = rc > 0 ? box : NULL;
	edits->next = 0;
	if (rc == 0)
		release_sort(edits);
	return rc;
}

int edits_next(struct edits *edits, struct edit *out, struct cel_error *e)
{
	if (edits->parcel == NULL || edits->next == edits->parcel->n) {
		int rc = next_parcel(edits, e);
		if (rc <= 0)
			return rc;
	}
	const struct parcel *p = edits->parcel;
	size_t i = edits->next++;
	*out = (struct edit){.id = parcel_id(p, i),
			     .vector = parcel_vector(p, i, edits->vector_size),
			     .metadata = parcel_metadata(p, i, edits->vector_size)};
	out->is_delete = out->vector.size == 0;
	out->vector_cid = out->vector.size > PROLLY_INLINE_MAX ? &p->items[i].vector : NULL;
	out->metadata_cid = out->metadata.size > PROLLY_INLINE_MAX ? &p->items[i].metadata : NULL;
	return 1;
}

uint64_t edits_count(const struct edits *edits)
{
	return edits->count;
}

uint64_t edits_duplicates(const struct edits *edits)
{
	return atomic_load(&edits->n_duplicates);
}
