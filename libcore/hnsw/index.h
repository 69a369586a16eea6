/* SPDX-License-Identifier: Apache-2.0 */
/* An index as the search sees it: pointers into a mapped file, or into what is being built.
 *
 *     node  --node_vectors-->  vectors of one code  --vector_records-->  records of one vector, by id
 */
#ifndef HNSW_INDEX_H
#define HNSW_INDEX_H

#include <stdatomic.h>

#include "checksum.h"
#include "distance.h"
#include "graph.h"
#include "layout.h"
#include "quantise.h"
#include "sketch.h"

struct hnsw_index {
	struct layout layout;
	uint8_t digest[SHA256_SIZE];
	struct graph graph;
	struct sketcher sketcher; /* if there are sketches */
	struct quantiser quantiser;
	struct measure measure;
	size_t vector_size;
	const uint8_t *vectors;
	const uint8_t *checksums;      /* u64; NULL while building */
	const uint8_t *id_offsets;     /* u64 */
	const uint8_t *ids;
	const uint8_t *by_id;          /* u32; NULL while building */
	const uint8_t *node_vectors;   /* u32; NULL: node i is vector i */
	const uint8_t *vector_records; /* u32; NULL: vector i is record i */
	const uint8_t *recall;
	uint32_t n_recall;
	_Atomic uint64_t *checked; /* one bit a vector: its checksum was found good in this process */
	const uint8_t *map;
	size_t map_size;
};

struct range {
	uint32_t start, end;
};

/* CEL_ECORRUPT if what the file says is out of bounds. */
int index_node_vectors(const struct hnsw_index *x, uint32_t node, struct range *out, struct cel_error *e);
int index_vector_records(const struct hnsw_index *x, uint32_t vector, struct range *out, struct cel_error *e);
int index_id(const struct hnsw_index *x, uint32_t record, struct slice *out, struct cel_error *e);

/* lookup.c: how many records have a smaller id. */
int index_place_id(const struct hnsw_index *x, struct slice id, uint64_t *place, struct cel_error *e);
/* The record of that id: 1, 0 if there is none, or CEL_ECORRUPT. */
int index_find_record(const struct hnsw_index *x, struct slice id, uint32_t *record, struct cel_error *e);
uint32_t index_record_vector(const struct hnsw_index *x, uint32_t record); /* not checked */
/* Which node a record hangs on, and its records: those of its vectors. */
int index_record_node(const struct hnsw_index *x, uint32_t record, uint32_t *node, struct cel_error *e);
int index_node_records(const struct hnsw_index *x, uint32_t node, struct range *out, struct cel_error *e);

/* The graph's links in a file or memory of final widths: level 0 at `links`, the others one behind the other. */
void index_set_links(struct graph *g, const struct layout *l, const uint8_t *links, const uint8_t *upper);
#define SKETCH_CAUTION 0.3f /* part of what a search finds, and so of the recall table */
/* Makes the sketcher that goes with the layout, if one does. */
int index_set_sketcher(struct hnsw_index *x, const struct simd_kernels *kernels, struct cel_error *e);

static inline const uint8_t *index_vector(const struct hnsw_index *x, uint32_t vector)
{
	return x->vectors + (size_t)vector * x->vector_size;
}

/* Of what an answer with this vector comes from. */
static inline uint64_t index_checksum(const struct hnsw_index *x, uint32_t vector)
{
	if (x->layout.is_exact)
		return checksum(graph_code(&x->graph, vector), x->graph.code_stride);
	return checksum(index_vector(x, vector), x->vector_size);
}

#endif
