/* SPDX-License-Identifier: Apache-2.0 */
/* cel-build: rows of vectors from files or a pipe become one commit on a collection, and its index is built. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "author.h"
#include "cli.h"
#include "print.h"
#include "progress.h"
#include "source.h"

enum {
	OPT_ID_PREFIX = CLI_OWN,
	OPT_MEMORY,
	OPT_DUPLICATES,
	OPT_SKIP_BAD,
	OPT_DELETE,
	OPT_REPLACE,
	OPT_KEEP_METADATA,
	OPT_NO_INDEX,
	OPT_M,
	OPT_EF_CONSTRUCTION,
	OPT_AUTHOR,
	OPT_TIME,
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	SOURCE_OPTIONS,
	{'0', "null", NULL, "the ids in --ids and --delete end with NUL"},
	{OPT_DELETE, "delete", "FILE", "delete the records of these ids, one a line"},
	{OPT_REPLACE, "replace", NULL, "delete every record that no row names"},
	{OPT_KEEP_METADATA, "keep-metadata", NULL, "a row without metadata leaves what was there"},
	{OPT_ID_PREFIX, "id-prefix", "TEXT", "ids are TEXT and the row number from 0"},
	{OPT_DUPLICATES, "duplicates", "WHICH", "rows of one id: error (default), first or last counts"},
	{OPT_SKIP_BAD, "skip-bad", NULL, "leave out bad rows and count them"},
	{'m', "message", "TEXT", "the commit's message"},
	{OPT_AUTHOR, "author", "TEXT", "the commit's author (else CEL_AUTHOR, else user@host)"},
	{OPT_TIME, "time", "TIME", "the commit's time: YYYY-MM-DDTHH:MM:SSZ or Unix seconds (default: now)"},
	{OPT_MEMORY, "memory", "SIZE", "memory for sorting (default 256M)"},
	{'j', "jobs", "N", "threads (default: all processors)"},
	{OPT_NO_INDEX, "no-index", NULL, "do not build the index"},
	{OPT_M, "M", "M", "links a node of the index (default 16)"},
	{OPT_EF_CONSTRUCTION, "ef-construction", "N", "beam while building the index (default 150)"},
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};

static const struct cli_command COMMAND = {
	.name = "cel-build",
	.usage = "[OPTION]... COLLECTION [FILE]...",
	.summary = "Add or replace the records of COLLECTION by the rows of the FILEs, as one commit.\n"
		   "With no FILE, or when FILE is -, read standard input.",
	.options = OPTIONS,
	.examples = "  cel-build words --ids words.txt words.npy\n"
		    "  cat rows.jsonl | cel-build photos -m 'first load' -\n"
		    "  cel-build base --id-prefix v base.fvecs\n"
		    "  cel-build iris --id-prefix i --vector-columns 1..4 iris.csv\n"
		    "  cel-build words --delete gone.txt\n",
};

struct build_tool {
	struct cli cli;
	struct progress progress;
	struct cel_build_options options;
	struct cel_source_options source;
	const char *deleted; /* file of --delete, or NULL */
};

static void report_skip(void *context, const char *message)
{
	struct build_tool *tool = context;
	progress_clear(&tool->progress);
	cli_say(&tool->cli, "left out: %s", message);
}

static int tell(void *context, const struct cel_progress *progress)
{
	struct build_tool *tool = context;
	return progress_tell(&tool->progress, progress);
}

static enum cel_duplicates parse_duplicates(const struct cli *cli)
{
	static const char *const NAMES[] = {
		[CEL_DUPLICATES_ERROR] = "error", [CEL_DUPLICATES_FIRST] = "first", [CEL_DUPLICATES_LAST] = "last"};
	for (int i = 0; i < 3; i++)
		if (strcmp(cli->value, NAMES[i]) == 0)
			return (enum cel_duplicates)i;
	exit(cli_usage(cli, "'%s' is none of error, first, last", cli->value));
}

static void parse_options(struct build_tool *tool)
{
	struct cli *cli = &tool->cli;
	for (int id; (id = cli_next(cli)) != 0;) {
		if (source_take(cli, id, &tool->source))
			continue;
		switch (id) {
		case '0':
			tool->source.is_ids_nul = true;
			break;
		case OPT_ID_PREFIX:
			tool->source.id_prefix = cli->value;
			break;
		case OPT_DELETE:
			tool->deleted = cli->value;
			break;
		case OPT_REPLACE:
			tool->options.is_replacing = true;
			break;
		case OPT_KEEP_METADATA:
			tool->options.is_keeping_metadata = true;
			break;
		case OPT_DUPLICATES:
			tool->options.duplicates = parse_duplicates(cli);
			break;
		case OPT_SKIP_BAD:
			tool->options.is_skipping_bad = true;
			break;
		case 'm':
			tool->options.message = cli->value;
			break;
		case OPT_AUTHOR:
			tool->options.author = cli->value;
			break;
		case OPT_TIME:
			tool->options.time = (int64_t)cli_time(cli);
			break;
		case OPT_MEMORY:
			tool->options.memory = cli_size(cli);
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

static void print_result(const struct cli *cli, const char *collection, const struct cel_build_result *r)
{
	if (cli->is_json) {
		printf("{\"collection\":");
		print_json_text(stdout, collection);
		printf(",\"commit\":\"%s\",\"tree\":\"%s\",\"is_committed\":%s,\"records\":%" PRIu64 ",\"rows\":%" PRIu64
		       ",\"added\":%" PRIu64 ",\"replaced\":%" PRIu64 ",\"unchanged\":%" PRIu64
		       ",\"deleted\":%" PRIu64 ",\"absent\":%" PRIu64 ",\"skipped\":%" PRIu64
		       ",\"duplicates\":%" PRIu64 ",\"build_seconds\":%.6f,\"index_seconds\":%.3f}\n",
		       r->commit, r->tree, r->is_committed ? "true" : "false", r->records, r->rows, r->added, r->replaced,
		       r->unchanged, r->deleted, r->absent, r->skipped, r->duplicates, r->build_seconds, r->index_seconds);
	}
	if (r->skipped > 0 || r->duplicates > 0)
		cli_say(cli, "%" PRIu64 " bad rows left out, %" PRIu64 " rows of an id that another row has",
			r->skipped, r->duplicates);
	char deleted[40] = "";
	if (r->deleted > 0)
		snprintf(deleted, sizeof deleted, ", %" PRIu64 " deleted", r->deleted);
	if (r->absent > 0)
		cli_say(cli, "%" PRIu64 " ids to delete were not there", r->absent);
	if (r->is_committed)
		cli_say(cli, "%s: %" PRIu64 " added, %" PRIu64 " replaced, %" PRIu64 " unchanged%s; %" PRIu64
			     " records; commit %s",
			collection, r->added, r->replaced, r->unchanged, deleted, r->records, r->commit);
	else
		cli_say(cli, "%s: nothing changed, no commit made; %" PRIu64 " records", collection, r->records);
}

static int run(struct build_tool *tool, struct cel_store *store)
{
	struct cli *cli = &tool->cli;
	const char *collection = cli->operands[0];
	struct cel_build *build;
	struct cel_build_result result = {0};
	struct cel_error e;
	int rc = cel_build_new(store, collection, &tool->options, &build, &e);
	if (rc < 0)
		return cli_fail(cli, &e);
	if (tool->deleted != NULL)
		rc = cel_build_delete(build, tool->deleted, tool->source.is_ids_nul, &e);
	else if (cli->n_operands == 1)
		rc = cel_build_add(build, "-", &tool->source, &e);
	for (int i = 1; rc == 0 && i < cli->n_operands; i++)
		rc = cel_build_add(build, cli->operands[i], &tool->source, &e);
	if (rc == 0)
		rc = cel_build_commit(build, &result, &e);
	progress_clear(&tool->progress);
	if (rc == 0 || result.is_committed)
		print_result(cli, collection, &result);
	cel_build_free(build);
	return rc < 0 ? cli_fail(cli, &e) : 0;
}

int main(int argc, char **argv)
{
	struct build_tool tool = {.options = {.time = -1, .on_skip = report_skip, .on_progress = tell}};
	tool.options.context = &tool;
	cli_init(&tool.cli, &COMMAND, argc, argv);
	parse_options(&tool);
	progress_init(&tool.progress, &tool.cli);
	if (tool.cli.n_operands < 1)
		return cli_usage(&tool.cli, "which collection?");
	if (source_check(&tool.cli, &tool.source) != 0)
		return EXIT_USAGE;
	if ((tool.source.ids != NULL || tool.source.id_prefix != NULL) && tool.cli.n_operands > 2)
		return cli_usage(&tool.cli, "--ids and --id-prefix go with one FILE");
	if (tool.source.ids != NULL && tool.source.id_prefix != NULL)
		return cli_usage(&tool.cli, "--ids and --id-prefix exclude each other");
	if (tool.deleted != NULL && tool.options.is_replacing)
		return cli_usage(&tool.cli, "--delete and --replace exclude each other");
	if (tool.cli.n_operands == 1 && tool.deleted == NULL && isatty(STDIN_FILENO))
		return cli_usage(&tool.cli, "no FILE, and standard input is a terminal");
	if (tool.options.author == NULL)
		tool.options.author = author_default();
	struct cel_store *store;
	int status = cli_open_store(&tool.cli, false, &store);
	if (status == 0) {
		status = run(&tool, store);
		cel_store_free(store);
	}
	return cli_finish(&tool.cli, status);
}
