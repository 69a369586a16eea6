/* SPDX-License-Identifier: Apache-2.0 */
/* The law: an updated tree has the root of a fresh build of the same set, whatever changed, in whatever steps, and under
 * whatever hash. Beside it the costs: every node put is one that the old tree lacks, and with honest ids there are one or
 * three of them a level. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alloc.h"
#include "hashed.h"
#include "random.h"
#include "world.h"

static size_t count_nodes(const struct fake_store *store)
{
	size_t count = 0;
	for (size_t i = 0; i < fake_store_count(store); i++) {
		struct slice block;
		count += fake_store_block(store, i, &block)->codec == CID_DAG_CBOR;
	}
	return count;
}

static uint64_t sum_written(const struct prolly_update_stats *stats)
{
	uint64_t sum = 0;
	for (size_t level = 0; level < NODE_LEVELS_MAX; level++)
		sum += stats->nodes_written[level];
	return sum;
}

static void assert_stats(const struct prolly_update_stats *stats, const struct world *a, const struct world *b)
{
	struct prolly_update_stats expected = {0};
	for (size_t i = 0; i < a->n; i++) {
		expected.added += a->version[i] == 0 && b->version[i] != 0;
		expected.deleted += a->version[i] != 0 && b->version[i] == 0;
		expected.replaced += a->version[i] != 0 && b->version[i] != 0 && a->version[i] != b->version[i];
	}
	assert_int_equal(stats->added, expected.added);
	assert_int_equal(stats->deleted, expected.deleted);
	assert_int_equal(stats->replaced, expected.replaced);
	assert_int_equal(stats->unchanged, 0);
	assert_int_equal(stats->absent, 0);
	assert_int_equal(stats->records, world_count(b));
}

/* Updates the tree of a to b and compares with a fresh build. Nothing was put that the old tree has or the new one has
 * not; but a tree that loses levels leaves nodes with a single entry behind. */
static void assert_update(const struct world *a, const struct world *b, chunk_hash_fn *hash,
			  struct prolly_update_stats *stats)
{
	struct fake_store *store = fake_store_new();
	struct cid root = world_build(a, store, hash);
	size_t n_old = count_nodes(store);
	struct cid updated = world_update(a, b, &root, store, hash, stats);
	size_t n_updated = count_nodes(store);
	struct cid fresh = world_build(b, store, hash);
	assert_true(cid_equal(&updated, &fresh));
	assert_int_equal(count_nodes(store), n_updated);
	assert_int_equal(n_updated - n_old, sum_written(stats));
	assert_stats(stats, a, b);
	fake_store_free(store);
}

static void test_random_steps(void **state)
{
	(void)state;
	static const size_t SIZES[] = {0, 1, 2, PROLLY_W, PROLLY_W + 1, 60, 300, 500, 1200, 3000};
	uint64_t random = test_seed();
	struct prolly_update_stats stats;
	for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
		for (size_t h = 0; h < WORLD_HASHES; h++) {
			for (unsigned quarters = 0; quarters <= 4; quarters += 2) {
				struct world a = world_new(SIZES[s]), b = world_new(SIZES[s]);
				world_fill(&a, quarters, &random);
				for (size_t step = 0; step < 6 * test_scale(); step++) {
					memcpy(b.version, a.version, a.n * sizeof *a.version);
					world_change(&b, &random);
					assert_update(&a, &b, world_hashes[h], &stats);
					memcpy(a.version, b.version, a.n * sizeof *a.version);
				}
				memset(b.version, 0, b.n * sizeof *b.version);
				assert_update(&a, &b, world_hashes[h], &stats); /* everything is deleted */
				assert_update(&b, &a, world_hashes[h], &stats); /* and comes back */
				world_release(&b);
				world_release(&a);
			}
		}
	}
}

/* Every single change of a set. */
static void test_single_changes(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	for (size_t h = 1; h < WORLD_HASHES; h++) {
		struct world a = world_new(600), b = world_new(600);
		struct fake_store *store = fake_store_new(), *other = fake_store_new();
		world_fill(&a, 3, &random);
		memcpy(b.version, a.version, a.n * sizeof *a.version);
		struct cid root = world_build(&a, store, world_hashes[h]);
		for (size_t i = 0; i < a.n; i++) {
			struct prolly_update_stats stats;
			b.version[i] = a.version[i] == 0 ? 1 : 0;
			struct cid updated = world_update(&a, &b, &root, store, world_hashes[h], &stats);
			struct cid fresh = world_build(&b, other, world_hashes[h]);
			assert_true(cid_equal(&updated, &fresh));
			b.version[i] = a.version[i];
		}
		world_release(&a);
		world_release(&b);
		fake_store_free(store);
		fake_store_free(other);
	}
}

static struct cid update_at_most(const struct world *a, const struct world *b, const struct cid *root,
				 struct fake_store *store, chunk_hash_fn *hash, size_t bytes)
{
	struct prolly_update *u;
	struct prolly_update_stats stats;
	uint8_t room[WORLD_ROOM];
	struct cid result;
	assert_int_equal(prolly_update_new_hashed(fake_store_batch(store), fake_store_read(store), root, hash, &u, NULL), 0);
	prolly_update_wait_at_most(u, bytes);
	for (size_t i = 0; i < a->n; i++) {
		struct prolly_entry entry = world_entry(i, b->version[i], room);
		if (a->version[i] != b->version[i])
			assert_int_equal(b->version[i] != 0 ? prolly_update_put(u, &entry, NULL)
							    : prolly_update_delete(u, entry.id, NULL), 0);
	}
	assert_int_equal(prolly_update_finish(u, &result, &stats, NULL), 0);
	prolly_update_free(u);
	return result;
}

/* Values alone change at first, or throughout; at some point the changes that wait are too many, or an id comes or goes. */
static void test_values_first(void **state)
{
	(void)state;
	static const size_t BOUNDS[] = {0, 1, 40, 500, 100000};
	uint64_t random = test_seed();
	for (size_t h = 0; h < WORLD_HASHES; h++) {
		struct fake_store *store = fake_store_new(), *other = fake_store_new();
		struct world a = world_new(1500);
		world_fill(&a, 3, &random);
		struct cid root = world_build(&a, store, world_hashes[h]);
		for (unsigned step = 0; step < 8; step++) {
			struct world b = world_copy(&a);
			size_t last = random_next(&random) % b.n;
			for (size_t i = 0; i < b.n; i++)
				if (b.version[i] != 0 && random_next(&random) % (1 + step * 9) == 0)
					b.version[i]++;
			if (step % 2 == 1)
				b.version[last] = b.version[last] == 0;
			struct cid fresh = world_build(&b, other, world_hashes[h]);
			for (size_t k = 0; k < sizeof BOUNDS / sizeof *BOUNDS; k++) {
				struct cid updated = update_at_most(&a, &b, &root, store, world_hashes[h], BOUNDS[k]);
				assert_true(cid_equal(&updated, &fresh));
			}
			world_release(&b);
		}
		world_release(&a);
		fake_store_free(store);
		fake_store_free(other);
	}
}

static void test_costs(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	size_t worst[3] = {0}, most_read[3] = {0};
	struct world a = world_new(9000 + random_next(&random) % 500), b = world_copy(&a);
	for (size_t i = 0; i < a.n; i++)
		b.version[i] = a.version[i] = (uint32_t)i % 2;
	struct fake_store *store = fake_store_new();
	struct cid root = world_build(&a, store, world_honest);
	for (size_t i = 0; i < a.n; i += i % 3 == 0 ? 2 : 1) {
		for (uint32_t kind = a.version[i] == 0 ? 2 : 0; kind <= (a.version[i] == 0 ? 2 : 1); kind++) {
			struct prolly_update_stats stats;
			b.version[i] = kind == 0 ? 2 : kind == 1 ? 0 : 1;
			world_update(&a, &b, &root, store, world_honest, &stats);
			for (size_t level = 0; level < NODE_LEVELS_MAX; level++)
				worst[kind] = stats.nodes_written[level] > worst[kind] ? stats.nodes_written[level] : worst[kind];
			most_read[kind] = stats.nodes_read > most_read[kind] ? stats.nodes_read : most_read[kind];
			b.version[i] = a.version[i];
		}
	}
	static const char *const KINDS[] = {"replace", "delete", "add"};
	for (size_t kind = 0; kind < 3; kind++)
		printf("# to %s a record: at most %zu nodes written a level, %zu read in all\n", KINDS[kind], worst[kind],
		       most_read[kind]);
	assert_true(worst[0] == 1 && worst[1] <= 3 && worst[2] <= 3);
	fake_store_free(store);
	world_release(&a);
	world_release(&b);
}

/* An entry that ends a leaf within a run over the cap, so by a later attempt, and would close by the first hash but for the
 * entry w before it. Another one in between makes it close. */
static size_t nearly;
static uint64_t hash_nearly(uint32_t level, uint32_t attempt, struct slice key)
{
	size_t number = world_number(key);
	return attempt > 0 ? world_honest(level, attempt, key) : number == nearly ? 2 * (nearly - 2 * PROLLY_W) + 1 : 2 * number;
}

static void test_boundaries_that_become_first_ones(void **state)
{
	(void)state;
	struct prolly_update_stats stats;
	struct world a = world_new(1000), b = world_new(1000);
	static struct node node;
	for (size_t i = 0; i < a.n; i++)
		b.version[i] = a.version[i] = i % 2 == 0;
	struct fake_store *store = fake_store_new();
	struct cid root = world_build(&a, store, hash_nearly);
	assert_int_equal(node_read(fake_store_read(store), &root, &node, NULL), 0);
	assert_int_equal(node.level, 1);
	for (uint32_t i = 0; i + 1 < node.n; i++) {
		uint8_t key[CEL_ID_MAX];
		nearly = world_number(slice_make(key, node_key(&node, i, key)));
		for (size_t added = nearly - 2 * PROLLY_W - 5; nearly > 100 && added < nearly + 10; added += 2) {
			b.version[added] = 1;
			assert_update(&a, &b, hash_nearly, &stats);
			b.version[added] = a.version[added];
		}
	}
	fake_store_free(store);
	world_release(&a);
	world_release(&b);
}

/* Puts of what is there and deletes of what is not touch nothing: the root stays, nothing is written. */
static void test_no_change(void **state)
{
	(void)state;
	uint8_t room[WORLD_ROOM];
	struct world a = world_new(2000);
	for (size_t i = 0; i < a.n; i++)
		a.version[i] = i % 2;
	struct fake_store *store = fake_store_new();
	struct cid root = world_build(&a, store, chunk_hash), result;
	size_t n_blocks = fake_store_count(store), n_kept = 0, n_absent = 0;
	struct prolly_update *u;
	struct prolly_update_stats stats;
	assert_int_equal(prolly_update_new(fake_store_batch(store), fake_store_read(store), &root, &u, NULL), 0);
	for (size_t i = 0; i < a.n; i++) {
		struct prolly_entry entry = world_entry(i, 1, room), stored;
		if (i % 2 == 0) {
			assert_int_equal(prolly_update_delete(u, entry.id, NULL), 0);
			n_absent++;
			continue;
		}
		if (i % 3 == 0) { /* values given as links are the same values */
			assert_int_equal(prolly_get(fake_store_read(store), &root, entry.id, &stored, NULL), 0);
			entry.vector = stored.vector;
			entry.metadata = stored.metadata;
		}
		assert_int_equal(prolly_update_put(u, &entry, NULL), 0);
		n_kept++;
	}
	assert_int_equal(prolly_update_finish(u, &result, &stats, NULL), 0);
	assert_true(cid_equal(&root, &result));
	assert_int_equal(fake_store_count(store), n_blocks);
	assert_int_equal(sum_written(&stats), 0);
	assert_int_equal(stats.unchanged, n_kept);
	assert_int_equal(stats.absent, n_absent);
	assert_int_equal(stats.added + stats.replaced + stats.deleted, 0);
	assert_int_equal(stats.records, world_count(&a));
	prolly_update_free(u);
	world_release(&a);
	fake_store_free(store);
}

/* What a change comes to when values alone differ: a longer vector, metadata that goes or comes. */
static void test_values(void **state)
{
	(void)state;
	static const uint8_t BYTES[PROLLY_INLINE_MAX + 1] = {1};
	static const struct {
		size_t vector, metadata;
	} SIZES[] = {{4, 0}, {4, 4}, {5, 4}, {PROLLY_INLINE_MAX, 4}, {PROLLY_INLINE_MAX + 1, 4}, {4, PROLLY_INLINE_MAX + 1}, {4, 0}};
	struct fake_store *store = fake_store_new();
	struct cid root = {0};
	for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
		struct prolly_entry entry = {.id = slice_text("id"),
					     .vector.bytes = slice_make(BYTES, SIZES[i].vector),
					     .metadata.bytes = slice_make(BYTES, SIZES[i].metadata)};
		struct prolly_update *u;
		struct prolly_update_stats stats;
		struct store_read *read = i > 0 ? fake_store_read(store) : NULL;
		assert_int_equal(prolly_update_new(fake_store_batch(store), read, i > 0 ? &root : NULL, &u, NULL), 0);
		assert_int_equal(prolly_update_put(u, &entry, NULL), 0);
		assert_int_equal(prolly_update_finish(u, &root, &stats, NULL), 0);
		assert_int_equal(i > 0 ? stats.replaced : stats.added, 1);
		assert_int_equal(stats.records, 1);
		prolly_update_free(u);
	}
	fake_store_free(store);
}

static void test_refuses(void **state)
{
	(void)state;
	struct world a = world_new(100);
	uint64_t random = 1;
	world_fill(&a, 4, &random);
	struct fake_store *store = fake_store_new();
	struct cid root = world_build(&a, store, chunk_hash);
	for (int i = 0; i < 5; i++) {
		static const char *const SECOND[] = {"id-000050", "id-000049", "id-000060\n", "id-000050", "id-000060"};
		struct prolly_entry entry = {.id = slice_text("id-000050"), .vector.bytes = slice_text("v")};
		struct prolly_update *u;
		struct prolly_update_stats stats;
		struct cel_error e = {0};
		assert_int_equal(prolly_update_new(fake_store_batch(store), fake_store_read(store), &root, &u, NULL), 0);
		assert_int_equal(prolly_update_put(u, &entry, NULL), 0);
		entry.id = slice_text(SECOND[i]);
		entry.vector.bytes.size = i == 4 ? 0 : 1;
		assert_int_equal(i < 3 ? prolly_update_delete(u, entry.id, &e) : prolly_update_put(u, &entry, &e), CEL_EDATA);
		assert_non_null(strstr(e.message, i == 4 ? "missing" : i == 2 ? "control" : "does not come after"));
		assert_int_equal(prolly_update_delete(u, slice_text("z"), NULL), CEL_EINTERNAL);
		assert_int_equal(prolly_update_finish(u, &root, &stats, NULL), CEL_EINTERNAL);
		prolly_update_free(u);
	}
	world_release(&a);
	fake_store_free(store);
}

/* One update of a to b; the first error. */
static int try_update(struct fake_store *store, const struct cid *base, const struct world *a, const struct world *b,
		      struct cid *root)
{
	struct prolly_update *u;
	struct prolly_update_stats stats;
	uint8_t room[WORLD_ROOM];
	int rc = prolly_update_new_hashed(fake_store_batch(store), fake_store_read(store), base, world_hashes[3], &u, NULL);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < a->n && rc == 0; i++) {
		struct prolly_entry entry = world_entry(i, b->version[i], room);
		if (a->version[i] != b->version[i])
			rc = b->version[i] == 0 ? prolly_update_delete(u, entry.id, NULL) : prolly_update_put(u, &entry, NULL);
	}
	if (rc == 0)
		rc = prolly_update_finish(u, root, &stats, NULL);
	prolly_update_free(u);
	return rc;
}

static void test_faults(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct world a = world_new(2000), b;
	struct fake_store *store = fake_store_new();
	struct cid root = {0}, fresh;
	world_fill(&a, 3, &random);
	b = world_copy(&a);
	for (size_t i = 600; i < 1400; i += 1 + random_next(&random) % 20)
		b.version[i] = b.version[i] == 0 || i % 3 == 0 ? b.version[i] + 1 : 0;
	struct cid base = world_build(&a, store, world_hashes[3]);
	int rc = CEL_ENOMEM;
	for (uint64_t nth = 1; rc != 0; nth++) {
		mem_fault_set(nth);
		rc = try_update(store, &base, &a, &b, &root);
		mem_fault_set(0);
		assert_true(rc == 0 || rc == CEL_ENOMEM);
	}
	fresh = world_build(&b, store, world_hashes[3]);
	assert_true(cid_equal(&root, &fresh));
	uint64_t nth = 1;
	for (rc = CEL_EIO; rc != 0; nth++) {
		fake_store_fail(store, nth);
		rc = try_update(store, &base, &a, &b, &root);
		fake_store_fail(store, 0);
		assert_true(rc == 0 || rc == CEL_EIO);
	}
	assert_true(nth > 40);
	world_release(&a);
	world_release(&b);
	fake_store_free(store);
}

/* Every block of the old tree in turn is missing or has a bit flipped: the update fails, or it did not need the block. */
static void test_damage(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct world a = world_new(2000), b = world_new(2000);
	for (size_t i = 0; i < a.n; i++)
		b.version[i] = a.version[i] = 1;
	b.version[500] = 2;
	b.version[1000] = b.version[1500] = 0;
	struct fake_store *store = fake_store_new();
	struct cid base = world_build(&a, store, world_hashes[3]), fresh = world_build(&b, store, world_hashes[3]), root;
	size_t n = fake_store_count(store), n_failed = 0;
	for (size_t i = 0; i < n; i++) {
		struct slice block;
		struct cid cid = *fake_store_block(store, i, &block);
		size_t bit = random_next(&random) % (8 * block.size);
		fake_store_flip(store, &cid, bit);
		int rc = try_update(store, &base, &a, &b, &root);
		assert_true(rc == CEL_ECORRUPT || (rc == 0 && cid_equal(&root, &fresh)));
		n_failed += rc < 0;
		fake_store_flip(store, &cid, bit);
		fake_store_remove(store, &cid);
		rc = try_update(store, &base, &a, &b, &root);
		assert_true(rc == CEL_ECORRUPT || (rc == 0 && cid_equal(&root, &fresh)));
		struct cid again;
		assert_int_equal(store_batch_put(fake_store_batch(store), cid.codec, block, &again, NULL), 0);
	}
	assert_true(n_failed > 5 && n_failed < n / 2);
	world_release(&a);
	world_release(&b);
	fake_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_steps),
		cmocka_unit_test(test_single_changes), cmocka_unit_test(test_values_first),
		cmocka_unit_test(test_costs),
		cmocka_unit_test(test_boundaries_that_become_first_ones),
		cmocka_unit_test(test_no_change),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
