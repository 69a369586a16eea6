/* SPDX-License-Identifier: Apache-2.0 */
/* Sets over the ids "id-000000", "id-000001", ... as arrays: each record's version, 0 if it is not there. So a change is
 * a number, and the naive answer to any question a loop. */
#ifndef PROLLY_TEST_WORLD_H
#define PROLLY_TEST_WORLD_H

#include "chunker.h"
#include "fake_store.h"
#include "update.h"

enum { WORLD_ROOM = 600 };

struct world {
	uint32_t *version;
	size_t n; /* ids, there or not */
};

struct world world_new(size_t n);
struct world world_copy(const struct world *w);
void world_release(struct world *w);
size_t world_count(const struct world *w);
/* Every 50th record has linked values. room has the bytes. */
struct prolly_entry world_entry(size_t i, uint32_t version, uint8_t room[WORLD_ROOM]);
size_t world_number(struct slice id);
/* What stands in the leaf for that version. */
bool world_is_entry(const struct prolly_entry *entry, size_t i, uint32_t version);

/* Both fail the test on an error. The update turns a into b, whose tree it makes. */
struct cid world_build(const struct world *w, struct fake_store *store, chunk_hash_fn *hash);
struct cid world_update(const struct world *a, const struct world *b, const struct cid *root, struct fake_store *store,
			chunk_hash_fn *hash, struct prolly_update_stats *stats);

/* A random change of w in one of the ways that changes come: scattered or in a row, at the ends, values only, ... */
void world_change(struct world *w, uint64_t *random);
/* present of w's ids get version 1: 0 none, 4 all. */
void world_fill(struct world *w, unsigned quarters, uint64_t *random);

/* Hashes by the number in the id. The honest one is as good as SHA-256 for this, and quick. */
uint64_t world_honest(uint32_t level, uint32_t attempt, struct slice key);
#define WORLD_HASHES 7
extern chunk_hash_fn *const world_hashes[WORLD_HASHES]; /* the first two honest, then ever more hostile */

#endif
