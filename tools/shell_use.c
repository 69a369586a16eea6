/* SPDX-License-Identifier: Apache-2.0 */
/* The collection in use stands in for one that a command needs and the line does not name:
 *
 *     words> get king                  cel get words king
 *     words> diff @v1 @v2              cel diff words@v1 words@v2
 *     words> build rows.jsonl          cel build words rows.jsonl
 *
 * Where the command would take as many operands with it as without it, the first one decides: if that is the name of a
 * collection of the store, or of a rev of one, nothing is put in. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell.h"
#include "tool_form.h"

/* Their collection is the one that is made, or that is gone afterwards. */
static bool is_never_implied(const char *verb)
{
	return strcmp(verb, "create") == 0 || strcmp(verb, "delete") == 0;
}

bool shell_has_collection(const struct shell *shell, const char *name, size_t length, bool is_quiet)
{
	char *list = shell_capture(shell, (const char *const[]){"list", NULL}, is_quiet);
	bool is_there = false;
	for (const char *p = list; p != NULL && !is_there; p = strchr(p, '\n') != NULL ? strchr(p, '\n') + 1 : NULL)
		is_there = length > 0 && strncmp(p, name, length) == 0 && p[length] == '\t';
	free(list);
	return is_there;
}

static bool names_collection(const struct shell *shell, const char *word)
{
	bool is_cid = strncmp(word, "bafy", 4) == 0 && strlen(word) >= 8;
	return is_cid || shell_has_collection(shell, word, strcspn(word, "~@"), true);
}

/* "~1" and "@v1" are those of the collection in use. */
static int extend_rev(const struct shell *shell, struct line_word *word)
{
	char *text = malloc(strlen(shell->collection) + strlen(word->text) + 1);
	if (text == NULL)
		return 69;
	strcpy(stpcpy(text, shell->collection), word->text);
	free(word->text);
	word->text = text;
	return 0;
}

static int insert_collection(const struct shell *shell, struct command_line *line, const size_t *places, size_t n,
			     const struct tool_form *form)
{
	for (size_t i = 0; i < n && i < 8; i++) {
		struct line_word *word = &line->words[places[i]];
		bool is_rev = (form->revs >> i & 1) != 0 || (n < form->least && (form->revs >> (i + 1) & 1) != 0);
		if (is_rev && strchr("~@", word->text[0]) != NULL && extend_rev(shell, word) != 0)
			return 69;
	}
	if (n >= form->most)
		return 0;
	if (n >= form->least && names_collection(shell, line->words[places[form->position]].text))
		return 0;
	size_t at = n > form->position ? places[form->position] : n > 0 ? places[n - 1] + 1 : 1;
	return command_line_insert(line, at, shell->collection) < 0 ? 69 : 0;
}

/* An operand of query that is no file is the id of a record. */
static int name_ids(struct command_line *line, const size_t *places, size_t n)
{
	for (size_t i = n; i-- > 1;) {
		const struct line_word *word = &line->words[places[i]];
		if (!word->is_vector && strcmp(word->text, "-") != 0 && access(word->text, F_OK) != 0 &&
		    command_line_insert(line, places[i], "--by-id") < 0)
			return 69;
	}
	return 0;
}

struct shell_help {
	struct shell_help *next;
	char *text;
	char verb[];
};

/* What VERB --help prints: asked for once. NULL: there is no such verb. */
static const char *help_of(struct shell *shell, const char *verb)
{
	for (const struct shell_help *h = shell->helps; h != NULL; h = h->next)
		if (strcmp(h->verb, verb) == 0)
			return h->text;
	char *text = shell_capture(shell, (const char *const[]){verb, "--help", NULL}, true);
	struct shell_help *new = text != NULL ? malloc(sizeof *new + strlen(verb) + 1) : NULL;
	if (new == NULL) {
		free(text);
		return NULL;
	}
	strcpy(new->verb, verb);
	new->text = text;
	new->next = shell->helps;
	shell->helps = new;
	return text;
}

void shell_free_helps(struct shell *shell)
{
	for (struct shell_help *h = shell->helps, *next; h != NULL; h = next) {
		next = h->next;
		free(h->text);
		free(h);
	}
}

int shell_apply_use(struct shell *shell, struct command_line *line)
{
	const char *verb = line->words[0].text;
	bool is_query = strcmp(verb, "query") == 0;
	if ((shell->collection[0] == '\0' && !is_query) || is_never_implied(verb))
		return 0;
	const char *help = help_of(shell, verb);
	size_t *places = calloc(line->n + 1, sizeof *places);
	int status = 0;
	if (help != NULL && places != NULL) {
		struct tool_form form;
		tool_form_read(help, line, &form);
		size_t n = tool_form_operands(help, line, places);
		if (form.has_collection && shell->collection[0] != '\0')
			status = insert_collection(shell, line, places, n, &form);
		if (status == 0 && is_query) {
			n = tool_form_operands(help, line, places);
			status = name_ids(line, places, n);
		}
	}
	free(places);
	return status;
}
