/* SPDX-License-Identifier: Apache-2.0 */
/* cel index: building what is derived. */
#include "cli.h"
#include "option_groups.h"
#include "progress.h"
#include "verbs.h"

struct index_tool {
	struct cli cli;
	struct cel_index_options options;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	INDEX_OPTIONS(struct index_tool, options),
	{0, "canonical", NULL, "build anew, so that others can check the file by building it",
	 CLI_FLAG(struct index_tool, options.is_canonical)},
	JOBS_OPTION(struct index_tool, options),
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel index",
	.forms = "REV",
	.summary = "Make the index of REV unless a good one is there: carry that of a near commit along, or build one.",
	.options = OPTIONS,
	.examples = "  cel index words\n  cel index --canonical words\n  cel index words --ef-construction 400\n",
};

static int run(struct cli *cli, struct cel_store *store)
{
	struct index_tool *tool = cli->tool;
	struct cel_error e;
	int rc = cel_index_build(store, cli->operands[0], &tool->options, &e);
	return rc < 0 ? cli_fail(cli, &e) : 0;
}

int verb_index(int argc, char **argv)
{
	struct index_tool tool = {.options.on_progress = progress_tell};
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	return cli_with_store(&tool.cli, false, run);
}
