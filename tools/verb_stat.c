/* SPDX-License-Identifier: Apache-2.0 */
/* cel stat: what a store, or the commits that revs name, have and take. Without --deep nothing is read but counts that are
 * kept, and the nodes above the leaves. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "sheet.h"
#include "plot.h"
#include "print.h"
#include "progress.h"
#include "verbs.h"

struct stat_tool {
	struct cli cli;
	struct cel_store *store;
	struct sheet sheet;
	struct cel_stat_options options;
	struct survey survey;
	const char *plot_path;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "deep", NULL, "look at every node too: exact bytes, and what is shared", CLI_FLAG(struct stat_tool, options.is_deep)},
	{0, "plot", "FILE", "measure recall and speed for growing ef, and draw them: .svg, or .html", CLI_TEXT(struct stat_tool, plot_path)},
	{0, "queries", "FILE", "with --plot: ask these queries, not stored records", CLI_TEXT(struct stat_tool, survey.queries)},
	{0, "sample", "N", "with --plot: so many stored records (default 200)", CLI_COUNT(struct stat_tool, survey.n_wanted, 1, 10000)},
	{'k', "k", "K", "with --plot: answers a query (default 10)", CLI_COUNT(struct stat_tool, survey.k, 1, 1000)},
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel stat",
	.forms = "[REV]...\n--plot FILE REV",
	.summary = "Show what the store has and takes, and who is at work in it; or the same of REVs.",
	.options = OPTIONS,
	.exclusive = {"plot deep", "queries sample"},
	.examples = "  cel stat\n  cel stat words\n  cel stat --deep --json words | jq .history\n"
		    "  cel stat --plot words.html words\n",
};

static double ratio(uint64_t a, uint64_t b)
{
	return b > 0 ? (double)a / (double)b : 1;
}

/* ---- a store */

static void print_files(struct sheet *f, const char *name, uint64_t files, uint64_t bytes)
{
	sheet_group(f, name);
	sheet_count(f, "files", files);
	sheet_count(f, "bytes", bytes);
	sheet_group_end(f);
}

static void print_store(struct sheet *f, const struct cel_store_stat *s)
{
	sheet_text(f, "path", s->path);
	sheet_text(f, "id", s->id);
	sheet_group(f, "formats");
	sheet_count(f, "store", CEL_FORMAT_STORE);
	sheet_count(f, "tree", CEL_FORMAT_TREE);
	sheet_count(f, "index", CEL_FORMAT_INDEX);
	sheet_count(f, "patch", CEL_FORMAT_PATCH);
	sheet_group_end(f);
	sheet_group(f, "data");
	sheet_count(f, "bytes", s->data_bytes);
	sheet_count(f, "allocated", s->data_allocated);
	sheet_count(f, "used", s->data_used);
	sheet_count(f, "free", s->data_free);
	sheet_count(f, "map", s->map_bytes);
	sheet_count(f, "blocks", s->data_blocks);
	sheet_count(f, "moves", s->moves);
	sheet_group_end(f);
	sheet_group(f, "segments");
	sheet_count(f, "files", s->segments);
	sheet_count(f, "bytes", s->segment_bytes);
	sheet_count(f, "blocks", s->segment_blocks);
	sheet_group_end(f);
	print_files(f, "indexes", s->index_files, s->index_bytes);
	print_files(f, "carried", s->carried_files, s->carried_bytes);
	print_files(f, "filters", s->filter_files, s->filter_bytes);
	sheet_count(f, "bytes",
		      s->data_allocated + s->segment_bytes + s->index_bytes + s->carried_bytes + s->filter_bytes);
	sheet_flag(f, "writing", s->is_written);
}

static int print_reader(void *context, const struct cel_reader *r, struct cel_error *e)
{
	struct sheet *f = context;
	(void)e;
	sheet_row(f, "reader");
	sheet_count(f, "pid", r->pid);
	if (r->since != 0)
		sheet_time(f, "since", (uint64_t)r->since);
	else
		sheet_none(f, "since");
	sheet_flag(f, "reading", r->is_reading);
	sheet_count(f, "behind", r->behind);
	sheet_row_end(f);
	return 0;
}

static int print_lease(void *context, const struct cel_lease *l, struct cel_error *e)
{
	struct sheet *f = context;
	(void)e;
	sheet_row(f, "lease");
	sheet_count(f, "pid", l->pid);
	sheet_time(f, "since", (uint64_t)l->begun);
	sheet_time(f, "renewed", (uint64_t)l->renewed);
	sheet_flag(f, "live", l->is_live);
	sheet_row_end(f);
	return 0;
}

static int print_collections(struct stat_tool *t, struct cel_error *e)
{
	struct sheet *f = &t->sheet;
	struct cel_list *list;
	const struct cel_revision *r;
	int rc = cel_collection_list(t->store, &list, e);
	if (rc < 0)
		return rc;
	sheet_list(f, "collections");
	while ((rc = cel_list_next(list, &r, e)) == 1) {
		sheet_row(f, "collection");
		sheet_text(f, "name", r->name);
		if (r->has_tree)
			sheet_count(f, "records", r->records);
		else
			sheet_none(f, "records");
		sheet_time(f, "time", r->time);
		sheet_text(f, "commit", r->commit);
		sheet_row_end(f);
	}
	sheet_list_end(f);
	cel_list_free(list);
	return rc;
}

static int print_workers(struct stat_tool *t, struct cel_error *e)
{
	struct sheet *f = &t->sheet;
	uint32_t stale;
	sheet_list(f, "readers");
	int rc = cel_reader_list(t->store, print_reader, f, &stale, e);
	sheet_list_end(f);
	sheet_count(f, "stale_readers", stale);
	if (rc < 0)
		return rc;
	sheet_list(f, "leases");
	rc = cel_lease_list(t->store, print_lease, f, e);
	sheet_list_end(f);
	return rc;
}

static int print_garbage(struct stat_tool *t, struct cel_error *e)
{
	struct sheet *f = &t->sheet;
	struct cel_gc_result gc;
	struct cel_gc_options options = {.is_dry_run = true, .grace_days = CEL_GRACE_DAYS, .on_progress = progress_tell,
					 .context = NULL};
	int rc = cel_gc(t->store, &options, &gc, e);
	progress_clear();
	if (rc < 0)
		return rc;
	sheet_group(f, "garbage");
	sheet_count(f, "blocks", gc.blocks);
	sheet_count(f, "bytes", gc.block_bytes);
	sheet_count(f, "segments", gc.segments);
	sheet_count(f, "segment_bytes", gc.segment_bytes);
	sheet_count(f, "files", gc.files);
	sheet_count(f, "file_bytes", gc.file_bytes);
	sheet_group_end(f);
	return 0;
}

static int print_history(struct stat_tool *t, const char *rev, struct cel_error *e)
{
	struct sheet *f = &t->sheet;
	struct cel_history_stat s;
	int rc = cel_history_stat(t->store, rev, &t->options, &s, e);
	progress_clear();
	if (rc < 0)
		return rc;
	sheet_group(f, "history");
	sheet_count(f, "commits", s.commits);
	sheet_count(f, "trees", s.trees);
	if (t->options.is_deep) {
		sheet_count(f, "logical", s.logical);
		sheet_count(f, "stored", s.stored);
		sheet_real(f, "dedup", ratio(s.logical, s.stored));
		if (rev != NULL)
			sheet_count(f, "own", s.own);
	}
	sheet_group_end(f);
	return 0;
}

static int stat_store(struct stat_tool *t, struct cel_error *e)
{
	struct cel_store_stat s;
	int rc = cel_store_stat(t->store, &s, e);
	if (rc < 0)
		return rc;
	print_store(&t->sheet, &s);
	rc = print_collections(t, e);
	if (rc == 0)
		rc = print_workers(t, e);
	if (rc == 0)
		rc = print_history(t, NULL, e);
	if (rc == 0 && t->options.is_deep)
		rc = print_garbage(t, e);
	return rc;
}

/* ---- a rev */

static void print_revision(struct sheet *f, const char *rev, const struct cel_revision *r)
{
	sheet_text(f, "rev", rev);
	sheet_text(f, "commit", r->commit);
	sheet_text(f, "tree", r->tree);
	sheet_time(f, "time", r->time);
	sheet_count(f, "generation", r->generation);
	sheet_group(f, "schema");
	sheet_count(f, "dim", r->schema.dim);
	sheet_text(f, "type", cel_type_name(r->schema.type));
	sheet_text(f, "metric", cel_metric_name(r->schema.metric));
	sheet_text(f, "model", r->schema.model);
	sheet_group_end(f);
}

static void print_shape(struct sheet *f, const struct cel_tree_stat *s, bool is_deep)
{
	uint64_t nodes = 0, inner = 0;
	for (uint32_t i = 0; i < s->height; i++)
		nodes += s->nodes[i];
	inner = nodes - s->nodes[0];
	sheet_count(f, "records", s->records);
	sheet_group(f, "nodes");
	sheet_count(f, "height", s->height);
	sheet_count(f, "count", nodes);
	sheet_count(f, "leaves", s->nodes[0]);
	sheet_real(f, "leaf_entries", ratio(s->records, s->nodes[0]));
	sheet_real(f, "inner_entries", inner > 0 ? ratio(nodes - 1, inner) : 0);
	if (is_deep)
		sheet_count(f, "bytes", s->node_bytes);
	sheet_group_end(f);
	sheet_group(f, "vectors");
	sheet_count(f, "bytes", s->vector_bytes);
	if (is_deep) {
		sheet_count(f, "distinct", s->distinct_vectors);
		sheet_group_end(f);
		sheet_group(f, "metadata");
		sheet_count(f, "records", s->with_metadata);
		sheet_count(f, "bytes", s->metadata_bytes);
		sheet_group_end(f);
		sheet_group(f, "values");
		sheet_count(f, "blocks", s->value_blocks);
		sheet_count(f, "bytes", s->value_bytes);
	}
	sheet_group_end(f);
}

static void print_recall(struct sheet *f, const struct cel_index_status *s)
{
	sheet_list(f, "recall");
	for (uint32_t i = 0; i < s->n_recall; i++) {
		sheet_row(f, "recall");
		sheet_count(f, "ef", s->recall[i].ef);
		sheet_real(f, "recall", s->recall[i].recall);
		sheet_count(f, "queries", s->recall[i].queries);
		sheet_row_end(f);
	}
	sheet_list_end(f);
}

/* Own: of this very tree. */
static void print_index(struct sheet *f, const struct cel_index_status *s, const struct cel_tree_stat *tree)
{
	sheet_group(f, "index");
	sheet_text(f, "state", index_state(s));
	sheet_count(f, "files", tree->index_files);
	sheet_count(f, "filters", tree->filter_files);
	if (s->is_present) {
		sheet_count(f, "bytes", s->file_size);
		sheet_count(f, "M", s->M);
		sheet_count(f, "ef_construction", s->ef_construction);
		sheet_count(f, "nodes", s->nodes);
		sheet_count(f, "churn", s->churn);
		if (s->is_overlaid) {
			sheet_text(f, "of", s->overlaid_commit);
			sheet_count(f, "removed", s->removed);
			sheet_count(f, "added", s->added);
		}
		sheet_text(f, "path", s->path);
		print_recall(f, s);
	}
	sheet_group_end(f);
}

static int stat_rev(struct stat_tool *t, const char *rev, struct cel_error *e)
{
	struct sheet *f = &t->sheet;
	struct cel_revision *r;
	struct cel_tree_stat tree;
	struct cel_index_status index;
	int rc = cel_revision_get(t->store, rev, &r, e);
	if (rc < 0)
		return rc;
	rc = cel_tree_stat(t->store, r->commit, &t->options, &tree, e);
	progress_clear();
	if (rc == 0)
		rc = cel_index_get(t->store, r->commit, &index, e);
	if (rc == 0) {
		print_revision(f, rev, r);
		print_shape(f, &tree, t->options.is_deep);
		print_index(f, &index, &tree);
		rc = print_history(t, r->commit, e);
	}
	cel_revision_free(r);
	return rc;
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct stat_tool *t = cli->tool;
	struct cel_error e;
	int n = cli->n_operands, rc = 0;
	if (t->plot_path != NULL)
		return plot_run(cli, store, cli->operands[0], &t->survey, t->plot_path);
	t->store = store;
	t->options.on_progress = progress_tell;
	t->options.context = NULL;
	for (int i = 0; rc == 0 && i < (n > 0 ? n : 1); i++) {
		if (i > 0 && !cli->is_json)
			putchar('\n');
		sheet_begin(&t->sheet, cli->is_json);
		rc = n > 0 ? stat_rev(t, cli->operands[i], &e) : stat_store(t, &e);
		if (rc == 0)
			sheet_end(&t->sheet);
	}
	return rc < 0 ? cli_fail(cli, &e) : 0;
}

int verb_stat(int argc, char **argv)
{
	struct stat_tool t = {0};
	cli_parse(&t.cli, &COMMAND, &t, argc, argv);
	const char *of_plot = cli_given(&t.cli, "queries sample k");
	if (t.plot_path == NULL && of_plot != NULL)
		return cli_usage(&t.cli, "--%s goes with --plot", of_plot);
	return cli_with_store(&t.cli, true, run);
}
