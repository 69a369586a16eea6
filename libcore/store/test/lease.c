/* SPDX-License-Identifier: Apache-2.0 */
/* Commits of more nodes than one transaction takes: all or nothing all the same, and the lease that stands in between is
 * there while it should be, known to be dead when its process is, and swept by the next writer. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "fixture.h"
#include "lease.h"
#include "store_impl.h"

#define NODES 12000u /* of 4,000 bytes: 48 MB, two transactions */
#define NODE_SIZE 4000u

static struct store *open_store(void)
{
	struct store *s;
	assert_ok(store_open(path, &(struct store_options){0}, &s, &e));
	return s;
}

/* A batch of many nodes, the last of which the ref names; 0 or an error. */
static int commit_many(struct store *s, const char *ref, uint64_t first, struct cid *last)
{
	static uint8_t bytes[NODE_SIZE];
	struct store_batch *b;
	int rc = store_batch_begin(s, 10, &b, &e);
	if (rc < 0)
		return rc;
	for (uint64_t i = 0; rc == 0 && i < NODES; i++)
		rc = store_batch_put(b, CID_DAG_CBOR, make_block(first + i, NODE_SIZE, bytes), last, &e);
	if (rc == 0) {
		struct store_ref_update u = {.ref = ref, .has_new = true, .new = *last, .message = "many"};
		rc = store_batch_commit(b, last, &u, 1, 1000, &e);
	}
	store_batch_free(b);
	return rc;
}

static size_t n_leases(struct store *s)
{
	MDB_txn *txn;
	MDB_stat stat;
	assert_ok(env_read_begin(&s->env, &txn, &e));
	assert_int_equal(mdb_stat(txn, s->env.leases, &stat), 0);
	env_end(&s->env, txn);
	return stat.ms_entries;
}

static void assert_all_there(struct store *s, const char *ref, uint64_t first, const struct cid *last)
{
	static uint8_t bytes[NODE_SIZE];
	struct store_read *r;
	struct slice found;
	struct cid cid;
	assert_ok(store_read_begin(s, &r, &e));
	assert_ok(store_read_ref(r, ref, &cid, &e));
	assert_true(cid_equal(&cid, last));
	for (uint64_t i = 0; i < NODES; i++) {
		struct slice block = make_block(first + i, NODE_SIZE, bytes);
		cid = cid_of(CID_DAG_CBOR, block);
		assert_ok(store_read_block(r, &cid, &found, &e));
		assert_true(slice_equal(found, block));
	}
	store_read_end(r);
}

static void several_transactions_make_one_commit(void **state)
{
	(void)state;
	struct cid last;
	struct store *s = open_store();
	assert_ok(commit_many(s, "heads/a", 0, &last));
	assert_int_equal(n_leases(s), 0);
	store_free(s);
	s = open_store();
	assert_all_there(s, "heads/a", 0, &last);
	store_free(s);
}

/* Waits until a lease is in the store, or the child has ended; whether there is one. */
static bool wait_for_lease(struct store *s, pid_t child, int *status)
{
	for (;;) {
		if (n_leases(s) > 0)
			return true;
		if (waitpid(child, status, WNOHANG) == child)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	}
}

static void kill_between_transactions(void **state)
{
	(void)state;
	int status = 0;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		struct store *own;
		struct cid last;
		bool is_open = store_open(path, &(struct store_options){0}, &own, &e) == 0;
		_exit(is_open && commit_many(own, "heads/killed", 0, &last) == 0 ? 0 : 1);
	}
	struct store *s = open_store();
	bool is_caught = wait_for_lease(s, child, &status);
	if (is_caught) {
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
	}
	struct store_read *r;
	struct cid cid;
	assert_ok(store_read_begin(s, &r, &e));
	int rc = store_read_ref(r, "heads/killed", &cid, &e);
	store_read_end(r);
	if (!is_caught || rc == 0) { /* it was too quick for us: then all of it is there */
		assert_int_equal(n_leases(s), 0);
		print_message("# the child was not caught between two transactions\n");
	} else {
		assert_int_equal(rc, CEL_ENOTFOUND);
		assert_int_equal(n_leases(s), 1);
	}
	assert_ok(commit_many(s, "heads/next", 1000000, &cid)); /* sweeps the dead lease */
	assert_int_equal(n_leases(s), 0);
	assert_all_there(s, "heads/next", 1000000, &cid);
	store_free(s);
}

static void only_the_living_hold_leases(void **state)
{
	(void)state;
	struct lease lease, other;
	assert_ok(lease_new(&lease, &e));
	assert_true(lease_is_live(&lease));
	other = lease;
	other.start++; /* the pid was given to another process */
	assert_false(lease_is_live(&other));
	other = lease;
	other.boot[0] ^= 1; /* before a reboot */
	assert_false(lease_is_live(&other));
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
	other = lease;
	other.pid = (uint64_t)child;
	assert_false(lease_is_live(&other));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(several_transactions_make_one_commit),
		T(kill_between_transactions),
		T(only_the_living_hold_leases),
	};
	return cmocka_run_group_tests_name("store leases", tests, NULL, NULL);
}
