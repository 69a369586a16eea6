/* SPDX-License-Identifier: Apache-2.0 */
/* cel init, cel create, cel delete: stores and the names of collections. */
#include <string.h>

#include "cli.h"
#include "verbs.h"

static const struct cli_option INIT_OPTIONS[] = {CLI_OPTION_QUIET, CLI_OPTIONS_END};
static const struct cli_command INIT = {
	.name = "cel init",
	.forms = "[DIR]",
	.summary = "Make DIR (default .cel) a new, empty store.",
	.options = INIT_OPTIONS,
	.examples = "  cel init\n  cel init /srv/store\n",
};

int verb_init(int argc, char **argv)
{
	struct cli cli;
	struct cel_error e;
	cli_parse(&cli, &INIT, NULL, argc, argv);
	const char *path = cli.n_operands == 1 ? cli.operands[0] : ".cel";
	if (cel_store_init(path, &e) < 0)
		return cli_fail(&cli, &e);
	cli_say(&cli, "made the store %s", path);
	return cli_finish(&cli, 0);
}

struct create_tool {
	struct cli cli;
	struct cel_schema schema;
	const char *model, *from;
};
static const struct cli_option CREATE_OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "dim", "N", "elements a vector (needed, unless there is --from)",
	 CLI_COUNT(struct create_tool, schema.dim, 1, CEL_DIM_MAX)},
	{0, "metric", "METRIC", "l2 (default), ip, cosine, jsd, haversine; of bits: hamming (default), jaccard",
	 CLI_CHOICE(struct create_tool, schema.metric, CEL_L2, "l2 ip cosine hamming jaccard jsd haversine")},
	{0, "type", "TYPE", "element type: f32 (default), f16, bf16, i8, u8 or b1 (bits)",
	 CLI_CHOICE(struct create_tool, schema.type, CEL_F32, "f32 f16 bf16 i8 u8 b1")},
	{0, "model", "TEXT", "the model that made the vectors", CLI_TEXT(struct create_tool, model)},
	{0, "from", "REV", "begin with this commit: another line of history, of the same schema",
	 CLI_TEXT(struct create_tool, from)},
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command CREATE = {
	.name = "cel create",
	.forms = "--dim N NAME\n--from REV NAME",
	.summary = "Make a new collection: empty, or with the records and the history of REV.",
	.options = CREATE_OPTIONS,
	.examples = "  cel create words --dim 100 --metric cosine\n  cel create photos --dim 512 --type f16 --model clip-b32\n"
		    "  cel create feature --from words\n  cel create old --from words~3\n",
};

static int run_create(struct cli *cli, struct cel_store *store)
{
	const struct create_tool *tool = cli->tool;
	const char *name = cli->operands[0];
	struct cel_error e;
	int rc = tool->from != NULL ? cel_collection_create_from(store, name, tool->from, &e)
				    : cel_collection_create(store, name, &tool->schema, &e);
	if (rc < 0)
		return cli_fail(cli, &e);
	cli_say(cli, "made the collection %s", name);
	return 0;
}

int verb_create(int argc, char **argv)
{
	struct create_tool tool = {.schema.type = CEL_F32};
	struct cli *cli = &tool.cli;
	cli_parse(cli, &CREATE, &tool, argc, argv);
	if (tool.from != NULL && cli_given(cli, "dim metric type model") != NULL)
		return cli_usage(cli, "--from takes the schema of %s: no other is to be given", tool.from);
	if (tool.model != NULL && strlen(tool.model) >= sizeof tool.schema.model)
		return cli_usage(cli, "--model takes at most %zu bytes", sizeof tool.schema.model - 1);
	if (tool.model != NULL)
		strcpy(tool.schema.model, tool.model);
	if (tool.schema.metric == 0)
		tool.schema.metric = tool.schema.type == CEL_B1 ? CEL_HAMMING : CEL_L2;
	return cli_with_store(cli, false, run_create);
}

static const struct cli_option DELETE_OPTIONS[] = {
	CLI_OPTION_STORE, CLI_OPTION_LOCK_WAIT, CLI_OPTION_QUIET, CLI_OPTIONS_END};
static const struct cli_command DELETE = {
	.name = "cel delete",
	.forms = "COLLECTION",
	.summary = "Remove a collection: its name and its tags; the commits stay in the store.",
	.options = DELETE_OPTIONS,
	.examples = "  cel delete words\n",
};

static int run_delete(struct cli *cli, struct cel_store *store)
{
	const char *name = cli->operands[0];
	struct cel_error e;
	struct cel_revision *revision = NULL;
	cel_revision_get(store, name, &revision, NULL); /* the name is to go even if its commit cannot be read */
	int rc = cel_collection_delete(store, name, &e);
	if (rc == 0 && revision != NULL)
		cli_say(cli, "removed the collection %s; back with: cel create --from %s %s", name, revision->commit, name);
	else if (rc == 0)
		cli_say(cli, "removed the collection %s", name);
	cel_revision_free(revision);
	if (rc < 0)
		return cli_fail(cli, &e);
	return 0;
}

int verb_delete(int argc, char **argv)
{
	struct cli cli;
	cli_parse(&cli, &DELETE, NULL, argc, argv);
	return cli_with_store(&cli, false, run_delete);
}
