/* SPDX-License-Identifier: Apache-2.0 */
/* What a new command begins with: copy this file, and see "A command" in HACKING.md. The tests compile and run it, so that it
 * cannot rot. It prints how many records each REV has. */
#include <inttypes.h>

#include "cli.h"
#include "json_line.h"

struct count_tool {
	struct cli cli; /* the shared options and the operands; cli->tool is this struct again */
	uint32_t least;
	uint64_t total;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{'l', "least", "N", "leave out what has fewer records", CLI_COUNT(struct count_tool, least, 0, UINT32_MAX)},
	CLI_OPTION_JSON,
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "boilerplate",
	.forms = "REV...",
	.summary = "Print how many records each REV has.",
	.options = OPTIONS,
	.examples = "  boilerplate words words~1\n",
};

static void print_count(const struct cel_revision *r, bool is_json)
{
	struct json j;
	if (!is_json) {
		printf("%s\t%" PRIu64 "\n", r->commit, r->records);
		return;
	}
	json_begin(&j, stdout);
	json_text(&j, "commit", r->commit);
	json_count(&j, "records", r->records);
	json_end(&j);
}

static int count(struct count_tool *tool, struct cel_store *store, const char *rev)
{
	struct cel_revision *r;
	struct cel_error e;
	if (cel_revision_get(store, rev, &r, &e) < 0)
		return cli_fail(&tool->cli, &e);
	if (r->records >= tool->least)
		print_count(r, tool->cli.is_json);
	tool->total += r->records;
	cel_revision_free(r);
	return 0;
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct count_tool *tool = cli->tool;
	int status = 0;
	for (int i = 0; i < cli->n_operands && status == 0; i++)
		status = count(tool, store, cli->operands[i]);
	if (status == 0)
		cli_say(cli, "%" PRIu64 " records", tool->total);
	return status;
}

int main(int argc, char **argv)
{
	struct count_tool tool = {0};
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	return cli_with_store(&tool.cli, true, run);
}
