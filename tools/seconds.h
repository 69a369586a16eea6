/* SPDX-License-Identifier: Apache-2.0 */
/* How long something takes: a clock that only goes forward, from no particular beginning. */
#ifndef TOOLS_SECONDS_H
#define TOOLS_SECONDS_H

#include <time.h>

static inline double seconds_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
