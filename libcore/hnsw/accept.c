/* SPDX-License-Identifier: Apache-2.0 */
/* Bits come by the rank of ids in the tree that is asked about; the file numbers its records otherwise, and has a table of
 * them in id order. Without an overlay the i-th rank is the i-th of that table, and only set bits need be looked at. With
 * one, the tree's ids are those of the table that are not removed, and among them the added ones, both in order. */
#include "accept.h"

#include "alloc.h"
#include "bytes.h"
#include "error.h"

static int set_in(struct hnsw_accept *a, uint64_t place, struct cel_error *e)
{
	uint32_t record = load_le32(a->index->by_id + place * 4);
	if (record >= a->index->layout.n_records)
		return error_set(e, CEL_ECORRUPT, "the index file has a bad record number: build it again");
	a->n_records += bits_get(a->records, record);
	a->records[record / 64] &= ~(1ull << record % 64);
	return 0;
}

static int does_not_fit(struct cel_error *e)
{
	return error_set(e, CEL_ECORRUPT, "the index has not as many records as its tree: build it again");
}

static int map_plain(struct hnsw_accept *a, const uint64_t *bits, uint64_t n, struct cel_error *e)
{
	if (n != a->index->layout.n_records)
		return does_not_fit(e);
	int rc = 0;
	for (uint64_t i = bits_next(bits, 0, n); i < n && rc == 0; i = bits_next(bits, i + 1, n))
		rc = set_in(a, i, e);
	return rc;
}

/* Where the row's id is, or would be, in the table. */
static int place_row(const struct hnsw_accept *a, uint64_t row, uint64_t *out, struct cel_error *e)
{
	*out = UINT64_MAX;
	return row < a->overlay->n_added ? index_place_id(a->index, overlay_id(a->overlay, row), out, e) : 0;
}

static int map_overlaid(struct hnsw_accept *a, const uint64_t *bits, uint64_t n, struct cel_error *e)
{
	const struct hnsw_overlay *o = a->overlay;
	uint64_t n_records = a->index->layout.n_records, rank = 0, row = 0, next;
	if (n != n_records - o->n_removed + o->n_added)
		return does_not_fit(e);
	int rc = place_row(a, 0, &next, e);
	for (uint64_t i = 0; i <= n_records && rc == 0; i++) {
		for (; next == i && rc == 0 && rank < n; rank++) {
			if (bits_get(bits, rank)) {
				a->rows[row / 64] &= ~(1ull << row % 64);
				a->n_rows++;
			}
			rc = place_row(a, ++row, &next, e);
		}
		if (rc < 0 || i == n_records)
			break;
		uint32_t record = load_le32(a->index->by_id + i * 4);
		if (record < n_records && bits_get(o->records, record))
			continue;
		if (rank == n)
			return does_not_fit(e);
		if (bits_get(bits, rank++))
			rc = set_in(a, i, e);
	}
	return rc == 0 && (rank != n || row != o->n_added) ? does_not_fit(e) : rc;
}

static int mark_nodes(struct hnsw_accept *a, struct cel_error *e)
{
	const struct hnsw_index *x = a->index;
	uint64_t n_records = x->layout.n_records;
	if (x->node_vectors == NULL && x->vector_records == NULL) {
		a->nodes = a->records;
		a->n_nodes = a->n_records;
		return 0;
	}
	a->nodes = mem_alloc(bits_words(x->layout.n_nodes) * 8 + 8);
	if (a->nodes == NULL)
		return error_nomem(e, x->layout.n_nodes / 8);
	memset(a->nodes, 0xff, bits_words(x->layout.n_nodes) * 8 + 8);
	for (uint64_t i = bits_next_clear(a->records, 0, n_records); i < n_records;) {
		uint32_t node;
		struct range records;
		int rc = index_record_node(x, (uint32_t)i, &node, e);
		if (rc == 0)
			rc = index_node_records(x, node, &records, e);
		if (rc < 0)
			return rc;
		a->nodes[node / 64] &= ~(1ull << node % 64);
		a->n_nodes++;
		i = bits_next_clear(a->records, records.end, n_records); /* past i: index_record_node has seen to it */
	}
	return 0;
}

int hnsw_accept_new(const struct hnsw_index *index, const struct hnsw_overlay *overlay, const uint64_t *bits, uint64_t n,
		    struct hnsw_accept **out, struct cel_error *e)
{
	uint64_t n_rows = overlay != NULL ? overlay->n_added : 0;
	size_t words = bits_words(index->layout.n_records) + 1, row_words = bits_words(n_rows) + 1;
	struct hnsw_accept *a = mem_calloc(1, sizeof *a);
	if (a == NULL)
		return error_nomem(e, sizeof *a);
	a->index = index;
	a->overlay = overlay;
	a->records = mem_alloc(words * sizeof *a->records);
	a->rows = mem_alloc(row_words * sizeof *a->rows);
	int rc = a->records == NULL || a->rows == NULL ? error_nomem(e, (words + row_words) * 8) : 0;
	if (rc == 0) {
		memset(a->records, 0xff, words * 8);
		memset(a->rows, 0xff, row_words * 8);
		rc = overlay != NULL ? map_overlaid(a, bits, n, e) : map_plain(a, bits, n, e);
	}
	if (rc == 0)
		rc = mark_nodes(a, e);
	if (rc < 0) {
		hnsw_accept_free(a);
		return rc;
	}
	*out = a;
	return 0;
}

void hnsw_accept_free(struct hnsw_accept *a)
{
	if (a == NULL)
		return;
	if (a->nodes != a->records)
		mem_free(a->nodes);
	mem_free(a->records);
	mem_free(a->rows);
	mem_free(a);
}
