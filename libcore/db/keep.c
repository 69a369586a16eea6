/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule goes over the items from the newest to the oldest, and takes the first of each period until its count is used
 * up. A period is a number that differs from that of its neighbours; an hour's has the offset from UTC in it, so that the
 * two hours of one name when clocks are put back are two. */
#include "keep.h"

#include <stdlib.h>
#include <time.h>

#include "error.h"

bool keep_is_empty(const struct keep_rules *rules)
{
	for (int i = 0; i < KEEP_COUNTS; i++)
		if (rules->counts[i] != 0)
			return false;
	return !rules->has_within;
}

static int no_duration(const char *text, struct cel_error *e)
{
	return error_set(e, CEL_EUSAGE, "'%.100s' is no duration, such as 1y6m, 30d or 12h", text);
}

int keep_parse_duration(const char *text, struct keep_duration *out, struct cel_error *e)
{
	*out = (struct keep_duration){0};
	uint64_t sum = 0;
	for (const char *p = text; *p != '\0'; p++) {
		size_t n_digits = strspn(p, "0123456789");
		if (n_digits == 0 || n_digits > 6)
			return no_duration(text, e);
		uint32_t n = (uint32_t)strtoul(p, NULL, 10);
		p += n_digits;
		switch (*p) {
		case 'y':
			out->years += n;
			break;
		case 'm':
			out->months += n;
			break;
		case 'd':
			out->days += n;
			break;
		case 'h':
			out->hours += n;
			break;
		default:
			return no_duration(text, e);
		}
		sum += n;
		if (p - text > 60)
			return no_duration(text, e);
	}
	return sum == 0 ? no_duration(text, e) : 0;
}

static int compare_items(const void *a, const void *b)
{
	const struct keep_item *x = a, *y = b;
	if (x->time != y->time)
		return x->time > y->time ? -1 : 1;
	if (x->generation != y->generation)
		return x->generation > y->generation ? -1 : 1;
	return cid_compare(&y->cid, &x->cid);
}

static int days_of_year(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365;
}

/* The year that an ISO 8601 week belongs to, and its number: those of the week's Thursday. */
static int64_t iso_week(const struct tm *tm)
{
	int64_t year = tm->tm_year + 1900ll;
	int thursday = tm->tm_yday + 3 - (tm->tm_wday + 6) % 7;
	if (thursday < 0)
		thursday += days_of_year(--year);
	else if (thursday >= days_of_year(year))
		thursday -= days_of_year(year++);
	return year * 54 + thursday / 7;
}

/* A time that the C library cannot tell the date of is a period of its own. */
static int64_t period_of(int rule, const struct keep_item *item, size_t i)
{
	struct tm tm;
	time_t t = (time_t)item->time;
	if (rule == KEEP_LAST)
		return (int64_t)i;
	if (localtime_r(&t, &tm) == NULL)
		return item->time;
	int64_t day = (int64_t)tm.tm_year * 366 + tm.tm_yday;
	switch (rule) {
	case KEEP_HOURLY:
		return (day * 24 + tm.tm_hour) * 200000 + tm.tm_gmtoff;
	case KEEP_DAILY:
		return day;
	case KEEP_WEEKLY:
		return iso_week(&tm);
	case KEEP_MONTHLY:
		return (int64_t)tm.tm_year * 12 + tm.tm_mon;
	default:
		return tm.tm_year;
	}
}

static void apply_count(int rule, uint32_t count, struct keep_item *items, size_t n)
{
	int64_t last = 0;
	for (size_t i = 0; i < n && count > 0; i++) {
		int64_t period = period_of(rule, &items[i], i);
		bool is_new = i == 0 || period != last;
		if (!is_new && i != n - 1)
			continue;
		items[i].reasons |= 1u << rule;
		if (!is_new)
			items[i].oldest |= 1u << rule;
		last = period;
		count--;
	}
}

static void apply_within(const struct keep_duration *d, struct keep_item *items, size_t n)
{
	struct tm tm;
	time_t newest = (time_t)items[0].time;
	int64_t from = INT64_MIN; /* where no date can be told, all are kept */
	if (localtime_r(&newest, &tm) != NULL) {
		tm.tm_year -= (int)d->years;
		tm.tm_mon -= (int)d->months;
		tm.tm_mday -= (int)d->days;
		tm.tm_isdst = -1;
		from = (int64_t)mktime(&tm) - (int64_t)d->hours * 3600;
	}
	for (size_t i = 0; i < n && items[i].time > from; i++)
		items[i].reasons |= 1u << KEEP_COUNTS;
}

void keep_apply(const struct keep_rules *rules, struct keep_item *items, size_t n)
{
	if (n == 0)
		return;
	qsort(items, n, sizeof *items, compare_items);
	for (size_t i = 0; i < n; i++)
		items[i].reasons = items[i].oldest = 0;
	for (int rule = 0; rule < KEEP_COUNTS; rule++)
		apply_count(rule, rules->counts[rule], items, n);
	if (rules->has_within)
		apply_within(&rules->within, items, n);
}
