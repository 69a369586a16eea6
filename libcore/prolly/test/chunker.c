/* SPDX-License-Identifier: Apache-2.0 */
/* The judge is reference_ends: the rule of DESIGN.md section 4 word by word over an array, without runs, candidates or
 * streaming. The chunker must agree with it for honest, hostile and degenerate hashes; the bounds of the rule are then
 * brute-forced on the reference.
 *
 * What holds beyond the cap: node sizes (w+1 to 392) and height hold for all keys. The three-node bound is one of
 * the first hash alone: while no run is over 392 entries it holds whatever the keys are. A change that takes a run over the
 * cap, or touches one that is, can rewrite every node of that run, L / (w+1) + 1 of them at most (test_at_the_cap: the
 * insert that makes 392 entries 393 rewrites 9). Honest keys do not get there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "chunker.h"
#include "random.h"

enum { W = PROLLY_W, DIGITS = 8, HEIGHT = 7 };

static struct slice number_key(uint32_t number, char out[DIGITS])
{
	for (int i = DIGITS; i-- > 0; number /= 10)
		out[i] = (char)('0' + number % 10);
	return slice_make(out, DIGITS);
}

static uint64_t key_number(struct slice key)
{
	uint64_t number = 0;
	for (size_t i = 0; i < key.size; i++)
		number = number * 10 + (uint64_t)(key.data[i] - '0');
	return number;
}

/* ---- hashes. `hostile` attempts, counted from the first hash, follow a pattern; the ones behind it are honest. */
static uint32_t hostile = 1, period = 49;

static uint64_t honest(uint32_t level, uint32_t attempt, struct slice key)
{
	return mix64(key_number(key) * 64 + level * 8 + attempt); /* for this as good as SHA-256, and 20 times faster */
}

static uint64_t hash_up(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt < hostile ? key_number(key) : honest(level, attempt, key);
}

static uint64_t hash_down(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt < hostile ? ~key_number(key) : honest(level, attempt, key);
}

static uint64_t hash_saw(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt < hostile ? key_number(key) % period : honest(level, attempt, key);
}

static uint64_t hash_saw_down(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt < hostile ? period - key_number(key) % period : honest(level, attempt, key);
}

static uint64_t hash_few(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt < hostile ? honest(level, attempt, key) % period : honest(level, attempt, key);
}

/* ---- the judge */
struct rank {
	uint64_t hash;
	uint32_t number;
};

static bool is_smaller(struct rank a, struct rank b)
{
	return a.hash != b.hash ? a.hash < b.hash : a.number < b.number;
}

/* Is entry i smaller than every other within w of it that exists? */
static bool is_minimum(const struct rank *r, size_t n, size_t i)
{
	for (size_t j = i > W ? i - W : 0; j <= i + W && j < n; j++)
		if (j != i && !is_smaller(r[i], r[j]))
			return false;
	return true;
}

static void rank_all(chunk_hash_fn *hash, uint32_t level, uint32_t attempt, const uint32_t *numbers, size_t n,
		     struct rank *out)
{
	char key[DIGITS];
	for (size_t i = 0; i < n; i++)
		out[i] = (struct rank){hash(level, attempt, number_key(numbers[i], key)), numbers[i]};
}

static void reference_cut(chunk_hash_fn *hash, uint32_t level, uint32_t attempt, const uint32_t *numbers, size_t n,
			  bool *ends)
{
	if (n <= CHUNK_CAP)
		return;
	struct rank *r = malloc(n * sizeof *r);
	rank_all(hash, level, attempt <= CHUNK_ATTEMPTS ? attempt : CHUNK_ATTEMPTS, numbers, n, r);
	if (attempt <= CHUNK_ATTEMPTS) {
		for (size_t i = W; i + W + 1 < n; i++)
			ends[i] |= is_minimum(r, n, i);
	} else {
		size_t best = n / 4;
		for (size_t i = n / 4; i < n - n / 4; i++)
			best = is_smaller(r[i], r[best]) ? i : best;
		ends[best] = true;
	}
	free(r);
	for (size_t start = 0, i = 0; i < n; i++) {
		if (ends[i]) {
			reference_cut(hash, level, attempt + 1, numbers + start, i + 1 - start, ends + start);
			start = i + 1;
		}
	}
}

static void reference_ends(chunk_hash_fn *hash, uint32_t level, const uint32_t *numbers, size_t n, bool *ends)
{
	struct rank *r = malloc((n + 1) * sizeof *r);
	rank_all(hash, level, 0, numbers, n, r);
	for (size_t i = 0; i < n; i++)
		ends[i] = i == n - 1 || (i >= W && is_minimum(r, n, i));
	free(r);
	for (size_t start = 0, i = 0; i < n; i++) {
		if (ends[i]) {
			reference_cut(hash, level, 1, numbers + start, i + 1 - start, ends + start);
			start = i + 1;
		}
	}
}

/* ---- the chunker over the same array */
static void streamed_ends(chunk_hash_fn *hash, uint32_t level, const uint32_t *numbers, size_t n, bool *ends)
{
	struct chunker c;
	chunker_init(&c, level, hash);
	size_t given = 0, size;
	char key[DIGITS];
	for (size_t i = 0; i <= n; i++) {
		int rc;
		if (i < n) {
			ends[i] = false;
			rc = chunker_add(&c, number_key(numbers[i], key), slice_text("payload"), i, NULL);
		} else {
			rc = chunker_finish(&c, NULL);
		}
		assert_int_equal(rc, 0);
		while ((size = chunker_ready(&c)) > 0) {
			assert_true(given + size <= n);
			assert_int_equal(key_number(chunker_key(&c, 0)), numbers[given]);
			assert_int_equal(chunker_count(&c, size - 1), given + size - 1);
			assert_true(slice_equal(chunker_payload(&c, size - 1), slice_text("payload")));
			ends[(given += size) - 1] = true;
			chunker_drop(&c);
		}
	}
	assert_int_equal(given, n);
	chunker_release(&c);
}

static void assert_bounds(const bool *ends, size_t n)
{
	for (size_t start = 0, i = 0; i < n; i++) {
		if (!ends[i])
			continue;
		assert_true(i + 1 - start <= CHUNK_CAP);
		assert_true(i + 1 - start >= W + 1 || i == n - 1);
		start = i + 1;
	}
	assert_true(n == 0 || ends[n - 1]);
}

static void compare_for(chunk_hash_fn *hash, uint32_t level, const uint32_t *numbers, size_t n)
{
	bool *expected = malloc(n + 1), *actual = malloc(n + 1);
	reference_ends(hash, level, numbers, n, expected);
	streamed_ends(hash, level, numbers, n, actual);
	assert_memory_equal(expected, actual, n);
	assert_bounds(actual, n);
	free(expected);
	free(actual);
}

static void test_agrees_with_reference(void **state)
{
	(void)state;
	static const size_t SIZES[] = {0,   1,   2,   W - 1, W,   W + 1, W + 2, 2 * W, 2 * W + 1, 2 * W + 2, 100,
				       391, 392, 393, 394,   415, 416,   417,   418,   800,       5000};
	static const uint32_t PERIODS[] = {1, 2, 23, 24, 25, 26, 48, 49, 50, 51, 100, 391, 392, 393, 417, 1000};
	chunk_hash_fn *const kinds[] = {chunk_hash, hash_up, hash_down, hash_saw, hash_saw_down, hash_few};
	uint64_t random = test_seed();
	static uint32_t numbers[5000];
	for (size_t i = 0; i < 5000; i++)
		numbers[i] = (i > 0 ? numbers[i - 1] : 0) + 1 + (uint32_t)(random_next(&random) % 5 == 0);
	for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			bool has_period = k >= 3;
			for (size_t p = 0; p < (has_period ? sizeof PERIODS / sizeof *PERIODS : 1); p++) {
				period = PERIODS[p];
				for (hostile = 1; hostile <= CHUNK_ATTEMPTS + 1; hostile++)
					compare_for(kinds[k], (uint32_t)(s % 3), numbers, SIZES[s]);
			}
		}
	}
	for (size_t n = 380; n < 480; n++) { /* about the cap, one by one */
		for (hostile = 1; hostile <= CHUNK_ATTEMPTS + 1; hostile++) {
			compare_for(hash_up, 0, numbers, n);
			compare_for(hash_down, 0, numbers, n);
		}
	}
	hostile = 1;
}

/* The comparison above must be able to fail: a window narrower by one is seen. */
static void test_negative_control(void **state)
{
	(void)state;
	enum { N = 50000 };
	static uint32_t numbers[N];
	static struct rank r[N];
	static bool ends[N];
	for (uint32_t i = 0; i < N; i++)
		numbers[i] = i;
	rank_all(chunk_hash, 0, 0, numbers, N, r);
	streamed_ends(chunk_hash, 0, numbers, N, ends);
	size_t n_different = 0;
	for (size_t i = W; i < N - W; i++) {
		bool is_narrow_minimum = true;
		for (size_t j = i - W + 1; j < i + W; j++)
			is_narrow_minimum &= j == i || is_smaller(r[i], r[j]);
		n_different += is_narrow_minimum != ends[i];
	}
	assert_true(n_different > 0);
}

/* From behind any entry that closes by the first hash the rest of the level comes out the same. */
static void test_restart(void **state)
{
	(void)state;
	enum { N = 3000 };
	static uint32_t numbers[N];
	static bool ends[N], rest[N];
	for (uint32_t i = 0; i < N; i++)
		numbers[i] = i * 7;
	streamed_ends(chunk_hash, 1, numbers, N, ends);
	for (size_t i = 0; i + 1 < N; i++) {
		if (!ends[i])
			continue;
		streamed_ends(chunk_hash, 1, numbers + i + 1, N - i - 1, rest);
		assert_memory_equal(rest, ends + i + 1, N - i - 1);
	}
}

/* Levels of the tree over 0..n-1, and the distribution of the sizes of the leaves. */
static uint32_t height_of(chunk_hash_fn *hash, size_t n, double *mean, double *deviation)
{
	uint32_t *numbers = malloc(n * sizeof *numbers);
	bool *ends = malloc(n);
	for (size_t i = 0; i < n; i++)
		numbers[i] = (uint32_t)i;
	uint32_t height = 0;
	double squares = 0;
	for (size_t n_nodes = 0; n_nodes != 1; height++, n = n_nodes) {
		streamed_ends(hash, height, numbers, n, ends);
		assert_bounds(ends, n);
		n_nodes = 0;
		for (size_t start = 0, i = 0; i < n; i++) {
			if (!ends[i])
				continue;
			squares += height == 0 ? (double)((i + 1 - start) * (i + 1 - start)) : 0;
			start = i + 1;
			numbers[n_nodes++] = numbers[i];
		}
		if (height == 0) {
			*mean = (double)n / (double)n_nodes;
			*deviation = sqrt(squares / (double)n_nodes - *mean * *mean);
		}
	}
	free(numbers);
	free(ends);
	return height;
}

static void test_height_and_distribution(void **state)
{
	(void)state;
	const size_t n = 1000000;
	double mean, deviation;
	uint32_t height = height_of(chunk_hash, n, &mean, &deviation);
	printf("# a million ids: height %u, mean leaf %.2f, CV %.3f\n", height, mean, deviation / mean);
	assert_true(height == 4);
	assert_true(fabs(mean - (2 * W + 1)) < 0.5);
	assert_true(fabs(deviation / mean - 0.38) < 0.01);
	chunk_hash_fn *const kinds[] = {hash_up, hash_down, hash_saw, hash_saw_down, hash_few};
	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		for (hostile = 1; hostile <= CHUNK_ATTEMPTS + 1; hostile += CHUNK_ATTEMPTS) {
			size_t n_hostile = k == 2 && hostile > 1 ? n : n / 20 * test_scale();
			for (period = 25; period <= 400; period = period * 4 - 1) {
				height = height_of(kinds[k], n_hostile, &mean, &deviation);
				assert_true(height <= 2 + log((double)n_hostile) / log(W + 1));
			}
		}
	}
	hostile = 1;
}

/* ---- how many nodes a change rewrites. A node's identity stands for its CID: a hash of level, keys and children. */
struct shape {
	size_t n_levels, n[HEIGHT];
	uint64_t *nodes[HEIGHT];
};

static void shape_release(struct shape *s)
{
	for (size_t level = 0; level < s->n_levels; level++)
		free(s->nodes[level]);
}

static void shape_make(chunk_hash_fn *hash, const uint32_t *keys, size_t n, struct shape *s)
{
	uint32_t *numbers = malloc((n + 1) * sizeof *numbers);
	uint64_t *ids = malloc((n + 1) * sizeof *ids);
	bool *ends = malloc(n + 1);
	for (size_t i = 0; i < n; i++)
		ids[i] = numbers[i] = keys[i];
	s->n_levels = 0;
	for (size_t n_nodes = 0; n_nodes != 1; n = n_nodes) {
		assert_true(s->n_levels < HEIGHT);
		reference_ends(hash, (uint32_t)s->n_levels, numbers, n, ends);
		uint64_t *nodes = malloc((n + 1) * sizeof *nodes), id = s->n_levels;
		n_nodes = 0;
		for (size_t i = 0; i < n; i++) {
			id = mix64(id ^ mix64(ids[i]) ^ numbers[i]);
			if (!ends[i])
				continue;
			numbers[n_nodes] = numbers[i];
			nodes[n_nodes++] = id;
			id = s->n_levels;
		}
		memcpy(ids, nodes, n_nodes * sizeof *ids);
		s->nodes[s->n_levels] = nodes;
		s->n[s->n_levels++] = n_nodes;
	}
	free(numbers);
	free(ids);
	free(ends);
}

/* The largest number of nodes that one level of b has and a has not. What is common stands at both ends. */
static size_t max_rewritten(const struct shape *a, const struct shape *b)
{
	size_t worst = 0;
	for (size_t level = 0; level < b->n_levels; level++) {
		size_t n_a = level < a->n_levels ? a->n[level] : 0, n_b = b->n[level], rewritten = 0, first = 0;
		while (first < n_a && first < n_b && a->nodes[level][first] == b->nodes[level][first])
			first++;
		while (n_a > first && n_b > first && a->nodes[level][n_a - 1] == b->nodes[level][n_b - 1])
			n_a--, n_b--;
		for (size_t i = first; i < n_b; i++) { /* and what is common in between */
			bool is_new = true;
			for (size_t j = first; j < n_a; j++)
				is_new &= a->nodes[level][j] != b->nodes[level][i];
			rewritten += is_new;
		}
		worst = rewritten > worst ? rewritten : worst;
	}
	return worst;
}

struct worst {
	size_t on_insert, on_delete;
};

/* Over the keys base + 1, 3, 5, ...: every insert between two keys and at both ends, and every delete. */
static struct worst brute_force(chunk_hash_fn *hash, size_t n, uint32_t base)
{
	uint32_t *keys = malloc((n + 1) * sizeof *keys), *changed = malloc((n + 1) * sizeof *changed);
	struct worst worst = {0};
	struct shape a, b;
	for (size_t i = 0; i < n; i++)
		keys[i] = base + 1 + 2 * (uint32_t)i;
	shape_make(hash, keys, n, &a);
	for (size_t i = 0; i <= n; i++) {
		memcpy(changed, keys, i * sizeof *keys);
		changed[i] = base + 2 * (uint32_t)i;
		memcpy(changed + i + 1, keys + i, (n - i) * sizeof *keys);
		shape_make(hash, changed, n + 1, &b);
		size_t rewritten = max_rewritten(&a, &b);
		worst.on_insert = rewritten > worst.on_insert ? rewritten : worst.on_insert;
		shape_release(&b);
		if (i == n)
			break;
		memcpy(changed + i, keys + i + 1, (n - i - 1) * sizeof *keys);
		shape_make(hash, changed, n - 1, &b);
		rewritten = max_rewritten(&a, &b);
		worst.on_delete = rewritten > worst.on_delete ? rewritten : worst.on_delete;
		shape_release(&b);
	}
	shape_release(&a);
	free(keys);
	free(changed);
	return worst;
}

static void test_three_nodes(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct worst worst;
	for (size_t round = 0; round < 12 * test_scale(); round++) {
		size_t n = round % 4 == 0 ? 600 + random_next(&random) % 600 : 50 + random_next(&random) % 300;
		worst = brute_force(honest, n, (uint32_t)(random_next(&random) % 10000000));
		printf("# %zu ids: an insert rewrites at most %zu nodes a level, a delete %zu\n", n, worst.on_insert,
		       worst.on_delete);
		assert_true(worst.on_insert <= 3 && worst.on_delete <= 3);
	}
	worst = brute_force(chunk_hash, 400, 0); /* and with the true hash */
	assert_true(worst.on_insert <= 3 && worst.on_delete <= 3);
}

static void test_at_the_cap(void **state)
{
	(void)state;
	static const size_t SIZES[] = {CHUNK_CAP, CHUNK_CAP + 1, 2000};
	for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
		for (hostile = 1; hostile <= CHUNK_ATTEMPTS + 1; hostile += CHUNK_ATTEMPTS) {
			struct worst worst = brute_force(hash_up, SIZES[i], 0);
			printf("# one run of %zu, %s: an insert rewrites up to %zu nodes, a delete %zu\n", SIZES[i],
			       hostile > 1 ? "hostile to every attempt" : "hostile to the first hash", worst.on_insert,
			       worst.on_delete);
			assert_true(worst.on_insert <= (SIZES[i] + 1) / (W + 1) + 1);
			assert_true(worst.on_delete <= SIZES[i] / (W + 1) + 1);
		}
	}
	hostile = 1;
}

static uint64_t hash_saw_or_true(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt < hostile ? key_number(key) % period : chunk_hash(level, attempt, key);
}

/* cuts.golden: "period hostile n size,size,..." a line: the nodes of 0..n-1 under hashes that repeat, for the format's other
 * implementation (tests/interop/trees.mjs). CEL_TEST_GOLDEN_WRITE=1 prints what it should be. */
static void test_golden_cuts(void **state)
{
	(void)state;
	const char *source = getenv("CEL_SRCDIR");
	char path[4096], expected[2000], actual[2000];
	snprintf(path, sizeof path, "%s/libcore/prolly/test/cuts.golden", source != NULL ? source : ".");
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	size_t n, n_lines = 0;
	while (fscanf(file, "%u %u %zu %1999s", &period, &hostile, &n, expected) == 4) {
		uint32_t *numbers = malloc(n * sizeof *numbers);
		bool *ends = malloc(n);
		for (uint32_t i = 0; i < n; i++)
			numbers[i] = i;
		streamed_ends(hash_saw_or_true, 0, numbers, n, ends);
		size_t used = 0;
		for (size_t start = 0, i = 0; i < n; i++) {
			if (!ends[i])
				continue;
			used += (size_t)snprintf(actual + used, sizeof actual - used, "%s%zu", start > 0 ? "," : "", i + 1 - start);
			start = i + 1;
		}
		if (getenv("CEL_TEST_GOLDEN_WRITE") != NULL)
			printf("%u %u %zu %s\n", period, hostile, n, actual);
		else
			assert_string_equal(actual, expected);
		free(numbers);
		free(ends);
		n_lines++;
	}
	fclose(file);
	assert_true(n_lines >= 10);
	hostile = 1;
	period = 49;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_reference), cmocka_unit_test(test_negative_control),
		cmocka_unit_test(test_restart),               cmocka_unit_test(test_height_and_distribution),
		cmocka_unit_test(test_three_nodes),           cmocka_unit_test(test_at_the_cap),
		cmocka_unit_test(test_golden_cuts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
