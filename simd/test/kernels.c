/* SPDX-License-Identifier: Apache-2.0 */
/* Every kernel of every table that this machine can run against the scalar file: lengths around every vector width, every
 * alignment, values that overflow, vanish or reach the extremes, and memory that ends exactly where the vector does. Each
 * table counts once, however many subsets of the features lead to it. The last test plants bugs and sees them caught. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "compare.h"

static struct variants variants;
static uint64_t state;
/* One arena a vector: [type][which]; types are f32, f16, bf16, bytes. */
static struct arena arenas[4][2];

static uint8_t *put(struct arena *arena, size_t size, size_t offset, bool at_end)
{
	return at_end ? arena->end - size - offset : arena->start + offset;
}

/* Fills a pair of random vectors, `offset` bytes from the end (or the start) of their arenas. */
static struct pair make_pair(size_t n, enum sample_kind kind, size_t offset_a, size_t offset_b, bool at_end)
{
	static const size_t SIZE[4] = {4, 2, 2, 1};
	static void (*const FILL[4])(void *, size_t, enum sample_kind, uint64_t *) = {sample_f32, sample_f16,
										       sample_bf16, sample_bytes};
	void *at[4][2];
	for (size_t type = 0; type < 4; type++) {
		for (size_t which = 0; which < 2; which++) {
			size_t offset = which == 0 ? offset_a : offset_b;
			at[type][which] = put(&arenas[type][which], n * SIZE[type], offset, at_end);
			FILL[type](at[type][which], n, kind, &state);
		}
	}
	return (struct pair){
		.n = n,
		.f32 = {at[0][0], at[0][1]},
		.f16 = {at[1][0], at[1][1]},
		.bf16 = {at[2][0], at[2][1]},
		.bytes = {at[3][0], at[3][1]},
	};
}

static void check_pair(const struct pair *pair, const char *what)
{
	for (size_t v = 1; v < variants.count; v++) {
		const char *wrong = compare_pair(&variants.table[v], &variants.table[0], pair);
		if (wrong != NULL)
			fail_msg("%s of %s (features %#x) differs at n = %zu, %s", wrong, variants.table[v].name,
				 variants.features[v], pair->n, what);
	}
}

static void check_length(size_t n)
{
	for (int kind = 0; kind < N_KINDS; kind++) {
		struct pair pair = make_pair(n, (enum sample_kind)kind, 0, 0, true);
		check_pair(&pair, "flush with the end");
		pair = make_pair(n, (enum sample_kind)kind, 0, 0, false);
		check_pair(&pair, "flush with the start");
	}
}

static void test_lengths(void **unused)
{
	(void)unused;
	for (size_t n = 0; n <= 300; n++)
		check_length(n);
	for (unsigned round = 0; round < sample_scale(); round++) {
		for (size_t multiple = 320; multiple <= 1024; multiple += 64) {
			for (size_t n = multiple - 1; n <= multiple + 1; n++)
				check_length(n);
		}
		static const size_t LONG[] = {784, 1000, 1536, 4096, 10007, SAMPLE_MAX};
		for (size_t i = 0; i < sizeof LONG / sizeof LONG[0]; i++)
			check_length(LONG[i]);
	}
}

static void test_misaligned(void **unused)
{
	(void)unused;
	static const size_t LENGTHS[] = {1, 15, 31, 33, 64, 100, 127, 129, 784};
	for (size_t i = 0; i < sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
		for (size_t offset = 0; offset < 64; offset++) {
			struct pair pair = make_pair(LENGTHS[i], KIND_WIDE, offset, (offset * 7 + 3) % 64, false);
			check_pair(&pair, "misaligned");
		}
	}
}

static void test_extremes(void **unused)
{
	(void)unused;
	static const uint8_t VALUES[] = {0, 1, 127, 128, 255};
	static const size_t LENGTHS[] = {63, 64, 65, 784, 4096, 65504, 65534, SAMPLE_MAX};
	for (size_t i = 0; i < sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
		struct pair pair = make_pair(LENGTHS[i], KIND_PLAIN, 0, 0, true);
		for (size_t j = 0; j < sizeof VALUES * sizeof VALUES; j++) {
			memset((void *)pair.bytes[0], VALUES[j / sizeof VALUES], pair.n);
			memset((void *)pair.bytes[1], VALUES[j % sizeof VALUES], pair.n);
			check_pair(&pair, "all elements extreme");
		}
	}
	/* 65535 * 255 * 255: more than an int32_t holds. */
	struct pair pair = make_pair(SAMPLE_MAX, KIND_PLAIN, 0, 0, true);
	memset((void *)pair.bytes[0], 255, pair.n);
	memset((void *)pair.bytes[1], 0, pair.n);
	for (size_t v = 0; v < variants.count; v++) {
		const struct simd_kernels *k = &variants.table[v];
		assert_true(k->l2sq_u8(pair.bytes[0], pair.bytes[1], pair.n) == 4261413375u);
		assert_true(k->dot_u8(pair.bytes[0], pair.bytes[0], pair.n) == 4261413375u);
		assert_true(k->hamming_b1(pair.bytes[0], pair.bytes[1], pair.n) == 8 * 65535);
	}
}

/* Sums that overflow are infinite, and NaN where both infinities meet, with the same bits for all. */
static void test_overflow(void **unused)
{
	(void)unused;
	float big[64], mixed[64];
	for (size_t i = 0; i < 64; i++) {
		big[i] = 3e38f;
		mixed[i] = i % 2 == 0 ? 3e38f : -3e38f;
	}
	float nan = __builtin_nanf("");
	for (size_t v = 0; v < variants.count; v++) {
		const struct simd_kernels *k = &variants.table[v];
		for (size_t n = 1; n <= 64; n++) {
			assert_true(k->dot_f32(big, big, n) == __builtin_inff());
			float dot = k->dot_f32(big, mixed, n);
			assert_true(n == 1 ? dot == __builtin_inff() : memcmp(&dot, &nan, sizeof dot) == 0);
			float far = k->l2sq_f32(big, mixed, n);
			assert_true(n == 1 ? far == 0 : far == __builtin_inff());
		}
	}
}

/* Random ordinals, with repetitions; the last row of all ends at the guard page. */
static void check_many(size_t n, size_t count, size_t gap)
{
	uint32_t ordinals[40];
	size_t n_rows = 1 + sample_next(&state) % 50;
	for (size_t i = 0; i < count; i++)
		ordinals[i] = (uint32_t)(i == count / 2 ? n_rows - 1 : sample_next(&state) % n_rows);
	struct rows rows = {.n = n, .count = count, .ordinals = ordinals};
	enum sample_kind kind = (enum sample_kind)(sample_next(&state) % N_KINDS);

	rows.stride = 4 * n + gap;
	size_t size = (n_rows - 1) * rows.stride + 4 * n;
	uint8_t *base = arenas[0][0].end - size;
	for (size_t i = 0; i < n_rows; i++)
		sample_f32(base + i * rows.stride, n, kind, &state);
	rows.base = base;
	void *query = arenas[0][1].end - 4 * n;
	sample_f32(query, n, kind, &state);
	for (size_t v = 0; v < variants.count; v++) {
		const char *wrong = compare_many_f32(&variants.table[v], &variants.table[0], query, &rows);
		if (wrong != NULL)
			fail_msg("%s of %s: n = %zu, count = %zu", wrong, variants.table[v].name, n, count);
	}

	rows.stride = n + gap;
	size = (n_rows - 1) * rows.stride + n;
	base = arenas[3][0].end - size;
	sample_bytes(base, size, kind, &state);
	rows.base = base;
	query = arenas[3][1].end - n;
	sample_bytes(query, n, kind, &state);
	for (size_t v = 0; v < variants.count; v++) {
		const char *wrong = compare_many_bytes(&variants.table[v], &variants.table[0], query, &rows);
		if (wrong != NULL)
			fail_msg("%s of %s: n = %zu, count = %zu", wrong, variants.table[v].name, n, count);
	}
}

static void test_many(void **unused)
{
	(void)unused;
	static const size_t LENGTHS[] = {0, 1, 7, 31, 32, 33, 63, 64, 65, 100, 128, 200, 784};
	for (size_t i = 0; i < sizeof LENGTHS / sizeof LENGTHS[0]; i++) {
		for (size_t count = 0; count <= 40; count += count < 18 ? 1 : 11)
			check_many(LENGTHS[i], count, sample_next(&state) % 2 == 0 ? 0 : sample_next(&state) % 70);
	}
}

/* ---- negative controls */

static float float_of_doubles(const float *a, const float *b, size_t n)
{
	double s = 0; /* more exact, and wrong all the same */
	for (size_t i = 0; i < n; i++)
		s += (double)a[i] * (double)b[i];
	return (float)s;
}

static uint32_t without_tail(const uint8_t *a, const uint8_t *b, size_t n)
{
	return variants.table[0].l2sq_u8(a, b, n & ~(size_t)1);
}

static int32_t saturating(const uint8_t *a, const int8_t *b, size_t n)
{
	int32_t s = 0;
	for (size_t i = 0; i < n; i += 2) {
		int32_t two = a[i] * b[i] + (i + 1 < n ? a[i + 1] * b[i + 1] : 0);
		s += two > 32767 ? 32767 : two < -32768 ? -32768 : two;
	}
	return s;
}

static void too_many(const uint8_t *query, const uint8_t *base, size_t stride, const uint32_t *ordinals, size_t count,
		     size_t n, uint32_t *out)
{
	variants.table[0].l2sq_u8_many(query, base, stride, ordinals, count, n, out);
	out[count] = 0;
}

static void test_planted_bugs(void **unused)
{
	(void)unused;
	const struct simd_kernels *good = &variants.table[0];
	struct simd_kernels bad = *good;
	struct pair pair = make_pair(101, KIND_HUGE, 0, 0, true);
	assert_null(compare_pair(&bad, good, &pair));
	bad.l2sq_u8 = without_tail;
	memset((void *)(pair.bytes[0] + 100), 7, 1);
	memset((void *)(pair.bytes[1] + 100), 9, 1);
	assert_string_equal(compare_pair(&bad, good, &pair), "l2sq_u8");
	bad = *good;
	bad.dot_u8_i8 = saturating;
	assert_string_equal(compare_pair(&bad, good, &pair), "dot_u8_i8");
	bad = *good;
	bad.dot_f32 = float_of_doubles;
	pair = make_pair(1000, KIND_PLAIN, 0, 0, true);
	assert_string_equal(compare_pair(&bad, good, &pair), "dot_f32");
	bad = *good;
	bad.l2sq_u8_many = too_many;
	uint32_t ordinal = 0;
	struct rows rows = {.n = 10, .stride = 10, .count = 1, .ordinals = &ordinal, .base = pair.bytes[0]};
	assert_null(compare_many_bytes(good, good, pair.bytes[1], &rows));
	assert_string_equal(compare_many_bytes(&bad, good, pair.bytes[1], &rows), "bytes_many wrote too far");
}

/* One byte too far ends the process. */
static void test_guard(void **unused)
{
	(void)unused;
	struct pair pair = make_pair(100, KIND_PLAIN, 0, 0, true);
	for (size_t extra = 0; extra < 2; extra++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			if (freopen("/dev/null", "w", stderr) == NULL) /* a sanitizer's complaint */
				_exit(9);
			signal(SIGSEGV, SIG_DFL); /* cmocka catches it */
			(void)variants.table[0].dot_u8(pair.bytes[0], pair.bytes[1], pair.n + extra);
			_exit(0);
		}
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true((extra == 0) == (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	}
}

static int setup(void **unused)
{
	(void)unused;
	state = sample_seed();
	variants_collect(&variants);
	for (size_t i = 0; i < variants.count; i++)
		printf("# %s, features %#x\n", variants.table[i].name, variants.features[i]);
	for (size_t type = 0; type < 4; type++) {
		for (size_t which = 0; which < 2; which++)
			arenas[type][which] = arena_new(4 * SAMPLE_MAX + 64);
	}
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	for (size_t type = 0; type < 4; type++) {
		for (size_t which = 0; which < 2; which++)
			arena_free(&arenas[type][which]);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lengths),      cmocka_unit_test(test_misaligned), cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_overflow),     cmocka_unit_test(test_many),       cmocka_unit_test(test_guard),
		cmocka_unit_test(test_planted_bugs),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
