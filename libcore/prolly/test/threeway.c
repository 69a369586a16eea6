/* SPDX-License-Identifier: Apache-2.0 */
/* A three-way merge against the same rule over arrays; its laws; and what it costs. The three sets are in three stores, as
 * when the other side is on another host, or in one, when leaves of theirs may be taken as they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alloc.h"
#include "hashed.h"
#include "threeway.h"
#include "random.h"
#include "world.h"

enum policy { OURS, THEIRS, LARGER }; /* LARGER: the higher version, which does not ask who is who */

struct three {
	const struct world *base, *ours, *theirs;
	chunk_hash_fn *hash;
	enum policy policy;
	bool is_contested; /* the base agrees on nothing */
	bool is_function;  /* the base is not known as a tree */
	bool is_one_store;
	uint64_t nodes_alone; /* then a second thread helps, */
	size_t ahead_max;     /* as far as so many bytes */
	/* while merging */
	struct fake_store *stores[3];
	struct cid roots[3];
	struct prolly_cursor *cursor;
	struct prolly_update *update;
	size_t n_asked;
};

static uint32_t decide_version(enum policy policy, uint32_t ours, uint32_t theirs)
{
	return policy == OURS ? ours : policy == THEIRS ? theirs : ours > theirs ? ours : theirs;
}

static uint32_t naive(const struct three *t, size_t i, bool *is_conflict)
{
	uint32_t base = t->base->version[i], ours = t->ours->version[i], theirs = t->theirs->version[i];
	*is_conflict = false;
	if (ours == theirs || (base == theirs && !t->is_contested))
		return ours;
	if (base == ours && !t->is_contested)
		return theirs;
	*is_conflict = true;
	return decide_version(t->policy, ours, theirs);
}

static int base(void *context, struct slice id, struct prolly_record *out, struct cel_error *e)
{
	struct three *t = context;
	t->n_asked++;
	*out = (struct prolly_record){.state = PROLLY_CONTESTED};
	return t->is_contested ? 0 : prolly_record_find(t->cursor, id, out, e);
}

static int decide(void *context, struct slice id, const struct prolly_record *in_base, const struct prolly_record *ours,
		  const struct prolly_record *theirs, struct cel_error *e)
{
	struct three *t = context;
	size_t i = world_number(id);
	(void)e;
	assert_true((in_base->state == PROLLY_CONTESTED) == t->is_contested);
	assert_true((ours->state == PROLLY_ABSENT) == (t->ours->version[i] == 0));
	assert_true((theirs->state == PROLLY_ABSENT) == (t->theirs->version[i] == 0));
	assert_true(!prolly_record_equal(ours, theirs));
	uint32_t version = decide_version(t->policy, t->ours->version[i], t->theirs->version[i]);
	return version == t->ours->version[i] ? PROLLY_OURS : PROLLY_THEIRS;
}

/* Linked values are brought over as bytes, as from another host. */
static int bring(struct three *t, struct prolly_value *value, struct cel_error *e)
{
	struct slice bytes;
	if (!value->is_link || t->is_one_store)
		return 0;
	int rc = prolly_value_bytes(fake_store_read(t->stores[2]), value, &bytes, e);
	*value = (struct prolly_value){.bytes = bytes};
	return rc;
}

static int take(void *context, const struct prolly_change *change, struct cel_error *e)
{
	struct three *t = context;
	struct prolly_entry entry = change->after;
	if (change->kind == PROLLY_DELETED)
		return prolly_update_delete(t->update, change->before.id, e);
	int rc = bring(t, &entry.vector, e);
	if (rc == 0)
		rc = bring(t, &entry.metadata, e);
	if (rc < 0)
		return rc;
	if (change->kind != PROLLY_CHANGED)
		return prolly_update_put(t->update, &entry, e);
	return prolly_update_replace(t->update, &entry, change->leaf, t->is_one_store ? change->twin : NULL, e);
}

static int merge(struct three *t, struct prolly_merge_counts *counts, struct cid *root, struct prolly_update_stats *stats,
		 struct cel_error *e)
{
	struct prolly_merge m = {.read_ours = fake_store_read(t->stores[1]), .read_theirs = fake_store_read(t->stores[2]),
				 .ours = &t->roots[1], .theirs = &t->roots[2], .base = base, .decide = decide, .take = take,
				 .read_base = fake_store_read(t->stores[0]), .context = t,
				 .nodes_alone = t->nodes_alone, .ahead_max = t->ahead_max};
	m.base_root = t->is_contested || t->is_function ? NULL : &t->roots[0];
	t->cursor = NULL;
	t->update = NULL;
	int rc = prolly_cursor_new(fake_store_read(t->stores[0]), &t->roots[0], &t->cursor, e);
	if (rc == 0)
		rc = prolly_update_new_hashed(fake_store_batch(t->stores[1]), m.read_ours, m.ours, t->hash, &t->update, e);
	if (rc == 0)
		rc = prolly_merge(&m, counts, e);
	if (rc == 0)
		rc = prolly_update_finish(t->update, root, stats, e);
	prolly_cursor_free(t->cursor);
	prolly_update_free(t->update);
	return rc;
}

static void open_three(struct three *t)
{
	const struct world *worlds[] = {t->base, t->ours, t->theirs};
	for (int i = 0; i < 3; i++) {
		t->stores[i] = i > 0 && t->is_one_store ? t->stores[0] : fake_store_new();
		t->roots[i] = world_build(worlds[i], t->stores[i], t->hash);
	}
}

static void close_three(struct three *t)
{
	for (int i = 0; i < (t->is_one_store ? 1 : 3); i++)
		fake_store_free(t->stores[i]);
}

/* All of it is there. */
static void assert_complete(struct fake_store *store, const struct cid *root)
{
	struct prolly_cursor *cursor;
	struct prolly_entry entry;
	uint64_t n = 0, count;
	int rc;
	assert_int_equal(prolly_count(fake_store_read(store), root, &count, NULL), 0);
	assert_int_equal(prolly_cursor_new(fake_store_read(store), root, &cursor, NULL), 0);
	while ((rc = prolly_cursor_next(cursor, &entry, NULL)) == 1)
		n++;
	assert_int_equal(rc, 0);
	assert_int_equal(n, count);
	prolly_cursor_free(cursor);
}

static struct cid merged_root(struct three *t, struct prolly_merge_counts *counts)
{
	struct prolly_update_stats stats;
	struct cel_error e = {0};
	struct cid root;
	open_three(t);
	if (merge(t, counts, &root, &stats, &e) < 0)
		fail_msg("%s", e.message);
	assert_complete(t->stores[1], &root);
	close_three(t);
	return root;
}

/* Whatever a second thread does of it, the result is the same; also if it stops soon, again and again. */
static void assert_helped(struct three *t, const struct cid *wanted, const struct prolly_merge_counts *expected)
{
	static const size_t MOST[] = {0, 1, 5000};
	static size_t turn;
	struct three helped = *t;
	struct prolly_merge_counts counts;
	helped.nodes_alone = 1;
	helped.ahead_max = MOST[turn % 3];
	helped.is_one_store = turn / 3 % 2 == 0;
	turn++;
	struct cid root = merged_root(&helped, &counts);
	assert_true(cid_equal(&root, wanted));
	counts.nodes_read = expected->nodes_read; /* more: the ways down */
	assert_memory_equal(&counts, expected, sizeof counts);
}

/* Against the arrays; and where the policy does not ask who is who, the other way about. */
static struct cid assert_merge(const struct world *in_base, const struct world *ours, const struct world *theirs,
			       chunk_hash_fn *hash, enum policy policy, bool is_contested)
{
	struct three t = {in_base, ours, theirs, .hash = hash, .policy = policy, .is_contested = is_contested};
	struct prolly_merge_counts counts, expected = {0};
	struct world w = world_copy(ours);
	for (size_t i = 0; i < w.n; i++) {
		bool is_conflict;
		w.version[i] = naive(&t, i, &is_conflict);
		expected.conflicts += is_conflict;
		if (ours->version[i] == theirs->version[i])
			continue;
		if (w.version[i] != ours->version[i])
			*(ours->version[i] == 0 ? &expected.added : w.version[i] == 0 ? &expected.deleted : &expected.replaced) += 1;
	}
	struct fake_store *fresh = fake_store_new();
	struct cid wanted = world_build(&w, fresh, hash), root = merged_root(&t, &counts);
	assert_true(cid_equal(&root, &wanted));
	expected.nodes_read = counts.nodes_read;
	assert_memory_equal(&counts, &expected, sizeof counts);
	t.is_function = true;
	root = merged_root(&t, &counts);
	assert_true(cid_equal(&root, &wanted));
	t.is_function = false;
	t.is_one_store = true;
	root = merged_root(&t, &counts);
	assert_true(cid_equal(&root, &wanted));
	t.is_one_store = false;
	expected.nodes_read = counts.nodes_read;
	assert_memory_equal(&counts, &expected, sizeof counts);
	assert_helped(&t, &wanted, &expected);
	if (policy == LARGER) {
		struct three other_way = t;
		other_way.ours = theirs;
		other_way.theirs = ours;
		root = merged_root(&other_way, &counts);
		assert_true(cid_equal(&root, &wanted));
		assert_int_equal(counts.conflicts, expected.conflicts);
	}
	fake_store_free(fresh);
	world_release(&w);
	return wanted;
}

static struct cid root_of(const struct world *w, chunk_hash_fn *hash)
{
	struct fake_store *fresh = fake_store_new();
	struct cid root = world_build(w, fresh, hash);
	fake_store_free(fresh);
	return root;
}

static void merges_like_the_arrays(void **state)
{
	(void)state;
	static const size_t SIZES[] = {0, 1, 2, PROLLY_W, PROLLY_W + 1, 60, 500, 2500};
	uint64_t random = test_seed();
	for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
		for (size_t h = 0; h < WORLD_HASHES; h++) {
			struct world b = world_new(SIZES[s]);
			world_fill(&b, (unsigned)(random_next(&random) % 5), &random);
			for (size_t step = 0; step < 3 * test_scale(); step++) {
				struct world x = world_copy(&b), y = world_copy(&b);
				for (size_t k = 0; k <= step; k++) {
					world_change(&x, &random);
					world_change(&y, &random);
				}
				assert_merge(&b, &x, &y, world_hashes[h], LARGER, false);
				assert_merge(&b, &x, &y, world_hashes[h], step % 2 == 0 ? OURS : THEIRS, step == 2);
				struct cid root = root_of(&x, world_hashes[h]), found;
				found = assert_merge(&b, &b, &x, world_hashes[h], OURS, false); /* merge(b, b, x) = x */
				assert_true(cid_equal(&found, &root));
				found = assert_merge(&b, &x, &b, world_hashes[h], THEIRS, false);
				assert_true(cid_equal(&found, &root));
				found = assert_merge(&b, &x, &x, world_hashes[h], OURS, true); /* merge(b, x, x) = x */
				assert_true(cid_equal(&found, &root));
				world_release(&x);
				world_release(&y);
			}
			world_release(&b);
		}
	}
}

/* Edits that do not touch are joined, without a question. */
static void disjoint_edits_are_united(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	for (size_t round = 0; round < 10 * test_scale(); round++) {
		struct world b = world_new(1500);
		world_fill(&b, 2, &random);
		struct world x = world_copy(&b), y = world_copy(&b), both = world_copy(&b);
		for (size_t i = 0; i < b.n; i++) {
			uint64_t r = random_next(&random) % 16;
			struct world *side = r == 0 ? &x : r == 1 ? &y : NULL;
			if (side == NULL)
				continue;
			side->version[i] = both.version[i] = b.version[i] == 0 ? 1 : (uint32_t)(random_next(&random) % 2 * 5);
		}
		struct three t = {&b, &x, &y, .hash = chunk_hash};
		struct prolly_merge_counts counts;
		struct cid root = merged_root(&t, &counts), wanted = root_of(&both, chunk_hash);
		assert_true(cid_equal(&root, &wanted));
		assert_int_equal(counts.conflicts, 0);
		world_release(&b);
		world_release(&x);
		world_release(&y);
		world_release(&both);
	}
}

/* Trees of very different heights, and sides that have nothing in common. */
static void unequal_heights(void **state)
{
	(void)state;
	enum { N = 4000 };
	struct world b = world_new(N), few = world_new(N), many = world_new(N);
	for (size_t i = 0; i < N; i++) {
		few.version[i] = i % 700 == 3;
		many.version[i] = 1 + (i % 5 == 0);
		b.version[i] = i % 2;
	}
	const struct world *worlds[] = {&b, &few, &many};
	for (int i = 0; i < 27; i++)
		assert_merge(worlds[i / 9], worlds[i / 3 % 3], worlds[i % 3], chunk_hash, LARGER, false);
	world_release(&b);
	world_release(&few);
	world_release(&many);
}

/* A leaf ends with every 60th id. */
static uint64_t hash_sixty(uint32_t level, uint32_t attempt, struct slice key)
{
	size_t number = world_number(key);
	return level > 0 ? world_honest(level, attempt, key) : (number % 60 == 0 ? 0 : 1000000) + number;
}

/* Theirs loses a whole leaf, ours the end of it: the leaf behind it is as in the base and covers more ids than there. */
static void a_leaf_that_moved_into_a_gap(void **state)
{
	(void)state;
	struct world b = world_new(600);
	world_fill(&b, 4, &(uint64_t){1});
	struct world x = world_copy(&b), y = world_copy(&b);
	x.version[120] = 0;
	memset(&y.version[61], 0, 60 * sizeof *y.version);
	assert_merge(&b, &x, &y, hash_sixty, LARGER, false);
	x.version[100] = 2;
	assert_merge(&b, &x, &y, hash_sixty, LARGER, false);
	world_release(&b);
	world_release(&x);
	world_release(&y);
}

/* Scattered changes on either side: what is asked and written follows them. */
static void check_costs(bool is_one_store)
{
	enum { N = 40000, CHANGES = 40 };
	uint64_t random = test_seed();
	struct world b = world_new(N);
	world_fill(&b, 4, &random);
	struct world x = world_copy(&b), y = world_copy(&b);
	for (int i = 0; i < CHANGES; i++) {
		x.version[random_next(&random) % N] = 2;
		y.version[random_next(&random) % N] = 3;
	}
	struct three t = {&b, &x, &y, .hash = world_honest, .is_one_store = is_one_store};
	struct prolly_merge_counts counts;
	struct prolly_update_stats stats;
	struct cid root;
	open_three(&t);
	size_t n_blocks = fake_store_count(t.stores[1]);
	assert_int_equal(merge(&t, &counts, &root, &stats, NULL), 0);
	uint64_t n_written = fake_store_count(t.stores[1]) - n_blocks;
	struct three helped = t; /* the ways down are read twice, so there is a second thread */
	struct prolly_merge_counts counts_helped;
	helped.nodes_alone = 1;
	helped.n_asked = 0;
	struct cid root_helped = merged_root(&helped, &counts_helped);
	assert_true(cid_equal(&root, &root_helped));
	assert_in_range(counts_helped.nodes_read, counts.nodes_read + 3, counts.nodes_read + 20);
	printf("# %u + %u changes in %u: %u nodes read, %u records asked for, %u blocks written\n", CHANGES, CHANGES, N,
	       (unsigned)counts.nodes_read, (unsigned)t.n_asked, (unsigned)n_written);
	/* two leaves for each change of theirs, the levels above in three trees */
	assert_true(counts.nodes_read <= 2 * CHANGES + 3 * 2 * CHANGES && n_written <= 4 * CHANGES + CHANGES);
	assert_true(t.n_asked <= CHANGES); /* where both sides have changed a leaf */
	if (is_one_store) /* only those are made */
		assert_true(stats.nodes_written[0] <= t.n_asked);
	close_three(&t);
	world_release(&b);
	world_release(&x);
	world_release(&y);
}

static void costs_follow_the_changes(void **state)
{
	(void)state;
	check_costs(false);
	check_costs(true);
}

static void faults_leave_nothing_behind(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct world b = world_new(300);
	world_fill(&b, 3, &random);
	struct world x = world_copy(&b), y = world_copy(&b);
	for (size_t i = 0; i < 300; i += 11) {
		x.version[i] += 1;
		y.version[i / 2] += 2;
	}
	for (int round = 0; round < 8; round++) {
		int rc = CEL_EIO, kind = round % 4;
		for (uint64_t nth = 1; rc != 0; nth++) {
			struct three t = {&b, &x, &y, .hash = chunk_hash, .nodes_alone = round / 4};
			struct prolly_merge_counts counts;
			struct prolly_update_stats stats;
			struct cid root;
			open_three(&t);
			if (kind == 3)
				mem_fault_set(nth);
			else
				fake_store_fail(t.stores[kind], nth);
			rc = merge(&t, &counts, &root, &stats, NULL);
			mem_fault_set(0);
			assert_true(rc == 0 || rc == (kind == 3 ? CEL_ENOMEM : CEL_EIO));
			close_three(&t);
		}
	}
	world_release(&b);
	world_release(&x);
	world_release(&y);
}

/* The control: the arrays notice a rule that is a little wrong. */
static int forgetful_base(void *context, struct slice id, struct prolly_record *out, struct cel_error *e)
{
	int rc = base(context, id, out, e);
	if (world_number(id) == 30)
		out->state = PROLLY_ABSENT;
	return rc;
}

static void control_a_wrong_base_is_noticed(void **state)
{
	(void)state;
	struct world b = world_new(60), x = world_new(60), y = world_new(60);
	for (size_t i = 0; i < 60; i++)
		b.version[i] = x.version[i] = y.version[i] = 1;
	y.version[30] = 2;
	struct three t = {&b, &x, &y, .hash = chunk_hash, .policy = OURS};
	struct prolly_merge_counts counts;
	open_three(&t);
	struct prolly_merge m = {.read_ours = fake_store_read(t.stores[1]), .read_theirs = fake_store_read(t.stores[2]),
				 .ours = &t.roots[1], .theirs = &t.roots[2], .base = forgetful_base, .decide = decide,
				 .take = take, .context = &t};
	assert_int_equal(prolly_cursor_new(fake_store_read(t.stores[0]), &t.roots[0], &t.cursor, NULL), 0);
	assert_int_equal(prolly_merge(&m, &counts, NULL), 0);
	assert_true(counts.conflicts == 1 && counts.replaced == 0); /* and rightly: 0 and 1 */
	prolly_cursor_free(t.cursor);
	close_three(&t);
	world_release(&b);
	world_release(&x);
	world_release(&y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merges_like_the_arrays),      cmocka_unit_test(disjoint_edits_are_united),
		cmocka_unit_test(unequal_heights),             cmocka_unit_test(a_leaf_that_moved_into_a_gap),
		cmocka_unit_test(costs_follow_the_changes),
		cmocka_unit_test(faults_leave_nothing_behind), cmocka_unit_test(control_a_wrong_base_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
