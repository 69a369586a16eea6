/* SPDX-License-Identifier: Apache-2.0 */
/* The search over random histories in which a first bad commit is planted: it is found, in few steps, and among the
 * candidates when some commits cannot be asked about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "alloc.h"
#include "bisect.h"
#include "fake_store.h"
#include "random.h"

enum { COMMITS_MAX = 64 };

struct graph {
	struct fake_store *store;
	uint32_t n;
	struct cid cids[COMMITS_MAX];
	uint64_t generations[COMMITS_MAX], ancestors[COMMITS_MAX]; /* a bit each, its own too */
};

static void add_commit(struct graph *g, const uint32_t *parents, uint32_t n_parents)
{
	uint32_t i = g->n++;
	struct commit genesis;
	assert_int_equal(commit_read(fake_store_read(g->store), &g->cids[0], &genesis, NULL), 0);
	struct commit c = {.schema = genesis.schema, .tree = genesis.tree, .time = i};
	g->ancestors[i] = 1ull << i;
	for (uint32_t p = 0; p < n_parents; p++) {
		c.parents[c.n_parents++] = g->cids[parents[p]];
		g->ancestors[i] |= g->ancestors[parents[p]];
		if (g->generations[parents[p]] >= g->generations[i])
			g->generations[i] = g->generations[parents[p]] + 1;
	}
	c.generation = g->generations[i];
	assert_int_equal(commit_put(fake_store_batch(g->store), &c, &g->cids[i], NULL), 0);
}

/* n commits, each on one or two of the `near` before it; near 1 is a line. */
static void graph_init(struct graph *g, uint32_t n, uint32_t near, uint64_t *random)
{
	*g = (struct graph){.store = fake_store_new(), .n = 1};
	struct cel_schema schema = {.dim = 4, .type = CEL_F32, .metric = CEL_L2};
	assert_int_equal(commit_put_genesis(fake_store_batch(g->store), &schema, &g->cids[0], NULL), 0);
	g->ancestors[0] = 1;
	while (g->n < n) {
		uint32_t range = g->n < near ? g->n : near;
		uint32_t parents[2] = {g->n - 1 - (uint32_t)(random_next(random) % range),
				       g->n - 1 - (uint32_t)(random_next(random) % range)};
		add_commit(g, parents, parents[0] == parents[1] ? 1 : 1 + (uint32_t)(random_next(random) % 2));
	}
}

static uint32_t number_of(const struct graph *g, const struct cid *cid)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (cid_equal(&g->cids[i], cid))
			return i;
	fail_msg("a commit that nobody made");
	return 0;
}

struct search {
	uint32_t good, bad, first_bad;
	uint64_t skipped; /* by bits */
	bool is_wrong;    /* the control: one verdict is turned round */
};

/* Asks until it is decided; returns the candidates, by bits. */
static uint64_t run(struct graph *g, const struct search *s, uint32_t *n_steps)
{
	struct bisect *b;
	struct cid cid;
	uint64_t left = 0, asked = 0;
	*n_steps = 0;
	assert_int_equal(bisect_new(fake_store_read(g->store), &g->cids[s->good], &g->cids[s->bad], &b, NULL), 0);
	while (bisect_next(b, &cid)) {
		uint32_t i = number_of(g, &cid);
		bool is_bad = (g->ancestors[i] >> s->first_bad & 1) != 0;
		assert_true((asked >> i & 1) == 0); /* nothing is asked twice */
		asked |= 1ull << i;
		if (s->is_wrong && *n_steps == 0)
			is_bad = !is_bad;
		bisect_tell(b, (s->skipped >> i & 1) != 0 ? BISECT_SKIP : is_bad ? BISECT_BAD : BISECT_GOOD);
		++*n_steps;
	}
	for (size_t i = 0; i < bisect_left(b); i++) {
		cid = bisect_candidate(b, i);
		left |= 1ull << number_of(g, &cid);
	}
	assert_int_equal(__builtin_popcountll(left), bisect_left(b));
	bisect_free(b);
	return left;
}

/* A bad commit, a first bad one among its ancestors, and a good ancestor; false if there is none. */
static bool choose(const struct graph *g, uint64_t *random, struct search *s)
{
	*s = (struct search){.bad = (uint32_t)(random_next(random) % g->n)};
	for (int i = 0; i < 100; i++) {
		s->first_bad = (uint32_t)(random_next(random) % (s->bad + 1));
		s->good = (uint32_t)(random_next(random) % (s->bad + 1));
		if ((g->ancestors[s->bad] >> s->first_bad & 1) != 0 && (g->ancestors[s->bad] >> s->good & 1) != 0 &&
		    (g->ancestors[s->good] >> s->first_bad & 1) == 0)
			return true;
	}
	return false;
}

static void finds_the_planted_commit(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	uint32_t n_found = 0;
	for (size_t round = 0; round < 400 * test_scale(); round++) {
		struct graph g;
		struct search s;
		uint32_t n_steps;
		graph_init(&g, 2 + (uint32_t)(random_next(&random) % (COMMITS_MAX - 1)), 1 + (uint32_t)(random_next(&random) % 7),
			   &random);
		if (choose(&g, &random, &s)) {
			uint64_t left = run(&g, &s, &n_steps);
			assert_true(left == 1ull << s.first_bad);
			n_found++;
			s.is_wrong = true; /* a wrong answer leads elsewhere, if anything was asked at all */
			assert_true(n_steps == 0 || run(&g, &s, &n_steps) != left);
		}
		fake_store_free(g.store);
	}
	assert_true(n_found > 100);
}

static void skips_what_cannot_be_asked(void **state)
{
	(void)state;
	uint64_t random = test_seed() + 1;
	for (size_t round = 0; round < 400 * test_scale(); round++) {
		struct graph g;
		struct search s;
		uint32_t n_steps;
		graph_init(&g, 2 + (uint32_t)(random_next(&random) % (COMMITS_MAX - 1)), 1 + (uint32_t)(random_next(&random) % 7),
			   &random);
		if (choose(&g, &random, &s)) {
			s.skipped = random_next(&random) & random_next(&random);
			uint64_t left = run(&g, &s, &n_steps);
			assert_true((left >> s.first_bad & 1) != 0);
			/* at most one of them could be asked about: the one that is known to be bad */
			uint64_t known = left & ~s.skipped;
			assert_true((known & (known - 1)) == 0);
			if ((s.skipped & g.ancestors[s.bad]) == 0)
				assert_true(left == 1ull << s.first_bad);
		}
		fake_store_free(g.store);
	}
}

static void halves_a_line(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	for (uint32_t n = 2; n <= COMMITS_MAX; n++) {
		struct graph g;
		uint32_t bound = 0, n_steps;
		graph_init(&g, n, 1, &random);
		while ((1u << bound) < n - 1)
			bound++;
		for (uint32_t first = 1; first < n; first++) {
			struct search s = {.good = 0, .bad = n - 1, .first_bad = first};
			assert_true(run(&g, &s, &n_steps) == 1ull << first);
			assert_true(n_steps <= bound);
		}
		fake_store_free(g.store);
	}
}

static void refuses_what_is_no_ancestor(void **state)
{
	(void)state;
	uint64_t random = 1;
	struct graph g;
	struct bisect *b;
	struct cel_error e;
	graph_init(&g, 3, 1, &random);
	add_commit(&g, (uint32_t[]){1}, 1); /* 3 is beside 2 */
	struct store_read *read = fake_store_read(g.store);
	assert_int_equal(bisect_new(read, &g.cids[3], &g.cids[2], &b, &e), CEL_EUSAGE);
	assert_non_null(strstr(e.message, "no ancestor"));
	assert_int_equal(bisect_new(read, &g.cids[2], &g.cids[1], &b, &e), CEL_EUSAGE);
	assert_int_equal(bisect_new(read, &g.cids[2], &g.cids[2], &b, &e), CEL_EUSAGE);
	assert_null(b);
	bisect_free(NULL);
	fake_store_free(g.store);
}

static void survives_failing_allocations(void **state)
{
	(void)state;
	uint64_t random = 1;
	struct graph g;
	struct bisect *b;
	int rc = CEL_ENOMEM;
	graph_init(&g, 40, 4, &random);
	for (uint64_t n = 1; rc < 0; n++) {
		mem_fault_set(n);
		rc = bisect_new(fake_store_read(g.store), &g.cids[0], &g.cids[39], &b, NULL);
		mem_fault_set(0);
		assert_true(rc == 0 || rc == CEL_ENOMEM);
		assert_true(n < 1000);
	}
	bisect_free(b);
	fake_store_free(g.store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_planted_commit),
		cmocka_unit_test(skips_what_cannot_be_asked),
		cmocka_unit_test(halves_a_line),
		cmocka_unit_test(refuses_what_is_no_ancestor),
		cmocka_unit_test(survives_failing_allocations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
