/* SPDX-License-Identifier: Apache-2.0 */
/* The rules, in time zones where clocks are put forward and back, against examples worked out by hand and, for random times,
 * against a naive reading of what they say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "keep.h"
#include "random.h"

/* Rules instead of names, so that no table of zones is needed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static struct keep_rules rule(int which, uint32_t count)
{
	struct keep_rules rules = {0};
	rules.counts[which] = count;
	return rules;
}

/* Times as "2026-10-25 02:30:00" in UTC, ascending; the wanted result is a letter for each: k kept, o as the oldest, '.'
 * not. */
static void check(const struct keep_rules *rules, const char *const *times, size_t n, const char *wanted)
{
	struct keep_item items[32] = {{0}};
	char got[33] = "";
	assert_true(n <= 32 && strlen(wanted) == n);
	for (size_t i = 0; i < n; i++) {
		struct tm tm = {0};
		assert_non_null(strptime(times[i], "%Y-%m-%d %H:%M:%S", &tm));
		items[i].time = (int64_t)timegm(&tm);
		items[i].generation = i;
	}
	struct keep_item first = items[0]; /* the order that they come in does not matter */
	items[0] = items[n - 1];
	items[n - 1] = first;
	keep_apply(rules, items, n);
	for (size_t i = 0; i < n; i++) {
		assert_true(i == 0 || items[i - 1].time >= items[i].time);
		got[n - 1 - i] = items[i].reasons == 0 ? '.' : items[i].oldest != 0 ? 'o' : 'k';
	}
	assert_string_equal(got, wanted);
}
#define CHECK(rules, wanted, ...)                                                        \
	do {                                                                             \
		static const char *const TIMES[] = {__VA_ARGS__};                        \
		struct keep_rules r = (rules);                                           \
		check(&r, TIMES, sizeof TIMES / sizeof *TIMES, wanted);                  \
	} while (0)

static void keeps_the_newest_of_each_period(void **state)
{
	(void)state;
	set_zone("UTC");
#define DAYS "2026-01-01 10:00:00", "2026-01-01 11:00:00", "2026-01-02 23:59:59", "2026-01-03 00:00:00", "2026-01-05 07:00:00"
	CHECK(rule(KEEP_LAST, 2), "...kk", DAYS);
	CHECK(rule(KEEP_LAST, 9), "kkkkk", DAYS);
	CHECK(rule(KEEP_DAILY, 1), "....k", DAYS);
	CHECK(rule(KEEP_DAILY, 3), "..kkk", DAYS);
	CHECK(rule(KEEP_DAILY, 4), ".kkkk", DAYS);
	CHECK(rule(KEEP_DAILY, 5), "okkkk", DAYS); /* fewer days than asked for: the oldest too */
	CHECK(rule(KEEP_HOURLY, 2), "...kk", DAYS);
	CHECK(rule(KEEP_MONTHLY, 1), "....k", DAYS);
	CHECK(rule(KEEP_YEARLY, 2), "o...k", DAYS);
	CHECK(rule(KEEP_YEARLY, 2), "k....k", "2025-12-31 23:59:59", DAYS);
	CHECK(rule(KEEP_MONTHLY, 3), "k.kk", "2026-01-31 23:00:00", "2026-02-01 00:00:00", "2026-02-28 23:00:00", "2026-03-01 01:00:00");
	CHECK(rule(KEEP_LAST, 1), "k", "2026-01-31 23:00:00");
	struct keep_rules none = rule(KEEP_LAST, 1);
	keep_apply(&none, NULL, 0);
}

static void knows_the_weeks_of_iso_8601(void **state)
{
	(void)state;
	set_zone("UTC");
	/* 2026-01-01 is a Thursday: its week begins on 2025-12-29. 2027-01-03 is a Sunday of week 53 of 2026. */
	CHECK(rule(KEEP_WEEKLY, 9), "o...kk", "2025-12-29 00:00:00", "2025-12-31 10:00:00", "2026-01-01 10:00:00", "2026-01-04 10:00:00",
	      "2026-01-04 23:59:59", "2026-01-05 00:00:00");
	CHECK(rule(KEEP_WEEKLY, 2), "..kk", "2026-12-20 00:00:00", "2026-12-28 00:00:00", "2027-01-03 23:59:59", "2027-01-04 00:00:00");
	for (int64_t day = 0; day < 366 * 60; day++) { /* as strftime has it */
		struct keep_item items[2] = {{.time = day * 86400}, {.time = (day + 1) * 86400}};
		struct keep_rules rules = rule(KEEP_WEEKLY, 2);
		char weeks[2][16];
		for (int i = 0; i < 2; i++) {
			time_t t = (time_t)items[i].time;
			struct tm tm;
			strftime(weeks[i], sizeof weeks[i], "%G-%V", gmtime_r(&t, &tm));
		}
		keep_apply(&rules, items, 2);
		assert_int_equal(items[1].oldest != 0, strcmp(weeks[0], weeks[1]) == 0);
	}
}

static void counts_in_local_time(void **state)
{
	(void)state;
	/* 23:30 and 00:30 in Berlin (UTC+1 in winter) are two days; in UTC they are one. */
#define NIGHT "2026-01-01 20:00:00", "2026-01-01 22:30:00", "2026-01-01 23:30:00"
	set_zone(BERLIN);
	CHECK(rule(KEEP_DAILY, 2), ".kk", NIGHT);
	set_zone("UTC");
	CHECK(rule(KEEP_DAILY, 1), "..k", NIGHT);
	CHECK(rule(KEEP_DAILY, 2), "o.k", NIGHT);
	set_zone("<+14>-14"); /* UTC+14 */
	CHECK(rule(KEEP_YEARLY, 1), "..k", "2025-12-31 09:00:00", "2025-12-31 10:00:00", "2025-12-31 11:00:00");
	CHECK(rule(KEEP_YEARLY, 2), "k.k", "2025-12-31 09:00:00", "2025-12-31 10:00:00", "2025-12-31 11:00:00");
}

static void puts_up_with_daylight_saving(void **state)
{
	(void)state;
	/* On 2026-10-25 the hour from 2 to 3 comes twice in Berlin: 00:30 and 01:30 UTC are both 02:30. They are two hours. */
#define AUTUMN "2026-10-24 22:30:00", "2026-10-25 00:30:00", "2026-10-25 01:30:00", "2026-10-25 22:59:00", "2026-10-25 23:01:00"
	set_zone(BERLIN);
	CHECK(rule(KEEP_HOURLY, 4), ".kkkk", AUTUMN);
	CHECK(rule(KEEP_DAILY, 2), "...kk", AUTUMN); /* a day of 25 hours */
	CHECK(rule(KEEP_DAILY, 3), "o..kk", AUTUMN);
	/* On 2026-03-29 the hour from 2 to 3 is left out: 00:59:59 UTC is 01:59:59, a second later it is 03:00. */
#define SPRING "2026-03-28 22:59:59", "2026-03-28 23:00:00", "2026-03-29 00:59:59", "2026-03-29 01:00:00", "2026-03-29 21:59:59", \
	       "2026-03-29 22:00:00"
	CHECK(rule(KEEP_HOURLY, 4), "..kkkk", SPRING);
	CHECK(rule(KEEP_DAILY, 3), "k...kk", SPRING); /* a day of 23 hours */
	set_zone("EST5EDT,M3.2.0,M11.1.0");
	CHECK(rule(KEEP_DAILY, 2), ".k.k", "2026-11-01 03:00:00", "2026-11-01 03:59:59", "2026-11-01 04:00:00", "2026-11-02 04:59:59");
	set_zone("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"); /* clocks move by half an hour: 01:30 to 02:00 comes twice on 2026-04-05 */
	CHECK(rule(KEEP_HOURLY, 3), ".kkk", "2026-04-04 14:20:00", "2026-04-04 14:40:00", "2026-04-04 15:10:00", "2026-04-04 15:40:00");
}

static void keeps_within_a_duration_of_the_newest(void **state)
{
	(void)state;
	struct keep_rules rules = {.has_within = true};
	set_zone("UTC");
	rules.within = (struct keep_duration){.days = 1};
	CHECK(rules, "..kk", "2026-01-01 11:00:00", "2026-01-01 12:00:00", "2026-01-01 12:00:01", "2026-01-02 12:00:00");
	rules.within = (struct keep_duration){.hours = 36};
	CHECK(rules, ".kk", "2026-01-01 00:00:00", "2026-01-01 00:00:01", "2026-01-02 12:00:00");
	rules.within = (struct keep_duration){.months = 1};
	CHECK(rules, ".kk", "2026-03-03 00:00:00", "2026-03-03 00:00:01", "2026-03-31 00:00:00"); /* 31 February is 3 March */
	rules.within = (struct keep_duration){.years = 1, .months = 2};
	CHECK(rules, ".kk", "2025-04-30 09:00:00", "2025-05-01 09:00:00", "2026-06-30 10:00:00");
	/* A day before noon of the day on which clocks were put forward is noon too, 23 hours earlier. */
	set_zone(BERLIN);
	rules.within = (struct keep_duration){.days = 1};
	CHECK(rules, ".kk", "2026-03-28 11:00:00", "2026-03-28 11:00:01", "2026-03-29 10:00:00");
	rules.within = (struct keep_duration){.hours = 24};
	CHECK(rules, "..k", "2026-03-28 09:59:00", "2026-03-28 10:00:00", "2026-03-29 10:00:00");
}

static void parses_durations(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		struct keep_duration wanted;
	} GOOD[] = {
		{"1y6m", {1, 6, 0, 0}}, {"30d", {0, 0, 30, 0}}, {"12h", {0, 0, 0, 12}}, {"2h1d3m4y", {4, 3, 1, 2}}, {"0y1h", {0, 0, 0, 1}},
	};
	static const char *const BAD[] = {"", "0d", "1", "d", "1w", "-1d", "1d ", "1 d", "1.5d", "9999999d", "1dd", "+1d"};
	struct keep_duration got;
	struct cel_error e;
	for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
		assert_int_equal(keep_parse_duration(GOOD[i].text, &got, &e), 0);
		assert_memory_equal(&got, &GOOD[i].wanted, sizeof got);
	}
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		assert_int_equal(keep_parse_duration(BAD[i], &got, &e), CEL_EUSAGE);
		assert_non_null(strstr(e.message, "is no duration"));
	}
	struct keep_rules empty = {0};
	assert_true(keep_is_empty(&empty));
	empty.counts[KEEP_YEARLY] = 1;
	assert_false(keep_is_empty(&empty));
}

/* ---- at random, in a zone with clocks that change */

enum { N = 200 };
static uint64_t random_state;

static void name_period(int which, const struct tm *tm, char out[64])
{
	if (which == KEEP_HOURLY)
		strftime(out, 64, "%F %H %z", tm);
	else if (which == KEEP_DAILY)
		strftime(out, 64, "%F", tm);
	else if (which == KEEP_WEEKLY)
		strftime(out, 64, "%G-%V", tm);
	else
		strftime(out, 64, which == KEEP_MONTHLY ? "%Y-%m" : "%Y", tm);
}

/* Kept by "the newest of each of the last `count` periods", where a period is what strftime prints. */
static void expect_naive(const struct keep_item *items, int which, uint32_t count)
{
	char last[64] = "";
	uint32_t n = 0;
	for (size_t i = 0; i < N; i++) {
		struct tm tm;
		char name[64];
		time_t t = (time_t)items[i].time;
		name_period(which, localtime_r(&t, &tm), name);
		bool is_kept = n < count && (strcmp(name, last) != 0 || i == N - 1);
		assert_int_equal(items[i].reasons >> which & 1, is_kept);
		n += is_kept;
		strcpy(last, name);
	}
}

static void agrees_with_the_naive_reading(void **state)
{
	(void)state;
	random_state = test_seed();
	set_zone(BERLIN);
	for (int round = 0; round < 200; round++) {
		struct keep_item items[N] = {{0}};
		struct keep_rules rules = {0};
		uint64_t span = 3600ull << (random_next(&random_state) % 20);
		for (size_t i = 0; i < N; i++)
			items[i].time = 1700000000 + (int64_t)(random_next(&random_state) % span);
		for (int i = 0; i < KEEP_COUNTS; i++)
			rules.counts[i] = (uint32_t)(random_next(&random_state) % (N / 4));
		keep_apply(&rules, items, N);
		for (int i = KEEP_HOURLY; i < KEEP_COUNTS; i++)
			expect_naive(items, i, rules.counts[i]);
		for (size_t i = 0; i < N; i++)
			assert_int_equal(items[i].reasons >> KEEP_LAST & 1, i < rules.counts[KEEP_LAST]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_newest_of_each_period),
		cmocka_unit_test(knows_the_weeks_of_iso_8601),
		cmocka_unit_test(counts_in_local_time),
		cmocka_unit_test(puts_up_with_daylight_saving),
		cmocka_unit_test(keeps_within_a_duration_of_the_newest),
		cmocka_unit_test(parses_durations),
		cmocka_unit_test(agrees_with_the_naive_reading),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
