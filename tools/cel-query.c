/* SPDX-License-Identifier: Apache-2.0 */
/* cel-query: the nearest records to each query vector, one line an answer. */
#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "grid.h"
#include "json_line.h"
#include "option_groups.h"
#include "print.h"
#include "progress.h"
#include "seconds.h"
#include "select.h"
#include "source.h"
#include "stats.h"

struct query_tool {
	struct cli cli;
	struct cel_query_options options;
	struct cel_source_options source;
	struct cli_list ids; /* of --by-id */
	double radius;
	struct grid grid;
	uint64_t n_queries, n_answers;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{'k', "k", "K", "answers a query (default 10)", CLI_COUNT(struct query_tool, options.k, 1, 65536)},
	{0, "radius", "D", "all within the distance D; with -k, the nearest K of them",
	 CLI_REAL(struct query_tool, radius, -FLT_MAX, FLT_MAX)},
	SELECT_OPTIONS(struct query_tool, options.select),
	{0, "by-id", "ID", "the query is the stored record ID (may be given again)", CLI_LIST(struct query_tool, ids)},
	RECALL_OPTION(struct query_tool, options),
	SEARCH_OPTIONS(struct query_tool, options),
	SOURCE_OPTIONS(struct query_tool, source),
	{'0', "null", NULL, "the ids in --ids end with NUL, not newline", CLI_FLAG(struct query_tool, source.is_ids_nul)},
	JOBS_OPTION(struct query_tool, options),
	GRID_OPTIONS(struct query_tool, grid),
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};

static const struct cli_command COMMAND = {
	.name = "cel-query",
	.forms = "REV [FILE]...",
	.summary = "Print the nearest records of REV to each query vector of the FILEs:\n"
		   "query (row from 0, or its id), rank from 1, id, distance, separated by tabs.\n"
		   "With no FILE and no --by-id, or when FILE is -, read standard input.",
	.options = OPTIONS,
	.exclusive = {"exact ef", "grid json"},
	.examples = "  cel-query words -k 5 --by-id king\n"
		    "  cel-query words queries.npy >answers.tsv\n"
		    "  cel-query --json --exact words - <queries.jsonl\n"
		    "  cel-query photos --filter '.year > 2019' --prefix 2020/ one.npy\n"
		    "  cel-query photos --by-id 2020/sea.jpg -k 20 --grid sea.html\n",
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
	struct json j;
	json_begin(&j, stdout);
	if (a->id != NULL)
		json_string(&j, "query", a->id, a->id_size);
	else
		json_count(&j, "query", a->row);
	json_array(&j, "hits");
	for (uint32_t i = 0; i < a->n_hits; i++) {
		json_object(&j, NULL);
		json_count(&j, "rank", i + 1);
		json_string(&j, "id", a->hits[i].id, a->hits[i].id_size);
		json_float(&j, "distance", a->hits[i].distance);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_end(&j);
}

static int print_answer(void *context, const struct cel_answer *answer, struct cel_error *e)
{
	struct query_tool *tool = context;
	tool->n_queries++;
	tool->n_answers += answer->n_hits;
	if (tool->grid.path != NULL)
		return grid_answer(&tool->grid, answer, e);
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

/* Asks all there is to ask; 0, an error, or 1 if the page is full. */
static int ask(struct query_tool *tool, struct cel_query *query, struct cel_error *e)
{
	const struct cli *cli = &tool->cli;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < tool->ids.n; i++)
		rc = cel_query_id(query, tool->ids.items[i], strlen(tool->ids.items[i]), print_answer, tool, e);
	if (cli->n_operands == 1 && tool->ids.n == 0)
		rc = cel_query_file(query, "-", &tool->source, print_answer, tool, e);
	for (int i = 1; rc == 0 && i < cli->n_operands; i++)
		rc = cel_query_file(query, cli->operands[i], &tool->source, print_answer, tool, e);
	return rc;
}

static void say_how(const struct query_tool *tool, const struct cel_query *query)
{
	struct cel_selected selected;
	if (cel_query_selected(query, &selected))
		cli_say(&tool->cli, "%" PRIu64 " of %" PRIu64 " records are selected%s", selected.selected, selected.records,
			selected.is_cached ? ", by a filter that was evaluated before" : "");
	cli_say(&tool->cli, "found by %s, ef %" PRIu32, cel_query_method(query), cel_query_ef(query));
}

static void print_stats(FILE *out, const struct query_tool *tool, const struct cel_query *query, double seconds)
{
	struct json j;
	struct cel_latency l;
	uint32_t ef = cel_query_ef(query);
	cel_query_latency(query, &l);
	json_begin(&j, out);
	json_count(&j, "queries", tool->n_queries);
	json_count(&j, "answers", tool->n_answers);
	json_text(&j, "method", cel_query_method(query));
	ef > 0 ? json_count(&j, "ef", ef) : json_null(&j, "ef");
	if (tool->options.has_radius && tool->options.k == 0)
		json_null(&j, "k");
	else
		json_count(&j, "k", tool->options.k > 0 ? tool->options.k : 10);
	json_number(&j, "queries_per_second", "%.3f", seconds > 0 ? (double)tool->n_queries / seconds : 0);
	if (l.count > 0) {
		json_object(&j, "latency_seconds");
		json_number(&j, "mean", "%.9f", l.mean);
		json_number(&j, "p50", "%.9f", l.p50);
		json_number(&j, "p95", "%.9f", l.p95);
		json_number(&j, "p99", "%.9f", l.p99);
		json_number(&j, "most", "%.9f", l.most);
		json_object_end(&j);
	} else {
		json_null(&j, "latency_seconds");
	}
	json_end(&j);
}

static int run_query(struct query_tool *tool, struct cel_query *query)
{
	struct cel_error e;
	struct cel_selected selected;
	cel_query_selected(query, &selected);
	select_say(&tool->cli, &selected);
	double start = seconds_now();
	int rc = ask(tool, query, &e);
	if (stats_result() != NULL)
		print_stats(stats_result(), tool, query, seconds_now() - start);
	if (tool->cli.is_verbose && rc >= 0)
		say_how(tool, query);
	if (rc < 0)
		return cli_fail(&tool->cli, &e);
	return tool->n_answers > 0 ? 0 : 1;
}

/* The page shows one commit, whatever happens to the collection meanwhile. */
static int run_grid(struct query_tool *tool, struct cel_store *store, struct cel_revision *revision)
{
	struct cel_query *query;
	struct cel_error e;
	if (cel_query_new(store, revision->commit, &tool->options, &query, &e) < 0)
		return cli_fail(&tool->cli, &e);
	int status = grid_begin(&tool->grid, &tool->cli, store, revision);
	if (status == 0)
		status = run_query(tool, query);
	status = grid_end(&tool->grid, &tool->cli, cel_query_method(query), status);
	cel_query_free(query);
	return status;
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct query_tool *tool = cli->tool;
	struct cel_query *query;
	struct cel_revision *revision;
	struct cel_error e;
	int status;
	if (tool->grid.path != NULL) {
		if (cel_revision_get(store, cli->operands[0], &revision, &e) < 0)
			return cli_fail(cli, &e);
		status = run_grid(tool, store, revision);
		cel_revision_free(revision);
		return status;
	}
	if (cel_query_new(store, cli->operands[0], &tool->options, &query, &e) < 0)
		return cli_fail(cli, &e);
	status = run_query(tool, query);
	cel_query_free(query);
	return status;
}

/* 0, or EXIT_USAGE having said why. */
static int check_usage(struct query_tool *tool)
{
	const struct cli *cli = &tool->cli;
	if (tool->source.ids != NULL && cli->n_operands > 2)
		return cli_usage(cli, "--ids goes with one FILE");
	if (source_check(cli, &tool->source) != 0)
		return EXIT_USAGE;
	const char *of_grid = cli_given(cli, "image-field image-root query-images grid-queries embed");
	if (tool->grid.path == NULL && of_grid != NULL)
		return cli_usage(cli, "--%s goes with --grid", of_grid);
	if (cli->n_operands == 1 && tool->ids.n == 0 && isatty(STDIN_FILENO))
		return cli_usage(cli, "no FILE, and standard input is a terminal");
	return 0;
}

int main(int argc, char **argv)
{
	static struct query_tool tool; /* static: what it points to is in use when an option ends the program */
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	int status = check_usage(&tool);
	if (status != 0)
		return status;
	tool.options.has_radius = cli_given(&tool.cli, "radius") != NULL;
	tool.options.radius = (float)tool.radius;
	tool.options.on_progress = progress_tell;
	progress_streams();
	progress_expect(source_bytes(tool.cli.operands + 1, tool.cli.n_operands - 1));
	status = cli_with_store(&tool.cli, true, run);
	free(tool.ids.items);
	return status;
}
