/* SPDX-License-Identifier: Apache-2.0 */
/* prolly_check against trees that somebody made up: every block is canonical and has the right hash, yet the whole is not
 * what the rule makes of any set. And against damage: every flipped bit, every missing block. The untouched tree passes
 * at the beginning and at the end of each test, which shows that the harness can tell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audit.h"
#include "diff.h"
#include "hashed.h"
#include "node.h"
#include "random.h"
#include "sets.h"
#include "update.h"

/* An inner node taken apart. */
struct parts {
	uint32_t level, n;
	uint8_t keys[CHUNK_CAP][CEL_ID_MAX];
	size_t key_sizes[CHUNK_CAP];
	struct cid children[CHUNK_CAP];
	uint64_t counts[CHUNK_CAP];
};

static void take_apart(struct fake_store *store, const struct cid *cid, struct parts *p)
{
	struct node *node = malloc(sizeof *node);
	assert_int_equal(node_read(fake_store_read(store), cid, node, NULL), 0);
	assert_true(node->level > 0);
	p->level = node->level;
	p->n = node->n;
	for (uint32_t i = 0; i < node->n; i++) {
		p->key_sizes[i] = node_key(node, i, p->keys[i]);
		node_inner_entry(node, i, &p->children[i], &p->counts[i]);
	}
	free(node);
}

static struct cid put_together(struct fake_store *store, const struct parts *p)
{
	struct node_item items[CHUNK_CAP];
	struct buf rest[CHUNK_CAP] = {0}, block = {0};
	struct cid cid;
	uint64_t count = 0;
	for (uint32_t i = 0; i < p->n; i++) {
		assert_int_equal(node_put_inner_rest(&rest[i], &p->children[i], p->counts[i], NULL), 0);
		items[i].key = slice_make(p->keys[i], p->key_sizes[i]);
		items[i].rest = buf_slice(&rest[i]);
		count += p->counts[i];
	}
	assert_int_equal(node_encode(p->level, count, items, p->n, &block, NULL), 0);
	assert_int_equal(store_batch_put(fake_store_batch(store), CID_DAG_CBOR, buf_slice(&block), &cid, NULL), 0);
	for (uint32_t i = 0; i < p->n; i++)
		buf_release(&rest[i]);
	buf_release(&block);
	return cid;
}

static int check(struct fake_store *store, const struct cid *root, struct cel_error *e)
{
	return prolly_check(fake_store_read(store), root, NULL, NULL, e);
}

/* An update and a diff come to an end: they may see what is wrong, or never meet it. */
static void assert_usable(struct fake_store *store, const struct cid *root)
{
	for (unsigned step = 1; step < 3000; step *= 5) {
		struct prolly_update *u;
		struct prolly_update_stats stats;
		struct cid result = *root;
		assert_int_equal(prolly_update_new(fake_store_batch(store), fake_store_read(store), root, &u, NULL), 0);
		int rc = 0;
		for (unsigned i = step / 2; i < 4000 && rc == 0; i += step) {
			char id[32];
			snprintf(id, sizeof id, "id-%06u%s", i, i % 3 == 0 ? "+" : "");
			struct prolly_entry entry = {.id = slice_text(id), .vector.bytes = slice_text("vector")};
			rc = i % 2 == 0 ? prolly_update_delete(u, entry.id, NULL) : prolly_update_put(u, &entry, NULL);
		}
		if (rc == 0)
			rc = prolly_update_finish(u, &result, &stats, NULL);
		assert_true(rc == 0 || rc == CEL_ECORRUPT);
		prolly_update_free(u);
		struct store_read *read = fake_store_read(store);
		struct prolly_diff_counts counts;
		struct prolly_change change;
		struct prolly_diff *d;
		assert_int_equal(prolly_diff_new(read, root, read, rc == 0 ? &result : NULL, &d, NULL), 0);
		size_t n = 0;
		while ((rc = prolly_diff_next(d, &change, NULL)) > 0)
			n++;
		assert_true((rc == 0 || rc == CEL_ECORRUPT) && n < 100000);
		prolly_diff_free(d);
		rc = prolly_diff_count(read, root, read, &result, &counts, NULL);
		assert_true(rc == 0 || rc == CEL_ECORRUPT);
	}
}

static int count_damage(void *context, const struct cid *block, enum audit_finding finding, const char *message,
			struct cel_error *e)
{
	(void)block, (void)finding, (void)message, (void)e;
	++*(size_t *)context;
	return 0;
}

static int no_record(void *context, const struct cid *leaf, const struct prolly_entry *entry, struct cel_error *e)
{
	(void)context, (void)leaf, (void)entry, (void)e;
	return 0;
}

/* The audit sees it as well. */
static void assert_audited(struct fake_store *store, const struct cid *root)
{
	static const uint8_t SALT[SHA256_SIZE];
	size_t n_damage = 0;
	struct audit *a;
	struct audit_sink sink = {.context = &n_damage, .damage = count_damage, .record = no_record};
	assert_int_equal(prolly_audit_new(fake_store_read(store), &sink, &a, NULL), 0);
	assert_int_equal(prolly_audit_tree(a, root, SALT, NULL), 0);
	assert_true(n_damage > 0);
	prolly_audit_free(a);
}

/* Refused for that reason; and whoever reads it without a check gets an error or an end, not a crash. */
static void assert_forged(struct fake_store *store, const struct cid *root, const char *why)
{
	struct cel_error e = {0};
	struct prolly_cursor *c;
	struct prolly_entry entry;
	assert_int_equal(check(store, root, &e), CEL_ECORRUPT);
	if (strstr(e.message, why) == NULL)
		fail_msg("'%s' is not about '%s'", e.message, why);
	assert_audited(store, root);
	assert_int_equal(prolly_cursor_new(fake_store_read(store), root, &c, NULL), 0);
	size_t n = 0;
	while (prolly_cursor_next(c, &entry, NULL) == 1)
		n++;
	assert_true(n < 100000);
	for (uint64_t rank = 0; rank < 4000; rank += 7) {
		char id[32];
		snprintf(id, sizeof id, "id-%06u", (unsigned)rank);
		if (prolly_cursor_seek_rank(c, rank, NULL) == 0)
			prolly_cursor_next(c, &entry, NULL);
		if (prolly_cursor_seek(c, slice_text(id), NULL) == 0)
			prolly_cursor_next(c, &entry, NULL);
		prolly_get(fake_store_read(store), root, slice_text(id), &entry, NULL);
	}
	prolly_cursor_free(c);
	assert_usable(store, root);
}

struct forge {
	struct fake_store *store;
	struct cid root; /* a tree of three levels */
	struct parts top, left; /* its root and that one's first child */
};

static struct forge forge_new(void)
{
	struct forge f = {.store = fake_store_new()};
	struct set s = set_plain(4000, 2);
	f.root = set_build(&s, f.store, chunk_hash);
	set_release(&s);
	take_apart(f.store, &f.root, &f.top);
	take_apart(f.store, &f.top.children[0], &f.left);
	assert_int_equal(f.top.level, 2);
	struct cid same = put_together(f.store, &f.top);
	assert_true(cid_equal(&same, &f.root));
	assert_int_equal(check(f.store, &f.root, NULL), 0);
	return f;
}

static void forge_free(struct forge *f)
{
	assert_int_equal(check(f->store, &f->root, NULL), 0);
	fake_store_free(f->store);
}

static void test_structure(void **state)
{
	(void)state;
	static struct forge f;
	static struct parts p;
	struct cid root;
	f = forge_new();

	p = f.top; /* children swapped, with their counts but not their keys */
	p.children[0] = f.top.children[1], p.children[1] = f.top.children[0];
	p.counts[0] = f.top.counts[1], p.counts[1] = f.top.counts[0];
	root = put_together(f.store, &p);
	assert_forged(f.store, &root, "does not end with the key");

	p = f.top; /* one record too many promised */
	p.counts[0]++;
	root = put_together(f.store, &p);
	assert_forged(f.store, &root, "records, not the");

	p = f.top; /* the same child twice */
	p.children[1] = p.children[0], p.counts[1] = p.counts[0];
	root = put_together(f.store, &p);
	assert_forged(f.store, &root, "does not end with the key");

	p = f.top; /* a key that is no one's last */
	p.keys[0][p.key_sizes[0]++] = '!';
	root = put_together(f.store, &p);
	assert_forged(f.store, &root, "does not end with the key");

	p = f.top; /* a leaf where an inner node belongs */
	p.children[0] = f.left.children[f.left.n - 1], p.counts[0] = f.left.counts[f.left.n - 1];
	root = put_together(f.store, &p);
	assert_forged(f.store, &root, "of level 0 below one of level 2");

	p = f.top; /* a level skipped: the root says 3, its children 1 */
	p.level = 3;
	root = put_together(f.store, &p);
	assert_forged(f.store, &root, "of level 1 below one of level 3");

	p = f.top; /* a root above the root */
	memcpy(p.keys[0], f.top.keys[f.top.n - 1], f.top.key_sizes[f.top.n - 1]);
	p.key_sizes[0] = f.top.key_sizes[f.top.n - 1];
	p.level = 3, p.n = 1, p.children[0] = f.root, p.counts[0] = 4000;
	root = put_together(f.store, &p);
	assert_forged(f.store, &root, "single entry");
	forge_free(&f);
}

/* Two neighbours that overlap: the left one's last key is above the right one's first. */
static void test_overlap(void **state)
{
	(void)state;
	static struct forge f;
	static struct parts p;
	f = forge_new();
	struct set all = set_plain(200, 2), odd = set_plain(200, 2);
	struct fake_store *store = f.store;
	odd.n = 0;
	for (size_t i = 0; i < 50; i++)
		odd.items[odd.n++] = all.items[i * 2 + 1];
	struct cid root_a = set_build(&(struct set){all.items, 20}, store, chunk_hash);
	struct cid root_b = set_build(&(struct set){odd.items, 24}, store, chunk_hash);
	p.level = 1, p.n = 2;
	p.children[0] = root_a, p.counts[0] = 20;
	p.children[1] = root_b, p.counts[1] = 24;
	memcpy(p.keys[0], all.items[19].id, p.key_sizes[0] = all.items[19].id_size);
	memcpy(p.keys[1], odd.items[23].id, p.key_sizes[1] = odd.items[23].id_size);
	struct cid root = put_together(store, &p);
	assert_forged(store, &root, "begins before the end");
	set_release(&all);
	set_release(&odd);
	forge_free(&f);
}

static uint64_t other_hash(uint32_t level, uint32_t attempt, struct slice key)
{
	return chunk_hash(level ^ 1, attempt, key);
}

static uint64_t other_above(uint32_t level, uint32_t attempt, struct slice key)
{
	return chunk_hash(level > 0 ? 7 : 0, attempt, key);
}

static uint64_t never(uint32_t level, uint32_t attempt, struct slice key)
{
	(void)level, (void)attempt, (void)key;
	return 0;
}

static uint64_t other_attempt(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt == 0 ? 0 : chunk_hash(level, attempt + 1, key);
}

static uint64_t hostile(uint32_t level, uint32_t attempt, struct slice key)
{
	return attempt == 0 ? 0 : chunk_hash(level, attempt, key);
}

/* Whole trees of the right records in the wrong nodes. */
static void test_boundaries(void **state)
{
	(void)state;
	chunk_hash_fn *const hashes[] = {other_hash, other_above, never};
	struct fake_store *store = fake_store_new();
	struct set s = set_plain(4000, 2);
	struct cid root;
	for (size_t i = 0; i < 3; i++) {
		root = set_build(&s, store, hashes[i]);
		assert_forged(store, &root, "where the rule gives it");
	}
	root = set_build(&s, store, other_attempt); /* wrong only where a run over the cap is cut */
	assert_int_equal(prolly_check_hashed(fake_store_read(store), &root, hostile, NULL, NULL, NULL, NULL), CEL_ECORRUPT);
	root = set_build(&s, store, hostile);
	assert_int_equal(prolly_check_hashed(fake_store_read(store), &root, hostile, NULL, NULL, NULL, NULL), 0);
	root = set_build(&s, store, chunk_hash);
	assert_int_equal(check(store, &root, NULL), 0);
	set_release(&s);
	fake_store_free(store);
}

static void test_linked_values_are_of_the_right_size(void **state)
{
	(void)state;
	struct fake_store *store = fake_store_new();
	static const uint8_t BYTES[PROLLY_VALUE_MAX + 1];
	static const size_t SIZES[] = {PROLLY_INLINE_MAX, PROLLY_INLINE_MAX + 1, PROLLY_VALUE_MAX, PROLLY_VALUE_MAX + 1};
	for (size_t i = 0; i < 4; i++) {
		size_t size = SIZES[i];
		struct prolly_builder *b;
		struct prolly_entry entry = {.id = slice_text("id"), .vector.is_link = true};
		struct cid root;
		uint64_t count;
		struct cel_error e = {0};
		assert_int_equal(
			store_batch_put(fake_store_batch(store), CID_RAW, slice_make(BYTES, size), &entry.vector.link, NULL), 0);
		assert_int_equal(prolly_builder_new(fake_store_batch(store), &b, NULL), 0);
		assert_int_equal(prolly_builder_add(b, &entry, NULL), 0);
		assert_int_equal(prolly_builder_finish(b, &root, &count, NULL), 0);
		prolly_builder_free(b);
		assert_int_equal(check(store, &root, &e), i == 1 || i == 2 ? 0 : CEL_ECORRUPT);
		if (i == 0)
			assert_non_null(strstr(e.message, "record 'id': a value of 256 bytes is linked"));
		if (i == 3)
			assert_non_null(strstr(e.message, "record 'id': a value of 1048577 bytes"));
	}
	fake_store_free(store);
}

/* Every bit of every block (one of eight, in turn, unless CEL_TEST_SCALE is given), then every block away. */
static void test_flips_and_losses(void **state)
{
	(void)state;
	struct fake_store *store = fake_store_new();
	struct set s = set_plain(120, 2);
	for (size_t i = 0; i < s.n; i += 40)
		s.items[i].vector_size = 300;
	struct cid root = set_build(&s, store, chunk_hash);
	size_t step = test_scale() > 1 ? 1 : 9;
	struct cel_error e;
	for (size_t i = 0; i < fake_store_count(store); i++) {
		struct slice block;
		const struct cid *cid = fake_store_block(store, i, &block);
		for (size_t bit = 0; bit < block.size * 8; bit += step) {
			fake_store_flip(store, cid, bit);
			assert_int_equal(check(store, &root, &e), CEL_ECORRUPT);
			fake_store_flip(store, cid, bit);
		}
		fake_store_remove(store, cid);
		assert_int_equal(check(store, &root, &e), CEL_ECORRUPT);
		assert_non_null(strstr(e.message, "missing"));
		struct cid back;
		store_batch_put(fake_store_batch(store), cid->codec, block, &back, NULL);
	}
	assert_int_equal(check(store, &root, NULL), 0);
	set_release(&s);
	fake_store_free(store);
}

/* Child i of every node of the tower has all of the keys up to i again, down to the leaves: few blocks, each sound in
 * itself and fitting its parents, but more ways down than anybody could walk. */
static void test_tower(void **state)
{
	(void)state;
	enum { KEYS = 40, LEVELS = 10 };
	struct fake_store *store = fake_store_new();
	struct cid below[KEYS], here[KEYS];
	uint64_t counts_below[KEYS], counts[KEYS];
	char keys[KEYS][8];
	struct buf rest[KEYS] = {0}, block = {0};
	struct node_item items[KEYS];
	for (uint32_t level = 0; level < LEVELS; level++) {
		for (uint32_t i = 0; i < KEYS; i++) {
			struct prolly_value vector = {.bytes = slice_text("v")}, metadata = {0};
			snprintf(keys[i], sizeof keys[i], "k%02u", i);
			buf_clear(&rest[i]);
			int rc = level == 0 ? node_put_leaf_rest(&rest[i], &vector, &metadata, NULL)
					    : node_put_inner_rest(&rest[i], &below[i], counts_below[i], NULL);
			assert_int_equal(rc, 0);
			items[i] = (struct node_item){.key = slice_text(keys[i]), .rest = buf_slice(&rest[i])};
			counts[i] = (i > 0 ? counts[i - 1] : 0) + (level == 0 ? 1 : counts_below[i]);
			buf_clear(&block);
			assert_int_equal(node_encode(level, counts[i], items, i + 1, &block, NULL), 0);
			assert_int_equal(store_batch_put(fake_store_batch(store), CID_DAG_CBOR, buf_slice(&block), &here[i], NULL),
					 0);
		}
		memcpy(below, here, sizeof below);
		memcpy(counts_below, counts, sizeof counts_below);
	}
	struct store_read *read = fake_store_read(store);
	struct cid root = here[KEYS - 1];
	struct prolly_diff *d;
	struct prolly_change change;
	int rc;
	assert_int_equal(check(store, &root, NULL), CEL_ECORRUPT);
	assert_int_equal(prolly_diff_new(read, &root, read, NULL, &d, NULL), 0);
	while ((rc = prolly_diff_next(d, &change, NULL)) > 0)
		;
	assert_int_equal(rc, CEL_ECORRUPT);
	prolly_diff_free(d);
	struct prolly_cursor *c;
	struct prolly_entry entry;
	assert_int_equal(prolly_cursor_new(read, &root, &c, NULL), 0);
	while ((rc = prolly_cursor_next(c, &entry, NULL)) > 0)
		;
	assert_int_equal(rc, CEL_ECORRUPT);
	prolly_cursor_free(c);
	for (uint32_t i = 0; i < KEYS; i += 3) {
		struct prolly_update *u;
		struct prolly_update_stats stats;
		struct cid result;
		assert_int_equal(prolly_update_new(fake_store_batch(store), read, &root, &u, NULL), 0);
		rc = prolly_update_delete(u, slice_text(keys[i]), NULL);
		if (rc == 0)
			rc = prolly_update_finish(u, &result, &stats, NULL);
		assert_int_equal(rc, CEL_ECORRUPT);
		prolly_update_free(u);
	}
	for (uint32_t i = 0; i < KEYS; i++)
		buf_release(&rest[i]);
	buf_release(&block);
	fake_store_free(store);
}

static void test_not_a_tree(void **state)
{
	(void)state;
	struct fake_store *store = fake_store_new();
	struct cid raw;
	uint64_t count;
	struct prolly_cursor *c;
	store_batch_put(fake_store_batch(store), CID_RAW, slice_text("text"), &raw, NULL);
	assert_int_equal(check(store, &raw, NULL), CEL_ECORRUPT);
	assert_int_equal(prolly_count(fake_store_read(store), &raw, &count, NULL), CEL_ECORRUPT);
	assert_int_equal(prolly_cursor_new(fake_store_read(store), &raw, &c, NULL), CEL_ECORRUPT);
	fake_store_free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structure),          cmocka_unit_test(test_overlap),
		cmocka_unit_test(test_boundaries),         cmocka_unit_test(test_linked_values_are_of_the_right_size),
		cmocka_unit_test(test_flips_and_losses),   cmocka_unit_test(test_tower),
		cmocka_unit_test(test_not_a_tree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
