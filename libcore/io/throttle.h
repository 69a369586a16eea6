/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket: how many bytes may go now, so that no more than `rate` go in a second. The caller has the clock. */
#ifndef IO_THROTTLE_H
#define IO_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

struct throttle {
	double rate; /* bytes a second; 0: no limit */
	double level, capacity;
	double filled; /* when, in seconds */
};

void throttle_init(struct throttle *t, double rate, double now);
size_t throttle_allowed(struct throttle *t, double now); /* SIZE_MAX without a limit */
void throttle_take(struct throttle *t, size_t bytes);
/* Seconds until something is allowed: 0 if it is now. */
double throttle_wait(const struct throttle *t);

#endif
