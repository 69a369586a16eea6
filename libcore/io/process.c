/* SPDX-License-Identifier: Apache-2.0 */
/* posix_spawn, so that it is safe in a program with threads. Descriptors of ours are all closed on exec; the three that the
 * program gets are copies. */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cel.h"
#include "error.h"

extern char **environ;

static int add_descriptors(posix_spawn_file_actions_t *actions, const struct process_plan *plan)
{
	int rc = posix_spawn_file_actions_adddup2(actions, plan->input, STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(actions, plan->output, STDOUT_FILENO);
	if (rc == 0 && plan->messages >= 0)
		rc = posix_spawn_file_actions_adddup2(actions, plan->messages, STDERR_FILENO);
	return rc;
}

static void set_signals(posix_spawnattr_t *attributes)
{
	sigset_t signals;
	sigemptyset(&signals);
	posix_spawnattr_setsigmask(attributes, &signals);
	sigaddset(&signals, SIGPIPE);
	posix_spawnattr_setsigdefault(attributes, &signals);
	posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

int process_start(const struct process_plan *plan, pid_t *pid, struct cel_error *e)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char *const *arguments = (char *const *)(uintptr_t)plan->arguments; /* exec does not write there */
	if (posix_spawn_file_actions_init(&actions) != 0)
		return error_nomem(e, sizeof actions);
	if (posix_spawnattr_init(&attributes) != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return error_nomem(e, sizeof attributes);
	}
	set_signals(&attributes);
	int rc = add_descriptors(&actions, plan);
	if (rc == 0)
		rc = (plan->is_searched ? posix_spawnp : posix_spawn)(pid, plan->program, &actions, &attributes, arguments, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (rc == 0)
		return 0;
	*pid = 0;
	return error_set_errno(e, CEL_EUNAVAILABLE, rc, "cannot start %s%s", plan->program,
			       plan->hint != NULL ? plan->hint : "");
}

pid_t process_wait(pid_t pid, int *status, int options)
{
	pid_t got;
	do
		got = waitpid(pid, status, options);
	while (got < 0 && errno == EINTR);
	return got;
}

int process_code(int exit_status)
{
#define X(name, value, status, text) \
	if (exit_status == (status) && exit_status >= 64) \
		return name;
	CEL_ERRORS(X)
#undef X
	return 0;
}
