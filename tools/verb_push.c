/* SPDX-License-Identifier: Apache-2.0 */
/* cel push: a commit of ours goes to a collection of another store. */
#include <inttypes.h>

#include "json_line.h"
#include "option_groups.h"
#include "peer.h"
#include "stats.h"
#include "verbs.h"

struct push_tool {
	struct cli cli;
	struct peer peer;
	struct cel_push_options options;
	struct cel_place place;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "merge", NULL, "if it is no fast-forward: merge it there", CLI_FLAG(struct push_tool, options.is_merging)},
	POLICY_OPTION(struct push_tool, options,
		      "with --merge, of conflicts: fail (default), ours, theirs or newest; ours is there"),
	DRY_RUN_OPTION_FOR(struct push_tool, options, "say what would go, change nothing"),
	PEER_OPTIONS(struct push_tool, peer),
	CLI_OPTION_LOCK_WAIT_FOR("wait there so long for another writer (default 0)"),
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel push",
	.forms = "REV PLACE",
	.summary = "Bring REV, a collection or another commit, to the collection PLACE of another store: [USER@]HOST:PATH:NAME,\n"
		   "REMOTE:NAME or PATH:NAME. It goes there if all that is there is in our history already, or if it is new.\n"
		   "Exit status 1 means that it did not, and nothing was changed.",
	.options = OPTIONS,
	.examples = "  cel push words backup@host:/srv/store:words\n  cel push words berlin:words --merge --policy newest\n"
		    "  cel push words~1 berlin:old\n",
};

static const char *const OUTCOMES[] = {
	[CEL_PUSH_UNCHANGED] = "unchanged", [CEL_PUSH_CREATED] = "created",	    [CEL_PUSH_FAST_FORWARD] = "fast-forward",
	[CEL_PUSH_MERGED] = "merged",	    [CEL_PUSH_DIVERGED] = "diverged",   [CEL_PUSH_CONFLICTS] = "conflicts",
	[CEL_PUSH_DRY_RUN] = "dry-run",
};

static void print_json(FILE *out, const char *place, const struct cel_push_result *r, const struct cel_peer *peer)
{
	struct json j;
	uint64_t received, sent, round_trips;
	cel_peer_traffic(peer, &received, &sent, &round_trips);
	json_begin(&j, out);
	json_text(&j, "place", place);
	json_text(&j, "outcome", OUTCOMES[r->outcome]);
	json_optional(&j, "commit", r->commit);
	json_count(&j, "commits", r->commits);
	json_count(&j, "changes", r->changes);
	json_count(&j, "conflicts", r->conflicts);
	json_count(&j, "received", received);
	json_count(&j, "sent", sent);
	json_count(&j, "round_trips", round_trips);
	json_end(&j);
}

/* Returns the exit status. */
static int report(const struct cli *cli, const char *place, const struct cel_push_result *r, const struct cel_peer *peer)
{
	char traffic[80], what[100];
	if (cli->is_json)
		print_json(stdout, place, r, peer);
	if (stats_result() != NULL)
		print_json(stats_result(), place, r, peer);
	peer_format_traffic(peer, traffic);
	snprintf(what, sizeof what, "%" PRIu64 " commits, %" PRIu64 " changed records", r->commits, r->changes);
	switch (r->outcome) {
	case CEL_PUSH_UNCHANGED:
		cli_say(cli, "%s: has it already; %s", place, traffic);
		break;
	case CEL_PUSH_CREATED:
		cli_say(cli, "%s: made; %s; %s", place, what, traffic);
		break;
	case CEL_PUSH_FAST_FORWARD:
		cli_say(cli, "%s: fast-forward; %s; %s", place, what, traffic);
		break;
	case CEL_PUSH_MERGED:
		cli_say(cli, "%s: merged there; %s, %" PRIu64 " conflicts decided; commit %s; %s", place, what, r->conflicts,
			r->commit, traffic);
		break;
	case CEL_PUSH_DIVERGED:
		cli_say(cli, "%s: has commits that are not here, nothing was changed: merge them first ('cel pull'), or give --merge",
			place);
		break;
	case CEL_PUSH_CONFLICTS:
		cli_say(cli, "%s: %" PRIu64 " conflicts, nothing was changed (--policy decides them)", place, r->conflicts);
		break;
	case CEL_PUSH_DRY_RUN:
		cli_say(cli, "dry run: %s: %" PRIu64 " commits would go", place, r->commits);
		break;
	}
	return r->outcome == CEL_PUSH_DIVERGED || r->outcome == CEL_PUSH_CONFLICTS ? 1 : 0;
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct push_tool *tool = cli->tool;
	struct cel_push_result result;
	struct cel_peer *peer;
	struct cel_error e;
	tool->peer.options.is_pushing = !tool->options.is_dry_run;
	int status = peer_open(&tool->peer, store, &tool->place, &peer);
	if (status != 0)
		return status;
	if (cel_peer_push(peer, cli->operands[0], tool->place.rev, &tool->options, &result, &e) < 0) {
		status = cli_fail(&tool->cli, &e);
	} else {
			status = report(cli, cli->operands[1], &result, peer);
	}
	cel_peer_free(peer);
	return status;
}

int verb_push(int argc, char **argv)
{
	struct push_tool tool = {0};
	struct cli *cli = &tool.cli;
	struct cel_error e;
	cli_parse(cli, &COMMAND, &tool, argc, argv);
	peer_init(&tool.peer, cli);
	if (cli_given(cli, "policy") != NULL && !tool.options.is_merging)
		return cli_usage(cli, "--policy is for --merge");
	if (cel_place_parse(cli->operands[1], &tool.place, &e) < 0)
		return cli_usage(cli, "%s", e.message);
	if (tool.place.kind == CEL_PLACE_HERE)
		return cli_usage(cli, "'%s' names no other store: HOST:PATH:NAME, REMOTE:NAME or PATH:NAME does", cli->operands[1]);
	return cli_with_store(cli, true, run);
}
