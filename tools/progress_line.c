/* SPDX-License-Identifier: Apache-2.0 */
/* Whole numbers only: printf of a double may allocate, which a handler of a signal must not. What is known decides what is
 * said; of what is left, bytes tell more than rows, which may be of any size:
 *
 *     phase [done [of total] unit] [, size [of size]] [(share)] [, speed] [, time left] */
#include "progress_line.h"

#include <string.h>

struct text {
	char *p, *end;
};

static void put_text(struct text *t, const char *text)
{
	while (*text != '\0' && t->p < t->end)
		*t->p++ = *text++;
}

static void put_number(struct text *t, uint64_t number, unsigned width)
{
	char digits[21];
	size_t n = sizeof digits - 1;
	digits[n] = '\0';
	do
		digits[--n] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	while (sizeof digits - 1 - n < width)
		digits[--n] = '0';
	put_text(t, digits + n);
}

/* part of whole, in parts of `scale`; no overflow below 2^53 at scale 1000 */
static uint64_t share(uint64_t part, uint64_t whole, uint64_t scale)
{
	return (uint64_t)((double)part / (double)whole * (double)scale);
}

static unsigned unit_of(uint64_t bytes)
{
	unsigned unit = 0;
	while (bytes >= 1000 && unit < 4) {
		bytes /= 1000;
		unit++;
	}
	return unit;
}

static void put_in_unit(struct text *t, uint64_t bytes, unsigned unit)
{
	uint64_t one = 1;
	for (unsigned i = 0; i < unit; i++)
		one *= 1000;
	uint64_t whole = bytes / one, tenth = bytes % one * 10 / one;
	put_number(t, whole, 1);
	if (unit > 0) {
		put_text(t, ".");
		put_number(t, tenth, 1);
	}
}

static void put_unit(struct text *t, unsigned unit)
{
	static const char *const NAMES[] = {" B", " KB", " MB", " GB", " TB"};
	put_text(t, NAMES[unit]);
}

static void put_counts(struct text *t, const struct cel_progress *p)
{
	if (p->done > 0 || p->total > 0) {
		put_text(t, " ");
		put_number(t, p->done, 1);
		if (p->total > 0) {
			put_text(t, " of ");
			put_number(t, p->total, 1);
		}
		put_text(t, " ");
		put_text(t, p->unit);
	}
	if (p->bytes > 0) {
		unsigned unit = unit_of(p->bytes_total > p->bytes ? p->bytes_total : p->bytes);
		put_text(t, p->done > 0 || p->total > 0 ? ", " : " ");
		put_in_unit(t, p->bytes, unit);
		if (p->bytes_total > 0) {
			put_text(t, " of ");
			put_in_unit(t, p->bytes_total, unit);
		}
		put_unit(t, unit);
	}
}

static void put_speed(struct text *t, const struct cel_progress *p, uint64_t ms)
{
	uint64_t of = p->bytes > 0 ? p->bytes : p->done;
	uint64_t speed = ms > 0 ? share(of, ms, 1000) : 0;
	if (speed == 0)
		return;
	put_text(t, ", ");
	if (p->bytes > 0) {
		put_in_unit(t, speed, unit_of(speed));
		put_unit(t, unit_of(speed));
	} else {
		put_number(t, speed, 1);
	}
	put_text(t, "/s");
}

static void put_duration(struct text *t, uint64_t seconds)
{
	if (seconds >= 3600) {
		put_number(t, seconds / 3600, 1);
		put_text(t, ":");
	}
	put_number(t, seconds % 3600 / 60, seconds >= 3600 ? 2 : 1);
	put_text(t, ":");
	put_number(t, seconds % 60, 2);
}

size_t progress_line(char *out, size_t size, const char *command, const struct cel_progress *p, uint64_t ms)
{
	struct text t = {out, out + size - 1};
	put_text(&t, command);
	put_text(&t, ": ");
	if (p->phase == NULL) {
		put_text(&t, "at work for ");
		put_duration(&t, ms / 1000);
		*t.p = '\0';
		return (size_t)(t.p - out);
	}
	put_text(&t, p->phase);
	put_counts(&t, p);
	bool has_bytes = p->bytes_total > 0;
	uint64_t part = has_bytes ? p->bytes : p->done, whole = has_bytes ? p->bytes_total : p->total;
	if (whole > 0) {
		put_text(&t, " (");
		put_number(&t, part < whole ? share(part, whole, 100) : 100, 1);
		put_text(&t, " %)");
	}
	put_speed(&t, p, ms);
	if (part > 0 && whole >= part) {
		put_text(&t, ", ");
		put_duration(&t, share(whole - part, part, ms) / 1000);
		put_text(&t, " left");
	} else {
		put_text(&t, ", for ");
		put_duration(&t, ms / 1000);
	}
	*t.p = '\0';
	return (size_t)(t.p - out);
}

size_t progress_size(char out[PROGRESS_SIZE_MAX], uint64_t bytes)
{
	struct text t = {out, out + PROGRESS_SIZE_MAX - 1};
	unsigned unit = unit_of(bytes);
	put_in_unit(&t, bytes, unit);
	put_unit(&t, unit);
	*t.p = '\0';
	return (size_t)(t.p - out);
}
