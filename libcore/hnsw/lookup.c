/* SPDX-License-Identifier: Apache-2.0 */
/* From an id to its record, and from a record to its node. Ids are found by binary search in the section of record
 * numbers in id order; the tables of firsts (node to vector, vector to record) ascend, so the way back is a binary search
 * too. A table that does not ascend leads to a wrong place, never to one outside. */
#include "bytes.h"
#include "error.h"
#include "index.h"

static int id_at(const struct hnsw_index *x, uint64_t place, uint32_t *record, struct slice *id, struct cel_error *e)
{
	*record = load_le32(x->by_id + place * 4);
	if (*record >= x->layout.n_records)
		return error_set(e, CEL_ECORRUPT, "the index file has a bad record number: build it again");
	return index_id(x, *record, id, e);
}

int index_place_id(const struct hnsw_index *x, struct slice id, uint64_t *place, struct cel_error *e)
{
	uint64_t low = 0, high = x->layout.n_records;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		uint32_t record;
		struct slice found;
		int rc = id_at(x, middle, &record, &found, e);
		if (rc < 0)
			return rc;
		if (slice_compare(found, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*place = low;
	return 0;
}

int index_find_record(const struct hnsw_index *x, struct slice id, uint32_t *record, struct cel_error *e)
{
	uint64_t place;
	struct slice found;
	int rc = index_place_id(x, id, &place, e);
	if (rc == 0 && place < x->layout.n_records) {
		rc = id_at(x, place, record, &found, e);
		return rc < 0 ? rc : slice_equal(found, id);
	}
	return rc;
}

/* The last of `count` ascending entries that is at most `value`. */
static uint32_t table_find(const uint8_t *table, uint64_t count, uint32_t value)
{
	uint64_t low = 0, high = count;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		if (load_le32(table + middle * 4) <= value)
			low = middle;
		else
			high = middle;
	}
	return (uint32_t)low;
}

uint32_t index_record_vector(const struct hnsw_index *x, uint32_t record)
{
	return x->vector_records == NULL ? record : table_find(x->vector_records, x->layout.n_vectors, record);
}

int index_record_node(const struct hnsw_index *x, uint32_t record, uint32_t *node, struct cel_error *e)
{
	uint32_t vector = index_record_vector(x, record);
	*node = x->node_vectors == NULL ? vector : table_find(x->node_vectors, x->layout.n_nodes, vector);
	struct range records;
	int rc = index_node_records(x, *node, &records, e);
	if (rc == 0 && (record < records.start || record >= records.end))
		rc = error_set(e, CEL_ECORRUPT, "the index file has a record without a node: build it again");
	return rc;
}

int index_node_records(const struct hnsw_index *x, uint32_t node, struct range *out, struct cel_error *e)
{
	struct range vectors, last;
	int rc = index_node_vectors(x, node, &vectors, e);
	if (rc == 0)
		rc = index_vector_records(x, vectors.start, out, e);
	if (rc == 0)
		rc = index_vector_records(x, vectors.end - 1, &last, e);
	if (rc == 0)
		out->end = last.end;
	return rc;
}
