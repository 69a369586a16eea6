/* SPDX-License-Identifier: Apache-2.0 */
/* The scalar file itself, against judges that share nothing with it: exact integers, long double sums with the error that
 * the number of roundings allows, every 16-bit float by ldexp, and the order of additions by values chosen to betray it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sample.h"

static struct simd_kernels scalar;
static uint64_t state;

static int setup(void **unused)
{
	(void)unused;
	state = sample_seed();
	return simd_table(0, "scalar", &scalar) ? 0 : -1;
}

/* A lane takes n / 32 additions, the halving 5, a term at most 3 roundings (counted double where it is squared). */
static long double allowed(size_t n, long double magnitude)
{
	long double roundings = (long double)(n / SIMD_LANES + 1 + 5 + 4);
	return roundings * 0x1p-24L * 1.001L * magnitude + (long double)n * 0x1p-149L;
}

static void check_close(float got, long double sum, long double magnitude, size_t n, const char *what)
{
	if (!(fabsl((long double)got - sum) <= allowed(n, magnitude)))
		fail_msg("%s, n = %zu: %.9g, but should be %.9Lg", what, n, (double)got, sum);
}

/* By the definition: no bits are taken apart. */
static float from_f16(uint16_t bits)
{
	int exponent = bits >> 10 & 31;
	int mantissa = bits & 1023;
	float magnitude = exponent == 0 ? ldexpf((float)mantissa, -24) : ldexpf((float)(1024 + mantissa), exponent - 25);
	return bits >> 15 != 0 ? -magnitude : magnitude;
}

static float from_bf16(uint16_t bits)
{
	int exponent = bits >> 7 & 255;
	int mantissa = bits & 127;
	float magnitude = exponent == 0 ? ldexpf((float)mantissa, -133) : ldexpf((float)(128 + mantissa), exponent - 134);
	return bits >> 15 != 0 ? -magnitude : magnitude;
}

static void judge(const float *a, const float *b, size_t n, float l2sq, float dot, const char *what)
{
	long double sum_l2sq = 0, sum_dot = 0, magnitude = 0;
	for (size_t i = 0; i < n; i++) {
		long double d = (long double)a[i] - (long double)b[i];
		long double p = (long double)a[i] * (long double)b[i];
		sum_l2sq += d * d;
		sum_dot += p;
		magnitude += fabsl(p);
	}
	check_close(l2sq, sum_l2sq, sum_l2sq, n, what);
	check_close(dot, sum_dot, magnitude, n, what);
}

static void test_floats(void **unused)
{
	(void)unused;
	enum { MAX = 2000 };
	static float a[MAX], b[MAX];
	static uint16_t c[MAX], d[MAX];
	static const enum sample_kind KINDS[] = {KIND_PLAIN, KIND_WIDE, KIND_TINY, KIND_SPARSE};
	for (unsigned round = 0; round < 400 * sample_scale(); round++) {
		size_t n = round < 200 ? round : sample_next(&state) % (MAX + 1);
		enum sample_kind kind = KINDS[round % 4];
		sample_f32(a, n, kind, &state);
		sample_f32(b, n, kind, &state);
		judge(a, b, n, scalar.l2sq_f32(a, b, n), scalar.dot_f32(a, b, n), "f32");
		sample_f16(c, n, kind, &state);
		sample_f16(d, n, kind, &state);
		for (size_t i = 0; i < n; i++) {
			a[i] = from_f16(c[i]);
			b[i] = from_f16(d[i]);
		}
		judge(a, b, n, scalar.l2sq_f16(c, d, n), scalar.dot_f16(c, d, n), "f16");
		sample_bf16(c, n, kind, &state);
		sample_bf16(d, n, kind, &state);
		for (size_t i = 0; i < n; i++) {
			a[i] = from_bf16(c[i]);
			b[i] = from_bf16(d[i]);
		}
		judge(a, b, n, scalar.l2sq_bf16(c, d, n), scalar.dot_bf16(c, d, n), "bf16");
	}
}

/* x * 1 is x, for every x and in every table. */
static void test_widening(void **unused)
{
	(void)unused;
	static struct variants variants;
	variants_collect(&variants);
	const uint16_t one_f16 = 0x3c00, one_bf16 = 0x3f80;
	for (uint32_t bits = 0; bits < 0x10000; bits++) {
		uint16_t x = (uint16_t)bits;
		for (size_t v = 0; v < variants.count; v++) {
			const struct simd_kernels *k = &variants.table[v];
			if ((bits & 0x7c00) != 0x7c00)
				assert_true(k->dot_f16(&x, &one_f16, 1) == from_f16(x));
			if ((bits & 0x7f80) != 0x7f80)
				assert_true(k->dot_bf16(&x, &one_bf16, 1) == from_bf16(x));
		}
	}
}

/* In 2^24 + 1 the 1 is lost. So two 1s reach the result if and only if they meet before they meet the 2^24, which tells
 * the tree of additions from any other: lanes i and j meet early if they are equal modulo the larger power of 2. */
static void test_order(void **unused)
{
	(void)unused;
	float ones[96];
	for (size_t i = 0; i < 96; i++)
		ones[i] = 1;
	for (size_t i = 1; i < 32; i++) {
		for (size_t j = 1; j < 32; j++) {
			if (i == j)
				continue;
			float a[96] = {[0] = 0x1p24f};
			a[i] = a[j] = 1;
			size_t with_i = (size_t)__builtin_ctzl(i), with_j = (size_t)__builtin_ctzl(j);
			size_t together = (size_t)__builtin_ctzl(i ^ j);
			bool is_early = together > with_i || together > with_j;
			float expected = is_early ? 0x1p24f + 2 : 0x1p24f;
			assert_true(scalar.dot_f32(a, ones, 32) == expected);
		}
	}
	/* Within a lane: in ascending order. */
	float up[96] = {[3] = 0x1p24f, [35] = 1, [67] = 1};
	float down[96] = {[3] = 1, [35] = 1, [67] = 0x1p24f};
	assert_true(scalar.dot_f32(up, ones, 96) == 0x1p24f);
	assert_true(scalar.dot_f32(down, ones, 96) == 0x1p24f + 2);
	/* No fused multiply-add: (1 + e)(1 - e) rounds to 1. */
	float x[33] = {[0] = -1, [32] = 1 + 0x1p-13f};
	float y[33] = {[0] = 1, [32] = 1 - 0x1p-13f};
	assert_true(scalar.dot_f32(x, y, 33) == 0);
}

static void test_integers(void **unused)
{
	(void)unused;
	static uint8_t a[SAMPLE_MAX], b[SAMPLE_MAX];
	for (unsigned round = 0; round < 200 * sample_scale(); round++) {
		size_t n = round % 20 == 0 ? SAMPLE_MAX : sample_next(&state) % 2000;
		sample_bytes(a, n, (enum sample_kind)(round % N_KINDS), &state);
		sample_bytes(b, n, (enum sample_kind)(round % N_KINDS), &state);
		int64_t l2sq_i8 = 0, dot_i8 = 0, l2sq_u8 = 0, dot_u8 = 0, dot_u8_i8 = 0, differ = 0, both = 0, either = 0;
		for (size_t i = 0; i < n; i++) {
			int64_t ua = a[i], ub = b[i];
			int64_t ia = ua > 127 ? ua - 256 : ua, ib = ub > 127 ? ub - 256 : ub;
			l2sq_i8 += (ia - ib) * (ia - ib);
			dot_i8 += ia * ib;
			l2sq_u8 += (ua - ub) * (ua - ub);
			dot_u8 += ua * ub;
			dot_u8_i8 += ua * ib;
			for (int bit = 0; bit < 8; bit++) {
				int x = a[i] >> bit & 1, y = b[i] >> bit & 1;
				differ += x != y;
				both += x == 1 && y == 1;
				either += x == 1 || y == 1;
			}
		}
		const int8_t *c = (const int8_t *)a, *d = (const int8_t *)b;
		assert_true(scalar.l2sq_i8(c, d, n) == l2sq_i8);
		assert_true(scalar.dot_i8(c, d, n) == dot_i8);
		assert_true(scalar.l2sq_u8(a, b, n) == l2sq_u8);
		assert_true(scalar.dot_u8(a, b, n) == dot_u8);
		assert_true(scalar.dot_u8_i8(a, d, n) == dot_u8_i8);
		assert_true(scalar.hamming_b1(a, b, n) == differ);
		uint32_t got_both, got_either;
		scalar.jaccard_b1(a, b, n, &got_both, &got_either);
		assert_true(got_both == both && got_either == either);
	}
}

/* The same bits on every processor and from every compiler: a digest (FNV-1a) of results on fixed vectors. */
static void test_golden(void **unused)
{
	(void)unused;
	static float a[1000], b[1000];
	static uint16_t c[1000], d[1000];
	uint64_t fixed = 1, digest = 0xcbf29ce484222325u;
	for (size_t n = 0; n <= 1000; n += 1 + n / 40) {
		float result[4];
		enum sample_kind kind = (enum sample_kind)(n % N_KINDS);
		sample_f32(a, n, kind, &fixed);
		sample_f32(b, n, kind, &fixed);
		result[0] = scalar.l2sq_f32(a, b, n);
		result[1] = scalar.dot_f32(a, b, n);
		sample_f16(c, n, kind, &fixed);
		sample_f16(d, n, kind, &fixed);
		result[2] = scalar.l2sq_f16(c, d, n);
		sample_bf16(c, n, kind, &fixed);
		sample_bf16(d, n, kind, &fixed);
		result[3] = scalar.dot_bf16(c, d, n);
		for (size_t i = 0; i < 4; i++) {
			uint32_t bits;
			memcpy(&bits, &result[i], sizeof bits);
			digest = (digest ^ bits) * 0x100000001b3u;
		}
	}
	if (digest != 0x49c250bbfdbcd03bu)
		fail_msg("digest %#llx", (unsigned long long)digest);
}

/* The bound must be tight enough to see one term go missing, and the sums must see a sign. */
static void test_judge_can_say_no(void **unused)
{
	(void)unused;
	float a[100], b[100];
	sample_f32(a, 100, KIND_PLAIN, &state);
	sample_f32(b, 100, KIND_PLAIN, &state);
	a[99] = 1;
	b[99] = -1;
	long double sum = 0;
	for (size_t i = 0; i < 100; i++)
		sum += ((long double)a[i] - (long double)b[i]) * ((long double)a[i] - (long double)b[i]);
	assert_true(fabsl((long double)scalar.l2sq_f32(a, b, 100) - sum) <= allowed(100, sum));
	assert_false(fabsl((long double)scalar.l2sq_f32(a, b, 99) - sum) <= allowed(100, sum));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_floats),   cmocka_unit_test(test_widening),
		cmocka_unit_test(test_order),    cmocka_unit_test(test_integers),
		cmocka_unit_test(test_golden),   cmocka_unit_test(test_judge_can_say_no),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
