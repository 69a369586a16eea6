/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "latency.h"

static void is_near(double got, double wanted)
{
	assert_true(got >= wanted * (1 - 1.0 / 32) && got <= wanted * (1 + 1.0 / 32));
}

static void nothing(void **state)
{
	static struct latency l;
	struct cel_latency out = {.p50 = 1};
	(void)state;
	latency_get(&l, &out);
	assert_int_equal(out.count, 0);
	assert_true(out.mean == 0 && out.p50 == 0 && out.most == 0);
}

static void percentiles_of_known_times(void **state)
{
	(void)state;
	for (uint64_t unit = 1; unit < UINT64_C(1) << 40; unit *= 7) {
		struct latency l = {0};
		struct cel_latency out;
		for (uint64_t i = 1000; i > 0; i--)
			latency_add(&l, (999 + i) * unit);
		latency_get(&l, &out);
		assert_int_equal(out.count, 1000);
		is_near(out.mean, 1499.5e-9 * (double)unit);
		is_near(out.p50, 1499e-9 * (double)unit);
		is_near(out.p95, 1949e-9 * (double)unit);
		is_near(out.p99, 1989e-9 * (double)unit);
		assert_true(out.most == (double)(1999 * unit) * 1e-9);
		assert_true(out.p50 < out.p95 && out.p95 <= out.p99 && out.p99 <= out.most);
	}
}

static void extremes(void **state)
{
	struct latency l = {0};
	struct cel_latency out;
	(void)state;
	latency_add(&l, 0);
	latency_add(&l, UINT64_MAX);
	latency_get(&l, &out);
	assert_int_equal(out.count, 2);
	assert_true(out.p50 == 0);
	is_near(out.most, 18446744073.709551);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing),
		cmocka_unit_test(percentiles_of_known_times),
		cmocka_unit_test(extremes),
	};
	return cmocka_run_group_tests_name("latency", tests, NULL, NULL);
}
