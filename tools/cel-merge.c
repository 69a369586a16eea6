/* SPDX-License-Identifier: Apache-2.0 */
/* cel-merge: another line of history, or a patch, is merged into a collection. */
#include "author.h"
#include "cli.h"
#include "merged.h"
#include "option_groups.h"
#include "place.h"

struct merge_tool {
	struct cli cli;
	struct merged merged;
	struct peer peer;
	struct cel_merge_options options;
	const char *patch;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	POLICY_OPTION(struct merge_tool, options, "of conflicts: fail (default), ours, theirs or newest"),
	DRY_RUN_OPTION(struct merge_tool, options),
	{0, "patch", "FILE", "merge the patch in FILE (-: standard input)", CLI_TEXT(struct merge_tool, patch)},
	COMMIT_OPTIONS(struct merge_tool, options, "with --patch: "),
	JOBS_OPTION_FOR(struct merge_tool, options, "threads for the index"),
	NO_INDEX_OPTION(struct merge_tool, options),
	INDEX_OPTIONS(struct merge_tool, options),
	PEER_OPTIONS(struct merge_tool, peer),
	MAX_FETCH_OPTION(struct merge_tool, peer),
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};

static const struct cli_command COMMAND = {
	.name = "cel-merge",
	.forms = "COLLECTION PLACE\n--patch FILE COLLECTION",
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
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	peer_init(&tool.peer, &tool.cli);
	merged_init(&tool.merged, &tool.cli, &tool.options);
	const char *given = cli_given(&tool.cli, "message author time");
	if (tool.patch == NULL && given != NULL)
		return cli_usage(&tool.cli, "--%s is for --patch: a merge commit has none of its own, so that both sides make the same one", given);
	if (tool.options.author == NULL && tool.patch != NULL) /* to look it up takes a while */
		tool.options.author = author_default();
	struct places places = {.cli = &tool.cli, .peer = &tool.peer};
	const char *collection = tool.cli.operands[0];
	int status = open_stores(&tool, &places, &ours, &theirs, &place);
	if (status == 0) {
		int rc = tool.patch != NULL
				 ? cel_patch_apply(ours, collection, tool.patch, &tool.options, &result, &e)
				 : cel_merge(ours, collection, theirs, place.rev, &tool.options, &result, &e);
		status = merged_report(&tool.merged, collection, &tool.options, rc, &result, &e);
	}
	cli_close_places(&places);
	return cli_finish(&tool.cli, status);
}
