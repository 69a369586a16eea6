/* SPDX-License-Identifier: Apache-2.0 */
/* cel get: records by id, or some of those that are selected, in the form that cel-build reads. All are of one commit,
 * whatever happens to the collection meanwhile. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "print.h"
#include "select.h"
#include "stats.h"
#include "verbs.h"

struct get_tool {
	struct cli cli;
	struct cel_store *store;
	const char *commit;
	struct cel_select select;
	uint32_t limit, sample;
	bool is_nul, is_ids_only;
	uint32_t n_printed;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	SELECT_OPTIONS(struct get_tool, select),
	{'n', "limit", "N", "stop after N records", CLI_COUNT(struct get_tool, limit, 0, UINT32_MAX)},
	{0, "sample", "N", "N of them, spread evenly over their ids", CLI_COUNT(struct get_tool, sample, 1, UINT32_MAX)},
	{0, "ids-only", NULL, "print the ids alone, one a line", CLI_FLAG(struct get_tool, is_ids_only)},
	{'0', "null", NULL, "ids end with NUL, not newline: on standard input, and with --ids-only", CLI_FLAG(struct get_tool, is_nul)},
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel get",
	.forms = "REV ID...\nREV",
	.summary = "Print the records of these IDs, or those that options select, as JSON Lines.\n"
		   "An ID of - stands for ids on standard input, one a line.",
	.options = OPTIONS,
	.examples = "  cel get words king\n  cut -f 3 answers.tsv | cel get words -\n  cel get words --sample 3\n"
		    "  cel get photos --prefix 2019/ --filter '.by == \"Ann\"' --ids-only\n",
};

static bool is_full(const struct get_tool *tool)
{
	return tool->n_printed == tool->limit;
}

static void print_record(struct get_tool *tool, const struct cel_record *record)
{
	tool->n_printed++;
	if (!tool->is_ids_only) {
		print_json_record(record);
		return;
	}
	fwrite(record->id, 1, record->id_size, stdout);
	putchar(tool->is_nul ? '\0' : '\n');
}

/* Raises *status: nothing found (1) does not stop the work, trouble does. */
static bool get_one(struct get_tool *tool, const char *id, size_t size, int *status)
{
	struct cel_record *record;
	struct cel_error e;
	if (is_full(tool))
		return false;
	int rc = cel_record_get(tool->store, tool->commit, id, size, &record, &e);
	if (rc == CEL_ENOTFOUND && tool->cli.is_quiet)
		*status = cel_error_exit_status(rc);
	else if (rc < 0)
		*status = cli_fail(&tool->cli, &e);
	if (rc < 0)
		return rc == CEL_ENOTFOUND;
	print_record(tool, record);
	cel_record_free(record);
	return true;
}

static bool get_from_stdin(struct get_tool *tool, int *status)
{
	int end = tool->is_nul ? '\0' : '\n';
	char *line = NULL;
	size_t capacity = 0;
	ssize_t n;
	bool is_going = true;
	while (is_going && (n = getdelim(&line, &capacity, end, stdin)) > 0) {
		if (line[n - 1] == (char)end)
			n--;
		is_going = get_one(tool, line, (size_t)n, status);
	}
	free(line);
	return is_going;
}

static int get_ids(struct get_tool *tool)
{
	int status = 0;
	bool is_going = true;
	for (int i = 1; is_going && i < tool->cli.n_operands; i++) {
		const char *id = tool->cli.operands[i];
		is_going = strcmp(id, "-") == 0 ? get_from_stdin(tool, &status) : get_one(tool, id, strlen(id), &status);
	}
	return status;
}

static int get_selected(struct get_tool *tool)
{
	struct cel_records *records;
	const struct cel_record *record;
	struct cel_selected selected;
	struct cel_error e;
	int rc = cel_records_select(tool->store, tool->commit, &tool->select, &records, &e);
	if (rc < 0)
		return cli_fail(&tool->cli, &e);
	cel_records_selected(records, &selected);
	select_say(&tool->cli, &selected);
	if (tool->sample != 0)
		cel_records_sample(records, tool->sample);
	while (!is_full(tool) && !ferror(stdout) && (rc = cel_records_next(records, &record, &e)) > 0)
		print_record(tool, record);
	cel_records_free(records);
	if (rc < 0)
		return cli_fail(&tool->cli, &e);
	return selected.selected > 0 ? 0 : 1;
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct get_tool *tool = cli->tool;
	struct cel_revision *revision;
	struct cel_error e;
	if (cel_revision_get(store, cli->operands[0], &revision, &e) < 0)
		return cli_fail(cli, &e);
	tool->store = store;
	tool->commit = revision->commit;
	int status = cli->n_operands > 1 ? get_ids(tool) : get_selected(tool);
	cel_revision_free(revision);
	stats_result_count("records", tool->n_printed);
	return status;
}

int verb_get(int argc, char **argv)
{
	struct get_tool tool = {.limit = UINT32_MAX};
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	const char *selecting = cli_given(&tool.cli, "prefix filter sample");
	if (tool.cli.n_operands > 1 && selecting != NULL)
		return cli_usage(&tool.cli, "either IDs or --%s", selecting);
	if (tool.cli.n_operands == 1 && selecting == NULL && cli_given(&tool.cli, "limit ids-only") == NULL)
		return cli_usage(&tool.cli, "which records of the REV? IDs, --prefix, --filter, --sample or --limit");
	return cli_with_store(&tool.cli, true, run);
}
