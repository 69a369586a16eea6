/* SPDX-License-Identifier: Apache-2.0 */
/* Removed records become bits of a map over the records of the file. A node is out only if all its records are, so the map
 * over the nodes is made at the end, each touched node being looked at once. Added vectors stand one behind the other, to
 * be scanned; for cosine their norms are computed once. */
#include "overlay.h"

#include "alloc.h"
#include "error.h"

int hnsw_overlay_new(const struct hnsw_index *index, struct hnsw_overlay **out, struct cel_error *e)
{
	struct hnsw_overlay *o = mem_calloc(1, sizeof *o);
	if (o == NULL)
		return error_nomem(e, sizeof *o);
	o->index = index;
	o->records = mem_calloc(index->layout.n_records / 64 + 1, sizeof *o->records);
	o->nodes = mem_calloc(index->layout.n_nodes / 64 + 1, sizeof *o->nodes);
	if (o->records == NULL || o->nodes == NULL) {
		hnsw_overlay_free(o);
		return error_nomem(e, index->layout.n_records / 8);
	}
	*out = o;
	return 0;
}

void hnsw_overlay_free(struct hnsw_overlay *o)
{
	if (o == NULL)
		return;
	mem_free(o->records);
	mem_free(o->nodes);
	buf_release(&o->vectors);
	buf_release(&o->ids);
	buf_release(&o->id_ends);
	mem_free(o->norms);
	mem_free(o);
}

int hnsw_overlay_remove(struct hnsw_overlay *o, struct slice id, struct cel_error *e)
{
	uint32_t record;
	int rc = index_find_record(o->index, id, &record, e);
	if (rc == 0)
		return error_set(e, CEL_ECORRUPT, "the index has no record '%.*s', which its tree has: build it again",
				 (int)id.size, (const char *)id.data);
	if (rc < 0)
		return rc;
	o->n_removed += !bits_get(o->records, record);
	bits_set(o->records, record);
	return 0;
}

int hnsw_overlay_add(struct hnsw_overlay *o, struct slice id, struct slice vector, struct cel_error *e)
{
	if (vector.size != o->index->vector_size)
		return error_set(e, CEL_EDATA, "a vector has %zu bytes, not %zu", vector.size, o->index->vector_size);
	int rc = buf_append(&o->vectors, vector.data, vector.size, e);
	if (rc == 0)
		rc = buf_append(&o->ids, id.data, id.size, e);
	if (rc == 0)
		rc = buf_append(&o->id_ends, &o->ids.size, sizeof o->ids.size, e);
	o->n_added += rc == 0;
	return rc;
}

struct slice overlay_id(const struct hnsw_overlay *o, uint64_t row)
{
	size_t start = 0, end;
	if (row > 0)
		memcpy(&start, o->id_ends.data + (row - 1) * sizeof start, sizeof start);
	memcpy(&end, o->id_ends.data + row * sizeof end, sizeof end);
	return slice_make(o->ids.data + start, end - start);
}

static bool are_all_set(const uint64_t *bits, struct range range)
{
	for (uint32_t i = range.start; i < range.end; i++)
		if (!bits_get(bits, i))
			return false;
	return true;
}

/* From one removed record to the next, each time past the end of its node. */
static int mark_nodes(struct hnsw_overlay *o, struct cel_error *e)
{
	uint64_t n_records = o->index->layout.n_records;
	for (uint64_t i = 0; i < n_records;) {
		uint64_t word = o->records[i / 64] >> i % 64;
		if (word == 0) {
			i = (i / 64 + 1) * 64;
			continue;
		}
		i += (uint64_t)__builtin_ctzll(word);
		uint32_t node;
		struct range records;
		int rc = index_record_node(o->index, (uint32_t)i, &node, e);
		if (rc == 0)
			rc = index_node_records(o->index, node, &records, e);
		if (rc < 0)
			return rc;
		if (are_all_set(o->records, records))
			bits_set(o->nodes, node);
		i = records.end; /* past i: index_record_node has seen to it */
	}
	return 0;
}

int hnsw_overlay_finish(struct hnsw_overlay *o, struct cel_error *e)
{
	int rc = o->n_removed > 0 ? mark_nodes(o, e) : 0;
	if (rc < 0)
		return rc;
	o->norms = mem_calloc(o->n_added, sizeof *o->norms);
	if (o->norms == NULL)
		return error_nomem(e, o->n_added * sizeof *o->norms);
	for (uint64_t i = 0; i < o->n_added; i++)
		o->norms[i] = measure_norm(&o->index->measure, o->vectors.data + i * o->index->vector_size);
	return 0;
}

struct hnsw_overlay_counts hnsw_overlay_counts(const struct hnsw_overlay *o)
{
	return (struct hnsw_overlay_counts){.removed = o->n_removed, .added = o->n_added};
}
