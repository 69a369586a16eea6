/* SPDX-License-Identifier: Apache-2.0 */
/* cel tag: names for single commits of a collection. The tag comes first, then what it names, as in `cel tag v1 words`;
 * one operand alone is a collection whose tags are listed. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "print.h"
#include "verbs.h"

struct tag_tool {
	struct cli cli;
	bool is_list, is_delete, is_forced;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "list", NULL, "list the tags of COLLECTION, or of all", CLI_FLAG(struct tag_tool, is_list)},
	{0, "delete", NULL, "remove the tag", CLI_FLAG(struct tag_tool, is_delete)},
	{0, "force", NULL, "move a tag that is there already", CLI_FLAG(struct tag_tool, is_forced)},
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel tag",
	.forms = "[--force] TAG REV\n--delete TAG [COLLECTION]\n[--list] [COLLECTION]",
	.summary = "Give the commit REV the name COLLECTION@TAG, COLLECTION being what REV begins with; TAG may also be\n"
		   "written COLLECTION@TAG, then REV is any commit. Without TAG: list rev, commit, time, records of the tags.",
	.options = OPTIONS,
	.exclusive = {"list delete force"},
	.examples = "  cel tag v1 words\n  cel tag v0 words~2\n  cel query words@v1 q.npy\n  cel tag words\n"
		    "  cel tag --delete v1 words\n",
};

static void print_tag(const struct cel_revision *r, bool is_json)
{
	if (is_json) {
		print_revision_json(r, NULL);
		return;
	}
	printf("%s@%s\t%s\t", r->name, r->tag, r->commit);
	print_time(stdout, r->time);
	printf("\t%" PRIu64 "\n", r->records);
}

static int list_tags(const struct cli *cli, struct cel_store *store)
{
	struct cel_error e;
	struct cel_list *list;
	const struct cel_revision *r;
	int rc = cel_tag_list(store, cli->n_operands == 1 ? cli->operands[0] : NULL, &list, &e);
	if (rc < 0)
		return cli_fail(cli, &e);
	while ((rc = cel_list_next(list, &r, &e)) == 1)
		print_tag(r, cli->is_json);
	cel_list_free(list);
	return rc < 0 ? cli_fail(cli, &e) : 0;
}

/* TAG or COLLECTION@TAG; *collection stays as it is if none is named. False if the collection's name is too long. */
static bool split_tag(const char *text, char name[CEL_NAME_MAX + 1], const char **collection, const char **tag)
{
	const char *at = strchr(text, '@');
	*tag = at != NULL ? at + 1 : text;
	if (at == NULL)
		return true;
	size_t length = (size_t)(at - text);
	if (length > CEL_NAME_MAX)
		return false;
	memcpy(name, text, length);
	name[length] = '\0';
	*collection = name;
	return true;
}

static int set_tag(const struct cli *cli, struct cel_store *store, bool is_forced)
{
	struct cel_error e;
	char name[CEL_NAME_MAX + 1];
	const char *collection = NULL, *tag, *rev = cli->operands[1];
	if (!split_tag(cli->operands[0], name, &collection, &tag))
		return cli_usage(cli, "the name of the collection is too long");
	int rc = cel_tag_set(store, collection, tag, rev, is_forced, &e);
	if (rc == 0) {
		cli_say(cli, "%.*s@%s is %s", collection != NULL ? (int)strlen(collection) : (int)strcspn(rev, "@~"),
			collection != NULL ? collection : rev, tag, rev);
		return 0;
	}
	struct cel_revision *swapped;
	struct cel_error other;
	if (rc == CEL_ENOINPUT && cel_revision_get(store, cli->operands[0], &swapped, &other) == 0) {
		cel_revision_free(swapped);
		fprintf(stderr, "%s: %s (the tag comes first: 'cel tag %s %s'?)\n", cli->command->name, e.message, rev,
			cli->operands[0]);
		return cel_error_exit_status(e.code);
	}
	return cli_fail(cli, &e);
}

static int delete_tag(const struct cli *cli, struct cel_store *store)
{
	struct cel_error e;
	char name[CEL_NAME_MAX + 1];
	const char *collection = cli->n_operands == 2 ? cli->operands[1] : NULL, *tag;
	if (!split_tag(cli->operands[0], name, &collection, &tag) || collection == NULL ||
	    (cli->n_operands == 2 && collection == name))
		return cli_usage(cli, "--delete takes TAG COLLECTION, or COLLECTION@TAG");
	if (cel_tag_delete(store, collection, tag, &e) < 0)
		return cli_fail(cli, &e);
	cli_say(cli, "removed the tag %s@%s", collection, tag);
	return 0;
}

static int run(struct cli *cli, struct cel_store *store)
{
	const struct tag_tool *tool = cli->tool;
	return tool->is_list ? list_tags(cli, store) : tool->is_delete ? delete_tag(cli, store) : set_tag(cli, store, tool->is_forced);
}

int verb_tag(int argc, char **argv)
{
	struct tag_tool tool = {0};
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	tool.is_list |= !tool.is_delete && tool.cli.n_operands < 2;
	return cli_with_store(&tool.cli, tool.is_list, run);
}
