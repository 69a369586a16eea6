/* SPDX-License-Identifier: Apache-2.0 */
/* A time names a day, a minute or a second, and what is meant is the state at its end: photos@{2026-11-21} is what that day
 * left behind. The log is read from its newest entry to the first that is not later. */
#include "error.h"
#include "lookup.h"

#include <stdio.h>

/* Two or more decimal digits at *p into *out; moves *p. */
static bool take_number(const char **p, int digits, int *out)
{
	*out = 0;
	for (int i = 0; i < digits; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return false;
		*out = *out * 10 + (**p - '0');
	}
	return true;
}

static bool take_char(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

static int days_of_month(int year, int month)
{
	static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return month == 2 && is_leap ? 29 : DAYS[month - 1];
}

/* Fills in what was given; false if the text is no time. The rest of *tm says the end of the day or minute. */
static bool parse_fields(const char *p, struct tm *tm)
{
	int year, month, day;
	if (!take_number(&p, 4, &year) || !take_char(&p, '-') || !take_number(&p, 2, &month) || !take_char(&p, '-') ||
	    !take_number(&p, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_of_month(year, month))
		return false;
	*tm = (struct tm){.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_isdst = -1};
	if (*p == '\0') { /* the second before the next day, which need not be 23:59:59 where clocks are put back */
		tm->tm_mday++;
		tm->tm_sec = -1;
		return true;
	}
	if ((!take_char(&p, ' ') && !take_char(&p, 'T')) || !take_number(&p, 2, &tm->tm_hour) || !take_char(&p, ':') ||
	    !take_number(&p, 2, &tm->tm_min))
		return false;
	tm->tm_sec = 59;
	if (*p != '\0' && (!take_char(&p, ':') || !take_number(&p, 2, &tm->tm_sec)))
		return false;
	return *p == '\0' && tm->tm_hour < 24 && tm->tm_min < 60 && tm->tm_sec < 60;
}

int reflog_parse_time(const char *text, time_t now, int64_t *out, struct cel_error *e)
{
	struct tm tm;
	bool is_time;
	if (strcmp(text, "yesterday") == 0) { /* ends with the second before today */
		is_time = localtime_r(&now, &tm) != NULL;
		tm.tm_hour = tm.tm_min = 0;
		tm.tm_sec = -1;
		tm.tm_isdst = -1;
	} else {
		is_time = parse_fields(text, &tm);
	}
	if (!is_time)
		return error_set(e, CEL_EUSAGE, "'%s' is no time: a number of moves, YYYY-MM-DD, YYYY-MM-DD HH:MM[:SS] or yesterday",
				 text);
	*out = (int64_t)mktime(&tm);
	return 0;
}

static int take_entry(struct store_read *read, const struct store_log_entry *entry, const char *name, const char *when,
		      struct cid *out, struct cel_error *e)
{
	if (!entry->has_new)
		return error_set(e, CEL_ENOINPUT, "'%s' was deleted at the time of '%s@{%s}'", name, name, when);
	*out = entry->new;
	int rc = store_read_has(read, out, e);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	char text[CEL_CID_TEXT_SIZE];
	cid_format(out, text);
	return error_set(e, CEL_ENOINPUT, "'%s@{%s}' was commit %s, which gc has removed since", name, when, text);
}

static int lookup_move(struct store_read *read, const char *name, const char *ref, uint64_t n, const char *when,
		       struct cid *out, struct cel_error *e)
{
	struct store_log_entry entry;
	int rc = store_read_ref_log(read, ref, n, &entry, e);
	if (rc != CEL_ENOTFOUND)
		return rc < 0 ? rc : take_entry(read, &entry, name, when, out, e);
	uint64_t length = 0;
	while (length < n && (rc = store_read_ref_log(read, ref, length, &entry, e)) == 0)
		length++;
	if (rc < 0 && rc != CEL_ENOTFOUND)
		return rc;
	if (length == 0)
		return near_error(read, "log of a collection", "heads/", name, e);
	return error_set(e, CEL_ENOINPUT, "the log of '%s' has %llu entries, the oldest is '%s@{%llu}'", name,
			 (unsigned long long)length, name, (unsigned long long)length - 1);
}

static int lookup_time(struct store_read *read, const char *name, const char *ref, int64_t time, const char *when,
		       struct cid *out, struct cel_error *e)
{
	struct store_log_entry entry;
	int64_t oldest = 0;
	int rc;
	uint64_t i = 0;
	for (; (rc = store_read_ref_log(read, ref, i, &entry, e)) == 0; i++) {
		if (entry.time <= time)
			return take_entry(read, &entry, name, when, out, e);
		oldest = entry.time;
	}
	if (rc != CEL_ENOTFOUND)
		return rc;
	if (i == 0)
		return near_error(read, "log of a collection", "heads/", name, e);
	char text[64] = "";
	struct tm tm;
	time_t t = (time_t)oldest;
	if (localtime_r(&t, &tm) != NULL)
		strftime(text, sizeof text, " at %Y-%m-%d %H:%M:%S", &tm);
	return error_set(e, CEL_ENOINPUT, "the log of '%s' begins later than '%s',%s", name, when, text);
}

int reflog_lookup(struct store_read *read, const char *name, const char *when, time_t now, struct cid *out,
		  struct cel_error *e)
{
	char ref[STORE_REF_MAX];
	snprintf(ref, sizeof ref, "heads/%.63s", name);
	size_t n_digits = strspn(when, "0123456789");
	if (n_digits > 0 && when[n_digits] == '\0') {
		uint64_t n = 0;
		if (n_digits > 18)
			return error_set(e, CEL_EUSAGE, "'%s' is too large a number of moves", when);
		for (const char *p = when; *p != '\0'; p++)
			n = n * 10 + (uint64_t)(*p - '0');
		return lookup_move(read, name, ref, n, when, out, e);
	}
	int64_t time;
	int rc = reflog_parse_time(when, now, &time, e);
	return rc < 0 ? rc : lookup_time(read, name, ref, time, when, out, e);
}
