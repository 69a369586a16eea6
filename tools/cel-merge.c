/* SPDX-License-Identifier: Apache-2.0 */
/* cel-merge: another line of history, or a patch, is merged into a collection. */
#include <stdlib.h>
#include <string.h>

#include "author.h"
#include "cli.h"
#include "merged.h"
#include "place.h"

enum {
	OPT_POLICY = CLI_OWN,
	OPT_PATCH,
	OPT_AUTHOR,
	OPT_TIME,
	OPT_NO_INDEX,
	OPT_M,
	OPT_EF_CONSTRUCTION,
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{OPT_POLICY, "policy", "NAME", "of conflicts: fail (default), ours, theirs or newest"},
	{'n', "dry-run", NULL, "say what would happen, change nothing"},
	{OPT_PATCH, "patch", "FILE", "merge the patch in FILE (-: standard input)"},
	{'m', "message", "TEXT", "with --patch: the commit's message"},
	{OPT_AUTHOR, "author", "TEXT", "with --patch: its author (else CEL_AUTHOR, else user@host)"},
	{OPT_TIME, "time", "TIME", "with --patch: its time: YYYY-MM-DDTHH:MM:SSZ or Unix seconds (default: now)"},
	{'j', "jobs", "N", "threads for the index (default: all processors)"},
	{OPT_NO_INDEX, "no-index", NULL, "do not build the index"},
	{OPT_M, "M", "M", "links a node of the index (default 16)"},
	{OPT_EF_CONSTRUCTION, "ef-construction", "N", "beam while building the index (default 150)"},
	PEER_OPTIONS,
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};

static const struct cli_command COMMAND = {
	.name = "cel-merge",
	.usage = "[OPTION]... COLLECTION PLACE\n  or:  cel-merge [OPTION]... --patch FILE COLLECTION",
	.summary = "Merge PLACE, a rev, or PATH:REV, [USER@]HOST:PATH:REV or REMOTE:REV of another store, into COLLECTION, or the\n"
		   "changes of a patch.\n"
		   "Prints the conflicts, separated by tabs: ID KIND DECISION.\n"
		   "Exit status 1 means that there were conflicts and nothing was changed.",
	.options = OPTIONS,
	.examples = "  cel-merge words feature\n"
		    "  cel-merge words ../b-store:words --policy newest\n"
		    "  cel-merge words backup@host:/srv/store:words --policy newest\n"
		    "  cel-merge --dry-run words feature\n"
		    "  cel-diff words~3 words --patch | cel-merge --patch - --store ../b-store words\n",
};

struct merge_tool {
	struct cli cli;
	struct merged merged;
	struct peer peer;
	struct cel_merge_options options;
	const char *patch;
	bool has_commit_option;
};

static void parse_options(struct merge_tool *tool)
{
	struct cli *cli = &tool->cli;
	struct cel_error e;
	for (int id; (id = cli_next(cli)) != 0;) {
		if (peer_take(&tool->peer, id))
			continue;
		tool->has_commit_option |= id == 'm' || id == OPT_AUTHOR || id == OPT_TIME;
		switch (id) {
		case OPT_POLICY:
			if (cel_policy_parse(cli->value, &tool->options.policy, &e) < 0)
				exit(cli_usage(cli, "%s", e.message));
			break;
		case 'n':
			tool->options.is_dry_run = true;
			break;
		case OPT_PATCH:
			tool->patch = cli->value;
			break;
		case 'm':
			tool->options.message = cli->value;
			break;
		case OPT_AUTHOR:
			tool->options.author = cli->value;
			break;
		case OPT_TIME:
			tool->options.time = (int64_t)cli_time(cli);
			break;
		case 'j':
			tool->options.threads = (uint32_t)cli_count(cli, 1, 1024);
			break;
		case OPT_NO_INDEX:
			tool->options.is_without_index = true;
			break;
		case OPT_M:
			tool->options.M = (uint32_t)cli_count(cli, 4, 128);
			break;
		case OPT_EF_CONSTRUCTION:
			tool->options.ef_construction = (uint32_t)cli_count(cli, 8, 4096);
			break;
		}
	}
}

static int check_usage(const struct merge_tool *tool)
{
	const struct cli *cli = &tool->cli;
	if (tool->patch != NULL && cli->n_operands != 1)
		return cli_usage(cli, "--patch FILE, and one COLLECTION to merge it into");
	if (tool->patch == NULL && cli->n_operands != 2)
		return cli_usage(cli, "a COLLECTION, and the PLACE to merge into it");
	if (tool->patch == NULL && tool->has_commit_option)
		return cli_usage(cli, "-m, --author and --time are for --patch: a merge commit has none of its own, so that both "
				      "sides make the same one");
	return 0;
}

/* The collection's store is written to (in a dry run only for what is fetched), the other one only read. */
static int open_stores(struct merge_tool *tool, struct places *places, struct cel_store **ours, struct cel_store **theirs,
		       struct cel_place *place)
{
	bool is_patch = tool->patch != NULL;
	places->is_read_only = tool->options.is_dry_run && !is_patch && !peer_is_far(tool->cli.operands[1]);
	int status = cli_open_default(places, ours);
	places->is_read_only = true;
	if (status == 0 && !is_patch)
		status = cli_open_place(places, tool->cli.operands[1], theirs, place);
	if (places->origin[0] != '\0')
		tool->options.origin = places->origin;
	return status;
}

int main(int argc, char **argv)
{
	struct merge_tool tool = {.options.time = -1};
	struct cel_place place;
	struct cel_store *ours, *theirs;
	struct cel_merge_result result;
	struct cel_error e;
	cli_init(&tool.cli, &COMMAND, argc, argv);
	peer_init(&tool.peer, &tool.cli);
	parse_options(&tool);
	merged_init(&tool.merged, &tool.cli, &tool.options);
	int status = check_usage(&tool);
	if (status != 0)
		return status;
	if (tool.options.author == NULL && tool.patch != NULL) /* to look it up takes a while */
		tool.options.author = author_default();
	struct places places = {.cli = &tool.cli, .peer = &tool.peer};
	const char *collection = tool.cli.operands[0];
	status = open_stores(&tool, &places, &ours, &theirs, &place);
	if (status == 0) {
		int rc = tool.patch != NULL
				 ? cel_patch_apply(ours, collection, tool.patch, &tool.options, &result, &e)
				 : cel_merge(ours, collection, theirs, place.rev, &tool.options, &result, &e);
		status = merged_report(&tool.merged, collection, &tool.options, rc, &result, &e);
	}
	cli_close_places(&places);
	int finished = cli_finish(&tool.cli, status <= 1 ? 0 : status); /* a full disk matters more than the conflicts */
	return finished != 0 ? finished : status;
}
