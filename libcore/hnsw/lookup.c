/* SPDX-License-Identifier: Apache-2.0 */
/* From an id to its record, and from a record to its node. Ids are found by binary search in the section of record
 * numbers in id order; the tables of firsts (node to vector, vector to record) ascend, so the way back is a binary search
 * too. A table that does not ascend leads to a wrong place, never to one outside. */
#include "bytes.h"
#include "error.h"
#include "index.h"

int index_find_record(const struct hnsw_index *x, struct slice id, uint32_t *record, struct cel_error *e)
{
	uint64_t low = 0, high = x->layout.n_records;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;
		struct slice found;
		*record = load_le32(x->by_id + middle * 4);
		if (*record >= x->layout.n_records)
			return error_set(e, CEL_ECORRUPT, "the index file has a bad record number: build it again");
		int rc = index_id(x, *record, &found, e);
		if (rc < 0)
			return rc;
		int order = slice_compare(found, id);
		if (order == 0)
			return 1;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return 0;
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

int index_record_node(const struct hnsw_index *x, uint32_t record, uint32_t *node, struct cel_error *e)
{
	uint32_t vector = x->vector_records == NULL ? record
						    : table_find(x->vector_records, x->layout.n_vectors, record);
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
