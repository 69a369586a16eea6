/* SPDX-License-Identifier: Apache-2.0 */
/* cel forget: lets go of the trees of old commits, by rules. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "print.h"
#include "verbs.h"

enum {
	OPT_LAST = CLI_OWN,
	OPT_HOURLY,
	OPT_DAILY,
	OPT_WEEKLY,
	OPT_MONTHLY,
	OPT_YEARLY,
	OPT_WITHIN,
};
static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{OPT_LAST, "keep-last", "N", "keep the newest N commits"},
	{OPT_HOURLY, "keep-hourly", "N", "keep the newest of each of the last N hours that have one"},
	{OPT_DAILY, "keep-daily", "N", "the same of days"},
	{OPT_WEEKLY, "keep-weekly", "N", "the same of weeks, which begin on Monday"},
	{OPT_MONTHLY, "keep-monthly", "N", "the same of months"},
	{OPT_YEARLY, "keep-yearly", "N", "the same of years"},
	{OPT_WITHIN, "keep-within", "DURATION", "keep what is younger than the newest less this (1y6m, 30d, 12h)"},
	{'n', "dry-run", NULL, "say what would be done, change nothing"},
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel forget",
	.usage = "[OPTION]... COLLECTION...",
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
	(void)e;
	if (!cli->is_json) {
		printf("%s\t%s\t", item->is_kept ? "keep" : "forget", item->commit);
		print_time(stdout, item->time);
		printf("\t%s\n", item->is_kept ? item->reasons : "-");
		return 0;
	}
	printf("{\"commit\":\"%s\",\"time\":\"", item->commit);
	print_time(stdout, item->time);
	printf("\",\"is_kept\":%s,\"reasons\":[", item->is_kept ? "true" : "false");
	for (const char *reason = item->reasons; *reason != '\0';) {
		int length = (int)strcspn(reason, ",");
		printf("%s\"%.*s\"", reason != item->reasons ? "," : "", length, reason);
		reason += length;
		reason += *reason == ',';
	}
	printf("]}\n");
	return 0;
}

int verb_forget(int argc, char **argv)
{
	struct cli cli;
	struct cel_error e;
	struct cel_store *store;
	struct cel_forget_options options = {0};
	struct cel_forget_result result;
	bool has_rule = false;
	cli_init(&cli, &COMMAND, argc, argv);
	uint32_t *const counts[] = {
		[OPT_LAST] = &options.keep_last,     [OPT_HOURLY] = &options.keep_hourly,
		[OPT_DAILY] = &options.keep_daily,   [OPT_WEEKLY] = &options.keep_weekly,
		[OPT_MONTHLY] = &options.keep_monthly, [OPT_YEARLY] = &options.keep_yearly,
	};
	for (int id; (id = cli_next(&cli)) != 0;) {
		if (id == 'n')
			options.is_dry_run = true;
		else if (id == OPT_WITHIN)
			options.keep_within = cli.value;
		else
			*counts[id] = (uint32_t)cli_count(&cli, 1, UINT32_MAX);
		has_rule |= id != 'n';
	}
	if (cli.n_operands < 1)
		return cli_usage(&cli, "which COLLECTION?");
	if (!has_rule)
		return cli_usage(&cli, "say what to keep: --keep-last, --keep-daily, ...");
	int status = cli_open_store(&cli, options.is_dry_run, &store);
	if (status != 0)
		return status;
	int rc = cel_forget(store, (const char *const *)cli.operands, (size_t)cli.n_operands, &options, print_item, &cli,
			    &result, &e);
	cel_store_free(store);
	if (rc < 0)
		return cli_finish(&cli, cli_fail(&cli, &e));
	fflush(stdout);
	cli_say(&cli, "%" PRIu64 " commits kept, %" PRIu64 " %s%s", result.kept, result.forgotten,
		options.is_dry_run ? "would be forgotten" : "forgotten",
		!options.is_dry_run && result.forgotten > 0 ? "; 'cel gc' frees their trees" : "");
	return cli_finish(&cli, 0);
}
