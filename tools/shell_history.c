/* SPDX-License-Identifier: Apache-2.0 */
/* Lines are appended as they are typed, each in one write, so shells at the same time mix theirs but lose none. When a shell
 * finds twice as many as are kept, it writes the newer half to a new file, which takes the place of the old one. A history
 * that cannot be read or written is no reason to stop: then there is none. */
#include "shell_history.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct shell_history {
	int fd;
	char last[4096]; /* to leave out a line that is typed again at once */
};

/* The directories above the file, which only its owner may enter. */
static void make_parents(char *path)
{
	for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
}

/* False: none is wanted, or nobody knows where. */
static bool find_path(char path[PATH_MAX])
{
	const char *named = getenv("CEL_HISTORY"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;
	if (named != NULL)
		n = snprintf(path, PATH_MAX, "%s", named);
	else if (state != NULL && state[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/celestica/history", state);
	else if (home != NULL && home[0] == '/')
		n = snprintf(path, PATH_MAX, "%s/.local/state/celestica/history", home);
	else
		return false;
	if (named == NULL)
		make_parents(path);
	return n > 0 && n < PATH_MAX;
}

/* Writes what is behind `offset` of the file to a new one, which replaces it. */
static void cut(const char *path, FILE *old, long offset)
{
	char temporary[PATH_MAX + 8];
	snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
	int fd = mkostemp(temporary, O_CLOEXEC); /* mode 600 */
	FILE *new = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (new == NULL)
		return;
	int c;
	fseek(old, offset, SEEK_SET);
	while ((c = getc(old)) != EOF)
		putc(c, new);
	bool is_bad = ferror(new) != 0;
	if (fclose(new) != 0 || is_bad || rename(temporary, path) != 0)
		unlink(temporary);
}

static void load(const char *path, void (*line)(void *context, const char *text), void *context)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return;
	char *text = NULL;
	size_t capacity = 0, n = 0;
	while (getline(&text, &capacity, file) > 0)
		n++;
	rewind(file);
	long begin = 0;
	for (size_t skip = n > SHELL_HISTORY_LINES ? n - SHELL_HISTORY_LINES : 0; skip > 0; skip--)
		if (getline(&text, &capacity, file) > 0)
			begin = ftell(file);
	while (getline(&text, &capacity, file) > 0) {
		text[strcspn(text, "\n")] = '\0';
		line(context, text);
	}
	if (n >= 2 * SHELL_HISTORY_LINES)
		cut(path, file, begin);
	free(text);
	fclose(file);
}

struct shell_history *shell_history_open(void (*line)(void *context, const char *text), void *context)
{
	char path[PATH_MAX];
	if (!find_path(path) || path[0] == '\0')
		return NULL;
	struct shell_history *history = calloc(1, sizeof *history);
	if (history == NULL)
		return NULL;
	load(path, line, context);
	history->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (history->fd < 0) {
		fprintf(stderr, "cel-shell: no history is kept: %s: %s\n", path, strerror(errno));
		free(history);
		return NULL;
	}
	return history;
}

void shell_history_add(struct shell_history *history, const char *text)
{
	char line[sizeof history->last];
	int n = snprintf(line, sizeof line, "%s\n", text);
	if (history == NULL || n >= (int)sizeof line || strcmp(line, history->last) == 0)
		return;
	strcpy(history->last, line);
	if (write(history->fd, line, (size_t)n) < 0)
		return; /* a full disk: the commands matter more */
}

void shell_history_close(struct shell_history *history)
{
	if (history != NULL)
		close(history->fd);
	free(history);
}
