/* SPDX-License-Identifier: Apache-2.0 */
/* A histogram whose buckets grow with what they count: four bits behind the highest one choose the bucket, so that a
 * percentile, the middle of its bucket, is right within 1/32.
 *
 *     0..15 ns each its own | 16..31: 16 buckets | 32..63: 16 buckets of 2 | ... */
#include "latency.h"

#include <stdatomic.h>

#define FINE_BITS 4u
#define FINE (1u << FINE_BITS)

static uint32_t bucket_of(uint64_t value)
{
	if (value < FINE)
		return (uint32_t)value;
	uint32_t shift = 63u - (uint32_t)__builtin_clzll(value) - FINE_BITS;
	return (shift + 1) * FINE + (uint32_t)((value >> shift) & (FINE - 1)); /* below 61 * 16 */
}

static double middle_of(uint32_t bucket)
{
	if (bucket < FINE)
		return bucket;
	uint32_t shift = bucket / FINE - 1;
	uint64_t low = (uint64_t)(FINE + bucket % FINE) << shift;
	return (double)low + (double)(UINT64_C(1) << shift) / 2;
}

void latency_add(struct latency *l, uint64_t nanoseconds)
{
	atomic_fetch_add_explicit(&l->counts[bucket_of(nanoseconds)], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->nanoseconds, nanoseconds, memory_order_relaxed);
	uint64_t most = l->most;
	while (nanoseconds > most &&
	       !atomic_compare_exchange_weak(&l->most, &most, nanoseconds))
		continue;
}

/* Seconds that the share of all took at most. */
static double percentile(const struct latency *l, uint64_t count, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)(count - 1)) + 1, seen = 0;
	uint32_t bucket = 0;
	for (; bucket < LATENCY_BUCKETS - 1 && (seen += l->counts[bucket]) < wanted; bucket++)
		continue;
	double seconds = middle_of(bucket) * 1e-9, most = (double)l->most * 1e-9;
	return seconds < most ? seconds : most;
}

void latency_get(const struct latency *l, struct cel_latency *out)
{
	*out = (struct cel_latency){0};
	for (uint32_t i = 0; i < LATENCY_BUCKETS; i++)
		out->count += l->counts[i];
	if (out->count == 0)
		return;
	out->mean = (double)l->nanoseconds * 1e-9 / (double)out->count;
	out->p50 = percentile(l, out->count, 0.50);
	out->p95 = percentile(l, out->count, 0.95);
	out->p99 = percentile(l, out->count, 0.99);
	out->most = (double)l->most * 1e-9;
}
