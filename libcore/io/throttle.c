/* SPDX-License-Identifier: Apache-2.0 */
/* The bucket holds what a tenth of a second brings, so that traffic is even, but at least some frames' worth of headers. A portion
 * goes when half of that is there: many tiny ones would cost more than they carry. */
#include "throttle.h"

#define CAPACITY_MIN 512.0

void throttle_init(struct throttle *t, double rate, double now)
{
	double capacity = rate / 10;
	if (capacity < CAPACITY_MIN)
		capacity = CAPACITY_MIN;
	*t = (struct throttle){.rate = rate, .level = capacity, .capacity = capacity, .filled = now};
}

size_t throttle_allowed(struct throttle *t, double now)
{
	if (t->rate <= 0)
		return SIZE_MAX;
	if (now > t->filled) {
		t->level += (now - t->filled) * t->rate;
		if (t->level > t->capacity)
			t->level = t->capacity;
	}
	t->filled = now;
	return t->level >= t->capacity / 2 ? (size_t)t->level : 0;
}

void throttle_take(struct throttle *t, size_t bytes)
{
	if (t->rate > 0)
		t->level -= (double)bytes;
}

double throttle_wait(const struct throttle *t)
{
	if (t->rate <= 0 || t->level >= t->capacity / 2)
		return 0;
	return (t->capacity / 2 - t->level) / t->rate;
}
