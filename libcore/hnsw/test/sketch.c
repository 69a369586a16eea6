/* SPDX-License-Identifier: Apache-2.0 */
/* Sketches: the same bytes everywhere (golden digests, every instruction set), estimates without bias and with no more error
 * than theory gives them, and the corners: empty places, equal codes, one dimension, extremes. An estimate is found by asking
 * sketch_sift about bounds. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "graph.h"
#include "hash.h"
#include "sketch.h"
#include "vectorset.h"

static const char *const NAMES[] = {"scalar", "avx2", "avx512", "neon"};
static uint64_t state;

/* Rows of codes around a few centres: node 0, its neighbours 1..32, and the last as a query. */
struct scene {
	struct sketcher sketcher;
	uint8_t *codes, *sketch;
	uint32_t links[SKETCH_PLACES];
	struct query_code query;
	struct sketch_query asked;
	uint32_t distance; /* from the query to node 0 */
};
#define ROWS 34u
#define QUERY 33u

static uint8_t *code(const struct scene *s, uint32_t node)
{
	return s->codes + node * s->sketcher.code_stride;
}

static void scene_ask(struct scene *s)
{
	sketch_encode(&s->sketcher, s->codes, 0, s->links, s->sketch);
	quantise_row_query(CEL_L2, s->sketcher.dim, code(s, QUERY), &s->query);
	sketch_query_set(&s->sketcher, &s->query, &s->asked);
	s->distance = s->sketcher.kernels->l2sq_u8(code(s, 0), code(s, QUERY), s->sketcher.dim);
}

/* spread: of neighbours and query around the node. */
static struct scene scene_new(const struct simd_kernels *kernels, uint32_t dim, uint32_t directions, int spread,
			      uint64_t *random)
{
	struct scene s = {0};
	struct cel_error e;
	assert_int_equal(sketcher_init(&s.sketcher, kernels, dim, directions, 0, &e), 0);
	size_t stride = s.sketcher.code_stride;
	s.codes = aligned_alloc(64, ROWS * stride);
	s.sketch = aligned_alloc(64, sketch_size(directions));
	s.query.values = aligned_alloc(64, stride);
	memset(s.codes, 0x55, ROWS * stride); /* what is behind the elements does not count */
	for (uint32_t d = 0; d < dim; d++) {
		s.codes[d] = (uint8_t)(64 + random_next(random) % 128);
		for (uint32_t row = 1; row < ROWS; row++) {
			int v = s.codes[d] + (int)(random_next(random) % (unsigned)(2 * spread + 1)) - spread;
			s.codes[row * stride + d] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
		}
	}
	for (uint32_t i = 0; i < SKETCH_PLACES; i++)
		s.links[i] = i + 1;
	scene_ask(&s);
	return s;
}

static void scene_free(struct scene *s)
{
	sketcher_release(&s->sketcher);
	free(s->codes);
	free(s->sketch);
	free(s->query.values);
}

static uint32_t sift(const struct scene *s, uint32_t bound)
{
	return sketch_sift(&s->sketcher, &s->asked, s->sketch, s->distance, bound);
}

/* The largest bound at which the place is not yet taken for nearer: its estimated distance, rounded down. */
static uint32_t estimate(const struct scene *s, uint32_t place)
{
	uint32_t low = 0, high = UINT32_MAX - 1;
	if ((sift(s, low) >> place & 1) != 0)
		return 0;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if ((sift(s, middle) >> place & 1) != 0)
			high = middle;
		else
			low = middle;
	}
	return low;
}

static double truth(const struct scene *s, uint32_t place)
{
	return s->sketcher.kernels->l2sq_u8(code(s, s->links[place]), code(s, QUERY), s->sketcher.dim);
}

/* ---- the same everywhere */

static const struct {
	uint32_t dim, directions;
	const char *digest; /* the first 8 bytes */
} GOLDEN[] = {
	{1, 64, "f00157b3a11290d4"}, {20, 64, "9ad78f8c60d7ce79"}, {64, 64, "885816ac5555cb4c"},
	{65, 64, "110da0148d226f74"}, {100, 64, "c0efc772af00beb0"}, {100, 128, "66d4434fd28d3b6d"},
	{128, 128, "e5b159186fe5d5e6"}, {129, 128, "d4487dd3d1bc5acc"}, {784, 64, "281931dc2dcba2c3"},
	{784, 128, "d3c24c25214889d9"}, {784, 256, "36f9102863ce5606"}, {1536, 128, "cabd089795e305de"},
	{1536, 256, "06acaf9089d7dd09"}, {4096, 128, "84617fafe2f1b68b"}, {65535, 256, "2f8cb5af9946236f"},
};
#define N_GOLDEN (sizeof GOLDEN / sizeof *GOLDEN)

static void digest_scene(const struct simd_kernels *kernels, uint32_t dim, uint32_t directions, bool is_changed, char hex[17])
{
	uint64_t random = dim;
	struct scene s = scene_new(kernels, dim, directions, 60, &random);
	if (is_changed)
		code(&s, 7)[dim - 1] ^= 1;
	s.links[3] = s.links[31] = LINK_NONE;
	scene_ask(&s);
	struct sha256 sum;
	uint8_t digest[SHA256_SIZE];
	sha256_init(&sum);
	sha256_update(&sum, s.sketch, sketch_size(directions));
	sha256_update(&sum, s.asked.tables, directions * 8);
	for (uint32_t i = 0; i < 64; i++) { /* the floats too */
		uint32_t mask = sift(&s, (uint32_t)(random_next(&random) % (2ull * s.distance + 1)));
		sha256_update(&sum, &mask, sizeof mask);
	}
	sha256_final(&sum, digest);
	for (int i = 0; i < 8; i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	scene_free(&s);
}

static void test_golden(void **unused)
{
	(void)unused;
	char hex[17], other[17];
	bool is_good = true;
	for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++) {
		const struct simd_kernels *kernels = simd_by_name(NAMES[n]);
		for (size_t i = 0; i < N_GOLDEN && kernels != NULL; i++) {
			digest_scene(kernels, GOLDEN[i].dim, GOLDEN[i].directions, false, hex);
			if (strcmp(hex, GOLDEN[i].digest) != 0) {
				print_error("%s: {%u, %u, \"%s\"},\n", NAMES[n], GOLDEN[i].dim, GOLDEN[i].directions, hex);
				is_good = false;
			}
		}
	}
	assert_true(is_good);
	digest_scene(simd_by_name("scalar"), 784, 128, true, other); /* negative control */
	digest_scene(simd_by_name("scalar"), 784, 128, false, hex);
	assert_string_not_equal(hex, other);
}

/* ---- estimates */

struct errors {
	double mean, deviation, of_mean;
};

/* Of estimates of distance^2, in |q-c| |n-c|; 0.5 for what finding them rounds off. */
static struct errors survey(uint32_t dim, uint32_t directions, int spread, size_t scenes, uint8_t damage)
{
	double sum = 0, squares = 0, n = 0;
	for (size_t i = 0; i < scenes; i++) {
		struct scene s = scene_new(simd_select(), dim, directions, spread, &state);
		for (size_t at = 4 * SKETCH_PLACES; at < sketch_size(directions); at += 2)
			s.sketch[at] ^= damage;
		for (uint32_t place = 0; place < SKETCH_PLACES; place++) {
			double o = s.sketcher.kernels->l2sq_u8(code(&s, 0), code(&s, s.links[place]), dim);
			double error = (estimate(&s, place) + 0.5 - truth(&s, place)) / sqrt(o * s.distance);
			sum += error;
			squares += error * error;
			n++;
		}
		scene_free(&s);
	}
	double variance = squares / n - sum / n * (sum / n);
	return (struct errors){sum / n, sqrt(variance), sqrt(variance / n)};
}

/* 2 (q-c).o has, from S signs of random directions, an error of 2 sqrt(pi/2 / S) |q-c| |o| if the directions are few of many,
 * and of 2 sqrt((pi/2 - 1) / S) if they are all there are. */
static double theory(uint32_t dim, uint32_t directions)
{
	double kept = dim <= directions ? 1 : (double)directions / dim;
	return 2 * sqrt((1.5708 - kept) / directions);
}

static void test_estimates(void **unused)
{
	(void)unused;
	static const struct {
		uint32_t dim, directions;
		int spread;
	} CASES[] = {{100, 64, 50}, {100, 128, 50}, {128, 128, 20}, {784, 64, 50}, {784, 128, 50}, {784, 256, 20}, {1536, 128, 30}};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		double expected = theory(CASES[i].dim, CASES[i].directions);
		struct errors e = survey(CASES[i].dim, CASES[i].directions, CASES[i].spread, 40 * test_scale(), 0);
		print_message("# dim %u, %u directions: bias %.4f +- %.4f, deviation %.4f, theory %.4f\n", CASES[i].dim,
			      CASES[i].directions, e.mean, e.of_mean, e.deviation, expected);
		/* Places of one scene share node and query: their errors are not independent. */
		assert_true(fabs(e.mean) < 0.02 + 6 * e.of_mean);
		assert_true(e.deviation < 1.2 * expected);
	}
	struct errors e = survey(784, 128, 50, 40, 0x11); /* negative control: one sign of eight is wrong */
	assert_true(e.deviation > 1.2 * theory(784, 128));
}

static void test_caution(void **unused)
{
	(void)unused;
	struct scene s = scene_new(simd_select(), 784, 128, 50, &state);
	uint32_t bound = 2 * s.distance, strict = sift(&s, bound); /* about half of the neighbours are nearer */
	s.sketcher.caution = 2;
	uint32_t loose = sift(&s, bound);
	assert_true((strict & ~loose) == 0);
	assert_true(loose != strict);
	scene_free(&s);
}

/* ---- corners */

static void test_places(void **unused)
{
	(void)unused;
	for (uint32_t filled = 0; filled <= SKETCH_PLACES; filled++) {
		struct scene s = scene_new(simd_select(), 70, 64, 50, &state);
		for (uint32_t i = filled; i < SKETCH_PLACES; i++)
			s.links[i] = LINK_NONE;
		scene_ask(&s);
		uint32_t all = (uint32_t)((1ull << filled) - 1);
		assert_int_equal(sift(&s, UINT32_MAX), all);
		assert_int_equal(sift(&s, UINT32_MAX - 1), all);
		scene_free(&s);
	}
}

/* A neighbour with the node's own code is as far as the node. */
static void test_equal_codes(void **unused)
{
	(void)unused;
	struct scene s = scene_new(simd_select(), 300, 128, 40, &state);
	memcpy(code(&s, 5), code(&s, 0), 300);
	scene_ask(&s);
	assert_true(fabs(estimate(&s, 4) + 0.5 - s.distance) <= 1 + s.distance * 1e-6);
	memset(code(&s, QUERY), 0, 300);
	memcpy(code(&s, QUERY), code(&s, 0), 300); /* the query is the node: every estimate is a sum of roundings */
	scene_ask(&s);
	assert_int_equal(s.distance, 0);
	for (uint32_t i = 0; i < SKETCH_PLACES; i++)
		assert_true(fabs(estimate(&s, i) - truth(&s, i)) <= 0.1 * truth(&s, i) + 1);
	scene_free(&s);
}

static void test_extremes(void **unused)
{
	(void)unused;
	static const uint32_t DIMS[] = {1, 2, 63, 64, 784, 65535};
	for (size_t i = 0; i < sizeof DIMS / sizeof *DIMS; i++) {
		for (uint32_t directions = SKETCH_DIRECTIONS_MIN; directions <= SKETCH_DIRECTIONS_MAX; directions *= 2) {
			struct scene s = scene_new(simd_select(), DIMS[i], directions, 255, &state);
			for (uint32_t row = 0; row < ROWS; row++)
				memset(code(&s, row), row % 2 == 0 ? 255 : 0, DIMS[i]);
			scene_ask(&s);
			assert_int_equal(sift(&s, UINT32_MAX), UINT32_MAX);
			/* The query equals the odd ones and is as far from the node as can be. */
			assert_int_equal(sift(&s, s.distance / 2) & 0x55555555u, 0x55555555u);
			scene_free(&s);
		}
	}
}

static void test_memory(void **unused)
{
	(void)unused;
	struct sketcher s;
	struct cel_error e = {0};
	mem_fault_set(1);
	assert_int_equal(sketcher_init(&s, simd_select(), 100, 128, 0, &e), CEL_ENOMEM);
	mem_fault_set(0);
	sketcher_release(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden), cmocka_unit_test(test_estimates),   cmocka_unit_test(test_caution),
		cmocka_unit_test(test_places), cmocka_unit_test(test_equal_codes), cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_memory),
	};
	state = test_seed();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
