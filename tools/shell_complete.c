/* SPDX-License-Identifier: Apache-2.0 */
/* cel knows its words itself: cel --complete WORD... prints what the last one may become, each on a line of its own with what it
 * is behind a tab; a line that begins with a tab says that a file or a directory may stand there. It is asked twice if a
 * collection is in use, as that may be put in. The shell's own words are added here. */
#include "shell_complete.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "array.h"

static void add(struct completions *c, const char *prefix, const char *text, size_t length)
{
	if (length < strlen(prefix) || strncmp(text, prefix, strlen(prefix)) != 0)
		return;
	if (array_room(&c->items, c->n, 1, sizeof *c->items, NULL) < 0)
		return;
	c->items[c->n] = strndup(text, length);
	c->n += c->items[c->n] != NULL;
}

static void add_files(struct completions *c, const char *prefix, bool is_directory)
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
		else if (is_directory)
			continue;
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

/* What cel says of VERB [IN USE] WORD... PREFIX. */
static void ask(const struct shell *shell, struct completions *c, const struct command_line *line, const char *in_use,
		const char *prefix)
{
	const char **argv = calloc(line->n + 4, sizeof *argv);
	size_t n = 0;
	if (argv == NULL)
		return;
	argv[n++] = "--complete";
	for (size_t i = 0; i < line->n; i++) {
		argv[n++] = line->words[i].text;
		if (i == 0 && in_use != NULL)
			argv[n++] = in_use;
	}
	argv[n] = prefix;
	char *text = shell_capture(shell, argv, true);
	for (char *p = text, *next; p != NULL && *p != '\0'; p = next) {
		next = p + strcspn(p, "\n");
		next += *next == '\n';
		if (*p != '\t') {
			add(c, prefix, p, strcspn(p, "\t\n"));
			continue;
		}
		bool is_file = strncmp(p, "\tfiles", 6) == 0;
		if (is_file || strncmp(p, "\tdirs", 5) == 0)
			add_files(c, prefix, !is_file);
	}
	free(text);
	free(argv);
}

static void add_own(struct completions *c, const char *prefix)
{
	static const char *const OWN[] = {"exit", "help", "quit", "use"};
	for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++)
		add(c, prefix, OWN[i], strlen(OWN[i]));
}

/* "use" and "help" want what these commands want; the first word is put in the place of the shell's own. */
static void translate(struct command_line *line)
{
	bool is_use = strcmp(line->words[0].text, "use") == 0;
	if (!is_use && strcmp(line->words[0].text, "help") != 0)
		return;
	if (is_use)
		command_line_insert(line, 1, "delete"); /* of one COLLECTION */
	command_line_remove(line, 0);
}

void shell_complete(const struct shell *shell, const char *text, struct completions *out)
{
	struct command_line line;
	size_t length = strlen(text);
	*out = (struct completions){.start = length};
	command_line_split(&line, text);
	bool is_begun = line.n > 0 && (line.problem != NULL || (length > 0 && strchr(" \t", text[length - 1]) == NULL));
	char *prefix = strdup(is_begun ? line.words[line.n - 1].text : "");
	if (is_begun) {
		out->start = line.words[line.n - 1].start;
		command_line_remove(&line, line.n - 1);
	}
	if (prefix != NULL && line.n == 0)
		add_own(out, prefix);
	if (prefix != NULL && line.n > 0)
		translate(&line);
	if (prefix != NULL)
		ask(shell, out, &line, NULL, prefix);
	if (prefix != NULL && line.n > 0 && shell->collection[0] != '\0')
		ask(shell, out, &line, shell->collection, prefix);
	sort(out);
	free(prefix);
	command_line_free(&line);
}

void completions_free(struct completions *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->items[i]);
	free(c->items);
}
