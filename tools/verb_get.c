/* SPDX-License-Identifier: Apache-2.0 */
/* cel get: records by id, in the form that cel-build reads. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "print.h"
#include "verbs.h"

struct get_tool {
	struct cli cli;
	struct cel_store *store;
	const char *rev;
	bool is_nul;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{'0', "null", NULL, "ids on standard input end with NUL, not newline", CLI_FLAG(struct get_tool, is_nul)},
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel get",
	.forms = "REV ID...",
	.summary = "Print the records of these ids as JSON Lines. An ID of - stands for ids on standard input, one a line.",
	.options = OPTIONS,
	.examples = "  cel get words king\n  cut -f 3 answers.tsv | cel get words -\n",
};

/* Raises *status: nothing found (1) does not stop the work, trouble does. */
static bool get_one(struct get_tool *tool, const char *id, size_t size, int *status)
{
	struct cel_record *record;
	struct cel_error e;
	int rc = cel_record_get(tool->store, tool->rev, id, size, &record, &e);
	if (rc < 0) {
		*status = cli_fail(&tool->cli, &e);
		return rc == CEL_ENOTFOUND;
	}
	print_json_record(record);
	cel_record_free(record);
	return true;
}

static int get_from_stdin(struct get_tool *tool, int *status)
{
	int end = tool->is_nul ? '\0' : '\n';
	char *line = NULL;
	size_t capacity = 0;
	ssize_t n;
	bool is_going = true;
	while (is_going && (n = getdelim(&line, &capacity, end, stdin)) > 0) {
		if (line[n - 1] == (char)end)
			n--;
		is_going = get_one(tool, line, (size_t)n, status);
	}
	free(line);
	return is_going;
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct get_tool *tool = cli->tool;
	int status = 0;
	bool is_going = true;
	tool->store = store;
	tool->rev = cli->operands[0];
	for (int i = 1; is_going && i < cli->n_operands; i++) {
		const char *id = cli->operands[i];
		is_going = strcmp(id, "-") == 0 ? get_from_stdin(tool, &status) : get_one(tool, id, strlen(id), &status);
	}
	return status;
}

int verb_get(int argc, char **argv)
{
	struct get_tool tool = {0};
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	return cli_with_store(&tool.cli, true, run);
}
