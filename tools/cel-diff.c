/* SPDX-License-Identifier: Apache-2.0 */
/* cel-diff: what differs between two commits, of one store or two, one line a change; or their counts, the patch between
 * them, or the queries that they answer differently. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "json_line.h"
#include "option_groups.h"
#include "place.h"
#include "print.h"
#include "progress.h"
#include "source.h"
#include "stats.h"

struct diff_tool {
	struct cli cli;
	struct places places;
	struct peer peer;
	struct cel_diff_options diff;
	struct cel_query_options query;
	struct cel_source_options source;
	const char *queries;
	bool is_stat, is_patch, is_nul;
	struct cel_place a, b;
	uint64_t n_changes;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "stat", NULL, "print only how many records were added, deleted and changed", CLI_FLAG(struct diff_tool, is_stat)},
	{0, "ids", NULL, "print only the ids of what differs", CLI_FLAG(struct diff_tool, diff.is_ids_only)},
	{'0', "null", NULL, "with --ids: end each with NUL, not newline", CLI_FLAG(struct diff_tool, is_nul)},
	{0, "patch", NULL, "write a patch that 'cel-merge --patch' can apply", CLI_FLAG(struct diff_tool, is_patch)},
	{0, "queries", "FILE", "print which queries of FILE are answered differently", CLI_TEXT(struct diff_tool, queries)},
	{'k', "k", "K", "answers a query (default 10)", CLI_COUNT(struct diff_tool, query.k, 1, 65536)},
	RECALL_OPTION(struct diff_tool, query),
	SEARCH_OPTIONS(struct diff_tool, query),
	{0, "query-ids", "FILE", "ids of the queries, one a line", CLI_TEXT(struct diff_tool, source.ids)},
	SOURCE_FORMAT_OPTIONS(struct diff_tool, source),
	JOBS_OPTION(struct diff_tool, query),
	PEER_OPTIONS(struct diff_tool, peer),
	MAX_FETCH_OPTION(struct diff_tool, peer),
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
/* What makes sense with --queries only. */
#define QUERY_NAMES "k recall ef exact jobs query-ids " SOURCE_FORMAT_NAMES

static const struct cli_command COMMAND = {
	.name = "cel-diff",
	.forms = "A [B]",
	.summary = "Print what differs between the records of A and those of B, by id, separated by tabs:\n"
		   "  + ID   - ID   ~ ID DISTANCE KEYS\n"
		   "added, deleted, changed; DISTANCE is how far the vector moved, KEYS are those of the metadata.\n"
		   "A and B are revs, or PATH:REV, [USER@]HOST:PATH:REV or REMOTE:REV of another store. Without B, what the commit A itself changed.\n"
		   "Exit status 1 means that there are differences.",
	.options = OPTIONS,
	.exclusive = {"stat ids patch queries", "exact ef", "json ids", "json patch"},
	.examples = "  cel-diff words~1 words\n"
		    "  cel-diff --stat words@v1 ../other:words\n"
		    "  cel-diff --stat words berlin:words\n"
		    "  cel-diff --patch words~3 words >week.patch\n"
		    "  cel-diff words~1 words --queries queries.npy -k 10\n",
};

/* 0, or EXIT_USAGE having said why. */
static int check_usage(struct diff_tool *tool)
{
	const struct cli *cli = &tool->cli;
	const char *given = cli_given(cli, QUERY_NAMES);
	if (tool->is_nul && !tool->diff.is_ids_only)
		return cli_usage(cli, "-0 is for --ids");
	if (given != NULL && tool->queries == NULL)
		return cli_usage(cli, "--%s is for --queries", given);
	if (source_check(cli, &tool->source) != 0)
		return EXIT_USAGE;
	if (tool->is_patch && isatty(STDOUT_FILENO))
		return cli_usage(cli, "a patch is no text: send it to a file or a pipe");
	return 0;
}

static int fail_output(struct cel_error *e)
{
	e->code = CEL_EIO;
	snprintf(e->message, sizeof e->message, "cannot write to standard output");
	return CEL_EIO;
}

/* ---- changes */

/* A key as it is if it is a plain word, else as a JSON string, so that ',' and the sign in front can be told. */
static void print_key(const struct cel_key_change *k)
{
	bool is_plain = k->key_size > 0;
	for (size_t i = 0; i < k->key_size && is_plain; i++) {
		char c = (char)(k->key[i] | 0x20);
		is_plain = (c >= 'a' && c <= 'z') || (k->key[i] >= '0' && k->key[i] <= '9') || k->key[i] == '_' ||
			   k->key[i] == '.' || (k->key[i] == '-' && i > 0) || k->key[i] >= 0x80;
	}
	if (is_plain)
		fwrite(k->key, 1, k->key_size, stdout);
	else
		json_quote(stdout, k->key, k->key_size);
}

static const char SIGNS[] = {[CEL_ADDED] = '+', [CEL_DELETED] = '-', [CEL_CHANGED] = '~'};

static void print_change(const struct cel_change *c)
{
	printf("%c\t", SIGNS[c->kind]);
	fwrite(c->id, 1, c->id_size, stdout);
	if (c->kind == CEL_CHANGED) {
		putchar('\t');
		if (c->has_moved)
			print_float(stdout, c->distance);
		else
			putchar('-');
		putchar('\t');
		for (size_t i = 0; i < c->n_keys; i++) {
			if (i > 0)
				putchar(',');
			putchar(SIGNS[c->keys[i].kind]);
			print_key(&c->keys[i]);
		}
		if (c->n_keys == 0)
			putchar('-');
	}
	putchar('\n');
}

static void print_json_keys(struct json *j, const char *name, enum cel_change_kind kind, const struct cel_change *c)
{
	json_array(j, name);
	for (size_t i = 0; i < c->n_keys; i++)
		if (c->keys[i].kind == kind)
			json_string(j, NULL, c->keys[i].key, c->keys[i].key_size);
	json_array_end(j);
}

static void print_json_values(struct json *j, const char *name, const struct cel_schema *schema, const struct cel_values *values)
{
	if (values->vector == NULL)
		return;
	json_object(j, name);
	json_vector(j, "vector", schema->type, values->vector, schema->dim);
	if (values->metadata != NULL)
		json_value(j, "metadata", values->metadata, values->metadata_size);
	json_object_end(j);
}

static void print_json_change(const struct cel_schema *schema, const struct cel_change *c)
{
	static const char *const NAMES[] = {[CEL_ADDED] = "added", [CEL_DELETED] = "deleted", [CEL_CHANGED] = "changed"};
	struct json j;
	json_begin(&j, stdout);
	json_text(&j, "change", NAMES[c->kind]);
	json_string(&j, "id", c->id, c->id_size);
	if (c->kind == CEL_CHANGED) {
		if (c->has_moved)
			json_float(&j, "distance", c->distance);
		else
			json_null(&j, "distance");
		json_object(&j, "keys");
		print_json_keys(&j, "added", CEL_ADDED, c);
		print_json_keys(&j, "deleted", CEL_DELETED, c);
		print_json_keys(&j, "changed", CEL_CHANGED, c);
		json_object_end(&j);
	}
	print_json_values(&j, "before", schema, &c->before);
	print_json_values(&j, "after", schema, &c->after);
	json_end(&j);
}

static int run_changes(struct diff_tool *tool, struct cel_diff *diff, struct cel_error *e)
{
	struct cel_change change;
	int rc;
	while ((rc = cel_diff_next(diff, &change, e)) > 0) {
		tool->n_changes++;
		if (tool->diff.is_ids_only) {
			fwrite(change.id, 1, change.id_size, stdout);
			putchar(tool->is_nul ? '\0' : '\n');
		} else if (tool->cli.is_json) {
			print_json_change(cel_diff_schema(diff), &change);
		} else {
			print_change(&change);
		}
		if (ferror(stdout))
			return fail_output(e);
	}
	return rc;
}

/* ---- counts */

static void print_json_counts(FILE *out, const struct cel_diff_counts *n)
{
	struct json j;
	json_begin(&j, out);
	json_count(&j, "added", n->added);
	json_count(&j, "deleted", n->deleted);
	json_count(&j, "changed", n->changed);
	json_count(&j, "nodes_read", n->nodes_read);
	json_end(&j);
}

static int run_stat(struct diff_tool *tool, struct cel_diff *diff, struct cel_error *e)
{
	struct cel_diff_counts n;
	int rc = cel_diff_count(diff, &n, e);
	if (rc < 0)
		return rc;
	tool->n_changes = n.added + n.deleted + n.changed;
	if (tool->cli.is_json)
		print_json_counts(stdout, &n);
	else
		printf("added\t%" PRIu64 "\ndeleted\t%" PRIu64 "\nchanged\t%" PRIu64 "\n", n.added, n.deleted, n.changed);
	if (stats_result() != NULL)
		print_json_counts(stats_result(), &n);
	return 0;
}

/* ---- patch */

static int write_patch(void *context, const void *data, size_t size, struct cel_error *e)
{
	(void)context;
	return fwrite(data, 1, size, stdout) == size ? 0 : fail_output(e);
}

static int run_patch(struct diff_tool *tool, struct cel_diff *diff, struct cel_error *e)
{
	int rc = cel_diff_patch(diff, write_patch, NULL, &tool->n_changes, e);
	if (rc == 0 && tool->cli.is_verbose)
		cli_say(&tool->cli, "%" PRIu64 " changes", tool->n_changes);
	return rc;
}

/* ---- queries */

static void print_json_overlap(const struct cel_overlap *o)
{
	struct json j;
	json_begin(&j, stdout);
	if (o->id != NULL)
		json_string(&j, "query", o->id, o->id_size);
	else
		json_count(&j, "query", o->row);
	json_number(&j, "overlap", "%.6g", o->overlap);
	json_end(&j);
}

static int on_overlap(void *context, const struct cel_overlap *o, struct cel_error *e)
{
	struct diff_tool *tool = context;
	if (o->is_same)
		return 0;
	if (tool->cli.is_json) {
		print_json_overlap(o);
	} else {
		if (o->id != NULL)
			fwrite(o->id, 1, o->id_size, stdout);
		else
			printf("%" PRIu64, o->row);
		printf("\t%.6g\n", o->overlap);
	}
	return ferror(stdout) ? fail_output(e) : 0;
}

static void print_json_overlaps(FILE *out, const struct cel_overlap_result *r)
{
	struct json j;
	json_begin(&j, out);
	json_number(&j, "mean", "%.6g", r->mean);
	json_count(&j, "k", r->k);
	json_count(&j, "queries", r->queries);
	json_count(&j, "changed", r->changed);
	json_end(&j);
}

static int run_queries(struct diff_tool *tool, struct cel_diff *diff, struct cel_error *e)
{
	struct cel_overlap_result r;
	int rc = cel_diff_queries(diff, &tool->query, tool->queries, &tool->source, on_overlap, tool, &r, e);
	if (rc != 0)
		return rc;
	tool->n_changes = r.changed;
	if (tool->cli.is_json)
		print_json_overlaps(stdout, &r);
	else
		printf("mean\t%.6g\n", r.mean);
	if (stats_result() != NULL)
		print_json_overlaps(stats_result(), &r);
	cli_say(&tool->cli, "%" PRIu64 " of %" PRIu64 " queries are answered differently", r.changed, r.queries);
	return 0;
}

/* ---- which two */

static int open_sides(struct diff_tool *tool, struct cel_diff_sides *sides)
{
	struct cli *cli = &tool->cli;
	for (int i = 0; i < cli->n_operands; i++) /* what is fetched must be put somewhere */
		tool->places.is_read_only &= !peer_is_far(cli->operands[i]);
	int status = cli_open_place(&tool->places, cli->operands[0], &sides->store_a, &tool->a);
	if (status != 0)
		return status;
	if (cli->n_operands == 2) {
		status = cli_open_place(&tool->places, cli->operands[1], &sides->store_b, &tool->b);
	} else {
		sides->store_b = sides->store_a;
		tool->b = tool->a;
		size_t size = strlen(tool->a.rev);
		if (size + 2 >= sizeof tool->a.rev)
			return cli_usage(cli, "the rev is too long");
		memcpy(tool->a.rev + size, "~1", sizeof "~1");
	}
	sides->rev_a = tool->a.rev;
	sides->rev_b = tool->b.rev;
	return status;
}

static int run(struct diff_tool *tool, const struct cel_diff_sides *sides)
{
	struct cel_diff *diff;
	struct cel_error e;
	int rc = cel_diff_new(sides, &tool->diff, &diff, &e);
	if (rc < 0)
		return cli_fail(&tool->cli, &e);
	rc = tool->is_stat	     ? run_stat(tool, diff, &e)
	     : tool->is_patch	     ? run_patch(tool, diff, &e)
	     : tool->queries != NULL ? run_queries(tool, diff, &e)
				     : run_changes(tool, diff, &e);
	cel_diff_free(diff);
	if (!tool->is_stat && tool->queries == NULL)
		stats_result_count("changes", tool->n_changes);
	if (rc < 0)
		return cli_fail(&tool->cli, &e);
	return tool->n_changes > 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	static struct diff_tool tool;
	struct cel_diff_sides sides;
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	peer_init(&tool.peer, &tool.cli);
	progress_streams();
	tool.diff.on_progress = tool.query.on_progress = progress_tell;
	tool.places = (struct places){.cli = &tool.cli, .is_read_only = true, .peer = &tool.peer};
	int status = check_usage(&tool);
	if (status == 0)
		status = open_sides(&tool, &sides);
	if (status == 0)
		status = run(&tool, &sides);
	cli_close_places(&tool.places);
	return cli_finish(&tool.cli, status);
}
