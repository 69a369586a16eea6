/* SPDX-License-Identifier: Apache-2.0 */
/* cel pull: what is new in another store is fetched, then merged, or becomes the collection if there is none of that name. */
#include <string.h>

#include "fetched_tags.h"
#include "merged.h"
#include "option_groups.h"
#include "peer.h"
#include "verbs.h"

struct pull_tool {
	struct cli cli;
	struct peer peer;
	struct fetched_tags tags;
	struct merged merged;
	struct cel_merge_options options;
	struct cel_place place;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	POLICY_OPTION(struct pull_tool, options, "of conflicts: fail (default), ours, theirs or newest"),
	DRY_RUN_OPTION_FOR(struct pull_tool, options, "say what would happen; what was fetched stays, no collection moves"),
	NO_TAGS_OPTION(struct pull_tool, tags),
	PEER_OPTIONS(struct pull_tool, peer),
	MAX_FETCH_OPTION(struct pull_tool, peer),
	JOBS_OPTION_FOR(struct pull_tool, options, "threads for the index"),
	NO_INDEX_OPTION(struct pull_tool, options),
	INDEX_OPTIONS(struct pull_tool, options),
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel pull",
	.forms = "COLLECTION PLACE",
	.summary = "Fetch PLACE, a rev of another store ([USER@]HOST:PATH:REV, REMOTE:REV or PATH:REV), and merge it into\n"
		   "COLLECTION as cel-merge does, or make COLLECTION if there is none.\n"
		   "Exit status 1 means that there were conflicts and nothing was changed.",
	.options = OPTIONS,
	.examples = "  cel pull words backup@host:/srv/store:words\n  cel pull words berlin:words --policy newest\n",
};

static int create(struct pull_tool *tool, struct cel_store *store, const struct cel_fetch_result *fetched)
{
	const char *name = tool->cli.operands[0];
	struct cel_index_options index = {.M = tool->options.M, .ef_construction = tool->options.ef_construction,
					  .threads = tool->options.threads, .on_progress = tool->options.on_progress,
					  .context = tool->options.context};
	struct cel_error e;
	if (tool->options.is_dry_run) {
		cli_say(&tool->cli, "dry run: %s: would be made, at commit %s", name, fetched->commit);
		return 0;
	}
	int rc = cel_collection_create_from(store, name, fetched->commit, &e);
	if (rc == 0 && !tool->options.is_without_index)
		rc = cel_index_build(store, name, &index, &e);
	if (rc < 0)
		return cli_fail(&tool->cli, &e);
	cli_say(&tool->cli, "%s: made, at commit %s", name, fetched->commit);
	return 0;
}

/* The name of the collection there. */
static void name_there(const struct pull_tool *tool, char out[CEL_NAME_MAX + 2])
{
	snprintf(out, CEL_NAME_MAX + 2, "%.*s", (int)strcspn(tool->place.rev, "~@"), tool->place.rev);
}

static int fetch(struct pull_tool *tool, struct cel_store *store, struct cel_fetch_result *fetched)
{
	char name[CEL_NAME_MAX + 2];
	struct cel_peer *peer;
	int status = peer_open(&tool->peer, store, &tool->place, &peer);
	if (status != 0)
		return status;
	name_there(tool, name);
	status = peer_fetch(&tool->peer, peer, tool->place.rev, false, fetched);
	if (status == 0)
		peer_say_fetched(&tool->peer, tool->cli.operands[1], fetched, peer);
	if (status == 0)
		status = fetched_tags_list(&tool->tags, &tool->cli, peer, name);
	cel_peer_free(peer);
	return status;
}

/* Tags are those of a collection: where it is merged into one of another name, they are not meant. */
static int adopt_tags(struct pull_tool *tool, struct cel_store *store, bool is_new, const struct cel_fetch_result *fetched)
{
	const char *name = tool->cli.operands[0];
	char there[CEL_NAME_MAX + 2];
	name_there(tool, there);
	if (!is_new && strcmp(there, name) != 0)
		return 0;
	return fetched_tags_adopt(&tool->tags, &tool->cli, store, name, fetched->commit, tool->options.is_dry_run);
}

static int merge(struct pull_tool *tool, struct cel_store *store, const struct cel_fetch_result *fetched)
{
	const char *name = tool->cli.operands[0];
	struct cel_merge_result result;
	struct cel_error e;
	tool->options.origin = fetched->origin;
	int rc = cel_merge(store, name, NULL, fetched->commit, &tool->options, &result, &e);
	return merged_report(&tool->merged, name, &tool->options, rc, &result, &e);
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct pull_tool *tool = cli->tool;
	struct cel_fetch_result fetched;
	struct cel_error e;
	int status = fetch(tool, store, &fetched);
	if (status != 0)
		return status;
	int rc = peer_has_collection(store, cli->operands[0], &e);
	if (rc < 0)
		return cli_fail(cli, &e);
	status = rc == 0 ? create(tool, store, &fetched) : merge(tool, store, &fetched);
	return status != 0 ? status : adopt_tags(tool, store, rc == 0, &fetched);
}

int verb_pull(int argc, char **argv)
{
	struct pull_tool tool = {.options.time = -1};
	struct cli *cli = &tool.cli;
	struct cel_error e;
	cli_parse(cli, &COMMAND, &tool, argc, argv);
	peer_init(&tool.peer, cli);
	merged_init(&tool.merged, cli, &tool.options);
	if (cel_place_parse(cli->operands[1], &tool.place, &e) < 0)
		return cli_usage(cli, "%s", e.message);
	if (tool.place.kind == CEL_PLACE_HERE)
		return cli_usage(cli, "'%s' names no other store (cel-merge merges what is in this one)", cli->operands[1]);
	int status = cli_with_store(cli, false, run);
	fetched_tags_free(&tool.tags);
	return status;
}
