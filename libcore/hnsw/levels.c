/* SPDX-License-Identifier: Apache-2.0 */
/* The order must have nothing to do with the vectors: ids sorted by name often mean vectors sorted by kind, and
 * inserting those in order costs recall. A hash that everyone computes alike replaces the random generator of the
 * paper; -ln(U) / ln(M) becomes a comparison with the integers 2^64 / M^l. */
#include "levels.h"

#include "bytes.h"
#include "hash.h"

static const char SALT[] = "celestica hnsw 1";

uint64_t level_hash(struct slice id)
{
	struct sha256 h;
	uint8_t digest[SHA256_SIZE];
	sha256_init(&h);
	sha256_update(&h, SALT, sizeof SALT - 1);
	sha256_update(&h, id.data, id.size);
	sha256_final(&h, digest);
	return load_be64(digest);
}

uint32_t levels_count(const uint64_t *hashes, uint32_t n, uint32_t M, uint32_t level_count[LEVELS_MAX])
{
	for (uint32_t l = 0; l < LEVELS_MAX; l++)
		level_count[l] = 0;
	uint32_t count = n;
	uint32_t l = 0;
	uint64_t threshold = UINT64_MAX;
	while (count > 0 && l < LEVELS_MAX) {
		level_count[l++] = count;
		threshold /= M;
		while (count > 0 && hashes[count - 1] >= threshold)
			count--;
	}
	return l;
}
