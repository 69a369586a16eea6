/* SPDX-License-Identifier: Apache-2.0 */
/* cel export: all records of a commit, in the order of their ids, in a form that cel-build reads back to the same root CID.
 * Types that a format lacks are widened to f32, which holds each of them exactly. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "export_arrow.h"
#include "output_file.h"
#include "print.h"
#include "progress.h"
#include "select.h"
#include "stats.h"
#include "verbs.h"

#define PROGRESS_RECORDS 1024u

enum export_format { BY_NAME, JSONL, NPY, FVECS, PARQUET, ARROW };

struct export_tool {
	struct cli cli;
	enum export_format format;
	const char *path; /* "-": standard output */
	const char *ids_path;
	bool is_nul; /* so end the ids */
	FILE *ids;
	struct cel_select select;
	bool is_native;    /* the elements are written as they are stored */
	uint64_t n_metadata; /* records whose metadata the format cannot hold */
	uint8_t *row;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "format", "FORMAT", "jsonl (default), npy, fvecs, parquet or arrow",
	 CLI_CHOICE(struct export_tool, format, JSONL, "jsonl npy fvecs parquet arrow")},
	{0, "ids", "FILE", "where the ids go, one a line (npy, fvecs)", CLI_TEXT(struct export_tool, ids_path)},
	{'0', "null", NULL, "the ids end with NUL, not newline", CLI_FLAG(struct export_tool, is_nul)},
	SELECT_OPTIONS(struct export_tool, select),
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel export",
	.forms = "REV [FILE]",
	.summary = "Write the records of REV to FILE, or standard output, in the order of their ids, as cel-build reads them.\n"
		   "The name of FILE tells the format (.jsonl, .npy, .fvecs, .parquet, .arrow), unless --format does.",
	.options = OPTIONS,
	.examples = "  cel export words | zstd >words.jsonl.zst\n"
		    "  cel export words words.parquet\n"
		    "  cel export words~1 --format npy --ids words.txt >words.npy\n"
		    "  cel export photos --filter '.year > 2019' >new.jsonl\n",
};

/* The element type of .npy, or NULL if it has none. */
static const char *npy_type(enum cel_type type)
{
	switch (type) {
	case CEL_F32:
		return "<f4";
	case CEL_F16:
		return "<f2";
	case CEL_I8:
		return "|i1";
	case CEL_U8:
	case CEL_B1: /* packed, as by numpy.packbits */
		return "|u1";
	default:
		return NULL;
	}
}

static void print_npy_header(const struct cel_schema *schema, uint64_t count)
{
	char text[192];
	const char *type = npy_type(schema->type);
	int length = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%" PRIu64 ", %" PRIu32 "), }",
			      type != NULL ? type : "<f4", count,
			      schema->type == CEL_B1 ? (uint32_t)cel_vector_size(schema->type, schema->dim) : schema->dim);
	int size = (10 + length + 1 + 63) / 64 * 64 - 10; /* data begins at a multiple of 64 */
	fwrite("\x93NUMPY\x01\x00", 1, 8, stdout);
	putchar(size & 0xff);
	putchar(size >> 8);
	printf("%-*s\n", size - 1, text);
}

static void put_le32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

static void print_row(struct export_tool *tool, const struct cel_record *r)
{
	uint32_t dim = r->schema.dim;
	if (tool->format == FVECS) {
		put_le32(tool->row, dim);
		fwrite(tool->row, 1, 4, stdout);
	}
	if (tool->is_native) {
		fwrite(r->vector, 1, r->vector_size, stdout);
	} else {
		for (uint32_t i = 0; i < dim; i++) {
			float value = (float)cel_element(r->schema.type, r->vector, i);
			uint32_t bits;
			memcpy(&bits, &value, sizeof bits);
			put_le32(tool->row + 4 * (size_t)i, bits);
		}
		fwrite(tool->row, 4, dim, stdout);
	}
	fwrite(r->id, 1, r->id_size, tool->ids);
	putc(tool->is_nul ? '\0' : '\n', tool->ids);
	tool->n_metadata += r->metadata != NULL;
}

static int fail_writing(const struct cli *cli, const char *what)
{
	int problem = errno;
	fflush(stdout);
	fprintf(stderr, "%s: %s: %s\n", cli->command->name, what, problem != 0 ? strerror(problem) : "cannot write");
	return 74;
}

static int export_all(struct export_tool *tool, struct cel_records *records)
{
	const struct cel_record *record;
	struct cel_progress progress = {.phase = "export", .unit = "records", .total = cel_records_count(records)};
	struct cel_error e;
	int rc;
	errno = 0;
	progress_tell(NULL, &progress);
	while ((rc = cel_records_next(records, &record, &e)) > 0) {
		if (++progress.done % PROGRESS_RECORDS == 0)
			progress_tell(NULL, &progress);
		if (tool->format == JSONL)
			print_json_record(record);
		else
			print_row(tool, record);
		if (ferror(stdout))
			return fail_writing(&tool->cli, "standard output");
		if (tool->ids != NULL && ferror(tool->ids))
			return fail_writing(&tool->cli, tool->ids_path);
	}
	progress_tell(NULL, &progress);
	stats_result_count("records", progress.done);
	return rc < 0 ? cli_fail(&tool->cli, &e) : 0;
}

static int export_to_files(struct export_tool *tool, struct cel_records *records)
{
	const struct cel_schema *schema = cel_records_schema(records);
	struct cel_selected selected;
	cel_records_selected(records, &selected);
	select_say(&tool->cli, &selected);
	if (tool->format == JSONL)
		return export_all(tool, records);
	if (tool->format == PARQUET || tool->format == ARROW)
		return export_arrow(&tool->cli, records, tool->format == PARQUET ? "parquet" : "arrow");
	tool->is_native = tool->format == NPY ? npy_type(schema->type) != NULL : schema->type == CEL_F32;
	tool->row = malloc(4 * ((size_t)schema->dim + 1));
	tool->ids = tool->row != NULL ? fopen(tool->ids_path, "we") : NULL;
	if (tool->ids == NULL) {
		fprintf(stderr, "%s: %s: %s\n", tool->cli.command->name, tool->ids_path, strerror(errno));
		free(tool->row);
		return 73;
	}
	if (tool->format == NPY)
		print_npy_header(schema, cel_records_count(records));
	int status = export_all(tool, records);
	errno = 0;
	if (fclose(tool->ids) != 0 && status == 0)
		status = fail_writing(&tool->cli, tool->ids_path);
	if (status == 0 && tool->n_metadata > 0)
		cli_say(&tool->cli, "the metadata of %" PRIu64 " records is left out: this format cannot hold it (jsonl can)",
			tool->n_metadata);
	free(tool->row);
	return status;
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct export_tool *tool = cli->tool;
	struct cel_records *records;
	struct output_file file;
	struct cel_error e;
	if (cel_records_select(store, cli->operands[0], &tool->select, &records, &e) < 0)
		return cli_fail(cli, &e);
	int status = output_file_open(&file, cli, tool->path);
	if (status == 0)
		status = output_file_close(&file, cli, export_to_files(tool, records));
	cel_records_free(records);
	return status;
}

/* What the ending of the name stands for; BY_NAME: nothing. */
static enum export_format format_by_name(const char *path)
{
	static const struct {
		const char *ending;
		enum export_format format;
	} ENDINGS[] = {{".jsonl", JSONL}, {".ndjson", JSONL}, {".npy", NPY}, {".fvecs", FVECS}, {".parquet", PARQUET},
		       {".arrow", ARROW}, {".feather", ARROW}};
	size_t length = strlen(path);
	for (size_t i = 0; i < sizeof ENDINGS / sizeof *ENDINGS; i++) {
		size_t n = strlen(ENDINGS[i].ending);
		if (length > n && strcmp(path + length - n, ENDINGS[i].ending) == 0)
			return ENDINGS[i].format;
	}
	return strcmp(path, "-") == 0 ? JSONL : BY_NAME;
}

int verb_export(int argc, char **argv)
{
	struct export_tool tool = {0};
	cli_parse(&tool.cli, &COMMAND, &tool, argc, argv);
	tool.path = tool.cli.n_operands > 1 ? tool.cli.operands[1] : "-";
	if (tool.format == BY_NAME)
		tool.format = format_by_name(tool.path);
	if (tool.format == BY_NAME)
		return cli_usage(&tool.cli, "the name '%s' stands for no format: say it with --format", tool.path);
	bool has_ids = tool.format != NPY && tool.format != FVECS;
	if (!has_ids && tool.ids_path == NULL)
		return cli_usage(&tool.cli, "this format has no ids: say with --ids which file they go to");
	if (has_ids && tool.ids_path != NULL)
		return cli_usage(&tool.cli, "this format has the ids in it: no --ids");
	if (strcmp(tool.path, "-") == 0)
		progress_streams();
	return cli_with_store(&tool.cli, true, run);
}
