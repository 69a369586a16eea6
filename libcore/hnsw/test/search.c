/* SPDX-License-Identifier: Apache-2.0 */
/* Answers from the graph against a scan, and the scan against the definition, for every metric and type; small sets;
 * duplicates. */
#include "recall_table.h"
#include "vectorset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "search.h"

static const struct hnsw_params PARAMS = {.M = 16, .ef_construction = 100};

static struct hnsw_searcher *searcher(const struct hnsw_index *index, uint32_t k, uint32_t ef)
{
	struct cel_error e;
	struct hnsw_searcher *s = NULL;
	assert_int_equal(hnsw_searcher_new(index, NULL, k, ef, &s, &e), 0);
	return s;
}

static bool is_same(const struct hnsw_hit *a, const struct hnsw_hit *b)
{
	return a->distance == b->distance && slice_equal(a->id, b->id);
}

static size_t record_number(struct slice id)
{
	char text[16] = {0};
	memcpy(text, id.data, id.size);
	return strtoul(text + 2, NULL, 10);
}

/* A scan must give the k smallest distances of the definition, in order, each with the id it belongs to. */
static void check_scan(const struct vectorset *s, const uint8_t *query, const struct hnsw_hit *hits, uint32_t n,
		       uint32_t k)
{
	size_t *nearest = malloc(k * sizeof *nearest);
	plain_nearest(s, query, k, nearest);
	assert_int_equal(n, k < s->n ? k : s->n);
	for (uint32_t i = 0; i < n; i++) {
		double expected = plain_distance(&s->schema, query, vectorset_vector(s, nearest[i]).data);
		double own = plain_distance(&s->schema, query, vectorset_vector(s, record_number(hits[i].id)).data);
		double tolerance = 1e-4 * (1 + fabs(expected));
		assert_true(fabs((double)hits[i].distance - expected) <= tolerance);
		assert_true(fabs((double)hits[i].distance - own) <= tolerance);
		if (i > 0)
			assert_true(hits[i - 1].distance < hits[i].distance ||
				    (hits[i - 1].distance == hits[i].distance &&
				     slice_compare(hits[i - 1].id, hits[i].id) < 0));
	}
	free(nearest);
}

/* Recall@k of the graph against the scan over the queries; reports on the way if they disagree on distances. */
static double recall(const struct hnsw_index *index, const struct vectorset *queries, uint32_t k, uint32_t ef)
{
	struct hnsw_searcher *s = searcher(index, k, ef);
	struct hnsw_hit *found = malloc(k * sizeof *found), *truth = malloc(k * sizeof *truth);
	size_t good = 0, total = 0;
	for (size_t q = 0; q < queries->n; q++) {
		uint32_t n, m;
		assert_int_equal(hnsw_search(s, vectorset_vector(queries, q), k, ef, found, &n, NULL), 0);
		assert_int_equal(hnsw_scan(s, vectorset_vector(queries, q), k, truth, &m, NULL), 0);
		assert_int_equal(n, m);
		for (uint32_t i = 0; i < n; i++)
			for (uint32_t j = 0; j < m; j++)
				good += is_same(&found[i], &truth[j]);
		total += m;
	}
	free(found);
	free(truth);
	hnsw_searcher_free(s);
	return (double)good / (double)total;
}

static void test_metrics_and_types(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	for (int type = CEL_F32; type <= CEL_B1; type++) {
		for (int metric = CEL_L2; metric <= CEL_HAVERSINE; metric++) {
			if (!vectorset_is_pair((enum cel_type)type, (enum cel_metric)metric))
				continue;
			struct vectorset all = vectorset_new((enum cel_type)type, (enum cel_metric)metric, 24, 2050, 40, 0.5,
							     &random);
			struct vectorset base = vectorset_first(&all, 2000), queries = vectorset_first(&all, 50);
			queries.vectors += 2000 * all.vector_size;
			struct hnsw_index *index = vectorset_index(&base, &PARAMS, 2, temporary_path("types"));
			struct hnsw_searcher *s = searcher(index, 12, 64);
			struct hnsw_hit hits[12];
			uint32_t n;
			for (size_t q = 0; q < 5; q++) {
				assert_int_equal(hnsw_scan(s, vectorset_vector(&queries, q), 12, hits, &n, NULL), 0);
				check_scan(&base, vectorset_vector(&queries, q).data, hits, n, 12);
			}
			hnsw_searcher_free(s);
			double r = recall(index, &queries, 10, 100);
			print_message("# %s %s: recall %.4f\n", cel_type_name((enum cel_type)type),
				      cel_metric_name((enum cel_metric)metric), r);
			assert_true(r >= 0.95);
			hnsw_close(index);
			vectorset_free(&all);
		}
	}
}

static void test_small(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static const size_t SIZES[] = {0, 1, 2, 3, 17, 100};
	for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
		struct vectorset all = vectorset_new(CEL_F32, CEL_L2, 5, SIZES[i] + 1, 3, 1, &random);
		struct vectorset base = vectorset_first(&all, SIZES[i]);
		struct hnsw_index *index = vectorset_index(&base, &PARAMS, 2, temporary_path("small"));
		struct hnsw_searcher *s = searcher(index, 30, 30);
		struct hnsw_hit hits[30];
		uint32_t n = 99;
		assert_int_equal(hnsw_search(s, vectorset_vector(&all, SIZES[i]), 30, 30, hits, &n, NULL), 0);
		check_scan(&base, vectorset_vector(&all, SIZES[i]).data, hits, n, 30);
		struct hnsw_info info;
		hnsw_info(index, &info);
		assert_int_equal(info.n_records, SIZES[i]);
		uint32_t ef;
		hnsw_ef_for_recall(index, 0.95, &ef);
		assert_true(ef >= 1);
		assert_true(hnsw_is_scan_cheaper(index, 10));
		assert_int_equal(hnsw_search(s, slice_make("x", 1), 1, 1, hits, &n, NULL), CEL_EDATA);
		assert_int_equal(hnsw_search(s, vectorset_vector(&all, 0), 31, 1, hits, &n, NULL), CEL_EUSAGE);
		assert_int_equal(hnsw_search(s, vectorset_vector(&all, 0), 1, 31, hits, &n, NULL), CEL_EUSAGE);
		hnsw_searcher_free(s);
		hnsw_close(index);
		vectorset_free(&all);
	}
}

/* k beyond ef, and beyond what there is. */
static void test_large_k(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset base = vectorset_new(CEL_F32, CEL_COSINE, 16, 700, 20, 0.5, &random);
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 1, temporary_path("k"));
	struct hnsw_searcher *s = searcher(index, 1000, 10);
	struct hnsw_hit *hits = malloc(1000 * sizeof *hits);
	uint32_t n;
	assert_int_equal(hnsw_search(s, vectorset_vector(&base, 3), 1000, 10, hits, &n, NULL), 0);
	check_scan(&base, vectorset_vector(&base, 3).data, hits, n, 1000);
	assert_true(hits[0].distance == 0 && record_number(hits[0].id) == 3);
	assert_int_equal(hnsw_search(s, vectorset_vector(&base, 3), 100, 10, hits, &n, NULL), 0);
	assert_int_equal(n, 100);
	assert_int_equal(hnsw_search(s, vectorset_vector(&base, 3), 0, 10, hits, &n, NULL), 0);
	assert_int_equal(n, 0);
	free(hits);
	hnsw_searcher_free(s);
	hnsw_close(index);
	vectorset_free(&base);
}

/* A thousand copies of one vector among others: the copies come in id order, the others are found past them. */
static void test_identical(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset base = vectorset_new(CEL_F32, CEL_L2, 20, 3000, 30, 0.5, &random);
	for (size_t i = 0; i < 1000; i++)
		memcpy(base.vectors + (i * 3 + 1) * base.vector_size, base.vectors + base.vector_size, base.vector_size);
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 2, temporary_path("same"));
	struct hnsw_info info;
	hnsw_info(index, &info);
	assert_int_equal(info.n_records, 3000);
	assert_int_equal(info.n_nodes, 2001);
	struct hnsw_searcher *s = searcher(index, 1500, 200);
	struct hnsw_hit *hits = malloc(1500 * sizeof *hits);
	uint32_t n;
	assert_int_equal(hnsw_search(s, vectorset_vector(&base, 1), 10, 10, hits, &n, NULL), 0);
	assert_int_equal(n, 10);
	for (uint32_t i = 0; i < 10; i++)
		assert_true(hits[i].distance == 0 && record_number(hits[i].id) == i * 3 + 1);
	assert_int_equal(hnsw_search(s, vectorset_vector(&base, 1), 1020, 200, hits, &n, NULL), 0);
	check_scan(&base, vectorset_vector(&base, 1).data, hits, n, 1020);
	assert_true(recall(index, &base, 10, 100) >= 0.99);
	free(hits);
	hnsw_searcher_free(s);
	hnsw_close(index);
	vectorset_free(&base);
}

static void test_all_identical(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset base = vectorset_new(CEL_F32, CEL_COSINE, 8, 1000, 1, 0, &random);
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 2, temporary_path("all"));
	struct hnsw_searcher *s = searcher(index, 10, 64);
	struct hnsw_hit hits[10];
	uint32_t n;
	assert_int_equal(hnsw_search(s, vectorset_vector(&base, 500), 10, 64, hits, &n, NULL), 0);
	assert_int_equal(n, 10);
	for (uint32_t i = 0; i < n; i++)
		assert_true(hits[i].distance == 0 && record_number(hits[i].id) == i);
	hnsw_searcher_free(s);
	hnsw_close(index);
	vectorset_free(&base);
}

static void test_half_duplicates(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset base = vectorset_new(CEL_F32, CEL_COSINE, 24, 4000, 50, 0.6, &random);
	for (size_t i = 2000; i < 4000; i++) /* each of some vectors one to many times */
		memcpy(base.vectors + i * base.vector_size,
		       base.vectors + random_next(&random) % (1 + random_next(&random) % 2000) * base.vector_size,
		       base.vector_size);
	struct vectorset queries = vectorset_first(&base, 200);
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 2, temporary_path("half"));
	double r = recall(index, &queries, 10, 64);
	print_message("# half duplicates: recall %.4f\n", r);
	assert_true(r >= 0.99);
	hnsw_close(index);
	vectorset_free(&base);
}

/* A cloud far smaller than a step of the codes, among others: found exactly, and not in the way of the others. */
static void test_same_codes(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset base = vectorset_new(CEL_F32, CEL_L2, 16, 3000, 30, 0.5, &random);
	for (size_t i = 0; i < 1000; i++) {
		double elements[16];
		for (uint32_t d = 0; d < 16; d++)
			elements[d] = element_get(CEL_F32, base.vectors, d) * (1 + (double)(random_next(&random) % 100) * 1e-6);
		vectorset_set(&base, i * 3, elements);
	}
	struct vectorset queries = vectorset_first(&base, 300);
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 2, temporary_path("cloud"));
	double r = recall(index, &queries, 10, 32);
	print_message("# near copies: recall %.4f\n", r);
	assert_true(r >= 0.99);
	hnsw_close(index);
	vectorset_free(&base);
}

/* One wild vector must not push all others into one code. */
static void test_outlier(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset base = vectorset_new(CEL_F32, CEL_L2, 16, 3000, 30, 0.5, &random);
	double wild[16] = {1e9, -1e9};
	vectorset_set(&base, 1234, wild);
	struct vectorset queries = vectorset_first(&base, 300);
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 2, temporary_path("wild"));
	assert_false(hnsw_is_scan_cheaper(index, 10));
	double r = recall(index, &queries, 10, 64);
	print_message("# with an outlier: recall %.4f\n", r);
	assert_true(r >= 0.97);
	struct hnsw_searcher *s = searcher(index, 1, 64);
	struct hnsw_hit hit;
	uint32_t n;
	assert_int_equal(hnsw_search(s, vectorset_vector(&base, 1234), 1, 64, &hit, &n, NULL), 0);
	assert_int_equal(record_number(hit.id), 1234);
	hnsw_searcher_free(s);
	hnsw_close(index);
	vectorset_free(&base);
}

/* Products with norms that differ by orders of magnitude: a graph for L2 finds a tenth of the answers here. */
static void test_varied_norms(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset base = vectorset_new(CEL_F32, CEL_IP, 32, 4000, 60, 0.7, &random);
	for (size_t i = 0; i < base.n; i++) {
		double elements[32], factor = 1;
		for (uint64_t doublings = random_next(&random) % 6; doublings > 0; doublings--)
			factor *= 2;
		for (uint32_t d = 0; d < 32; d++)
			elements[d] = factor * element_get(CEL_F32, vectorset_vector(&base, i).data, d);
		vectorset_set(&base, i, elements);
	}
	struct vectorset queries = vectorset_first(&base, 200);
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 2, temporary_path("norms"));
	double r = recall(index, &queries, 10, 64);
	print_message("# varied norms: recall %.4f\n", r);
	assert_true(r >= 0.95);
	hnsw_close(index);
	vectorset_free(&base);
}

static void test_recall_table(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset all = vectorset_new(CEL_F32, CEL_L2, 32, 9000, 200, 0.8, &random);
	struct vectorset base = vectorset_first(&all, 8000), queries = vectorset_first(&all, 1000);
	queries.vectors += 8000 * all.vector_size;
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 2, temporary_path("table"));
	uint32_t last = 0;
	static const double RECALLS[] = {0.5, 0.9, 0.95, 0.98, 0.99};
	for (size_t i = 0; i < sizeof RECALLS / sizeof *RECALLS; i++) {
		uint32_t ef;
		assert_true(hnsw_ef_for_recall(index, RECALLS[i], &ef));
		double r = recall(index, &queries, 10, ef);
		print_message("# recall %.2f wanted: ef %u gives %.4f\n", RECALLS[i], ef, r);
		assert_true(ef >= last && ef <= 1024);
		assert_true(r >= RECALLS[i]);
		last = ef;
	}
	hnsw_close(index);
	vectorset_free(&all);
	queries.vectors = NULL;
}

/* What is promised of rows made up: not the mean, and not what no row reaches; between two rows by the line between. */
static void test_promise(void **state)
{
	(void)state;
	static const struct recall_row ROWS[] = {
		{10, 500, 4000, 4000 * 8}, /* 8 of 10 each */
		{20, 500, 4750, 250 * 100 + 250 * 81}, /* .95 with a spread */
		{40, 500, 5000, 500 * 100}, /* all */
	};
	uint8_t bytes[3 * RECALL_ROW_SIZE];
	struct hnsw_index index = {.recall = bytes, .n_recall = 3};
	uint32_t ef, last = 10;
	for (size_t i = 0; i < 3; i++)
		recall_row_encode(&ROWS[i], bytes + i * RECALL_ROW_SIZE);
	assert_true(hnsw_ef_for_recall(&index, 0.5, &ef));
	assert_int_equal(ef, 10);
	for (double recall = 0.8; recall < 0.9985; recall += 0.001) {
		assert_true(hnsw_ef_for_recall(&index, recall, &ef));
		assert_in_range(ef, last, 40);
		last = ef;
	}
	assert_true(hnsw_ef_for_recall(&index, 0.93, &ef));
	assert_in_range(ef, 18, 20);
	assert_true(hnsw_ef_for_recall(&index, 0.95, &ef)); /* the mean of a row is no promise */
	assert_in_range(ef, 21, 25);
	assert_false(hnsw_ef_for_recall(&index, 1, &ef)); /* nor is it that nothing was missed */
	assert_int_equal(ef, 40);
	index.n_recall = 0;
	assert_false(hnsw_ef_for_recall(&index, 0.5, &ef));
	assert_int_equal(ef, 1024);
	index.n_recall = 1;
	memset(bytes, 0xff, 4);
	assert_false(hnsw_ef_for_recall(&index, 0.5, &ef));
	assert_int_equal(ef, 1024);
}

static void check_no_allocation(uint32_t dim, uint64_t *random)
{
	struct vectorset base = vectorset_new(CEL_F32, CEL_COSINE, dim, 1000, 20, 0.5, random);
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 1, temporary_path("quiet"));
	struct hnsw_searcher *s = searcher(index, 10, 64);
	struct hnsw_hit hits[10];
	uint32_t n;
	mem_fault_set(UINT64_MAX);
	for (size_t q = 0; q < 50; q++) {
		assert_int_equal(hnsw_search(s, vectorset_vector(&base, q), 10, 64, hits, &n, NULL), 0);
		assert_int_equal(hnsw_scan(s, vectorset_vector(&base, q), 10, hits, &n, NULL), 0);
	}
	assert_int_equal(mem_fault_count(), 0);
	struct hnsw_searcher *another = searcher(index, 10, 64); /* negative control: the counter counts */
	assert_true(mem_fault_count() > 0);
	mem_fault_set(0);
	hnsw_searcher_free(another);
	hnsw_searcher_free(s);
	hnsw_close(index);
	vectorset_free(&base);
}

/* Without sketches and with. */
static void test_no_allocation(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	check_no_allocation(16, &random);
	check_no_allocation(260, &random);
}

/* What a query may clear is the room of a walk: it follows from ef, not from the number of nodes. */
static void test_room(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	uint32_t capacity[2], visited[2];
	for (size_t i = 0; i < 2; i++) {
		struct vectorset base = vectorset_new(CEL_F32, CEL_L2, 8, i == 0 ? 500 : 4000, 20, 0.5, &random);
		struct hnsw_index *index = vectorset_index(&base, &PARAMS, 1, temporary_path("room"));
		struct hnsw_searcher *s = searcher(index, 10, 64);
		capacity[i] = s->walk.capacity;
		visited[i] = s->walk.visited_limit;
		hnsw_searcher_free(s);
		hnsw_close(index);
		vectorset_free(&base);
	}
	assert_int_equal(capacity[0], capacity[1]);
	assert_int_equal(visited[0], visited[1]);
	assert_true(visited[0] <= 64 * 64);
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
		cmocka_unit_test(test_metrics_and_types), cmocka_unit_test(test_small),
		cmocka_unit_test(test_large_k),           cmocka_unit_test(test_identical),
		cmocka_unit_test(test_all_identical),     cmocka_unit_test(test_half_duplicates),
		cmocka_unit_test(test_same_codes),        cmocka_unit_test(test_outlier),
		cmocka_unit_test(test_recall_table), cmocka_unit_test(test_promise),      cmocka_unit_test(test_no_allocation),
		cmocka_unit_test(test_varied_norms),      cmocka_unit_test(test_room),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
