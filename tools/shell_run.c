/* SPDX-License-Identifier: Apache-2.0 */
/* A command is fork and exec of cel, from beside this program or from the PATH; cel starts cel-TOOL in its place. On a
 * terminal SIGINT and SIGQUIT reach the command alone, as this process ignores them meanwhile. What comes from a pipe are
 * the commands, so the commands' own standard input is empty then. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array.h"
#include "shell.h"

#define CAPTURE_MAX ((size_t)64 << 20)
#define CAPTURE_STEP 4096u

void shell_find_cel(struct shell *shell)
{
	ssize_t length = readlink("/proc/self/exe", shell->cel, sizeof shell->cel - 1);
	if (length > 0) {
		shell->cel[length] = '\0';
		char *name = strrchr(shell->cel, '/');
		if (name != NULL && (size_t)(name - shell->cel) + sizeof "/cel" <= sizeof shell->cel) {
			strcpy(name, "/cel");
			if (access(shell->cel, X_OK) == 0)
				return;
		}
	}
	strcpy(shell->cel, "cel");
}

static void become(const struct shell *shell, const char *const *argv, int in, int out, bool is_quiet)
{
	size_t n = 0;
	while (argv[n] != NULL)
		n++;
	const char **all = calloc(n + 2, sizeof *all);
	if (all == NULL)
		_exit(69);
	all[0] = "cel";
	memcpy(all + 1, argv, n * sizeof *all);
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	if ((in >= 0 && dup2(in, STDIN_FILENO) < 0) || (in < 0 && !shell->is_terminal && dup2(nothing, STDIN_FILENO) < 0) ||
	    (out >= 0 && dup2(out, STDOUT_FILENO) < 0) || (is_quiet && dup2(nothing, STDERR_FILENO) < 0))
		_exit(74);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	execvp(shell->cel, (char *const *)(uintptr_t)all);
	fprintf(stderr, "cel-shell: %s: %s\n", shell->cel, strerror(errno));
	_exit(69);
}

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 70;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Starts it; -1 having said why not. */
static pid_t start(const struct shell *shell, const char *const *argv, int in, int out, bool is_quiet)
{
	fflush(stdout);
	fflush(stderr);
	pid_t pid = fork();
	if (pid == 0)
		become(shell, argv, in, out, is_quiet);
	if (pid < 0)
		fprintf(stderr, "cel-shell: no new process: %s\n", strerror(errno));
	return pid;
}

int shell_run(const struct shell *shell, const char *const *argv, int input)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, interrupt, quit;
	if (shell->is_terminal) {
		sigaction(SIGINT, &ignore, &interrupt);
		sigaction(SIGQUIT, &ignore, &quit);
	}
	pid_t pid = start(shell, argv, input, -1, false);
	int status = pid < 0 ? 69 : wait_for(pid);
	if (shell->is_terminal) {
		sigaction(SIGINT, &interrupt, NULL);
		sigaction(SIGQUIT, &quit, NULL);
		if (status == 128 + SIGINT)
			putc('\n', stderr); /* behind the ^C */
	}
	if (status > 128 && status != 128 + SIGINT && status != 128 + SIGPIPE)
		fprintf(stderr, "cel-shell: %s was ended by signal %d (%s)\n", argv[0], status - 128, strsignal(status - 128));
	return status;
}

static char *read_all(int fd)
{
	size_t size = 0;
	char *text = NULL;
	while (size < CAPTURE_MAX && array_room(&text, size, CAPTURE_STEP, 1, NULL) == 0) {
		ssize_t n = read(fd, text + size, CAPTURE_STEP - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			text[size] = '\0';
			return text;
		}
		size += (size_t)n;
	}
	free(text);
	return NULL;
}

char *shell_capture(const struct shell *shell, const char *const *argv, bool is_quiet)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	pid_t pid = start(shell, argv, -1, ends[1], is_quiet);
	close(ends[1]);
	char *text = pid >= 0 ? read_all(ends[0]) : NULL;
	close(ends[0]);
	if (pid >= 0 && wait_for(pid) != 0) {
		free(text);
		text = NULL;
	}
	return text;
}
