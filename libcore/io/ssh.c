/* SPDX-License-Identifier: Apache-2.0 */
/* ssh takes a host and one text that a shell on the other host reads, so every word in it is quoted here. CEL_SSH is the name of a
 * program and nothing else: no shell reads it. Why there is no answer is told by the exit status: 255 is ssh itself (no such
 * host, no key), 127 and 126 are the shell over there (no such command), and ours are those of cel.h. A socket pair
 * and not two pipes, since what is sent into it when nobody reads it any more is an error and no signal. */
#include "ssh.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "error.h"
#include "process.h"

struct ssh {
	pid_t pid; /* 0 once it was waited for */
	int status;
	bool was_ended; /* by us */
	char program[256], host[384];
};

int ssh_quote(struct buf *out, const char *word, struct cel_error *e)
{
	static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,+@%=";
	int rc = out->size > 0 ? buf_append_byte(out, ' ', e) : 0;
	if (rc == 0 && strncmp(word, "~/", 2) == 0) {
		rc = buf_append_text(out, "~/", e);
		word += 2;
	}
	if (rc < 0 || (word[0] != '\0' && strspn(word, PLAIN) == strlen(word)))
		return rc < 0 ? rc : buf_append_text(out, word, e);
	rc = buf_append_byte(out, '\'', e);
	for (; *word != '\0' && rc == 0; word++)
		rc = *word == '\'' ? buf_append_text(out, "'\\''", e) : buf_append_byte(out, (uint8_t)*word, e);
	return rc < 0 ? rc : buf_append_byte(out, '\'', e);
}

int ssh_start(const char *host, const char *command, struct ssh **out, int *fd, struct cel_error *e)
{
	int ends[2];
	const char *program = getenv("CEL_SSH");
	if (program == NULL || *program == '\0')
		program = "ssh";
	if (*host == '\0' || *host == '-')
		return error_set(e, CEL_EUSAGE, "'%.100s' is no host", host);
	struct ssh *ssh = mem_calloc(1, sizeof *ssh);
	if (ssh == NULL)
		return error_nomem(e, sizeof *ssh);
	int rc = 0;
	if (snprintf(ssh->program, sizeof ssh->program, "%s", program) >= (int)sizeof ssh->program ||
	    snprintf(ssh->host, sizeof ssh->host, "%s", host) >= (int)sizeof ssh->host)
		rc = error_set(e, CEL_EUSAGE, "CEL_SSH or the host is too long");
	if (rc == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		rc = error_set_errno(e, CEL_EIO, errno, "cannot start %s", ssh->program);
	if (rc < 0) {
		mem_free(ssh);
		return rc;
	}
	const char *words[] = {ssh->program, ssh->host, command, NULL};
	struct process_plan plan = {.program = ssh->program, .is_searched = true, .arguments = words, .input = ends[1], .output = ends[1],
				  .messages = -1, .hint = " (CEL_SSH names another program)"};
	rc = process_start(&plan, &ssh->pid, e);
	close(ends[1]);
	if (rc < 0) {
		close(ends[0]);
		mem_free(ssh);
		return rc;
	}
	*out = ssh;
	*fd = ends[0];
	return 0;
}

static bool has_ended(struct ssh *ssh, int options)
{
	if (process_wait(ssh->pid, &ssh->status, options) == 0)
		return false;
	ssh->pid = 0;
	return true;
}

void ssh_wait(struct ssh *ssh, double seconds)
{
	struct timespec pause = {.tv_nsec = 1000000};
	while (ssh->pid != 0 && !has_ended(ssh, WNOHANG)) {
		if (seconds <= 0) {
			kill(ssh->pid, SIGTERM);
			ssh->was_ended = true;
			has_ended(ssh, 0);
			return;
		}
		nanosleep(&pause, NULL);
		seconds -= 1e-9 * (double)pause.tv_nsec;
		if (pause.tv_nsec < 50000000)
			pause.tv_nsec *= 2;
	}
}

int ssh_explain(const struct ssh *ssh, bool is_begun, struct cel_error *e)
{
	int status = ssh->was_ended ? -1 : WIFEXITED(ssh->status) ? WEXITSTATUS(ssh->status) : -1;
	const char *host = ssh->host;
	if (is_begun && status == 255)
		return error_set(e, CEL_EBUSY, "%s: the connection was lost; try again, what had come complete is kept", host);
	if (is_begun)
		return error_set(e, CEL_EBUSY, "%s: cel-serve there ended in the middle; try again, what had come complete is kept",
				 host);
	if (status == 255)
		return error_set(e, CEL_EUNAVAILABLE, "%s cannot be reached: %s failed, it may have said why", host, ssh->program);
	if (status == 127 || status == 126)
		return error_set(e, CEL_EUNAVAILABLE,
				 "%s: there is no cel-serve that can be run: install Celestica there, or name it with --remote-command",
				 host);
	if (process_code(status) != 0)
		return error_set(e, process_code(status), "%s: cel-serve there ended with status %d, it may have said why", host, status);
	if (status > 0)
		return error_set(e, CEL_EUNAVAILABLE, "%s: the command there ended with status %d and no answer", host, status);
	return error_set(e, CEL_EPROTOCOL, "%s: the command there ended without an answer: is it cel-serve?", host);
}

bool ssh_has_failed(const struct ssh *ssh)
{
	return ssh->was_ended || !WIFEXITED(ssh->status) || WEXITSTATUS(ssh->status) != 0;
}

void ssh_free(struct ssh *ssh)
{
	if (ssh == NULL)
		return;
	ssh_wait(ssh, 2);
	mem_free(ssh);
}
