/* SPDX-License-Identifier: Apache-2.0 */
/* A form is chosen by the options that only it has, then by its literal words, then by how many operands there are:
 *
 *     TAG REV                        two operands
 *     --delete TAG [COLLECTION]      --delete
 *     [--list] [COLLECTION]          --list, or one operand at most
 */
#include "form.h"

#include <string.h>

#include "nearest.h"

static const struct cli_option *find_option(const struct cli_command *command, const char *name)
{
	for (const struct cli_option *o = command->options; o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

static struct form_item *add_item(struct form *form, const char *word, size_t length, bool is_option)
{
	size_t *n = is_option ? &form->n_options : &form->n_operands;
	if (*n == FORM_ITEMS)
		return NULL;
	struct form_item *item = (is_option ? form->options : form->operands) + (*n)++;
	*item = (struct form_item){.is_needed = true, .is_literal = word[0] >= 'a' && word[0] <= 'z'};
	snprintf(item->word, sizeof item->word, "%.*s", (int)length, word);
	return item;
}

bool form_next(const struct cli_command *command, const char **rest, struct form *out)
{
	char token[WORD_SIZE];
	if (*rest == NULL)
		return false;
	const char *end = strchrnul(*rest, '\n'), *text = out->text;
	*out = (struct form){0};
	snprintf(out->text, sizeof out->text, "%.*s", (int)(end - *rest), *rest);
	*rest = *end != '\0' ? end + 1 : NULL;
	while (word_next(&text, " ", token, NULL)) {
		bool is_bracketed = token[0] == '[', is_option;
		const char *word = token + is_bracketed;
		is_option = strncmp(word, "--", 2) == 0;
		word += is_option ? 2 : 0;
		struct form_item *item = add_item(out, word, strcspn(word, "]."), is_option);
		if (item == NULL)
			break;
		item->is_needed = !is_bracketed;
		item->is_repeated = strstr(word, "...") != NULL;
		const struct cli_option *option = is_option ? find_option(command, item->word) : NULL;
		if (option != NULL && option->argument != NULL)
			word_next(&text, " ", token, NULL);
	}
	return true;
}

const struct form_item *form_operand(const struct form *form, size_t position)
{
	if (position < form->n_operands)
		return &form->operands[position];
	bool is_more = form->n_operands > 0 && form->operands[form->n_operands - 1].is_repeated;
	return is_more ? &form->operands[form->n_operands - 1] : NULL;
}

/* The first thing needed that is not there, or NULL. */
static const struct form_item *find_missing(const struct form *form, const struct cli *cli, bool *is_option)
{
	*is_option = true;
	for (size_t i = 0; i < form->n_options; i++)
		if (form->options[i].is_needed && cli_given(cli, form->options[i].word) == NULL)
			return &form->options[i];
	*is_option = false;
	for (size_t i = 0; i < form->n_operands; i++)
		if (form->operands[i].is_needed && i >= (size_t)cli->n_operands)
			return &form->operands[i];
	return NULL;
}

/* A literal word that something else stands in place of. */
static const struct form_item *find_mismatch(const struct form *form, const struct cli *cli)
{
	for (size_t i = 0; i < form->n_operands && i < (size_t)cli->n_operands; i++)
		if (form->operands[i].is_literal && strcmp(form->operands[i].word, cli->operands[i]) != 0)
			return &form->operands[i];
	return NULL;
}

int form_score(const struct form *form, const struct cli *cli)
{
	bool is_option;
	const struct form_item *missing = find_missing(form, cli, &is_option);
	int score = 0;
	for (size_t i = 0; i < form->n_options; i++)
		score += cli_given(cli, form->options[i].word) != NULL ? 8 : 0;
	if (find_mismatch(form, cli) != NULL)
		return score - 100;
	for (size_t i = 0; i < form->n_operands; i++)
		score += form->operands[i].is_literal && i < (size_t)cli->n_operands ? 4 : 0;
	if (missing == NULL && (cli->n_operands == 0 || form_operand(form, (size_t)cli->n_operands - 1) != NULL))
		score++;
	return missing != NULL && is_option ? score - 100 : score;
}

static int say_wrong_literal(const struct cli *cli)
{
	const char *rest = cli->command->forms;
	char list[FORM_TEXT] = "", words[FORM_ITEMS][WORD_SIZE];
	size_t length = 0, n = 0;
	struct nearest nearest;
	struct form form;
	nearest_init(&nearest, cli->operands[0]);
	while (n < FORM_ITEMS && form_next(cli->command, &rest, &form)) {
		memcpy(words[n], form.operands[0].word, WORD_SIZE);
		length += (size_t)snprintf(list + length, sizeof list - length, "%s%s", n > 0 ? ", " : "", words[n]);
		nearest_show(&nearest, words[n++]);
	}
	if (nearest.best != NULL)
		return cli_usage(cli, "'%s' is none of %s; did you mean '%s'?", cli->operands[0], list, nearest.best);
	return cli_usage(cli, "'%s' is none of %s", cli->operands[0], list);
}

static size_t append_option(const struct cli *cli, const char *name, char *out, size_t size, const char *before)
{
	const struct cli_option *o = find_option(cli->command, name);
	bool has_argument = o != NULL && o->argument != NULL;
	return (size_t)snprintf(out, size, "%s--%s%s%s", before, name, has_argument ? " " : "", has_argument ? o->argument : "");
}

/* What the forms that come equally near need: "--dim N or --from REV". */
static int say_missing_option(const struct cli *cli, int score)
{
	const char *rest = cli->command->forms;
	char list[FORM_TEXT] = "";
	size_t length = 0, n = 0;
	bool is_option;
	struct form form;
	while (length < sizeof list && form_next(cli->command, &rest, &form)) {
		if (form_score(&form, cli) != score)
			continue;
		const struct form_item *missing = find_missing(&form, cli, &is_option);
		if (missing != NULL && is_option)
			length += append_option(cli, missing->word, list + length, sizeof list - length, n++ > 0 ? " or " : "");
	}
	return cli_usage(cli, "%s%s is needed", n > 1 ? "either " : "", list);
}

int form_check(const struct cli *cli)
{
	const char *rest = cli->command->forms;
	struct form form, best = {0};
	int score = -1000;
	bool is_option;
	while (form_next(cli->command, &rest, &form)) {
		int s = form_score(&form, cli);
		if (s > score) {
			score = s;
			best = form;
		}
	}
	if (find_mismatch(&best, cli) != NULL)
		return say_wrong_literal(cli);
	const struct form_item *missing = find_missing(&best, cli, &is_option);
	if (missing != NULL && is_option)
		return say_missing_option(cli, score);
	if (missing != NULL)
		return cli_usage(cli, "%s is missing: %s [OPTION]... %s", missing->word, cli->command->name, best.text);
	if (cli->n_operands == 0 || form_operand(&best, (size_t)cli->n_operands - 1) != NULL)
		return 0;
	const char *surplus = cli->operands[best.n_operands];
	if (best.text[0] == '\0')
		return cli_usage(cli, "'%s' is too much: it takes no operand", surplus);
	return cli_usage(cli, "'%s' is too much: %s [OPTION]... %s", surplus, cli->command->name, best.text);
}
