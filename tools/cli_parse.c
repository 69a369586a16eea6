/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options becomes that of getopt_long, whose ids are 256 + the row: what it finds goes to the row's field. Then
 * the options that exclude each other are looked at, then the forms. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "complete.h"
#include "form.h"
#include "help.h"
#include "nearest.h"
#include "progress.h"
#include "signals.h"
#include "stats.h"
#include "value.h"
#include "words.h"

#define OPTIONS_MAX 64 /* bits of cli.given */
#define ROW 256

/* A standard stream that was closed by the caller must not become a file of the store, or what is printed goes there.
 * Its place is taken by a descriptor on which each use fails. */
static void occupy_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
			_exit(74);
}

static void wrong_option(const struct cli *cli, const char *text, bool is_argument_missing)
{
	char word[WORD_SIZE];
	struct nearest nearest;
	if (is_argument_missing)
		exit(cli_usage(cli, "option '%s' needs an argument", text));
	if (strncmp(text, "--", 2) != 0)
		exit(cli_usage(cli, "there is no option '-%c'", optopt));
	snprintf(word, sizeof word, "%.*s", (int)strcspn(text + 2, "="), text + 2);
	nearest_init(&nearest, word);
	for (const struct cli_option *o = cli->command->options; o->name != NULL; o++) {
		if (strcmp(o->name, word) == 0)
			exit(cli_usage(cli, "option '--%s' takes no argument", word));
		nearest_show(&nearest, o->name);
	}
	if (nearest.best != NULL)
		exit(cli_usage(cli, "there is no option '--%s'; did you mean '--%s'?", word, nearest.best));
	exit(cli_usage(cli, "there is no option '--%s', or it is not unique", word));
}

/* getopt's tables. */
struct tables {
	struct option longs[OPTIONS_MAX + 1];
	char shorts[2 * OPTIONS_MAX + 2];
	int row_of[ROW]; /* of a letter */
};

static void make_tables(struct tables *t, const struct cli_option *options)
{
	size_t n = 1;
	*t = (struct tables){.shorts = ":"};
	for (int row = 0; options[row].name != NULL && row < OPTIONS_MAX; row++) {
		const struct cli_option *o = &options[row];
		int kind = o->argument != NULL ? required_argument : no_argument;
		t->longs[row] = (struct option){o->name, kind, NULL, ROW + row};
		if (o->letter == 0)
			continue;
		t->row_of[(unsigned char)o->letter] = row;
		t->shorts[n++] = o->letter;
		if (o->argument != NULL)
			t->shorts[n++] = ':';
	}
}

static void take(struct cli *cli, int row, const char *argument)
{
	const struct cli_option *o = &cli->command->options[row];
	if (o->to.kind == CLI_KIND_HELP)
		help_print(cli->command);
	else if (o->to.kind == CLI_KIND_VERSION)
		help_print_version(cli);
	else
		value_take(cli, o, argument);
	if (o->to.kind == CLI_KIND_HELP || o->to.kind == CLI_KIND_VERSION)
		exit(cli_finish(cli, 0));
	cli->given |= UINT64_C(1) << row;
}

const char *cli_given(const struct cli *cli, const char *names)
{
	static _Thread_local char word[WORD_SIZE];
	while (word_next(&names, " ", word, NULL))
		for (size_t row = 0; cli->command->options[row].name != NULL; row++)
			if ((cli->given >> row & 1) != 0 && strcmp(cli->command->options[row].name, word) == 0)
				return word;
	return NULL;
}

/* 0, or EXIT_USAGE having said "--a, --b and --c exclude each other". */
static int check_exclusive(const struct cli *cli, const char *names)
{
	char word[WORD_SIZE], list[256] = "", end;
	const char *rest = names;
	size_t length = 0, n = 0;
	while (word_next(&rest, " ", word, &end) && length < sizeof list) {
		n += cli_given(cli, word) != NULL;
		length += (size_t)snprintf(list + length, sizeof list - length, "%s--%s", length == 0 ? "" : end != '\0' ? ", " : " and ",
					   word);
	}
	return n > 1 ? cli_usage(cli, "%s exclude each other", list) : 0;
}

void cli_parse(struct cli *cli, const struct cli_command *command, void *tool, int argc, char **argv)
{
	struct tables tables;
	occupy_standard_streams();
	*cli = (struct cli){.command = command, .tool = tool};
	progress_begin(cli);
	signals_begin();
	if (argc > 1 && strcmp(argv[1], COMPLETE_WORD) == 0) {
		complete_print(command, argc - 2, argv + 2);
		exit(cli_finish(cli, 0));
	}
	make_tables(&tables, command->options);
	optind = 0; /* start anew, and let glibc permute operands behind options */
	opterr = 0;
	for (int id; (id = getopt_long(argc, argv, tables.shorts, tables.longs, NULL)) != -1;) {
		if (id == '?' || id == ':')
			wrong_option(cli, argv[optind - 1], id == ':');
		take(cli, id >= ROW ? id - ROW : tables.row_of[id], optarg);
	}
	cli->n_operands = argc - optind;
	cli->operands = argv + optind;
	for (size_t i = 0; i < CLI_EXCLUSIVE_MAX && command->exclusive[i] != NULL; i++)
		if (check_exclusive(cli, command->exclusive[i]) != 0)
			exit(EXIT_USAGE);
	if (form_check(cli) != 0)
		exit(EXIT_USAGE);
	stats_begin(cli, argc, argv);
}
