/* SPDX-License-Identifier: Apache-2.0 */
/* What the helper says goes to a file in memory, and its first line becomes the message. While it runs a closed pipe is an
 * error, not the end of this process: why it closed is what it says. */
#include "export_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int helper_start(struct helper *helper, const struct cli *cli, const char *name, const char *argument)
{
	const char *const words[] = {name, argument, NULL};
	struct cel_error e;
	int ends[2];
	*helper = (struct helper){.name = name, .messages = memfd_create("messages", MFD_CLOEXEC)};
	if (helper->messages < 0 || pipe2(ends, O_CLOEXEC) < 0) {
		fprintf(stderr, "%s: %s: %s\n", cli->command->name, name, strerror(errno));
		return 69;
	}
	fflush(stdout);
	int rc = cel_helper_start(words, ends[0], STDOUT_FILENO, helper->messages, &helper->pid, &e);
	close(ends[0]);
	if (rc < 0)
		return cli_fail(cli, &e);
	signal(SIGPIPE, SIG_IGN);
	helper->input = fdopen(ends[1], "w");
	if (helper->input == NULL) {
		fprintf(stderr, "%s: %s: %s\n", cli->command->name, name, strerror(errno));
		return 69;
	}
	setvbuf(helper->input, NULL, _IOFBF, 1 << 16);
	return 0;
}

static int wait_for(struct helper *helper)
{
	int status = 0;
	fclose(helper->input); /* why that may fail is what it says */
	while (waitpid(helper->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	signal(SIGPIPE, SIG_DFL);
	return status;
}

int helper_finish(struct helper *helper, const struct cli *cli)
{
	char message[600];
	int status = wait_for(helper);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE)
		raise(SIGPIPE); /* whoever reads our output has gone */
	ssize_t n = pread(helper->messages, message, sizeof message - 1, 0);
	message[n > 0 ? n : 0] = '\0';
	message[strcspn(message, "\n")] = '\0';
	close(helper->messages);
	if (WIFSIGNALED(status))
		snprintf(message, sizeof message, "%s was ended by signal %d", helper->name, WTERMSIG(status));
	else if (WEXITSTATUS(status) == 0)
		return 0;
	fprintf(stderr, "%s: %s\n", cli->command->name, message[0] != '\0' ? message : "the helper failed");
	return WIFEXITED(status) && WEXITSTATUS(status) >= 64 ? WEXITSTATUS(status) : 70;
}

void helper_stop(struct helper *helper)
{
	kill(helper->pid, SIGKILL);
	wait_for(helper);
	close(helper->messages);
}
