/* SPDX-License-Identifier: Apache-2.0 */
/* Blanks separate words; '...' keeps all, "..." all but \" and \\, a backslash the next character; # begins a remark. What
 * else means something to sh (| & ; < >) is refused, so that nobody believes that it did something; $, * and ? are
 * themselves. A word that begins with [ goes on to the ], with its blanks: it is a vector. */
#include "command_line.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"

#define BLANKS " \t\r\n"
#define MEANINGFUL "|&;<>"

/* Reads the quoted part at *p, behind its quote; the end of the output, or NULL where it is not closed. */
static char *copy_quoted(const char **p, char quote, char *out)
{
	for (; **p != '\0' && **p != quote; (*p)++) {
		if (quote == '"' && **p == '\\' && ((*p)[1] == '"' || (*p)[1] == '\\'))
			(*p)++;
		*out++ = **p;
	}
	if (**p == '\0')
		return NULL;
	(*p)++;
	return out;
}

/* One word at *p. `out` has room for what is left of the line. */
static const char *copy_word(const char **p, char *out)
{
	const char *problem = NULL;
	while (**p != '\0' && strchr(BLANKS, **p) == NULL && problem == NULL) {
		char c = *(*p)++;
		if (c == '\'' || c == '"') {
			char *end = copy_quoted(p, c, out);
			if (end == NULL)
				problem = c == '"' ? "a \" is not closed" : "a ' is not closed";
			else
				out = end;
			while (end == NULL && *out != '\0')
				out++;
			continue;
		}
		if (c == '\\' && **p == '\0')
			problem = "nothing stands behind the \\ at the end";
		else if (c == '\\')
			c = *(*p)++;
		else if (strchr(MEANINGFUL, c) != NULL)
			problem = "| & ; < > are not done here: quote them if they belong to a word";
		*out++ = c;
	}
	*out = '\0';
	return problem;
}

static const char *copy_vector(const char **p, char *out)
{
	size_t length = strcspn(*p, "]");
	bool is_closed = (*p)[length] == ']';
	length += is_closed;
	memcpy(out, *p, length);
	out[length] = '\0';
	*p += length;
	if (!is_closed)
		return "a [ is not closed";
	return **p == '\0' || strchr(BLANKS, **p) != NULL ? NULL : "something stands right behind the ] of a vector";
}

int command_line_split(struct command_line *line, const char *text)
{
	const char *p = text;
	*line = (struct command_line){0};
	for (;;) {
		p += strspn(p, BLANKS);
		if (*p == '\0' || *p == '#' || line->problem != NULL)
			return line->problem != NULL ? 64 : 0;
		size_t start = (size_t)(p - text);
		char *word = calloc(1, strlen(p) + 1);
		if (word == NULL || command_line_insert(line, line->n, "") < 0) {
			free(word);
			return 69;
		}
		struct line_word *new = &line->words[line->n - 1];
		free(new->text);
		*new = (struct line_word){.text = word, .start = start, .is_vector = *p == '['};
		line->problem = *p == '[' ? copy_vector(&p, word) : copy_word(&p, word);
	}
}

void command_line_free(struct command_line *line)
{
	for (size_t i = 0; i < line->n; i++)
		free(line->words[i].text);
	free(line->words);
	*line = (struct command_line){0};
}

int command_line_insert(struct command_line *line, size_t at, const char *text)
{
	if (array_room(&line->words, line->n, 1, sizeof *line->words, NULL) < 0)
		return -1;
	struct line_word *words = line->words;
	char *copy = strdup(text);
	if (copy == NULL)
		return -1;
	memmove(words + at + 1, words + at, (line->n - at) * sizeof *words);
	words[at] = (struct line_word){.text = copy};
	line->n++;
	return 0;
}

void command_line_remove(struct command_line *line, size_t at)
{
	free(line->words[at].text);
	memmove(line->words + at, line->words + at + 1, (line->n - at - 1) * sizeof *line->words);
	line->n--;
}

char *command_line_quote(const char *text)
{
	char *quoted = malloc(2 * strlen(text) + 1), *out = quoted;
	if (quoted == NULL)
		return NULL;
	for (const char *p = text; *p != '\0'; p++) {
		if (strchr(BLANKS MEANINGFUL "'\"\\", *p) != NULL || (p == text && (*p == '#' || *p == '[')))
			*out++ = '\\';
		*out++ = *p;
	}
	*out = '\0';
	return quoted;
}
