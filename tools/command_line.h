/* SPDX-License-Identifier: Apache-2.0 */
/* A line of cel-shell, taken apart into words as sh does it, without any expansion. */
#ifndef TOOLS_COMMAND_LINE_H
#define TOOLS_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct line_word {
	char *text;
	size_t start;   /* where it begins in the line */
	bool is_vector; /* [0.1, 0.2 ...], not quoted: the text has the brackets */
};
struct command_line {
	struct line_word *words;
	size_t n;
	const char *problem; /* why it is no whole line, or NULL; the words up to there are good */
};

/* Returns 0, or an exit status with the problem told; without a problem only memory was missing. */
int command_line_split(struct command_line *line, const char *text);
void command_line_free(struct command_line *line);
/* A word more at that place; a copy of the text is made. Returns 0, or -1 without memory. */
int command_line_insert(struct command_line *line, size_t at, const char *text);
void command_line_remove(struct command_line *line, size_t at);
/* The text with a backslash before each character that means something; NULL without memory. */
char *command_line_quote(const char *text);

#endif
