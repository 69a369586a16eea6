/* SPDX-License-Identifier: Apache-2.0 */
/* Merging in real stores, with memory that runs out at any point, and with another store whose owner does not keep to the rules. The
 * index is left out: tests/cli/merge.bats has it. */
#include "helper.h"

#include "alloc.h"
#include "buf.h"
#include "bytes.h"
#include "chunker.h"
#include "conflicts.h"
#include "db.h"
#include "hashed.h"
#include "index_make.h"
#include "patch.h"
#include "update.h"

enum { DIM = 100, VECTOR = 4 * DIM, IDS = 300 };

static char directory[256];
static struct cel_store ours, theirs;
static struct cel_error e;
static struct cel_schema schema = {.dim = DIM, .type = CEL_F32, .metric = CEL_L2};
static uint64_t n_indexes;

/* Stands in for the real ones. */
int index_follow(struct cel_store *store, const char *rev, const struct cel_index_options *options,
		 struct cel_error *error)
{
	(void)store, (void)rev, (void)options, (void)error;
	n_indexes++;
	return 0;
}

uint32_t db_thread_count(uint32_t wanted)
{
	return wanted != 0 ? wanted : 2;
}

int db_schemas_agree(const struct cel_schema *a, const struct cel_schema *b, struct cel_error *error)
{
	return a->dim == b->dim ? 0 : error_set(error, CEL_EDATA, "the schemas differ");
}

/* ---- histories */

static struct store_ref_update head_update(struct store *s, const struct cid *new, struct cid *old)
{
	struct store_read *read;
	struct store_ref_update update = {.ref = "heads/c", .has_new = true, .new = *new, .message = "test"};
	assert_ok(store_read_begin(s, &read, &e));
	update.has_old = store_read_ref(read, "heads/c", old, &e) == 0;
	update.old = *old;
	store_read_end(read);
	return update;
}

static void create(struct store *s)
{
	struct store_batch *batch;
	struct cid genesis, old = {0};
	assert_ok(store_batch_begin(s, 0, &batch, &e));
	assert_ok(commit_put_genesis(batch, &schema, &genesis, &e));
	struct store_ref_update update = head_update(s, &genesis, &old);
	assert_ok(store_batch_commit(batch, NULL, &update, 1, 0, &e));
	store_batch_free(batch);
}

static struct cid head_of(struct store *s)
{
	struct store_read *read;
	struct cid head;
	assert_ok(store_read_begin(s, &read, &e));
	assert_ok(store_read_ref(read, "heads/c", &head, &e));
	store_read_end(read);
	return head;
}

/* How a commit breaks the rules. */
struct breach {
	chunk_hash_fn *hash;      /* boundaries of another rule */
	const char *id, *metadata; /* of one more record */
	bool is_nan, is_schema, is_generation;
};

static void put_record(struct prolly_update *u, const char *id, uint32_t value, const char *metadata, bool is_nan)
{
	uint8_t vector[VECTOR];
	for (int i = 0; i < DIM; i++)
		store_le_f32(vector + 4 * i, (float)value);
	if (is_nan)
		store_le32(vector + 40, 0x7fc00000);
	struct prolly_entry entry = {.id = slice_text(id), .vector.bytes = slice_make(vector, VECTOR),
				     .metadata.bytes = slice_text(metadata)};
	assert_ok(prolly_update_put(u, &entry, &e));
}

/* A commit on the head: ids from, from + step, ... get this value (0: are deleted). */
static struct cid commit(struct store *s, unsigned from, unsigned step, uint32_t value, uint64_t time,
			 const struct breach *breach)
{
	static const struct breach NONE;
	struct store_batch *batch;
	struct store_read *read;
	struct prolly_update *u;
	struct prolly_update_stats stats;
	struct cid head = head_of(s), tree, old = {0};
	struct commit c;
	char id[16], metadata[32];
	if (breach == NULL)
		breach = &NONE;
	assert_ok(store_batch_begin(s, 0, &batch, &e));
	assert_ok(store_read_begin(s, &read, &e));
	assert_ok(commit_read(read, &head, &c, &e));
	assert_ok(prolly_update_new_hashed(batch, read, &c.tree, breach->hash != NULL ? breach->hash : chunk_hash, &u, &e));
	if (breach->id != NULL)
		put_record(u, breach->id, 1, breach->metadata, breach->is_nan);
	for (unsigned i = from; i < IDS; i += step) {
		snprintf(id, sizeof id, "id%04u", i);
		snprintf(metadata, sizeof metadata, "{\"n\":%u}", value);
		if (value == 0)
			assert_ok(prolly_update_delete(u, slice_text(id), &e));
		else
			put_record(u, id, value, i % 3 == 0 ? metadata : "", false);
	}
	assert_ok(prolly_update_finish(u, &tree, &stats, &e));
	prolly_update_free(u);
	struct commit next = {.schema = c.schema, .tree = tree, .parents[0] = head, .n_parents = 1,
			      .generation = c.generation + 1 + breach->is_generation, .time = time};
	struct cel_schema another = schema;
	another.dim++;
	if (breach->is_schema)
		assert_ok(schema_put(batch, &another, &next.schema, &e));
	struct store_ref_update update = head_update(s, &head, &old);
	assert_ok(commit_put(batch, &next, &update.new, &e));
	store_read_end(read);
	assert_ok(store_batch_commit(batch, &tree, &update, 1, 0, &e));
	store_batch_free(batch);
	return update.new;
}

static int setup(void **state)
{
	(void)state;
	struct cel_store *const stores[] = {&ours, &theirs};
	char path[300];
	make_directory(directory);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "%s/%d", directory, i);
		assert_ok(store_init(path, &e));
		*stores[i] = (struct cel_store){0};
		assert_ok(store_open(path, NULL, &stores[i]->store, &e));
		create(stores[i]->store);
	}
	/* a common commit, then both sides change it, crosswise in part */
	commit(ours.store, 0, 1, 1, 10, NULL);
	commit(theirs.store, 0, 1, 1, 10, NULL);
	commit(ours.store, 0, 7, 2, 20, NULL);
	commit(ours.store, 1, 14, 0, 21, NULL);
	commit(theirs.store, 0, 5, 3, 30, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_free(ours.store);
	store_free(theirs.store);
	remove_tree(directory);
	return 0;
}

/* ---- memory */

struct told {
	uint64_t n;
	struct buf ids;
};

static int tell(void *context, const struct cel_conflict *c, struct cel_error *error)
{
	struct told *told = context;
	(void)error;
	assert_true(c->schema->dim == DIM && c->id_size == 6);
	assert_true(!c->ours.is_present || c->ours.vector_size == VECTOR);
	told->n++;
	return 0;
}

static int run(int kind, const char *patch, const char *rev, struct cel_merge_result *result, struct told *told)
{
	struct cel_merge_options options = {.policy = CEL_POLICY_THEIRS, .on_conflict = tell, .context = told, .time = 99,
					    .author = "me", .message = kind == 0 ? NULL : "text"};
	*told = (struct told){0};
	if (kind == 0)
		return cel_merge(&ours, "c", &theirs, "c", &options, result, &e);
	if (kind == 1)
		return cel_patch_apply(&ours, "c", patch, &options, result, &e);
	return cel_revert(&ours, "c", rev, NULL, &options, result, &e);
}

static int write_piece(void *context, const void *data, size_t size, struct cel_error *error)
{
	(void)error;
	assert_int_equal(fwrite(data, 1, size, context), size);
	return 0;
}

/* The patch of the last commit of theirs. */
static void make_patch(const char *path)
{
	struct store_read *read;
	struct commit c, parent;
	struct cid head = head_of(theirs.store);
	struct changes changes;
	uint64_t count;
	FILE *file = fopen(path, "wb");
	assert_ok(store_read_begin(theirs.store, &read, &e));
	assert_ok(commit_read(read, &head, &c, &e));
	assert_ok(commit_read(read, &c.parents[0], &parent, &e));
	struct patch_header header = {.schema = schema, .base = parent.tree, .target = c.tree};
	assert_ok(changes_of_trees(read, &parent.tree, read, &c.tree, &changes, &e));
	assert_ok(patch_write(&header, &changes, write_piece, file, &count, &e));
	changes_of_trees_free(&changes);
	store_read_end(read);
	fclose(file);
}

static void move_back(struct store *s, const struct cid *to)
{
	struct store_batch *batch;
	struct cid now = head_of(s);
	struct store_ref_update update = {.ref = "heads/c", .has_old = true, .has_new = true, .old = now, .new = *to,
					  .message = "test"};
	assert_ok(store_batch_begin(s, 0, &batch, &e));
	assert_ok(store_batch_commit(batch, NULL, &update, 1, 0, &e));
	store_batch_free(batch);
}

/* The merge, the patch and the revert of a commit whose records were changed again: whenever memory runs out, nothing has
 * happened, or all of it. */
static void memory_may_run_out_anywhere(void **state)
{
	(void)state;
	char patch[300], rev[CEL_CID_TEXT_SIZE];
	snprintf(patch, sizeof patch, "%s/patch", directory);
	make_patch(patch);
	for (int kind = 0; kind < 3; kind++) {
		struct cel_merge_result result;
		struct told told;
		struct cid before = head_of(ours.store), done = {0};
		cid_format(&before, rev);
		if (kind == 2)
			before = commit(ours.store, 0, 3, 7, 40, NULL);
		uint64_t nth = 1, n_failed = 0;
		for (bool is_reached = true; is_reached; nth++) {
			n_indexes = 0;
			mem_fault_set(nth);
			int rc = run(kind, patch, rev, &result, &told);
			is_reached = mem_fault_count() >= nth;
			mem_fault_set(0);
			if (rc < 0 && rc != CEL_ENOMEM)
				fail_msg("kind %d, allocation %u: %d %s", kind, (unsigned)nth, rc, e.message);
			n_failed += rc < 0;
			assert_true(rc < 0 || (result.is_moved && told.n == result.conflicts && n_indexes == 1));
			struct cid now = head_of(ours.store);
			assert_true(result.is_moved != (cid_equal(&now, &before) != 0));
			if (!result.is_moved)
				continue;
			assert_true(done.codec == 0 || cid_equal(&done, &now));
			done = now;
			move_back(ours.store, &before);
		}
		printf("# kind %d: %u allocations, %u of them needed, %u conflicts\n", kind, (unsigned)nth, (unsigned)n_failed,
		       (unsigned)result.conflicts);
		assert_true(nth > 70 && n_failed > 60 && result.conflicts > 5 && result.overruled_ours == result.conflicts);
	}
}

/* ---- what is brought in is checked */

static uint64_t other_hash(uint32_t level, uint32_t attempt, struct slice key)
{
	return ~chunk_hash(level, attempt, key);
}

static void nothing_that_breaks_the_rules_is_brought_in(void **state)
{
	(void)state;
	static const struct {
		struct breach breach;
		int code;
		const char *why;
	} CASES[] = {
		{{.id = "bad", .metadata = "", .is_nan = true}, CEL_EDATA, "bad"},
		{{.id = "bad", .metadata = "{ \"n\": 1 }"}, CEL_EDATA, "record 'bad'"},
		{{.id = "bad", .metadata = "[1]"}, CEL_EDATA, "record 'bad'"},
		{{.hash = other_hash, .id = "bad", .metadata = ""}, CEL_EDATA, "announced"},
		{{.is_schema = true}, CEL_EDATA, "differ"},
		{{.is_generation = true}, CEL_ECORRUPT, "generation"},
	};
	struct cid good = head_of(theirs.store), before = head_of(ours.store);
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct cel_merge_options options = {.policy = CEL_POLICY_THEIRS};
		struct cel_merge_result result;
		commit(theirs.store, 2, 3, 9, 50, &CASES[i].breach);
		for (int on_top = 0; on_top < 2; on_top++) {
			assert_code(CASES[i].code, cel_merge(&ours, "c", &theirs, "c", &options, &result, &e));
			if (strstr(e.message, CASES[i].why) == NULL)
				fail_msg("case %zu: %s", i, e.message);
			struct cid now = head_of(ours.store);
			assert_true(cid_equal(&now, &before));
			if (CASES[i].breach.is_schema || CASES[i].breach.is_generation)
				break;
			commit(theirs.store, 3, 50, 8, 51, NULL); /* it is there still, below a good commit */
		}
		move_back(theirs.store, &good);
	}
	struct cel_merge_options options = {.policy = CEL_POLICY_THEIRS};
	struct cel_merge_result result;
	assert_ok(cel_merge(&ours, "c", &theirs, "c", &options, &result, &e));
	assert_int_equal(result.outcome, CEL_MERGE_MERGED);
}

/* ---- conflicts */

struct expected {
	unsigned n, stop;
};

static int check(void *context, const struct cel_conflict *c, struct cel_error *error)
{
	struct expected *x = context;
	char id[16];
	(void)error;
	snprintf(id, sizeof id, "id%u", x->n);
	assert_true(c->id_size == strlen(id) && memcmp(c->id, id, c->id_size) == 0);
	assert_true(c->kind == (enum cel_conflict_kind)(x->n % 4) && c->decision == (enum cel_decision)(x->n % 3));
	assert_true(c->is_base_contested == (x->n % 5 == 0));
	assert_true(c->base.is_present == (x->n % 2 == 0) && c->ours.is_present && !c->theirs.is_present);
	assert_int_equal(c->ours.vector_size, 1 + x->n % 3000);
	for (size_t i = 0; i < c->ours.vector_size; i++)
		assert_int_equal(c->ours.vector[i], (uint8_t)x->n);
	assert_true(c->ours.metadata_size == 2 && memcmp(c->ours.metadata, "{}", 2) == 0);
	return ++x->n == x->stop ? 17 : 0;
}

static void fill(struct conflicts *c, unsigned n)
{
	static uint8_t vector[4000];
	for (unsigned i = 0; i < n; i++) {
		char id[16];
		snprintf(id, sizeof id, "id%u", i);
		memset(vector, (int)(uint8_t)i, sizeof vector);
		struct cel_conflict conflict = {
			.id = (const uint8_t *)id, .id_size = strlen(id), .kind = (enum cel_conflict_kind)(i % 4),
			.decision = (enum cel_decision)(i % 3), .is_base_contested = i % 5 == 0,
			.base.is_present = i % 2 == 0,
			.ours = {.is_present = true, .vector = vector, .vector_size = 1 + i % 3000, .metadata = "{}",
				 .metadata_size = 2}};
		assert_ok(conflicts_add(c, &conflict, &e));
	}
}

static int find_directory(void *context, const char **path, struct cel_error *error)
{
	(void)context, (void)error;
	*path = directory;
	return 0;
}

static int find_nothing(void *context, const char **path, struct cel_error *error)
{
	(void)context, (void)path, (void)error;
	fail_msg("asked for a directory");
	return -1;
}

static void conflicts_are_told_as_they_were(void **state)
{
	(void)state;
	static const unsigned COUNTS[] = {0, 1, 100, 1000, 3000}; /* the last ones in a file */
	for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
		struct conflicts *c;
		struct expected x = {0};
		assert_ok(conflicts_new(find_directory, NULL, &c, &e));
		fill(c, COUNTS[i]);
		assert_int_equal(conflicts_tell(c, &schema, check, &x, &e), 0);
		assert_int_equal(x.n, COUNTS[i]);
		conflicts_free(c);
		if (COUNTS[i] < 100)
			continue;
		x = (struct expected){.stop = 50};
		assert_ok(conflicts_new(find_directory, NULL, &c, &e));
		fill(c, COUNTS[i]);
		assert_int_equal(conflicts_tell(c, &schema, check, &x, &e), 17);
		conflicts_free(c);
	}
	struct conflicts *c;
	assert_ok(conflicts_new(find_nothing, NULL, &c, &e));
	fill(c, 100); /* no file is needed for these */
	conflicts_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_may_run_out_anywhere, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_that_breaks_the_rules_is_brought_in, setup, teardown),
		cmocka_unit_test_setup_teardown(conflicts_are_told_as_they_were, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
