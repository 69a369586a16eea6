/* SPDX-License-Identifier: Apache-2.0 */
/* The forms of a command line, as --help shows them, taken apart. */
#ifndef TOOLS_FORM_H
#define TOOLS_FORM_H

#include "cli.h"
#include "words.h"

#define FORM_ITEMS 8
#define FORM_TEXT 200

struct form_item {
	char word[WORD_SIZE];  /* of an option its name */
	bool is_needed, is_repeated;
	bool is_literal;       /* stands for itself */
};
struct form {
	char text[FORM_TEXT];  /* "" if nothing follows */
	struct form_item options[FORM_ITEMS], operands[FORM_ITEMS];
	size_t n_options, n_operands;
};

/* The next one of cli_command.forms; false at their end. */
bool form_next(const struct cli_command *command, const char **rest, struct form *out);
/* The item that the operand of that position (from 0) is, or NULL if it is too much. */
const struct form_item *form_operand(const struct form *form, size_t position);
/* How well it goes with the options and operands that are there; negative: not at all. */
int form_score(const struct form *form, const struct cli *cli);
/* Returns 0 if options and operands fit a form, else EXIT_USAGE, having said why. */
int form_check(const struct cli *cli);

#endif
