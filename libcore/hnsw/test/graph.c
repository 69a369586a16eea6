/* SPDX-License-Identifier: Apache-2.0 */
/* The parts below a build: codes, levels, the walk and pruning, each against the plain way of doing it. */
#include "vectorset.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "codes.h"
#include "levels.h"
#include "prune.h"
#include "quantise.h"
#include "walk.h"

struct rows {
	struct vectorset set;
	struct quantiser quantiser;
	float *offset, *scratch;
	uint8_t *codes;
	struct graph graph; /* codes only */
};

static struct rows rows_new(enum cel_type type, enum cel_metric metric, uint32_t dim, size_t n, uint64_t *random)
{
	struct rows r = {.set = vectorset_new(type, metric, dim, n, 20, 0.5, random)};
	r.offset = calloc(dim, sizeof *r.offset);
	r.scratch = calloc(dim, sizeof *r.scratch);
	r.quantiser = (struct quantiser){.kernels = simd_select(), .type = type, .metric = metric, .dim = dim};
	assert_int_equal(quantise_train(&r.quantiser, r.offset, r.set.vectors, n, NULL), 0);
	size_t stride = codes_stride(metric, dim);
	r.codes = mem_alloc_aligned(64, n * stride);
	for (size_t i = 0; i < n; i++)
		quantise_row(&r.quantiser, vectorset_vector(&r.set, i).data, r.scratch, r.codes + i * stride);
	r.graph = (struct graph){
		.kernels = simd_select(), .n_nodes = (uint32_t)n, .n_levels = 1, .level_count = {(uint32_t)n},
		.codes = r.codes, .code_stride = stride, .metric = metric, .dim = dim,
	};
	return r;
}

static void rows_free(struct rows *r)
{
	vectorset_free(&r->set);
	free(r->offset);
	free(r->scratch);
	mem_free(r->codes);
}

static uint32_t plain_code_distance(const struct rows *r, uint32_t a, uint32_t b)
{
	uint32_t sum = 0;
	const uint8_t *x = graph_code(&r->graph, a), *y = graph_code(&r->graph, b);
	if (r->graph.metric == CEL_IP) {
		int64_t product = 0;
		for (uint32_t d = 0; d < r->quantiser.dim; d++)
			product += (x[d] - 128) * (y[d] - 128);
		return (uint32_t)(0x80000000 - product);
	}
	for (uint32_t d = 0; d < r->quantiser.dim; d++)
		sum += (uint32_t)((x[d] - y[d]) * (x[d] - y[d]));
	return sum;
}

/* The product with K is the plain distance, at dimensions around the stride; padding and K do not leak in. */
static void test_code_distance(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static const uint32_t DIMS[] = {1, 2, 59, 60, 61, 63, 64, 65, 124, 125, 300};
	for (size_t i = 0; i < sizeof DIMS / sizeof *DIMS; i++) {
		for (int metric = CEL_L2; metric <= CEL_COSINE; metric++) {
			struct rows r = rows_new(CEL_F32, (enum cel_metric)metric, DIMS[i], 50, &random);
			struct walk w;
			assert_int_equal(walk_init(&w, r.graph.code_stride, 10, NULL), 0);
			for (uint32_t a = 0; a < 50; a += 7) {
				uint32_t ordinals[50], distances[50];
				for (uint32_t b = 0; b < 50; b++)
					ordinals[b] = b;
				walk_node_query(&r.graph, a, &w.query);
				walk_distances(&w.query, &r.graph, ordinals, 50, distances);
				for (uint32_t b = 0; b < 50; b++)
					assert_int_equal(distances[b], plain_code_distance(&r, a, b));
				if (metric == CEL_IP)
					continue;
				quantise_query(&r.quantiser, vectorset_vector(&r.set, a).data, r.scratch, &w.query);
				walk_distances(&w.query, &r.graph, ordinals, 50, distances);
				for (uint32_t b = 0; b < 50; b++)
					assert_int_equal(distances[b], plain_code_distance(&r, a, b));
			}
			walk_release(&w);
			rows_free(&r);
		}
	}
}

/* Codes that are no bytes order as the metric does: exactly for bits, but for rounding to a float for places. */
static void test_other_codes(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static const enum cel_metric METRICS[] = {CEL_HAMMING, CEL_JACCARD, CEL_HAVERSINE};
	static const uint32_t DIMS[] = {1, 7, 8, 9, 100, 256, 1000, 5000};
	for (size_t i = 0; i < sizeof METRICS / sizeof *METRICS * sizeof DIMS / sizeof *DIMS; i++) {
		enum cel_metric metric = METRICS[i % 3];
		struct rows r = rows_new(vectorset_some_type(metric, 0), metric, DIMS[i / 3], 300, &random);
		uint32_t ordinals[300], distances[300];
		double plain[300];
		struct walk w;
		assert_int_equal(walk_init(&w, r.graph.code_stride, 10, NULL), 0);
		for (uint32_t b = 0; b < 300; b++) {
			ordinals[b] = b;
			plain[b] = plain_distance(&r.set.schema, vectorset_vector(&r.set, 5).data, vectorset_vector(&r.set, b).data);
		}
		walk_node_query(&r.graph, 5, &w.query);
		walk_distances(&w.query, &r.graph, ordinals, 300, distances);
		assert_int_equal(distances[5], 0);
		for (uint32_t b = 0; b < 300; b++) {
			if (metric == CEL_HAMMING)
				assert_int_equal(distances[b], (uint32_t)plain[b]);
			for (uint32_t c = 0; c < b; c++)
				if (plain[b] > plain[c] * (1 + 1e-6) + 1e-3 * (metric == CEL_HAVERSINE))
					assert_true(distances[b] > distances[c]);
		}
		quantise_query(&r.quantiser, vectorset_vector(&r.set, 5).data, r.scratch, &w.query);
		for (uint32_t b = 0; b < 300; b++) {
			uint32_t distance;
			walk_distances(&w.query, &r.graph, &b, 1, &distance);
			assert_int_equal(distance, distances[b]);
		}
		walk_release(&w);
		rows_free(&r);
	}
}

static void test_whole_numbers_are_lossless(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	for (int type = CEL_I8; type <= CEL_U8; type++) {
		struct rows r = rows_new((enum cel_type)type, CEL_L2, 40, 300, &random);
		assert_true(r.quantiser.scale == 1);
		for (uint32_t i = 1; i < 300; i++) {
			double d = plain_distance(&r.set.schema, vectorset_vector(&r.set, 0).data,
						  vectorset_vector(&r.set, i).data);
			assert_int_equal(plain_code_distance(&r, 0, i), (uint32_t)(d * d + 0.5));
		}
		rows_free(&r);
	}
}

/* Largest possible codes at the largest dimension: nothing overflows. */
static void test_extremes(void **state)
{
	(void)state;
	struct vectorset s = {.schema = {.dim = CEL_DIM_MAX, .type = CEL_U8, .metric = CEL_L2}, .n = 2};
	s.vector_size = CEL_DIM_MAX;
	s.vectors = calloc(2, CEL_DIM_MAX);
	memset(s.vectors + CEL_DIM_MAX, 255, CEL_DIM_MAX);
	struct quantiser q = {.kernels = simd_select(), .type = CEL_U8, .metric = CEL_L2, .dim = CEL_DIM_MAX};
	float *floats = calloc(2 * CEL_DIM_MAX, sizeof *floats);
	assert_int_equal(quantise_train(&q, floats, s.vectors, 2, NULL), 0);
	size_t stride = quantise_stride(CEL_DIM_MAX);
	uint8_t *codes = mem_alloc_aligned(64, 2 * stride);
	for (size_t i = 0; i < 2; i++)
		quantise_row(&q, s.vectors + i * CEL_DIM_MAX, floats + CEL_DIM_MAX, codes + i * stride);
	struct graph g = {.kernels = simd_select(), .n_nodes = 2, .codes = codes, .code_stride = stride,
			  .metric = CEL_L2, .dim = CEL_DIM_MAX};
	struct walk w;
	assert_int_equal(walk_init(&w, stride, 1, NULL), 0);
	uint32_t ordinals[2] = {0, 1}, distances[2];
	for (uint32_t a = 0; a < 2; a++) {
		walk_node_query(&g, a, &w.query);
		walk_distances(&w.query, &g, ordinals, 2, distances);
		assert_int_equal(distances[a], 0);
		assert_true(distances[1 - a] == CEL_DIM_MAX * 255u * 255u);
	}
	walk_release(&w);
	mem_free(codes);
	free(floats);
	free(s.vectors);
}

static void test_levels(void **state)
{
	(void)state;
	enum { N = 200000 };
	uint64_t *hashes = malloc(N * sizeof *hashes), random = test_seed();
	uint32_t count[LEVELS_MAX];
	for (int i = 0; i < N; i++)
		hashes[i] = (uint64_t)i * (UINT64_MAX / N) + random_next(&random) % (UINT64_MAX / N);
	uint32_t levels = levels_count(hashes, N, 16, count);
	assert_int_equal(count[0], N);
	uint32_t expected = N;
	for (uint32_t l = 1; l < levels; l++) {
		expected /= 16;
		assert_in_range(count[l], expected, expected + 1);
	}
	assert_in_range(levels, 4, 6);
	assert_int_equal(levels_count(hashes, 0, 16, count), 0);
	assert_int_equal(levels_count(hashes, 1, 16, count) >= 1, 1);
	assert_true(level_hash(slice_text("a")) != level_hash(slice_text("b")));
	/* SHA-256("celestica hnsw 1" "a"), first 8 bytes: part of the format. */
	assert_true(level_hash(slice_text("a")) == 0x27949be49ec42d1bu);
	free(hashes);
}

static int key_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Algorithm 4 as printed, with keepPrunedConnections; *n_good: how many there are without. */
static uint32_t plain_prune(const struct rows *r, uint64_t *keys, uint32_t count, uint32_t limit, uint32_t *n_good)
{
	uint64_t dropped[400];
	uint32_t kept = 0, n_dropped = 0;
	for (uint32_t i = 0; i < count && kept < limit; i++) {
		bool is_good = true;
		for (uint32_t j = 0; j < kept && is_good; j++)
			is_good = plain_code_distance(r, key_ordinal(keys[i]), key_ordinal(keys[j])) >= key_distance(keys[i]);
		if (is_good)
			keys[kept++] = keys[i];
		else
			dropped[n_dropped++] = keys[i];
	}
	*n_good = kept;
	for (uint32_t i = 0; i < n_dropped && kept < limit; i++)
		keys[kept++] = dropped[i];
	return kept;
}

static void test_prune(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct rows r = rows_new(CEL_F32, CEL_L2, 12, 400, &random);
	struct pruner p;
	assert_int_equal(pruner_init(&p, r.graph.code_stride, 32, NULL), 0);
	for (uint32_t node = 0; node < 100; node++) {
		uint64_t keys[400], expected[400];
		uint32_t count = 0, limit = 1 + (uint32_t)(random_next(&random) % 32);
		uint64_t keep = 1 + random_next(&random) % 400;
		for (uint32_t i = 0; i < 400; i++)
			if (i != node && random_next(&random) % 400 < keep)
				keys[count++] = key_make(plain_code_distance(&r, node, i), i);
		qsort(keys, count, sizeof *keys, key_compare);
		memcpy(expected, keys, sizeof keys);
		uint32_t n_good, n_all = plain_prune(&r, expected, count, limit, &n_good);
		uint32_t n = prune(&p, &r.graph, keys, count, limit);
		assert_int_equal(n, n_good);
		n = prune_fill(&p, keys, n, limit);
		assert_int_equal(n, n_all);
		assert_memory_equal(keys, expected, n * sizeof *keys);
	}
	pruner_release(&p);
	rows_free(&r);
}

static bool is_in(const uint64_t *keys, uint32_t n, uint64_t key)
{
	for (uint32_t i = 0; i < n; i++)
		if ((keys[i] & ~1ull) == key)
			return true;
	return false;
}

/* The beam with an exact visited set, one neighbour at a time: of the ef best, the `step` nearest that are not expanded,
 * until there are none. A step of 1 is the paper's. */
static uint32_t plain_beam(const struct rows *r, const uint32_t *links, uint32_t width, uint32_t query, uint32_t ef,
			   uint32_t step, uint64_t *pool)
{
	uint32_t n = 1;
	pool[0] = key_make(plain_code_distance(r, query, 0), 0);
	for (;;) {
		uint32_t nodes[STEP_NODES_MAX], count = 0;
		for (uint32_t at = 0; at < n && count < step; at++) {
			if ((pool[at] & 1) == 0)
				nodes[count++] = key_ordinal(pool[at]);
			pool[at] |= 1;
		}
		if (count == 0)
			return n;
		for (uint32_t i = 0; i < count * width; i++) {
			uint32_t ordinal = links[(size_t)nodes[i / width] * width + i % width];
			if (ordinal == LINK_NONE)
				continue;
			uint64_t key = key_make(plain_code_distance(r, query, ordinal), ordinal);
			if (is_in(pool, n, key) || (n == ef && key > pool[ef - 1]))
				continue;
			pool[n == ef ? ef - 1 : n++] = key;
			qsort(pool, n, sizeof *pool, key_compare);
		}
	}
}

/* The same pool although the visited table forgets: with a tiny table, too, where a neighbour comes twice in a step. Few
 * nodes: beams that are never full. */
static void check_walk(uint32_t dim, uint32_t n_nodes, uint32_t step, uint64_t *random)
{
	enum { WIDTH = 8 };
	struct rows r = rows_new(CEL_F32, CEL_L2, dim, n_nodes, random);
	uint32_t *links = malloc((size_t)n_nodes * WIDTH * sizeof *links);
	for (uint32_t i = 0; i < n_nodes * WIDTH; i++)
		links[i] = (uint32_t)(random_next(random) % n_nodes);
	for (uint32_t i = 0; i < n_nodes; i++)
		for (uint32_t j = (uint32_t)(random_next(random) % (WIDTH + 1)); j < WIDTH; j++)
			links[i * WIDTH + j] = LINK_NONE;
	r.graph.links[0] = links;
	r.graph.width[0] = r.graph.pitch[0] = WIDTH;
	assert_int_equal(walk_step_nodes(&r.graph, 0), step);
	for (int small = 0; small < 2; small++) {
		struct walk w;
		assert_int_equal(walk_init(&w, r.graph.code_stride, 200, NULL), 0);
		if (small)
			w.visited_limit = 16;
		w.epoch = UINT32_MAX - 20; /* comes round on the way */
		for (uint32_t q = 0; q < 40; q++) {
			uint64_t expected[201];
			uint32_t ef = 1 + (uint32_t)(random_next(random) % 200);
			uint32_t n = plain_beam(&r, links, WIDTH, q, ef, step, expected);
			walk_node_query(&r.graph, q, &w.query);
			walk_descend(&w, &r.graph, 0);
			walk_beam(&w, &r.graph, 0, 1, ef);
			assert_int_equal(w.size, n);
			assert_memory_equal(w.pool, expected, n * sizeof *expected);
			assert_false(w.is_corrupt);
		}
		links[0] = n_nodes; /* out of bounds */
		walk_descend(&w, &r.graph, 0);
		walk_beam(&w, &r.graph, 0, 1, 10);
		assert_true(w.is_corrupt);
		links[0] = 1;
		walk_release(&w);
	}
	free(links);
	rows_free(&r);
}

static void test_walk(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	check_walk(8, 3000, 8, &random);
	check_walk(8, 60, 8, &random);
	check_walk(260, 800, 4, &random);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_code_distance),
		cmocka_unit_test(test_other_codes), cmocka_unit_test(test_whole_numbers_are_lossless),
		cmocka_unit_test(test_extremes),      cmocka_unit_test(test_levels),
		cmocka_unit_test(test_prune),         cmocka_unit_test(test_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
