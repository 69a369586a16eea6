/* SPDX-License-Identifier: Apache-2.0 */
/* The records of an input, at random access: ids in memory, vectors in a nameless file (page cache, not memory). */
#ifndef HNSW_GATHER_H
#define HNSW_GATHER_H

#include "hnsw.h"

struct gathered {
	uint64_t n;
	size_t vector_size;
	const uint8_t *vectors; /* [n] mapped; NULL if n is 0 */
	size_t map_size;
	uint8_t *ids;
	uint64_t *id_offsets; /* [n + 1] */
};

/* path: the scratch file is made beside it. */
int gather(const struct cel_schema *schema, struct hnsw_input *input, const char *path, struct gathered *out,
	   struct cel_error *e);
void gathered_release(struct gathered *g);

static inline struct slice gathered_id(const struct gathered *g, uint64_t record)
{
	return slice_make(g->ids + g->id_offsets[record], g->id_offsets[record + 1] - g->id_offsets[record]);
}

static inline const uint8_t *gathered_vector(const struct gathered *g, uint64_t record)
{
	return g->vectors + record * g->vector_size;
}

#endif
