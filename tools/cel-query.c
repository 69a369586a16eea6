/* SPDX-License-Identifier: Apache-2.0 */
/* cel-query: the nearest records to each query vector, one line an answer. */
#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "print.h"
#include "select.h"
#include "source.h"

enum {
	OPT_BY_ID = CLI_OWN,
	OPT_EF,
	OPT_EXACT,
	OPT_RECALL,
	OPT_RADIUS,
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{'k', "k", "K", "answers a query (default 10)"},
	{OPT_RADIUS, "radius", "D", "all within the distance D; with -k, the nearest K of them"},
	SELECT_OPTIONS,
	{OPT_BY_ID, "by-id", "ID", "the query is the stored record ID (may be given again)"},
	{OPT_RECALL, "recall", "R", "aim at this recall@10 (default 0.95)"},
	{OPT_EF, "ef", "N", "walk the graph with a beam of N"},
	{OPT_EXACT, "exact", NULL, "compare with every record"},
	SOURCE_OPTIONS,
	{'0', "null", NULL, "the ids in --ids end with NUL, not newline"},
	{'j', "jobs", "N", "threads (default: all processors)"},
	CLI_OPTION_JSON,
	CLI_OPTION_QUIET,
	CLI_OPTION_VERBOSE,
	CLI_OPTIONS_END,
};

static const struct cli_command COMMAND = {
	.name = "cel-query",
	.usage = "[OPTION]... REV [FILE]...",
	.summary = "Print the nearest records of REV to each query vector of the FILEs:\n"
		   "query (row from 0, or its id), rank from 1, id, distance, separated by tabs.\n"
		   "With no FILE and no --by-id, or when FILE is -, read standard input.",
	.options = OPTIONS,
	.examples = "  cel-query words -k 5 --by-id king\n"
		    "  cel-query words queries.npy >answers.tsv\n"
		    "  cel-query --json --exact words - <queries.jsonl\n"
		    "  cel-query photos --filter '.year > 2019' --prefix 2020/ one.npy\n",
};

struct query_tool {
	struct cli cli;
	struct cel_query_options options;
	struct cel_source_options source;
	const char **ids; /* of --by-id */
	int n_ids;
	uint64_t n_answers;
};

static char *put_bytes(char *p, const void *bytes, size_t size)
{
	memcpy(p, bytes, size);
	return p + size;
}

static char *put_number(char *p, uint64_t number)
{
	char digits[20];
	size_t n = sizeof digits;
	do
		digits[--n] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	return put_bytes(p, digits + n, sizeof digits - n);
}

/* A batch is made of little but these lines: stdio is asked once a line. */
static void print_tsv(const struct cel_answer *a)
{
	char line[CEL_ID_MAX + CEL_ELEMENT_TEXT_MAX + 64];
	for (uint32_t i = 0; i < a->n_hits; i++) {
		char *p = a->id != NULL ? line : put_number(line, a->row);
		if (a->id != NULL)
			fwrite(a->id, 1, a->id_size, stdout);
		*p++ = '\t';
		p = put_number(p, i + 1);
		*p++ = '\t';
		p = put_bytes(p, a->hits[i].id, a->hits[i].id_size);
		*p++ = '\t';
		p += format_float(p, a->hits[i].distance);
		*p++ = '\n';
		fwrite(line, 1, (size_t)(p - line), stdout);
	}
}

static void print_json(const struct cel_answer *a)
{
	printf("{\"query\":");
	if (a->id != NULL)
		print_json_string(stdout, a->id, a->id_size);
	else
		printf("%" PRIu64, a->row);
	printf(",\"hits\":[");
	for (uint32_t i = 0; i < a->n_hits; i++) {
		printf("%s{\"rank\":%" PRIu32 ",\"id\":", i > 0 ? "," : "", i + 1);
		print_json_string(stdout, a->hits[i].id, a->hits[i].id_size);
		printf(",\"distance\":");
		print_float(stdout, a->hits[i].distance);
		putchar('}');
	}
	printf("]}\n");
}

static int print_answer(void *context, const struct cel_answer *answer, struct cel_error *e)
{
	struct query_tool *tool = context;
	tool->n_answers += answer->n_hits;
	if (tool->cli.is_json)
		print_json(answer);
	else
		print_tsv(answer);
	if (ferror(stdout)) {
		e->code = CEL_EIO;
		snprintf(e->message, sizeof e->message, "cannot write to standard output");
		return CEL_EIO;
	}
	return 0;
}

static void parse_options(struct query_tool *tool)
{
	struct cli *cli = &tool->cli;
	for (int id; (id = cli_next(cli)) != 0;) {
		if (source_take(cli, id, &tool->source) || select_take(cli, id, &tool->options.select))
			continue;
		switch (id) {
		case 'k':
			tool->options.k = (uint32_t)cli_count(cli, 1, 65536);
			break;
		case OPT_BY_ID:
			tool->ids[tool->n_ids++] = cli->value;
			break;
		case OPT_RECALL:
			tool->options.recall = cli_real(cli, 0.01, 1);
			break;
		case OPT_RADIUS:
			tool->options.has_radius = true;
			tool->options.radius = (float)cli_real(cli, -FLT_MAX, FLT_MAX);
			break;
		case OPT_EF:
			tool->options.ef = (uint32_t)cli_count(cli, 1, 65536);
			break;
		case OPT_EXACT:
			tool->options.is_exact = true;
			break;
		case '0':
			tool->source.is_ids_nul = true;
			break;
		case 'j':
			tool->options.threads = (uint32_t)cli_count(cli, 1, 1024);
			break;
		}
	}
}

static int run(struct query_tool *tool, struct cel_store *store)
{
	struct cli *cli = &tool->cli;
	struct cel_query *query;
	struct cel_error e;
	struct cel_selected selected;
	int rc = cel_query_new(store, cli->operands[0], &tool->options, &query, &e);
	if (rc < 0)
		return cli_fail(cli, &e);
	bool is_selecting = cel_query_selected(query, &selected);
	select_say(cli, &selected);
	for (int i = 0; rc == 0 && i < tool->n_ids; i++)
		rc = cel_query_id(query, tool->ids[i], strlen(tool->ids[i]), print_answer, tool, &e);
	if (cli->n_operands == 1 && tool->n_ids == 0)
		rc = cel_query_file(query, "-", &tool->source, print_answer, tool, &e);
	for (int i = 1; rc == 0 && i < cli->n_operands; i++)
		rc = cel_query_file(query, cli->operands[i], &tool->source, print_answer, tool, &e);
	if (tool->cli.is_verbose && rc == 0 && is_selecting)
		cli_say(cli, "%" PRIu64 " of %" PRIu64 " records are selected%s", selected.selected, selected.records,
			selected.is_cached ? ", by a filter that was evaluated before" : "");
	if (tool->cli.is_verbose && rc == 0)
		cli_say(cli, "found by %s, ef %" PRIu32, cel_query_method(query), cel_query_ef(query));
	cel_query_free(query);
	if (rc < 0)
		return cli_fail(cli, &e);
	return tool->n_answers > 0 ? 0 : 1;
}

/* 0, or EXIT_USAGE having said why. */
static int check_usage(struct query_tool *tool)
{
	const struct cli *cli = &tool->cli;
	if (cli->n_operands < 1)
		return cli_usage(cli, "which collection, or other rev?");
	if (tool->source.ids != NULL && cli->n_operands > 2)
		return cli_usage(cli, "--ids goes with one FILE");
	if (source_check(cli, &tool->source) != 0)
		return EXIT_USAGE;
	if (tool->options.is_exact && tool->options.ef != 0)
		return cli_usage(cli, "--exact and --ef exclude each other");
	if (cli->n_operands == 1 && tool->n_ids == 0 && isatty(STDIN_FILENO))
		return cli_usage(cli, "no FILE, and standard input is a terminal");
	return 0;
}

int main(int argc, char **argv)
{
	static struct query_tool tool; /* static: what it points to is in use when an option ends the program */
	tool.ids = calloc((size_t)argc, sizeof(char *));
	cli_init(&tool.cli, &COMMAND, argc, argv);
	if (tool.ids == NULL)
		return 69;
	parse_options(&tool);
	int status = check_usage(&tool);
	struct cel_store *store;
	if (status == 0)
		status = cli_open_store(&tool.cli, true, &store);
	if (status == 0) {
		status = run(&tool, store);
		cel_store_free(store);
	}
	free(tool.ids);
	return cli_finish(&tool.cli, status);
}
