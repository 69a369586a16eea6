/* SPDX-License-Identifier: Apache-2.0 */
/* Of a help text these lines are of interest:
 *
 *     Usage: cel log [OPTION]... REV...                  operands are in capitals
 *       or:  cel log [OPTION]... --moves COLLECTION      another form, of lines that have this option
 *       -k, --k K            answers a query             an option, with an argument where capitals follow
 */
#include "tool_form.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

static bool is_one_of(const char *word, size_t length, const char *list)
{
	for (size_t n; *list != '\0'; list += n + (list[n] == ' ')) {
		n = strcspn(list, " ");
		if (n == length && memcmp(word, list, n) == 0)
			return true;
	}
	return false;
}

/* Whether what follows an option's name in a text of help is its argument. */
static bool is_argument(const char *p)
{
	return p[0] == ' ' && (isupper((unsigned char)p[1]) || p[1] == '[');
}

/* Whether the option --NAME, or the only one that begins so, or -LETTER takes an argument. */
static bool takes_argument(const char *help, const char *name, size_t length, char letter)
{
	bool takes = false;
	for (const char *line = strstr(help, "\nOptions:"); line != NULL && *line != '\0'; line = strchr(line + 1, '\n')) {
		const char *p = line + 1 + strspn(line + 1, " ");
		char short_one = p[0] == '-' && p[1] != '-' ? p[1] : '\0';
		if (short_one != '\0' && p[2] == ',')
			p += 3 + strspn(p + 3, " ");
		size_t n = strcspn(p, " \n");
		if (p[0] != '-' || (letter != '\0' && letter != short_one))
			continue;
		if (letter != '\0')
			return is_argument(p + n);
		if (n < 2 + length || memcmp(p + 2, name, length) != 0)
			continue;
		takes = is_argument(p + n);
		if (n == 2 + length)
			return takes;
	}
	return takes;
}

size_t tool_form_operands(const char *help, const struct command_line *line, size_t *places)
{
	size_t n = 0;
	bool is_end = false;
	for (size_t i = 1; i < line->n; i++) {
		const char *word = line->words[i].text;
		if (is_end || word[0] != '-' || word[1] == '\0') {
			places[n++] = i;
		} else if (word[1] == '-') {
			size_t length = strcspn(word + 2, "=");
			is_end = length == 0;
			i += !is_end && word[2 + length] == '\0' && takes_argument(help, word + 2, length, '\0');
		} else {
			for (const char *p = word + 1; *p != '\0'; p++)
				if (takes_argument(help, "", 0, *p)) {
					i += p[1] == '\0';
					break;
				}
		}
	}
	return n;
}

struct token {
	const char *text;
	size_t length; /* without brackets and dots; 0 at the end of the form */
	bool is_optional, is_repeated;
};

static struct token next_token(const char **p)
{
	struct token t = {0};
	*p += strspn(*p, " ");
	t.text = *p;
	t.length = strcspn(*p, " \n");
	*p += t.length;
	t.is_repeated = t.length > 3 && memcmp(*p - 3, "...", 3) == 0;
	t.length -= t.is_repeated ? 3 : 0;
	t.is_optional = t.length > 2 && t.text[0] == '[';
	t.text += t.is_optional;
	t.length -= t.is_optional ? 2 : 0;
	return t;
}

/* Whether the line has the option --NAME, perhaps shortened. */
static bool is_given(const struct command_line *line, const char *name, size_t length)
{
	for (size_t i = 1; i < line->n; i++) {
		const char *word = line->words[i].text;
		size_t n = strncmp(word, "--", 2) == 0 ? strcspn(word + 2, "=") : 0;
		if (n > 0 && n <= length && memcmp(word + 2, name, n) == 0)
			return true;
	}
	return false;
}

/* Takes one form apart; false if it needs an option that the line has not. */
static bool read_form(const char *help, const char *p, const struct command_line *line, struct tool_form *out)
{
	*out = (struct tool_form){0};
	for (struct token t; (t = next_token(&p)).length > 0;) {
		if (t.text[0] == '-') {
			if (!t.is_optional && !is_given(line, t.text + 2, t.length - 2))
				return false;
			out->options += !t.is_optional;
			if (!t.is_optional && takes_argument(help, t.text + 2, t.length - 2, '\0'))
				next_token(&p);
			continue;
		}
		bool is_rev = is_one_of(t.text, t.length, "REV A B COMMIT GOOD BAD");
		if (is_rev && out->most < 8 * sizeof out->revs)
			out->revs |= 1u << out->most;
		if (!t.is_optional && !out->has_collection && (is_rev || is_one_of(t.text, t.length, "COLLECTION"))) {
			out->has_collection = true;
			out->position = out->least;
		}
		out->least += !t.is_optional;
		out->most = t.is_repeated || out->most == SIZE_MAX ? SIZE_MAX : out->most + 1;
	}
	return true;
}

void tool_form_read(const char *help, const struct command_line *line, struct tool_form *out)
{
	static const char START[] = "[OPTION]...";
	const char *end = strstr(help, "\nOptions:"), *p = help;
	struct tool_form form;
	bool is_first = true;
	*out = (struct tool_form){0};
	for (; (p = strstr(p, START)) != NULL && p < end; is_first = false) {
		p += strlen(START);
		if (read_form(help, p, line, &form) && (is_first || form.options > out->options))
			*out = form;
	}
}
