/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels with logarithms and angles: the same bits from every table, right to what libm and plain formulas say, and the
 * same as on other targets: a digest over many of their results stands here, and the test runs under qemu too. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sample.h"

static struct variants variants;
static uint64_t state;

static double unit(void)
{
	return (double)(sample_next(&state) >> 11) * 0x1p-53;
}

/* FNV-1a, to see that results did not change. */
static void fold(uint64_t *hash, const void *data, size_t size)
{
	const uint8_t *p = data;
	for (size_t i = 0; i < size; i++)
		*hash = (*hash ^ p[i]) * 0x100000001b3u;
}

static double total(const double sums[SIMD_DOUBLES])
{
	double s = 0;
	for (size_t i = 0; i < SIMD_DOUBLES; i++)
		s += sums[i];
	return s;
}

static double make_histogram(float *x, size_t n, unsigned kind)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++) {
		double u = unit();
		x[i] = (float)(kind == 0 ? u : kind == 1 ? (u < 0.7 ? 0 : u) : kind == 2 ? exp2(200 * u - 150) : floor(u * 20));
		sum += (double)x[i];
	}
	if (sum == 0)
		sum = (double)(x[0] = 1);
	return sum;
}

/* Sum of p log(p / m) + q log(q / m), twice the divergence; the kernel's sums are twice that. */
static double plain_divergence(const float *p, const float *q, double ps, double qs, size_t n)
{
	long double s = 0;
	for (size_t i = 0; i < n; i++) {
		long double x = (long double)p[i] * (long double)ps, y = (long double)q[i] * (long double)qs, m = (x + y) / 2;
		s += x > 0 ? x * logl(x / m) : 0;
		s += y > 0 ? y * logl(y / m) : 0;
	}
	return (double)s;
}

static void test_jsd(void **unused)
{
	(void)unused;
	static const size_t LENGTHS[] = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 784, 1000};
	float p[1000], q[1000];
	for (size_t round = 0; round < 40 * sample_scale(); round++) {
		for (size_t i = 0; i < sizeof LENGTHS / sizeof *LENGTHS; i++) {
			size_t n = LENGTHS[i];
			double ps = 1 / make_histogram(p, n, (unsigned)(round % 4));
			double qs = 1 / make_histogram(q, n, (unsigned)(round / 4 % 4));
			double expected = 2 * plain_divergence(p, q, ps, qs, n);
			double first[SIMD_DOUBLES] = {0}, swapped[SIMD_DOUBLES] = {0}, same[SIMD_DOUBLES] = {0};
			variants.table[0].jsd_f32(p, q, ps, qs, n, first);
			assert_true(fabs(total(first) - expected) <= 1e-14 + 1e-12 * expected);
			for (size_t v = 0; v < variants.count; v++) {
				double sums[SIMD_DOUBLES] = {0};
				variants.table[v].jsd_f32(p, q, ps, qs, n, sums);
				assert_memory_equal(sums, first, sizeof sums);
			}
			variants.table[0].jsd_f32(q, p, qs, ps, n, swapped);
			assert_memory_equal(first, swapped, sizeof first);
			variants.table[0].jsd_f32(p, p, ps, ps, n, same);
			assert_true(total(same) == 0);
		}
	}
}

/* In pieces, as for types that are widened first. */
static void test_jsd_pieces(void **unused)
{
	(void)unused;
	float p[1000], q[1000];
	double ps = 1 / make_histogram(p, 1000, 0), qs = 1 / make_histogram(q, 1000, 1);
	for (size_t v = 0; v < variants.count; v++) {
		double whole[SIMD_DOUBLES] = {0}, parts[SIMD_DOUBLES] = {0};
		variants.table[v].jsd_f32(p, q, ps, qs, 1000, whole);
		for (size_t i = 0; i < 1000; i += 256)
			variants.table[v].jsd_f32(p + i, q + i, ps, qs, i + 256 < 1000 ? 256 : 1000 - i, parts);
		assert_memory_equal(whole, parts, sizeof whole);
	}
}

/* Vincenty's formula, which is good at all distances. */
static double plain_angle(const float *a, const float *b)
{
	long double degree = M_PIl / 180;
	long double u = a[0] * degree, v = b[0] * degree, l = ((long double)b[1] - a[1]) * degree;
	long double x = cosl(v) * sinl(l), y = cosl(u) * sinl(v) - sinl(u) * cosl(v) * cosl(l);
	return (double)atan2l(sqrtl(x * x + y * y), sinl(u) * sinl(v) + cosl(u) * cosl(v) * cosl(l));
}

static void make_place(float place[2], unsigned kind)
{
	place[0] = (float)(180 * unit() - 90);
	place[1] = (float)(360 * unit() - 180);
	if (kind == 1) {
		place[0] = place[0] < 0 ? -90 : 90;
	} else if (kind == 2) {
		place[0] = (float)(48 + unit() / 1000);
		place[1] = (float)(11 + unit() / 1000);
	} else if (kind == 3) {
		place[1] = place[1] < 0 ? -180 : 180;
	}
}

#define PLACES 300u

static void test_haversine(void **unused)
{
	(void)unused;
	float places[PLACES][2];
	uint32_t ordinals[PLACES];
	for (uint32_t i = 0; i < PLACES; i++) {
		make_place(places[i], i % 4);
		ordinals[i] = (i * 7 + 1) % PLACES;
	}
	const uint8_t *base = (const uint8_t *)places;
	for (uint32_t q = 0; q < PLACES; q++) {
		double first[PLACES];
		size_t count = q < 20 ? q : PLACES;
		variants.table[0].haversine_f32_many(places[q], base, sizeof *places, ordinals, count, first);
		for (size_t i = 0; i < count; i++) {
			double expected = plain_angle(places[q], places[ordinals[i]]);
			/* the arcsine near 1 turns one unit in the last place into 1.5e-8 */
			double allowed = expected > 3.1 ? 3e-8 : 1e-14 + 1e-12 * expected;
			if (!(fabs(first[i] - expected) <= allowed))
				fail_msg("%g %g to %g %g: %.17g, not %.17g", (double)places[q][0], (double)places[q][1],
					 (double)places[ordinals[i]][0], (double)places[ordinals[i]][1], first[i], expected);
		}
		for (size_t v = 0; v < variants.count; v++) {
			double out[PLACES + 1] = {[PLACES] = 5};
			out[count] = 5;
			variants.table[v].haversine_f32_many(places[q], base, sizeof *places, ordinals, count, out);
			assert_memory_equal(out, first, count * sizeof *out);
			assert_true(out[count] == 5);
		}
	}
}

static void test_sphere(void **unused)
{
	(void)unused;
	static const struct {
		float place[2];
		int32_t point[3];
	} KNOWN[] = {
		{{0, 0}, {1 << 30, 0, 0}},
		{{90, 0}, {0, 0, 1 << 30}},
		{{-90, 17}, {0, 0, -(1 << 30)}},
		{{0, 90}, {0, 1 << 30, 0}},
		{{0, -180}, {-(1 << 30), 0, 0}},
		{{0, 180}, {-(1 << 30), 0, 0}},
		{{45, 45}, {536870912, 536870912, 759250125}},
	};
	for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
		int32_t point[3];
		simd_sphere(KNOWN[i].place, point);
		assert_memory_equal(point, KNOWN[i].point, sizeof point);
	}
}

/* One seed, whatever CEL_TEST_SEED is. */
static void test_golden(void **unused)
{
	(void)unused;
	uint64_t hash = 0xcbf29ce484222325u, saved = state;
	state = 4;
	for (unsigned round = 0; round < 300; round++) {
		float p[77], q[77];
		double sums[SIMD_DOUBLES] = {0}, angle;
		for (size_t i = 0; i < 77; i++) {
			p[i] = (float)(sample_next(&state) % 1000);
			q[i] = (float)(sample_next(&state) % 3 == 0 ? 0 : sample_next(&state) % 100);
		}
		variants.table[0].jsd_f32(p, q, 1.0 / 38500, 1.0 / 2541, 77, sums);
		fold(&hash, sums, sizeof sums);
		float places[2][2];
		int32_t point[3];
		uint32_t zero = 0;
		make_place(places[0], round % 4);
		make_place(places[1], round / 4 % 4);
		variants.table[0].haversine_f32_many(places[0], (const uint8_t *)places[1], 8, &zero, 1, &angle);
		simd_sphere(places[0], point);
		fold(&hash, &angle, sizeof angle);
		fold(&hash, point, sizeof point);
	}
	state = saved;
	if (hash != UINT64_C(0xcde2d716cb3ed294))
		fail_msg("the results have the digest %#llx", (unsigned long long)hash);
}

/* What libm gives is another digest: the test above would see a SLEEF that rounds differently. */
static void test_control(void **unused)
{
	(void)unused;
	unsigned different = 0;
	for (unsigned i = 0; i < 1000; i++) {
		float places[2][2];
		double angle;
		uint32_t zero = 0;
		make_place(places[0], 0);
		make_place(places[1], 0);
		variants.table[0].haversine_f32_many(places[0], (const uint8_t *)places[1], 8, &zero, 1, &angle);
		different += angle != plain_angle(places[0], places[1]);
	}
	assert_true(different > 0);
}

static int setup(void **unused)
{
	(void)unused;
	state = sample_seed();
	variants_collect(&variants);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jsd),    cmocka_unit_test(test_jsd_pieces), cmocka_unit_test(test_haversine),
		cmocka_unit_test(test_sphere), cmocka_unit_test(test_golden),     cmocka_unit_test(test_control),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
