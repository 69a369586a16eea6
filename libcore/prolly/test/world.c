/* SPDX-License-Identifier: Apache-2.0 */
/* The hostile hashes make runs about and over the cap, alternating with honest stretches or without end. */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "bytes.h"
#include "hashed.h"
#include "random.h"

struct world world_new(size_t n)
{
	return (struct world){.version = calloc(n + 1, sizeof(uint32_t)), .n = n};
}

struct world world_copy(const struct world *w)
{
	struct world copy = world_new(w->n);
	memcpy(copy.version, w->version, w->n * sizeof *w->version);
	return copy;
}

void world_release(struct world *w)
{
	free(w->version);
}

size_t world_count(const struct world *w)
{
	size_t count = 0;
	for (size_t i = 0; i < w->n; i++)
		count += w->version[i] != 0;
	return count;
}

struct prolly_entry world_entry(size_t i, uint32_t version, uint8_t room[WORLD_ROOM])
{
	bool is_linked = i % 50 == 7 || i % 50 == 9;
	memset(room, (int)(i % 251), is_linked ? WORLD_ROOM : 24);
	memcpy(room, "id-", 3); /* and what printf's %06zu makes, which took most of the time of the tests */
	size_t rest = i;
	for (size_t at = 9; at-- > 3; rest /= 10)
		room[at] = (uint8_t)('0' + rest % 10);
	store_le32(room + 16, (uint32_t)i);
	store_le32(room + 20, version);
	struct prolly_entry entry = {
		.id = slice_make(room, 9),
		.vector.bytes = slice_make(room + 16, 8),
		.metadata.bytes = slice_make(room + 16, i % 3 == 0 ? 4 : 0),
	};
	if (i % 50 == 7)
		entry.vector.bytes.size = PROLLY_INLINE_MAX + 1 + i % 50;
	if (i % 50 == 9)
		entry.metadata.bytes.size = PROLLY_INLINE_MAX + 100;
	return entry;
}

size_t world_number(struct slice id)
{
	size_t number = 0;
	for (size_t i = 3; i < id.size; i++)
		number = number * 10 + (size_t)(id.data[i] - '0');
	return number;
}

static bool is_value(const struct prolly_value *stored, struct slice bytes)
{
	struct cid cid = cid_of(CID_RAW, bytes);
	return stored->is_link ? bytes.size > PROLLY_INLINE_MAX && cid_equal(&cid, &stored->link)
			       : slice_equal(stored->bytes, bytes);
}

bool world_is_entry(const struct prolly_entry *entry, size_t i, uint32_t version)
{
	uint8_t room[WORLD_ROOM];
	struct prolly_entry expected = world_entry(i, version, room);
	return slice_equal(entry->id, expected.id) && is_value(&entry->vector, expected.vector.bytes) &&
	       is_value(&entry->metadata, expected.metadata.bytes);
}

struct cid world_build(const struct world *w, struct fake_store *store, chunk_hash_fn *hash)
{
	struct prolly_builder *b;
	struct cel_error e = {0};
	struct cid root = {0};
	uint64_t count = 0;
	uint8_t room[WORLD_ROOM];
	int rc = prolly_builder_new_hashed(fake_store_batch(store), hash, &b, &e);
	for (size_t i = 0; i < w->n && rc == 0; i++) {
		struct prolly_entry entry = world_entry(i, w->version[i], room);
		rc = w->version[i] != 0 ? prolly_builder_add(b, &entry, &e) : 0;
	}
	if (rc == 0)
		rc = prolly_builder_finish(b, &root, &count, &e);
	if (rc < 0)
		fail_msg("%s", e.message);
	assert_int_equal(count, world_count(w));
	prolly_builder_free(b);
	return root;
}

struct cid world_update(const struct world *a, const struct world *b, const struct cid *root, struct fake_store *store,
			chunk_hash_fn *hash, struct prolly_update_stats *stats)
{
	struct prolly_update *u;
	struct cel_error e = {0};
	struct cid result = {0};
	uint8_t room[WORLD_ROOM];
	int rc = prolly_update_new_hashed(fake_store_batch(store), fake_store_read(store), root, hash, &u, &e);
	for (size_t i = 0; i < a->n && rc == 0; i++) {
		struct prolly_entry entry = world_entry(i, b->version[i], room);
		if (a->version[i] != b->version[i])
			rc = b->version[i] != 0 ? prolly_update_put(u, &entry, &e) : prolly_update_delete(u, entry.id, &e);
	}
	if (rc == 0)
		rc = prolly_update_finish(u, &result, stats, &e);
	if (rc < 0)
		fail_msg("%s", e.message);
	prolly_update_free(u);
	return result;
}

void world_fill(struct world *w, unsigned quarters, uint64_t *random)
{
	for (size_t i = 0; i < w->n; i++)
		w->version[i] = random_next(random) % 4 < quarters;
}

void world_change(struct world *w, uint64_t *random)
{
	uint64_t r = random_next(random);
	size_t amount = 1;
	for (size_t rounds = r % 10; rounds > 0; rounds--)
		amount *= 2;
	unsigned what = (unsigned)(r >> 8) % 5, where = (unsigned)(r >> 16) % 6;
	size_t start = w->n == 0 ? 0 : random_next(random) % w->n;
	for (size_t k = 0; k < amount && w->n > 0; k++) {
		size_t i = where == 0   ? k                            /* at the beginning */
			   : where == 1 ? w->n - 1 - k % w->n          /* at the end */
			   : where <= 3 ? random_next(random) % w->n   /* scattered */
			   : where == 4 ? start + k                    /* in a row */
					: start + random_next(random) % 200; /* close together */
		uint32_t *version = &w->version[i % w->n];
		unsigned kind = what == 4 ? (unsigned)(random_next(random) % 3) : what;
		if (kind == 0)
			*version += *version != 0; /* replaced */
		else if (kind == 1)
			*version = 0;
		else
			*version += 1; /* added or replaced */
	}
	if (r >> 24 & 7)
		return;
	for (size_t i = 0; i < w->n; i++) /* all over: thinned out, or filled up */
		if (random_next(random) % 16 <= (r >> 32 & 15))
			w->version[i] = what == 0 ? 0 : w->version[i] + 1;
}

/* ---- hashes */

uint64_t world_honest(uint32_t level, uint32_t attempt, struct slice key)
{
	return mix64(world_number(key) * 64 + level * 8 + attempt);
}

/* Rises with the id: one run, whatever is changed. The later attempts are honest. */
static uint64_t hash_rising(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt == 0 ? world_number(key) : world_honest(level, attempt, key);
}

static uint64_t hash_always_rising(uint32_t level, uint32_t attempt, struct slice key)
{
	(void)level, (void)attempt, (void)key;
	return 0;
}

/* Stretches of 500 ids that rise between honest ones, on every level. */
static uint64_t hash_stretches(uint32_t level, uint32_t attempt, struct slice key)
{
	size_t number = world_number(key);
	return attempt == 0 && number / 500 % 2 == 0 ? number : world_honest(level, attempt, key);
}

/* Ever larger teeth: runs of all sizes about the cap. */
static uint64_t hash_saw(uint32_t level, uint32_t attempt, struct slice key)
{
	size_t number = world_number(key), tooth = 300 + number / 1000 * 40;
	return attempt <= 1 ? number % tooth : world_honest(level, attempt, key);
}

static uint64_t hash_few(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt == 0 ? world_honest(level, attempt, key) % 5 : world_honest(level, attempt, key);
}

chunk_hash_fn *const world_hashes[WORLD_HASHES] = {
	chunk_hash, world_honest, hash_few, hash_stretches, hash_saw, hash_rising, hash_always_rising,
};
