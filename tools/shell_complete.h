/* SPDX-License-Identifier: Apache-2.0 */
/* What the word at the end of an unfinished line may become. */
#ifndef TOOLS_SHELL_COMPLETE_H
#define TOOLS_SHELL_COMPLETE_H

#include "shell.h"

struct completions {
	char **items; /* whole words, sorted, as they are and not quoted */
	size_t n;
	size_t start; /* where the word begins in the line */
};
void shell_complete(const struct shell *shell, const char *line, struct completions *out);
void completions_free(struct completions *c);

#endif
