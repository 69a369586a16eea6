/* SPDX-License-Identifier: Apache-2.0 */
/* Lines from a terminal. shell_edit.c edits them with libedit, keeps a history and completes words; shell_plain.c, of a build
 * without libedit, does nothing of it. */
#ifndef TOOLS_SHELL_EDIT_H
#define TOOLS_SHELL_EDIT_H

#include "shell.h"

struct editor;
struct editor *editor_new(const struct shell *shell); /* NULL without memory or terminal, having said so */
void editor_free(struct editor *editor);
/* 1: a line, to be freed, without its newline. 0: the end of input, or it is to end. -1: the line was given up (SIGINT). */
int editor_next(struct editor *editor, char **line);

#endif
