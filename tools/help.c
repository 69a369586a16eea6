/* SPDX-License-Identifier: Apache-2.0 */
/* Printed from the same constant that is parsed by. */
#include "help.h"

#include <stdlib.h>

#include "form.h"

void help_print_forms(const struct cli_command *command)
{
	const char *rest = command->forms, *lead = "Usage:";
	struct form form;
	while (form_next(command, &rest, &form)) {
		printf("%s %s [OPTION]...%s%s\n", lead, command->name, form.text[0] != '\0' ? " " : "", form.text);
		lead = "  or: ";
	}
}

void help_print_options(const struct cli_command *command)
{
	for (const struct cli_option *o = command->options; o->name != NULL; o++) {
		char left[64], letter[8] = "    ";
		if (o->letter != 0)
			snprintf(letter, sizeof letter, "-%c, ", o->letter);
		snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->argument != NULL ? " " : "",
			 o->argument != NULL ? o->argument : "");
		printf("  %-30s %s\n", left, o->help);
	}
}

void help_print(const struct cli_command *command)
{
	help_print_forms(command);
	printf("%s\n\nOptions:\n", command->summary);
	help_print_options(command);
	if (command->examples != NULL)
		printf("\nExamples:\n%s", command->examples);
	printf("\nExit status: 0 done, 1 nothing found, else as in sysexits.h; see the man page.\n");
}

void help_print_version(const struct cli *cli)
{
	const char *simd;
	struct cel_error e;
	if (cel_simd_name(&simd, &e) < 0)
		exit(cli_fail(cli, &e));
	printf("%s (Celestica) %s\nkernels: %s\nformats: store %u, tree %u, index %u, patch %u, protocol %u\n",
	       cli->command->name, CEL_VERSION, simd, CEL_FORMAT_STORE, CEL_FORMAT_TREE, CEL_FORMAT_INDEX, CEL_FORMAT_PATCH,
	       CEL_FORMAT_PROTOCOL);
}
