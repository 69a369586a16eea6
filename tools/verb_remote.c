/* SPDX-License-Identifier: Apache-2.0 */
/* cel remote: short names for the places of other stores. */
#include <inttypes.h>

#include "cli.h"
#include "json_line.h"
#include "verbs.h"

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE, CLI_OPTION_LOCK_WAIT, CLI_OPTION_JSON, CLI_OPTION_QUIET, CLI_OPTIONS_END};
static const struct cli_command COMMAND = {
	.name = "cel remote",
	.forms = "add NAME PLACE\nremove REMOTE\n[list]",
	.summary = "Keep short names for other stores: NAME:REV is then a place as PLACE:REV is. PLACE is [USER@]HOST:PATH,\n"
		   "or a PATH on this host. Without an argument: list NAME PLACE.",
	.options = OPTIONS,
	.examples = "  cel remote add berlin backup@host:/srv/store\n  cel-diff words berlin:words --stat\n"
		    "  cel remote remove berlin\n",
};

static int print_remote(void *context, const char *name, const char *place, struct cel_error *e)
{
	const struct cli *cli = context;
	struct json j;
	(void)e;
	if (!cli->is_json) {
		printf("%s\t%s\n", name, place);
		return 0;
	}
	json_begin(&j, stdout);
	json_text(&j, "remote", name);
	json_text(&j, "place", place);
	json_end(&j);
	return 0;
}

static void say_removed(const struct cli *cli, const char *name, const struct cel_remote_removal *r)
{
	if (r->fetched > 0)
		cli_say(cli, "removed the remote %s; what was fetched from it, %" PRIu64 " collection%s, is kept no longer ('cel gc' makes room)",
			name, r->fetched, r->fetched == 1 ? "" : "s");
	else
		cli_say(cli, "removed the remote %s", name);
	if (r->shared_with[0] != '\0')
		cli_say(cli, "what was fetched from it stays as long as the remote %s, which is the same store", r->shared_with);
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct cel_error e;
	bool is_adding = cli->n_operands == 3;
	if (cli->n_operands < 2)
		return cel_remote_list(store, print_remote, cli, &e) < 0 ? cli_fail(cli, &e) : 0;
	const char *name = cli->operands[1];
	struct cel_remote_removal removal;
	int rc = is_adding ? cel_remote_add(store, name, cli->operands[2], &e) : cel_remote_remove(store, name, &removal, &e);
	if (rc < 0)
		return cli_fail(cli, &e);
	if (is_adding)
		cli_say(cli, "added the remote %s", name);
	else
		say_removed(cli, name, &removal);
	return 0;
}

int verb_remote(int argc, char **argv)
{
	struct cli cli;
	cli_parse(&cli, &COMMAND, NULL, argc, argv);
	return cli_with_store(&cli, cli.n_operands < 2, run);
}
