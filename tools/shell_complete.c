/* SPDX-License-Identifier: Apache-2.0 */
/* The first word is a verb of cel or a command of the shell; further ones are collections and files. */
#include "shell_complete.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void add(struct completions *c, const char *prefix, const char *text, size_t length)
{
	if (length < strlen(prefix) || strncmp(text, prefix, strlen(prefix)) != 0)
		return;
	char **items = realloc(c->items, (c->n + 1) * sizeof *items);
	if (items == NULL)
		return;
	c->items = items;
	items[c->n] = strndup(text, length);
	c->n += items[c->n] != NULL;
}

/* The first column of each line of what a command prints, from a line that begins so. */
static void add_column(const struct shell *shell, struct completions *c, const char *prefix, const char *const *argv,
		       const char *from, size_t indent)
{
	char *text = shell_capture(shell, argv, true);
	const char *p = text != NULL ? strstr(text, from) : NULL;
	while (p != NULL && *p != '\0') {
		if (strspn(p, " ") == indent && strlen(p) > indent)
			add(c, prefix, p + indent, strcspn(p + indent, " \t\n"));
		else if (indent > 0 && *p == '\n' && c->n > 0)
			break;
		p = strchr(p, '\n');
		p = p != NULL ? p + 1 : NULL;
	}
	free(text);
}

static void add_files(struct completions *c, const char *prefix)
{
	const char *slash = strrchr(prefix, '/');
	size_t length = slash != NULL ? (size_t)(slash - prefix) + 1 : 0;
	char path[PATH_MAX];
	if (length + NAME_MAX + 2 >= sizeof path)
		return;
	memcpy(path, prefix, length);
	strcpy(path + length, length == 0 ? "." : "");
	DIR *directory = opendir(path);
	for (const struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
		struct stat info;
		if (entry->d_name[0] == '.' && prefix[length] != '.')
			continue;
		strcpy(path + length, entry->d_name);
		if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
			strcat(path, "/");
		add(c, prefix, path, strlen(path));
	}
	if (directory != NULL)
		closedir(directory);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct completions *c)
{
	size_t n = 0;
	if (c->n > 1)
		qsort(c->items, c->n, sizeof *c->items, compare);
	for (size_t i = 0; i < c->n; i++) {
		if (n > 0 && strcmp(c->items[i], c->items[n - 1]) == 0)
			free(c->items[i]);
		else
			c->items[n++] = c->items[i];
	}
	c->n = n;
}

void shell_complete(const struct shell *shell, const char *line, struct completions *out)
{
	static const char *const OWN[] = {"exit", "help", "quit", "use"};
	struct command_line words;
	size_t length = strlen(line);
	*out = (struct completions){.start = length};
	command_line_split(&words, line);
	bool is_begun = words.n > 0 && (words.problem != NULL || (length > 0 && strchr(" \t", line[length - 1]) == NULL));
	const char *prefix = "";
	if (is_begun) {
		out->start = words.words[words.n - 1].start;
		prefix = words.words[words.n - 1].text;
	}
	if (words.n == 0 || (words.n == 1 && is_begun)) {
		for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++)
			add(out, prefix, OWN[i], strlen(OWN[i]));
		add_column(shell, out, prefix, (const char *const[]){"--help", NULL}, "\nVerbs", 2);
	} else {
		add_column(shell, out, prefix, (const char *const[]){"list", NULL}, "", 0);
		if (strcmp(words.words[0].text, "use") != 0)
			add_files(out, prefix);
	}
	sort(out);
	command_line_free(&words);
}

void completions_free(struct completions *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->items[i]);
	free(c->items);
}
