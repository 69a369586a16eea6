/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of records for the tests of trees. */
#ifndef PROLLY_TEST_SETS_H
#define PROLLY_TEST_SETS_H

#include "chunker.h"
#include "fake_store.h"
#include "tree.h"

struct item {
	uint8_t id[48], vector[512], metadata[400];
	size_t id_size, vector_size, metadata_size;
};

struct set {
	struct item *items; /* by id */
	size_t n;
};

/* n records with distinct random ids (paths, words in several scripts, bare numbers), values on both sides of the inline
 * limit. */
struct set set_random(uint64_t *random, size_t n);
/* "id-000000", "id-000001", ...; vectors of dim f32 i + 0, i + 1, ..., every third with metadata {"n":i}. */
struct set set_plain(size_t n, size_t dim);
void set_release(struct set *s);
struct prolly_entry item_entry(const struct item *item);

/* Builds the tree; fails the test on any error. */
struct cid set_build(const struct set *s, struct fake_store *store, chunk_hash_fn *hash);

#endif
