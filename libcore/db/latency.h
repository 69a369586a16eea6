/* SPDX-License-Identifier: Apache-2.0 */
/* How long each of many things took, in bounded memory, counted by any number of threads. */
#ifndef DB_LATENCY_H
#define DB_LATENCY_H

#include "cel.h"

#define LATENCY_BUCKETS 1024u

struct latency { /* zeroed at first */
	_Atomic uint64_t counts[LATENCY_BUCKETS];
	_Atomic uint64_t nanoseconds, most;
};

void latency_add(struct latency *l, uint64_t nanoseconds);
void latency_get(const struct latency *l, struct cel_latency *out);

#endif
