/* SPDX-License-Identifier: Apache-2.0 */
/* What every command of the toolkit does alike: options, help, messages, exit status, the store that is meant. */
#ifndef TOOLS_CLI_H
#define TOOLS_CLI_H

#include <stdio.h>

#include "cel.h"

#define EXIT_USAGE 64

struct cli_option {
	int id;               /* what cli_next returns; ids below 256 are also the short letter */
	const char *name;     /* long name, without "--" */
	const char *argument; /* NULL: takes none */
	const char *help;     /* one line */
};

/* Options that many commands share; ids of a command's own options without a letter begin at CLI_OWN. */
enum { CLI_HELP = 256, CLI_VERSION, CLI_STORE, CLI_LOCK_WAIT, CLI_JSON, CLI_STATS_JSON, CLI_OWN };
#define CLI_OPTION_STORE {CLI_STORE, "store", "DIR", "the store (else CEL_STORE, else the nearest .cel above)"}
#define CLI_OPTION_LOCK_WAIT {CLI_LOCK_WAIT, "lock-wait", "SECONDS", "wait so long for another writer (default 0)"}
#define CLI_OPTION_JSON {CLI_JSON, "json", NULL, "print JSON Lines"}
#define CLI_OPTION_QUIET {'q', "quiet", NULL, "say nothing but errors"}
#define CLI_OPTION_VERBOSE {'v', "verbose", NULL, "say more: what was chosen, and how long each phase took"}
/* For what may take long; see stats.h. */
#define CLI_OPTION_STATS_JSON {CLI_STATS_JSON, "stats-json", "FILE", "leave the figures of the run in FILE, as a JSON object"}
#define CLI_OPTIONS_END                                        \
	{CLI_HELP, "help", NULL, "show this help and exit"},   \
	{CLI_VERSION, "version", NULL, "show the version and exit"}, {0, NULL, NULL, NULL}

struct cli_command {
	const char *name;     /* "cel-build", "cel list" */
	const char *usage;    /* what follows the name: "[OPTION]... COLLECTION [FILE]..." */
	const char *summary;  /* one sentence */
	const struct cli_option *options;
	const char *examples; /* lines of the help text, or NULL */
};

struct cli {
	const struct cli_command *command;
	const char *value; /* of the option that cli_next returned */
	/* from the shared options */
	const char *store;
	double lock_wait;
	bool is_quiet, is_verbose, is_json;
	const char *stats_path; /* of --stats-json, or NULL */
	/* what is left when cli_next has returned 0 */
	int n_operands;
	char **operands;
};

void cli_init(struct cli *cli, const struct cli_command *command, int argc, char **argv);
/* The next option's id, its argument in cli->value; 0 when operands follow. Shared options are taken care of here.
 * Exits on --help, --version and on a wrong option. */
int cli_next(struct cli *cli);
/* For commands without options of their own. */
void cli_no_options(struct cli *cli);

/* Prints "NAME: message" and how to get help; returns EXIT_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints "NAME: message" of the error; returns the exit status of its code. */
int cli_fail(const struct cli *cli, const struct cel_error *e);
/* Prints "NAME: text" on stderr unless quiet. */
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens the store that --store, CEL_STORE or the working directory means. Returns 0 or an exit status, having said
 * why. */
int cli_open_store(const struct cli *cli, bool is_read_only, struct cel_store **out);

/* Values of options; exit with EXIT_USAGE if they are not of the kind. */
uint64_t cli_count(const struct cli *cli, uint64_t low, uint64_t high); /* a whole number */
uint64_t cli_size(const struct cli *cli);                               /* bytes, with K, M or G */
uint64_t cli_time(const struct cli *cli); /* Unix seconds, or 2026-11-22T07:00:00Z as print_time prints it */
double cli_real(const struct cli *cli, double low, double high);

/* The nearest of the words to a mistyped one, or NULL if none is near; words end with NULL. */
const char *cli_nearest(const char *word, const char *const *words);

/* Flushes and closes stdout, so that a full disk is an error; returns status, or 74 if it was 0 and that failed. */
int cli_finish(const struct cli *cli, int status);

#endif
