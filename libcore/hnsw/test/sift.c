/* SPDX-License-Identifier: Apache-2.0 */
/* Walks that go by the sketches beside the links: with unbounded caution they find what they find without, with the usual one
 * nearly that for far fewer distances; rows are the same for any number of threads and places. */
#include "vectorset.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "quantise.h"
#include "rows.h"
#include "walk.h"

enum { N = 1500, DIM = 300, DIRECTIONS = 128 };

static uint64_t n_computed;
static struct simd_kernels counting;

static void count_dots(const int8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals, size_t count,
		       size_t n, int32_t *out)
{
	n_computed += count;
	simd_select()->dot_u8_i8_many(query, base, stride, ordinals, count, n, out);
}

/* A graph whose rows are the nearest of some nodes each, and rows of it as in a file. */
struct scene {
	struct layout layout;
	struct vectorset set;
	float *offset;
	uint8_t *codes, *rows;
	uint32_t *links;
	size_t rows_size, put;
	struct sketcher sketcher;
	struct graph plain, sifted;
};

static int put_rows(void *context, const uint8_t *rows, size_t size, struct cel_error *e)
{
	(void)e;
	struct scene *s = context;
	assert_true(s->put + size <= s->rows_size);
	memcpy(s->rows + s->put, rows, size);
	s->put += size;
	return 0;
}

static void make_rows(struct scene *s, const uint8_t *before, uint32_t threads)
{
	struct team *team;
	struct rows_sink sink = {put_rows, s};
	assert_int_equal(team_new(threads, &team, NULL), 0);
	s->put = 0;
	assert_int_equal(rows_make(&s->plain, &s->sketcher, &s->layout, before, team, &sink, NULL), 0);
	assert_int_equal(s->put, s->rows_size);
	team_free(team);
}

static int key_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* The nearest of 200 nodes at random, and some others; rows are not all full. */
static void link_nodes(struct scene *s, uint64_t *random)
{
	uint32_t width = 2 * s->layout.params.M, ordinals[200], distances[200];
	struct walk w;
	assert_int_equal(walk_init(&w, s->plain.code_stride, 1, NULL), 0);
	for (uint32_t node = 0; node < N; node++) {
		uint64_t keys[200], count = 1 + random_next(random) % width;
		for (uint32_t i = 0; i < 200; i++)
			ordinals[i] = (uint32_t)(random_next(random) % N);
		walk_node_query(&s->plain, node, &w.query);
		walk_distances(&w.query, &s->plain, ordinals, 200, distances);
		for (uint32_t i = 0; i < 200; i++)
			keys[i] = key_make(distances[i], ordinals[i]);
		qsort(keys, 200, sizeof *keys, key_compare);
		for (uint32_t i = 0; i < width; i++)
			s->links[node * width + i] = i >= count ? LINK_NONE : key_ordinal(keys[i % 2 == 0 ? i : 199 - i]);
	}
	walk_release(&w);
}

static struct scene *scene_new(uint32_t M, uint64_t *random)
{
	struct scene *s = calloc(1, sizeof *s);
	s->set = vectorset_new(CEL_F32, CEL_L2, DIM, N + 60, 30, 0.5, random);
	s->layout = (struct layout){.params = {.M = M}, .n_directions = DIRECTIONS};
	s->offset = calloc(2 * DIM, sizeof *s->offset);
	struct quantiser q = {.kernels = simd_select(), .type = CEL_F32, .metric = CEL_L2, .dim = DIM};
	assert_int_equal(quantise_train(&q, s->offset, s->set.vectors, N + 60, NULL), 0);
	size_t stride = quantise_stride(DIM);
	s->codes = mem_alloc_aligned(64, (N + 60) * stride);
	for (size_t i = 0; i < N + 60; i++) /* the last ones are queries */
		quantise_row(&q, vectorset_vector(&s->set, i).data, s->offset + DIM, s->codes + i * stride);
	assert_int_equal(sketcher_init(&s->sketcher, simd_select(), DIM, DIRECTIONS, 0.3f, NULL), 0);
	s->links = malloc((size_t)N * 2 * M * sizeof *s->links);
	counting = *simd_select();
	counting.dot_u8_i8_many = count_dots;
	s->plain = (struct graph){
		.kernels = &counting, .n_nodes = N, .n_levels = 1, .level_count = {N}, .width = {2 * M}, .pitch = {2 * M},
		.links = {s->links}, .codes = s->codes, .code_stride = stride, .metric = CEL_L2, .dim = DIM,
	};
	link_nodes(s, random);
	s->rows_size = (size_t)N * layout_row_size(M, DIRECTIONS);
	s->rows = mem_alloc_aligned(64, s->rows_size);
	make_rows(s, NULL, 1);
	s->sifted = s->plain;
	s->sifted.links[0] = (const void *)s->rows;
	s->sifted.pitch[0] = (uint32_t)layout_row_size(M, DIRECTIONS) / 4;
	s->sifted.sketcher = &s->sketcher;
	return s;
}

static void scene_free(struct scene *s)
{
	sketcher_release(&s->sketcher);
	vectorset_free(&s->set);
	mem_free(s->codes);
	mem_free(s->rows);
	free(s->links);
	free(s->offset);
	free(s);
}

static void search(struct walk *w, const struct graph *g, uint32_t query, const uint64_t *masked, uint32_t ef)
{
	walk_node_query(g, query, &w->query);
	walk_sketch_query(w, g);
	walk_descend(w, g, 0);
	if (masked != NULL)
		walk_beam_masked(w, g, masked, 1, ef);
	else
		walk_beam(w, g, 0, 1, ef);
	assert_false(w->is_corrupt);
}

static void check_scene(uint32_t M, const uint64_t *masked, uint64_t *random)
{
	struct scene *s = scene_new(M, random);
	struct walk a, b;
	uint64_t plain = 0, sifted = 0, same = 0, total = 0;
	assert_int_equal(walk_init(&a, s->plain.code_stride, 200, NULL), 0);
	assert_int_equal(walk_init(&b, s->plain.code_stride, 200, NULL), 0);
	assert_int_equal(walk_use_sketches(&b, NULL), 0);
	for (uint32_t q = N; q < N + 60; q++) {
		uint32_t ef = 1 + (uint32_t)(random_next(random) % 50);
		n_computed = 0;
		search(&a, &s->plain, q, masked, ef);
		plain += n_computed;
		s->sketcher.caution = 1e9f;
		search(&b, &s->sifted, q, masked, ef);
		assert_int_equal(a.size, b.size);
		assert_memory_equal(a.pool, b.pool, a.size * sizeof *a.pool);
		s->sketcher.caution = 0.3f;
		n_computed = 0;
		search(&b, &s->sifted, q, masked, ef);
		sifted += n_computed;
		for (uint32_t i = 0, j = 0; i < a.size; i++) {
			while (j < b.size && b.pool[j] < a.pool[i])
				j++;
			same += j < b.size && b.pool[j] == a.pool[i];
		}
		total += a.size;
	}
	print_message("# M %u: %.1f %% of the distances, %.1f %% of the nodes\n", M, 100.0 * (double)sifted / (double)plain,
		      100.0 * (double)same / (double)total);
	assert_true(sifted * 10 < plain * 8);
	assert_true(same * 10 > total * 8);
	walk_release(&a);
	walk_release(&b);
	scene_free(s);
}

/* Rows of one sketch, of a part of one, and of two and a half. */
static void test_walks(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	check_scene(16, NULL, &random);
	check_scene(5, NULL, &random);
	check_scene(40, NULL, &random);
}

static void test_masked(void **state)
{
	(void)state;
	uint64_t random = test_seed(), masked[N / 64 + 1];
	for (size_t i = 0; i < sizeof masked / sizeof *masked; i++)
		masked[i] = random_next(&random) & random_next(&random);
	check_scene(16, masked, &random);
}

static void test_rows(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct scene *s = scene_new(12, &random);
	uint8_t *first = malloc(s->rows_size);
	memcpy(first, s->rows, s->rows_size);
	for (uint32_t threads = 2; threads <= 4; threads++) {
		make_rows(s, NULL, threads);
		assert_memory_equal(first, s->rows, s->rows_size);
	}
	s->codes[77 * s->plain.code_stride + 5] ^= 64; /* negative control */
	make_rows(s, NULL, 2);
	assert_memory_not_equal(first, s->rows, s->rows_size);
	make_rows(s, first, 2); /* made of other codes: nothing is looked at but links */
	assert_memory_equal(first, s->rows, s->rows_size);
	free(first);
	scene_free(s);
}

/* With rows of before, some of whose links have changed, the same come out as without. */
static void test_rows_again(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct scene *s = scene_new(20, &random);
	uint8_t *before = malloc(s->rows_size), *wanted = malloc(s->rows_size);
	memcpy(before, s->rows, s->rows_size);
	for (uint32_t node = 0; node < N; node += 3)
		s->links[node * 40 + random_next(&random) % 40] = node % 2 == 0 ? LINK_NONE : node / 2;
	make_rows(s, NULL, 1);
	memcpy(wanted, s->rows, s->rows_size);
	assert_memory_not_equal(before, wanted, s->rows_size);
	make_rows(s, before, 2);
	assert_memory_equal(wanted, s->rows, s->rows_size);
	free(before);
	free(wanted);
	scene_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walks), cmocka_unit_test(test_masked), cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
