/* SPDX-License-Identifier: Apache-2.0 */
/* Sweeping a store whose blocks are known by numbers. Four batches make three segments and some small values, each with nodes;
 * what is live is drawn anew. Afterwards, and after a sweep that failed or was killed anywhere, every live block is there;
 * after a sweep that got through no dead one is. Readers of all kinds look on meanwhile. */
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "any_fault.h"
#include "fixture.h"
#include "gc.h"

enum { BATCHES = 4, VALUES = 600, NODES = 80, SMALL_VALUES = 100, PER_BATCH = VALUES + NODES };

struct known {
	struct cid cid;
	bool is_there, is_live;
};
static struct known known[BATCHES * PER_BATCH];
static size_t n_known;

static struct slice block_of(size_t i, uint8_t *bytes)
{
	size_t within = i % PER_BATCH;
	struct slice block = make_block(i, within < VALUES ? (size_t)8000 : 500 + i % 3000, bytes);
	if (within >= VALUES)
		bytes[8] = (uint8_t)(i % 5); /* its rank */
	return block;
}

static uint64_t rank_of(const struct cid *cid, struct slice block)
{
	if (cid->codec == CID_RAW)
		return 0;
	return block.data[8] == 4 ? 1000u + block.data[0] : 1u + block.data[8];
}

static struct store *open_store(void)
{
	struct store *s;
	assert_ok(store_open(path, NULL, &s, &e));
	return s;
}

static void put_batch(struct store *s, size_t batch)
{
	static uint8_t bytes[1u << 16];
	struct store_batch *b;
	struct cid cid;
	assert_ok(store_batch_begin(s, 0, &b, &e));
	for (size_t i = 0; i < PER_BATCH; i++) {
		size_t number = batch * PER_BATCH + i;
		bool is_value = i < VALUES;
		if (is_value && batch == BATCHES - 1 && i >= SMALL_VALUES)
			continue; /* few enough for data.mdb */
		assert_ok(store_batch_put(b, is_value ? CID_RAW : CID_DAG_CBOR, block_of(number, bytes), &cid, &e));
		known[number] = (struct known){.cid = cid, .is_there = true};
	}
	char ref[32];
	snprintf(ref, sizeof ref, "heads/%zu", batch);
	struct store_ref_update update = {.ref = ref, .has_new = true, .new = cid, .message = "put"};
	assert_ok(store_batch_commit(b, NULL, &update, 1, 1, &e));
	store_batch_free(b);
	n_known = (batch + 1) * PER_BATCH;
}

static void put_all(struct store *s)
{
	memset(known, 0, sizeof known);
	for (size_t batch = 0; batch < BATCHES; batch++)
		put_batch(s, batch);
}

/* So many of 16 blocks of each batch live. */
static void draw_live(uint64_t *random, const unsigned shares[BATCHES])
{
	for (size_t i = 0; i < n_known; i++)
		known[i].is_live = known[i].is_there && next_random(random) % 16 < shares[i / PER_BATCH];
}

static struct cid others[VALUES]; /* that live as well */
static size_t n_others;

static int make_live(struct gc_live *live, struct cel_error *err)
{
	int rc = 0;
	gc_live_init(live);
	for (size_t i = 0; i < n_known && rc >= 0; i++)
		if (known[i].is_live)
			rc = gc_live_add(live, &known[i].cid, err);
	for (size_t i = 0; i < n_others && rc >= 0; i++)
		rc = gc_live_add(live, &others[i], err);
	return rc < 0 ? rc : 0;
}

static int sweep(struct store *s, struct gc_counts *counts, struct cel_error *err)
{
	struct store_batch *b;
	struct gc_live live;
	int rc = make_live(&live, err);
	if (rc == 0)
		rc = store_batch_begin(s, 10, &b, err);
	if (rc == 0) {
		rc = store_gc_sweep(b, &live, rank_of, counts, err);
		store_batch_free(b);
	}
	gc_live_release(&live);
	return rc;
}

static void assert_live(struct store *s)
{
	struct store_read *r;
	struct slice block;
	assert_ok(store_read_begin(s, &r, &e));
	for (size_t i = 0; i < n_known; i++)
		if (known[i].is_live)
			assert_ok(store_read_block(r, &known[i].cid, &block, &e));
	store_read_end(r);
}

/* And no dead one, unless few of a segment that was kept are. */
static void assert_swept(struct store *s)
{
	struct store_read *r;
	size_t n_dead[BATCHES] = {0}, n_live[BATCHES] = {0};
	assert_live(s);
	assert_ok(store_read_begin(s, &r, &e));
	for (size_t i = 0; i < n_known; i++) {
		size_t batch = i / PER_BATCH;
		bool is_value = i % PER_BATCH < VALUES;
		n_live[batch] += known[i].is_live && is_value;
		if (!known[i].is_there || known[i].is_live)
			continue;
		int has = store_read_has(r, &known[i].cid, &e);
		assert_true(has >= 0);
		if (is_value)
			n_dead[batch] += (size_t)has;
		else
			assert_int_equal(has, 0);
	}
	store_read_end(r);
	assert_int_equal(n_dead[BATCHES - 1], 0);
	for (size_t batch = 0; batch < BATCHES; batch++)
		assert_true(n_dead[batch] == 0 || 2 * n_live[batch] >= VALUES);
}

static size_t count_segments(void)
{
	char name[400];
	size_t n = 0;
	snprintf(name, sizeof name, "%s/segments", path);
	DIR *d = opendir(name);
	for (struct dirent *item; (item = readdir(d)) != NULL;)
		n += item->d_name[0] != '.';
	closedir(d);
	return n;
}

static void every_share(void **state)
{
	(void)state;
	static const struct {
		unsigned shares[BATCHES];
		size_t n_segments, n_rewritten;
		bool is_gathering;
	} CASES[] = {
		{{16, 16, 16, 16}, 3, 0, false}, {{0, 0, 0, 0}, 0, 0, false},  {{16, 4, 0, 8}, 2, 1, true},
		{{4, 4, 4, 16}, 1, 3, true},     {{0, 0, 12, 16}, 1, 0, false}, {{1, 0, 0, 0}, 1, 1, false},
	};
	uint64_t random = test_seed();
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct store *s = open_store();
		struct gc_counts expected, counts, again;
		struct gc_live live;
		put_all(s);
		draw_live(&random, CASES[i].shares);
		assert_ok(make_live(&live, &e));
		assert_ok(store_gc_count(s, &live, rank_of, &expected, &e));
		gc_live_release(&live);
		assert_int_equal(count_segments(), 3);
		assert_ok(sweep(s, &counts, &e));
		assert_int_equal(counts.blocks, expected.blocks);
		assert_int_equal(counts.block_bytes, expected.block_bytes);
		assert_int_equal(counts.segments, expected.segments);
		assert_int_equal(counts.gathered, expected.gathered);
		assert_int_equal(counts.rewritten, CASES[i].n_rewritten);
		assert_int_equal(counts.gathered > 0, CASES[i].is_gathering);
		assert_int_equal(counts.waiting, 0);
		assert_int_equal(count_segments(), CASES[i].n_segments);
		assert_swept(s);
		assert_ok(sweep(s, &again, &e));
		assert_int_equal(again.blocks + again.segments + again.gathered + again.waiting, 0);
		store_free(s);
		s = open_store();
		assert_swept(s);
		store_free(s);
		teardown(NULL);
		setup(NULL);
	}
}

/* Many small batches, whose values are in data.mdb: from 4 MiB on they become a segment. */
static void small_values_are_gathered(void **state)
{
	(void)state;
	static uint8_t bytes[8000];
	struct store *s = open_store();
	n_known = 0;
	memset(known, 0, sizeof known);
	struct store_batch *b = NULL;
	for (size_t i = 0; i < 800; i++) {
		struct cid cid;
		if (i % 40 == 0)
			assert_ok(store_batch_begin(s, 0, &b, &e));
		assert_ok(store_batch_put(b, CID_RAW, make_block(i, sizeof bytes, bytes), &cid, &e));
		known[i] = (struct known){.cid = cid, .is_there = true, .is_live = i % 4 != 0};
		if (i % 40 == 39) {
			assert_ok(store_batch_commit(b, NULL, NULL, 0, 1, &e));
			store_batch_free(b);
		}
	}
	n_known = 800;
	struct gc_counts counts;
	assert_ok(sweep(s, &counts, &e));
	assert_int_equal(counts.gathered, 600);
	assert_int_equal(counts.blocks, 200);
	assert_int_equal(count_segments(), 1);
	assert_true(counts.returned_bytes > 2u << 20);
	assert_live(s);
	store_free(s);
}

static void faults(void **state)
{
	(void)state;
	static const unsigned SHARES[BATCHES] = {16, 5, 0, 9};
	uint64_t random = test_seed();
	for (size_t i = 0; i < N_FAULTS; i++) {
		size_t n_failures = 0;
		setenv("CEL_IO", i % 2 == 0 ? "" : "read", 1);
		long step = FAULTS[i].op == IO_OPS + 1 ? 97 : FAULTS[i].op == IO_OPS ? 16 / (long)test_scale() + 1 : 1;
		for (long nth = 1;; nth += step) {
			struct store *s = open_store();
			struct gc_counts counts;
			put_all(s);
			draw_live(&random, SHARES);
			arm(&FAULTS[i], nth);
			int rc = sweep(s, &counts, &e);
			bool is_reached = was_reached(&FAULTS[i], nth);
			arm(&FAULTS[i], 0);
			assert_true(rc == 0 || is_reached);
			n_failures += rc < 0;
			if (rc == 0)
				assert_swept(s);
			assert_live(s);
			if (nth % 2 == 0) {
				store_free(s);
				s = open_store();
			}
			assert_ok(sweep(s, &counts, &e));
			assert_swept(s);
			store_free(s);
			teardown(NULL);
			setup(NULL);
			if (!is_reached)
				break;
		}
		printf("# %s: %zu failures\n", FAULTS[i].name, n_failures);
	}
	unsetenv("CEL_IO");
}

static void killed_anywhere(void **state)
{
	(void)state;
	static const unsigned SHARES[BATCHES] = {16, 5, 0, 9};
	uint64_t random = test_seed();
	size_t n_killed = 0;
	for (unsigned round = 0; round < 20 * test_scale(); round++) {
		struct store *s = open_store();
		put_all(s);
		draw_live(&random, SHARES);
		store_free(s);
		useconds_t at = (useconds_t)(next_random(&random) % 30000);
		pid_t child = fork();
		if (child == 0) {
			struct gc_counts counts;
			struct store *mine;
			_exit(store_open(path, NULL, &mine, NULL) == 0 && sweep(mine, &counts, NULL) == 0 ? 0 : 1);
		}
		usleep(at);
		kill(child, SIGKILL);
		int status;
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		n_killed += WIFSIGNALED(status);
		s = open_store();
		struct gc_counts counts;
		assert_live(s);
		assert_ok(sweep(s, &counts, &e));
		assert_swept(s);
		store_free(s);
		teardown(NULL);
		setup(NULL);
	}
	printf("# %zu killed in time\n", n_killed);
}

/* A snapshot from before the sweep has all that it had, and keeps the segments that have it. */
static void an_old_reader_loses_nothing(void **state)
{
	(void)state;
	static const unsigned SHARES[BATCHES] = {16, 5, 0, 9};
	uint64_t random = test_seed();
	struct store *s = open_store();
	put_all(s);
	draw_live(&random, SHARES);
	for (int has_looked = 0; has_looked < 2; has_looked++) {
		struct store_read *r;
		struct slice block;
		struct gc_counts counts;
		assert_ok(store_read_begin(s, &r, &e));
		if (has_looked) /* maps the segments */
			assert_ok(store_read_block(r, &known[0].cid, &block, &e));
		assert_ok(sweep(s, &counts, &e));
		assert_int_equal(counts.waiting, has_looked ? 0 : 2);
		for (size_t i = 0; i < n_known; i++)
			if (known[i].is_there && (!has_looked || known[i].is_live))
				assert_ok(store_read_block(r, &known[i].cid, &block, &e));
		assert_live(s);
		store_read_end(r);
		if (!has_looked)
			assert_ok(sweep(s, &counts, &e));
	}
	assert_swept(s);
	store_free(s);
}

/* ---- readers and a writer beside it */

enum { WATCHED = 200, GARBAGE = 450 };
static _Atomic bool is_over;
static _Atomic size_t n_reads;

/* Reads live values in one snapshot after another. */
static void *read_on(void *context)
{
	struct store *s = context;
	uint64_t random = (uint64_t)(uintptr_t)&random;
	struct cel_error problem;
	while (!is_over) {
		struct store_read *r;
		if (store_read_begin(s, &r, &problem) < 0)
			return "cannot begin";
		for (int i = 0; i < 20; i++) {
			struct slice block;
			if (store_read_block(r, &known[next_random(&random) % WATCHED].cid, &block, &problem) < 0) {
				printf("# %s\n", problem.message);
				store_read_end(r);
				return "cannot read";
			}
			n_reads++;
		}
		store_read_end(r);
	}
	return NULL;
}

/* What is watched is in a segment of which less than half lives, always: with it, values of data.mdb go to the next segment,
 * to be dead the next time. */
static void beside_readers(void **state)
{
	(void)state;
	static uint8_t bytes[8000];
	struct store *s = open_store();
	pthread_t threads[3];
	put_all(s);
	for (size_t i = 0; i < n_known; i++)
		known[i].is_live = i < WATCHED;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_on, s), 0);
	for (unsigned round = 0; round < 15 * test_scale(); round++) {
		struct store_batch *b;
		struct gc_counts counts;
		assert_ok(store_batch_begin(s, 10, &b, &e));
		for (n_others = 0; n_others < GARBAGE; n_others++)
			assert_ok(store_batch_put(b, CID_RAW, make_block(1000000 + round * 1000 + n_others, sizeof bytes, bytes),
						  &others[n_others], &e));
		assert_ok(store_batch_commit(b, NULL, NULL, 0, 1, &e));
		store_batch_free(b);
		assert_ok(sweep(s, &counts, &e));
		assert_int_equal(counts.rewritten, 1);
		assert_int_equal(counts.gathered, GARBAGE);
		assert_int_equal(counts.waiting, 0);
	}
	n_others = 0;
	is_over = true;
	for (size_t i = 0; i < 3; i++) {
		void *problem;
		pthread_join(threads[i], &problem);
		if (problem != NULL)
			fail_msg("%s", (const char *)problem);
	}
	printf("# %zu reads\n", (size_t)n_reads);
	assert_true(n_reads > 100);
	assert_live(s);
	store_free(s);
}

/* What is damaged or missing is not swept around. */
static void damage_stops_it(void **state)
{
	(void)state;
	static const unsigned SHARES[BATCHES] = {16, 5, 0, 9};
	uint64_t random = test_seed();
	struct store *s = open_store();
	struct gc_counts counts;
	struct store_read *r;
	put_all(s);
	draw_live(&random, SHARES);
	known[0].is_live = true;
	struct cid good = known[0].cid;
	known[0].cid.digest[5] ^= 1; /* a value that is nowhere */
	assert_code(CEL_ECORRUPT, sweep(s, &counts, &e));
	assert_non_null(strstr(e.message, "1 values that records have are missing"));
	known[0].cid = good;
	assert_live(s);
	assert_ok(store_read_begin(s, &r, &e));
	for (size_t i = 0; i < n_known; i++) /* nothing at all was removed */
		if (known[i].is_there)
			assert_int_equal(store_read_has(r, &known[i].cid, &e), 1);
	store_read_end(r);
	assert_ok(sweep(s, &counts, &e));
	assert_swept(s);
	store_free(s);
}

/* A batch of two transactions, of which the second fails: nodes of the first may be there, the root is not. */
static void the_root_comes_last(void **state)
{
	(void)state;
	enum { MANY = 30000, SIZE = 300 }; /* more than stays in memory, so they are no packs */
	size_t n_half = 0;
	for (long nth = 1; nth < 60; nth += 4) {
		struct store *s = open_store();
		struct store_batch *b;
		struct cid cid, least = {.codec = 0xff}, other = {0};
		uint8_t bytes[SIZE];
		assert_ok(store_batch_begin(s, 0, &b, &e));
		store_batch_set_limits(b, STORE_BATCH_MEMORY_MIN, 1);
		for (uint64_t i = 0; i < MANY; i++) {
			assert_ok(store_batch_put(b, CID_DAG_CBOR, make_block(i, sizeof bytes, bytes), &cid, &e));
			if (cid_compare(&cid, &least) < 0) {
				other = least;
				least = cid; /* in the order of keys it would be the first */
			}
		}
		arm(&(struct fault){"", IO_OPS, EIO}, nth);
		int rc = store_batch_commit(b, &least, NULL, 0, 1, &e);
		arm(&(struct fault){"", IO_OPS, EIO}, 0);
		store_batch_free(b);
		store_free(s);
		s = open_store();
		struct store_read *r;
		assert_ok(store_read_begin(s, &r, &e));
		bool has_root = store_read_has(r, &least, &e) == 1, has_other = store_read_has(r, &other, &e) == 1;
		assert_true(has_other || !has_root);
		assert_true(rc < 0 || has_root);
		n_half += has_other && !has_root;
		store_read_end(r);
		store_free(s);
		teardown(NULL);
		setup(NULL);
	}
	printf("# %zu batches ended half-way\n", n_half);
	assert_true(n_half > 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_share),     T(small_values_are_gathered),  T(faults),         T(killed_anywhere),
		T(the_root_comes_last),		T(beside_readers),  T(an_old_reader_loses_nothing), T(damage_stops_it),
	};
	return cmocka_run_group_tests_name("gc", tests, NULL, NULL);
}
