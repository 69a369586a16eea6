/* SPDX-License-Identifier: Apache-2.0 */
/* Which of many commits to keep: rules over their times, as restic has them. Days, weeks and so on are those of the process's
 * time zone (TZ).
 *
 *     last N                  the newest N
 *     hourly N, daily N, ...  the newest of each of the last N hours, days, ... that have one; while fewer than N of these
 *                             were found, the oldest of all too
 *     within DURATION         all that are younger than the newest less this */
#ifndef DB_KEEP_H
#define DB_KEEP_H

#include "cid.h"

struct keep_duration {
	uint32_t years, months, days, hours;
};
/* "1y6m", "30d12h": numbers with y, m, d or h. CEL_EUSAGE if it is none, or nothing. */
int keep_parse_duration(const char *text, struct keep_duration *out, struct cel_error *e);

enum { KEEP_LAST, KEEP_HOURLY, KEEP_DAILY, KEEP_WEEKLY, KEEP_MONTHLY, KEEP_YEARLY, KEEP_COUNTS };
struct keep_rules {
	uint32_t counts[KEEP_COUNTS]; /* 0: no such rule */
	bool has_within;
	struct keep_duration within;
};
bool keep_is_empty(const struct keep_rules *rules);

struct keep_item {
	int64_t time; /* Unix seconds */
	uint64_t generation;
	struct cid cid;
	uint32_t reasons; /* out, bits: 1 << KEEP_DAILY, ...; 1 << KEEP_COUNTS: within; 0: is not kept */
	uint32_t oldest;  /* out: of these reasons, those that it has as the oldest of all */
};
/* Sorts the items, newest (time, generation, CID) first, and sets their reasons. */
void keep_apply(const struct keep_rules *rules, struct keep_item *items, size_t n);

#endif
