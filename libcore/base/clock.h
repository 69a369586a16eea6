/* SPDX-License-Identifier: Apache-2.0 */
/* How long something takes: clocks that only go forward, from no particular beginning. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_nanoseconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline double clock_seconds(clockid_t clock)
{
	return 1e-9 * (double)clock_nanoseconds(clock);
}

static inline uint64_t nanoseconds_now(void)
{
	return clock_nanoseconds(CLOCK_MONOTONIC);
}

static inline double seconds_now(void)
{
	return clock_seconds(CLOCK_MONOTONIC);
}

#endif
