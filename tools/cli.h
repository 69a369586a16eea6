/* SPDX-License-Identifier: Apache-2.0 */
/* What every command of the toolkit does alike: options, operands, help, messages, exit status, the store that is meant.
 *
 * A command is one constant: its name, the forms of what follows it, its options. An option says what kind of argument it
 * takes and which field of the command's own struct that goes to, so that after cli_parse all of them are in place:
 *
 *     struct tool { struct cli cli; uint32_t k; bool is_exact; };
 *     static const struct cli_option OPTIONS[] = {
 *             CLI_OPTION_STORE,
 *             {'k', "k", "K", "answers a query (default 10)", CLI_COUNT(struct tool, k, 1, 65536)},
 *             {0, "exact", NULL, "compare with every record", CLI_FLAG(struct tool, is_exact)},
 *             CLI_OPTIONS_END,
 *     };
 *
 * Options that several commands have are macros that take the struct and the field in which their fields are:
 * INDEX_OPTIONS(struct tool, options). --help, the checks and completion come from the same constant. */
#ifndef TOOLS_CLI_H
#define TOOLS_CLI_H

#include <stddef.h>
#include <stdio.h>

#include "cel.h"

#define EXIT_USAGE 64

/* ---- how a command declares its options */

enum cli_kind {
	CLI_KIND_HELP, CLI_KIND_VERSION,
	CLI_KIND_FLAG,   /* bool */
	CLI_KIND_TEXT,   /* const char * */
	CLI_KIND_LIST,   /* struct cli_list: may be given again */
	CLI_KIND_COUNT,  /* uint32_t, low..high */
	CLI_KIND_SIZE,   /* uint64_t: bytes, with K, M, G or T */
	CLI_KIND_TIME,   /* int64_t: Unix seconds */
	CLI_KIND_REAL,   /* double, low..high */
	CLI_KIND_CHOICE, /* an enum: low + the number of the word */
	CLI_KIND_WORD,   /* const char *, one of the words */
};
struct cli_target {
	enum cli_kind kind;
	bool is_shared;    /* a field of struct cli, not of the command's struct */
	size_t offset;
	double low, high;
	const char *words; /* separated by blanks; those of one value by "/" */
};
struct cli_option {
	char letter;          /* or 0 */
	const char *name;     /* long name, without "--" */
	const char *argument; /* the word for it, which says how to complete it (complete.c); NULL: takes none */
	const char *help;     /* one line */
	struct cli_target to;
};
struct cli_list {
	const char **items; /* to be freed */
	size_t n;
};

/* The offset of a field, which must be of the type. */
#define CLI_AT(T, field, type) \
	(offsetof(T, field) + 0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((T *)0)->field), type) ? 1 : -1]))
#define CLI_FLAG(T, field) {.kind = CLI_KIND_FLAG, .offset = CLI_AT(T, field, bool)}
#define CLI_TEXT(T, field) {.kind = CLI_KIND_TEXT, .offset = CLI_AT(T, field, const char *)}
#define CLI_LIST(T, field) {.kind = CLI_KIND_LIST, .offset = CLI_AT(T, field, struct cli_list)}
#define CLI_COUNT(T, field, least, most) \
	{.kind = CLI_KIND_COUNT, .offset = CLI_AT(T, field, uint32_t), .low = (least), .high = (most)}
#define CLI_SIZE(T, field) {.kind = CLI_KIND_SIZE, .offset = CLI_AT(T, field, uint64_t)}
#define CLI_TIME(T, field) {.kind = CLI_KIND_TIME, .offset = CLI_AT(T, field, int64_t)}
#define CLI_REAL(T, field, least, most) \
	{.kind = CLI_KIND_REAL, .offset = CLI_AT(T, field, double), .low = (least), .high = (most)}
#define CLI_CHOICE(T, field, first, names)                                                                          \
	{.kind = CLI_KIND_CHOICE,                                                                                   \
	 .offset = offsetof(T, field) + 0 * sizeof(char[sizeof(((T *)0)->field) == sizeof(int) ? 1 : -1]), .low = (first), \
	 .words = (names)}
#define CLI_WORD(T, field, names) {.kind = CLI_KIND_WORD, .offset = CLI_AT(T, field, const char *), .words = (names)}

/* Options that every command may have; their fields are in struct cli. */
#define CLI_SHARED(what, field) {.kind = (what), .is_shared = true, .offset = offsetof(struct cli, field)}
#define CLI_OPTION_STORE_FOR(text) {0, "store", "DIR", text, CLI_SHARED(CLI_KIND_TEXT, store)}
#define CLI_OPTION_STORE CLI_OPTION_STORE_FOR("the store (else CEL_STORE, else the nearest .cel above)")
#define CLI_OPTION_LOCK_WAIT_FOR(text) \
	{0, "lock-wait", "SECONDS", text, \
	 {.kind = CLI_KIND_REAL, .is_shared = true, .offset = offsetof(struct cli, lock_wait), .high = 1e9}}
#define CLI_OPTION_LOCK_WAIT CLI_OPTION_LOCK_WAIT_FOR("wait so long for another writer (default 0)")
#define CLI_OPTION_JSON {0, "json", NULL, "print JSON Lines", CLI_SHARED(CLI_KIND_FLAG, is_json)}
#define CLI_OPTION_QUIET {'q', "quiet", NULL, "say nothing but errors", CLI_SHARED(CLI_KIND_FLAG, is_quiet)}
#define CLI_OPTION_VERBOSE \
	{'v', "verbose", NULL, "say more: what was chosen, and how long each phase took", CLI_SHARED(CLI_KIND_FLAG, is_verbose)}
/* For what may take long; see stats.h. */
#define CLI_OPTION_STATS_JSON \
	{0, "stats-json", "FILE", "leave the figures of the run in FILE, as a JSON object", CLI_SHARED(CLI_KIND_TEXT, stats_path)}
/* The talk of a command whose work may be long. */
#define CLI_OPTIONS_TALK CLI_OPTION_QUIET, CLI_OPTION_VERBOSE, CLI_OPTION_STATS_JSON
#define CLI_OPTIONS_END                                                                        \
	{0, "help", NULL, "show this help and exit", {.kind = CLI_KIND_HELP}},                 \
	{0, "version", NULL, "show the version and exit", {.kind = CLI_KIND_VERSION}}, {0}

#define CLI_EXCLUSIVE_MAX 4

struct cli_command {
	const char *name;    /* "cel-build", "cel list" */
	/* What may follow, a form a line: "COLLECTION [FILE]...\n--delete TAG [COLLECTION]". Operands are in capitals, words
	 * that stand for themselves are not; an option in a form is needed there, one in brackets belongs to that form. */
	const char *forms;
	const char *summary; /* sentences */
	const struct cli_option *options;
	const char *exclusive[CLI_EXCLUSIVE_MAX]; /* names of options of which only one may be given, separated by blanks */
	const char *examples; /* lines of the help text, or NULL */
};

/* ---- what it finds when it runs */

struct cli {
	const struct cli_command *command;
	void *tool;     /* the command's struct */
	uint64_t given; /* a bit for each option of the table */
	/* from the shared options */
	const char *store;
	double lock_wait;
	bool is_quiet, is_verbose, is_json;
	const char *stats_path; /* of --stats-json, or NULL */

	int n_operands;
	char **operands;
};

/* Fills cli and, through the table, the command's struct `tool`; both are as they were where no option says otherwise.
 * Exits on --help, on --version and on wrong usage: options or operands that fit no form. */
void cli_parse(struct cli *cli, const struct cli_command *command, void *tool, int argc, char **argv);
/* The first of these options (names, separated by blanks) that was given, or NULL; until the next call. */
const char *cli_given(const struct cli *cli, const char *names);

/* Prints "NAME: message" and how to get help; returns EXIT_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints "NAME: message" of the error; returns the exit status of its code. */
int cli_fail(const struct cli *cli, const struct cel_error *e);
/* Prints "NAME: text" on stderr unless quiet. */
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens the store that --store, CEL_STORE or the working directory means. Returns 0 or an exit status, having said
 * why. */
int cli_open_store(const struct cli *cli, bool is_read_only, struct cel_store **out);
/* Opens it, runs the function, closes it, finishes: returns the command's exit status. */
int cli_with_store(struct cli *cli, bool is_read_only, int (*run)(struct cli *cli, struct cel_store *store));

/* Flushes and closes stdout, so that a full disk is an error; returns status, or 74 if it was 0 or 1 and that failed. */
int cli_finish(const struct cli *cli, int status);

#endif
