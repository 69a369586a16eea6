/* SPDX-License-Identifier: Apache-2.0 */
/* Streams give the bytes of the file whatever the source (ring, read(2), pipe), the sizes asked for, and whatever the
 * kernel refuses on the way. Every test runs under CEL_IO unset, "read" and "uring". */
#include "stream.h"

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

#include "alloc.h"
#include "cel.h"
#include "fault.h"

#define N_TESTS 13u
#define BIG (5u << 20) /* over the size from which a ring is used unasked */

static uint8_t *content;
static char path[] = "/tmp/cel-stream-XXXXXX";
static const char *mode;
static bool has_ring;

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void set_file_size(size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	for (size_t done = 0; done < size;) {
		ssize_t n = write(fd, content + done, size - done);
		assert_true(n > 0);
		done += (size_t)n;
	}
	close(fd);
}

/* Reads to the end with random sizes; 0 if all bytes are as expected, else the error code. */
static int read_all(struct stream *s, size_t from, size_t size, size_t peek_max, struct cel_error *e)
{
	static uint8_t taken[300000];
	size_t at = from;
	for (;;) {
		size_t wanted = 1 + random_next() % peek_max;
		struct slice got;
		if (random_next() % 4 == 0) { /* the other way to have them */
			size_t n, most = wanted < sizeof taken ? wanted : sizeof taken;
			int rc = stream_take(s, taken, most, &n, e);
			if (rc < 0)
				return rc;
			assert_true(n <= most && n <= size - at && (n > 0 || at == size));
			assert_memory_equal(taken, content + at, n);
			at += n;
			assert_int_equal(stream_offset(s), at - from);
			continue;
		}
		int rc = stream_peek(s, wanted, &got, e);
		if (rc < 0)
			return rc;
		assert_true(got.size <= size - at);
		assert_true(got.size >= wanted || got.size == size - at);
		if (got.size > 0)
			assert_memory_equal(got.data, content + at, got.size);
		if (got.size == 0)
			break;
		size_t take = random_next() % 8 == 0 ? got.size : random_next() % (got.size < wanted ? got.size + 1 : wanted + 1);
		stream_consume(s, take);
		at += take;
		assert_int_equal(stream_offset(s), at - from);
	}
	assert_int_equal(at, size);
	return 0;
}

static void test_sizes(void **state)
{
	(void)state;
	static const size_t SIZES[] = {0, 1, 2, 4095, 4096, 262143, 262144, 262145, 524288, 1048576, 1048577, BIG};
	static const size_t PEEKS[] = {5, 5000, 300000, 1500000};
	for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
		set_file_size(SIZES[i]);
		for (size_t j = 0; j < sizeof PEEKS / sizeof *PEEKS; j++) {
			if (PEEKS[j] < SIZES[i] / 1000)
				continue;
			struct stream *s;
			struct cel_error e;
			assert_int_equal(stream_open(path, &s, &e), 0);
			assert_string_equal(stream_name(s), path);
			assert_int_equal(read_all(s, 0, SIZES[i], PEEKS[j], &e), 0);
			stream_free(s);
		}
	}
}

/* A child writes content to a pipe in pieces of random size. */
static pid_t start_writer(int fds[2], size_t size, bool is_slow)
{
	assert_int_equal(pipe(fds), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		for (size_t done = 0; done < size;) {
			size_t piece = 1 + random_next() % (is_slow ? 3000 : 100000);
			if (piece > size - done)
				piece = size - done;
			ssize_t n = write(fds[1], content + done, piece);
			if (n < 0)
				_exit(1);
			done += (size_t)n;
			if (is_slow)
				usleep(200);
		}
		_exit(0);
	}
	close(fds[1]);
	return pid;
}

static void read_pipe(size_t size, bool is_slow, bool is_non_blocking)
{
	int fds[2];
	pid_t pid = start_writer(fds, size, is_slow);
	if (is_non_blocking)
		assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	struct stream *s;
	struct cel_error e;
	assert_int_equal(stream_open_fd(fds[0], "pipe", &s, &e), 0);
	assert_int_equal(read_all(s, 0, size, 70000, &e), 0);
	stream_free(s);
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_pipes(void **state)
{
	(void)state;
	read_pipe(0, false, false);
	read_pipe(1, false, false);
	read_pipe(2000000, false, false);
	read_pipe(100000, true, false);
	read_pipe(100000, true, true);
	read_pipe(2000000, false, true);
}

/* Leaving a stream in the middle must not hang or lose the descriptor of somebody else. */
static void test_ready(void **state)
{
	(void)state;
	int fds[2];
	struct stream *s;
	struct slice got;
	struct cel_error e;
	uint8_t byte;
	size_t n;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(stream_open_fd(fds[0], "pipe", &s, &e), 0);
	assert_false(stream_is_ready(s));
	assert_int_equal(write(fds[1], "ab", 2), 2);
	assert_true(stream_is_ready(s));
	assert_int_equal(stream_wait(s, &e), 0);
	assert_int_equal(stream_peek(s, 1, &got, &e), 0);
	assert_int_equal(stream_take(s, &byte, 1, &n, &e), 0);
	assert_true(n == 1 && byte == 'a');
	assert_true(stream_is_ready(s)); /* the other one */
	assert_int_equal(stream_take(s, &byte, 1, &n, &e), 0);
	assert_true(n == 1 && byte == 'b');
	assert_false(stream_is_ready(s));
	close(fds[1]);
	assert_true(stream_is_ready(s)); /* for the end */
	assert_int_equal(stream_take(s, &byte, 1, &n, &e), 0);
	assert_int_equal(n, 0);
	assert_true(stream_is_ready(s));
	stream_free(s);
	set_file_size(1);
	assert_int_equal(stream_open(path, &s, &e), 0);
	assert_true(stream_is_ready(s));
	stream_free(s);
}

static void test_early_end(void **state)
{
	(void)state;
	int fds[2];
	pid_t pid = start_writer(fds, 1000, false);
	struct stream *s;
	struct cel_error e;
	struct slice got;
	assert_int_equal(stream_open_fd(fds[0], "pipe", &s, &e), 0);
	assert_int_equal(stream_peek(s, 10, &got, &e), 0);
	assert_true(got.size >= 10);
	stream_free(s);
	waitpid(pid, NULL, 0);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	set_file_size(BIG);
	assert_int_equal(stream_open(path, &s, &e), 0);
	assert_int_equal(stream_peek(s, 10, &got, &e), 0);
	stream_free(s);
	assert_int_equal(stream_open(path, &s, &e), 0);
	stream_free(s);
}

static void test_shrinking_file(void **state)
{
	(void)state;
	set_file_size(BIG);
	struct stream *s;
	struct cel_error e;
	struct slice got;
	assert_int_equal(stream_open(path, &s, &e), 0);
	assert_int_equal(stream_peek(s, 10, &got, &e), 0);
	assert_int_equal(truncate(path, 3u << 20), 0);
	size_t at = 0;
	while (got.size > 0) {
		assert_true(at + got.size <= BIG);
		assert_memory_equal(got.data, content + at, got.size);
		at += got.size;
		stream_consume(s, got.size);
		assert_int_equal(stream_peek(s, 1000, &got, &e), 0);
	}
	assert_true(at >= 3u << 20 && at <= BIG);
	stream_free(s);
}

static void test_odd_inputs(void **state)
{
	(void)state;
	struct stream *s;
	struct cel_error e;
	struct slice got;
	assert_int_equal(stream_open("/nonexistent/file", &s, &e), CEL_ENOINPUT);
	assert_string_equal(e.message, "/nonexistent/file: No such file or directory");
	assert_int_equal(stream_open("/tmp", &s, &e), CEL_ENOINPUT);
	assert_string_equal(e.message, "/tmp: is a directory");
	assert_int_equal(stream_open("/dev/null", &s, &e), 0);
	assert_int_equal(stream_peek(s, 5, &got, &e), 0);
	assert_int_equal(got.size, 0);
	stream_free(s);
	assert_int_equal(stream_open("/proc/self/status", &s, &e), 0); /* regular, but of size 0 by stat */
	assert_int_equal(stream_peek(s, 5, &got, &e), 0);
	assert_memory_equal(got.data, "Name:", 5);
	stream_free(s);
	int fd = open("/dev/null", O_WRONLY);
	int rc = stream_open_fd(fd, "write-only", &s, &e);
	if (rc == 0) {
		rc = stream_peek(s, 5, &got, &e);
		assert_non_null(strstr(e.message, "write-only: "));
		stream_free(s);
	}
	assert_true(rc < 0);
}

/* Standard input that is a file goes on where others stopped, and others go on where we stopped. */
static void test_standard_input(void **state)
{
	(void)state;
	set_file_size(BIG);
	int saved = dup(STDIN_FILENO);
	int fd = open(path, O_RDONLY);
	assert_true(fd > 0);
	assert_int_equal(lseek(fd, 1000, SEEK_SET), 1000);
	assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
	struct stream *s;
	struct cel_error e;
	struct slice got;
	assert_int_equal(stream_open("-", &s, &e), 0);
	assert_int_equal(stream_peek(s, 50, &got, &e), 0);
	assert_memory_equal(got.data, content + 1000, 50);
	stream_consume(s, 50);
	stream_free(s);
	assert_int_equal(lseek(STDIN_FILENO, 0, SEEK_CUR), 1050);
	assert_int_equal(stream_open("-", &s, &e), 0);
	assert_int_equal(read_all(s, 1050, BIG, 100000, &e), 0);
	stream_free(s);
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(fd);
}

/* The nth ring operation (set-up, registration, each read) refused: the same bytes, or with a forced ring an error
 * that says so. An errno of 0 makes the read a short one. */
static void test_ring_refused(void **state)
{
	(void)state;
	static const int ERRORS[] = {ENOSYS, EPERM, ENOMEM, EINVAL, EOPNOTSUPP, EIO, EAGAIN, EINTR, 0};
	bool is_forced = strcmp(mode, "uring") == 0;
	set_file_size(BIG);
	for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++) {
		uint64_t nth = 1;
		for (bool was_hit = true; was_hit; nth += nth < 8 ? 1 : 5) {
			io_fault_set(IO_URING, nth, ERRORS[i]);
			struct stream *s;
			struct cel_error e = {0};
			int rc = stream_open(path, &s, &e);
			if (rc == 0) {
				rc = read_all(s, 0, BIG, 100000, &e);
				stream_free(s);
			}
			was_hit = io_fault_count(IO_URING) >= nth;
			assert_true(rc == 0 || is_forced);
			if (was_hit && is_forced && (ERRORS[i] != 0 || nth <= 2)) {
				assert_true(rc < 0);
				assert_non_null(strstr(e.message, "io_uring"));
			} else {
				assert_int_equal(rc, 0);
			}
			io_fault_set(IO_URING, 0, 0);
		}
		/* That the ring was in use at all. */
		assert_true(strcmp(mode, "read") == 0 ? nth == 2 : nth > 20 || !has_ring);
	}
}

/* After an error the same peek can be tried again, and no byte is lost. */
static void test_error_then_again(void **state)
{
	(void)state;
	set_file_size(BIG);
	for (uint64_t nth = 1; nth < 30; nth += 3) {
		struct stream *s;
		struct cel_error e;
		assert_int_equal(stream_open(path, &s, &e), 0);
		enum io_op op = strcmp(mode, "read") == 0 ? IO_READ : IO_URING;
		io_fault_set(op, nth, EIO);
		size_t at = 0;
		int n_errors = 0;
		for (;;) {
			struct slice got;
			if (stream_peek(s, 100000, &got, &e) < 0) {
				n_errors++;
				continue;
			}
			if (got.size == 0)
				break;
			size_t take = got.size < 70001 ? got.size : 70001;
			assert_memory_equal(got.data, content + at, take);
			stream_consume(s, take);
			at += take;
		}
		assert_int_equal(at, BIG);
		assert_int_equal(n_errors, (io_fault_count(op) >= nth) && *mode != '\0');
		io_fault_set(op, 0, 0);
		stream_free(s);
	}
}

static void test_read_faults(void **state)
{
	(void)state;
	if (strcmp(mode, "read") != 0)
		return;
	set_file_size(BIG);
	static const int ERRORS[] = {EIO, EINTR, EAGAIN, 0};
	for (size_t i = 0; i < 4; i++) {
		bool was_hit = true;
		for (uint64_t nth = 1; was_hit; nth++) {
			struct stream *s;
			struct cel_error e;
			assert_int_equal(stream_open(path, &s, &e), 0);
			io_fault_set(IO_READ, nth, ERRORS[i]);
			int rc = read_all(s, 0, BIG, 300000, &e);
			was_hit = io_fault_count(IO_READ) >= nth;
			assert_int_equal(rc, was_hit && ERRORS[i] == EIO ? CEL_EIO : 0);
			io_fault_set(IO_READ, 0, 0);
			stream_free(s);
		}
	}
}

static void test_memory_faults(void **state)
{
	(void)state;
	set_file_size(BIG);
	bool was_hit = true;
	for (uint64_t nth = 1; was_hit; nth++) {
		mem_fault_set(nth);
		struct stream *s;
		struct cel_error e;
		int rc = stream_open(path, &s, &e);
		if (rc == 0) {
			rc = read_all(s, 0, BIG, 300000, &e);
			stream_free(s);
		}
		was_hit = mem_fault_count() >= nth;
		mem_fault_set(0);
		assert_true(rc == 0 || (was_hit && rc == CEL_ENOMEM));
	}
}

static void test_wrong_mode(void **state)
{
	(void)state;
	setenv("CEL_IO", "fast", 1);
	struct stream *s;
	struct cel_error e;
	assert_int_equal(stream_open(path, &s, &e), CEL_ECONFIG);
	setenv("CEL_IO", mode, 1);
}

/* The harness must see a wrong byte. */
static void test_negative_control(void **state)
{
	(void)state;
	set_file_size(1000);
	int fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, content[500] == 'x' ? "y" : "x", 1, 500), 1);
	close(fd);
	struct stream *s;
	struct cel_error e;
	struct slice got;
	assert_int_equal(stream_open(path, &s, &e), 0);
	assert_int_equal(stream_peek(s, 1000, &got, &e), 0);
	assert_int_equal(got.size, 1000);
	assert_memory_not_equal(got.data, content, 1000);
	stream_free(s);
}

static int set_mode(void **state)
{
	mode = *state;
	return setenv("CEL_IO", mode, 1);
}

int main(void)
{
	const char *seed = getenv("CEL_TEST_SEED");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) | 1 : 20261122;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)random_state);
	content = malloc(BIG);
	for (size_t i = 0; i < BIG; i++)
		content[i] = (uint8_t)(random_next() >> 32);
	int fd = mkstemp(path);
	if (content == NULL || fd < 0)
		return 1;
	close(fd);
	static const struct CMUnitTest TESTS[N_TESTS] = {
		cmocka_unit_test(test_sizes),           cmocka_unit_test(test_pipes),
		cmocka_unit_test(test_early_end),       cmocka_unit_test(test_shrinking_file),
		cmocka_unit_test(test_odd_inputs),      cmocka_unit_test(test_standard_input),
		cmocka_unit_test(test_ring_refused),    cmocka_unit_test(test_error_then_again),
		cmocka_unit_test(test_read_faults),     cmocka_unit_test(test_memory_faults),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_wrong_mode),      cmocka_unit_test(test_negative_control),
	};
	static char modes[][8] = {"", "read", "uring"};
	static char names[3 * N_TESTS][64];
	struct CMUnitTest tests[3 * N_TESTS];
	for (size_t i = 0; i < 3 * N_TESTS; i++) {
		char *its_mode = modes[i / N_TESTS];
		tests[i] = TESTS[i % N_TESTS];
		snprintf(names[i], sizeof names[i], "%s CEL_IO=%s", tests[i].name, its_mode);
		tests[i].name = names[i];
		tests[i].setup_func = set_mode;
		tests[i].initial_state = its_mode;
	}
	/* Where the kernel refuses rings altogether (containers), they cannot be forced. */
	setenv("CEL_IO", "uring", 1);
	struct stream *s = NULL;
	has_ring = stream_open("/dev/null", &s, NULL) == 0;
	stream_free(s);
	if (!has_ring)
		printf("# io_uring is refused here: left out\n");
	int failed = _cmocka_run_group_tests("stream", tests, (has_ring ? 3 : 2) * N_TESTS, NULL, NULL);
	unlink(path);
	free(content);
	return failed != 0;
}
