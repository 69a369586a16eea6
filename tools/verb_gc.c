/* SPDX-License-Identifier: Apache-2.0 */
/* cel gc: room for new things. */
#include <inttypes.h>

#include "cli.h"
#include "json_line.h"
#include "option_groups.h"
#include "progress.h"
#include "stats.h"
#include "verbs.h"

struct gc_tool {
	struct cli cli;
	struct cel_gc_options options;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	CLI_OPTION_LOCK_WAIT,
	DRY_RUN_OPTION_FOR(struct gc_tool, options, "only say what would be removed"),
	{0, "grace", "DAYS", "keep what names stood for in the last DAYS (default 14)",
	 CLI_REAL(struct gc_tool, options.grace_days, 0, 36500)},
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel gc",
	.forms = "",
	.summary = "Remove blocks and derived files that no collection, tag or merged tip leads to. Prints a line for each kind\n"
		   "of thing: what, how many, bytes.",
	.options = OPTIONS,
	.examples = "  cel gc --dry-run\n  cel gc --grace 0\n",
};

static void print_tsv(const struct cel_gc_result *r)
{
	printf("blocks\t%" PRIu64 "\t%" PRIu64 "\n", r->blocks, r->block_bytes);
	printf("segments\t%" PRIu64 "\t%" PRIu64 "\n", r->segments, r->segment_bytes);
	printf("files\t%" PRIu64 "\t%" PRIu64 "\n", r->files, r->file_bytes);
}

static void print_json(FILE *out, const struct cel_gc_result *r)
{
	struct json j;
	json_begin(&j, out);
	json_count(&j, "commits", r->commits);
	json_count(&j, "graced", r->graced);
	json_count(&j, "blocks", r->blocks);
	json_count(&j, "block_bytes", r->block_bytes);
	json_count(&j, "returned_bytes", r->returned_bytes);
	json_count(&j, "gathered", r->gathered);
	json_count(&j, "segments", r->segments);
	json_count(&j, "segment_bytes", r->segment_bytes);
	json_count(&j, "rewritten", r->rewritten);
	json_count(&j, "new_segment_bytes", r->new_segment_bytes);
	json_count(&j, "waiting", r->waiting);
	json_count(&j, "files", r->files);
	json_count(&j, "file_bytes", r->file_bytes);
	json_count(&j, "mark_bytes", r->mark_bytes);
	json_end(&j);
}

static void say_more(const struct cli *cli, const struct cel_gc_result *r, const struct cel_gc_options *options)
{
	const char *would = options->is_dry_run ? "would be " : "";
	if (r->rewritten > 0 || r->gathered > 0)
		cli_say(cli, "the live values of %" PRIu64 " segments and %" PRIu64 " from data.mdb %s%s", r->rewritten, r->gathered,
			would, options->is_dry_run ? "put in a new segment" : "are in a new segment now");
	if (r->graced > 0)
		cli_say(cli, "%" PRIu64 " commits are kept only because of the last %g days; '--grace 0' lets them go", r->graced,
			options->grace_days);
	if (r->waiting > 0)
		cli_say(cli, "%" PRIu64 " segments are left, since somebody reads an older state: run it again later", r->waiting);
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct gc_tool *tool = cli->tool;
	struct cel_gc_result result;
	struct cel_error e;
	int rc = cel_gc(store, &tool->options, &result, &e);
	if (rc < 0)
		return cli_fail(cli, &e);
	progress_clear();
	cli->is_json ? print_json(stdout, &result) : print_tsv(&result);
	if (stats_result() != NULL)
		print_json(stats_result(), &result);
	fflush(stdout);
	say_more(cli, &result, &tool->options);
	return 0;
}

int verb_gc(int argc, char **argv)
{
	struct gc_tool tool = {.options = {.grace_days = CEL_GRACE_DAYS, .on_progress = progress_tell}};
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	return cli_with_store(&tool.cli, tool.options.is_dry_run, run);
}
