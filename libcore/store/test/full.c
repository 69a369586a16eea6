/* SPDX-License-Identifier: Apache-2.0 */
/* A full disk, on a real small file system (tmpfs, then ext4 on a loop device) in a mount namespace of our own. A ballast
 * file leaves a little room, a different amount each time, so the disk fills at every stage of a batch: temporary
 * files, segment, index, LMDB. Then: exit with CEL_EIO and "no space left", the old state is readable here and by a
 * fresh process on the still full disk, and the same batch succeeds once the ballast is gone. Needs root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "helper.h"

#define DISK_MIB 48
#define N_RAW 25u
#define RAW_SIZE 200000u
#define N_NODES 1500u
#define NODE_SIZE 2500u

static char directory[256], mount_point[280], path[300], ballast[300];
static struct cel_error e;

static int put_generation(struct store_batch *b, uint64_t generation, struct cid *root, struct cel_error *err)
{
	static uint8_t bytes[RAW_SIZE];
	struct cid cid;
	int rc = 0;
	for (uint64_t i = 0; i < N_RAW && rc == 0; i++)
		rc = store_batch_put(b, CID_RAW, make_block(generation * 10000 + i, RAW_SIZE, bytes), &cid, err);
	for (uint64_t i = 0; i < N_NODES && rc == 0; i++)
		rc = store_batch_put(b, CID_DAG_CBOR, make_block(generation * 10000 + i, NODE_SIZE, bytes), root, err);
	return rc;
}

static int build(struct store *s, uint64_t generation, struct cid *head, struct cel_error *err)
{
	struct store_batch *b;
	struct cid root;
	int rc = store_batch_begin(s, 0, &b, err);
	if (rc < 0)
		return rc;
	rc = put_generation(b, generation, &root, err);
	struct store_ref_update u = {.ref = "heads/x", .has_old = generation > 1, .old = *head, .has_new = true,
				     .new = root, .message = "full"};
	if (rc == 0)
		rc = store_batch_commit(b, &root, &u, 1, 0, err);
	store_batch_free(b);
	if (rc == 0)
		*head = root;
	return rc;
}

static int check(struct store *s, uint64_t generation, const struct cid *head)
{
	static uint8_t bytes[RAW_SIZE];
	struct store_read *r;
	struct cid now, cid;
	struct slice found;
	if (store_read_begin(s, &r, &e) < 0 || store_read_ref(r, "heads/x", &now, &e) < 0 || !cid_equal(&now, head))
		return 1;
	for (uint64_t i = 0; i < N_NODES; i++) {
		cid = cid_of(CID_DAG_CBOR, make_block(generation * 10000 + i, NODE_SIZE, bytes));
		if (store_read_block(r, &cid, &found, &e) < 0)
			return 2;
	}
	for (uint64_t i = 0; i < N_RAW; i++) {
		cid = cid_of(CID_RAW, make_block(generation * 10000 + i, RAW_SIZE, bytes));
		if (store_read_block(r, &cid, &found, &e) < 0)
			return 3;
	}
	store_read_end(r);
	return 0;
}

/* Fills the disk but for `room` bytes. */
static void make_ballast(uint64_t room)
{
	struct statvfs fs;
	assert_int_equal(statvfs(mount_point, &fs), 0);
	uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;
	int fd = open(ballast, O_CREAT | O_WRONLY | O_TRUNC, 0666);
	assert_true(fd >= 0);
	/* The file system needs some blocks for the file's own extents. */
	while (left > room && posix_fallocate(fd, 0, (off_t)(left - room)) != 0)
		left -= 16384;
	close(fd);
}

static void check_in_child(uint64_t generation, const struct cid *head)
{
	pid_t child = fork();
	if (child == 0) {
		struct store *s;
		_exit(store_open(path, NULL, &s, &e) < 0 ? 10 : check(s, generation, head));
	}
	int status;
	waitpid(child, &status, 0);
	if (status != 0)
		fail_msg("a fresh process on the full disk: status %x", status);
}

/* Each generation that was committed has one segment; a failed build takes its own away. */
static uint64_t count_segments(void)
{
	char name[320];
	uint64_t n = 0;
	snprintf(name, sizeof name, "%s/segments", path);
	DIR *d = opendir(name);
	assert_non_null(d);
	for (struct dirent *item; (item = readdir(d)) != NULL;)
		n += item->d_name[0] != '.';
	closedir(d);
	return n;
}

/* 1 if the disk was full for the second build. */
static int one_point(uint64_t room)
{
	struct store *s;
	struct cid head;
	assert_ok(store_init(path, &e));
	assert_ok(store_open(path, NULL, &s, &e));
	assert_ok(build(s, 1, &head, &e));
	make_ballast(room);
	int rc = build(s, 2, &head, &e);
	uint64_t generation = rc == 0 ? 2 : 1;
	if (rc < 0 && (rc != CEL_EIO || strstr(e.message, "no space left") == NULL))
		fail_msg("room %llu: %d %s", (unsigned long long)room, rc, e.message);
	assert_int_equal(check(s, generation, &head), 0);
	assert_int_equal(count_segments(), generation);
	store_free(s);
	check_in_child(generation, &head);
	assert_ok(store_open(path, NULL, &s, &e));
	assert_int_equal(check(s, generation, &head), 0);
	unlink(ballast);
	if (rc < 0)
		assert_ok(build(s, 2, &head, &e));
	assert_int_equal(check(s, 2, &head), 0);
	store_free(s);
	remove_tree(path);
	return rc < 0;
}

static void run_points(uint64_t step)
{
	int n_full = 0, n_done = 0;
	uint64_t end = 16u << 20;
	for (uint64_t room = 0; room < end; room += step + room / 16) {
		int is_full = one_point(room);
		n_full += is_full;
		n_done += !is_full;
		if (n_done >= 2)
			break;
	}
	printf("# full at %d points, not at %d\n", n_full, n_done);
	assert_true(n_full >= 5 && n_done > 0);
}

static void name_paths(void)
{
	snprintf(mount_point, sizeof mount_point, "%s/m", directory);
	snprintf(path, sizeof path, "%s/s", mount_point);
	snprintf(ballast, sizeof ballast, "%s/ballast", mount_point);
	mkdir(mount_point, 0777);
}

static bool has_namespace(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static void on_tmpfs(void **state)
{
	(void)state;
	char options[32];
	snprintf(options, sizeof options, "size=%dm", DISK_MIB);
	if (!has_namespace() || mount("none", mount_point, "tmpfs", 0, options) != 0) {
		printf("# not root: nothing can be mounted\n");
		skip();
	}
	run_points(400000 / test_scale());
	umount(mount_point);
}

static void on_ext4(void **state)
{
	(void)state;
	char command[1200];
	snprintf(command, sizeof command,
		 "{ truncate -s %dM '%s/disk' && /sbin/mkfs.ext4 -q -m 0 -O ^has_journal '%s/disk' && "
		 "mount -o loop '%s/disk' '%s'; } 2>/dev/null",
		 DISK_MIB, directory, directory, directory, mount_point);
	if (!has_namespace() || system(command) != 0) {
		printf("# no loop device or no mkfs.ext4\n");
		skip();
	}
	run_points(1200000 / test_scale());
	umount(mount_point);
}

static int setup(void **state)
{
	(void)state;
	make_directory(directory);
	name_paths();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	umount2(mount_point, MNT_DETACH);
	remove_tree(directory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(on_tmpfs, setup, teardown),
		cmocka_unit_test_setup_teardown(on_ext4, setup, teardown),
	};
	return cmocka_run_group_tests_name("full", tests, NULL, NULL);
}
