/* SPDX-License-Identifier: Apache-2.0 */
/* cel reset: moves the name of a collection to another commit. */
#include "cli.h"
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

static int run(struct cli *cli, struct cel_store *store)
{
	struct cel_error e;
	struct cel_reset_result result;
	const char *name = cli->operands[0];
	if (cel_collection_reset(store, name, cli->operands[1], &result, &e) < 0)
		return cli_fail(cli, &e);
	if (cli->is_json)
		printf("{\"collection\":\"%s\",\"is_moved\":%s,\"old_commit\":\"%s\",\"commit\":\"%s\"}\n", name,
		       result.is_moved ? "true" : "false", result.old_commit, result.commit);
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
