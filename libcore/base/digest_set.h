/* SPDX-License-Identifier: Apache-2.0 */
/* A set of SHA-256 digests, each with a value of a fixed size or none: what a walk over blocks has met. 38 to 47 bytes a
 * digest without values (42 on average), and never the old and the new table of all of them at once. */
#ifndef BASE_DIGEST_SET_H
#define BASE_DIGEST_SET_H

#include <stdbool.h>

#include "hash.h"

struct cel_error;

#define DIGEST_SET_SHARDS 256u

struct digest_shard {
	uint8_t *slots; /* of digest and value; a slot of zeros is empty */
	uint32_t n, capacity;
};

/* A zeroed one is an empty set without values. */
struct digest_set {
	struct digest_shard shards[DIGEST_SET_SHARDS]; /* by the first byte */
	uint64_t n;
	uint32_t value_size;
	bool has_zero; /* the digest that looks like an empty slot; it has no value */
};

/* 1 if it is new, 0 if it was there. */
int digest_set_add(struct digest_set *set, const uint8_t digest[SHA256_SIZE], struct cel_error *e);
bool digest_set_has(const struct digest_set *set, const uint8_t digest[SHA256_SIZE]);
/* The value, zeroed when added; NULL if the digest is not in the set. Lives until the next add. */
void *digest_set_value(const struct digest_set *set, const uint8_t digest[SHA256_SIZE]);
uint64_t digest_set_bytes(const struct digest_set *set); /* of memory */
void digest_set_release(struct digest_set *set);

#endif
