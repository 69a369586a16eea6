/* SPDX-License-Identifier: Apache-2.0 */
/* What cel_diff tells of a change: which keys differ, how far the vector moved; what it says of stored records that no
 * build would have made; and every allocation failing once. */
#include "helper.h"

#include "alloc.h"
#include "bytes.h"
#include "diff_impl.h"
#include "tree.h"

static char directory[256];
static struct cel_store store;
static struct cel_error e;

struct row {
	const char *id;
	float x, y;
	const char *metadata;
};

static int setup(void **state)
{
	(void)state;
	char path[300];
	make_directory(directory);
	snprintf(path, sizeof path, "%s/s", directory);
	assert_ok(store_init(path, &e));
	assert_ok(store_open(path, NULL, &store.store, &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_free(store.store);
	remove_tree(directory);
	return 0;
}

/* The collection becomes these rows, whatever is wrong with them; dim elements each. */
static void put(const char *name, const struct row *rows, size_t n, enum cel_metric metric, uint32_t dim, size_t vector_size)
{
	struct cel_schema schema = {.dim = dim, .type = CEL_F32, .metric = metric};
	struct commit commit = {0};
	struct store_batch *batch;
	struct prolly_builder *b;
	struct cid cid;
	uint64_t count;
	char ref[DB_REF_MAX];
	assert_ok(store_batch_begin(store.store, 0, &batch, &e));
	assert_ok(prolly_builder_new(batch, &b, &e));
	for (size_t i = 0; i < n; i++) {
		uint8_t vector[12] = {0};
		store_le_f32(vector, rows[i].x);
		store_le_f32(vector + 4, rows[i].y);
		struct prolly_entry entry = {.id = slice_text(rows[i].id), .vector.bytes = slice_make(vector, vector_size)};
		if (rows[i].metadata != NULL)
			entry.metadata.bytes = slice_text(rows[i].metadata);
		assert_ok(prolly_builder_add(b, &entry, &e));
	}
	assert_ok(prolly_builder_finish(b, &commit.tree, &count, &e));
	prolly_builder_free(b);
	assert_ok(schema_put(batch, &schema, &commit.schema, &e));
	assert_ok(commit_put(batch, &commit, &cid, &e));
	assert_ok(db_head_ref(name, ref, &e));
	struct store_ref_update update = {.ref = ref, .has_new = true, .new = cid, .message = "test"};
	assert_ok(store_batch_commit(batch, &commit.tree, &update, 1, 0, &e));
	store_batch_free(batch);
}

static int open_diff(const char *a, const char *b, struct cel_diff **out)
{
	struct cel_diff_sides sides = {.store_a = &store, .rev_a = a, .store_b = &store, .rev_b = b};
	return cel_diff_new(&sides, NULL, out, &e);
}

static void which_keys(void **state)
{
	(void)state;
	static const struct {
		const char *before, *after, *expected;
	} PAIRS[] = {
		{NULL, "{\"a\":1}", "+a"},
		{"{\"a\":1}", NULL, "-a"},
		{"{}", NULL, ""},
		{"{\"\":1}", "{\"\":2}", "~"},
		{"{\"a\":1}", "{\"a\":1}", ""},
		{"{\"a\":1}", "{\"a\":1.0}", "~a"},
		{"{\"a\":1,\"c\":2,\"e\":3}", "{\"b\":1,\"c\":3,\"d\":1,\"e\":3}", "-a+b~c+d"},
		{"{\"a\":{\"x\":[1,2]}}", "{\"a\":{\"x\":[1,3]}}", "~a"},
		{"{\"a\":\",\\\"b\\\":2\"}", "{\"a\":\",\\\"b\\\":2\",\"b\":2}", "+b"},
		{"{\"\\n\":1,\"!\":1}", "{\"\\n\":1,\" \":1}", "+ -!"},
		{"{\"a\":1,\"ab\":1}", "{\"a\":1,\"aa\":1,\"ab\":1}", "+aa"},
	};
	for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
		char a[16], b[16], got[64] = "";
		struct row before = {"r", 0, 0, PAIRS[i].before}, after = {"r", 3, 4, PAIRS[i].after};
		snprintf(a, sizeof a, "a%zu", i);
		snprintf(b, sizeof b, "b%zu", i);
		put(a, &before, 1, CEL_L2, 2, 8);
		put(b, &after, 1, CEL_L2, 2, 8);
		struct cel_diff *diff;
		struct cel_change c;
		assert_ok(open_diff(a, b, &diff));
		assert_code(1, cel_diff_next(diff, &c, &e));
		assert_true(c.kind == CEL_CHANGED && c.has_moved && c.distance == 5);
		for (size_t k = 0; k < c.n_keys; k++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%c%.*s", " +-~"[c.keys[k].kind], (int)c.keys[k].key_size,
				 (const char *)c.keys[k].key);
		assert_string_equal(got, PAIRS[i].expected);
		assert_code(0, cel_diff_next(diff, &c, &e));
		cel_diff_free(diff);
	}
}

static void how_far(void **state)
{
	(void)state;
	static const float EXPECTED[] = {[CEL_L2] = 2, [CEL_IP] = -3, [CEL_COSINE] = 0};
	for (enum cel_metric metric = CEL_L2; metric <= CEL_COSINE; metric++) {
		struct row before[] = {{"a", 1, 0, NULL}, {"b", 1, 1, NULL}, {"c", 2, 2, NULL}},
			   after[] = {{"a", 3, 0, NULL}, {"b", 1, 1, "{}"}};
		char a[16], b[16];
		snprintf(a, sizeof a, "a%d", (int)metric);
		snprintf(b, sizeof b, "b%d", (int)metric);
		put(a, before, 3, metric, 2, 8);
		put(b, after, 2, metric, 2, 8);
		struct cel_diff *diff;
		struct cel_change c;
		assert_ok(open_diff(a, b, &diff));
		assert_int_equal(cel_diff_schema(diff)->metric, metric);
		assert_code(1, cel_diff_next(diff, &c, &e));
		assert_true(c.has_moved && c.distance == EXPECTED[metric] && c.n_keys == 0);
		assert_code(1, cel_diff_next(diff, &c, &e));
		assert_true(!c.has_moved && c.distance == 0 && c.before.metadata == NULL && c.after.metadata_size == 2);
		assert_code(1, cel_diff_next(diff, &c, &e));
		assert_true(c.kind == CEL_DELETED && c.after.vector == NULL && c.before.vector_size == 8);
		cel_diff_free(diff);
	}
}

static void records_that_no_build_makes(void **state)
{
	(void)state;
	struct row good = {"r", 0, 0, NULL}, bad = {"r", 0, 0, "{\"a\""};
	put("good", &good, 1, CEL_L2, 2, 8);
	put("bad", &bad, 1, CEL_L2, 2, 8);
	put("short", &good, 1, CEL_L2, 2, 4);
	put("long", &good, 1, CEL_L2, 2, 12);
	put("other", &good, 1, CEL_L2, 3, 12);
	static const char *const NAMES[] = {"bad", "short", "long"};
	struct cel_diff *diff;
	for (int i = 0; i < 6; i++) {
		struct cel_change c;
		assert_ok(open_diff(i % 2 ? NAMES[i / 2] : "good", i % 2 ? "good" : NAMES[i / 2], &diff));
		assert_code(CEL_ECORRUPT, cel_diff_next(diff, &c, &e));
		assert_non_null(strstr(e.message, "record 'r'"));
		cel_diff_free(diff);
	}
	assert_code(CEL_EDATA, open_diff("good", "other", &diff));
	assert_non_null(strstr(e.message, "dim 2 against 3"));
	assert_code(CEL_ENOINPUT, open_diff("good", "none", &diff));
	assert_null(diff);
}

static int take(void *context, const void *data, size_t size, struct cel_error *error)
{
	(void)data, (void)error;
	*(size_t *)context += size;
	return 0;
}

static int use_all(void)
{
	struct cel_diff *diff;
	struct cel_change c;
	struct cel_diff_counts counts;
	uint64_t n;
	size_t size = 0;
	int rc = open_diff("a", "b", &diff);
	if (rc < 0)
		return rc;
	while ((rc = cel_diff_next(diff, &c, &e)) > 0)
		;
	if (rc == 0)
		rc = cel_diff_count(diff, &counts, &e);
	if (rc == 0)
		rc = cel_diff_patch(diff, take, &size, &n, &e);
	assert_true(rc < 0 || (counts.changed == 2 && counts.deleted == 1 && n == 3 && size > 100));
	cel_diff_free(diff);
	return rc;
}

static void faults(void **state)
{
	(void)state;
	struct row before[] = {{"a", 1, 0, "{\"a\":1,\"b\":2}"}, {"b", 1, 1, NULL}, {"c", 2, 2, NULL}},
		   after[] = {{"a", 3, 0, "{\"b\":3}"}, {"b", 1, 2, "{}"}};
	put("a", before, 3, CEL_L2, 2, 8);
	put("b", after, 2, CEL_L2, 2, 8);
	int rc = CEL_ENOMEM;
	uint64_t nth;
	for (nth = 1; rc != 0; nth++) {
		mem_fault_set(nth);
		rc = use_all();
		mem_fault_set(0);
		assert_true(rc == 0 || rc == CEL_ENOMEM);
	}
	assert_true(nth > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(which_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(how_far, setup, teardown),
		cmocka_unit_test_setup_teardown(records_that_no_build_makes, setup, teardown),
		cmocka_unit_test_setup_teardown(faults, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
