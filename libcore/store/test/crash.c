/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9: a child commits generation after generation and is killed at a random moment, while this process waits for
 * the writer lock to commit one of its own. After each kill the store is opened anew by a fresh child, which looks at
 * all of it: the ref names the last generation that finished, its blocks are all there, its log has no gap, and nothing of an
 * unfinished batch can be seen by way of a ref. Every fifth generation is large (a segment).
 *
 * A generation's node lists the number and the previous node's CID, so the whole chain is checked from the ref. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "bytes.h"
#include "fixture.h"
#include "lock.h"
#include "store_impl.h"

#define NODE_SIZE (8 + CID_SIZE)
#define LARGE_EVERY 5u

static uint64_t n_blocks(uint64_t generation)
{
	return generation % LARGE_EVERY == 0 ? 40 : 6;
}

static size_t block_size(uint64_t generation)
{
	return generation % LARGE_EVERY == 0 ? 110000 : 600;
}

static struct slice block_of(uint64_t generation, uint64_t i, uint8_t *out)
{
	return make_block(generation * 1000 + i, block_size(generation), out);
}

/* The present head: its generation (0 and an absent CID at the beginning). */
static int read_head(struct store *s, uint64_t *generation, struct cid *head, struct cel_error *err)
{
	struct store_read *r;
	struct slice node;
	int rc = store_read_begin(s, &r, err);
	if (rc < 0)
		return rc;
	*generation = 0;
	rc = store_read_ref(r, "heads/x", head, err);
	if (rc == 0) {
		rc = store_read_block(r, head, &node, err);
		if (rc == 0)
			*generation = load_le64(node.data);
	} else if (rc == CEL_ENOTFOUND) {
		rc = 0;
	}
	store_read_end(r);
	return rc;
}

static int commit_next(struct store *s, double wait, uint64_t *made, struct cel_error *err)
{
	static uint8_t bytes[1u << 20];
	struct store_batch *b;
	struct cid head, cid;
	uint64_t generation;
	uint8_t node[NODE_SIZE] = {0};
	int rc = store_batch_begin(s, wait, &b, err);
	if (rc < 0)
		return rc;
	rc = read_head(s, &generation, &head, err);
	if (rc == 0 && generation > 0)
		cid_encode(&head, node + 8);
	store_le64(node, generation + 1);
	for (uint64_t i = 0; i < n_blocks(generation + 1) && rc == 0; i++)
		rc = store_batch_put(b, CID_RAW, block_of(generation + 1, i, bytes), &cid, err);
	if (rc == 0)
		rc = store_batch_put(b, CID_DAG_CBOR, slice_make(node, sizeof node), &cid, err);
	struct store_ref_update u = {.ref = "heads/x", .has_old = generation > 0, .old = head, .has_new = true, .new = cid,
				     .message = "next"};
	if (rc == 0)
		rc = store_batch_commit(b, &cid, &u, 1, (int64_t)generation + 1, err);
	store_batch_free(b);
	*made = generation + 1;
	return rc;
}

/* The blocks of one generation and its log entry; *head moves to the one before. */
static int check_one(struct store_read *r, uint64_t generation, uint64_t newest, struct cid *head)
{
	static uint8_t bytes[1u << 20];
	struct slice node, found;
	struct store_log_entry entry;
	if (store_read_block(r, head, &node, &e) < 0 || node.size != NODE_SIZE || load_le64(node.data) != generation)
		return 1;
	for (uint64_t i = 0; i < n_blocks(generation); i++) {
		struct cid cid = cid_of(CID_RAW, block_of(generation, i, bytes));
		if (store_read_block(r, &cid, &found, &e) < 0)
			return 2;
	}
	if (store_read_ref_log(r, "heads/x", newest - generation, &entry, &e) < 0 || !cid_equal(&entry.new, head) ||
	    entry.time != (int64_t)generation)
		return 3;
	return generation > 1 && cid_decode(slice_make(node.data + 8, CID_SIZE), head, &e) < 0 ? 4 : 0;
}

/* In a child of its own, so that nothing of this process's state helps. depth: how many generations back. */
static int check_store(uint64_t at_least, uint64_t at_most, uint64_t depth)
{
	struct store *s;
	struct store_read *r;
	uint64_t newest;
	struct cid head;
	if (store_open(path, NULL, &s, &e) < 0 || read_head(s, &newest, &head, &e) < 0)
		return 10;
	if (newest < at_least || newest > at_most)
		return 11;
	if (store_read_begin(s, &r, &e) < 0)
		return 12;
	int rc = 0;
	for (uint64_t g = newest; g > 0 && newest - g < depth && rc == 0; g--)
		rc = check_one(r, g, newest, &head);
	store_read_end(r);
	store_free(s);
	return rc;
}

static void assert_child(pid_t child, const char *what)
{
	int status;
	waitpid(child, &status, 0);
	if (status != 0)
		fail_msg("%s: status %x", what, status);
}

static pid_t start_writer(int progress)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	struct store *s;
	if (store_open(path, NULL, &s, NULL) < 0)
		_exit(1);
	for (;;) {
		uint64_t made;
		int rc = commit_next(s, -1, &made, NULL);
		if (rc < 0 || write(progress, &made, sizeof made) != (ssize_t)sizeof made)
			_exit(2);
	}
}

/* The writer that waits meanwhile. */
static pid_t start_waiter(void)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	struct store *s;
	uint64_t made;
	_exit(store_open(path, NULL, &s, NULL) < 0 || commit_next(s, 20, &made, NULL) < 0);
}

static uint64_t drain(int progress, uint64_t last)
{
	uint64_t made;
	while (read(progress, &made, sizeof made) == (ssize_t)sizeof made)
		last = made > last ? made : last;
	return last;
}

static void one_round(uint64_t *state, uint64_t *known, uint64_t depth)
{
	int progress[2];
	assert_int_equal(pipe(progress), 0);
	pid_t writer = start_writer(progress[1]);
	usleep((useconds_t)(next_random(state) % 6000));
	pid_t waiter = start_waiter();
	usleep((useconds_t)(next_random(state) % 6000));
	kill(writer, SIGKILL);
	int status;
	waitpid(writer, &status, 0);
	assert_true(WIFSIGNALED(status));
	assert_child(waiter, "the waiting writer");
	close(progress[1]);
	uint64_t reported = drain(progress[0], *known);
	close(progress[0]);
	/* The waiter made one; the writer at most one more than it could report. */
	pid_t child = fork();
	if (child == 0)
		_exit(check_store(reported, UINT64_MAX, depth));
	assert_child(child, "the check");
	*known = reported;
}

static void killed_writers(void **state_)
{
	(void)state_;
	uint64_t state = test_seed(), known = 0;
	unsigned rounds = 200 * test_scale();
	for (unsigned i = 0; i < rounds; i++)
		one_round(&state, &known, 2);
	assert_true(known > rounds / 4); /* the killer is not so quick that nothing ever got done */
	pid_t child = fork();
	if (child == 0)
		_exit(check_store(known, UINT64_MAX, UINT64_MAX));
	assert_child(child, "the check of everything");
	printf("# %u kills, %llu generations\n", rounds, (unsigned long long)known);
	/* Temporary files of the killed are swept at the next open. */
	char command[400];
	snprintf(command, sizeof command, "test -z \"$(ls '%s/tmp')\"", path);
	assert_int_equal(system(command), 0);
}

/* Negative control: the check does see a generation that is missing a block. */
static void the_check_sees_a_gap(void **state)
{
	(void)state;
	struct store *s;
	struct store_batch *b;
	struct cid cid;
	uint8_t node[NODE_SIZE] = {0};
	assert_ok(store_open(path, NULL, &s, &e));
	assert_ok(store_batch_begin(s, 0, &b, &e));
	store_le64(node, 1);
	assert_ok(store_batch_put(b, CID_DAG_CBOR, slice_make(node, sizeof node), &cid, &e));
	struct store_ref_update u = {.ref = "heads/x", .has_new = true, .new = cid, .message = "gap"};
	assert_ok(store_batch_commit(b, NULL, &u, 1, 1, &e));
	store_batch_free(b);
	store_free(s);
	assert_int_equal(check_store(1, 1, 1), 2);
}

/* Where lock.mdb (LMDB 0.9) keeps the number of the last transaction that readers may see. */
#define LAST_TXNID_OFFSET 48

static uint64_t last_txnid(struct store *s)
{
	MDB_envinfo info;
	mdb_env_info(s->env.mdb, &info);
	return info.me_last_txnid;
}

/* A process that, told to, takes LMDB's write lock and says so. */
static pid_t start_holder(int *commands, int *answers)
{
	int down[2], up[2];
	assert_int_equal(pipe(down) | pipe(up), 0);
	*commands = down[1];
	*answers = up[0];
	pid_t child = fork();
	if (child != 0) {
		close(down[0]);
		close(up[1]);
		return child;
	}
	struct store *s;
	MDB_txn *txn;
	char c;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (store_open(path, NULL, &s, NULL) == 0 && read(down[0], &c, 1) == 1 &&
	    env_write_begin(&s->env, &txn, NULL) == 0 && write(up[1], "y", 1) == 1)
		pause();
	_exit(1);
}

/* Makes the last commit look as if its writer, the holder, had been killed just before it told the readers. False if
 * lock.mdb is not as we know it. The descriptor stays open: closing it would take LMDB's locks of this process along. */
static bool hide_last_commit(struct store *s, pid_t holder, int commands, int answers, int *lock_file)
{
	char name[320], answer;
	uint64_t last = last_txnid(s), before = last - 1, found = 0;
	snprintf(name, sizeof name, "%s/lock.mdb", path);
	*lock_file = open(name, O_RDWR | O_CLOEXEC);
	assert_int_equal(write(commands, "h", 1), 1);
	assert_int_equal(read(answers, &answer, 1), 1);
	bool is_known = pread(*lock_file, &found, sizeof found, LAST_TXNID_OFFSET) == sizeof found && found == last;
	if (is_known)
		assert_int_equal(pwrite(*lock_file, &before, sizeof before, LAST_TXNID_OFFSET), sizeof before);
	kill(holder, SIGKILL);
	assert_int_equal(waitpid(holder, NULL, 0), holder);
	return is_known;
}

static void a_commit_that_readers_were_not_told_of(void **state)
{
	(void)state;
	struct store *s;
	struct store_batch *b;
	struct cid head;
	uint64_t made, generation;
	int commands, answers, lock_file;
	pid_t holder = start_holder(&commands, &answers);
	assert_ok(store_open(path, NULL, &s, &e));
	assert_ok(commit_next(s, 5, &made, &e));
	assert_ok(commit_next(s, 5, &made, &e));
	if (hide_last_commit(s, holder, commands, answers, &lock_file)) {
		assert_ok(read_head(s, &generation, &head, &e));
		assert_int_equal(generation, 1); /* it is hidden */
		assert_ok(store_batch_begin(s, 5, &b, &e));
		assert_ok(read_head(s, &generation, &head, &e));
		assert_int_equal(generation, 2);
		store_batch_free(b);
		assert_ok(commit_next(s, 5, &made, &e));
		assert_int_equal(made, 3);
	} else {
		printf("# this LMDB keeps its numbers elsewhere\n");
	}
	store_free(s);
	close(lock_file);
	close(commands);
	close(answers);
}

/* A process that is opening the store: it holds LMDB's lock of the first opener and has cleared the number of the last
 * transaction, as LMDB does in between. Tells by answers, then waits to be killed. */
static pid_t start_opener(bool has_our_lock, int answers)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	char name[320];
	int opening;
	uint64_t none = 0;
	struct flock first = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	snprintf(name, sizeof name, "%s/lock.mdb", path);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (has_our_lock && opening_lock_acquire(path, &opening, NULL) < 0)
		_exit(1);
	int fd = open(name, O_RDWR | O_CLOEXEC);
	if (fcntl(fd, F_SETLK, &first) == 0 &&
	    pwrite(fd, &none, sizeof none, LAST_TXNID_OFFSET) == (ssize_t)sizeof none && write(answers, "y", 1) == 1)
		pause();
	_exit(1);
}

/* What a process sees that opens the store while another is killed at that. */
static uint64_t generation_seen_behind_a_killed_opener(bool has_our_lock)
{
	int answers[2], status;
	char answer;
	assert_int_equal(pipe(answers), 0);
	pid_t opener = start_opener(has_our_lock, answers[1]);
	assert_int_equal(read(answers[0], &answer, 1), 1);
	pid_t reader = fork();
	if (reader == 0) {
		struct store *s;
		struct cid head;
		uint64_t generation;
		if (store_open(path, NULL, &s, NULL) < 0 || read_head(s, &generation, &head, NULL) < 0)
			_exit(99);
		_exit((int)generation);
	}
	nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL); /* it waits by now */
	kill(opener, SIGKILL);
	assert_int_equal(waitpid(opener, NULL, 0), opener);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	close(answers[0]);
	close(answers[1]);
	assert_true(WIFEXITED(status));
	return (uint64_t)WEXITSTATUS(status);
}

static void an_opener_is_killed(void **state)
{
	(void)state;
	struct store *s;
	uint64_t made;
	assert_ok(store_open(path, NULL, &s, &e));
	do
		assert_ok(commit_next(s, 5, &made, &e));
	while (last_txnid(s) % 2 == 0 || made < 2); /* number 0 leads to the page of the even ones, so to the state before */
	store_free(s);
	assert_int_equal(generation_seen_behind_a_killed_opener(true), made);
	uint64_t seen = generation_seen_behind_a_killed_opener(false);
	printf("# without the opening lock generation %llu of %llu is seen\n", (unsigned long long)seen,
	       (unsigned long long)made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(killed_writers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_commit_that_readers_were_not_told_of, setup, teardown),
		cmocka_unit_test_setup_teardown(an_opener_is_killed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_check_sees_a_gap, setup, teardown),
	};
	return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
