/* SPDX-License-Identifier: Apache-2.0 */
/* Laws of a comparison of two trees in real stores, one or two: the walk in blocks is the naive comparison; put to the base
 * it makes the target, directly and by way of a patch; and a patch is as small as the records in it. */
#include <sys/mman.h>

#include "helper.h"

#include "alloc.h"
#include "buf.h"
#include "bytes.h"
#include "diff_walk.h"
#include "patch.h"
#include "update.h"

enum { VECTOR = 512, METADATA_MAX = 64 }; /* as 128 f32 */

/* Records "id-00000", ... by number: 0 is not there, else what the vector is made of. */
struct set {
	uint32_t *version;
	size_t n;
	struct cid root;
};

static char directory[256];
static struct store *stores[2];
static struct cel_error e;
static uint64_t seed;

static int setup(void **state)
{
	(void)state;
	char path[300];
	make_directory(directory);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%d", directory, i);
		assert_ok(store_init(path, &e));
		assert_ok(store_open(path, NULL, &stores[i], &e));
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++)
		store_free(stores[i]);
	remove_tree(directory);
	return 0;
}

struct made {
	char id[16];
	uint8_t vector[VECTOR], metadata[METADATA_MAX];
	size_t metadata_size;
};

static struct prolly_entry make_entry(size_t i, uint32_t version, struct made *out)
{
	snprintf(out->id, sizeof out->id, "id-%05zu", i);
	memset(out->vector, (int)(i % 251), VECTOR);
	store_le32(out->vector, version);
	store_le32(out->vector + 4, (uint32_t)i);
	out->metadata_size = i % 3 == 0 ? 0 : (size_t)snprintf((char *)out->metadata, METADATA_MAX, "{\"n\":%u}", version / 2);
	return (struct prolly_entry){.id = slice_text(out->id),
				     .vector.bytes = slice_make(out->vector, VECTOR),
				     .metadata.bytes = slice_make(out->metadata, out->metadata_size)};
}

static void keep(struct store_batch *batch, const struct cid *root)
{
	struct store_ref_update update = {.has_new = true, .new = *root, .message = "test"};
	char text[CEL_CID_TEXT_SIZE], ref[STORE_REF_MAX];
	static unsigned number;
	cid_format(root, text);
	snprintf(ref, sizeof ref, "tags/t/%u", number++);
	update.ref = ref;
	assert_ok(store_batch_commit(batch, root, &update, 1, 0, &e));
	store_batch_free(batch);
}

static void build(struct set *s, struct store *store)
{
	struct store_batch *batch;
	struct prolly_builder *b;
	struct made made;
	uint64_t count;
	assert_ok(store_batch_begin(store, 0, &batch, &e));
	assert_ok(prolly_builder_new(batch, &b, &e));
	for (size_t i = 0; i < s->n; i++) {
		struct prolly_entry entry = make_entry(i, s->version[i], &made);
		if (s->version[i] != 0)
			assert_ok(prolly_builder_add(b, &entry, &e));
	}
	assert_ok(prolly_builder_finish(b, &s->root, &count, &e));
	prolly_builder_free(b);
	keep(batch, &s->root);
}

static struct diff_trees trees_of(const struct set *a, const struct set *b, struct store *store_b)
{
	return (struct diff_trees){.store_a = stores[0], .store_b = store_b, .a = a->root, .b = b->root};
}

static void assert_values(const struct diff_values *v, const struct set *s, size_t i, bool is_wanted)
{
	struct made made;
	make_entry(i, s->version[i], &made);
	bool has = is_wanted && s->version[i] != 0;
	assert_true(slice_equal(v->vector, slice_make(made.vector, has ? VECTOR : 0)));
	assert_true(slice_equal(v->metadata, slice_make(made.metadata, has ? made.metadata_size : 0)));
}

static size_t assert_naive(const struct diff_trees *trees, const struct set *a, const struct set *b, unsigned wanted)
{
	struct diff_walk *walk;
	struct diff_item item;
	size_t n = 0;
	assert_ok(diff_walk_new(trees, wanted, &walk, &e));
	for (size_t i = 0; i < a->n; i++) {
		if (a->version[i] == b->version[i])
			continue;
		struct made made;
		make_entry(i, 1, &made);
		assert_code(1, diff_walk_next(walk, &item, &e));
		assert_true(slice_equal(item.id, slice_text(made.id)));
		assert_int_equal(item.kind, a->version[i] == 0	 ? PROLLY_ADDED
					    : b->version[i] == 0 ? PROLLY_DELETED
								 : PROLLY_CHANGED);
		assert_values(&item.before, a, i, wanted & DIFF_BEFORE);
		assert_values(&item.after, b, i, wanted & DIFF_AFTER);
		n++;
	}
	assert_code(0, diff_walk_next(walk, &item, &e));
	assert_code(0, diff_walk_next(walk, &item, &e));
	diff_walk_free(walk);
	return n;
}

/* The root of what the changes make of a. */
static struct cid apply(const struct set *a, const struct changes *changes)
{
	struct store_batch *batch;
	struct store_read *read;
	struct prolly_update *update;
	struct prolly_update_stats stats;
	struct change c;
	struct cid root;
	int rc;
	assert_ok(store_batch_begin(stores[0], 0, &batch, &e));
	assert_ok(store_read_begin(stores[0], &read, &e));
	assert_ok(prolly_update_new(batch, read, &a->root, &update, &e));
	while ((rc = changes->next(changes->context, &c, &e)) > 0) {
		struct prolly_entry entry = {.id = c.id, .vector.bytes = c.vector, .metadata.bytes = c.metadata};
		assert_ok(c.is_delete ? prolly_update_delete(update, c.id, &e) : prolly_update_put(update, &entry, &e));
	}
	assert_ok(rc);
	assert_ok(prolly_update_finish(update, &root, &stats, &e));
	assert_int_equal(stats.unchanged + stats.absent, 0); /* each change is one */
	prolly_update_free(update);
	store_read_end(read);
	store_batch_free(batch);
	return root;
}

static int put_buf(void *context, const void *data, size_t size, struct cel_error *error)
{
	return buf_append(context, data, size, error);
}

static uint64_t write_patch(const struct diff_trees *trees, struct buf *out)
{
	struct patch_header header = {.schema = {.dim = VECTOR, .type = CEL_U8, .metric = CEL_L2},
				      .base = trees->a,
				      .target = trees->b};
	struct diff_walk *walk;
	uint64_t count;
	assert_ok(diff_walk_new(trees, DIFF_AFTER, &walk, &e));
	struct changes changes = diff_walk_changes(walk);
	assert_ok(patch_write(&header, &changes, put_buf, out, &count, &e));
	diff_walk_free(walk);
	return count;
}

static void assert_applies(const struct diff_trees *trees, const struct set *a)
{
	struct store_read *reads[2];
	struct changes changes;
	assert_ok(store_read_begin(trees->store_a, &reads[0], &e));
	assert_ok(store_read_begin(trees->store_b, &reads[1], &e));
	assert_ok(changes_of_trees(reads[0], &trees->a, reads[1], &trees->b, &changes, &e));
	struct cid root = apply(a, &changes);
	assert_true(cid_equal(&root, &trees->b));
	changes_of_trees_free(&changes);
	store_read_end(reads[0]);
	store_read_end(reads[1]);

	struct buf patch = {0};
	struct patch_reader *reader;
	char path[64];
	uint64_t count = write_patch(trees, &patch);
	int fd = memfd_create("patch", 0);
	assert_int_equal(write(fd, patch.data, patch.size), patch.size);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	assert_ok(patch_reader_open(path, &reader, &e));
	changes = patch_reader_changes(reader);
	root = apply(a, &changes);
	assert_true(cid_equal(&root, &trees->b) && cid_equal(&patch_reader_header(reader)->target, &trees->b));
	assert_int_equal(patch_reader_count(reader), count);
	patch_reader_free(reader);
	close(fd);
	buf_release(&patch);
}

static void assert_all(struct set *a, struct set *b)
{
	build(a, stores[0]);
	for (int i = 0; i < 2; i++) {
		build(b, stores[i]);
		struct diff_trees trees = trees_of(a, b, stores[i]);
		assert_naive(&trees, a, b, DIFF_BEFORE | DIFF_AFTER);
		assert_naive(&trees, a, b, i == 0 ? 0 : DIFF_AFTER);
		assert_applies(&trees, a);
	}
}

static struct set set_new(size_t n, unsigned quarters)
{
	struct set s = {.version = calloc(n + 1, sizeof(uint32_t)), .n = n};
	for (size_t i = 0; i < n; i++)
		s.version[i] = next_random(&seed) % 4 < quarters;
	return s;
}

static void random_pairs(void **state)
{
	(void)state;
	static const size_t SIZES[] = {0, 1, 24, 25, 400, 2500};
	for (size_t s = 0; s < sizeof SIZES / sizeof *SIZES; s++) {
		for (unsigned round = 0; round < 3 * test_scale(); round++) {
			struct set a = set_new(SIZES[s], round % 3 * 2), b = set_new(SIZES[s], 0);
			uint64_t every = round == 0 ? 1 : 1 + next_random(&seed) % 60;
			memcpy(b.version, a.version, a.n * sizeof *a.version);
			for (size_t i = 0; i < a.n; i++)
				if (next_random(&seed) % every == 0)
					b.version[i] = (uint32_t)(next_random(&seed) % 4);
			assert_all(&a, &b);
			free(a.version);
			free(b.version);
		}
	}
}

/* Trees of one level against three; and more changes than a block takes, by number (deletes) and by bytes. */
static void unequal_heights_and_many_blocks(void **state)
{
	(void)state;
	enum { N = 9500 };
	for (unsigned kind = 0; kind < 4; kind++) {
		struct set a = set_new(N, 4), b = set_new(N, 0);
		for (size_t i = 0; i < N; i++)
			b.version[i] = kind == 0 ? i < 5 : kind == 1 ? i >= N - 5 : kind == 2 ? i % 900 == 7 : 2;
		assert_all(&a, &b);
		if (kind == 0)
			assert_all(&b, &a);
		free(a.version);
		free(b.version);
	}
}

/* Between the blocks the store is written to. */
static void written_to_meanwhile(void **state)
{
	(void)state;
	struct set a = set_new(6000, 4), b = set_new(6000, 4), other = set_new(50, 4);
	for (size_t i = 0; i < b.n; i++)
		b.version[i] = 2;
	build(&a, stores[0]);
	build(&b, stores[0]);
	struct diff_trees trees = trees_of(&a, &b, stores[0]);
	struct diff_walk *walk;
	struct diff_item item;
	assert_ok(diff_walk_new(&trees, DIFF_BEFORE | DIFF_AFTER, &walk, &e));
	for (size_t i = 0; i < a.n; i++) {
		if (i % 500 == 499) {
			other.version[0]++;
			build(&other, stores[0]);
		}
		assert_code(1, diff_walk_next(walk, &item, &e));
		assert_values(&item.after, &b, i, true);
	}
	assert_code(0, diff_walk_next(walk, &item, &e));
	diff_walk_free(walk);
	free(a.version);
	free(b.version);
	free(other.version);
}

/* 1,000 scattered updates among 100,000 records of 512 bytes: at most 1.1 x the bytes of the changed records and 1 KiB. */
static void size_of_a_patch(void **state)
{
	(void)state;
	enum { N = 100000, UPDATES = 1000 };
	struct set a = set_new(N, 4), b = set_new(N, 4);
	size_t bytes = 0;
	for (size_t i = 0; i < UPDATES; i++)
		b.version[i * (N / UPDATES)] = 2;
	for (size_t i = 0; i < N; i++) {
		struct made made;
		struct prolly_entry entry = make_entry(i, b.version[i], &made);
		if (b.version[i] != a.version[i])
			bytes += entry.id.size + entry.vector.bytes.size + entry.metadata.bytes.size;
	}
	build(&a, stores[0]);
	build(&b, stores[0]);
	struct diff_trees trees = trees_of(&a, &b, stores[0]);
	struct buf patch = {0};
	assert_int_equal(write_patch(&trees, &patch), UPDATES);
	printf("# %zu bytes of records, %zu of patch: %.3f\n", bytes, patch.size, (double)patch.size / (double)bytes);
	assert_true((double)patch.size <= 1.1 * (double)bytes + 1024);
	buf_release(&patch);
	free(a.version);
	free(b.version);
}

/* The control: the changes between a and b make something else of another base. */
static void applied_to_another_base(void **state)
{
	(void)state;
	struct set a = set_new(200, 4), b = set_new(200, 4), other = set_new(200, 4);
	b.version[50] = 2;
	other.version[20] = 2;
	build(&a, stores[0]);
	build(&b, stores[0]);
	build(&other, stores[0]);
	struct diff_trees trees = trees_of(&a, &b, stores[0]);
	struct diff_walk *walk;
	for (int i = 0; i < 2; i++) {
		assert_ok(diff_walk_new(&trees, DIFF_AFTER, &walk, &e));
		struct changes changes = diff_walk_changes(walk);
		struct cid root = apply(i == 0 ? &a : &other, &changes);
		assert_int_equal(cid_equal(&root, &b.root), i == 0);
		diff_walk_free(walk);
	}
	free(a.version);
	free(b.version);
	free(other.version);
}

static void faults(void **state)
{
	(void)state;
	struct set a = set_new(300, 4), b = set_new(300, 2);
	build(&a, stores[0]);
	build(&b, stores[1]);
	struct diff_trees trees = trees_of(&a, &b, stores[1]);
	uint64_t nth;
	int rc = CEL_ENOMEM;
	for (nth = 1; rc != 0; nth++) {
		struct diff_walk *walk;
		struct diff_item item;
		mem_fault_set(nth);
		rc = diff_walk_new(&trees, DIFF_BEFORE | DIFF_AFTER, &walk, &e);
		if (rc == 0) {
			while ((rc = diff_walk_next(walk, &item, &e)) > 0)
				;
			mem_fault_set(0);
			assert_int_equal(diff_walk_next(walk, &item, &e), rc < 0 ? CEL_EINTERNAL : 0);
			diff_walk_free(walk);
		}
		mem_fault_set(0);
		assert_true(rc == 0 || rc == CEL_ENOMEM);
	}
	assert_true(nth > 8);
	free(a.version);
	free(b.version);
}

int main(void)
{
	seed = test_seed();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_pairs, setup, teardown),
		cmocka_unit_test_setup_teardown(unequal_heights_and_many_blocks, setup, teardown),
		cmocka_unit_test_setup_teardown(written_to_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(size_of_a_patch, setup, teardown),
		cmocka_unit_test_setup_teardown(applied_to_another_base, setup, teardown),
		cmocka_unit_test_setup_teardown(faults, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
