/* SPDX-License-Identifier: Apache-2.0 */
/* cel revert: takes back what one commit changed, as a new commit. */
#include "author.h"
#include "cli.h"
#include "merged.h"
#include "option_groups.h"
#include "verbs.h"

struct revert_tool {
	struct cli cli;
	struct merged merged;
	struct cel_merge_options options;
	const char *parent;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "parent", "REV", "of a merge: the parent to go back to", CLI_TEXT(struct revert_tool, parent)},
	{0, "policy", "POLICY", "of records changed since: fail (default), ours or theirs",
	 CLI_CHOICE(struct revert_tool, options.policy, CEL_POLICY_FAIL, "fail ours theirs")},
	DRY_RUN_OPTION(struct revert_tool, options),
	COMMIT_OPTIONS(struct revert_tool, options, ""),
	JOBS_OPTION_FOR(struct revert_tool, options, "threads for the index"),
	NO_INDEX_OPTION(struct revert_tool, options),
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel revert",
	.forms = "COLLECTION COMMIT",
	.summary = "Take back what COMMIT, a rev in the history of COLLECTION, changed against its parent, as a new commit.\n"
		   "Prints what was changed again since, separated by tabs: ID KIND DECISION. Exit status 1 means that\n"
		   "nothing was changed for that reason.",
	.options = OPTIONS,
	.examples = "  cel revert words words\n  cel revert words words~2 --policy theirs\n  cel revert words words --parent words@v1\n",
};

static int run(struct cli *cli, struct cel_store *store)
{
	struct revert_tool *tool = cli->tool;
	struct cel_merge_result result;
	struct cel_error e;
	int rc = cel_revert(store, cli->operands[0], cli->operands[1], tool->parent, &tool->options, &result, &e);
	return merged_report(&tool->merged, cli->operands[0], &tool->options, rc, &result, &e);
}

int verb_revert(int argc, char **argv)
{
	struct revert_tool tool = {.options.time = -1};
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	merged_init(&tool.merged, &tool.cli, &tool.options);
	if (tool.options.author == NULL)
		tool.options.author = author_default();
	return cli_with_store(&tool.cli, tool.options.is_dry_run, run);
}
