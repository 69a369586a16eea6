/* SPDX-License-Identifier: Apache-2.0 */
/* The words before the last are gone through as getopt would, but nothing in them can be wrong: they tell which options are
 * given, which operands are there, and which argument or operand the last one is. The word that --help has for it says what
 * it is. */
#include "complete.h"

#include <string.h>

#include "candidates.h"
#include "form.h"
#include "words.h"

struct line {
	struct cli cli; /* given, store, operands */
	const struct cli_option *pending; /* the last word is its argument */
	bool is_past_options;             /* behind -- */
};

static const struct {
	const char *words;
	enum { FILES, DIRS, COLLECTIONS, REVS, PLACES, TAGS, REMOTES, IDS } what;
} WORDS[] = {
	{"FILE PATH", FILES}, {"DIR", DIRS}, {"COLLECTION", COLLECTIONS}, {"REV COMMIT GOOD BAD", REVS}, {"PLACE A B", PLACES},
	{"TAG", TAGS},	      {"REMOTE", REMOTES}, {"ID", IDS},
};

static bool has_word(const char *words, const char *word)
{
	char w[WORD_SIZE];
	while (word_next(&words, " ", w, NULL))
		if (strcmp(w, word) == 0)
			return true;
	return false;
}

/* What an argument or operand of that word can be; of any other word it can be anything. */
static void put_word(const struct candidates *c, const char *word)
{
	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
		if (!has_word(WORDS[i].words, word))
			continue;
		switch (WORDS[i].what) {
		case FILES:
		case DIRS:
			candidates_put_files(WORDS[i].what == DIRS);
			break;
		case COLLECTIONS:
			candidates_put_collections(c);
			break;
		case REVS:
			candidates_put_revs(c);
			break;
		case PLACES:
			candidates_put_places(c);
			break;
		case TAGS:
			candidates_put_tags(c);
			break;
		case REMOTES:
			candidates_put_remotes(c, "");
			break;
		case IDS:
			candidates_put_ids(c);
			break;
		}
	}
}

static void put_argument(const struct candidates *c, const struct cli_option *o)
{
	char word[WORD_SIZE];
	if (o->to.words == NULL)
		put_word(c, o->argument);
	for (const char *rest = o->to.words; rest != NULL && word_next(&rest, " /", word, NULL);)
		candidates_put(c, word, "");
}

/* ---- options */

/* By its whole name, or what is a beginning of one name alone. */
static const struct cli_option *find_long(const struct cli_command *command, const char *name, size_t length)
{
	const struct cli_option *found = NULL;
	for (const struct cli_option *o = command->options; o->name != NULL; o++) {
		if (strncmp(o->name, name, length) != 0)
			continue;
		if (strlen(o->name) == length)
			return o;
		if (found != NULL)
			return NULL;
		found = o;
	}
	return found;
}

static const struct cli_option *find_letter(const struct cli_command *command, char letter)
{
	for (const struct cli_option *o = command->options; o->name != NULL; o++)
		if (o->letter == letter)
			return o;
	return NULL;
}

static void note_option(struct line *line, const struct cli_option *o, const char *argument)
{
	if (o == NULL)
		return;
	line->cli.given |= UINT64_C(1) << (o - line->cli.command->options);
	if (o->argument != NULL && argument == NULL)
		line->pending = o;
	if (argument != NULL && strcmp(o->name, "store") == 0)
		line->cli.store = argument;
}

static void note_letters(struct line *line, const char *letters)
{
	for (; *letters != '\0'; letters++) {
		const struct cli_option *o = find_letter(line->cli.command, *letters);
		bool has_argument = o != NULL && o->argument != NULL;
		note_option(line, o, has_argument && letters[1] != '\0' ? letters + 1 : NULL);
		if (has_argument)
			return;
	}
}

static void note_word(struct line *line, char *word)
{
	const struct cli_option *pending = line->pending;
	line->pending = NULL;
	if (pending != NULL) {
		note_option(line, pending, word);
	} else if (line->is_past_options || word[0] != '-' || word[1] == '\0') {
		line->cli.operands[line->cli.n_operands++] = word;
	} else if (strcmp(word, "--") == 0) {
		line->is_past_options = true;
	} else if (word[1] != '-') {
		note_letters(line, word + 1);
	} else {
		size_t length = strcspn(word + 2, "=");
		const char *argument = word[2 + length] == '=' ? word + 2 + length + 1 : NULL;
		note_option(line, find_long(line->cli.command, word + 2, length), argument);
	}
}

/* Not again what is given, nor what it excludes. */
static bool is_open(const struct cli *cli, const struct cli_option *o)
{
	if (cli_given(cli, o->name) != NULL)
		return o->to.kind == CLI_KIND_LIST;
	for (size_t i = 0; i < CLI_EXCLUSIVE_MAX && cli->command->exclusive[i] != NULL; i++)
		if (has_word(cli->command->exclusive[i], o->name) && cli_given(cli, cli->command->exclusive[i]) != NULL)
			return false;
	return true;
}

static void put_option(const struct candidates *c, const struct cli_option *o)
{
	char word[WORD_SIZE];
	snprintf(word, sizeof word, "--%s", o->name);
	if (is_open(c->cli, o))
		candidates_put(c, word, o->help);
}

static void put_options(const struct candidates *c)
{
	for (const struct cli_option *o = c->cli->command->options; o->name != NULL; o++)
		put_option(c, o);
}

/* ---- operands */

/* How well a form goes with what is there so far; negative: not at all. One that needs more options comes last. */
static int rank(const struct form *form, const struct cli *cli)
{
	int n = 1;
	for (size_t i = 0; i < form->n_options; i++)
		if (cli_given(cli, form->options[i].word) != NULL)
			n += 2;
		else if (form->options[i].is_needed)
			n = n > 1 ? n : 0;
	for (int i = 0; i < cli->n_operands; i++) {
		const struct form_item *item = form_operand(form, (size_t)i);
		if (item == NULL || (item->is_literal && strcmp(item->word, cli->operands[i]) != 0))
			return -1;
	}
	return n;
}

static int best_rank(const struct cli *cli)
{
	const char *rest = cli->command->forms;
	struct form form;
	int best = 0;
	while (form_next(cli->command, &rest, &form))
		best = rank(&form, cli) > best ? rank(&form, cli) : best;
	return best;
}

static void put_operands(const struct candidates *c)
{
	const struct cli *cli = c->cli;
	const char *rest = cli->command->forms;
	char done[FORM_TEXT] = "";
	int best = best_rank(cli);
	struct form form;
	while (form_next(cli->command, &rest, &form)) {
		if (rank(&form, cli) != best)
			continue;
		const struct form_item *item = form_operand(&form, (size_t)cli->n_operands);
		if (item != NULL && item->is_literal) {
			candidates_put(c, item->word, "");
		} else if (item != NULL && !has_word(done, item->word)) {
			size_t length = strlen(done);
			snprintf(done + length, sizeof done - length, "%s ", item->word);
			put_word(c, item->word);
		}
		for (size_t i = 0; i < form.n_options && c->text[0] == '\0'; i++) {
			const struct cli_option *o = find_long(cli->command, form.options[i].word, strlen(form.options[i].word));
			if (form.options[i].is_needed && o != NULL)
				put_option(c, o);
		}
	}
}

void complete_print(const struct cli_command *command, int n, char **words)
{
	struct line line = {.cli = {.command = command, .operands = words}};
	char lead[WORD_SIZE];
	if (n == 0)
		return;
	for (int i = 0; i + 1 < n; i++)
		note_word(&line, words[i]);
	const char *text = words[n - 1];
	const char *value = strncmp(text, "--", 2) == 0 ? strchr(text, '=') : NULL;
	struct candidates c = {.cli = &line.cli, .text = text, .lead = ""};
	if (line.pending != NULL) {
		put_argument(&c, line.pending);
	} else if (line.is_past_options || text[0] != '-') {
		put_operands(&c);
	} else if (value == NULL) {
		put_options(&c);
	} else {
		const struct cli_option *o = find_long(command, text + 2, (size_t)(value - text - 2));
		snprintf(lead, sizeof lead, "%.*s", (int)(value + 1 - text), text);
		c.text = value + 1;
		c.lead = lead;
		if (o != NULL && o->argument != NULL)
			put_argument(&c, o);
	}
}
