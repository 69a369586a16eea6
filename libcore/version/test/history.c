/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over random histories, against a set of ancestors computed the naive way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "fake_store.h"
#include "forgotten.h"
#include "history.h"
#include "random.h"

enum { COMMITS = 40 };

struct graph {
	struct fake_store *store;
	struct cid cids[COMMITS];
	uint64_t generations[COMMITS], ancestors[COMMITS]; /* a bit each, its own too */
	uint32_t parents[COMMITS][2], n_parents[COMMITS];
};

static struct cid put_commit(struct graph *g, uint32_t i, const struct commit *genesis)
{
	char message[16];
	struct commit c = {.schema = genesis->schema, .tree = genesis->tree, .generation = g->generations[i]};
	snprintf(message, sizeof message, "%u", i);
	c.message = slice_text(message);
	for (uint32_t p = 0; p < g->n_parents[i]; p++)
		c.parents[c.n_parents++] = g->cids[g->parents[i][p]];
	struct cid cid;
	assert_int_equal(commit_put(fake_store_batch(g->store), &c, &cid, NULL), 0);
	return cid;
}

static void graph_init(struct graph *g, uint64_t *random)
{
	*g = (struct graph){.store = fake_store_new()};
	struct cel_schema schema = {.dim = 4, .type = CEL_F32, .metric = CEL_L2};
	struct commit genesis;
	assert_int_equal(commit_put_genesis(fake_store_batch(g->store), &schema, &g->cids[0], NULL), 0);
	assert_int_equal(commit_read(fake_store_read(g->store), &g->cids[0], &genesis, NULL), 0);
	g->ancestors[0] = 1;
	for (uint32_t i = 1; i < COMMITS; i++) {
		uint32_t near = i < 6 ? i : 6;
		g->parents[i][0] = i - 1 - (uint32_t)(random_next(random) % near);
		g->parents[i][1] = i - 1 - (uint32_t)(random_next(random) % near);
		g->n_parents[i] = g->parents[i][0] == g->parents[i][1] ? 1 : 1 + (uint32_t)(random_next(random) % 2);
		g->ancestors[i] = 1ull << i;
		for (uint32_t p = 0; p < g->n_parents[i]; p++) {
			uint32_t parent = g->parents[i][p];
			g->ancestors[i] |= g->ancestors[parent];
			if (g->generations[parent] >= g->generations[i])
				g->generations[i] = g->generations[parent] + 1;
		}
		g->cids[i] = put_commit(g, i, &genesis);
	}
}

static uint32_t number_of(const struct graph *g, const struct cid *cid)
{
	for (uint32_t i = 0; i < COMMITS; i++)
		if (cid_equal(&g->cids[i], cid))
			return i;
	fail_msg("a commit that nobody made");
	return 0;
}

static void gives_each_ancestor_once_after_its_descendants(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	for (int round = 0; round < 50; round++) {
		struct graph g;
		struct history *h;
		const struct history_item *item;
		graph_init(&g, &random);
		uint32_t a = (uint32_t)(random_next(&random) % COMMITS), b = (uint32_t)(random_next(&random) % COMMITS);
		assert_int_equal(history_new(fake_store_read(g.store), NULL, &h, NULL), 0);
		assert_int_equal(history_push(h, &g.cids[a], 1, NULL), 0);
		assert_int_equal(history_push(h, &g.cids[b], 2, NULL), 0);
		uint64_t seen = 0, generation = UINT64_MAX;
		while (history_next(h, &item, NULL) == 1) {
			uint32_t i = number_of(&g, &item->cid);
			uint64_t bit = 1ull << i;
			assert_true((seen & bit) == 0);
			seen |= bit;
			assert_true(item->commit.generation <= generation);
			generation = item->commit.generation;
			uint32_t marks = ((g.ancestors[a] & bit) != 0 ? 1u : 0) | ((g.ancestors[b] & bit) != 0 ? 2u : 0);
			assert_int_equal(item->marks, marks);
		}
		assert_true(seen == (g.ancestors[a] | g.ancestors[b]));
		history_free(h);
		fake_store_free(g.store);
	}
}

static void stops_and_marks_where_it_is_told(void **state)
{
	(void)state;
	uint64_t random = 1;
	struct graph g;
	struct history *h;
	const struct history_item *item;
	graph_init(&g, &random);
	assert_int_equal(history_new(fake_store_read(g.store), NULL, &h, NULL), 0);
	assert_int_equal(history_push(h, &g.cids[COMMITS - 1], 1, NULL), 0);
	assert_int_equal(history_next(h, &item, NULL), 1);
	assert_int_equal(item->marks, 1);
	history_mark_parents(h, 4);
	assert_int_equal(history_next(h, &item, NULL), 1);
	assert_int_equal(item->marks, 4);
	while (history_next(h, &item, NULL) == 1)
		history_stop(h);
	history_free(h);
	fake_store_free(g.store);
}

static void refuses_a_wrong_generation_and_a_missing_parent(void **state)
{
	(void)state;
	uint64_t random = 2;
	struct graph g;
	graph_init(&g, &random);
	struct commit genesis, bad;
	assert_int_equal(commit_read(fake_store_read(g.store), &g.cids[0], &genesis, NULL), 0);
	for (int kind = 0; kind < 2; kind++) {
		struct history *h;
		const struct history_item *item;
		struct cel_error e;
		struct cid cid;
		bad = (struct commit){.schema = genesis.schema, .tree = genesis.tree, .n_parents = 1, .generation = 1};
		bad.parents[0] = g.cids[0];
		if (kind == 0)
			bad.generation = 3;
		else
			bad.parents[0].digest[5] ^= 1;
		assert_int_equal(commit_put(fake_store_batch(g.store), &bad, &cid, NULL), 0);
		assert_int_equal(history_new(fake_store_read(g.store), NULL, &h, NULL), 0);
		assert_int_equal(history_push(h, &cid, 0, NULL), 0);
		assert_int_equal(history_next(h, &item, NULL), 1);
		assert_int_equal(history_next(h, &item, &e), CEL_ECORRUPT);
		assert_non_null(strstr(e.message, kind == 0 ? "says generation 3, its parents say 1" : "is missing"));
		history_free(h);
	}
	fake_store_free(g.store);
}

static void knows_what_is_forgotten(void **state)
{
	(void)state;
	uint64_t random = 3;
	struct graph g;
	char ref[FORGOTTEN_REF_MAX];
	graph_init(&g, &random);
	assert_int_equal(forgotten_has(fake_store_read(g.store), &g.cids[7], NULL), 0);
	forgotten_ref(&g.cids[7], ref);
	fake_store_set_ref(g.store, ref, &g.cids[7], 0);
	assert_int_equal(forgotten_has(fake_store_read(g.store), &g.cids[7], NULL), 1);
	assert_int_equal(forgotten_has(fake_store_read(g.store), &g.cids[8], NULL), 0);
	fake_store_free(g.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_each_ancestor_once_after_its_descendants),
		cmocka_unit_test(stops_and_marks_where_it_is_told),
		cmocka_unit_test(refuses_a_wrong_generation_and_a_missing_parent),
		cmocka_unit_test(knows_what_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
