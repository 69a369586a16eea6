/* SPDX-License-Identifier: Apache-2.0 */
/* cel-build: rows of vectors from files or a pipe become one commit on a collection, and its index is built. */
#include <inttypes.h>
#include <unistd.h>

#include "author.h"
#include "cli.h"
#include "json_line.h"
#include "option_groups.h"
#include "progress.h"
#include "source.h"
#include "stats.h"

struct build_tool {
	struct cli cli;
	struct cel_build_options options;
	struct cel_source_options source;
	const char *deleted; /* file of --delete, or NULL */
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	SOURCE_OPTIONS(struct build_tool, source),
	{'0', "null", NULL, "the ids in --ids and --delete end with NUL", CLI_FLAG(struct build_tool, source.is_ids_nul)},
	{0, "delete", "FILE", "delete the records of these ids, one a line", CLI_TEXT(struct build_tool, deleted)},
	{0, "replace", NULL, "delete every record that no row names", CLI_FLAG(struct build_tool, options.is_replacing)},
	{0, "keep-metadata", NULL, "a row without metadata leaves what was there",
	 CLI_FLAG(struct build_tool, options.is_keeping_metadata)},
	{0, "id-prefix", "TEXT", "ids are TEXT and the row number from 0", CLI_TEXT(struct build_tool, source.id_prefix)},
	{0, "duplicates", "WHICH", "rows of one id: error (default), first or last counts",
	 CLI_CHOICE(struct build_tool, options.duplicates, CEL_DUPLICATES_ERROR, "error first last")},
	{0, "skip-bad", NULL, "leave out bad rows and count them", CLI_FLAG(struct build_tool, options.is_skipping_bad)},
	COMMIT_OPTIONS(struct build_tool, options, ""),
	{0, "memory", "SIZE", "memory to take, but for the index (default 256M)", CLI_SIZE(struct build_tool, options.memory)},
	JOBS_OPTION(struct build_tool, options),
	NO_INDEX_OPTION(struct build_tool, options),
	INDEX_OPTIONS(struct build_tool, options),
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};

static const struct cli_command COMMAND = {
	.name = "cel-build",
	.forms = "COLLECTION [FILE]...",
	.summary = "Add or replace the records of COLLECTION by the rows of the FILEs, as one commit.\n"
		   "With no FILE, or when FILE is -, read standard input.",
	.options = OPTIONS,
	.exclusive = {"ids id-prefix", "delete replace"},
	.examples = "  cel-build words --ids words.txt words.npy\n"
		    "  cat rows.jsonl | cel-build photos -m 'first load' -\n"
		    "  cel-build base --id-prefix v base.fvecs\n"
		    "  cel-build iris --id-prefix i --vector-columns 1..4 iris.csv\n"
		    "  cel-build words --delete gone.txt\n",
};

static void report_skip(void *context, const char *message)
{
	struct build_tool *tool = context;
	cli_say(&tool->cli, "left out: %s", message);
}

static void print_json(FILE *out, const char *collection, const struct cel_build_result *r)
{
	struct json j;
	json_begin(&j, out);
	json_text(&j, "collection", collection);
	json_text(&j, "commit", r->commit);
	json_text(&j, "tree", r->tree);
	json_flag(&j, "is_committed", r->is_committed);
	json_count(&j, "records", r->records);
	json_count(&j, "rows", r->rows);
	json_count(&j, "added", r->added);
	json_count(&j, "replaced", r->replaced);
	json_count(&j, "unchanged", r->unchanged);
	json_count(&j, "deleted", r->deleted);
	json_count(&j, "absent", r->absent);
	json_count(&j, "skipped", r->skipped);
	json_count(&j, "duplicates", r->duplicates);
	json_number(&j, "build_seconds", "%.6f", r->build_seconds);
	json_number(&j, "index_seconds", "%.3f", r->index_seconds);
	json_end(&j);
}

static void print_result(const struct cli *cli, const char *collection, const struct cel_build_result *r)
{
	if (cli->is_json)
		print_json(stdout, collection, r);
	if (stats_result() != NULL)
		print_json(stats_result(), collection, r);
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

static int run(struct cli *cli, struct cel_store *store)
{
	struct build_tool *tool = cli->tool;
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
	if (rc == 0 || result.is_committed)
		print_result(cli, collection, &result);
	cel_build_free(build);
	return rc < 0 ? cli_fail(cli, &e) : 0;
}

int main(int argc, char **argv)
{
	struct build_tool tool = {.options = {.time = -1, .on_skip = report_skip, .on_progress = progress_tell}};
	tool.options.context = &tool;
	struct cli *cli = &tool.cli;
	cli_parse(cli, &COMMAND, &tool, argc, argv);
	if (source_check(cli, &tool.source) != 0)
		return EXIT_USAGE;
	if ((tool.source.ids != NULL || tool.source.id_prefix != NULL) && cli->n_operands > 2)
		return cli_usage(cli, "--ids and --id-prefix go with one FILE");
	if (cli->n_operands == 1 && tool.deleted == NULL && isatty(STDIN_FILENO))
		return cli_usage(cli, "no FILE, and standard input is a terminal");
	if (tool.options.author == NULL)
		tool.options.author = author_default();
	progress_expect(source_bytes(cli->operands + 1, cli->n_operands - 1));
	return cli_with_store(cli, false, run);
}
