/* SPDX-License-Identifier: Apache-2.0 */
/* cel init, cel create, cel delete: stores and the names of collections. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "verbs.h"

static const struct cli_option INIT_OPTIONS[] = {CLI_OPTION_QUIET, CLI_OPTIONS_END};
static const struct cli_command INIT = {
	.name = "cel init",
	.usage = "[OPTION]... [DIR]",
	.summary = "Make DIR (default .cel) a new, empty store.",
	.options = INIT_OPTIONS,
	.examples = "  cel init\n  cel init /srv/store\n",
};

int verb_init(int argc, char **argv)
{
	struct cli cli;
	struct cel_error e;
	cli_init(&cli, &INIT, argc, argv);
	cli_no_options(&cli);
	if (cli.n_operands > 1)
		return cli_usage(&cli, "one DIR at a time");
	const char *path = cli.n_operands == 1 ? cli.operands[0] : ".cel";
	if (cel_store_init(path, &e) < 0)
		return cli_fail(&cli, &e);
	cli_say(&cli, "made the store %s", path);
	return cli_finish(&cli, 0);
}

enum { OPT_DIM = CLI_OWN, OPT_METRIC, OPT_TYPE, OPT_MODEL, OPT_FROM };
static const struct cli_option CREATE_OPTIONS[] = {
	CLI_OPTION_STORE,
	{OPT_DIM, "dim", "N", "elements a vector (needed, unless there is --from)"},
	{OPT_METRIC, "metric", "NAME", "l2 (default), ip, cosine, jsd, haversine; of bits: hamming (default), jaccard"},
	{OPT_TYPE, "type", "NAME", "element type: f32 (default), f16, bf16, i8, u8 or b1 (bits)"},
	{OPT_MODEL, "model", "TEXT", "the model that made the vectors"},
	{OPT_FROM, "from", "REV", "begin with this commit: another line of history, of the same schema"},
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command CREATE = {
	.name = "cel create",
	.usage = "[OPTION]... --dim N COLLECTION | --from REV COLLECTION",
	.summary = "Make a new collection: empty, or with the records and the history of REV.",
	.options = CREATE_OPTIONS,
	.examples = "  cel create words --dim 100 --metric cosine\n  cel create photos --dim 512 --type f16 --model clip-b32\n"
		    "  cel create feature --from words\n  cel create old --from words~3\n",
};

/* Returns the REV of --from, or NULL. */
static const char *parse_schema(struct cli *cli, struct cel_schema *schema)
{
	struct cel_error e;
	const char *from = NULL;
	bool has_schema = false;
	int rc = 0;
	for (int id; (id = cli_next(cli)) != 0;) {
		has_schema |= id != OPT_FROM;
		switch (id) {
		case OPT_FROM:
			from = cli->value;
			break;
		case OPT_DIM:
			schema->dim = (uint32_t)cli_count(cli, 1, CEL_DIM_MAX);
			break;
		case OPT_METRIC:
			rc = cel_metric_parse(cli->value, &schema->metric, &e);
			break;
		case OPT_TYPE:
			rc = cel_type_parse(cli->value, &schema->type, &e);
			break;
		case OPT_MODEL:
			if (strlen(cli->value) >= sizeof schema->model)
				exit(cli_usage(cli, "--model takes at most %zu bytes", sizeof schema->model - 1));
			strcpy(schema->model, cli->value);
			break;
		}
		if (rc < 0)
			exit(cli_usage(cli, "%s", e.message));
	}
	if (from != NULL && has_schema)
		exit(cli_usage(cli, "--from takes the schema of REV: no other is to be given"));
	return from;
}

int verb_create(int argc, char **argv)
{
	struct cli cli;
	struct cel_error e;
	struct cel_store *store;
	struct cel_schema schema = {.type = CEL_F32};
	cli_init(&cli, &CREATE, argc, argv);
	const char *from = parse_schema(&cli, &schema);
	if (cli.n_operands != 1)
		return cli_usage(&cli, "one COLLECTION, please");
	if (schema.dim == 0 && from == NULL)
		return cli_usage(&cli, "--dim is needed");
	if (schema.metric == 0)
		schema.metric = schema.type == CEL_B1 ? CEL_HAMMING : CEL_L2;
	int status = cli_open_store(&cli, false, &store);
	if (status != 0)
		return status;
	int rc = from != NULL ? cel_collection_create_from(store, cli.operands[0], from, &e)
			      : cel_collection_create(store, cli.operands[0], &schema, &e);
	if (rc < 0)
		status = cli_fail(&cli, &e);
	else
		cli_say(&cli, "made the collection %s", cli.operands[0]);
	cel_store_free(store);
	return cli_finish(&cli, status);
}

static const struct cli_option DELETE_OPTIONS[] = {
	CLI_OPTION_STORE, CLI_OPTION_LOCK_WAIT, CLI_OPTION_QUIET, CLI_OPTIONS_END};
static const struct cli_command DELETE = {
	.name = "cel delete",
	.usage = "[OPTION]... COLLECTION",
	.summary = "Remove a collection: its name and its tags; the commits stay in the store.",
	.options = DELETE_OPTIONS,
	.examples = "  cel delete words\n",
};

int verb_delete(int argc, char **argv)
{
	struct cli cli;
	struct cel_error e;
	struct cel_store *store;
	cli_init(&cli, &DELETE, argc, argv);
	cli_no_options(&cli);
	if (cli.n_operands != 1)
		return cli_usage(&cli, "one COLLECTION, please");
	int status = cli_open_store(&cli, false, &store);
	if (status != 0)
		return status;
	if (cel_collection_delete(store, cli.operands[0], &e) < 0)
		status = cli_fail(&cli, &e);
	else
		cli_say(&cli, "removed the collection %s", cli.operands[0]);
	cel_store_free(store);
	return cli_finish(&cli, status);
}
