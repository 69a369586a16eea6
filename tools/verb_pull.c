/* SPDX-License-Identifier: Apache-2.0 */
/* cel pull: what is new in another store is fetched, then merged, or becomes the collection if there is none of that name. */
#include <stdlib.h>

#include "merged.h"
#include "peer.h"
#include "verbs.h"

enum { OPT_POLICY = CLI_OWN, OPT_NO_INDEX, OPT_M, OPT_EF_CONSTRUCTION };
static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{OPT_POLICY, "policy", "NAME", "of conflicts: fail (default), ours, theirs or newest"},
	{'n', "dry-run", NULL, "say what would happen; what was fetched stays, no collection moves"},
	PEER_OPTIONS,
	{'j', "jobs", "N", "threads for the index (default: all processors)"},
	{OPT_NO_INDEX, "no-index", NULL, "do not build the index"},
	{OPT_M, "M", "M", "links a node of the index (default 16)"},
	{OPT_EF_CONSTRUCTION, "ef-construction", "N", "beam while building the index (default 150)"},
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel pull",
	.usage = "[OPTION]... COLLECTION PLACE",
	.summary = "Fetch PLACE, a rev of another store ([USER@]HOST:PATH:REV, REMOTE:REV or PATH:REV), and merge it into\n"
		   "COLLECTION as cel-merge does, or make COLLECTION if there is none.\n"
		   "Exit status 1 means that there were conflicts and nothing was changed.",
	.options = OPTIONS,
	.examples = "  cel pull words backup@host:/srv/store:words\n  cel pull words berlin:words --policy newest\n",
};

struct pull_tool {
	struct cli cli;
	struct peer peer;
	struct merged merged;
	struct cel_merge_options options;
};

static void parse_options(struct pull_tool *tool)
{
	struct cli *cli = &tool->cli;
	struct cel_error e;
	for (int id; (id = cli_next(cli)) != 0;) {
		if (peer_take(&tool->peer, id))
			continue;
		switch (id) {
		case OPT_POLICY:
			if (cel_policy_parse(cli->value, &tool->options.policy, &e) < 0)
				exit(cli_usage(cli, "%s", e.message));
			break;
		case 'n':
			tool->options.is_dry_run = true;
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
	progress_clear(&tool->merged.progress);
	if (rc < 0)
		return cli_fail(&tool->cli, &e);
	cli_say(&tool->cli, "%s: made, at commit %s", name, fetched->commit);
	return 0;
}

static int pull(struct pull_tool *tool, struct cel_store *store, const struct cel_place *place)
{
	struct cli *cli = &tool->cli;
	const char *name = cli->operands[0];
	struct cel_fetch_result fetched;
	struct cel_merge_result result;
	struct cel_peer *peer;
	struct cel_error e;
	int status = peer_open(&tool->peer, store, place, &peer);
	if (status != 0)
		return status;
	status = peer_fetch(&tool->peer, peer, place->rev, false, &fetched);
	if (status == 0)
		peer_say_fetched(&tool->peer, cli->operands[1], &fetched, peer);
	cel_peer_free(peer);
	if (status != 0)
		return status;
	int rc = peer_has_collection(store, name, &e);
	if (rc < 0)
		return cli_fail(cli, &e);
	if (rc == 0)
		return create(tool, store, &fetched);
	tool->options.origin = fetched.origin;
	rc = cel_merge(store, name, NULL, fetched.commit, &tool->options, &result, &e);
	return merged_report(&tool->merged, name, &tool->options, rc, &result, &e);
}

int verb_pull(int argc, char **argv)
{
	struct pull_tool tool = {.options.time = -1};
	struct cli *cli = &tool.cli;
	struct cel_store *store;
	struct cel_place place;
	struct cel_error e;
	cli_init(cli, &COMMAND, argc, argv);
	peer_init(&tool.peer, cli);
	parse_options(&tool);
	merged_init(&tool.merged, cli, &tool.options);
	if (cli->n_operands != 2)
		return cli_usage(cli, "a COLLECTION, and the PLACE from which it comes");
	if (cel_place_parse(cli->operands[1], &place, &e) < 0)
		return cli_usage(cli, "%s", e.message);
	if (place.kind == CEL_PLACE_HERE)
		return cli_usage(cli, "'%s' names no other store (cel-merge merges what is in this one)", cli->operands[1]);
	int status = cli_open_store(cli, false, &store);
	if (status == 0) {
		status = pull(&tool, store, &place);
		cel_store_free(store);
	}
	int finished = cli_finish(cli, status <= 1 ? 0 : status);
	return finished != 0 ? finished : status;
}
