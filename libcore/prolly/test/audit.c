/* SPDX-License-Identifier: Apache-2.0 */
/* The audit of many trees against prolly_check of each: sound histories are found sound, with every node and record looked
 * at once; trees that were cut by a slightly different rule are found wrong exactly when prolly_check finds them so, after
 * any number of trees that they share nodes with; every flipped bit and every lost block is named, and it alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alloc.h"
#include "audit.h"
#include "digest_set.h"
#include "error.h"
#include "node.h"
#include "random.h"
#include "world.h"

struct seen {
	size_t n_damage, n_records, n_irregular;
	struct cid irregular;
	enum audit_finding finding;
	struct cid block;
	char message[1000];
};

static int on_damage(void *context, const struct cid *block, enum audit_finding finding, const char *message,
		     struct cel_error *e)
{
	(void)e;
	struct seen *seen = context;
	seen->n_damage++;
	seen->finding = finding;
	seen->block = *block;
	snprintf(seen->message, sizeof seen->message, "%s", message);
	return 0;
}

static int on_record(void *context, const struct cid *leaf, const struct prolly_entry *entry, struct cel_error *e)
{
	(void)leaf, (void)entry, (void)e;
	((struct seen *)context)->n_records++;
	return 0;
}

static int on_irregular(void *context, const struct cid *root, struct cel_error *e)
{
	(void)e;
	struct seen *seen = context;
	seen->n_irregular++;
	seen->irregular = *root;
	return 0;
}

static const uint8_t SALT[SHA256_SIZE] = {1};

static struct audit *new_audit(struct fake_store *store, chunk_hash_fn *hash, struct seen *seen)
{
	struct audit *a;
	struct audit_sink sink = {.context = seen, .damage = on_damage, .record = on_record, .irregular = on_irregular};
	*seen = (struct seen){0};
	assert_int_equal(prolly_audit_new_hashed(fake_store_read(store), hash, &sink, &a, NULL), 0);
	return a;
}

static void audit(struct audit *a, const struct cid *root)
{
	struct cel_error e = {0};
	if (prolly_audit_tree(a, root, SALT, &e) != 0)
		fail_msg("%s", e.message);
}

/* Nodes below root that are not in the set yet. */
static void count_nodes(struct fake_store *store, const struct cid *cid, struct digest_set *set, size_t *records)
{
	if (digest_set_add(set, cid->digest, NULL) == 0)
		return;
	struct node *node = malloc(sizeof *node);
	assert_int_equal(node_read(fake_store_read(store), cid, node, NULL), 0);
	if (node->level == 0)
		*records += node->n;
	for (uint32_t i = 0; node->level > 0 && i < node->n; i++) {
		struct cid child;
		uint64_t count;
		node_inner_entry(node, i, &child, &count);
		count_nodes(store, &child, set, records);
	}
	free(node);
}

enum { TREES = 12 };

/* A history of TREES sets; returns their roots, by update. */
static void make_history(struct fake_store *store, chunk_hash_fn *hash, size_t n, uint64_t *random,
			 struct cid roots[TREES])
{
	struct world w = world_new(n);
	world_fill(&w, (unsigned)(random_next(random) % 5), random);
	roots[0] = world_build(&w, store, hash);
	for (int i = 1; i < TREES; i++) {
		struct world next = world_copy(&w);
		struct prolly_update_stats stats;
		world_change(&next, random);
		roots[i] = world_update(&w, &next, &roots[i - 1], store, hash, &stats);
		world_release(&w);
		w = next;
	}
	world_release(&w);
}

static void test_sound_histories(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	for (size_t round = 0; round < 40 * test_scale(); round++) {
		chunk_hash_fn *hash = world_hashes[round % WORLD_HASHES];
		struct fake_store *store = fake_store_new();
		struct cid roots[TREES];
		make_history(store, hash, random_next(&random) % (round % 4 == 0 ? 100 : 6000), &random, roots);
		struct seen seen;
		struct audit *a = new_audit(store, hash, &seen);
		struct digest_set set = {0};
		size_t records = 0;
		for (int i = 0; i < TREES; i++) {
			const struct cid *root = &roots[random_next(&random) % TREES];
			count_nodes(store, root, &set, &records);
			audit(a, root);
			if (seen.n_damage > 0)
				fail_msg("round %zu: %s", round, seen.message);
			struct audit_counts counts;
			prolly_audit_counts(a, &counts);
			assert_int_equal(counts.nodes, set.n);
			assert_int_equal(counts.records, records);
			assert_int_equal(seen.n_records, records);
			assert_true(counts.reads <= 4 * set.n + 8 * TREES);
			if (round % WORLD_HASHES < 2)
				assert_int_equal(counts.trees_walked, 0);
		}
		digest_set_release(&set);
		prolly_audit_free(a);
		fake_store_free(store);
	}
}

/* Those of which the one that built them said so, alone in its store, and no others that are audited after them. */
static void test_irregular_trees_are_told(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	size_t n_irregular = 0, n_regular = 0;
	for (size_t round = 0; round < 60 * test_scale(); round++) {
		chunk_hash_fn *hash = world_hashes[round % WORLD_HASHES];
		struct fake_store *all = fake_store_new();
		struct seen seen;
		struct audit *a = new_audit(all, hash, &seen);
		for (int i = 0; i < 6; i++) {
			struct fake_store *alone = fake_store_new();
			struct world w = world_new(random_next(&random) % 1500);
			world_fill(&w, 3 + i % 2, &random);
			struct cid root = world_build(&w, alone, hash);
			bool is_regular = store_batch_is_regular(fake_store_batch(alone), NULL) == 1;
			size_t before = seen.n_irregular;
			world_build(&w, all, hash);
			audit(a, &root);
			assert_int_equal(seen.n_irregular - before, !is_regular);
			assert_true(is_regular || cid_equal(&seen.irregular, &root));
			is_regular ? n_regular++ : n_irregular++;
			world_release(&w);
			fake_store_free(alone);
		}
		assert_int_equal(seen.n_damage, 0);
		if (round % WORLD_HASHES < 2)
			assert_int_equal(seen.n_irregular, 0);
		prolly_audit_free(a);
		fake_store_free(all);
	}
	printf("# %zu trees irregular, %zu regular\n", n_irregular, n_regular);
	assert_true(n_irregular > 20 && n_regular > 20);
}

/* What a commit of one record costs behind a tree that was audited. */
static void test_cost_follows_the_change(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct fake_store *store = fake_store_new();
	struct world a = world_new(20000);
	world_fill(&a, 4, &random);
	struct cid root = world_build(&a, store, chunk_hash);
	struct seen seen;
	struct audit *audit_all = new_audit(store, chunk_hash, &seen);
	struct audit_counts before, after;
	audit(audit_all, &root);
	prolly_audit_counts(audit_all, &before);
	assert_true(before.reads <= before.nodes + before.nodes / 8); /* twice where two parents meet */
	for (int i = 0; i < 30; i++) {
		struct world b = world_copy(&a);
		struct prolly_update_stats stats;
		b.version[random_next(&random) % b.n]++;
		root = world_update(&a, &b, &root, store, chunk_hash, &stats);
		audit(audit_all, &root);
		prolly_audit_counts(audit_all, &after);
		assert_true(after.nodes - before.nodes <= 4);
		assert_true(after.reads - before.reads <= 16);
		before = after;
		world_release(&a);
		a = b;
	}
	assert_int_equal(seen.n_damage, 0);
	world_release(&a);
	prolly_audit_free(audit_all);
	fake_store_free(store);
}

/* Honest but for a few keys, whose ranks another program would have got wrong. */
static uint64_t wrong_key, wrong_level;
static uint64_t slightly_wrong(uint32_t level, uint32_t attempt, struct slice key)
{
	uint64_t hash = world_honest(level, attempt, key);
	return world_number(key) / 8 == wrong_key && level == wrong_level ? (hash & 1 ? 0 : UINT64_MAX) : hash;
}

static void test_slightly_wrong_trees(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	size_t n_wrong = 0, n_right = 0;
	for (size_t round = 0; round < 60 * test_scale(); round++) {
		struct fake_store *store = fake_store_new();
		size_t n = 500 + random_next(&random) % 4000;
		struct world w = world_new(n);
		world_fill(&w, 3 + round % 2, &random);
		wrong_key = random_next(&random) % n / 8;
		wrong_level = random_next(&random) % 4 == 0;
		struct cid good = world_build(&w, store, world_honest), bad = world_build(&w, store, slightly_wrong);
		bool is_wrong =
			prolly_check_hashed(fake_store_read(store), &bad, world_honest, NULL, NULL, NULL, NULL) == CEL_ECORRUPT;
		assert_int_equal(is_wrong, !cid_equal(&good, &bad));
		is_wrong ? n_wrong++ : n_right++;
		struct seen seen;
		for (int order = 0; order < 3; order++) { /* alone, behind the good one, before it */
			struct audit *a = new_audit(store, world_honest, &seen);
			if (order == 1)
				audit(a, &good);
			assert_int_equal(seen.n_damage, 0);
			audit(a, &bad);
			assert_int_equal(seen.n_damage, is_wrong);
			if (is_wrong) {
				assert_int_equal(seen.finding, AUDIT_WRONG);
				assert_true(cid_equal(&seen.block, &bad));
			}
			audit(a, &good);
			assert_int_equal(seen.n_damage, is_wrong);
			prolly_audit_free(a);
		}
		world_release(&w);
		fake_store_free(store);
	}
	printf("# %zu trees wrong, %zu right\n", n_wrong, n_right);
	assert_true(n_wrong > 10);
}

/* One block at a time, in a history of trees: it is named once, and nothing else is. */
static void test_damage_is_named(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct fake_store *store = fake_store_new();
	struct cid roots[TREES];
	make_history(store, world_hashes[1], 3000, &random, roots);
	struct digest_set nodes = {0};
	size_t records = 0, n = 0;
	for (int i = 0; i < TREES; i++)
		count_nodes(store, &roots[i], &nodes, &records);
	for (size_t i = 0; i < fake_store_count(store); i++) {
		struct slice block;
		struct cid cid = *fake_store_block(store, i, &block), back;
		if (!digest_set_has(&nodes, cid.digest))
			continue;
		n++;
		for (int kind = 0; kind < 2; kind++) {
			size_t bit = random_next(&random) % (8 * block.size);
			if (kind == 0)
				fake_store_flip(store, &cid, bit);
			else
				fake_store_remove(store, &cid);
			struct seen seen;
			struct audit *a = new_audit(store, world_hashes[1], &seen);
			for (int t = 0; t < TREES; t++)
				audit(a, &roots[(t + i) % TREES]);
			assert_int_equal(seen.n_damage, 1);
			assert_true(cid_equal(&seen.block, &cid));
			assert_int_equal(seen.finding, kind == 0 ? AUDIT_DAMAGED : AUDIT_MISSING);
			prolly_audit_free(a);
			if (kind == 0)
				fake_store_flip(store, &cid, bit);
			else
				store_batch_put(fake_store_batch(store), cid.codec, block, &back, NULL);
		}
	}
	assert_true(n > 60 && n == nodes.n);
	digest_set_release(&nodes);
	fake_store_free(store);
}

static void test_stops_and_faults(void **state)
{
	(void)state;
	uint64_t random = test_seed(), nth;
	struct fake_store *store = fake_store_new();
	struct world w = world_new(3000);
	world_fill(&w, 4, &random);
	struct cid root = world_build(&w, store, world_honest);
	struct seen seen;
	for (int kind = 0; kind < 2; kind++) {
		int rc = -1;
		for (nth = 1; rc != 0; nth += kind == 0 ? 3 : 1) {
			struct audit *a;
			struct audit_sink sink = {.context = &seen, .damage = on_damage, .record = on_record};
			struct cel_error e = {0};
			seen = (struct seen){0};
			kind == 0 ? mem_fault_set(nth) : fake_store_fail(store, nth);
			rc = prolly_audit_new_hashed(fake_store_read(store), world_honest, &sink, &a, &e);
			if (rc == 0) {
				rc = prolly_audit_tree(a, &root, SALT, &e);
				prolly_audit_free(a);
			}
			mem_fault_set(0);
			fake_store_fail(store, 0);
			assert_true(rc == 0 || rc == (kind == 0 ? CEL_ENOMEM : CEL_EIO));
			assert_int_equal(seen.n_damage, 0);
		}
		assert_true(nth > 20);
	}
	world_release(&w);
	fake_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound_histories),
		cmocka_unit_test(test_irregular_trees_are_told),
		cmocka_unit_test(test_cost_follows_the_change),
		cmocka_unit_test(test_slightly_wrong_trees),
		cmocka_unit_test(test_damage_is_named),
		cmocka_unit_test(test_stops_and_faults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
