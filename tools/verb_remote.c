/* SPDX-License-Identifier: Apache-2.0 */
/* cel remote: short names for the places of other stores. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "print.h"
#include "verbs.h"

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE, CLI_OPTION_LOCK_WAIT, CLI_OPTION_JSON, CLI_OPTION_QUIET, CLI_OPTIONS_END};
static const struct cli_command COMMAND = {
	.name = "cel remote",
	.usage = "[OPTION]... add NAME PLACE | remove NAME | [list]",
	.summary = "Keep short names for other stores: NAME:REV is then a place as PLACE:REV is. PLACE is [USER@]HOST:PATH,\n"
		   "or a PATH on this host. Without an argument: list NAME PLACE.",
	.options = OPTIONS,
	.examples = "  cel remote add berlin backup@host:/srv/store\n  cel-diff words berlin:words --stat\n"
		    "  cel remote remove berlin\n",
};

static int print_remote(void *context, const char *name, const char *place, struct cel_error *e)
{
	const struct cli *cli = context;
	(void)e;
	if (!cli->is_json) {
		printf("%s\t%s\n", name, place);
		return 0;
	}
	printf("{\"remote\":");
	print_json_text(stdout, name);
	printf(",\"place\":");
	print_json_text(stdout, place);
	printf("}\n");
	return 0;
}

enum action { ADD, REMOVE, LIST };

/* False, having said why, if the operands are none of the three forms. */
static bool find_action(const struct cli *cli, enum action *out)
{
	static const struct {
		const char *word;
		int n_operands;
		const char *needs;
	} ACTIONS[] = {[ADD] = {"add", 3, "a NAME and a PLACE"}, [REMOVE] = {"remove", 2, "a NAME"}, [LIST] = {"list", 1, "nothing more"}};
	*out = LIST;
	if (cli->n_operands == 0)
		return true;
	for (int i = 0; i < 3; i++) {
		if (strcmp(cli->operands[0], ACTIONS[i].word) != 0)
			continue;
		*out = (enum action)i;
		if (cli->n_operands == ACTIONS[i].n_operands)
			return true;
		cli_usage(cli, "%s takes %s", ACTIONS[i].word, ACTIONS[i].needs);
		return false;
	}
	cli_usage(cli, "'%s' is none of add, remove and list", cli->operands[0]);
	return false;
}

int verb_remote(int argc, char **argv)
{
	struct cli cli;
	struct cel_error e;
	struct cel_store *store;
	enum action action;
	cli_init(&cli, &COMMAND, argc, argv);
	cli_no_options(&cli);
	if (!find_action(&cli, &action))
		return EXIT_USAGE;
	int status = cli_open_store(&cli, action == LIST, &store);
	if (status != 0)
		return status;
	int rc = action == ADD	    ? cel_remote_add(store, cli.operands[1], cli.operands[2], &e)
		 : action == REMOVE ? cel_remote_remove(store, cli.operands[1], &e)
				    : cel_remote_list(store, print_remote, &cli, &e);
	if (rc < 0)
		status = cli_fail(&cli, &e);
	else if (action != LIST)
		cli_say(&cli, "%s the remote %s", action == ADD ? "added" : "removed", cli.operands[1]);
	cel_store_free(store);
	return cli_finish(&cli, status);
}
