/* SPDX-License-Identifier: Apache-2.0 */
/* The fault hook: the nth call fails, the others do not; transfers can be cut to one byte; the environment arms it. */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int temporary(void)
{
	char path[] = "/tmp/cel-fault-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void test_nth_call_fails(void **state)
{
	(void)state;
	int fd = temporary();
	io_fault_set(IO_WRITE, 2, ENOSPC);
	assert_int_equal(io_write(fd, "abc", 3), 3);
	errno = 0;
	assert_int_equal(io_write(fd, "def", 3), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(io_write(fd, "def", 3), 3);
	assert_int_equal(io_fault_count(IO_WRITE), 3);
	io_fault_set(IO_WRITE, 0, 0);
	char data[8];
	assert_int_equal(io_pread(fd, data, sizeof data, 0), 6);
	assert_memory_equal(data, "abcdef", 6);
	close(fd);
}

static void test_short_transfers(void **state)
{
	(void)state;
	int fd = temporary();
	io_fault_set(IO_WRITE, 1, 0);
	assert_int_equal(io_pwrite(fd, "abc", 3, 0), 1);
	assert_int_equal(io_pwrite(fd, "abc", 3, 0), 3);
	io_fault_set(IO_WRITE, 0, 0);
	io_fault_set(IO_READ, 1, 0);
	char data[8];
	assert_int_equal(io_read(fd, data, sizeof data), 1);
	assert_int_equal(io_read(fd, data, sizeof data), 2);
	io_fault_set(IO_READ, 0, 0);
	close(fd);
}

static void test_other_calls(void **state)
{
	(void)state;
	int fd = temporary();
	io_fault_set(IO_SYNC, 2, EIO);
	assert_int_equal(io_fsync(fd), 0);
	assert_int_equal(io_fdatasync(fd), -1);
	assert_int_equal(errno, EIO);
	io_fault_set(IO_SYNC, 0, 0);
	close(fd);
	io_fault_set(IO_OPEN, 1, EMFILE);
	assert_int_equal(io_open("/dev/null", O_RDONLY, 0), -1);
	assert_int_equal(errno, EMFILE);
	fd = io_open("/dev/null", O_RDONLY, 0);
	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	close(fd);
	io_fault_set(IO_OPEN, 0, 0);
	io_fault_set(IO_RENAME, 1, 0);
	assert_int_equal(io_rename("/nonexistent-a", "/nonexistent-b"), -1);
	assert_int_equal(errno, EIO);
	assert_int_equal(io_rename("/nonexistent-a", "/nonexistent-b"), -1);
	assert_int_equal(errno, ENOENT);
	io_fault_set(IO_RENAME, 0, 0);
}

/* Runs this program again with CEL_FAULT set; the child answers with the errno of its second open. */
static int child_errno(const char *fault)
{
	pid_t pid = fork();
	if (pid == 0) {
		setenv("CEL_FAULT", fault, 1);
		execl("/proc/self/exe", "test-io-fault", "--child", (char *)NULL);
		_exit(255);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_environment(void **state)
{
	(void)state;
	assert_int_equal(child_errno(""), 0);
	assert_int_equal(child_errno("open:2:5"), 5);
	assert_int_equal(child_errno("write:1:28,open:2:24"), 24);
	assert_int_equal(child_errno("open:3:5"), 0);
	assert_int_equal(child_errno("opne:2:5"), EINVAL);
	assert_int_equal(child_errno("open:2"), EINVAL);
	assert_int_equal(child_errno("open:2:5;"), EINVAL);
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--child") == 0) {
		io_open("/dev/null", O_RDONLY, 0);
		return io_open("/dev/null", O_RDONLY, 0) < 0 ? errno : 0;
	}
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nth_call_fails),
		cmocka_unit_test(test_short_transfers),
		cmocka_unit_test(test_other_calls),
		cmocka_unit_test(test_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
