/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing in 256 tables, chosen by the first byte of the digest and each enlarged by a quarter when it is 17/20
 * full. The slot is read off the next eight bytes as a fraction of the table's size, so sizes need not be powers of two:
 * digests are uniform, and who wants to crowd a table must find hashes for it. */
#include "digest_set.h"

#include <string.h>

#include "alloc.h"
#include "bytes.h"
#include "error.h"

#define CAPACITY_FIRST 16u

static size_t slot_size(const struct digest_set *set)
{
	return SHA256_SIZE + set->value_size;
}

static bool is_zero(const uint8_t *digest)
{
	static const uint8_t ZERO[SHA256_SIZE];
	return memcmp(digest, ZERO, SHA256_SIZE) == 0;
}

/* Where the digest is, or the empty slot where it would be. */
static uint8_t *find_slot(const struct digest_shard *shard, size_t size, const uint8_t *digest)
{
	uint32_t i = (uint32_t)((unsigned __int128)load_be64(digest + 1) * shard->capacity >> 64);
	for (;;) {
		uint8_t *slot = shard->slots + i * size;
		if (memcmp(slot, digest, SHA256_SIZE) == 0 || is_zero(slot))
			return slot;
		i = i + 1 < shard->capacity ? i + 1 : 0;
	}
}

static int grow(const struct digest_set *set, struct digest_shard *shard, struct cel_error *e)
{
	size_t size = slot_size(set);
	if (shard->capacity > UINT32_MAX / 2)
		return error_set(e, CEL_ENOMEM, "a set of more than 2^38 digests");
	struct digest_shard larger = {.n = shard->n};
	larger.capacity = shard->capacity == 0 ? CAPACITY_FIRST : shard->capacity + shard->capacity / 4;
	larger.slots = mem_calloc(larger.capacity, size);
	if (larger.slots == NULL)
		return error_nomem(e, larger.capacity * size);
	for (uint32_t i = 0; i < shard->capacity; i++) {
		const uint8_t *slot = shard->slots + i * size;
		if (!is_zero(slot))
			memcpy(find_slot(&larger, size, slot), slot, size);
	}
	mem_free(shard->slots);
	*shard = larger;
	return 0;
}

int digest_set_add(struct digest_set *set, const uint8_t digest[SHA256_SIZE], struct cel_error *e)
{
	struct digest_shard *shard = &set->shards[digest[0]];
	if (is_zero(digest)) {
		int is_new = !set->has_zero;
		set->has_zero = true;
		return is_new;
	}
	if (20 * ((uint64_t)shard->n + 1) > 17 * (uint64_t)shard->capacity) {
		int rc = grow(set, shard, e);
		if (rc < 0)
			return rc;
	}
	uint8_t *slot = find_slot(shard, slot_size(set), digest);
	if (!is_zero(slot))
		return 0;
	memcpy(slot, digest, SHA256_SIZE);
	shard->n++;
	set->n++;
	return 1;
}

bool digest_set_has(const struct digest_set *set, const uint8_t digest[SHA256_SIZE])
{
	if (is_zero(digest))
		return set->has_zero;
	const struct digest_shard *shard = &set->shards[digest[0]];
	return shard->n > 0 && !is_zero(find_slot(shard, slot_size(set), digest));
}

void *digest_set_value(const struct digest_set *set, const uint8_t digest[SHA256_SIZE])
{
	const struct digest_shard *shard = &set->shards[digest[0]];
	if (set->value_size == 0 || shard->n == 0 || is_zero(digest))
		return NULL;
	uint8_t *slot = find_slot(shard, slot_size(set), digest);
	return is_zero(slot) ? NULL : slot + SHA256_SIZE;
}

uint64_t digest_set_bytes(const struct digest_set *set)
{
	uint64_t bytes = sizeof *set;
	for (size_t i = 0; i < DIGEST_SET_SHARDS; i++)
		bytes += set->shards[i].capacity * (uint64_t)slot_size(set);
	return bytes;
}

void digest_set_release(struct digest_set *set)
{
	for (size_t i = 0; i < DIGEST_SET_SHARDS; i++)
		mem_free(set->shards[i].slots);
	*set = (struct digest_set){.value_size = set->value_size};
}
