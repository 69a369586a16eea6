/* SPDX-License-Identifier: Apache-2.0 */
/* sift_b1 of every table against a plain reading of its definition, on random sketches of every size, flush with pages that
 * may not be touched and at every alignment. A mask hides most of an estimate, so the bounds asked about are the
 * estimates themselves and the next float above each: one wrong bit in any of them shows. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "sample.h"

#define DIRECTIONS_MAX 1024

static struct variants variants;
static uint64_t state;
static struct arena sketches, tables;

struct question {
	const uint8_t *sketch, *tables;
	size_t n_directions;
	float step, shift;
};

static float widen_f16(const uint8_t *p)
{
	unsigned bits = p[0] | (unsigned)p[1] << 8;
	unsigned exponent = bits >> 10 & 31, mantissa = bits & 1023;
	float value = exponent == 31  ? mantissa != 0 ? NAN : INFINITY
		      : exponent == 0 ? ldexpf((float)mantissa, -24)
				      : ldexpf((float)(1024 + mantissa), (int)exponent - 25);
	return bits >> 15 != 0 ? -value : value;
}

static float plain_t(const struct question *q, size_t place)
{
	unsigned sum = 0;
	for (size_t group = 0; group < q->n_directions / 4; group++) {
		size_t block = group / 4, half = group % 4 / 2;
		unsigned byte = q->sketch[128 + 64 * block + 32 * half + place];
		unsigned nibble = group % 2 == 0 ? byte % 16 : byte / 16;
		sum += q->tables[128 * block + 64 * (group % 2) + 32 * half + nibble];
	}
	float product = (float)sum * q->step;
	return product + q->shift;
}

static float plain_estimate(const struct question *q, size_t place)
{
	float product = widen_f16(q->sketch + 64 + 2 * place) * plain_t(q, place);
	return widen_f16(q->sketch + 2 * place) - product;
}

/* The first place a kernel gets wrong for some bound, 32 if none. */
static size_t first_wrong(uint32_t (*sift)(const uint8_t *, const uint8_t *, size_t, float, float, float),
			  const struct question *q)
{
	float estimates[32];
	for (size_t i = 0; i < 32; i++)
		estimates[i] = plain_estimate(q, i);
	for (size_t b = 0; b < 66; b++) {
		float bound = b < 32 ? estimates[b] : b < 64 ? nextafterf(estimates[b - 32], INFINITY)
				       : b == 64 ? INFINITY : -INFINITY;
		uint32_t mask = sift(q->sketch, q->tables, q->n_directions, q->step, q->shift, bound);
		for (size_t i = 0; i < 32; i++)
			if ((mask >> i & 1) != (estimates[i] < bound))
				return i;
	}
	return 32;
}

static void fill_tables(uint8_t *to, size_t n_directions)
{
	for (size_t table = 0; table < n_directions / 4; table++) {
		for (size_t i = 0; i < 16; i++)
			to[32 * table + i] = to[32 * table + 16 + i] = (uint8_t)sample_next(&state);
	}
}

/* Random signs; factors as a build writes them: the first `filled` places have numbers, the others none. */
static void fill_sketch(uint8_t *to, size_t n_directions, size_t filled)
{
	sample_bytes(to, 128 + 4 * n_directions, KIND_PLAIN, &state);
	for (size_t i = 0; i < 32; i++) {
		to[2 * i + 1] = i < filled ? to[2 * i + 1] & 0xdb : 0x7c; /* finite */
		to[2 * i] = i < filled ? to[2 * i] : 0;
		to[64 + 2 * i + 1] = i < filled ? to[64 + 2 * i + 1] & 0x5b : 0;
		to[64 + 2 * i] = i < filled ? to[64 + 2 * i] : 0;
	}
}

static void check(const struct question *q, const char *what)
{
	for (size_t v = 0; v < variants.count; v++) {
		size_t wrong = first_wrong(variants.table[v].sift_b1, q);
		if (wrong < 32)
			fail_msg("sift_b1 of %s (features %#x) errs at place %zu of %zu directions, %s",
				 variants.table[v].name, variants.features[v], wrong, q->n_directions, what);
	}
}

static struct question ask(size_t n_directions, size_t filled, size_t offset, bool at_end)
{
	uint8_t *sketch = at_end ? sketches.end - (128 + 4 * n_directions) - offset : sketches.start + offset;
	uint8_t *entries = at_end ? tables.end - 8 * n_directions - offset : tables.start + offset;
	fill_sketch(sketch, n_directions, filled);
	fill_tables(entries, n_directions);
	float step = ldexpf(1 + (float)(sample_next(&state) % 1000) / 1000, (int)(sample_next(&state) % 12) - 6);
	return (struct question){sketch, entries, n_directions, step, -step * (float)(n_directions * 31)};
}

static void test_sizes(void **unused)
{
	(void)unused;
	for (size_t n = 0; n <= DIRECTIONS_MAX; n += n < 320 ? 16 : 64) {
		for (int at_end = 0; at_end < 2; at_end++) {
			struct question q = ask(n, 32, 0, at_end == 1);
			check(&q, at_end == 1 ? "flush with the end" : "flush with the start");
		}
	}
}

static void test_filled(void **unused)
{
	(void)unused;
	for (unsigned round = 0; round < sample_scale(); round++) {
		for (size_t filled = 0; filled <= 32; filled++) {
			struct question q = ask(64 + 64 * (filled % 2), filled, 0, true);
			check(&q, "with empty places");
			uint32_t all = variants.table[0].sift_b1(q.sketch, q.tables, q.n_directions, q.step, q.shift, INFINITY);
			assert_true(all == (uint32_t)((1ull << filled) - 1));
		}
	}
}

static void test_misaligned(void **unused)
{
	(void)unused;
	for (size_t offset = 0; offset < 64; offset++) {
		struct question q = ask(128, 32, offset, false);
		check(&q, "misaligned");
	}
}

/* The largest sums, and any bits at all as factors, as in a damaged file: NaN is never below a bound. */
static void test_extremes(void **unused)
{
	(void)unused;
	struct question q = ask(DIRECTIONS_MAX, 32, 0, true);
	memset((void *)q.tables, 255, 8 * DIRECTIONS_MAX);
	check(&q, "all entries 255");
	for (int round = 0; round < 100; round++) {
		q = ask(64, 32, 0, true);
		sample_bytes((void *)q.sketch, 128, round % 2 == 0 ? KIND_PLAIN : KIND_HUGE, &state);
		if (round % 5 == 0)
			q.shift = INFINITY;
		check(&q, "any factors");
	}
}

/* ---- negative controls: estimates that are off a little */

static uint32_t without_last_block(const uint8_t *s, const uint8_t *t, size_t n, float step, float shift, float bound)
{
	return variants.table[0].sift_b1(s, t, n - 16, step, shift, bound);
}

/* As a compiler would make it that contracts. */
static uint32_t fused(const uint8_t *s, const uint8_t *t, size_t n, float step, float shift, float bound)
{
	uint32_t mask = 0;
	for (size_t i = 0; i < 32; i++) {
		float a = widen_f16(s + 2 * i), b = widen_f16(s + 64 + 2 * i);
		mask |= (uint32_t)(fmaf(-b, plain_t(&(struct question){s, t, n, step, shift}, i), a) < bound) << i;
	}
	return mask;
}

static uint32_t not_above(const uint8_t *s, const uint8_t *t, size_t n, float step, float shift, float bound)
{
	return variants.table[0].sift_b1(s, t, n, step, shift, nextafterf(bound, INFINITY));
}

static void test_planted_bugs(void **unused)
{
	(void)unused;
	struct question q = ask(128, 32, 0, true);
	assert_int_equal(first_wrong(variants.table[0].sift_b1, &q), 32);
	assert_true(first_wrong(without_last_block, &q) < 32);
	assert_true(first_wrong(fused, &q) < 32);
	assert_true(first_wrong(not_above, &q) < 32);
}

static int setup(void **unused)
{
	(void)unused;
	state = sample_seed();
	variants_collect(&variants);
	for (size_t i = 0; i < variants.count; i++)
		printf("# %s, features %#x\n", variants.table[i].name, variants.features[i]);
	sketches = arena_new(128 + 4 * DIRECTIONS_MAX + 64);
	tables = arena_new(8 * DIRECTIONS_MAX + 64);
	return 0;
}

static int teardown(void **unused)
{
	(void)unused;
	arena_free(&sketches);
	arena_free(&tables);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),    cmocka_unit_test(test_filled),       cmocka_unit_test(test_misaligned),
		cmocka_unit_test(test_extremes), cmocka_unit_test(test_planted_bugs),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
