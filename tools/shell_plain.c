/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal's own line editing, where libedit is not to be had. */
#include "shell_edit.h"

#include <stdlib.h>
#include <string.h>

struct editor {
	const struct shell *shell;
};

struct editor *editor_new(const struct shell *shell)
{
	struct editor *editor = malloc(sizeof *editor);
	if (editor != NULL)
		editor->shell = shell;
	return editor;
}

void editor_free(struct editor *editor)
{
	free(editor);
}

int editor_next(struct editor *editor, char **line)
{
	size_t capacity = 0;
	const char *name = editor->shell->collection;
	fprintf(stderr, "%s> ", name[0] != '\0' ? name : "cel");
	*line = NULL;
	if (getline(line, &capacity, stdin) < 0) {
		free(*line);
		putc('\n', stderr);
		return 0;
	}
	(*line)[strcspn(*line, "\n")] = '\0';
	return 1;
}
