/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of cel-shell share: the state, and how it starts commands. */
#ifndef TOOLS_SHELL_H
#define TOOLS_SHELL_H

#include <limits.h>

#include "cli.h"
#include "command_line.h"

struct shell {
	struct cli cli;
	const char *begin_with;            /* of --use */
	bool is_keeping_on;                /* of --keep-going */
	char cel[PATH_MAX];                /* the program cel */
	char collection[CEL_NAME_MAX + 1]; /* in use, or "" */
	bool is_terminal;                  /* somebody types the commands */
	struct shell_help *helps;          /* what was asked for already (shell_use.c) */
};

/* shell_run.c: commands are processes, `cel VERB ARGUMENT...`, so that each is what it is on the command line. argv[0] is the
 * verb, and NULL ends them. */
void shell_find_cel(struct shell *shell);
/* Returns its exit status, 128 + N if signal N ended it. input: its standard input, or -1: the terminal, or nothing. */
int shell_run(const struct shell *shell, const char *const *argv, int input);
/* What it prints, to be freed; NULL if its status is not 0, or without memory. is_quiet: its errors are not shown. */
char *shell_capture(const struct shell *shell, const char *const *argv, bool is_quiet);

/* shell_use.c: the collection in use */
/* Whether the store has the collection; an error is shown unless is_quiet. */
bool shell_has_collection(const struct shell *shell, const char *name, size_t length, bool is_quiet);
/* Puts the collection in use where a collection or a rev is wanted and none is named. Returns 0, or an exit status. */
int shell_apply_use(struct shell *shell, struct command_line *line);
void shell_free_helps(struct shell *shell);

/* shell_query.c: operands of query that are no files. *input becomes the standard input for the vectors, or stays. Returns 0,
 * or an exit status having said why. */
int shell_rewrite_query(const struct shell *shell, struct command_line *line, int *input);

#endif
