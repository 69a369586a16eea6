/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that are started beside us. */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct cel_error;

struct process_plan {
	const char *program; /* a path, or with is_searched a name that is looked for in PATH */
	bool is_searched;
	const char *const *arguments; /* with its own name in front; NULL ends them */
	int input, output, messages;  /* its standard descriptors; messages -1: ours */
	const char *hint;             /* behind the program in an error: what to do about it; NULL: nothing */
};

/* Starts it with no signal blocked and SIGPIPE as it is by default. CEL_EUNAVAILABLE "cannot start PROGRAM: ...". */
int process_start(const struct process_plan *plan, pid_t *pid, struct cel_error *e);
/* As waitpid, without EINTR. */
pid_t process_wait(pid_t pid, int *status, int options);
/* The error of ours that the exit status stands for; 0 if none. */
int process_code(int exit_status);

#endif
