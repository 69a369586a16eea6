/* SPDX-License-Identifier: Apache-2.0 */
/* An index with an overlay answers as one of the changed set: exactly so by a scan, nearly so by a walk. */
#include "twosets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "index.h"

static const struct hnsw_params PARAMS = {.M = 8, .ef_construction = 60};

static int lay_over(const struct two_sets *s, const struct hnsw_index *index, struct hnsw_overlay **out,
		    struct cel_error *e)
{
	const struct vectorset *a = &s->before, *b = &s->after;
	int rc = hnsw_overlay_new(index, out, e);
	for (size_t i = 0, j = 0; rc == 0 && (i < a->n || j < b->n);) {
		int order = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->ids[i], b->ids[j]);
		bool is_same = order == 0 && slice_equal(vectorset_vector(a, i), vectorset_vector(b, j));
		if (order <= 0 && !is_same)
			rc = hnsw_overlay_remove(*out, vectorset_id(a, i), e);
		if (order >= 0 && !is_same && rc == 0)
			rc = hnsw_overlay_add(*out, vectorset_id(b, j), vectorset_vector(b, j), e);
		i += order <= 0;
		j += order >= 0;
	}
	return rc == 0 ? hnsw_overlay_finish(*out, e) : rc;
}

struct recalls {
	double laid_over, fresh;
};

/* Recall@10 of the walk with an overlay and of one in a fresh index; the scan must be right to the bit. */
static struct recalls compare(struct two_sets *s, uint32_t ef)
{
	struct hnsw_index *old = vectorset_index(&s->before, &PARAMS, 2, temporary_path("before"));
	struct hnsw_index *fresh = vectorset_index(&s->after, &PARAMS, 2, temporary_path("after"));
	struct hnsw_overlay *overlay = NULL;
	struct hnsw_searcher *laid_over, *truth;
	struct hnsw_hit hits[10], walked[10], wanted[10];
	size_t good = 0, good_fresh = 0, total = 0;
	struct cel_error e = {0};
	assert_int_equal(lay_over(s, old, &overlay, &e), 0);
	assert_int_equal(hnsw_searcher_new(old, overlay, 10, ef, &laid_over, &e), 0);
	assert_int_equal(hnsw_searcher_new(fresh, NULL, 10, ef, &truth, &e), 0);
	for (size_t q = 0; q < s->queries.n; q++) {
		uint32_t n, m, w;
		struct slice query = vectorset_vector(&s->queries, q);
		assert_int_equal(hnsw_scan(laid_over, query, 10, hits, &n, &e), 0);
		assert_int_equal(hnsw_scan(truth, query, 10, wanted, &m, &e), 0);
		assert_int_equal(hnsw_search(laid_over, query, 10, ef, walked, &w, &e), 0);
		assert_int_equal(m, s->after.n < 10 ? s->after.n : 10);
		assert_int_equal(n, m);
		assert_int_equal(w, m);
		for (uint32_t i = 0; i < m; i++)
			assert_true(hits[i].distance == wanted[i].distance && slice_equal(hits[i].id, wanted[i].id));
		good += hits_agreeing(walked, w, wanted, m);
		assert_int_equal(hnsw_search(truth, query, 10, ef, walked, &w, &e), 0);
		good_fresh += hits_agreeing(walked, w, wanted, m);
		total += m;
	}
	hnsw_searcher_free(laid_over);
	hnsw_searcher_free(truth);
	hnsw_overlay_free(overlay);
	hnsw_close(old);
	hnsw_close(fresh);
	double of = total > 0 ? (double)total : 1;
	return (struct recalls){(double)good / of, (double)good_fresh / of};
}

static void test_mixes(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static const struct mix MIXES[] = {{0, 0, 0}, {10, 0, 0}, {0, 10, 0}, {0, 0, 10}, {20, 5, 5}, {60, 0, 0}, {0, 50, 50}};
	double lost[CEL_HAVERSINE + 1] = {0};
	for (size_t i = 0; i < sizeof MIXES / sizeof *MIXES; i++) {
		for (int metric = CEL_L2; metric <= CEL_HAVERSINE; metric++) {
			enum cel_type type = vectorset_some_type((enum cel_metric)metric, i + (size_t)metric);
			if (type == CEL_U8 && metric == CEL_IP)
				type = CEL_F32; /* products of nothing but large numbers: no graph is good at it */
			struct two_sets s = two_sets_new(type, (enum cel_metric)metric, 1500, MIXES[i], &random);
			struct recalls r = compare(&s, 20);
			print_message("# -%u +%u ~%u %s %s: recall %.4f, fresh %.4f\n", MIXES[i].deleted, MIXES[i].added,
				      MIXES[i].changed, cel_type_name(type), cel_metric_name((enum cel_metric)metric),
				      r.laid_over, r.fresh);
			assert_true(r.laid_over >= r.fresh - 0.02); /* of 400, chance decides on some */
			lost[metric] += r.fresh - r.laid_over;
			two_sets_free(&s);
		}
	}
	for (int metric = CEL_L2; metric <= CEL_HAVERSINE; metric++)
		assert_true(lost[metric] / (sizeof MIXES / sizeof *MIXES) <= 0.005);
}

static void test_edges(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static const struct mix MIXES[] = {{100, 0, 0}, {0, 100, 0}, {0, 0, 100}, {50, 0, 0}, {97, 0, 0}, {98, 1, 1}};
	static const size_t SIZES[] = {0, 1, 2, 30, 500};
	for (size_t i = 0; i < sizeof MIXES / sizeof *MIXES; i++) {
		for (size_t j = 0; j < sizeof SIZES / sizeof *SIZES; j++) {
			struct two_sets s = two_sets_new(CEL_F32, CEL_L2, SIZES[j], MIXES[i], &random);
			struct recalls r = compare(&s, 30);
			assert_true(r.laid_over >= r.fresh - 0.03);
			two_sets_free(&s);
		}
	}
}

/* All of the nearest hundred are gone: the beam must reach past them. */
static void test_hole(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset all = vectorset_new(CEL_F32, CEL_L2, 8, 3000, 30, 0.4, &random);
	struct hnsw_index *index = vectorset_index(&all, &PARAMS, 2, temporary_path("hole"));
	const uint8_t *query = vectorset_vector(&all, 77).data;
	size_t nearest[110], good = 0;
	struct hnsw_overlay *overlay;
	struct hnsw_searcher *s;
	struct hnsw_hit hits[10];
	uint32_t n;
	plain_nearest(&all, query, 110, nearest);
	assert_int_equal(hnsw_overlay_new(index, &overlay, NULL), 0);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(hnsw_overlay_remove(overlay, vectorset_id(&all, nearest[i]), NULL), 0);
	assert_int_equal(hnsw_overlay_remove(overlay, slice_text("nobody"), NULL), CEL_ECORRUPT);
	assert_int_equal(hnsw_overlay_finish(overlay, NULL), 0);
	assert_int_equal(hnsw_overlay_counts(overlay).removed, 100);
	assert_int_equal(hnsw_searcher_new(index, overlay, 10, 40, &s, NULL), 0);
	assert_int_equal(hnsw_search(s, vectorset_vector(&all, 77), 10, 40, hits, &n, NULL), 0);
	assert_int_equal(n, 10);
	for (size_t i = 0; i < 10; i++)
		for (size_t j = 100; j < 110; j++)
			good += slice_equal(hits[i].id, vectorset_id(&all, nearest[j]));
	assert_true(good >= 8);
	hnsw_searcher_free(s);
	hnsw_overlay_free(overlay);
	hnsw_close(index);
	vectorset_free(&all);
}

static void test_lookup(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct two_sets s = two_sets_new(CEL_I8, CEL_L2, 700, (struct mix){50, 0, 0}, &random);
	struct hnsw_index *index = vectorset_index(&s.before, &PARAMS, 1, temporary_path("lookup"));
	for (size_t i = 0; i < s.before.n; i++) {
		uint32_t record, node;
		struct range records;
		struct slice id;
		assert_int_equal(index_find_record(index, vectorset_id(&s.before, i), &record, NULL), 1);
		assert_int_equal(index_id(index, record, &id, NULL), 0);
		assert_true(slice_equal(id, vectorset_id(&s.before, i)));
		assert_int_equal(index_record_node(index, record, &node, NULL), 0);
		assert_int_equal(index_node_records(index, node, &records, NULL), 0);
		assert_true(record >= records.start && record < records.end);
	}
	static const char *const ABSENT[] = {"", "id", "id00000000x", "id99999999", "zz"};
	for (size_t i = 0; i < sizeof ABSENT / sizeof *ABSENT; i++) {
		uint32_t record;
		assert_int_equal(index_find_record(index, slice_text(ABSENT[i]), &record, NULL), 0);
	}
	hnsw_close(index);
	two_sets_free(&s);
}

static void test_memory_faults(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct two_sets s = two_sets_new(CEL_F32, CEL_COSINE, 200, (struct mix){20, 20, 20}, &random);
	struct hnsw_index *index = vectorset_index(&s.before, &PARAMS, 1, temporary_path("fault"));
	uint64_t nth = 0;
	int rc;
	do {
		struct hnsw_overlay *overlay = NULL;
		struct hnsw_searcher *searcher = NULL;
		struct cel_error e = {0};
		mem_fault_set(++nth);
		rc = lay_over(&s, index, &overlay, &e);
		if (rc == 0)
			rc = hnsw_searcher_new(index, overlay, 10, 50, &searcher, &e);
		assert_int_equal(rc, mem_fault_count() >= nth ? CEL_ENOMEM : 0);
		assert_int_equal(e.code, rc);
		mem_fault_set(0);
		hnsw_searcher_free(searcher);
		hnsw_overlay_free(overlay);
	} while (rc != 0);
	assert_true(nth > 10);
	hnsw_close(index);
	two_sets_free(&s);
}

static int clean(void **state)
{
	(void)state;
	temporary_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup), cmocka_unit_test(test_mixes),         cmocka_unit_test(test_edges),
		cmocka_unit_test(test_hole),   cmocka_unit_test(test_memory_faults),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
