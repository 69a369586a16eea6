/* SPDX-License-Identifier: Apache-2.0 */
/* cel reset: moves the name of a collection to another commit. */
#include "cli.h"
#include "verbs.h"

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE, CLI_OPTION_LOCK_WAIT, CLI_OPTION_JSON, CLI_OPTION_QUIET, CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel reset",
	.usage = "[OPTION]... COLLECTION REV",
	.summary = "Make REV the latest commit of COLLECTION. Where it was before is COLLECTION@{1} from then on.",
	.options = OPTIONS,
	.examples = "  cel reset words words~1\n  cel reset words words@v1\n  cel reset words 'words@{1}'\n  cel log --moves words\n",
};

int verb_reset(int argc, char **argv)
{
	struct cli cli;
	struct cel_error e;
	struct cel_store *store;
	struct cel_reset_result result;
	cli_init(&cli, &COMMAND, argc, argv);
	cli_no_options(&cli);
	if (cli.n_operands != 2)
		return cli_usage(&cli, "a COLLECTION and a REV, please");
	int status = cli_open_store(&cli, false, &store);
	if (status != 0)
		return status;
	const char *name = cli.operands[0];
	int rc = cel_collection_reset(store, name, cli.operands[1], &result, &e);
	cel_store_free(store);
	if (rc < 0)
		return cli_finish(&cli, cli_fail(&cli, &e));
	if (cli.is_json)
		printf("{\"collection\":\"%s\",\"is_moved\":%s,\"old_commit\":\"%s\",\"commit\":\"%s\"}\n", name,
		       result.is_moved ? "true" : "false", result.old_commit, result.commit);
	if (result.is_moved)
		cli_say(&cli, "%s is at %s now, was at %s; back with: cel reset %s '%s@{1}'", name, result.commit,
			result.old_commit, name, name);
	else
		cli_say(&cli, "%s is at %s already", name, result.commit);
	return cli_finish(&cli, 0);
}
