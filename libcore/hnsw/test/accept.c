/* SPDX-License-Identifier: Apache-2.0 */
/* Searches for some of the records only: a scan gives what the fresh index of just those records gives, to the bit, with an
 * overlay and without; a walk nearly so, and always as many. */
#include "twosets.h"

#include <stdlib.h>
#include <string.h>

#include "accept.h"
#include "alloc.h"
#include "search.h"

static const struct hnsw_params PARAMS = {.M = 8, .ef_construction = 60};
enum { K = 10 };

static struct hnsw_overlay *lay_over(const struct two_sets *s, const struct hnsw_index *index)
{
	const struct vectorset *a = &s->before, *b = &s->after;
	struct hnsw_overlay *overlay;
	assert_int_equal(hnsw_overlay_new(index, &overlay, NULL), 0);
	for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
		int order = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->ids[i], b->ids[j]);
		bool is_same = order == 0 && slice_equal(vectorset_vector(a, i), vectorset_vector(b, j));
		if (order <= 0 && !is_same)
			assert_int_equal(hnsw_overlay_remove(overlay, vectorset_id(a, i), NULL), 0);
		if (order >= 0 && !is_same)
			assert_int_equal(hnsw_overlay_add(overlay, vectorset_id(b, j), vectorset_vector(b, j), NULL), 0);
		i += order <= 0;
		j += order >= 0;
	}
	assert_int_equal(hnsw_overlay_finish(overlay, NULL), 0);
	return overlay;
}

/* Which of the set: so many in 1000, at random, or those nearest to one of them. */
static uint64_t *choose(const struct vectorset *set, uint32_t share, bool is_near, uint64_t *random)
{
	uint64_t *bits = calloc(bits_words(set->n) + 1, 8);
	size_t wanted = set->n * share / 1000;
	size_t *order = malloc((wanted + 1) * sizeof *order);
	if (is_near && set->n > 0) {
		plain_nearest(set, vectorset_vector(set, random_next(random) % set->n).data, wanted, order);
		for (size_t i = 0; i < wanted; i++)
			bits_set(bits, order[i]);
	}
	for (size_t i = 0; !is_near && i < set->n; i++)
		if (random_next(random) % 1000 < share)
			bits_set(bits, i);
	free(order);
	return bits;
}

static struct vectorset chosen(const struct vectorset *set, const uint64_t *bits)
{
	struct vectorset some = vectorset_room(set, set->n);
	for (size_t i = 0; i < set->n; i++)
		if (bits_get(bits, i))
			vectorset_append(&some, set, i, i);
	return some;
}

static void assert_same(const struct hnsw_hit *a, size_t n, const struct hnsw_hit *b, size_t m)
{
	assert_int_equal(n, m);
	for (size_t i = 0; i < n; i++)
		assert_true(a[i].distance == b[i].distance && slice_equal(a[i].id, b[i].id));
}

struct side {
	struct hnsw_index *index;
	struct hnsw_overlay *overlay;
	const struct vectorset *set; /* that is asked about */
};

/* Returns the recall of the walk. */
static double compare(const struct side *side, const struct vectorset *queries, const uint64_t *bits, uint32_t ef)
{
	struct vectorset some = chosen(side->set, bits);
	struct hnsw_accept *accept;
	struct hnsw_searcher *s, *truth;
	struct hnsw_hit found[K], walked[K], wanted[K];
	const struct hnsw_hit *within, *wanted_within;
	size_t good = 0, total = 0, n_within, m_within;
	struct cel_error e;
	struct hnsw_index *fresh = vectorset_index(&some, &PARAMS, 1, temporary_path("some"));
	assert_int_equal(hnsw_accept_new(side->index, side->overlay, bits, side->set->n, &accept, &e), 0);
	assert_int_equal(accept->n_records + accept->n_rows, some.n);
	assert_int_equal(hnsw_searcher_new(side->index, side->overlay, K, ef, &s, &e), 0);
	assert_int_equal(hnsw_searcher_accept(s, accept, &e), 0);
	assert_int_equal(hnsw_searcher_new(fresh, NULL, K, ef, &truth, &e), 0);
	for (size_t q = 0; q < queries->n; q++) {
		uint32_t n, m, w;
		struct slice query = vectorset_vector(queries, q);
		assert_int_equal(hnsw_scan(truth, query, K, wanted, &m, &e), 0);
		assert_int_equal(m, some.n < K ? some.n : K);
		assert_int_equal(hnsw_scan(s, query, K, found, &n, &e), 0);
		assert_same(found, n, wanted, m);
		assert_int_equal(hnsw_search(s, query, K, ef, walked, &w, &e), 0);
		assert_int_equal(w, m);
		good += hits_agreeing(walked, w, wanted, m);
		total += m;
		float radius = m > 0 ? wanted[m / 2].distance : 1;
		assert_int_equal(hnsw_scan_within(s, query, radius, &within, &n_within, &e), 0);
		assert_int_equal(hnsw_scan_within(truth, query, radius, &wanted_within, &m_within, &e), 0);
		assert_same(within, n_within, wanted_within, m_within);
		assert_true(n_within > m / 2 || m == 0);
	}
	hnsw_searcher_free(s);
	hnsw_searcher_free(truth);
	hnsw_accept_free(accept);
	hnsw_close(fresh);
	vectorset_free(&some);
	return total > 0 ? (double)good / (double)total : 1;
}

static void test_shares(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static const uint32_t SHARES[] = {0, 3, 20, 100, 240, 260, 500, 900, 1000};
	static const struct mix MIXES[] = {{0, 0, 0}, {10, 10, 10}};
	for (int metric = CEL_L2; metric <= CEL_HAVERSINE; metric++) {
		for (size_t i = 0; i < 2; i++) {
			enum cel_type type = vectorset_some_type((enum cel_metric)metric, i + (size_t)metric);
			struct two_sets s = two_sets_new(type, (enum cel_metric)metric, 1000, MIXES[i], &random);
			struct side side = {.index = vectorset_index(&s.before, &PARAMS, 2, temporary_path("all")),
					    .set = &s.after};
			side.overlay = i > 0 ? lay_over(&s, side.index) : NULL;
			for (size_t j = 0; j < sizeof SHARES / sizeof *SHARES; j++) {
				uint64_t *bits = choose(&s.after, SHARES[j], (j + i) % 2 == 1, &random);
				double recall = compare(&side, &s.queries, bits, 60);
				print_message("# %s %s %zu %u: %.4f\n", cel_type_name(type), cel_metric_name((enum cel_metric)metric), i,
					      SHARES[j], recall);
				assert_true(recall >= (metric == CEL_IP ? 0.8 : 0.9));
				free(bits);
			}
			hnsw_overlay_free(side.overlay);
			hnsw_close(side.index);
			two_sets_free(&s);
		}
	}
}

/* The comparison notices a bit in the wrong place. */
static void test_control(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct two_sets s = two_sets_new(CEL_F32, CEL_L2, 300, (struct mix){0, 0, 0}, &random);
	struct hnsw_index *index = vectorset_index(&s.before, &PARAMS, 1, temporary_path("all"));
	struct hnsw_accept *accept;
	struct hnsw_searcher *searcher;
	struct hnsw_hit hit;
	uint32_t n;
	uint64_t *bits = calloc(bits_words(s.before.n) + 1, 8);
	for (size_t i = 0; i + 1 < s.before.n; i += 7) {
		memset(bits, 0, bits_words(s.before.n) * 8);
		bits_set(bits, i);
		assert_int_equal(hnsw_accept_new(index, NULL, bits, s.before.n, &accept, NULL), 0);
		assert_int_equal(hnsw_searcher_new(index, NULL, 1, 10, &searcher, NULL), 0);
		assert_int_equal(hnsw_searcher_accept(searcher, accept, NULL), 0);
		assert_int_equal(hnsw_search(searcher, vectorset_vector(&s.before, 0), 1, 10, &hit, &n, NULL), 0);
		assert_int_equal(n, 1);
		assert_true(slice_equal(hit.id, vectorset_id(&s.before, i)));
		assert_false(slice_equal(hit.id, vectorset_id(&s.before, i + 1)));
		hnsw_searcher_free(searcher);
		hnsw_accept_free(accept);
	}
	assert_int_equal(hnsw_accept_new(index, NULL, bits, s.before.n + 1, &accept, NULL), CEL_ECORRUPT);
	free(bits);
	hnsw_close(index);
	two_sets_free(&s);
}

static void test_memory(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct two_sets s = two_sets_new(CEL_F32, CEL_L2, 200, (struct mix){10, 10, 10}, &random);
	struct hnsw_index *index = vectorset_index(&s.before, &PARAMS, 1, temporary_path("all"));
	struct hnsw_overlay *overlay = lay_over(&s, index);
	struct hnsw_searcher *searcher;
	uint64_t *bits = choose(&s.after, 500, false, &random);
	assert_int_equal(hnsw_searcher_new(index, overlay, K, 10, &searcher, NULL), 0);
	int rc = CEL_ENOMEM;
	for (uint64_t n = 1; rc == CEL_ENOMEM; n++) {
		struct hnsw_accept *accept = NULL;
		const struct hnsw_hit *hits;
		size_t n_hits;
		mem_fault_set(n);
		rc = hnsw_accept_new(index, overlay, bits, s.after.n, &accept, NULL);
		if (rc == 0)
			rc = hnsw_searcher_accept(searcher, accept, NULL);
		if (rc == 0)
			rc = hnsw_scan_within(searcher, vectorset_vector(&s.after, 0), 1e9f, &hits, &n_hits, NULL);
		mem_fault_set(0);
		hnsw_accept_free(accept);
		assert_true(n < 1000);
	}
	assert_int_equal(rc, 0);
	free(bits);
	hnsw_searcher_free(searcher);
	hnsw_overlay_free(overlay);
	hnsw_close(index);
	two_sets_free(&s);
}

static int teardown(void **state)
{
	(void)state;
	temporary_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shares), cmocka_unit_test(test_control), cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests_name("hnsw/accept", tests, NULL, teardown);
}
