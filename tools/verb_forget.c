/* SPDX-License-Identifier: Apache-2.0 */
/* cel forget: lets go of the trees of old commits, by rules. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "json_line.h"
#include "option_groups.h"
#include "print.h"
#include "stats.h"
#include "verbs.h"

struct forget_tool {
	struct cli cli;
	struct cel_forget_options options;
};

#define KEEP(name, help) \
	{0, "keep-" #name, "N", help, CLI_COUNT(struct forget_tool, options.keep_##name, 1, UINT32_MAX)}
static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	KEEP(last, "keep the newest N commits"),
	KEEP(hourly, "keep the newest of each of the last N hours that have one"),
	KEEP(daily, "the same of days"),
	KEEP(weekly, "the same of weeks, which begin on Monday"),
	KEEP(monthly, "the same of months"),
	KEEP(yearly, "the same of years"),
	{0, "keep-within", "DURATION", "keep what is younger than the newest less this (1y6m, 30d, 12h)",
	 CLI_TEXT(struct forget_tool, options.keep_within)},
	DRY_RUN_OPTION(struct forget_tool, options),
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
#define RULES "keep-last keep-hourly keep-daily keep-weekly keep-monthly keep-yearly keep-within"
static const struct cli_command COMMAND = {
	.name = "cel forget",
	.forms = "COLLECTION...",
	.summary = "Let go of the trees of old commits: the commits stay, 'cel gc' frees the space. What any rule keeps stays,\n"
		   "and so do heads, tags, and what collections that are not named have too. Prints a line for each\n"
		   "commit: keep or forget, commit, time, why it is kept.",
	.options = OPTIONS,
	.examples = "  cel forget words --keep-last 7 --keep-daily 30\n"
		    "  cel forget words feature --keep-within 1y6m --keep-yearly 10 --dry-run\n",
};

static int print_item(void *context, const struct cel_forget_item *item, struct cel_error *e)
{
	const struct cli *cli = context;
	struct json j;
	(void)e;
	if (!cli->is_json) {
		printf("%s\t%s\t", item->is_kept ? "keep" : "forget", item->commit);
		print_time(stdout, item->time);
		printf("\t%s\n", item->is_kept ? item->reasons : "-");
		return 0;
	}
	json_begin(&j, stdout);
	json_text(&j, "commit", item->commit);
	json_time(&j, "time", item->time);
	json_flag(&j, "is_kept", item->is_kept);
	json_array(&j, "reasons");
	for (const char *reason = item->reasons; *reason != '\0';) {
		size_t length = strcspn(reason, ",");
		json_string(&j, NULL, reason, length);
		reason += length;
		reason += *reason == ',';
	}
	json_array_end(&j);
	json_end(&j);
	return 0;
}

static void print_stats(const struct cel_forget_result *r)
{
	struct json j;
	if (stats_result() == NULL)
		return;
	json_begin(&j, stats_result());
	json_count(&j, "kept", r->kept);
	json_count(&j, "forgotten", r->forgotten);
	json_end(&j);
}

static int run(struct cli *cli, struct cel_store *store)
{
	const struct forget_tool *tool = cli->tool;
	const char *const *collections = (const char *const *)cli->operands;
	bool is_dry_run = tool->options.is_dry_run;
	struct cel_forget_result result;
	struct cel_error e;
	if (cel_forget(store, collections, (size_t)cli->n_operands, &tool->options, print_item, cli, &result, &e) < 0)
		return cli_fail(cli, &e);
	fflush(stdout);
	print_stats(&result);
	cli_say(cli, "%" PRIu64 " commits kept, %" PRIu64 " %s%s", result.kept, result.forgotten,
		is_dry_run ? "would be forgotten" : "forgotten",
		!is_dry_run && result.forgotten > 0 ? "; 'cel gc' frees their trees" : "");
	return 0;
}

int verb_forget(int argc, char **argv)
{
	struct forget_tool tool = {0};
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	if (cli_given(&tool.cli, RULES) == NULL)
		return cli_usage(&tool.cli, "say what to keep: --keep-last, --keep-daily, ...");
	return cli_with_store(&tool.cli, tool.options.is_dry_run, run);
}
