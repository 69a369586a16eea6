/* SPDX-License-Identifier: Apache-2.0 */
/* The scan without an index: against the definition, and bit for bit against the scan of an index. */
#include "vectorset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"

static void add_all(struct exact *x, const struct vectorset *s)
{
	for (size_t i = 0; i < s->n; i++)
		assert_int_equal(exact_add(x, vectorset_id(s, i), vectorset_vector(s, i), NULL), 0);
}

/* Every metric and type, ties among them; sizes around the block of rows. */
static void test_same_as_index(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static const size_t SIZES[] = {0, 1, 255, 256, 257, 700};
	const struct hnsw_params params = {.M = 8, .ef_construction = 40};
	for (int type = CEL_F32; type <= CEL_B1; type++) {
		for (int metric = CEL_L2; metric <= CEL_HAVERSINE; metric++) {
			if (!vectorset_is_pair((enum cel_type)type, (enum cel_metric)metric))
				continue;
			size_t n = SIZES[random_next(&random) % 6];
			struct vectorset all = vectorset_new((enum cel_type)type, (enum cel_metric)metric, 37, n + 20, 10, 0.3,
							     &random);
			struct vectorset base = vectorset_first(&all, n);
			for (size_t i = 0; i + 1 < n; i += 5) /* ties */
				memcpy(base.vectors + (i + 1) * base.vector_size, base.vectors + i * base.vector_size,
				       base.vector_size);
			struct hnsw_index *index = vectorset_index(&base, &params, 1, temporary_path("exact"));
			struct hnsw_searcher *s;
			struct exact *x;
			assert_int_equal(hnsw_searcher_new(index, NULL, 30, 30, &s, NULL), 0);
			assert_int_equal(exact_new(&all.schema, 30, vectorset_vector(&all, n).data, 20, &x, NULL), 0);
			add_all(x, &base);
			for (size_t q = 0; q < 20; q++) {
				const struct hnsw_hit *hits;
				struct hnsw_hit scanned[30];
				uint32_t n_hits, n_scanned;
				assert_int_equal(exact_hits(x, q, &hits, &n_hits, NULL), 0);
				assert_int_equal(hnsw_scan(s, vectorset_vector(&all, n + q), 30, scanned, &n_scanned, NULL), 0);
				assert_int_equal(n_hits, n_scanned);
				assert_int_equal(n_hits, n < 30 ? n : 30);
				for (uint32_t i = 0; i < n_hits; i++) {
					assert_memory_equal(&hits[i].distance, &scanned[i].distance, sizeof(float));
					assert_true(slice_equal(hits[i].id, scanned[i].id));
				}
			}
			exact_free(x);
			hnsw_searcher_free(s);
			hnsw_close(index);
			vectorset_free(&all);
		}
	}
}

static void test_definition(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	for (int metric = CEL_L2; metric <= CEL_HAVERSINE; metric++) {
		enum cel_type type = metric == CEL_HAMMING || metric == CEL_JACCARD ? CEL_B1 : CEL_F32;
		struct vectorset s = vectorset_new(type, (enum cel_metric)metric, 50, 1000, 10, 0.5, &random);
		struct exact *x;
		const struct hnsw_hit *hits;
		size_t nearest[10];
		uint32_t n;
		assert_int_equal(exact_new(&s.schema, 10, s.vectors, 3, &x, NULL), 0);
		add_all(x, &s);
		for (size_t q = 0; q < 3; q++) {
			plain_nearest(&s, vectorset_vector(&s, q).data, 10, nearest);
			assert_int_equal(exact_hits(x, q, &hits, &n, NULL), 0);
			assert_int_equal(n, 10);
			for (size_t i = 0; i < 10; i++) {
				double expected = plain_distance(&s.schema, vectorset_vector(&s, q).data,
								 vectorset_vector(&s, nearest[i]).data);
				assert_true(fabs((double)hits[i].distance - expected) <= 1e-4 * (1 + fabs(expected)));
			}
			if (metric != CEL_IP) /* its own nearest, at exactly 0 */
				assert_true(hits[0].distance == 0 && slice_equal(hits[0].id, vectorset_id(&s, q)));
		}
		assert_int_equal(exact_add(x, slice_text("z"), slice_make("abc", 3), NULL), CEL_EDATA);
		exact_free(x);
		vectorset_free(&s);
	}
}

static void test_memory_faults(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset s = vectorset_new(CEL_F32, CEL_L2, 8, 600, 10, 0.5, &random);
	uint64_t nth = 0;
	int rc;
	do {
		struct exact *x = NULL;
		const struct hnsw_hit *hits;
		uint32_t n;
		mem_fault_set(++nth);
		rc = exact_new(&s.schema, 5, s.vectors, 4, &x, NULL);
		for (size_t i = 0; i < s.n && rc == 0; i++)
			rc = exact_add(x, vectorset_id(&s, i), vectorset_vector(&s, i), NULL);
		if (rc == 0)
			rc = exact_hits(x, 0, &hits, &n, NULL);
		assert_int_equal(rc, mem_fault_count() >= nth ? CEL_ENOMEM : 0);
		mem_fault_set(0);
		exact_free(x);
	} while (rc != 0);
	assert_true(nth > 5);
	vectorset_free(&s);
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
		cmocka_unit_test(test_same_as_index),
		cmocka_unit_test(test_definition),
		cmocka_unit_test(test_memory_faults),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
