/* SPDX-License-Identifier: Apache-2.0 */
/* cel revert: takes back what one commit changed, as a new commit. */
#include <stdlib.h>

#include "author.h"
#include "cli.h"
#include "merged.h"
#include "verbs.h"

enum { OPT_PARENT = CLI_OWN, OPT_POLICY, OPT_AUTHOR, OPT_TIME, OPT_NO_INDEX };
static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{OPT_PARENT, "parent", "REV", "of a merge: the parent to go back to"},
	{OPT_POLICY, "policy", "NAME", "of records changed since: fail (default), ours or theirs"},
	{'n', "dry-run", NULL, "say what would happen, change nothing"},
	{'m', "message", "TEXT", "the commit's message (default: revert COMMIT)"},
	{OPT_AUTHOR, "author", "TEXT", "the commit's author (else CEL_AUTHOR, else user@host)"},
	{OPT_TIME, "time", "TIME", "the commit's time: YYYY-MM-DDTHH:MM:SSZ or Unix seconds (default: now)"},
	{'j', "jobs", "N", "threads for the index (default: all processors)"},
	{OPT_NO_INDEX, "no-index", NULL, "do not build the index"},
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel revert",
	.usage = "[OPTION]... COLLECTION COMMIT",
	.summary = "Take back what COMMIT, a rev in the history of COLLECTION, changed against its parent, as a new commit.\n"
		   "Prints what was changed again since, separated by tabs: ID KIND DECISION. Exit status 1 means that\n"
		   "nothing was changed for that reason.",
	.options = OPTIONS,
	.examples = "  cel revert words words\n  cel revert words words~2 --policy theirs\n  cel revert words words --parent words@v1\n",
};

static void parse_options(struct cli *cli, struct cel_merge_options *options, const char **parent)
{
	struct cel_error e;
	for (int id; (id = cli_next(cli)) != 0;) {
		switch (id) {
		case OPT_PARENT:
			*parent = cli->value;
			break;
		case OPT_POLICY:
			if (cel_policy_parse(cli->value, &options->policy, &e) < 0)
				exit(cli_usage(cli, "%s", e.message));
			break;
		case 'n':
			options->is_dry_run = true;
			break;
		case 'm':
			options->message = cli->value;
			break;
		case OPT_AUTHOR:
			options->author = cli->value;
			break;
		case OPT_TIME:
			options->time = (int64_t)cli_time(cli);
			break;
		case 'j':
			options->threads = (uint32_t)cli_count(cli, 1, 1024);
			break;
		case OPT_NO_INDEX:
			options->is_without_index = true;
			break;
		}
	}
}

int verb_revert(int argc, char **argv)
{
	struct cli cli;
	struct merged merged;
	struct cel_error e;
	struct cel_store *store;
	struct cel_merge_result result;
	struct cel_merge_options options = {.time = -1};
	const char *parent = NULL;
	cli_init(&cli, &COMMAND, argc, argv);
	parse_options(&cli, &options, &parent);
	if (cli.n_operands != 2)
		return cli_usage(&cli, "a COLLECTION and a COMMIT, please");
	merged_init(&merged, &cli, &options);
	if (options.author == NULL)
		options.author = author_default();
	int status = cli_open_store(&cli, options.is_dry_run, &store);
	if (status != 0)
		return status;
	int rc = cel_revert(store, cli.operands[0], cli.operands[1], parent, &options, &result, &e);
	cel_store_free(store);
	status = merged_report(&merged, cli.operands[0], &options, rc, &result, &e);
	int finished = cli_finish(&cli, status <= 1 ? 0 : status);
	return finished != 0 ? finished : status;
}
