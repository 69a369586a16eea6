/* SPDX-License-Identifier: Apache-2.0 */
/* cel reset: moves the name of a collection to another commit. */
#include "cli.h"
#include "json_line.h"
#include "verbs.h"

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE, CLI_OPTION_LOCK_WAIT, CLI_OPTION_JSON, CLI_OPTION_QUIET, CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel reset",
	.forms = "COLLECTION REV",
	.summary = "Make REV the latest commit of COLLECTION. Where it was before is COLLECTION@{1} from then on.",
	.options = OPTIONS,
	.examples = "  cel reset words words~1\n  cel reset words words@v1\n  cel reset words 'words@{1}'\n  cel log --moves words\n",
};

static void print_json(const char *name, const struct cel_reset_result *r)
{
	struct json j;
	json_begin(&j, stdout);
	json_text(&j, "collection", name);
	json_flag(&j, "is_moved", r->is_moved);
	json_text(&j, "old_commit", r->old_commit);
	json_text(&j, "commit", r->commit);
	json_end(&j);
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct cel_error e;
	struct cel_reset_result result;
	const char *name = cli->operands[0];
	if (cel_collection_reset(store, name, cli->operands[1], &result, &e) < 0)
		return cli_fail(cli, &e);
	if (cli->is_json)
		print_json(name, &result);
	if (result.is_moved)
		cli_say(cli, "%s is at %s now, was at %s; back with: cel reset %s '%s@{1}'", name, result.commit,
			result.old_commit, name, name);
	else
		cli_say(cli, "%s is at %s already", name, result.commit);
	return 0;
}

int verb_reset(int argc, char **argv)
{
	struct cli cli;
	cli_parse(&cli, &COMMAND, NULL, argc, argv);
	return cli_with_store(&cli, false, run);
}
