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
	bool is_one_store; /* else theirs was brought to the store of ours, as it is from another host */
	bool is_without_counts;
	size_t most_waiting; /* bytes of changes that wait; 0: as ever */
	unsigned bugs;
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

static int take(void *context, const struct prolly_change *change, struct cel_error *e)
{
	struct three *t = context;
	if (change->kind == PROLLY_SUBTREE)
		return prolly_update_graft(t->update, &change->span, fake_store_read(t->stores[2]), e);
	if (change->kind == PROLLY_DELETED)
		return prolly_update_delete(t->update, change->before.id, e);
	if (change->kind == PROLLY_ADDED)
		return prolly_update_put(t->update, &change->after, e);
	return prolly_update_replace(t->update, &change->after, change->leaf, e);
}

static int merge(struct three *t, struct prolly_merge_counts *counts, struct cid *root, struct prolly_update_stats *stats,
		 struct cel_error *e)
{
	struct prolly_merge m = {.read_ours = fake_store_read(t->stores[1]), .read_theirs = fake_store_read(t->stores[2]),
				 .ours = &t->roots[1], .theirs = &t->roots[2], .base = base, .decide = decide, .take = take,
				 .read_base = fake_store_read(t->stores[0]), .context = t,
				 .is_without_counts = t->is_without_counts};
	m.base_root = t->is_contested || t->is_function ? NULL : &t->roots[0];
	t->cursor = NULL;
	t->update = NULL;
	int rc = prolly_cursor_new(fake_store_read(t->stores[0]), &t->roots[0], &t->cursor, e);
	if (rc == 0)
		rc = prolly_update_new_hashed(fake_store_batch(t->stores[1]), m.read_ours, m.ours, t->hash, &t->update, e);
	if (rc == 0 && t->most_waiting > 0)
		prolly_update_wait_at_most(t->update, t->most_waiting);
	if (rc == 0)
		prolly_update_plant(t->update, t->bugs);
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
	if (!t->is_one_store)
		world_build(t->theirs, t->stores[1], t->hash);
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

static uint64_t n_subtrees; /* taken unread, in all tests */

/* Grafts go to the tree soon or late, and need not be counted. */
static void assert_ways(struct three *t, const struct cid *wanted, const struct prolly_merge_counts *expected)
{
	static const size_t MOST[] = {0, 1, 3000};
	static size_t turn;
	struct three way = *t;
	struct prolly_merge_counts counts;
	way.most_waiting = MOST[turn % 3];
	way.is_one_store = turn / 3 % 2 == 0;
	way.is_without_counts = true;
	turn++;
	struct cid root = merged_root(&way, &counts);
	assert_true(cid_equal(&root, wanted));
	assert_true(counts.records == expected->records && counts.conflicts == expected->conflicts);
	assert_true(counts.nodes_read <= expected->nodes_read && counts.added <= expected->added);
	n_subtrees += counts.subtrees;
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
	expected.records = world_count(&w);
	struct fake_store *fresh = fake_store_new();
	struct cid wanted = world_build(&w, fresh, hash), root = merged_root(&t, &counts);
	assert_true(cid_equal(&root, &wanted));
	expected.nodes_read = counts.nodes_read;
	expected.subtrees = counts.subtrees;
	assert_memory_equal(&counts, &expected, sizeof counts);
	t.is_one_store = true;
	root = merged_root(&t, &counts);
	assert_true(cid_equal(&root, &wanted));
	t.is_one_store = false;
	assert_memory_equal(&counts, &expected, sizeof counts);
	assert_ways(&t, &wanted, &expected);
	t.is_function = true;
	root = merged_root(&t, &counts);
	assert_true(cid_equal(&root, &wanted));
	t.is_function = false;
	expected.nodes_read = counts.nodes_read;
	expected.subtrees = 0;
	assert_memory_equal(&counts, &expected, sizeof counts);
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

/* ---- what grafts stand on: nodes that go on ending where they did */

enum { EDGE_IDS = 1400, EDGES_MAX = EDGE_IDS / PROLLY_W };

/* Where the leaves of w end: the numbers of their last ids. */
static size_t find_edges(const struct world *w, chunk_hash_fn *hash, size_t edges[EDGES_MAX])
{
	struct chunker c;
	uint8_t room[WORLD_ROOM];
	size_t n = 0, n_ready;
	chunker_init(&c, 0, hash);
	for (size_t i = 0; i <= w->n; i++) {
		if (i == w->n)
			assert_int_equal(chunker_finish(&c, NULL), 0);
		else if (w->version[i] != 0)
			assert_int_equal(chunker_add(&c, world_entry(i, 1, room).id, slice_make(NULL, 0), 1, NULL), 0);
		for (; (n_ready = chunker_ready(&c)) > 0; chunker_drop(&c))
			edges[n++] = world_number(chunker_key(&c, n_ready - 1));
	}
	chunker_release(&c);
	return n;
}

/* One side changes what is within so many ids of an edge: mostly deletes, so that what was out of reach of the edge is not any more. */
static void change_near(struct world *side, const struct world *base, size_t edge, size_t reach, uint64_t *random)
{
	unsigned amount = 1 + (unsigned)(random_next(random) % 12), kind = (unsigned)(random_next(random) % 4);
	for (unsigned k = 0; k < amount; k++) {
		size_t i = edge + random_next(random) % (2 * reach) - reach;
		if (i < side->n && side->version[i] == base->version[i])
			side->version[i] = kind < 3 && side->version[i] > 0 ? 0 : side->version[i] + 1;
	}
}

/* Both change what is about an edge, and theirs has new values in the leaves before and behind; and some such elsewhere. */
static void change_edges(const struct world *b, struct world *x, struct world *y, chunk_hash_fn *hash, uint64_t *random)
{
	size_t edges[EDGES_MAX], n = find_edges(b, hash, edges);
	for (size_t rounds = 1 + random_next(random) % 4; rounds > 0 && n > 0; rounds--) {
		size_t at = random_next(random) % n, edge = edges[at];
		size_t reach = random_next(random) % 2 == 0 ? PROLLY_W : 2 * PROLLY_W + 1;
		change_near(x, b, edge, reach, random);
		change_near(y, b, edge, reach, random);
		for (size_t k = at >= 2 ? at - 2 : 0; k < at + 4 && k < n; k++)
			if (random_next(random) % 2 == 0 && y->version[edges[k]] > 0 && x->version[edges[k]] == b->version[edges[k]])
				y->version[edges[k]] += 3;
	}
	if (random_next(random) % 4 == 0) /* one of them ends elsewhere */
		for (size_t i = b->n - 1 - random_next(random) % 90; i < b->n; i++)
			(random_next(random) % 2 == 0 ? x : y)->version[i] = random_next(random) % 2 == 0 ? 0 : 4;
}

/* Whether the merge is right. */
static bool is_merged(struct three *t, uint64_t *n_grafted)
{
	struct world m = world_copy(t->base);
	struct prolly_merge_counts counts;
	struct prolly_update_stats stats;
	struct cid root;
	t->policy = LARGER;
	t->is_one_store = t->is_without_counts = true;
	for (size_t i = 0; i < m.n; i++) {
		bool is_conflict;
		m.version[i] = naive(t, i, &is_conflict);
	}
	struct cid wanted = root_of(&m, t->hash);
	open_three(t);
	int rc = merge(t, &counts, &root, &stats, NULL);
	*n_grafted += rc == 0 ? counts.subtrees : 0;
	bool is_right = rc == 0 && cid_equal(&root, &wanted) && stats.records == world_count(&m);
	close_three(t);
	world_release(&m);
	return is_right;
}

/* How many of such merges are wrong. */
static size_t merge_edges(chunk_hash_fn *hash, size_t rounds, unsigned bugs, uint64_t *n_grafted)
{
	uint64_t random = test_seed();
	size_t n_wrong = 0;
	for (size_t round = 0; round < rounds; round++) {
		struct world b = world_new(EDGE_IDS * (round % 3 + 1) / 3);
		world_fill(&b, 3 + (unsigned)(round % 2), &random);
		struct world x = world_copy(&b), y = world_copy(&b);
		change_edges(&b, &x, &y, hash, &random);
		struct three t = {&b, &x, &y, .hash = hash, .most_waiting = round % 2, .bugs = bugs};
		n_wrong += !is_merged(&t, n_grafted);
		world_release(&b);
		world_release(&x);
		world_release(&y);
	}
	return n_wrong;
}

static void grafts_beside_edits(void **state)
{
	(void)state;
	for (size_t h = 1; h < WORLD_HASHES; h++) {
		uint64_t n_grafted = 0;
		size_t rounds = (h == 1 ? 500 : 60) * test_scale();
		assert_int_equal(merge_edges(world_hashes[h], rounds, 0, &n_grafted), 0);
		printf("# hash %zu: %zu merges, %u subtrees taken\n", h, rounds, (unsigned)n_grafted);
		assert_true(h > 1 || n_grafted > rounds);
	}
	uint64_t n_grafted = 0; /* and the control: level 0 must be at rest */
	assert_true(merge_edges(world_honest, 20, PROLLY_BUG_RESTLESS, &n_grafted) > 0);
}

static uint64_t rank_of(size_t number)
{
	return mix64(number * 64); /* world_honest on level 0 */
}

/* Right, and with the bug wrong. */
static void assert_needed(const struct world *b, const struct world *x, const struct world *y, chunk_hash_fn *hash, unsigned bug)
{
	uint64_t n_grafted = 0;
	for (size_t most = 0; most < 2; most++) {
		struct three t = {b, x, y, .hash = hash, .most_waiting = most};
		assert_true(is_merged(&t, &n_grafted));
		assert_true(n_grafted > 0);
		t.bugs = bug;
		assert_false(is_merged(&t, &n_grafted));
	}
}

/* A leaf ends with t; the one behind it is so short that u, the end of that, comes within reach of t once both sides have deleted some,
 * and not before. Theirs has changed the leaf of t. */
static void an_end_that_comes_within_reach(void **state)
{
	(void)state;
	enum { N = 20000 };
	static size_t edges[N / PROLLY_W];
	struct world b = world_new(N);
	world_fill(&b, 4, &(uint64_t){1});
	size_t n = find_edges(&b, world_honest, edges), n_found = 0;
	for (size_t k = 2; k + 3 < n && n_found < 5; k++) {
		size_t t = edges[k], u = edges[k + 1], most = u - t - 1 - PROLLY_W;
		if (u - t < PROLLY_W + 2 || u - t > PROLLY_W + 8 || rank_of(u) > rank_of(t))
			continue;
		struct world part = world_new(edges[k + 3]), x, y;
		memcpy(part.version, b.version, part.n * sizeof *b.version);
		x = world_copy(&part);
		y = world_copy(&part);
		memset(&x.version[t + 1], 0, most * sizeof *x.version);
		memset(&y.version[t + 1 + most], 0, most * sizeof *y.version);
		y.version[t] = 2;
		assert_needed(&part, &x, &y, world_honest, PROLLY_BUG_BEHIND);
		n_found++;
		world_release(&part);
		world_release(&x);
		world_release(&y);
	}
	assert_int_equal(n_found, 5);
	world_release(&b);
}

/* Base and theirs end with t, which is there as it is the last. Ours goes on behind it, where it ends a leaf as it is the least about;
 * but not when k is there, which theirs has added, and which s, a lesser one, keeps from ending a leaf itself. */
static void an_end_of_one_side_alone(void **state)
{
	(void)state;
	enum { N = 20000 };
	static size_t edges[N / PROLLY_W];
	struct world all = world_new(N);
	for (size_t i = 0; i < N; i += 2)
		all.version[i] = 1;
	size_t n = find_edges(&all, world_honest, edges), n_found = 0;
	for (size_t at = 1; at + 1 < n && n_found < 5; at++) {
		size_t s = edges[at - 1], t = edges[at], k = s + 1;
		while (k < t && (k + 2 * PROLLY_W < t || k > s + 2 * PROLLY_W - 2 || rank_of(k) > rank_of(t) || rank_of(k) < rank_of(s)))
			k += 2;
		if (k >= t)
			continue;
		struct world b = world_copy(&all), x = world_copy(&all), y;
		memset(&b.version[t + 1], 0, (N - t - 1) * sizeof *b.version);
		memset(&x.version[t + 201 < N ? t + 201 : N], 0, (t + 201 < N ? N - t - 201 : 0) * sizeof *b.version);
		y = world_copy(&b);
		y.version[k] = 1;
		assert_needed(&b, &x, &y, world_honest, PROLLY_BUG_ENDS);
		n_found++;
		world_release(&b);
		world_release(&x);
		world_release(&y);
	}
	assert_int_equal(n_found, 5);
	world_release(&all);
}

/* Even numbers rise, so they are one run; an odd one ends a node. */
static uint64_t hash_even_rises(uint32_t level, uint32_t attempt, struct slice key)
{
	size_t number = world_number(key);
	return level > 0 || attempt > 0 ? world_honest(level, attempt, key) : number % 2 == 0 ? 1000000 + number : number;
}

/* A run over the cap, cut. Ours ends it on the left of a leaf that it was cut into, theirs on its right, and has changed that leaf. What is
 * left of the run is not over the cap, and not cut. */
static void a_run_that_both_make_shorter(void **state)
{
	(void)state;
	enum { N = 1400 };
	size_t edges[N];
	struct world b = world_new(N);
	for (size_t i = 0; i < N; i += 2)
		b.version[i] = 1;
	struct world x = world_copy(&b), y = world_copy(&b);
	size_t n = find_edges(&b, hash_even_rises, edges), at = 0;
	while (at < n && edges[at] < N / 2)
		at++;
	assert_true(at + 1 < n);
	x.version[edges[at] - 301] = 1;
	y.version[edges[at] + 301] = 1;
	y.version[edges[at]] = 2;
	assert_needed(&b, &x, &y, hash_even_rises, PROLLY_BUG_IRREGULAR);
	world_release(&b);
	world_release(&x);
	world_release(&y);
}

/* Scattered changes on either side: what is asked and written follows them. */
static void check_costs(bool is_without_counts)
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
	struct three t = {&b, &x, &y, .hash = world_honest, .is_one_store = true, .is_without_counts = is_without_counts};
	struct prolly_merge_counts counts;
	struct prolly_update_stats stats;
	struct cid root;
	open_three(&t);
	size_t n_blocks = fake_store_count(t.stores[1]);
	assert_int_equal(merge(&t, &counts, &root, &stats, NULL), 0);
	uint64_t n_written = fake_store_count(t.stores[1]) - n_blocks;
	printf("# %u + %u changes in %u: %u nodes read, %u records asked for, %u blocks written\n", CHANGES, CHANGES, N,
	       (unsigned)counts.nodes_read, (unsigned)t.n_asked, (unsigned)n_written);
	/* the levels above the leaves in three trees, and of the leaves those that both have changed */
	uint64_t leaves = is_without_counts ? 2 * t.n_asked : 2 * CHANGES;
	assert_true(counts.nodes_read <= 3 * 2 * CHANGES + leaves && n_written <= 2 * CHANGES + t.n_asked);
	assert_true(t.n_asked <= CHANGES / 4);
	assert_true(stats.nodes_written[0] <= t.n_asked); /* only those are made */
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
			struct three t = {&b, &x, &y, .hash = chunk_hash, .is_without_counts = round / 4 == 0, .most_waiting = (size_t)round / 4};
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
		cmocka_unit_test(grafts_beside_edits),         cmocka_unit_test(an_end_that_comes_within_reach),
		cmocka_unit_test(an_end_of_one_side_alone),    cmocka_unit_test(a_run_that_both_make_shorter),
		cmocka_unit_test(costs_follow_the_changes),
		cmocka_unit_test(faults_leave_nothing_behind), cmocka_unit_test(control_a_wrong_base_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
