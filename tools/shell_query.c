/* SPDX-License-Identifier: Apache-2.0 */
/* In the shell an operand of query may also be a vector, [0.1, 0.2 ...], or an id. Vectors become JSON Lines on the
 * command's standard input, in the place of the first of them; an operand that is no file becomes --by-id. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "json_line.h"
#include "shell.h"

/* The numbers of "[0.1, 0.2 ...]" as a line of JSON, between commas whatever stood there. */
static void print_vector(FILE *out, const char *text)
{
	struct json j;
	json_begin(&j, out);
	json_array(&j, "vector");
	for (const char *p = text + 1;;) {
		p += strspn(p, " \t,");
		size_t length = strcspn(p, " \t,]");
		if (length == 0)
			break;
		json_value(&j, NULL, p, length);
		p += length;
	}
	json_array_end(&j);
	json_end(&j);
}

/* A file of what the vectors say, open at its beginning; -1 without one. */
static int open_vectors(const struct command_line *line)
{
	int fd = memfd_create("vectors", MFD_CLOEXEC);
	FILE *out = fd >= 0 ? fdopen(dup(fd), "w") : NULL;
	if (out == NULL)
		return -1;
	for (size_t i = 1; i < line->n; i++)
		if (line->words[i].is_vector)
			print_vector(out, line->words[i].text);
	if (fclose(out) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int shell_rewrite_query(const struct shell *shell, struct command_line *line, int *input)
{
	bool has_vectors = false;
	for (size_t i = 1; i < line->n; i++)
		has_vectors |= line->words[i].is_vector;
	if (!has_vectors)
		return 0;
	*input = open_vectors(line);
	if (*input < 0) {
		fprintf(stderr, "%s: no file in memory for the vectors: %s\n", shell->cli.command->name, strerror(errno));
		return 69;
	}
	bool is_first = true;
	for (size_t i = 1; i < line->n; i++) {
		if (!line->words[i].is_vector)
			continue;
		if (is_first) {
			strcpy(line->words[i].text, "-");
			line->words[i].is_vector = false;
			is_first = false;
		} else {
			command_line_remove(line, i--);
		}
	}
	return 0;
}
