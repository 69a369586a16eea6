/* SPDX-License-Identifier: Apache-2.0 */
/* What a command takes, as its --help tells: the same text that the user reads, so it holds for every cel-TOOL. */
#ifndef TOOLS_TOOL_FORM_H
#define TOOLS_TOOL_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "command_line.h"

struct tool_form {
	unsigned options; /* that are needed */
	size_t least;    /* operands that are needed */
	size_t most;     /* SIZE_MAX: any number */
	unsigned revs;   /* bit i: operand i is a rev */
	bool has_collection; /* a collection or a rev is among those that are needed, */
	size_t position;     /* first at this place */
};

/* The form that the line is of: the one with most of the options that the line has, else the first. */
void tool_form_read(const char *help, const struct command_line *line, struct tool_form *out);
/* Which words behind the first one are operands, not options or their arguments: their places, fewer than line->n. Returns how many. */
size_t tool_form_operands(const char *help, const struct command_line *line, size_t *places);

#endif
