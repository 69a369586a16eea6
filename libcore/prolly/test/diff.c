/* SPDX-License-Identifier: Apache-2.0 */
/* A diff against the naive comparison of two arrays, in one walk and cut into blocks; applied to its base it makes the other
 * tree; and it reads no more than the changes call for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alloc.h"
#include "diff.h"
#include "hashed.h"
#include "random.h"
#include "world.h"

struct pair {
	struct fake_store *a, *b;
	struct cid root_a, root_b;
};

static struct pair pair_new(const struct world *a, const struct world *b, chunk_hash_fn *hash)
{
	struct pair p = {.a = fake_store_new(), .b = fake_store_new()};
	p.root_a = world_build(a, p.a, hash);
	p.root_b = world_build(b, p.b, hash);
	return p;
}

static void pair_free(struct pair *p)
{
	fake_store_free(p->a);
	fake_store_free(p->b);
}

static struct prolly_diff *diff_of(const struct pair *p)
{
	struct prolly_diff *d;
	struct cel_error e = {0};
	if (prolly_diff_new(fake_store_read(p->a), &p->root_a, fake_store_read(p->b), &p->root_b, &d, &e) < 0)
		fail_msg("%s", e.message);
	return d;
}

/* The naive comparison; adds up what it counts. */
static void assert_diff(const struct pair *p, const struct world *a, const struct world *b, uint64_t *n_read,
			struct prolly_diff_counts *counts)
{
	struct prolly_diff *d = diff_of(p);
	struct prolly_change c;
	*counts = (struct prolly_diff_counts){0};
	for (size_t i = 0; i < a->n; i++) {
		if (a->version[i] == b->version[i])
			continue;
		assert_int_equal(prolly_diff_next(d, &c, NULL), 1);
		bool has_before = a->version[i] != 0, has_after = b->version[i] != 0;
		assert_int_equal(c.kind, !has_before ? PROLLY_ADDED : !has_after ? PROLLY_DELETED : PROLLY_CHANGED);
		assert_true(!has_before || world_is_entry(&c.before, i, a->version[i]));
		assert_true(!has_after || world_is_entry(&c.after, i, b->version[i]));
		*(!has_before ? &counts->added : !has_after ? &counts->deleted : &counts->changed) += 1;
	}
	assert_int_equal(prolly_diff_next(d, &c, NULL), 0);
	assert_int_equal(prolly_diff_next(d, &c, NULL), 0);
	*n_read = prolly_diff_nodes_read(d);
	prolly_diff_free(d);
}

static void assert_counts(const struct pair *p, const struct prolly_diff_counts *expected, uint64_t n_read)
{
	struct prolly_diff_counts counts;
	assert_int_equal(prolly_diff_count(fake_store_read(p->a), &p->root_a, fake_store_read(p->b), &p->root_b, &counts, NULL),
			 0);
	assert_int_equal(counts.added, expected->added);
	assert_int_equal(counts.deleted, expected->deleted);
	assert_int_equal(counts.changed, expected->changed);
	assert_true(counts.nodes_read <= n_read);
}

static int apply_next(struct prolly_update *u, struct prolly_diff *d, bool is_backwards, struct fake_store *to,
		      struct fake_store *from, struct cel_error *e)
{
	struct prolly_change c;
	int rc = prolly_diff_next(d, &c, e);
	if (rc <= 0)
		return rc;
	struct prolly_entry *old = is_backwards ? &c.after : &c.before, *new = is_backwards ? &c.before : &c.after;
	if (new->id.size == 0) {
		rc = prolly_update_delete(u, old->id, e);
		return rc < 0 ? rc : 1;
	}
	struct prolly_value *values[] = {&new->vector, &new->metadata};
	for (int i = 0; i < 2 && rc >= 0; i++) {
		struct slice bytes;
		struct cid cid;
		if (!values[i]->is_link)
			continue;
		rc = prolly_value_bytes(fake_store_read(from), values[i], &bytes, e); /* blocks come along */
		if (rc == 0)
			rc = store_batch_put(fake_store_batch(to), CID_RAW, bytes, &cid, e);
	}
	if (rc >= 0)
		rc = prolly_update_put(u, new, e);
	return rc < 0 ? rc : 1;
}

/* apply(diff(a, b), a) = b, and backwards. */
static void assert_applies(const struct pair *p, chunk_hash_fn *hash, bool is_backwards)
{
	struct fake_store *to = is_backwards ? p->b : p->a, *from = is_backwards ? p->a : p->b;
	const struct cid *base = is_backwards ? &p->root_b : &p->root_a, *target = is_backwards ? &p->root_a : &p->root_b;
	struct prolly_diff *d = diff_of(p);
	struct prolly_update *u;
	struct prolly_update_stats stats;
	struct cel_error e = {0};
	struct cid root;
	int rc = prolly_update_new_hashed(fake_store_batch(to), fake_store_read(to), base, hash, &u, &e);
	assert_int_equal(rc, 0);
	while ((rc = apply_next(u, d, is_backwards, to, from, &e)) > 0)
		;
	if (rc == 0)
		rc = prolly_update_finish(u, &root, &stats, &e);
	if (rc < 0)
		fail_msg("%s", e.message);
	assert_true(cid_equal(&root, target));
	prolly_update_free(u);
	prolly_diff_free(d);
}

/* Walked in blocks, each with a diff of its own that seeks on behind the last id: the same changes. Ends with seeks to
 * anywhere, from anywhere, whose next change must be the first behind it. */
static void assert_blocks(const struct pair *p, const struct world *a, const struct world *b, uint64_t *random)
{
	struct prolly_diff *whole = diff_of(p), *part = diff_of(p);
	struct prolly_change x, y;
	uint8_t last[CEL_ID_MAX];
	size_t last_size = 0;
	int rc;
	for (size_t left = random_next(random) % 5; (rc = prolly_diff_next(whole, &x, NULL)) > 0; left--) {
		if (left == 0) {
			uint64_t before;
			prolly_diff_free(part);
			part = diff_of(p);
			before = prolly_diff_nodes_read(part);
			assert_int_equal(prolly_diff_seek(part, slice_make(last, last_size), NULL), 0);
			assert_true(prolly_diff_nodes_read(part) - before <= 2 * NODE_LEVELS_MAX);
			left = 1 + random_next(random) % 40;
		}
		assert_int_equal(prolly_diff_next(part, &y, NULL), 1);
		struct slice id = x.kind == PROLLY_DELETED ? x.before.id : x.after.id;
		assert_int_equal(x.kind, y.kind);
		assert_true(slice_equal(id, y.kind == PROLLY_DELETED ? y.before.id : y.after.id));
		assert_true(slice_equal(x.before.vector.bytes, y.before.vector.bytes) &&
			    slice_equal(x.after.vector.bytes, y.after.vector.bytes));
		memcpy(last, id.data, id.size);
		last_size = id.size;
	}
	assert_int_equal(prolly_diff_seek(part, slice_make(last, last_size), NULL), 0);
	assert_int_equal(prolly_diff_next(part, &y, NULL), 0);
	for (size_t i = 0; i < 4 && a->n > 0; i++) {
		size_t at = random_next(random) % a->n, next = at + 1;
		uint8_t room[WORLD_ROOM];
		struct slice after = world_entry(at, 1, room).id;
		while (next < a->n && a->version[next] == b->version[next])
			next++;
		assert_int_equal(prolly_diff_seek(part, after, NULL), 0);
		assert_int_equal(prolly_diff_next(part, &y, NULL), next < a->n);
		struct slice id = y.kind == PROLLY_DELETED ? y.before.id : y.after.id;
		assert_true(next == a->n || world_number(id) == next);
	}
	prolly_diff_free(whole);
	prolly_diff_free(part);
}

/* From anywhere to anywhere behind it: the changes between the two, and no node behind the end that need not be read. */
static void assert_parts(const struct pair *p, const struct world *a, const struct world *b, uint64_t *random)
{
	struct prolly_diff *part = diff_of(p);
	struct prolly_change c;
	for (size_t k = 0; k < 6 && a->n > 0; k++) {
		size_t from = random_next(random) % a->n, last = from + random_next(random) % (a->n - from);
		uint8_t room[WORLD_ROOM];
		assert_int_equal(prolly_diff_seek(part, world_entry(from, 1, room).id, NULL), 0);
		prolly_diff_end_with(part, world_entry(last, 1, room).id);
		for (size_t i = from + 1; i <= last; i++) {
			if (a->version[i] == b->version[i])
				continue;
			assert_int_equal(prolly_diff_next(part, &c, NULL), 1);
			assert_int_equal(world_number(c.kind == PROLLY_DELETED ? c.before.id : c.after.id), i);
		}
		assert_int_equal(prolly_diff_next(part, &c, NULL), 0);
		assert_int_equal(prolly_diff_next(part, &c, NULL), 0);
	}
	prolly_diff_free(part);
}

static void assert_all(const struct world *a, const struct world *b, chunk_hash_fn *hash)
{
	static uint64_t random = 1;
	struct pair p = pair_new(a, b, hash);
	struct prolly_diff_counts counts;
	uint64_t n_read;
	assert_diff(&p, a, b, &n_read, &counts);
	assert_blocks(&p, a, b, &random);
	assert_parts(&p, a, b, &random);
	assert_counts(&p, &counts, n_read);
	assert_applies(&p, hash, false);
	assert_applies(&p, hash, true);
	pair_free(&p);
}

static void test_random_changes(void **state)
{
	(void)state;
	static const size_t SIZES[] = {0, 1, 2, PROLLY_W, PROLLY_W + 1, 60, 500, 3000};
	uint64_t random = test_seed();
	for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
		for (size_t h = 0; h < WORLD_HASHES; h++) {
			for (unsigned quarters = 0; quarters <= 4; quarters += 2) {
				struct world a = world_new(SIZES[s]);
				world_fill(&a, quarters, &random);
				for (size_t step = 0; step < 4 * test_scale(); step++) {
					struct world b = world_copy(&a);
					world_change(&b, &random);
					assert_all(&a, &b, world_hashes[h]);
					world_change(&a, &random); /* both sides have changed */
					assert_all(&a, &b, world_hashes[h]);
					world_release(&b);
				}
				struct world none = world_new(SIZES[s]);
				assert_all(&a, &none, world_hashes[h]);
				world_release(&none);
				world_release(&a);
			}
		}
	}
}

/* A few records against many, so one level against three; in front, behind, in between; and sets with nothing common. */
static void test_unequal_heights(void **state)
{
	(void)state;
	enum { N = 6000 };
	for (unsigned kind = 0; kind < 5; kind++) {
		struct world a = world_new(N), b = world_new(N);
		for (size_t i = 0; i < N; i++) {
			size_t part = i * 8 / N;
			a.version[i] = kind != 4 ? 1 : i % 2 == 0;
			b.version[i] = kind == 0   ? i < 10
				       : kind == 1 ? i >= N - 10
				       : kind == 2 ? i % 600 == 0
				       : kind == 3 ? part == 3
						   : i % 2 == 1;
		}
		assert_all(&a, &b, chunk_hash);
		assert_all(&b, &a, chunk_hash);
		world_release(&a);
		world_release(&b);
	}
}

/* Nodes read against the bound: changes * height on each side, twice that for boundaries that moved. */
static void test_costs(void **state)
{
	(void)state;
	enum { N = 40000 };
	uint64_t random = test_seed();
	struct world a = world_new(N);
	world_fill(&a, 3, &random);
	for (size_t n = 0; n <= 64; n = n == 0 ? 1 : n * 4) {
		for (unsigned kind = 0; kind < 2; kind++) {
			struct world b = world_copy(&a);
			for (size_t k = 0; k < n; k++) {
				uint32_t *version = &b.version[random_next(&random) % N];
				*version = kind == 0 ? *version + (*version == 1) : *version == 0;
			}
			struct pair p = pair_new(&a, &b, world_honest);
			struct prolly_diff_counts counts;
			uint64_t n_read, n_changes, height = 4;
			assert_diff(&p, &a, &b, &n_read, &counts);
			assert_counts(&p, &counts, n_read);
			n_changes = counts.added + counts.deleted + counts.changed;
			printf("# %u changes (%s) in %u: %u nodes read\n", (unsigned)n_changes, kind == 0 ? "values" : "ids",
			       (unsigned)world_count(&a), (unsigned)n_read);
			assert_true(n_read <= (kind == 0 ? 2 : 4) * n_changes * height);
			pair_free(&p);
			world_release(&b);
		}
	}
	world_release(&a);
}

/* Counting reads no subtree that stands alone: all against nothing is the root, a block in between its edges. */
static void test_counting(void **state)
{
	(void)state;
	enum { N = 20000 };
	struct world a = world_new(N), b = world_new(N);
	for (size_t i = 0; i < N; i++) {
		a.version[i] = 1;
		b.version[i] = i < N / 3 || i >= N / 2;
	}
	struct pair p = pair_new(&a, &b, world_honest);
	struct prolly_diff_counts counts;
	struct store_read *read_a = fake_store_read(p.a), *read_b = fake_store_read(p.b);
	assert_int_equal(prolly_diff_count(read_a, &p.root_a, NULL, NULL, &counts, NULL), 0);
	assert_true(counts.deleted == N && counts.nodes_read == 1);
	assert_int_equal(prolly_diff_count(NULL, NULL, read_a, &p.root_a, &counts, NULL), 0);
	assert_true(counts.added == N && counts.nodes_read == 1);
	assert_int_equal(prolly_diff_count(read_a, &p.root_a, read_a, &p.root_a, &counts, NULL), 0);
	assert_true(counts.added + counts.deleted + counts.changed == 0 && counts.nodes_read == 0);
	assert_int_equal(prolly_diff_count(read_a, &p.root_a, read_b, &p.root_b, &counts, NULL), 0);
	assert_int_equal(counts.deleted, N / 2 - N / 3);
	printf("# %u deleted in a row: counted from %u nodes\n", (unsigned)counts.deleted, (unsigned)counts.nodes_read);
	assert_true(counts.nodes_read <= 24);
	assert_int_equal(prolly_diff_count(NULL, NULL, NULL, NULL, &counts, NULL), 0);
	assert_true(counts.added + counts.deleted + counts.changed + counts.nodes_read == 0);
	pair_free(&p);
	world_release(&a);
	world_release(&b);
}

static int walk(const struct pair *p, size_t *n)
{
	struct prolly_diff *d;
	struct prolly_change c;
	int rc = prolly_diff_new(fake_store_read(p->a), &p->root_a, fake_store_read(p->b), &p->root_b, &d, NULL);
	if (rc < 0)
		return rc;
	for (*n = 0; (rc = prolly_diff_next(d, &c, NULL)) > 0; ++*n) {
		struct slice id = c.kind == PROLLY_DELETED ? c.before.id : c.after.id;
		if (*n % 8 == 7 && (rc = prolly_diff_seek(d, id, NULL)) < 0)
			break;
	}
	assert_int_equal(prolly_diff_next(d, &c, NULL), rc < 0 ? CEL_EINTERNAL : 0);
	prolly_diff_free(d);
	return rc;
}

static void test_faults_and_damage(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct world a = world_new(3000), b;
	world_fill(&a, 3, &random);
	b = world_copy(&a);
	for (size_t i = 0; i < b.n; i += 1 + random_next(&random) % 200)
		b.version[i] ^= 2;
	struct pair p = pair_new(&a, &b, world_honest);
	size_t n, n_all;
	assert_int_equal(walk(&p, &n_all), 0);
	int rc = CEL_ENOMEM;
	uint64_t nth;
	for (nth = 1; rc != 0; nth++) {
		mem_fault_set(nth);
		rc = walk(&p, &n);
		mem_fault_set(0);
		assert_true(rc == 0 || rc == CEL_ENOMEM);
	}
	assert_true(nth > 5 && n == n_all);
	for (rc = CEL_EIO, nth = 1; rc != 0; nth++) {
		fake_store_fail(p.b, nth);
		rc = walk(&p, &n);
		assert_true(rc == 0 || rc == CEL_EIO);
	}
	fake_store_fail(p.b, 0);
	assert_true(nth > 20 && n == n_all);
	size_t n_failed = 0;
	for (size_t i = 0; i < fake_store_count(p.b); i++) {
		struct slice block;
		struct cid cid = *fake_store_block(p.b, i, &block), again;
		size_t bit = random_next(&random) % (8 * block.size);
		fake_store_flip(p.b, &cid, bit);
		rc = walk(&p, &n);
		assert_true(rc == CEL_ECORRUPT || (rc == 0 && n == n_all)); /* the block was not needed */
		fake_store_flip(p.b, &cid, bit);
		fake_store_remove(p.b, &cid);
		assert_int_equal(walk(&p, &n), rc);
		assert_int_equal(store_batch_put(fake_store_batch(p.b), cid.codec, block, &again, NULL), 0);
		n_failed += rc < 0;
	}
	assert_true(n_failed > 5);
	pair_free(&p);
	world_release(&a);
	world_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes), cmocka_unit_test(test_unequal_heights),
		cmocka_unit_test(test_costs),          cmocka_unit_test(test_counting),
		cmocka_unit_test(test_faults_and_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
