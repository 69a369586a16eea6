/* SPDX-License-Identifier: Apache-2.0 */
/* The token bucket under a clock of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka.h wants the ones above */
#include <cmocka.h>

#include "throttle.h"

/* Bytes that go in so many seconds, at a rate, if everything that is allowed is taken at once. */
static double bytes_in(uint64_t rate, double seconds)
{
	struct throttle t;
	double now = 1000, sent = 0;
	throttle_init(&t, (double)rate, now);
	while (now < 1000 + seconds) {
		size_t allowed = throttle_allowed(&t, now);
		if (allowed == 0) {
			double wait = throttle_wait(&t);
			assert_true(wait > 0 && wait < 10);
			now += wait + 1e-6;
			continue;
		}
		throttle_take(&t, allowed);
		sent += (double)allowed;
	}
	return sent;
}

static void keeps_the_rate(void **state)
{
	(void)state;
	static const uint64_t RATES[] = {100, 1000, 65536, 1000000, 1000000000};
	for (size_t i = 0; i < sizeof RATES / sizeof *RATES; i++) {
		double rate = (double)RATES[i], sent = bytes_in(RATES[i], 60);
		double burst = rate / 10 < 512 ? 512 : rate / 10;
		if (sent < 0.95 * 60 * rate - 2 * burst || sent > 60 * rate + 2 * burst)
			fail_msg("%.0f bytes a second: %.0f in 60 s", rate, sent);
	}
}

static void without_a_limit(void **state)
{
	(void)state;
	struct throttle t;
	throttle_init(&t, 0, 5);
	throttle_take(&t, 1u << 30);
	assert_true(throttle_allowed(&t, 5) == SIZE_MAX);
	assert_true(throttle_wait(&t) == 0);
}

static void an_idle_hour_saves_up_nothing(void **state)
{
	(void)state;
	struct throttle t;
	throttle_init(&t, 100000, 0);
	assert_int_equal(throttle_allowed(&t, 3600), 10000);
	throttle_take(&t, 10000);
	assert_int_equal(throttle_allowed(&t, 3600), 0);
	assert_int_equal(throttle_allowed(&t, 3500), 0); /* a clock that goes back does no harm */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_rate),
		cmocka_unit_test(without_a_limit),
		cmocka_unit_test(an_idle_hour_saves_up_nothing),
	};
	return cmocka_run_group_tests_name("throttle", tests, NULL, NULL);
}
