/* SPDX-License-Identifier: Apache-2.0 */
/* What was appended is what is in the file: on both ways, with pieces of any size, flushes in between, and with every
 * call of the ring refused in turn. A write error is an error on both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alloc.h"
#include "error.h"
#include "fault.h"
#include "outfile.h"

#define TOTAL (9u << 20)

static struct cel_error e;
static uint8_t *expected;

static int setup_all(void **state)
{
	(void)state;
	expected = malloc(TOTAL);
	uint64_t x = 1;
	for (size_t i = 0; expected != NULL && i < TOTAL; i++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		expected[i] = (uint8_t)(x >> 56);
	}
	return expected == NULL;
}

static int teardown_all(void **state)
{
	(void)state;
	free(expected);
	return 0;
}

static size_t memory = OUTFILE_MEMORY;

/* Pieces of 1, 2, 4, ... bytes up to 2 MiB and round again. */
static int write_file(int fd, bool is_flushing)
{
	struct outfile *o;
	int rc = outfile_new(fd, "test", memory, &o, &e);
	if (rc < 0)
		return rc;
	size_t piece = 1;
	for (size_t at = 0; at < TOTAL && rc == 0; piece = piece < 2u << 20 ? 2 * piece : 1) {
		size_t size = piece < TOTAL - at ? piece : TOTAL - at;
		rc = outfile_append(o, expected + at, size, &e);
		at += size;
		if (rc == 0)
			assert_int_equal(outfile_position(o), at);
		if (rc == 0 && is_flushing && piece == 4096)
			rc = outfile_flush(o, &e);
	}
	if (rc == 0)
		rc = outfile_flush(o, &e);
	if (rc == 0)
		rc = outfile_patch(o, expected, 100, 0, &e);
	outfile_free(o);
	return rc;
}

static void assert_content(int fd)
{
	assert_int_equal(lseek(fd, 0, SEEK_END), TOTAL);
	void *map = mmap(NULL, TOTAL, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	assert_memory_equal(map, expected, TOTAL);
	munmap(map, TOTAL);
}

static int new_file(void)
{
	int fd = memfd_create("outfile", MFD_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void both_ways_write_the_same(void **state)
{
	(void)state;
	static const char *const WAYS[] = {"", "read", "uring"};
	for (int i = 0; i < 6; i++) {
		int fd = new_file();
		setenv("CEL_IO", WAYS[i / 2], 1);
		int rc = write_file(fd, i % 2 != 0);
		if (rc == CEL_EUNAVAILABLE && i / 2 == 2) {
			printf("# io_uring is refused here: %s\n", e.message);
		} else {
			assert_int_equal(rc, 0);
			assert_content(fd);
		}
		close(fd);
	}
	unsetenv("CEL_IO");
}

static void any_refusal_falls_back(void **state)
{
	(void)state;
	bool is_reached = true;
	for (uint64_t nth = 1; is_reached; nth++) {
		int fd = new_file();
		io_fault_set(IO_URING, nth, nth % 2 != 0 ? EINVAL : EIO);
		assert_int_equal(write_file(fd, false), 0);
		is_reached = io_fault_count(IO_URING) >= nth;
		io_fault_set(IO_URING, 0, 0);
		assert_content(fd);
		close(fd);
	}
}

static void forced_rings_say_what_was_refused(void **state)
{
	(void)state;
	int fd = new_file();
	setenv("CEL_IO", "uring", 1);
	for (uint64_t nth = 1; nth <= 2; nth++) {
		io_fault_set(IO_URING, nth, ENOSYS);
		assert_int_equal(write_file(fd, false), CEL_EUNAVAILABLE);
		assert_non_null(strstr(e.message, "io_uring"));
	}
	io_fault_set(IO_URING, 0, 0);
	unsetenv("CEL_IO");
	close(fd);
}

static void write_errors_are_errors(void **state)
{
	(void)state;
	setenv("CEL_IO", "read", 1);
	bool is_reached = true;
	for (uint64_t nth = 1; is_reached; nth++) {
		int fd = new_file();
		io_fault_set(IO_WRITE, nth, ENOSPC);
		int rc = write_file(fd, false);
		is_reached = io_fault_count(IO_WRITE) >= nth;
		assert_int_equal(rc, is_reached ? CEL_EIO : 0);
		io_fault_set(IO_WRITE, nth, 0); /* cut short: continued */
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(write_file(fd, false), 0);
		io_fault_set(IO_WRITE, 0, 0);
		assert_content(fd);
		close(fd);
	}
	unsetenv("CEL_IO");
	/* The ring's own writes, refused by the kernel: a descriptor that cannot be written. */
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(write_file(fd, false), CEL_EIO);
	close(fd);
}

static void memory_may_be_short(void **state)
{
	(void)state;
	for (uint64_t nth = 1;; nth++) {
		int fd = new_file();
		mem_fault_set(nth);
		int rc = write_file(fd, false);
		bool is_reached = mem_fault_count() >= nth;
		mem_fault_set(0);
		assert_int_equal(rc, is_reached ? CEL_ENOMEM : 0);
		close(fd);
		if (!is_reached)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways_write_the_same), cmocka_unit_test(any_refusal_falls_back),
		cmocka_unit_test(forced_rings_say_what_was_refused), cmocka_unit_test(write_errors_are_errors),
		cmocka_unit_test(memory_may_be_short),
	};
	return cmocka_run_group_tests_name("outfile", tests, setup_all, teardown_all);
}
