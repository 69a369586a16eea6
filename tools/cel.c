/* SPDX-License-Identifier: Apache-2.0 */
/* cel: the porcelain. Small verbs are in here; `cel NAME` of any other name runs the program cel-NAME, from beside this
 * one or from the PATH, as git does. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "candidates.h"
#include "cli.h"
#include "complete.h"
#include "nearest.h"
#include "verbs.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} TABLE[] = {
#define X(verb, function, summary) {verb, function, summary},
	VERBS(X)
#undef X
};
#define N_VERBS (sizeof TABLE / sizeof *TABLE)

static const struct {
	const char *name, *summary;
} PROGRAMS[] = {
	{"build", "add or replace records (cel-build)"},
	{"diff", "show what differs between two commits (cel-diff)"},
	{"merge", "merge another line of history, or a patch (cel-merge)"},
	{"query", "find the nearest records (cel-query)"},
	{"shell", "read commands at a prompt or from a pipe (cel-shell)"},
};
#define N_PROGRAMS (sizeof PROGRAMS / sizeof *PROGRAMS)

static const struct cli_option OPTIONS[] = {CLI_OPTIONS_END};
static const struct cli_command COMMAND = {
	.name = "cel",
	.forms = "VERB [ARGUMENT]...",
	.summary = "A versioned, decentralised vector database.",
	.options = OPTIONS,
	.examples = "  cel init\n"
		    "  cel create words --dim 100 --metric cosine\n"
		    "  cel build words --ids words.txt words.npy\n"
		    "  cel query words --by-id king\n",
};

static void print_verbs(FILE *out)
{
	fprintf(out, "Usage: cel VERB [ARGUMENT]...\n%s\n\nVerbs ('cel VERB --help' tells more):\n", COMMAND.summary);
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(out, "  %-8s %s\n", TABLE[i].name, TABLE[i].summary);
	for (size_t i = 0; i < N_PROGRAMS; i++)
		fprintf(out, "  %-8s %s\n", PROGRAMS[i].name, PROGRAMS[i].summary);
	fprintf(out, "\nOptions:\n  --help   show this help and exit\n  --version show the version and exit\n\nExamples:\n%s",
		COMMAND.examples);
}

/* Replaces this process by cel-VERB; returns only if there is no such program. */
static void run_program(char **argv)
{
	char path[PATH_MAX], name[64];
	snprintf(name, sizeof name, "cel-%s", argv[0]);
	argv[0] = name;
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof name);
	if (length > 0) {
		path[length] = '\0';
		strcpy(strrchr(path, '/') + 1, name);
		execv(path, argv);
	}
	execvp(name, argv);
}

static int unknown_verb(const struct cli *cli, const char *verb)
{
	struct nearest nearest;
	nearest_init(&nearest, verb);
	for (size_t i = 0; i < N_VERBS; i++)
		nearest_show(&nearest, TABLE[i].name);
	for (size_t i = 0; i < N_PROGRAMS; i++)
		nearest_show(&nearest, PROGRAMS[i].name);
	if (nearest.best != NULL)
		return cli_usage(cli, "there is no verb '%s'; did you mean '%s'?", verb, nearest.best);
	return cli_usage(cli, "there is no verb '%s'", verb);
}

static int find_verb(const char *word)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(word, TABLE[i].name) == 0)
			return (int)i;
	return -1;
}

static void put_verbs(const char *text)
{
	struct candidates c = {.text = text, .lead = ""};
	for (size_t i = 0; i < N_VERBS; i++)
		candidates_put(&c, TABLE[i].name, TABLE[i].summary);
	for (size_t i = 0; i < N_PROGRAMS; i++)
		candidates_put(&c, PROGRAMS[i].name, PROGRAMS[i].summary);
}

/* cel --complete VERB WORD... becomes VERB --complete WORD..., which every command answers by itself. */
static int complete(const struct cli *cli, int n, char **words)
{
	if (n == 1 && words[0][0] != '-')
		put_verbs(words[0]);
	else if (n == 1)
		complete_print(&COMMAND, n, words);
	int verb = n > 1 ? find_verb(words[0]) : -1;
	bool is_program = false;
	for (size_t i = 0; n > 1 && i < N_PROGRAMS; i++)
		is_program |= strcmp(words[0], PROGRAMS[i].name) == 0;
	if (n > 1) { /* in the place of cel and --complete */
		words[-1] = words[0];
		words[0] = COMPLETE_WORD;
	}
	if (verb >= 0)
		return TABLE[verb].run(n + 1, words - 1);
	if (is_program)
		run_program(words - 1);
	return cli_finish(cli, 0);
}

int main(int argc, char **argv)
{
	struct cli cli = {.command = &COMMAND};
	if (argc < 2) {
		print_verbs(stderr);
		return EXIT_USAGE;
	}
	const char *verb = argv[1];
	if (strcmp(verb, "--help") == 0 || strcmp(verb, "help") == 0) {
		print_verbs(stdout);
		return cli_finish(&cli, 0);
	}
	if (strcmp(verb, COMPLETE_WORD) == 0)
		return complete(&cli, argc - 2, argv + 2);
	if (verb[0] == '-') {
		cli_parse(&cli, &COMMAND, NULL, argc, argv);
		return cli_usage(&cli, "the VERB comes first");
	}
	int number = find_verb(verb);
	if (number >= 0)
		return TABLE[number].run(argc - 1, argv + 1);
	bool is_word = strlen(verb) < 50 && strspn(verb, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(verb);
	if (is_word)
		run_program(argv + 1);
	argv[1] = (char *)(uintptr_t)verb;
	return unknown_verb(&cli, verb);
}
