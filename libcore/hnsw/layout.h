/* SPDX-License-Identifier: Apache-2.0 */
/* The header of an index file and where its sections lie; cel-format(5), "INDEX FILE", gives it byte by byte. */
#ifndef HNSW_LAYOUT_H
#define HNSW_LAYOUT_H

#include <stdbool.h>

#include "graph.h"
#include "hnsw.h"

#define LAYOUT_HEADER_SIZE 4096u
#define LAYOUT_CHUNK_SIZE (1u << 20)
#define RECALL_ROW_SIZE 32u
#define RECALL_ROWS_MAX 64u
#define RECORDS_MAX 0xfffffffeu

enum section {
	SECTION_VECTORS,        /* elements as stored, by vector */
	SECTION_ID_OFFSETS,     /* u64, one more than records: where a record's id begins in the next section */
	SECTION_IDS,
	SECTION_BY_ID,          /* u32, record numbers in ascending id order */
	SECTION_NODE_VECTORS,   /* u32, one more than nodes: a node's first vector. Empty if each node has one */
	SECTION_VECTOR_RECORDS, /* u32, one more than vectors: a vector's first record. Empty if each has one */
	SECTION_OFFSETS,        /* f32 a dimension: of codes that are bytes */
	SECTION_CODES,          /* empty if they are the vectors */
	SECTION_CHECKSUMS,      /* u64: of each vector, or if codes are exact of each row of codes */
	SECTION_LINKS,          /* level 0, with sketches */
	SECTION_UPPER_LINKS,    /* levels 1, 2, ... */
	SECTION_RECALL,
	SECTIONS,
};

struct layout {
	struct cid tree;
	struct cel_schema schema; /* without the model */
	struct hnsw_params params;
	uint64_t n_records, n_vectors;
	uint32_t n_nodes, n_levels;
	uint32_t level_count[LEVELS_MAX];
	float scale;
	bool is_exact; /* codes stand for the vectors: element = offset + code, in whole numbers; one vector a node */
	struct hnsw_lineage lineage;
	uint32_t n_directions; /* of sketches beside the links of level 0; 0: there are none */
	struct {
		uint64_t offset, size;
	} sections[SECTIONS];
	uint64_t file_size;
	uint8_t body_digest[SHA256_SIZE];
};

/* How many directions sketches of such a collection have; 0: it is faster without. */
uint32_t layout_directions(const struct cel_schema *schema);
/* Where the sketches of a row of level 0 begin, and the bytes of a row. */
size_t layout_links_size(uint32_t M, uint32_t n_directions);
size_t layout_row_size(uint32_t M, uint32_t n_directions);

/* Fills sections and file_size from the counts. */
void layout_place(struct layout *l, uint64_t ids_size, uint32_t recall_rows);
void layout_encode(const struct layout *l, uint8_t header[LAYOUT_HEADER_SIZE]);
/* Everything is checked that can be without reading the sections. */
int layout_decode(const uint8_t header[LAYOUT_HEADER_SIZE], uint64_t file_size, struct layout *out, struct cel_error *e);
/* Of an encoded header: the digest that stands for the whole file. */
const uint8_t *layout_digest(const uint8_t header[LAYOUT_HEADER_SIZE]);

#endif
