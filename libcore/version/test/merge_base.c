/* SPDX-License-Identifier: Apache-2.0 */
/* The base of a merge over random histories with many crosswise merges, against the same rule over arrays: there the merge of
 * the merge bases is made, record by record, all the way down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "ancestry.h"
#include "bytes.h"
#include "fake_store.h"
#include "forgotten.h"
#include "merge_base.h"
#include "random.h"

enum { COMMITS = 40, IDS = 40, CONTESTED = -1 };

struct graph {
	struct fake_store *store;
	struct commit genesis;
	struct cid cids[COMMITS], trees[COMMITS];
	uint64_t generations[COMMITS], ancestors[COMMITS];
	int records[COMMITS][IDS]; /* 0: not there */
};

static struct cid put_tree(struct graph *g, const int records[IDS])
{
	struct prolly_builder *b;
	struct cid root;
	uint64_t count;
	assert_int_equal(prolly_builder_new(fake_store_batch(g->store), &b, NULL), 0);
	for (int i = 0; i < IDS; i++) {
		char id[16];
		uint8_t vector[300] = {0};
		snprintf(id, sizeof id, "%04d", i);
		store_le32(vector, (uint32_t)records[i]);
		struct prolly_entry entry = {.id = slice_text(id),
					     .vector.bytes = slice_make(vector, i % 9 == 0 ? sizeof vector : 16)};
		if (records[i] != 0)
			assert_int_equal(prolly_builder_add(b, &entry, NULL), 0);
	}
	assert_int_equal(prolly_builder_finish(b, &root, &count, NULL), 0);
	prolly_builder_free(b);
	return root;
}

static void put_commit(struct graph *g, uint32_t i, const uint32_t *parents, uint32_t n)
{
	struct commit c = {.schema = g->genesis.schema};
	char message[16];
	snprintf(message, sizeof message, "%u", i);
	c.message = slice_text(message);
	g->ancestors[i] = 1ull << i;
	for (uint32_t p = 0; p < n; p++) {
		c.parents[c.n_parents++] = g->cids[parents[p]];
		g->ancestors[i] |= g->ancestors[parents[p]];
		if (g->generations[parents[p]] >= g->generations[i])
			g->generations[i] = g->generations[parents[p]] + 1;
	}
	c.generation = g->generations[i];
	c.tree = g->trees[i] = put_tree(g, g->records[i]);
	assert_int_equal(commit_put(fake_store_batch(g->store), &c, &g->cids[i], NULL), 0);
}

static void graph_init(struct graph *g, uint64_t *random)
{
	struct cel_schema schema = {.dim = 4, .type = CEL_F32, .metric = CEL_L2};
	memset(g, 0, sizeof *g);
	g->store = fake_store_new();
	assert_int_equal(commit_put_genesis(fake_store_batch(g->store), &schema, &g->cids[0], NULL), 0);
	assert_int_equal(commit_read(fake_store_read(g->store), &g->cids[0], &g->genesis, NULL), 0);
	g->ancestors[0] = 1;
	for (uint32_t i = 1; i < COMMITS; i++) { /* three lines side by side that merge each other */
		uint32_t parents[2] = {i < 3 ? 0 : i - 3, i < 5 ? 0 : i - 1 - (uint32_t)(random_next(random) % 5)};
		uint32_t n = parents[0] != parents[1] && random_next(random) % 3 != 0 ? 2 : 1;
		for (int k = 0; k < IDS; k++) /* a merge by whatever policy, then a few changes */
			g->records[i][k] = g->records[parents[random_next(random) % n]][k];
		for (uint64_t k = random_next(random) % 8; k > 0; k--)
			g->records[i][random_next(random) % IDS] = (int)(random_next(random) % 5);
		put_commit(g, i, parents, n);
	}
}

static int naive_merge(int base, int a, int b)
{
	return a == b || base == b ? a : base == a ? b : CONTESTED;
}

/* The record in the merge of these commits, which are in order. */
static int naive_record(const struct graph *g, const uint32_t *commits, uint32_t n, int id, uint32_t *deepest, uint32_t depth);

static uint32_t naive_bases(const struct graph *g, uint64_t common, uint32_t out[COMMITS])
{
	uint64_t bases = common;
	uint32_t n = 0;
	for (uint32_t i = 0; i < COMMITS; i++)
		if (common >> i & 1)
			bases &= ~(g->ancestors[i] & ~(1ull << i));
	for (; bases != 0; n++) { /* the highest first */
		uint32_t best = (uint32_t)__builtin_ctzll(bases);
		for (uint32_t i = best + 1; i < COMMITS; i++)
			if ((bases >> i & 1) && (g->generations[i] > g->generations[best] ||
						 (g->generations[i] == g->generations[best] &&
						  cid_compare(&g->cids[i], &g->cids[best]) > 0)))
				best = i;
		out[n] = best;
		bases &= ~(1ull << best);
	}
	return n;
}

static int naive_record(const struct graph *g, const uint32_t *commits, uint32_t n, int id, uint32_t *deepest, uint32_t depth)
{
	if (n == 0)
		return 0;
	int value = g->records[commits[0]][id];
	uint64_t merged = g->ancestors[commits[0]];
	if (depth > *deepest)
		*deepest = depth;
	for (uint32_t i = 1; i < n; i++) {
		uint32_t inner[COMMITS];
		int other = g->records[commits[i]][id];
		if (value != other) {
			uint32_t n_inner = naive_bases(g, merged & g->ancestors[commits[i]], inner);
			value = naive_merge(naive_record(g, inner, n_inner, id, deepest, depth + 1), value, other);
		}
		merged |= g->ancestors[commits[i]];
	}
	return value;
}

static int value_of(const struct graph *g, const struct prolly_record *record)
{
	struct slice bytes;
	if (record->state != PROLLY_PRESENT)
		return record->state == PROLLY_ABSENT ? 0 : CONTESTED;
	assert_int_equal(prolly_value_bytes(fake_store_read(g->store), &record->vector, &bytes, NULL), 0);
	return (int)load_le32(bytes.data);
}

static struct merge_base *base_of(const struct graph *g, uint32_t a, uint32_t b)
{
	struct merge_base *base;
	struct ancestry found;
	struct store_read *read = fake_store_read(g->store);
	assert_int_equal(ancestry_find(read, NULL, &g->cids[a], 1, &g->cids[b], &found, NULL), 0);
	assert_int_equal(merge_base_new(read, NULL, found.bases, found.n_bases, &base, NULL), 0);
	ancestry_release(&found);
	return base;
}

static void is_the_merge_of_the_merge_bases(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	uint32_t deepest = 0, n_contested = 0, n_several = 0, n_control = 0;
	for (size_t round = 0; round < 60 * test_scale(); round++) {
		struct graph g;
		graph_init(&g, &random);
		for (uint32_t pair = 0; pair < 12; pair++) {
			uint32_t a = COMMITS - 1 - (uint32_t)(random_next(&random) % 10), b = COMMITS - 1 - (uint32_t)(random_next(&random) % 10);
			uint32_t bases[COMMITS], n = naive_bases(&g, g.ancestors[a] & g.ancestors[b], bases);
			struct merge_base *base = base_of(&g, a, b), *other_way = base_of(&g, b, a);
			n_several += n > 1;
			for (int i = 0; i < IDS; i++) {
				char id[16];
				struct prolly_record record, same;
				struct cel_error e = {0};
				snprintf(id, sizeof id, "%04d", i);
				if (merge_base_find(base, slice_text(id), &record, &e) < 0)
					fail_msg("%s", e.message);
				int expected = naive_record(&g, bases, n, i, &deepest, 1);
				assert_int_equal(value_of(&g, &record), expected);
				assert_int_equal(merge_base_find(other_way, slice_text(id), &same, NULL), 0);
				assert_true(prolly_record_equal(&record, &same));
				n_contested += expected == CONTESTED;
				n_control += n > 1 && g.records[bases[0]][i] != expected;
			}
			merge_base_free(base);
			merge_base_free(other_way);
		}
		fake_store_free(g.store);
	}
	printf("# %u pairs with several bases, %u levels deep, %u records contested, %u not as in the first base\n",
	       (unsigned)n_several, (unsigned)deepest, (unsigned)n_contested, (unsigned)n_control);
	assert_true(n_several > 40 && deepest > 3 && n_contested > 10 && n_control > n_contested);
}

/* Two lines that merge each other crosswise over and over, and never agree on a record: the walk goes down to where they
 * began, or gives up and calls it contested, in time. */
static void long_ladders_come_to_an_end(void **state)
{
	(void)state;
	enum { RUNGS = 300 };
	static struct graph g;
	memset(&g, 0, sizeof g);
	struct cel_schema schema = {.dim = 4, .type = CEL_F32, .metric = CEL_L2};
	g.store = fake_store_new();
	struct store_read *read = fake_store_read(g.store);
	struct cid ends[2], genesis;
	assert_int_equal(commit_put_genesis(fake_store_batch(g.store), &schema, &genesis, NULL), 0);
	assert_int_equal(commit_read(read, &genesis, &g.genesis, NULL), 0);
	ends[0] = ends[1] = genesis;
	for (uint64_t rung = 1; rung <= RUNGS; rung++) {
		struct cid made[2];
		for (int side = 0; side < 2; side++) {
			int records[IDS] = {[7] = 1 + side};
			struct commit c = {.schema = g.genesis.schema, .generation = rung, .n_parents = rung == 1 ? 1 : 2,
					   .parents = {ends[0], ends[1]}, .tree = put_tree(&g, records),
					   .message = slice_text(side == 0 ? "one" : "other")};
			assert_int_equal(commit_put(fake_store_batch(g.store), &c, &made[side], NULL), 0);
		}
		memcpy(ends, made, sizeof ends);
		if (rung != 40 && rung != RUNGS)
			continue;
		struct merge_base *base;
		struct prolly_record record;
		struct cel_error e = {0};
		assert_int_equal(merge_base_new(read, NULL, ends, 2, &base, NULL), 0);
		if (merge_base_find(base, slice_text("0007"), &record, &e) < 0)
			fail_msg("%s", e.message);
		assert_int_equal(record.state, PROLLY_CONTESTED);
		assert_int_equal(merge_base_find(base, slice_text("0008"), &record, NULL), 0);
		assert_int_equal(record.state, PROLLY_ABSENT);
		merge_base_free(base);
	}
	fake_store_free(g.store);
}

/* Trees that are not there are asked for only where they decide; the empty tree is never asked for. */
static void misses_a_tree_only_where_it_matters(void **state)
{
	(void)state;
	static struct graph g;
	memset(&g, 0, sizeof g);
	struct cel_schema schema = {.dim = 4, .type = CEL_F32, .metric = CEL_L2};
	g.store = fake_store_new();
	struct store_read *read = fake_store_read(g.store);
	assert_int_equal(commit_put_genesis(fake_store_batch(g.store), &schema, &g.cids[0], NULL), 0);
	assert_int_equal(commit_read(read, &g.cids[0], &g.genesis, NULL), 0);
	fake_store_remove(g.store, &g.genesis.tree);
	uint32_t parents[][2] = {{0}, {0}, {1}, {1}, {2, 3}, {3, 2}};
	for (uint32_t i = 1; i < 6; i++) {
		g.records[i][1] = 1;
		g.records[i][2] = i == 3 ? 2 : 1;
		put_commit(&g, i, parents[i], i >= 4 ? 2 : 1);
	}
	struct fake_store *other = fake_store_new();
	char ref[FORGOTTEN_REF_MAX];
	forgotten_ref(&g.cids[1], ref);
	fake_store_set_ref(g.store, ref, &g.cids[1], 0);
	struct merge_base *base = base_of(&g, 4, 5);
	struct prolly_record record;
	struct cel_error e;
	assert_int_equal(merge_base_find(base, slice_text("0001"), &record, NULL), 0);
	assert_int_equal(record.state, PROLLY_PRESENT);
	assert_int_equal(merge_base_find(base, slice_text("0002"), &record, &e), CEL_EUNAVAILABLE);
	char text[CEL_CID_TEXT_SIZE];
	cid_format(&g.cids[1], text);
	assert_non_null(strstr(e.message, text));
	merge_base_free(base);
	assert_int_equal(merge_base_new(read, fake_store_read(other), &g.cids[0], 1, &base, NULL), 0);
	assert_int_equal(merge_base_find(base, slice_text("0001"), &record, NULL), 0);
	assert_int_equal(record.state, PROLLY_ABSENT);
	merge_base_free(base);
	assert_int_equal(merge_base_of_tree(read, &g.trees[3], &base, NULL), 0);
	assert_int_equal(merge_base_find(base, slice_text("0002"), &record, NULL), 0);
	assert_int_equal(value_of(&g, &record), 2);
	merge_base_free(base);
	assert_int_equal(merge_base_new(read, NULL, NULL, 0, &base, NULL), 0);
	assert_int_equal(merge_base_find(base, slice_text("0002"), &record, NULL), 0);
	assert_int_equal(record.state, PROLLY_ABSENT);
	merge_base_free(base);
	fake_store_free(g.store);
	fake_store_free(other);
}

static void faults_leave_nothing_behind(void **state)
{
	(void)state;
	uint64_t random = 5;
	struct graph g;
	graph_init(&g, &random);
	for (int kind = 0; kind < 2; kind++) {
		int rc = CEL_ENOMEM;
		for (uint64_t nth = 1; rc != 0; nth++) {
			struct merge_base *base = NULL;
			struct prolly_record record;
			if (kind == 0)
				mem_fault_set(nth);
			else
				fake_store_fail(g.store, nth);
			rc = merge_base_new(fake_store_read(g.store), NULL, &g.cids[COMMITS - 4], 4, &base, NULL);
			for (int i = 0; i < IDS && rc == 0; i++) {
				char id[16];
				snprintf(id, sizeof id, "%04d", i);
				rc = merge_base_find(base, slice_text(id), &record, NULL);
			}
			mem_fault_set(0);
			fake_store_fail(g.store, 0);
			assert_true(rc == 0 || rc == (kind == 0 ? CEL_ENOMEM : CEL_EIO));
			merge_base_free(base);
		}
	}
	fake_store_free(g.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_the_merge_of_the_merge_bases),     cmocka_unit_test(long_ladders_come_to_an_end),
		cmocka_unit_test(misses_a_tree_only_where_it_matters), cmocka_unit_test(faults_leave_nothing_behind),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
