/* SPDX-License-Identifier: Apache-2.0 */
/* Quoting, as a shell undoes it; CEL_SSH programs that answer, fail and stay; sockets in the file system. */
#include "ssh.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
/* cmocka.h wants the ones above */
#include <cmocka.h>

#include "alloc.h"
#include "local_socket.h"

static char directory[64], program[100];
static struct cel_error e;

/* What CEL_SSH names is a shell script with these lines. */
static void write_program(const char *lines)
{
	FILE *f = fopen(program, "w");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\n%s\n", lines);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(program, 0700), 0);
	setenv("CEL_SSH", program, 1);
}

static int setup(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/cel-ssh-XXXXXX");
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(program, sizeof program, "%s/program", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(program);
	unsetenv("CEL_SSH");
	return rmdir(directory);
}

/* Everything that the command says, as a text. */
static void read_all(int fd, char *out, size_t size)
{
	size_t n = 0;
	ssize_t got;
	while (n < size - 1 && (got = read(fd, out + n, size - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
}

static void quoted_words_come_through_a_shell(void **state)
{
	(void)state;
	static const char *const WORDS[] = {"plain", "", "two words", "it's", "$HOME `id` \\ \"x\"", "-x", "*", "a\nb", "~", "x~/y", "#"};
	struct buf command BUF_CLEANUP = {0};
	char said[1000], wanted[1000] = "";
	struct ssh *ssh;
	int fd;
	assert_int_equal(ssh_quote(&command, "printf", &e), 0);
	assert_int_equal(ssh_quote(&command, "<%s>", &e), 0);
	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
		assert_int_equal(ssh_quote(&command, WORDS[i], &e), 0);
		snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "<%s>", WORDS[i]);
	}
	snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "<%s/a b>", getenv("HOME"));
	assert_int_equal(ssh_quote(&command, "~/a b", &e), 0);
	assert_int_equal(buf_append(&command, "", 1, &e), 0);
	write_program("[ \"$1\" = me@host ] && [ $# = 2 ] && sh -c \"$2\"");
	assert_int_equal(ssh_start("me@host", (const char *)command.data, &ssh, &fd, &e), 0);
	read_all(fd, said, sizeof said);
	assert_string_equal(said, wanted);
	close(fd);
	ssh_free(ssh);
}

static int explain(const char *lines, bool is_begun)
{
	struct ssh *ssh;
	char said[100];
	int fd;
	write_program(lines);
	assert_int_equal(ssh_start("host", "command", &ssh, &fd, &e), 0);
	read_all(fd, said, sizeof said);
	close(fd);
	ssh_wait(ssh, 10);
	int rc = ssh_explain(ssh, is_begun, &e);
	assert_int_equal(rc, e.code);
	assert_non_null(strstr(e.message, "host"));
	ssh_free(ssh);
	return rc;
}

static void the_exit_status_tells_why(void **state)
{
	(void)state;
	assert_int_equal(explain("exit 255", false), CEL_EUNAVAILABLE);
	assert_non_null(strstr(e.message, "cannot be reached"));
	assert_int_equal(explain("exit 127", false), CEL_EUNAVAILABLE);
	assert_non_null(strstr(e.message, "--remote-command"));
	assert_int_equal(explain("exit 77", false), CEL_EPERMISSION);
	assert_int_equal(explain("exit 3", false), CEL_EUNAVAILABLE);
	assert_int_equal(explain("exit 0", false), CEL_EPROTOCOL);
	assert_int_equal(explain("kill -9 $$", false), CEL_EPROTOCOL);
	assert_int_equal(explain("exit 255", true), CEL_EBUSY);
	assert_non_null(strstr(e.message, "connection was lost"));
	assert_int_equal(explain("kill -9 $$", true), CEL_EBUSY);
}

static void a_program_that_stays_is_ended(void **state)
{
	(void)state;
	struct ssh *ssh;
	struct timespec before, after;
	int fd;
	write_program("exec sleep 60");
	assert_int_equal(ssh_start("host", "command", &ssh, &fd, &e), 0);
	close(fd);
	clock_gettime(CLOCK_MONOTONIC, &before);
	ssh_wait(ssh, 0.05);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 20);
	ssh_free(ssh);
}

static void what_cannot_be_started(void **state)
{
	(void)state;
	struct ssh *ssh;
	int fd;
	assert_int_equal(ssh_start("-oProxyCommand=x", "command", &ssh, &fd, &e), CEL_EUSAGE);
	assert_int_equal(ssh_start("", "command", &ssh, &fd, &e), CEL_EUSAGE);
	setenv("CEL_SSH", "/nonexistent/ssh", 1);
	assert_int_equal(ssh_start("host", "command", &ssh, &fd, &e), CEL_EUNAVAILABLE);
	assert_non_null(strstr(e.message, "CEL_SSH"));
}

static void a_socket_and_its_client(void **state)
{
	(void)state;
	char path[100], long_path[200];
	struct stat st;
	int listener, second, client, server;
	snprintf(path, sizeof path, "%s/socket", directory);
	assert_false(local_socket_is(path));
	assert_int_equal(local_socket_connect(path, &client, &e), CEL_EUNAVAILABLE);
	assert_int_equal(local_socket_listen(path, &listener, &e), 0);
	assert_true(local_socket_is(path));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(local_socket_listen(path, &second, &e), CEL_ECANTCREAT);
	assert_int_equal(local_socket_accept(listener, &server, &e), 0); /* that one had a look and went */
	close(server);
	assert_int_equal(local_socket_connect(path, &client, &e), 0);
	assert_int_equal(local_socket_accept(listener, &server, &e), 0);
	char got;
	assert_int_equal(write(client, "x", 1), 1);
	assert_int_equal(read(server, &got, 1), 1);
	close(client);
	close(server);
	close(listener); /* left behind: */
	assert_int_equal(local_socket_connect(path, &client, &e), CEL_EUNAVAILABLE);
	assert_int_equal(local_socket_listen(path, &listener, &e), 0);
	close(listener);
	unlink(path);
	int file = open(path, O_CREAT | O_WRONLY, 0600); /* no socket: is left alone */
	assert_int_equal(local_socket_listen(path, &listener, &e), CEL_ECANTCREAT);
	close(file);
	unlink(path);
	memset(long_path, 'x', sizeof long_path);
	long_path[sizeof long_path - 1] = '\0';
	assert_int_equal(local_socket_listen(long_path, &listener, &e), CEL_EUSAGE);
}

static void without_memory(void **state)
{
	(void)state;
	struct ssh *ssh;
	int fd, rc;
	write_program("exit 0");
	mem_fault_set(1);
	rc = ssh_start("host", "command", &ssh, &fd, &e);
	mem_fault_set(0);
	assert_int_equal(rc, CEL_ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(quoted_words_come_through_a_shell, setup, teardown),
		cmocka_unit_test_setup_teardown(the_exit_status_tells_why, setup, teardown),
		cmocka_unit_test_setup_teardown(a_program_that_stays_is_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_started, setup, teardown),
		cmocka_unit_test_setup_teardown(a_socket_and_its_client, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory, setup, teardown),
	};
	return cmocka_run_group_tests_name("ssh", tests, NULL, NULL);
}
