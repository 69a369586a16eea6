/* SPDX-License-Identifier: Apache-2.0 */
/* cel-shell: the commands of cel, one a line: typed at a prompt, or from a pipe or file on standard input. Each is a process
 * of its own (shell_run.c); what is done here is to take the line apart and to put in the collection in use. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell.h"
#include "shell_edit.h"

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "use", "COLLECTION", "begin with this collection in use", CLI_TEXT(struct shell, begin_with)},
	{'k', "keep-going", NULL, "do not stop at a command that fails", CLI_FLAG(struct shell, is_keeping_on)},
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel-shell",
	.forms = "",
	.summary = "Read commands of cel from standard input, one a line, without the word 'cel'.\n"
		   "'use COLLECTION' puts that collection in where a command needs one; 'help' tells more.",
	.options = OPTIONS,
	.examples = "  cel shell\n"
		    "  cel shell --use words <commands\n"
		    "  echo 'query -k 3 king' | cel shell --store /srv/store --use words\n",
};

static const char HELP[] =
	"In the shell, one command a line:\n"
	"  use COLLECTION        work with this one: it stands in where a command needs one\n"
	"  use                   with none any more\n"
	"  query [0.1, 0.2 ...]  ask with a vector; also 'query ID' and 'query FILE'\n"
	"  list collections      also 'list tags'\n"
	"  diff @v1 ~2           @TAG and ~N are those of the collection in use\n"
	"  -COMMAND              when commands come from a pipe: go on if this one fails\n"
	"  help [VERB]           this, or the options of a verb\n"
	"  quit                  or the end of input\n"
	"Words are as in sh: '...', \"...\", \\ before a character, # for remarks; nothing is expanded.\n\n";

/* Starts the command; what is to be put in and rewritten has been. */
static int run_words(const struct shell *shell, const struct command_line *line, int input)
{
	const char **argv = calloc(line->n + 1, sizeof *argv);
	if (argv == NULL)
		return 69;
	for (size_t i = 0; i < line->n; i++)
		argv[i] = line->words[i].text;
	int status = shell_run(shell, argv, input);
	free(argv);
	return status;
}

static int run_tool(struct shell *shell, struct command_line *line)
{
	int input = -1, status = shell_apply_use(shell, line);
	if (status == 0 && strcmp(line->words[0].text, "query") == 0)
		status = shell_rewrite_query(shell, line, &input);
	if (status == 0)
		status = run_words(shell, line, input);
	if (input >= 0)
		close(input);
	return status;
}

static int use(struct shell *shell, const char *name)
{
	if (name[0] != '\0' && !shell_has_collection(shell, name, strlen(name), false)) {
		fprintf(stderr, "%s: there is no collection '%s'\n", shell->cli.command->name, name);
		return 66;
	}
	snprintf(shell->collection, sizeof shell->collection, "%s", name);
	return 0;
}

static int help(struct shell *shell, struct command_line *line)
{
	if (line->n > 1) {
		command_line_remove(line, 0);
		return command_line_insert(line, 1, "--help") < 0 ? 69 : run_words(shell, line, -1);
	}
	fputs(HELP, stdout);
	return run_words(shell, line, -1);
}

/* "cel query ..." and "cel-query ..." are "query ..." here, "list collections" is "list". Returns 0, or 69 without memory. */
static int simplify(struct command_line *line)
{
	if (strcmp(line->words[0].text, "cel") == 0 && line->n > 1)
		command_line_remove(line, 0);
	char *verb = line->words[0].text;
	size_t length = strlen(verb);
	if (length > 4 && strncmp(verb, "cel-", 4) == 0)
		memmove(verb, verb + 4, length - 4 + 1);
	if (line->n < 2 || strcmp(verb, "list") != 0)
		return 0;
	if (strcmp(line->words[1].text, "collections") == 0)
		command_line_remove(line, 1);
	else if (strcmp(line->words[1].text, "tags") == 0) {
		command_line_remove(line, 1);
		command_line_remove(line, 0);
		return command_line_insert(line, 0, "--list") < 0 || command_line_insert(line, 0, "tag") < 0 ? 69 : 0;
	}
	return 0;
}

struct result {
	int status;
	bool is_ignored; /* "-COMMAND" */
	bool is_end;     /* quit */
};

static void run_line(struct shell *shell, struct command_line *line, struct result *result)
{
	char *verb = line->words[0].text;
	if (verb[0] == '-' && verb[1] != '\0') {
		result->is_ignored = true;
		memmove(verb, verb + 1, strlen(verb));
	}
	result->status = simplify(line);
	verb = line->words[0].text;
	if (result->status != 0)
		return;
	result->is_end = line->n == 1 && (strcmp(verb, "quit") == 0 || strcmp(verb, "exit") == 0);
	if (result->is_end)
		return;
	if (strcmp(verb, "use") == 0)
		result->status = line->n <= 2 ? use(shell, line->n == 2 ? line->words[1].text : "")
					      : cli_usage(&shell->cli, "use: one COLLECTION, or none");
	else if (strcmp(verb, "help") == 0)
		result->status = help(shell, line);
	else
		result->status = run_tool(shell, line);
}

/* False: there was nothing to do on the line. */
static bool run_text(struct shell *shell, const char *text, struct result *result)
{
	struct command_line line;
	*result = (struct result){.status = command_line_split(&line, text)};
	bool is_something = result->status != 0 || line.n > 0;
	if (line.problem != NULL)
		fprintf(stderr, "%s: %s\n", shell->cli.command->name, line.problem);
	else if (result->status != 0)
		fprintf(stderr, "%s: out of memory\n", shell->cli.command->name);
	else if (line.n > 0)
		run_line(shell, &line, result);
	command_line_free(&line);
	return is_something;
}

/* At a terminal: goes on whatever happens. Returns the status of the last command. */
static int run_terminal(struct shell *shell)
{
	int status = 0, got;
	char *line = NULL;
	struct editor *editor = editor_new(shell);
	if (editor == NULL)
		return 69;
	signal(SIGQUIT, SIG_IGN);
	while ((got = editor_next(editor, &line)) != 0) {
		struct result result;
		if (got < 0)
			continue;
		if (run_text(shell, line, &result) && !result.is_end)
			status = result.status;
		free(line);
		if (result.is_end)
			break;
	}
	editor_free(editor);
	return status;
}

/* From a pipe: stops at a command that fails, unless told to keep going; then its status is that of the last that failed. */
static int run_pipe(struct shell *shell)
{
	const char *name = shell->cli.command->name;
	char *text = NULL;
	size_t capacity = 0;
	ssize_t n;
	int status = 0;
	for (unsigned long number = 1; (n = getline(&text, &capacity, stdin)) > 0; number++) {
		struct result result = {.status = 65};
		if (text[n - 1] == '\n')
			text[--n] = '\0';
		if (strlen(text) < (size_t)n)
			fprintf(stderr, "%s: a NUL is in the line\n", name);
		else if (!run_text(shell, text, &result))
			continue;
		if (result.is_end)
			break;
		if (result.status == 0 || result.is_ignored)
			continue;
		status = result.status;
		if (status == 128 + SIGPIPE)
			break; /* nobody reads any more */
		cli_say(&shell->cli, "line %lu ended with status %d", number, status);
		if (!shell->is_keeping_on)
			break;
	}
	if (n < 0 && ferror(stdin) != 0) {
		fprintf(stderr, "%s: standard input: %s\n", name, strerror(errno));
		status = 74;
	}
	free(text);
	return status;
}

int main(int argc, char **argv)
{
	struct shell shell = {0};
	cli_parse(&shell.cli, &COMMAND, &shell, argc, argv);
	shell.is_terminal = isatty(STDIN_FILENO) != 0;
	shell_find_cel(&shell);
	int status = 0;
	if (shell.cli.store != NULL && setenv("CEL_STORE", shell.cli.store, 1) != 0)
		status = 69;
	if (status == 0 && shell.begin_with != NULL)
		status = use(&shell, shell.begin_with);
	if (status == 0)
		status = shell.is_terminal ? run_terminal(&shell) : run_pipe(&shell);
	shell_free_helps(&shell);
	return cli_finish(&shell.cli, status);
}
