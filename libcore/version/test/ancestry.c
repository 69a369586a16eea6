/* SPDX-License-Identifier: Apache-2.0 */
/* Merge bases in random histories that are spread over two stores, against sets of ancestors as bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "ancestry.h"
#include "fake_store.h"
#include "random.h"

enum { COMMITS = 48, LONG = 2000 };

struct graph {
	struct fake_store *all; /* every commit */
	struct cid cids[COMMITS];
	uint64_t generations[COMMITS], ancestors[COMMITS]; /* a bit each, its own too */
};

static struct cid put_commit(struct fake_store *store, uint64_t generation, const struct cid *parents, uint32_t n)
{
	static uint32_t number;
	struct cel_schema schema = {.dim = 4, .type = CEL_F32, .metric = CEL_L2};
	struct cid genesis, cid;
	struct commit c;
	char message[16];
	assert_int_equal(commit_put_genesis(fake_store_batch(store), &schema, &genesis, NULL), 0);
	if (n == 0)
		return genesis;
	assert_int_equal(commit_read(fake_store_read(store), &genesis, &c, NULL), 0);
	snprintf(message, sizeof message, "%u", number++);
	c.message = slice_text(message);
	c.generation = generation;
	for (uint32_t p = 0; p < n; p++)
		c.parents[c.n_parents++] = parents[p];
	assert_int_equal(commit_put(fake_store_batch(store), &c, &cid, NULL), 0);
	return cid;
}

static void graph_init(struct graph *g, uint32_t reach, uint64_t *random)
{
	*g = (struct graph){.all = fake_store_new()};
	g->cids[0] = put_commit(g->all, 0, NULL, 0);
	g->ancestors[0] = 1;
	for (uint32_t i = 1; i < COMMITS; i++) {
		uint32_t near = i < reach ? i : reach, n_parents = 0;
		struct cid parents[2];
		g->ancestors[i] = 1ull << i;
		for (uint64_t p = random_next(random) % 3; p <= 2; p++) {
			uint32_t parent = i - 1 - (uint32_t)(random_next(random) % near);
			if (n_parents == 2 || (n_parents == 1 && cid_equal(&parents[0], &g->cids[parent])))
				continue;
			parents[n_parents++] = g->cids[parent];
			g->ancestors[i] |= g->ancestors[parent];
			if (g->generations[parent] >= g->generations[i])
				g->generations[i] = g->generations[parent] + 1;
		}
		g->cids[i] = put_commit(g->all, g->generations[i], parents, n_parents);
	}
}

/* A store with these commits alone. */
static struct fake_store *part_of(const struct graph *g, uint64_t commits)
{
	struct fake_store *part = fake_store_new();
	for (uint32_t i = 0; i < COMMITS; i++) {
		struct slice block;
		struct cid cid;
		if ((commits >> i & 1) == 0)
			continue;
		assert_int_equal(store_read_block(fake_store_read(g->all), &g->cids[i], &block, NULL), 0);
		store_batch_put(fake_store_batch(part), CID_DAG_CBOR, block, &cid, NULL);
	}
	return part;
}

static uint64_t bits_of(const struct graph *g, const struct cid *cids, size_t n)
{
	uint64_t bits = 0;
	for (size_t k = 0; k < n; k++) {
		uint32_t i = 0;
		while (i < COMMITS && !cid_equal(&g->cids[i], &cids[k]))
			i++;
		assert_true(i < COMMITS && (bits >> i & 1) == 0);
		bits |= 1ull << i;
	}
	return bits;
}

/* Common ancestors that no other one has behind it. */
static uint64_t naive_bases(const struct graph *g, uint64_t a, uint64_t b)
{
	uint64_t common = a & b, bases = common;
	for (uint32_t i = 0; i < COMMITS; i++)
		if (common >> i & 1)
			bases &= ~(g->ancestors[i] & ~(1ull << i));
	return bases;
}

/* The negative control: the common ancestors of the highest generation, which is not the same. */
static uint64_t highest(const struct graph *g, uint64_t common)
{
	uint64_t best = 0, bits = 0;
	for (uint32_t i = 0; i < COMMITS; i++)
		if ((common >> i & 1) && g->generations[i] > best)
			best = g->generations[i];
	for (uint32_t i = 0; i < COMMITS; i++)
		if ((common >> i & 1) && g->generations[i] == best)
			bits |= 1ull << i;
	return bits;
}

static void assert_in_order(const struct graph *g, const struct ancestry *found)
{
	uint64_t later = 0;
	for (size_t i = 1; i < found->n_bases; i++) {
		uint64_t before = bits_of(g, &found->bases[i - 1], 1), here = bits_of(g, &found->bases[i], 1);
		uint64_t a = g->generations[__builtin_ctzll(before)], b = g->generations[__builtin_ctzll(here)];
		assert_true(a > b || (a == b && cid_compare(&found->bases[i - 1], &found->bases[i]) > 0));
	}
	for (size_t i = 0; i < found->n_missing; i++) { /* children before parents */
		uint32_t number = (uint32_t)__builtin_ctzll(bits_of(g, &found->missing[i], 1));
		assert_true((later & (g->ancestors[number] & ~(1ull << number))) == 0);
		later |= 1ull << number;
	}
}

static void finds_what_the_sets_say(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	size_t n_several = 0, n_control = 0, n_many = 0;
	for (size_t round = 0; round < 60 * test_scale(); round++) {
		struct graph g;
		graph_init(&g, round % 2 == 0 ? 4 : 9, &random);
		for (uint32_t pair = 0; pair < 20; pair++) {
			uint32_t n_a = pair % 4 == 3 ? 3 : 1, b = COMMITS - 1 - (uint32_t)(random_next(&random) % 12);
			uint64_t a_bits = 0;
			struct cid a[3];
			for (uint32_t k = 0; k < n_a; k++) {
				uint32_t number = COMMITS - 1 - (uint32_t)(random_next(&random) % 16);
				a[k] = g.cids[number];
				a_bits |= g.ancestors[number];
			}
			struct fake_store *ours = part_of(&g, a_bits), *theirs = part_of(&g, g.ancestors[b]);
			struct ancestry found;
			struct cel_error e = {0};
			if (ancestry_find(fake_store_read(ours), fake_store_read(theirs), a, n_a, &g.cids[b], &found, &e) < 0)
				fail_msg("%s", e.message);
			uint64_t expected = naive_bases(&g, a_bits, g.ancestors[b]);
			assert_true(bits_of(&g, found.bases, found.n_bases) == expected);
			assert_true(bits_of(&g, found.missing, found.n_missing) == (g.ancestors[b] & ~a_bits));
			assert_in_order(&g, &found);
			n_several += found.n_bases > 1;
			n_many += found.n_bases > 2;
			n_control += highest(&g, a_bits & g.ancestors[b]) != expected;
			int has = ancestry_has(fake_store_read(ours), fake_store_read(theirs), &g.cids[b], &a[0], &e);
			assert_int_equal(has, (bits_of(&g, a, 1) & g.ancestors[b]) != 0);
			ancestry_release(&found);
			fake_store_free(ours);
			fake_store_free(theirs);
		}
		fake_store_free(g.all);
	}
	printf("# %u times several bases, %u times more than two, %u times not the highest\n", (unsigned)n_several,
	       (unsigned)n_many, (unsigned)n_control);
	assert_true(n_several > 20 && n_control > 5);
}

/* Two branches of a long line: the walk ends at the base. */
static void costs_what_lies_between(void **state)
{
	(void)state;
	struct fake_store *store = fake_store_new();
	struct cid line = put_commit(store, 0, NULL, 0), side;
	for (uint64_t i = 1; i < LONG; i++) {
		line = put_commit(store, i, &line, 1);
		if (i == LONG - 10)
			side = line;
	}
	struct cid base = side;
	for (uint64_t i = 0; i < 5; i++)
		side = put_commit(store, LONG - 9 + i, &side, 1);
	struct ancestry found;
	assert_int_equal(ancestry_find(fake_store_read(store), NULL, &line, 1, &side, &found, NULL), 0);
	assert_true(found.n_bases == 1 && cid_equal(&found.bases[0], &base) && found.n_missing == 5);
	printf("# %u commits looked at of %u\n", (unsigned)found.n_seen, LONG);
	assert_true(found.n_seen <= 16);
	ancestry_release(&found);
	fake_store_free(store);
}

static void histories_with_nothing_in_common_have_no_base(void **state)
{
	(void)state;
	struct fake_store *a = fake_store_new(), *b = fake_store_new();
	struct cel_schema schema = {.dim = 5, .type = CEL_F32, .metric = CEL_L2};
	struct cid one = put_commit(a, 0, NULL, 0), other;
	struct ancestry found;
	assert_int_equal(commit_put_genesis(fake_store_batch(b), &schema, &other, NULL), 0);
	assert_int_equal(ancestry_find(fake_store_read(a), fake_store_read(b), &one, 1, &other, &found, NULL), 0);
	assert_true(found.n_bases == 0 && found.n_missing == 1);
	ancestry_release(&found);
	assert_int_equal(ancestry_find(fake_store_read(a), NULL, &one, 1, &other, &found, NULL), CEL_ECORRUPT);
	assert_int_equal(ancestry_has(fake_store_read(a), fake_store_read(b), &one, &other, NULL), 0);
	assert_int_equal(ancestry_has(fake_store_read(a), NULL, &one, &one, NULL), 1);
	fake_store_free(a);
	fake_store_free(b);
}

static void faults_leave_nothing_behind(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct graph g;
	graph_init(&g, 4, &random);
	for (int kind = 0; kind < 2; kind++) {
		int rc = CEL_ENOMEM;
		for (uint64_t nth = 1; rc != 0; nth++) {
			struct ancestry found;
			if (kind == 0)
				mem_fault_set(nth);
			else
				fake_store_fail(g.all, nth);
			rc = ancestry_find(fake_store_read(g.all), NULL, &g.cids[COMMITS - 2], 1, &g.cids[COMMITS - 1], &found, NULL);
			mem_fault_set(0);
			fake_store_fail(g.all, 0);
			assert_true(rc == 0 || rc == (kind == 0 ? CEL_ENOMEM : CEL_EIO));
			ancestry_release(&found);
		}
	}
	fake_store_free(g.all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_the_sets_say),
		cmocka_unit_test(costs_what_lies_between),
		cmocka_unit_test(histories_with_nothing_in_common_have_no_base),
		cmocka_unit_test(faults_leave_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
