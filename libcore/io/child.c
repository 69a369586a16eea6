/* SPDX-License-Identifier: Apache-2.0 */
/* Standard error of the helper is a file in memory, which never blocks it as a pipe might that nobody reads; of what it wrote, the
 * first line becomes the error message. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "alloc.h"
#include "cel.h"
#include "error.h"
#include "process.h"

struct child {
	pid_t pid; /* 0 once it was waited for */
	int messages;
	char name[64];
};

static bool is_program(const char *directory, const char *between, const char *name, char *path, size_t size)
{
	int length = snprintf(path, size, "%s%s/%s", directory, between, name);
	return length > 0 && (size_t)length < size && access(path, X_OK) == 0;
}

static int find_helper(const char *name, char *path, size_t size, struct cel_error *e)
{
	char self[PATH_MAX];
	const char *named = getenv("CEL_HELPERS");
	if (named != NULL && *named != '\0') {
		if (is_program(named, "", name, path, size))
			return 0;
		return error_set(e, CEL_EUNAVAILABLE, "the helper program %s is not in CEL_HELPERS", name);
	}
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	self[length > 0 ? length : 0] = '\0';
	char *slash = strrchr(self, '/');
	if (slash != NULL)
		*slash = '\0';
	if (slash != NULL && is_program(self, "/../libexec/celestica", name, path, size))
		return 0;
	if (is_program(HELPER_DIRECTORY, "", name, path, size))
		return 0;
	return error_set(e, CEL_EUNAVAILABLE, "the helper program %s is not installed (neither beside this program nor in %s)",
			 name, HELPER_DIRECTORY);
}

int cel_helper_start(const char *const *words, int input, int output, int messages, int *pid, struct cel_error *e)
{
	char path[PATH_MAX];
	int rc = find_helper(words[0], path, sizeof path, e);
	if (rc < 0)
		return rc;
	return process_start(&(struct process_plan){.program = path, .arguments = words, .input = input, .output = output,
						    .messages = messages}, pid, e);
}

int child_start(const char *name, const char *const arguments[2], int input, struct child **out, int *output,
		struct cel_error *e)
{
	int rc = 0;
	struct child *c = mem_calloc(1, sizeof *c);
	if (c == NULL)
		return error_nomem(e, sizeof *c);
	snprintf(c->name, sizeof c->name, "%s", name);
	const char *words[] = {c->name, arguments[0], arguments[0] != NULL ? arguments[1] : NULL, NULL};
	int ends[2] = {-1, -1};
	c->messages = memfd_create("messages", MFD_CLOEXEC);
	if (c->messages < 0 || pipe2(ends, O_CLOEXEC) < 0)
		rc = error_set_errno(e, CEL_EIO, errno, "cannot start %s", name);
	if (rc == 0)
		rc = cel_helper_start(words, input, ends[1], c->messages, &c->pid, e);
	if (ends[1] >= 0)
		close(ends[1]);
	if (rc < 0) {
		if (ends[0] >= 0)
			close(ends[0]);
		child_free(c);
		return rc;
	}
	*out = c;
	*output = ends[0];
	return 0;
}

/* The first line that has a letter, what is no plain text in it replaced. */
static void read_message(const struct child *c, char *out, size_t size)
{
	static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	ssize_t n = pread(c->messages, out, size - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	char *line = out;
	while (strcspn(line, LETTERS) > strcspn(line, "\n"))
		line += strcspn(line, "\n") + 1;
	memmove(out, line, strlen(line) + 1);
	out[strcspn(out, "\n")] = '\0';
	for (char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
			*p = '?';
}

int child_finish(struct child *c, struct cel_error *e)
{
	int status;
	char message[600];
	if (c->pid == 0)
		return 0;
	pid_t got = process_wait(c->pid, &status, 0);
	c->pid = 0;
	if (got < 0)
		return error_set_errno(e, CEL_EINTERNAL, errno, "%s", c->name);
	read_message(c, message, sizeof message);
	if (WIFSIGNALED(status))
		return error_set(e, CEL_EDATA, "%s was ended by signal %d", c->name, WTERMSIG(status));
	if (WEXITSTATUS(status) == 0)
		return 0;
	int code = process_code(WEXITSTATUS(status));
	return error_set(e, code != 0 ? code : CEL_EINTERNAL, "%s", message[0] != '\0' ? message : "cannot be read");
}

void child_free(struct child *c)
{
	int status;
	if (c == NULL)
		return;
	if (c->pid > 0)
		process_wait(c->pid, &status, 0);
	if (c->messages >= 0)
		close(c->messages);
	mem_free(c);
}
