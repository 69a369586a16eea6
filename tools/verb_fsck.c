/* SPDX-License-Identifier: Apache-2.0 */
/* cel fsck: is everything there, and is it what it was? */
#include <inttypes.h>

#include "cli.h"
#include "json_line.h"
#include "print.h"
#include "progress.h"
#include "stats.h"
#include "verbs.h"

struct fsck_tool {
	struct cli cli;
	struct cel_fsck_options options;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "read-data", NULL, "hash the vectors outside of nodes again, too",
	 CLI_FLAG(struct fsck_tool, options.is_reading_data)},
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel fsck",
	.forms = "[REV]...",
	.summary = "Check the commits REV, or all that any name leads to, and the derived files. Prints a line for each finding:\n"
		   "what it is, block, file, revs that it touches, what is wrong.",
	.options = OPTIONS,
	.examples = "  cel fsck\n  cel fsck --read-data words words~1\n",
};

static const char *or_dash(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : "-";
}

static void print_tsv(const struct cel_damage *damage)
{
	printf("%s\t%s\t%s\t", damage->kind, or_dash(damage->block), or_dash(damage->where));
	print_tsv_text(stdout, or_dash(damage->touches));
	putchar('\t');
	print_tsv_text(stdout, damage->message);
	putchar('\n');
}

static void print_json(const struct cel_damage *damage)
{
	struct json j;
	json_begin(&j, stdout);
	json_text(&j, "kind", damage->kind);
	damage->block != NULL ? json_text(&j, "block", damage->block) : json_null(&j, "block");
	json_text(&j, "where", damage->where);
	json_text(&j, "touches", damage->touches);
	json_array(&j, "commits");
	for (size_t i = 0; i < damage->n_commits; i++)
		json_text(&j, NULL, damage->commits[i]);
	json_array_end(&j);
	json_text(&j, "message", damage->message);
	json_end(&j);
}

static int print_damage(void *context, const struct cel_damage *damage)
{
	struct fsck_tool *tool = context;
	progress_clear();
	if (tool->cli.is_json)
		print_json(damage);
	else
		print_tsv(damage);
	return 0;
}

static void print_json_summary(FILE *out, const struct cel_fsck_result *r)
{
	struct json j;
	json_begin(&j, out);
	json_object(&j, "checked");
	json_count(&j, "commits", r->commits);
	json_count(&j, "absent_trees", r->absent);
	json_count(&j, "trees", r->trees);
	json_count(&j, "nodes", r->nodes);
	json_count(&j, "records", r->records);
	json_count(&j, "values", r->values);
	json_count(&j, "segments", r->segments);
	json_count(&j, "files", r->files);
	json_object_end(&j);
	json_count(&j, "damages", r->damages);
	json_end(&j);
}

static void print_summary(const struct cli *cli, const struct cel_fsck_result *r, bool is_reading_data)
{
	if (cli->is_json)
		print_json_summary(stdout, r);
	if (stats_result() != NULL)
		print_json_summary(stats_result(), r);
	cli_say(cli,
		"%" PRIu64 " commits, %" PRIu64 " trees (%" PRIu64 " absent), %" PRIu64 " nodes, %" PRIu64 " records, %" PRIu64
		" linked values%s, %" PRIu64 " segments, %" PRIu64 " derived files: %" PRIu64 " findings",
		r->commits, r->trees, r->absent, r->nodes, r->records, r->values,
		r->values > 0 && !is_reading_data ? " (not read)" : "", r->segments, r->files, r->damages);
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct fsck_tool *tool = cli->tool;
	struct cel_fsck_result result;
	struct cel_error e;
	int rc = cel_fsck(store, (const char *const *)cli->operands, (size_t)cli->n_operands, &tool->options, &result, &e);
	if (rc == 0 || result.damages > 0)
		print_summary(cli, &result, tool->options.is_reading_data);
	return rc < 0 ? cli_fail(cli, &e) : 0;
}

int verb_fsck(int argc, char **argv)
{
	struct fsck_tool tool = {.options = {.on_damage = print_damage, .on_progress = progress_tell}};
	tool.options.context = &tool;
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	return cli_with_store(&tool.cli, true, run);
}
