/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of store.h, one promise a test. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "clock.h"
#include "env.h"
#include "fixture.h"
#include "store_impl.h"

static struct store *open_store(bool is_read_only)
{
	struct store *s;
	assert_ok(store_open(path, &(struct store_options){.is_read_only = is_read_only}, &s, &e));
	return s;
}

static struct store_batch *begin(struct store *s)
{
	struct store_batch *b;
	assert_ok(store_batch_begin(s, 5, &b, &e));
	return b;
}

static struct cid put(struct store_batch *b, uint8_t codec, uint64_t number, size_t size)
{
	static uint8_t bytes[1u << 20];
	struct cid cid;
	assert_ok(store_batch_put(b, codec, make_block(number, size, bytes), &cid, &e));
	return cid;
}

static void commit_ref(struct store_batch *b, const char *ref, const struct cid *old, const struct cid *new)
{
	struct store_ref_update u = {.ref = ref, .has_old = old != NULL, .has_new = new != NULL, .message = "test"};
	if (old != NULL)
		u.old = *old;
	if (new != NULL)
		u.new = *new;
	assert_ok(store_batch_commit(b, new, &u, 1, 1000, &e));
	store_batch_free(b);
}

static void assert_has(struct store *s, const struct cid *cid, uint64_t number, size_t size)
{
	static uint8_t bytes[1u << 20];
	struct store_read *r;
	struct slice found;
	assert_ok(store_read_begin(s, &r, &e));
	assert_ok(store_read_block(r, cid, &found, &e));
	assert_true(slice_equal(found, make_block(number, size, bytes)));
	assert_int_equal(store_read_has(r, cid, &e), 1);
	store_read_end(r);
}

/* ---- opening */

static void init_refuses_what_is_not_empty(void **state)
{
	(void)state;
	assert_code(CEL_ECANTCREAT, store_init(path, &e));
	assert_code(CEL_ECANTCREAT, store_init("/nonexistent/parent/s", &e));
	char other[300];
	snprintf(other, sizeof other, "%s/empty", directory);
	assert_int_equal(mkdir(other, 0777), 0);
	assert_ok(store_init(other, &e));
}

static void open_refuses_what_is_no_store(void **state)
{
	(void)state;
	struct store *s;
	char other[300];
	assert_code(CEL_ENOINPUT, store_open("/nonexistent", NULL, &s, &e));
	assert_code(CEL_ENOINPUT, store_open(directory, NULL, &s, &e));
	snprintf(other, sizeof other, "%s/data.mdb", directory);
	int fd = open(other, O_CREAT | O_WRONLY, 0666);
	assert_code(CEL_ECORRUPT, store_open(directory, NULL, &s, &e)); /* empty: LMDB would make it a new one */
	for (int i = 0; i < 5000; i++)
		assert_int_equal(write(fd, "garbage", 7), 7);
	close(fd);
	assert_code(CEL_ECORRUPT, store_open(directory, NULL, &s, &e));
}

static void refuse_format(const char format[4], bool has_all_tables)
{
	struct store *s = open_store(false);
	MDB_txn *txn;
	MDB_val key = val_make("format", 6), value = val_make(format, 4);
	assert_ok(env_write_begin(&s->env, &txn, &e));
	assert_int_equal(mdb_put(txn, s->env.meta, &key, &value, 0), 0);
	if (!has_all_tables)
		assert_int_equal(mdb_drop(txn, s->env.packs, 1), 0);
	assert_int_equal(env_commit(&s->env, txn), 0);
	store_free(s);
	assert_code(CEL_ECONFIG, store_open(path, NULL, &s, &e));
}

static void a_newer_format_is_refused(void **state)
{
	(void)state;
	refuse_format("\4\0\0\0", true);
}

static void an_older_format_is_refused(void **state)
{
	(void)state;
	refuse_format("\2\0\0\0", false);
}

static void one_process_opens_once(void **state)
{
	(void)state;
	struct store *s = open_store(false), *other;
	char again[320];
	snprintf(again, sizeof again, "%s/../s", path);
	assert_code(CEL_EBUSY, store_open(path, NULL, &other, &e));
	assert_code(CEL_EBUSY, store_open(again, NULL, &other, &e));
	store_free(s);
	s = open_store(false);
	store_free(s);
}

static void network_types_are_known(void **state)
{
	(void)state;
	assert_true(env_is_network_type(0x6969));
	assert_true(env_is_network_type(0xff534d42));
	assert_true(env_is_network_type((uint64_t)(int64_t)(int32_t)0xfe534d42));
	assert_false(env_is_network_type(0xef53));     /* ext4 */
	assert_false(env_is_network_type(0x01021994)); /* tmpfs */
	assert_false(env_is_network_type(0x9123683e)); /* btrfs */
}

static void descriptors_are_not_inherited(void **state)
{
	(void)state;
	struct store *s = open_store(false);
	struct store_batch *b = begin(s);
	for (uint64_t i = 0; i < 6; i++)
		put(b, CID_RAW, i, 1u << 20);
	char name[64], target[512];
	for (int fd = 3; fd < 256; fd++) {
		snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
		ssize_t n = readlink(name, target, sizeof target - 1);
		target[n > 0 ? n : 0] = '\0';
		if (strstr(target, directory) != NULL && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
			fail_msg("%s is inherited", target);
	}
	store_batch_free(b);
	store_free(s);
}

/* ---- blocks */

static void blocks_of_every_kind_come_back(void **state)
{
	(void)state;
	struct store *s = open_store(false);
	struct store_batch *b = begin(s);
	struct cid node = put(b, CID_DAG_CBOR, 1, 5000), raw = put(b, CID_RAW, 2, 700), empty = put(b, CID_RAW, 3, 0);
	struct cid same = put(b, CID_RAW, 2, 700), both = put(b, CID_RAW, 1, 5000);
	struct slice found;
	assert_true(cid_equal(&same, &raw));
	assert_ok(store_batch_block(b, &node, &found, &e));
	assert_ok(store_batch_block(b, &raw, &found, &e));
	struct store_read *r;
	assert_ok(store_read_begin(s, &r, &e));
	assert_int_equal(store_read_has(r, &node, &e), 0); /* not before the commit */
	commit_ref(b, "heads/a", NULL, &node);
	assert_int_equal(store_read_has(r, &node, &e), 0); /* nor in an older snapshot */
	assert_code(CEL_ENOTFOUND, store_read_block(r, &node, &found, &e));
	assert_ok(store_read_renew(r, &e));
	assert_int_equal(store_read_has(r, &node, &e), 1);
	store_read_end(r);
	assert_has(s, &node, 1, 5000);
	assert_has(s, &both, 1, 5000);
	assert_has(s, &raw, 2, 700);
	assert_has(s, &empty, 3, 0);
	store_free(s);
	s = open_store(true);
	assert_has(s, &node, 1, 5000);
	struct store_batch *refused;
	assert_code(CEL_EPERMISSION, store_batch_begin(s, 0, &refused, &e));
	store_free(s);
}

/* Beside a snapshot lies the same one, or none. */
static struct slice value_at(struct store *s, const struct cid *cid, bool is_upper, uint8_t room[8192])
{
	uint8_t bytes[BLOCK_KEY_SIZE];
	MDB_val key = val_make(bytes, sizeof bytes), value;
	MDB_txn *txn;
	block_key(cid, is_upper, bytes);
	assert_ok(env_read_begin(&s->env, &txn, &e));
	int rc = mdb_get(txn, s->env.blocks, &key, &value);
	size_t size = rc == 0 ? value.mv_size : 0;
	if (size > 0)
		memcpy(room, value.mv_data, size);
	env_end(&s->env, txn);
	return slice_make(room, size);
}

/* Nodes above the leaves are apart from all else, and never short. */
static void upper_nodes_stand_together(void **state)
{
	(void)state;
	static const size_t SIZES[] = {2, 60, 2045, 2046, 2047, 2048, 5000};
	struct store *s = open_store(false);
	for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
		uint8_t bytes[5000], room[8192];
		struct cid cid, leaf;
		make_block(i, SIZES[i], bytes);
		bytes[0] = 0x84;
		bytes[1] = 0x00;
		MDB_txn *txn;
		assert_ok(env_write_begin(&s->env, &txn, &e));
		leaf = cid_of(CID_DAG_CBOR, slice_make(bytes, SIZES[i]));
		assert_int_equal(block_put(&s->env, txn, &leaf, slice_make(bytes, SIZES[i])), 0);
		bytes[1] = 0x01;
		cid = cid_of(CID_DAG_CBOR, slice_make(bytes, SIZES[i]));
		assert_int_equal(block_put(&s->env, txn, &cid, slice_make(bytes, SIZES[i])), 0);
		assert_int_equal(env_commit(&s->env, txn), 0);
		assert_int_equal(value_at(s, &leaf, false, room).size, SIZES[i]);
		assert_int_equal(value_at(s, &leaf, true, room).size, 0);
		assert_int_equal(value_at(s, &cid, false, room).size, 0);
		assert_int_equal(value_at(s, &cid, true, room).size, SIZES[i] < 2046 ? 2048 : SIZES[i] + 2);
		struct store_read *r;
		struct slice found;
		assert_ok(store_read_begin(s, &r, &e));
		assert_ok(store_read_block(r, &cid, &found, &e));
		assert_true(slice_equal(found, slice_make(bytes, SIZES[i])));
		store_read_end(r);
		assert_ok(env_write_begin(&s->env, &txn, &e));
		assert_int_equal(block_delete(&s->env, txn, &cid), 0);
		assert_int_equal(env_commit(&s->env, txn), 0);
		assert_int_equal(value_at(s, &cid, true, room).size, 0);
	}
	store_free(s);
}

static size_t count_segments(void)
{
	char command[512];
	unsigned n = 0;
	snprintf(command, sizeof command, "ls '%s/segments' | wc -l", path);
	FILE *f = popen(command, "r");
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static void a_large_batch_makes_one_segment(void **state)
{
	(void)state;
	enum { N = 9000 };
	struct cid *cids = malloc(2 * N * sizeof *cids);
	struct store *s = open_store(false);
	struct store_batch *b = begin(s);
	struct slice found;
	for (uint64_t i = 0; i < N; i++) {
		cids[i] = put(b, CID_RAW, i, 1024);
		cids[N + i] = put(b, CID_DAG_CBOR, i, 3000); /* 27 MB: spills once and more */
	}
	assert_ok(store_batch_block(b, &cids[0], &found, &e));
	assert_ok(store_batch_block(b, &cids[N], &found, &e)); /* from a run */
	assert_ok(store_batch_block(b, &cids[2 * N - 1], &found, &e));
	commit_ref(b, "heads/a", NULL, &cids[N]);
	assert_int_equal(count_segments(), 1);
	for (uint64_t i = 0; i < N; i += 7) {
		assert_has(s, &cids[i], i, 1024);
		assert_has(s, &cids[N + i], i, 3000);
	}
	b = begin(s); /* all of it again: nothing is written */
	for (uint64_t i = 0; i < N; i++)
		put(b, CID_RAW, i, 1024);
	commit_ref(b, "heads/b", NULL, &cids[N]);
	assert_int_equal(count_segments(), 1);
	free(cids);
	store_free(s);
}

static void a_dropped_batch_leaves_nothing(void **state)
{
	(void)state;
	struct store *s = open_store(false);
	struct store_batch *b = begin(s);
	struct cid node = put(b, CID_DAG_CBOR, 1, 100);
	for (uint64_t i = 0; i < 6; i++)
		put(b, CID_RAW, i, 1u << 20);
	store_batch_free(b);
	assert_int_equal(count_segments(), 0);
	struct store_read *r;
	assert_ok(store_read_begin(s, &r, &e));
	assert_int_equal(store_read_has(r, &node, &e), 0);
	store_read_end(r);
	char tmp[512];
	snprintf(tmp, sizeof tmp, "%s", store_tmp_path(s));
	assert_int_equal(rmdir(tmp), 0); /* empty */
	store_free(s);
}

static void damaged_values_are_named(void **state)
{
	(void)state;
	struct store *s = open_store(false);
	const uint8_t codecs[2] = {CID_DAG_CBOR, CID_RAW};
	const size_t sizes[2] = {5000, 100};
	for (int i = 0; i < 2; i++) {
		uint8_t bytes[5000];
		struct slice block = make_block((uint64_t)i + 1, sizes[i], bytes);
		struct cid cid = cid_of(codecs[i], block);
		bytes[sizes[i] - 1] ^= 1;
		MDB_txn *txn;
		assert_ok(env_write_begin(&s->env, &txn, &e));
		assert_int_equal(block_put(&s->env, txn, &cid, block), 0);
		assert_int_equal(env_commit(&s->env, txn), 0);
		struct store_read *r;
		struct slice found;
		assert_ok(store_read_begin(s, &r, &e));
		assert_code(CEL_ECORRUPT, store_read_block(r, &cid, &found, &e));
		store_read_end(r);
	}
	store_free(s);
}

static void oversize_blocks_are_refused(void **state)
{
	(void)state;
	static uint8_t bytes[(1u << 20) + 1];
	struct store *s = open_store(false);
	struct store_batch *b = begin(s);
	struct cid cid;
	assert_code(CEL_EDATA, store_batch_put(b, CID_RAW, slice_make(bytes, sizeof bytes), &cid, &e));
	assert_ok(store_batch_put(b, CID_RAW, slice_make(bytes, sizeof bytes - 1), &cid, &e));
	store_batch_free(b);
	store_free(s);
}

/* ---- refs */

static void refs_move_by_compare_and_swap(void **state)
{
	(void)state;
	struct store *s = open_store(false);
	struct cid a = cid_of(CID_DAG_CBOR, slice_text("a")), c = cid_of(CID_DAG_CBOR, slice_text("c")), now;
	commit_ref(begin(s), "heads/x", NULL, &a);
	struct store_ref_update wrong[] = {
		{.ref = "heads/x", .has_new = true, .new = c, .message = ""},
		{.ref = "heads/x", .has_old = true, .old = c, .has_new = true, .new = a, .message = ""},
		{.ref = "heads/y", .has_old = true, .old = a, .has_new = true, .new = c, .message = ""},
	};
	for (size_t i = 0; i < 3; i++) {
		struct store_batch *b = begin(s);
		struct cid unseen = put(b, CID_DAG_CBOR, 77, 50);
		for (uint64_t k = 0; k < 5; k++)
			put(b, CID_RAW, k, 1u << 20);
		assert_code(CEL_EBUSY, store_batch_commit(b, &c, &wrong[i], 1, 0, &e));
		assert_code(CEL_EINTERNAL, store_batch_commit(b, &c, NULL, 0, 0, &e));
		store_batch_free(b);
		struct store_read *r;
		assert_ok(store_read_begin(s, &r, &e));
		assert_int_equal(store_read_has(r, &unseen, &e), 0);
		store_read_end(r);
		assert_int_equal(count_segments(), 0);
	}
	/* Two at once: both or neither. */
	struct store_ref_update both[] = {
		{.ref = "heads/x", .has_old = true, .old = a, .has_new = true, .new = c, .message = "move"},
		{.ref = "tags/x", .has_new = true, .new = a, .message = "tag"},
	};
	struct store_batch *b = begin(s);
	assert_ok(store_batch_commit(b, NULL, both, 2, 5, &e));
	store_batch_free(b);
	struct store_read *r;
	assert_ok(store_read_begin(s, &r, &e));
	assert_ok(store_read_ref(r, "heads/x", &now, &e));
	assert_true(cid_equal(&now, &c));
	assert_ok(store_read_ref(r, "tags/x", &now, &e));
	assert_code(CEL_ENOTFOUND, store_read_ref(r, "heads/none", &now, &e));
	assert_code(CEL_EUSAGE, store_read_ref(r, "", &now, &e));
	store_read_end(r);
	commit_ref(begin(s), "heads/x", &c, NULL);
	assert_ok(store_read_begin(s, &r, &e));
	assert_code(CEL_ENOTFOUND, store_read_ref(r, "heads/x", &now, &e));
	store_read_end(r);
	store_free(s);
}

static void refs_are_listed_by_prefix(void **state)
{
	(void)state;
	static const char *const NAMES[] = {"heads/a", "heads/ab", "heads/b", "tags/a"};
	struct store *s = open_store(false);
	for (size_t i = 4; i-- > 0;) {
		struct cid cid = cid_of(CID_DAG_CBOR, slice_text(NAMES[i]));
		commit_ref(begin(s), NAMES[i], NULL, &cid);
	}
	struct store_read *r;
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	assert_ok(store_read_begin(s, &r, &e));
	for (size_t i = 0; i < 3; i++) {
		assert_code(1, store_read_next_ref(r, "heads/", position, &cid, &e));
		assert_string_equal(position, NAMES[i]);
		struct cid expected = cid_of(CID_DAG_CBOR, slice_text(NAMES[i]));
		assert_true(cid_equal(&cid, &expected));
	}
	assert_code(0, store_read_next_ref(r, "heads/", position, &cid, &e));
	position[0] = '\0';
	int n = 0;
	while (store_read_next_ref(r, "", position, &cid, &e) > 0)
		n++;
	assert_int_equal(n, 4);
	position[0] = '\0';
	assert_code(0, store_read_next_ref(r, "zzz", position, &cid, &e));
	store_read_end(r);
	store_free(s);
}

static void the_log_remembers(void **state)
{
	(void)state;
	struct store *s = open_store(false);
	struct cid cids[5];
	char long_message[400];
	memset(long_message, 'x', sizeof long_message);
	memcpy(long_message + 254, "\xc3\xa4", 2); /* a character across the limit of 255 */
	long_message[399] = '\0';
	for (int i = 0; i < 5; i++) {
		struct store_batch *b = begin(s);
		cids[i] = put(b, CID_DAG_CBOR, (uint64_t)i, 40);
		struct store_ref_update u = {.ref = "heads/x", .has_old = i > 0, .has_new = true, .new = cids[i],
					     .message = i == 4 ? long_message : "step"};
		if (i > 0)
			u.old = cids[i - 1];
		assert_ok(store_batch_commit(b, NULL, &u, 1, 100 + i, &e));
		store_batch_free(b);
		commit_ref(begin(s), i % 2 != 0 ? "heads/w" : "heads/xx", i > 1 ? &cids[i - 2] : NULL, &cids[i]);
	}
	struct store_read *r;
	struct store_log_entry entry;
	assert_ok(store_read_begin(s, &r, &e));
	for (int i = 0; i < 5; i++) {
		assert_ok(store_read_ref_log(r, "heads/x", (uint64_t)i, &entry, &e));
		assert_true(entry.has_new && cid_equal(&entry.new, &cids[4 - i]));
		assert_int_equal(entry.time, 104 - i);
		assert_int_equal(entry.has_old, i < 4);
		assert_true(!entry.has_old || cid_equal(&entry.old, &cids[3 - i]));
		assert_int_equal(strlen(entry.message), i == 0 ? 254 : 4);
	}
	assert_code(CEL_ENOTFOUND, store_read_ref_log(r, "heads/x", 5, &entry, &e));
	assert_code(CEL_ENOTFOUND, store_read_ref_log(r, "heads", 0, &entry, &e));
	assert_code(CEL_ENOTFOUND, store_read_ref_log(r, "heads/zz", 0, &entry, &e));
	store_read_end(r);
	commit_ref(begin(s), "heads/x", &cids[4], NULL);
	assert_ok(store_read_begin(s, &r, &e));
	assert_ok(store_read_ref_log(r, "heads/x", 0, &entry, &e));
	assert_false(entry.has_new);
	store_read_end(r);
	store_free(s);
}

/* ---- locks */

static void the_second_writer_waits_its_time(void **state)
{
	(void)state;
	struct store *s = open_store(false);
	struct store_batch *b = begin(s), *second;
	double t = seconds_now();
	assert_code(CEL_EBUSY, store_batch_begin(s, 0, &second, &e));
	assert_true(seconds_now() - t < 0.5);
	t = seconds_now();
	assert_code(CEL_EBUSY, store_batch_begin(s, 1, &second, &e));
	assert_true(seconds_now() - t >= 1 && seconds_now() - t < 3);
	/* Committed, though not freed: the lock is free. */
	assert_ok(store_batch_commit(b, NULL, NULL, 0, 0, &e));
	assert_ok(store_batch_begin(s, 0, &second, &e));
	store_batch_free(second);
	store_batch_free(b);
	store_free(s);
}

static void another_process_holds_the_lock(void **state)
{
	(void)state;
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		struct store *s;
		struct store_batch *b;
		if (store_open(path, NULL, &s, NULL) < 0 || store_batch_begin(s, 0, &b, NULL) < 0 ||
		    write(ready[1], "x", 1) != 1)
			_exit(1);
		usleep(400000);
		_exit(0); /* without freeing: the kernel drops the lock */
	}
	char c;
	assert_int_equal(read(ready[0], &c, 1), 1);
	struct store *s = open_store(false);
	struct store_batch *b;
	assert_code(CEL_EBUSY, store_batch_begin(s, 0, &b, &e));
	assert_ok(store_batch_begin(s, -1, &b, &e)); /* for ever, that is until the child ends */
	store_batch_free(b);
	store_free(s);
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	close(ready[0]);
	close(ready[1]);
}

static void owners_of_temporary_files(void **state)
{
	(void)state;
	char stale[400], live[512];
	struct store *s = open_store(false);
	snprintf(live, sizeof live, "%s/file", store_tmp_path(s));
	snprintf(stale, sizeof stale, "%s/tmp/4000000-0", path);
	assert_int_equal(mkdir(stale, 0777), 0);
	snprintf(stale, sizeof stale, "%s/tmp/4000000-0/file", path);
	close(open(stale, O_CREAT | O_WRONLY, 0666));
	close(open(live, O_CREAT | O_WRONLY, 0666));
	pid_t child = fork();
	if (child == 0) {
		struct store *other;
		/* The copy of the parent's store is only in the way: a child's own life begins with its own open. */
		execl("/proc/self/exe", "test", "sweep", path, (char *)NULL);
		_exit(store_open(path, NULL, &other, NULL) < 0);
	}
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	assert_int_not_equal(access(stale, F_OK), 0);
	assert_int_equal(access(live, F_OK), 0);
	store_free(s);
	assert_int_not_equal(access(live, F_OK), 0);
}

/* ---- the map */

static void the_map_grows(void **state)
{
	(void)state;
	setenv("CEL_MAP_SIZE", "1048576", 1);
	struct store *s = open_store(false);
	assert_int_equal(env_map_size(&s->env), 1048576);
	struct cid cids[3000], last = {0};
	for (int round = 0; round < 3; round++) {
		struct store_batch *b = begin(s);
		for (uint64_t i = 0; i < 1000; i++)
			cids[1000 * round + (int)i] = put(b, CID_DAG_CBOR, 1000 * (uint64_t)round + i, 3000);
		struct cid first = cids[1000 * round];
		commit_ref(b, "heads/a", round > 0 ? &last : NULL, &first);
		last = first;
	}
	assert_true(env_map_size(&s->env) > 9000000);
	for (uint64_t i = 0; i < 3000; i++)
		assert_has(s, &cids[i], i, 3000);
	store_free(s);
}

static void another_process_enlarges_the_map(void **state)
{
	(void)state;
	setenv("CEL_MAP_SIZE", "1048576", 1);
	struct store *s = open_store(false);
	struct store_batch *b = begin(s);
	struct cid small = put(b, CID_DAG_CBOR, 1, 100), large;
	commit_ref(b, "heads/a", NULL, &small);
	pid_t child = fork();
	if (child == 0) {
		execl("/proc/self/exe", "test", "grow", path, (char *)NULL);
		_exit(1);
	}
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	struct store_read *r;
	assert_ok(store_read_begin(s, &r, &e)); /* MDB_MAP_RESIZED */
	assert_ok(store_read_ref(r, "heads/b", &large, &e));
	store_read_end(r);
	assert_has(s, &large, 4999, 3000);
	b = begin(s);
	put(b, CID_DAG_CBOR, 99999, 3000);
	commit_ref(b, "heads/a", &small, &large);
	store_free(s);
}

static void a_small_address_space_will_do(void **state)
{
	(void)state;
	pid_t child = fork();
	if (child == 0) {
		struct rlimit limit = {.rlim_cur = 6ull << 30, .rlim_max = 6ull << 30};
		struct store *s;
		if (setrlimit(RLIMIT_AS, &limit) != 0 || store_open(path, NULL, &s, NULL) < 0)
			_exit(1);
		_exit(env_map_size(&s->env) == 4ull << 30 ? 0 : 2);
	}
	int status;
	waitpid(child, &status, 0);
	if (WEXITSTATUS(status) == 1)
		skip(); /* the sanitizers need more than that for themselves */
	assert_int_equal(status, 0);
}

static void growth_waits_for_readers_but_not_for_ever(void **state)
{
	(void)state;
	setenv("CEL_MAP_SIZE", "1048576", 1);
	struct store *s = open_store(false);
	struct store_read *r;
	struct store_batch *b = begin(s);
	for (uint64_t i = 0; i < 1000; i++)
		put(b, CID_DAG_CBOR, i, 3000);
	s->env.idle_wait = 1;
	assert_ok(store_read_begin(s, &r, &e));
	assert_code(CEL_EBUSY, store_batch_commit(b, NULL, NULL, 0, 0, &e));
	store_batch_free(b);
	store_read_end(r);
	b = begin(s);
	for (uint64_t i = 0; i < 1000; i++)
		put(b, CID_DAG_CBOR, i, 3000);
	assert_ok(store_batch_commit(b, NULL, NULL, 0, 0, &e));
	store_batch_free(b);
	store_free(s);
}

static void many_readers(void **state)
{
	(void)state;
	enum { N = 1200 };
	struct store *s = open_store(false);
	struct store_read *reads[N];
	int n = 0, rc = 0;
	while (n < N && (rc = store_read_begin(s, &reads[n], &e)) == 0)
		n++;
	assert_int_equal(rc, CEL_EBUSY);
	assert_true(n >= 900);
	store_read_end(reads[--n]);
	assert_ok(store_read_begin(s, &reads[n++], &e));
	while (n > 0)
		store_read_end(reads[--n]);
	store_free(s);
}

/* ---- without permission to write */

static void a_store_of_somebody_else(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	struct store *s = open_store(false);
	struct store_batch *b = begin(s);
	struct cid cid = put(b, CID_DAG_CBOR, 1, 100);
	commit_ref(b, "heads/a", NULL, &cid);
	store_free(s);
	assert_int_equal(chmod(directory, 0755), 0);
	pid_t child = fork();
	if (child == 0) {
		struct store_read *r;
		struct slice found;
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(1);
		if (store_open(path, NULL, &s, &e) != CEL_EPERMISSION)
			_exit(2);
		if (store_open(path, &(struct store_options){.is_read_only = true}, &s, &e) < 0)
			_exit(3);
		if (store_read_begin(s, &r, &e) < 0 || store_read_block(r, &cid, &found, &e) < 0)
			_exit(4);
		store_read_end(r);
		store_free(s);
		_exit(0);
	}
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

/* ---- a data.mdb that was cut off */

static void a_short_file_is_damage_not_a_crash(void **state)
{
	(void)state;
	struct store *s = open_store(false);
	struct store_batch *b = begin(s);
	struct cid cids[2000];
	for (uint64_t i = 0; i < 2000; i++)
		cids[i] = put(b, CID_DAG_CBOR, i, 3000);
	commit_ref(b, "heads/a", NULL, &cids[0]);
	store_free(s);
	char name[400];
	struct stat st;
	snprintf(name, sizeof name, "%s/data.mdb", path);
	assert_int_equal(stat(name, &st), 0);
	assert_int_equal(truncate(name, st.st_size / 2), 0);
	int trouble = 0;
	assert_code(CEL_ECORRUPT, store_open(path, &(struct store_options){.is_read_only = true}, &s, &e));
	if (store_open(path, NULL, &s, &e) < 0)
		return;
	for (uint64_t i = 0; i < 2000; i++) {
		struct store_read *r;
		struct slice found;
		assert_ok(store_read_begin(s, &r, &e));
		int rc = store_read_block(r, &cids[i], &found, &e);
		assert_true(rc == 0 || rc == CEL_ECORRUPT || rc == CEL_ENOTFOUND);
		trouble += rc != 0;
		store_read_end(r);
	}
	assert_true(trouble > 0);
	store_free(s);
}

/* What the program does when it is its own child. */
static int child_main(const char *what, const char *store)
{
	struct store *s;
	struct store_batch *b;
	static uint8_t bytes[3000];
	struct cid cid;
	if (store_open(store, NULL, &s, &e) < 0)
		return 2;
	if (strcmp(what, "grow") == 0) {
		if (store_batch_begin(s, 0, &b, &e) < 0)
			return 3;
		for (uint64_t i = 0; i < 5000; i++)
			if (store_batch_put(b, CID_DAG_CBOR, make_block(i, 3000, bytes), &cid, &e) < 0)
				return 4;
		struct store_ref_update u = {.ref = "heads/b", .has_new = true, .new = cid, .message = "grow"};
		if (store_batch_commit(b, NULL, &u, 1, 0, &e) < 0)
			return 5;
		store_batch_free(b);
	}
	store_free(s);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3)
		return child_main(argv[1], argv[2]);
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(init_refuses_what_is_not_empty), T(open_refuses_what_is_no_store), T(a_newer_format_is_refused), T(an_older_format_is_refused),
		T(one_process_opens_once), T(network_types_are_known), T(descriptors_are_not_inherited),
		T(blocks_of_every_kind_come_back), T(upper_nodes_stand_together), T(a_large_batch_makes_one_segment),
		T(a_dropped_batch_leaves_nothing), T(damaged_values_are_named), T(oversize_blocks_are_refused),
		T(refs_move_by_compare_and_swap), T(refs_are_listed_by_prefix), T(the_log_remembers),
		T(the_second_writer_waits_its_time), T(another_process_holds_the_lock), T(owners_of_temporary_files),
		T(the_map_grows), T(another_process_enlarges_the_map), T(a_small_address_space_will_do),
		T(growth_waits_for_readers_but_not_for_ever), T(many_readers), T(a_store_of_somebody_else),
		T(a_short_file_is_damage_not_a_crash),
	};
	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
