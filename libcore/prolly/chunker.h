/* SPDX-License-Identifier: Apache-2.0 */
/* Where the nodes of one level end: DESIGN.md section 4. Entries go in by ascending key, nodes come out:
 *
 *     chunker_add(c, ...)                          for each entry, and after each (and after chunker_finish):
 *     while ((n = chunker_ready(c)) > 0) {         the first n entries are a node
 *             ... chunker_key(c, 0..n-1) ...
 *             chunker_drop(c);
 *     }
 *
 * A fresh chunker may start behind any entry that closes a node by the first hash (attempt 0): the nodes that follow
 * are the same as for the whole level. After a failure the chunker can only be released. */
#ifndef PROLLY_CHUNKER_H
#define PROLLY_CHUNKER_H

#include "buf.h"
#include "tree.h"

enum {
	CHUNK_CAP = 8 * (2 * PROLLY_W + 1), /* entries of a node at most */
	CHUNK_ATTEMPTS = 4,                 /* hashes tried on a run over the cap */
};

/* First 8 bytes, big-endian, of SHA-256(salt, level byte, attempt byte unless it is 0, key). Tests put in others. */
typedef uint64_t chunk_hash_fn(uint32_t level, uint32_t attempt, struct slice key);
uint64_t chunk_hash(uint32_t level, uint32_t attempt, struct slice key);

struct chunk_entry;
struct chunker {
	uint32_t level;
	chunk_hash_fn *hash;
	struct buf bytes; /* keys and payloads of the entries */
	struct chunk_entry *entries;
	size_t n, capacity;
	size_t candidate; /* may yet close the run; SIZE_MAX: none */
	size_t run;       /* entries of the runs that are closed; 0 while one is open */
	size_t front;     /* of these, given out as nodes */
	bool has_cut;     /* a run over the cap, ever */
};

void chunker_init(struct chunker *c, uint32_t level, chunk_hash_fn *hash);
void chunker_release(struct chunker *c);
void chunker_clear(struct chunker *c); /* as after init, memory kept */
/* payload and count are kept for the caller. Key and payload are copied. */
int chunker_add(struct chunker *c, struct slice key, struct slice payload, uint64_t count, struct cel_error *e);
int chunker_finish(struct chunker *c, struct cel_error *e); /* no more entries */
size_t chunker_ready(const struct chunker *c);              /* entries of the next node, 0 if none is known yet */
struct slice chunker_key(const struct chunker *c, size_t i); /* of the next node; valid until drop or add */
struct slice chunker_payload(const struct chunker *c, size_t i);
uint64_t chunker_count(const struct chunker *c, size_t i);
void chunker_drop(struct chunker *c); /* the next node is done with */

#endif
