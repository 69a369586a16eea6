/* SPDX-License-Identifier: Apache-2.0 */
/* Codes that are the vectors: whatever the walk finds has the distance that a scan finds, to the bit, whether the query is of
 * whole numbers or not; and damage is found by checksums of codes as by those of vectors. */
#include "vectorset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "checksum.h"
#include "element.h"
#include "index.h"

static const struct hnsw_params PARAMS = {.M = 8, .ef_construction = 60};

/* Whole numbers low..high around a few centres; every `odd`-th has an element that is none (0: none has). */
static struct vectorset whole_numbers(enum cel_type type, uint32_t dim, size_t n, int low, int high, size_t odd,
				      uint64_t *random)
{
	struct vectorset from = vectorset_new(CEL_F32, CEL_L2, dim, n, 20, 0.3, random);
	struct vectorset s = vectorset_new(type, CEL_L2, dim, n, 20, 0.3, random);
	for (size_t i = 0; i < n; i++) {
		for (uint32_t d = 0; d < dim; d++) {
			double v = low + (high - low) * (0.5 + element_get(CEL_F32, vectorset_vector(&from, i).data, d) * 0.2);
			v = (double)(int)(v < low ? low : v > high ? high : v);
			v = d > 0 ? v : i == 0 ? low : i == 1 ? high : v; /* the span is used */
			v += d == dim - 1 && odd > 0 && i % odd == 0 ? 0.5 : 0;
			uint8_t *at = s.vectors + i * s.vector_size + d * cel_type_size(type);
			assert_int_equal(element_store(type, v, at, NULL), 0);
		}
	}
	vectorset_free(&from);
	return s;
}

static float distance_of(const struct hnsw_hit *all, uint32_t n, struct slice id)
{
	for (uint32_t i = 0; i < n; i++)
		if (slice_equal(all[i].id, id))
			return all[i].distance;
	return -1;
}

/* Returns how many of the answers are those of the scan. */
static size_t check_answers(const struct hnsw_index *index, const struct vectorset *base, const struct vectorset *queries)
{
	struct hnsw_searcher *s = NULL;
	struct hnsw_hit hits[12], *all = calloc(base->n, sizeof *all);
	size_t good = 0;
	assert_int_equal(hnsw_searcher_new(index, NULL, (uint32_t)base->n, 100, &s, NULL), 0);
	for (size_t q = 0; q < queries->n; q++) {
		uint32_t n, m;
		assert_int_equal(hnsw_scan(s, vectorset_vector(queries, q), (uint32_t)base->n, all, &m, NULL), 0);
		assert_int_equal(hnsw_search(s, vectorset_vector(queries, q), 12, 100, hits, &n, NULL), 0);
		assert_int_equal(n, 12);
		for (uint32_t i = 0; i < n; i++) {
			assert_true(hits[i].distance == distance_of(all, m, hits[i].id));
			assert_true(i == 0 || hits[i - 1].distance < hits[i].distance ||
				    (hits[i - 1].distance == hits[i].distance && slice_compare(hits[i - 1].id, hits[i].id) < 0));
			good += slice_equal(hits[i].id, all[i].id);
		}
	}
	hnsw_searcher_free(s);
	free(all);
	return good;
}

static void check_set(enum cel_type type, uint32_t dim, int low, int high, size_t odd, bool is_exact, uint64_t *random)
{
	struct vectorset base = whole_numbers(type, dim, 800, low, high, odd, random);
	struct vectorset whole = whole_numbers(type, dim, 12, low, high, 0, random);
	bool is_real = type <= CEL_BF16;
	struct vectorset others = is_real ? whole_numbers(type, dim, 12, low - 9, high + 9, 2, random)
					  : whole_numbers(type, dim, 12, low - 9, high + 9, 0, random);
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 2, temporary_path("whole"));
	print_message("# %s, %u dimensions, %d..%d\n", cel_type_name(type), dim, low, high);
	assert_true(index->layout.is_exact == is_exact);
	assert_true(check_answers(index, &base, &whole) >= 12 * 12 * 9 / 10);
	assert_true(check_answers(index, &base, &others) >= 12 * 12 * 9 / 10);
	hnsw_close(index);
	vectorset_free(&base);
	vectorset_free(&whole);
	vectorset_free(&others);
}

static void test_distances(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	check_set(CEL_F32, 20, 0, 255, 0, true, &random);
	check_set(CEL_F32, 20, -1000100, -1000000, 0, true, &random);
	check_set(CEL_F32, 500, 0, 255, 0, true, &random); /* the far ones are beyond 2^24 */
	check_set(CEL_F16, 20, -90, 90, 0, true, &random);
	check_set(CEL_BF16, 20, 0, 100, 0, true, &random);
	check_set(CEL_I8, 20, -110, 110, 0, true, &random);
	check_set(CEL_U8, 300, 10, 240, 0, true, &random);
	check_set(CEL_F32, 20, 0, 256, 0, false, &random); /* one too many */
	check_set(CEL_F32, 20, 0, 255, 400, false, &random);
}

/* Where distances pass 2^24, float sums are rounded: answers must be what the scan says. */
static void test_far(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset base = whole_numbers(CEL_F32, 600, 800, 200, 255, 0, &random);
	struct vectorset queries = whole_numbers(CEL_F32, 600, 12, 0, 40, 0, &random);
	double zeros[600] = {0};
	for (size_t i = 0; i < 20; i++) /* so that codes reach down to the queries */
		vectorset_set(&base, i, zeros);
	struct hnsw_index *index = vectorset_index(&base, &PARAMS, 1, temporary_path("far"));
	assert_true(index->layout.is_exact);
	check_answers(index, &base, &queries);
	hnsw_close(index);
	vectorset_free(&base);
	vectorset_free(&queries);
}

static int ask(const char *path, const struct vectorset *s, size_t query, double shift)
{
	struct hnsw_index *index = NULL;
	struct hnsw_searcher *searcher = NULL;
	struct hnsw_hit hits[10];
	uint32_t n;
	float vector[20];
	memcpy(vector, vectorset_vector(s, query).data, sizeof vector);
	vector[3] += (float)shift;
	assert_int_equal(hnsw_open(path, &index, NULL), 0);
	assert_int_equal(hnsw_searcher_new(index, NULL, 10, 50, &searcher, NULL), 0);
	int rc = hnsw_search(searcher, slice_make(vector, sizeof vector), 10, 50, hits, &n, NULL);
	hnsw_searcher_free(searcher);
	hnsw_close(index);
	return rc;
}

/* A byte of a code, and of a vector whose code is good. */
static void test_damage(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset s = whole_numbers(CEL_F32, 20, 800, 0, 255, 0, &random);
	const char *path = temporary_path("damage");
	struct hnsw_index *index = vectorset_index(&s, &PARAMS, 1, path);
	uint64_t codes = index->layout.sections[SECTION_CODES].offset, vectors = index->layout.sections[SECTION_VECTORS].offset;
	uint32_t record, node;
	assert_int_equal(index_find_record(index, vectorset_id(&s, 77), &record, NULL), 1);
	assert_int_equal(index_record_node(index, record, &node, NULL), 0);
	codes += node * index->graph.code_stride;
	vectors += node * index->vector_size;
	hnsw_close(index);
	size_t size;
	uint8_t *file = file_read(path, &size);
	assert_int_equal(ask(path, &s, 77, 0), 0);
	assert_int_equal(ask(path, &s, 77, 0.25), 0);
	while (file[codes] <= 128) /* one less, and the distance grows by 2 (code - 128): it stays among the answers */
		codes++;
	file[codes]--;
	file_put(path, file, size);
	assert_int_equal(ask(path, &s, 77, 0), CEL_ECORRUPT);
	file[codes]++;
	file[vectors + 4 * 7] ^= 1;
	file_put(path, file, size);
	assert_int_equal(ask(path, &s, 77, 0), 0); /* the vector was not looked at */
	assert_int_equal(ask(path, &s, 77, 0.25), CEL_ECORRUPT);
	free(file);
	vectorset_free(&s);
}

/* Its value is part of the format; sizes around words and lanes; each bit counts. */
static void test_checksum(void **state)
{
	(void)state;
	uint8_t bytes[100];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(i * 7 + 1);
	assert_true(checksum(bytes, 0) == 0x973638d3ce0f3ad5);
	assert_true(checksum(bytes, 100) == 0x7cf90f548504a8c1);
	for (size_t size = 1; size <= sizeof bytes; size++) {
		uint64_t good = checksum(bytes, size);
		assert_true(good != checksum(bytes, size - 1));
		for (size_t bit = 0; bit < size * 8; bit++) {
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_true(checksum(bytes, size) != good);
			bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		if (size < sizeof bytes) {
			uint8_t kept = bytes[size];
			bytes[size] = (uint8_t)~kept; /* what lies behind does not */
			assert_true(checksum(bytes, size) == good);
			bytes[size] = kept;
		}
	}
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
		cmocka_unit_test(test_checksum), cmocka_unit_test(test_distances),
		cmocka_unit_test(test_far),      cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, clean);
}
