/* SPDX-License-Identifier: Apache-2.0 */
/* cel list, cel show: what is in a store. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "json_line.h"
#include "print.h"
#include "verbs.h"

struct list_tool {
	struct cli cli;
	bool is_long;
};

static const struct cli_option LIST_OPTIONS[] = {
	CLI_OPTION_STORE,
	{'l', "long", NULL, "also time and message of the commit, and the state of the index", CLI_FLAG(struct list_tool, is_long)},
	CLI_OPTION_JSON,
	CLI_OPTIONS_END,
};
static const struct cli_command LIST = {
	.name = "cel list",
	.forms = "",
	.summary = "List the collections: name, records, dimension, element type, metric, commit; with --long\n"
		   "also time, state of the index (canonical, carried, near or none), message.",
	.options = LIST_OPTIONS,
	.examples = "  cel list\n  cel list -l\n",
};
static const struct cli_option SHOW_OPTIONS[] = {CLI_OPTION_STORE, CLI_OPTION_JSON, CLI_OPTIONS_END};
static const struct cli_command SHOW = {
	.name = "cel show",
	.forms = "REV",
	.summary = "Show one commit: its tree, records, schema and index.",
	.options = SHOW_OPTIONS,
	.examples = "  cel show words\n  cel show --json words | jq .records\n",
};

/* A commit whose tree is not here has no number of records. */
void print_records(const struct cel_revision *r)
{
	if (r->has_tree)
		printf("%" PRIu64, r->records);
	else
		putchar('-');
}

static void print_index_json(struct json *j, const struct cel_index_status *index)
{
	if (!index->is_present) {
		json_null(j, "index");
		return;
	}
	json_object(j, "index");
	json_text(j, "kind", index->is_carried ? "carried" : "canonical");
	json_count(j, "churn", index->churn);
	if (index->is_overlaid) {
		json_object(j, "overlay");
		json_text(j, "commit", index->overlaid_commit);
		json_count(j, "removed", index->removed);
		json_count(j, "added", index->added);
		json_object_end(j);
	}
	json_count(j, "M", index->M);
	json_count(j, "ef_construction", index->ef_construction);
	json_count(j, "nodes", index->nodes);
	json_count(j, "bytes", index->file_size);
	json_text(j, "digest", index->digest);
	json_text(j, "path", index->path);
	json_object_end(j);
}

void print_revision_json(const struct cel_revision *r, const struct cel_index_status *index)
{
	struct json j;
	json_begin(&j, stdout);
	if (r->name[0] != '\0')
		json_text(&j, "name", r->name);
	if (r->tag[0] != '\0')
		json_text(&j, "tag", r->tag);
	json_text(&j, "commit", r->commit);
	json_text(&j, "tree", r->tree);
	r->has_tree ? json_count(&j, "records", r->records) : json_null(&j, "records");
	json_object(&j, "schema");
	json_count(&j, "dim", r->schema.dim);
	json_text(&j, "type", cel_type_name(r->schema.type));
	json_text(&j, "metric", cel_metric_name(r->schema.metric));
	json_text(&j, "model", r->schema.model);
	json_object_end(&j);
	json_array(&j, "parents");
	for (uint32_t i = 0; i < r->n_parents; i++)
		json_text(&j, NULL, r->parents[i]);
	json_array_end(&j);
	json_count(&j, "generation", r->generation);
	json_time(&j, "time", r->time);
	json_text(&j, "author", r->author);
	json_text(&j, "message", r->message);
	json_array(&j, "tags");
	for (const char *tag = r->tags; *tag != '\0'; tag += strspn(tag, " ")) {
		size_t length = strcspn(tag, " ");
		json_string(&j, NULL, tag, length);
		tag += length;
	}
	json_array_end(&j);
	if (index != NULL)
		print_index_json(&j, index);
	json_end(&j);
}

const char *index_state(const struct cel_index_status *index)
{
	if (!index->is_present)
		return "none";
	return index->is_overlaid ? "near" : index->is_carried ? "carried" : "canonical";
}

static void print_list_line(const struct cel_revision *r, const struct cel_index_status *index)
{
	printf("%s\t", r->name);
	print_records(r);
	printf("\t%" PRIu32 "\t%s\t%s\t%s", r->schema.dim, cel_type_name(r->schema.type),
	       cel_metric_name(r->schema.metric), r->commit);
	if (index != NULL) {
		putchar('\t');
		print_time(stdout, r->time);
		printf("\t%s\t", index_state(index));
		print_tsv_text(stdout, r->message);
	}
	putchar('\n');
}

static int run_list(struct cli *cli, struct cel_store *store)
{
	const struct list_tool *tool = cli->tool;
	struct cel_error e;
	struct cel_list *list;
	const struct cel_revision *r;
	struct cel_index_status status, *index = tool->is_long ? &status : NULL;
	int rc = cel_collection_list(store, &list, &e);
	if (rc < 0)
		return cli_fail(cli, &e);
	while ((rc = cel_list_next(list, &r, &e)) == 1) {
		if (index != NULL && (rc = cel_index_get(store, r->commit, index, &e)) < 0)
			break;
		if (cli->is_json)
			print_revision_json(r, index);
		else
			print_list_line(r, index);
	}
	cel_list_free(list);
	return rc < 0 ? cli_fail(cli, &e) : 0;
}

int verb_list(int argc, char **argv)
{
	struct list_tool tool = {0};
	cli_parse(&tool.cli, &LIST, &tool, argc, argv);
	return cli_with_store(&tool.cli, true, run_list);
}

static void print_index(const struct cel_index_status *index)
{
	printf("\nindex\tM %" PRIu32 ", ef_construction %" PRIu32 ", %" PRIu64 " bytes, ", index->M, index->ef_construction,
	       index->file_size);
	if (index->is_carried)
		printf("carried, %" PRIu64 " changes since the canonical one", index->churn);
	else
		printf("canonical");
	if (index->is_overlaid)
		printf("; overlay of %" PRIu64 " removed and %" PRIu64 " added on %s", index->removed, index->added,
		       index->overlaid_commit);
	putchar('\n');
}

static void print_revision_tsv(const struct cel_revision *r, const struct cel_index_status *index)
{
	printf("commit\t%s\ntree\t%s\nrecords\t", r->commit, r->tree);
	print_records(r);
	printf("\ndim\t%" PRIu32 "\ntype\t%s\nmetric\t%s\nmodel\t", r->schema.dim, cel_type_name(r->schema.type),
	       cel_metric_name(r->schema.metric));
	print_tsv_text(stdout, r->schema.model);
	putchar('\n');
	for (uint32_t i = 0; i < r->n_parents; i++)
		printf("parent\t%s\n", r->parents[i]);
	printf("generation\t%" PRIu64 "\ntime\t", r->generation);
	print_time(stdout, r->time);
	printf("\nauthor\t");
	print_tsv_text(stdout, r->author);
	printf("\nmessage\t");
	print_tsv_text(stdout, r->message);
	for (const char *tag = r->tags; *tag != '\0'; tag += strspn(tag, " ")) {
		int length = (int)strcspn(tag, " ");
		printf("\ntag\t%.*s", length, tag);
		tag += length;
	}
	if (index->is_present)
		print_index(index);
	else
		printf("\nindex\tnone\n");
}

static int run_show(struct cli *cli, struct cel_store *store)
{
	struct cel_error e;
	struct cel_revision *revision;
	struct cel_index_status index;
	if (cel_revision_get(store, cli->operands[0], &revision, &e) < 0)
		return cli_fail(cli, &e);
	int rc = cel_index_get(store, revision->commit, &index, &e);
	if (rc == 0 && cli->is_json)
		print_revision_json(revision, &index);
	else if (rc == 0)
		print_revision_tsv(revision, &index);
	cel_revision_free(revision);
	return rc < 0 ? cli_fail(cli, &e) : 0;
}

int verb_show(int argc, char **argv)
{
	struct cli cli;
	cli_parse(&cli, &SHOW, NULL, argc, argv);
	return cli_with_store(&cli, true, run_show);
}
