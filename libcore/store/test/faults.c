/* SPDX-License-Identifier: Apache-2.0 */
/* Every call fails once. An operation moves a ref from an old state to a new one (two shapes: a large batch with a
 * segment, spilled nodes and two transactions, a small one), with the Nth call of one kind failing for N = 1, 2, ... until
 * it gets through. After each failure, in the same process and after opening again: the ref is the old one or the new one, and
 * all that it names can be read; and the same operation succeeds when tried again.
 *
 * Four kinds of call: the library's own (io_fault_set), those LMDB makes (this program's pwrite, writev and fdatasync
 * take the place of libc's), allocations, and none at all as the negative control. */
#include "any_fault.h"
#include "fixture.h"

/* ---- the operation */

struct shape {
	uint64_t n_raw, raw_size, n_nodes, node_size;
};
static const struct shape SMALL = {.n_raw = 5, .raw_size = 700, .n_nodes = 5, .node_size = 3000};
/* Large for a batch that may keep as little as any may: what is over 256 KiB of values goes to a segment, every 683 KiB of nodes to a
 * run, and a transaction ends after 2 MiB. */
static const struct shape LARGE = {.n_raw = 8, .raw_size = 60000, .n_nodes = 36, .node_size = 70000};

/* What put_all has put, of even and of odd generations. */
static struct cid kept[2][64];

static uint64_t number_of(int generation, uint64_t i)
{
	return (uint64_t)generation * 1000000 + i;
}

static int put_all(struct store_batch *b, const struct shape *shape, int generation, struct cid *root,
		   struct cel_error *err)
{
	static uint8_t bytes[1u << 20];
	struct cid *cids = kept[generation % 2];
	int rc = 0;
	for (uint64_t i = 0; i < shape->n_raw && rc == 0; i++)
		rc = store_batch_put(b, CID_RAW, make_block(number_of(generation, i), shape->raw_size, bytes), cids++, err);
	for (uint64_t i = 0; i < shape->n_nodes && rc == 0; i++) {
		rc = store_batch_put(b, CID_DAG_CBOR, make_block(number_of(generation, i), shape->node_size, bytes), root,
				     err);
		*cids++ = *root;
	}
	return rc;
}

/* Moves heads/x from one generation's root to the next one's. */
static int advance(struct store *s, const struct shape *shape, int generation, const struct cid *old, struct cid *new,
		   struct cel_error *err)
{
	struct store_batch *b;
	int rc = store_batch_begin(s, 0, &b, err);
	if (rc < 0)
		return rc;
	store_batch_set_limits(b, STORE_BATCH_MEMORY_MIN, 1);
	rc = put_all(b, shape, generation, new, err);
	struct store_ref_update u = {.ref = "heads/x", .has_old = old != NULL, .has_new = true, .message = "m"};
	if (old != NULL)
		u.old = *old;
	u.new = *new;
	if (rc == 0)
		rc = store_batch_commit(b, new, &u, 1, generation, err);
	store_batch_free(b);
	return rc;
}

/* All blocks of a generation can be read. */
static void assert_whole(struct store *s, const struct shape *shape, int generation)
{
	struct store_read *r;
	struct slice found;
	assert_ok(store_read_begin(s, &r, &e));
	for (uint64_t i = 0; i < shape->n_raw + shape->n_nodes; i++)
		assert_ok(store_read_block(r, &kept[generation % 2][i], &found, &e));
	store_read_end(r);
}

/* Which of the two roots the ref has, with all that belongs to it. */
static int assert_old_or_new(struct store *s, const struct shape *shape, int generation, const struct cid *old,
			     const struct cid *new)
{
	struct store_read *r;
	struct cid now;
	assert_ok(store_read_begin(s, &r, &e));
	assert_ok(store_read_ref(r, "heads/x", &now, &e));
	store_read_end(r);
	bool is_new = cid_equal(&now, new);
	assert_true(is_new || cid_equal(&now, old));
	assert_whole(s, shape, is_new ? generation : generation - 1);
	return is_new;
}

static struct store *open_store(void)
{
	struct store *s;
	assert_ok(store_open(path, NULL, &s, &e));
	return s;
}

/* What the operation would have put is known without it. */
static struct cid root_of(const struct shape *shape, int generation)
{
	static uint8_t bytes[1u << 20];
	return cid_of(CID_DAG_CBOR, make_block(number_of(generation, shape->n_nodes - 1), shape->node_size, bytes));
}

static void run_fault(const struct shape *shape, const struct fault *fault, long step)
{
	struct store *s = open_store();
	int generation = 1, n_failures = 0;
	struct cid old, new;
	assert_ok(advance(s, shape, generation, NULL, &old, &e));
	for (long nth = 1;; nth += step) {
		generation++;
		struct cid expected = root_of(shape, generation);
		arm(fault, nth);
		int rc = advance(s, shape, generation, &old, &new, &e);
		bool is_reached = was_reached(fault, nth);
		arm(fault, 0);
		if (rc < 0 && (fault->errno_value == ENOSPC) && fault->op != IO_OPEN)
			if (strstr(e.message, "no space left") == NULL)
				fail_msg("%s %ld: %s", fault->name, nth, e.message);
		assert_true(rc == 0 || is_reached);
		int is_new = assert_old_or_new(s, shape, generation, &old, &expected);
		assert_true(rc < 0 || is_new);
		if (rc < 0 && n_failures++ % 4 == 0) {
			store_free(s);
			s = open_store();
			assert_int_equal(assert_old_or_new(s, shape, generation, &old, &expected), is_new);
		}
		if (!is_new)
			assert_ok(advance(s, shape, generation, &old, &new, &e));
		old = expected;
		if (!is_reached)
			break;
	}
	printf("# %s: %d failures\n", fault->name, n_failures);
	assert_true(n_failures > 0 || fault->errno_value == 0 || fault->op == IO_URING);
	store_free(s);
}

static void large_batches(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FAULTS; i++) {
		/* Ring and write calls in turn; what concerns one of them is asked of that one. */
		setenv("CEL_IO", FAULTS[i].op == IO_URING || i % 2 == 0 ? "" : "read", 1);
		bool is_frequent = FAULTS[i].op == IO_WRITE || FAULTS[i].op >= IO_OPS;
		run_fault(&LARGE, &FAULTS[i], is_frequent ? 4 / (long)test_scale() + 1 : 1);
		teardown(NULL);
		setup(NULL);
	}
}

static void small_batches(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_FAULTS; i++) {
		if (FAULTS[i].op == IO_WRITE || FAULTS[i].op == IO_URING || FAULTS[i].op == IO_SYNC || FAULTS[i].op == IO_RENAME)
			continue; /* there is no segment */
		run_fault(&SMALL, &FAULTS[i], 1);
		teardown(NULL);
		setup(NULL);
	}
}

/* Opening and making a store. */
static void opening(void **state)
{
	(void)state;
	for (long nth = 1;; nth++) {
		struct store *s = NULL;
		mem_fault_set((uint64_t)nth);
		int rc = store_open(path, NULL, &s, &e);
		bool is_reached = mem_fault_count() >= (uint64_t)nth;
		mem_fault_set(0);
		assert_true(rc == 0 || rc == CEL_ENOMEM);
		store_free(rc == 0 ? s : NULL);
		if (!is_reached)
			break;
	}
	char other[300];
	snprintf(other, sizeof other, "%s/o", directory);
	static const struct fault KINDS[] = {{"", IO_OPEN, ENOSPC}, {"", IO_SYNC, EIO}, {"", IO_OPS, ENOSPC}};
	for (size_t k = 0; k < 3; k++) {
		for (long nth = 1;; nth++) {
			arm(&KINDS[k], nth);
			int rc = store_init(other, &e);
			bool is_reached = was_reached(&KINDS[k], nth);
			arm(&KINDS[k], 0);
			if (rc == 0) {
				struct store *s;
				assert_ok(store_open(other, NULL, &s, &e));
				store_free(s);
				remove_tree(other);
			}
			assert_int_not_equal(access(other, F_OK), 0); /* a failed one leaves nothing */
			if (!is_reached)
				break;
		}
	}
}

/* Negative control: a block that is taken away is missed by assert_whole's condition. */
static void a_missing_block_is_seen(void **state)
{
	(void)state;
	struct store *s = open_store();
	struct cid root;
	assert_ok(advance(s, &SMALL, 1, NULL, &root, &e));
	struct store_read *r;
	assert_ok(store_read_begin(s, &r, &e));
	static uint8_t bytes[4096];
	struct slice found;
	struct cid absent = cid_of(CID_RAW, make_block(number_of(2, 0), SMALL.raw_size, bytes));
	assert_code(CEL_ENOTFOUND, store_read_block(r, &absent, &found, &e));
	store_read_end(r);
	store_free(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {T(small_batches), T(large_batches), T(opening), T(a_missing_block_is_seen)};
	return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
