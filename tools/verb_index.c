/* SPDX-License-Identifier: Apache-2.0 */
/* cel index, cel fsck: building what is derived, checking what is true. */
#include <inttypes.h>

#include "cli.h"
#include "progress.h"
#include "verbs.h"

enum { OPT_M = CLI_OWN, OPT_EF_CONSTRUCTION };
static const struct cli_option INDEX_OPTIONS[] = {
	CLI_OPTION_STORE,
	{OPT_M, "M", "M", "links a node of the index (default 16)"},
	{OPT_EF_CONSTRUCTION, "ef-construction", "N", "beam while building the index (default 200)"},
	{'j', "jobs", "N", "threads (default: all processors)"},
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command INDEX = {
	.name = "cel index",
	.usage = "[OPTION]... REV",
	.summary = "Build the index of REV unless a good one is there.",
	.options = INDEX_OPTIONS,
	.examples = "  cel index words\n  cel index words --ef-construction 400\n",
};

int verb_index(int argc, char **argv)
{
	struct cli cli;
	struct cel_error e;
	struct cel_store *store;
	struct progress progress;
	struct cel_index_options options = {.on_progress = progress_tell, .context = &progress};
	cli_init(&cli, &INDEX, argc, argv);
	for (int id; (id = cli_next(&cli)) != 0;) {
		if (id == OPT_M)
			options.M = (uint32_t)cli_count(&cli, 4, 128);
		else if (id == OPT_EF_CONSTRUCTION)
			options.ef_construction = (uint32_t)cli_count(&cli, 8, 4096);
		else if (id == 'j')
			options.threads = (uint32_t)cli_count(&cli, 1, 1024);
	}
	progress_init(&progress, &cli);
	if (cli.n_operands != 1)
		return cli_usage(&cli, "one REV, please");
	int status = cli_open_store(&cli, false, &store);
	if (status != 0)
		return status;
	int rc = cel_index_build(store, cli.operands[0], &options, &e);
	progress_clear(&progress);
	if (rc < 0)
		status = cli_fail(&cli, &e);
	cel_store_free(store);
	return cli_finish(&cli, status);
}

static const struct cli_option FSCK_OPTIONS[] = {CLI_OPTION_STORE, CLI_OPTION_QUIET, CLI_OPTIONS_END};
static const struct cli_command FSCK = {
	.name = "cel fsck",
	.usage = "[OPTION]... [REV]...",
	.summary = "Check the commits REV (default: every collection): each block is hashed again, each rule of the tree\n"
		   "and of the records is checked. Prints a line for each: rev, records.",
	.options = FSCK_OPTIONS,
	.examples = "  cel fsck\n  cel fsck words\n",
};

static int check_one(const struct cli *cli, struct cel_store *store, const char *rev)
{
	uint64_t records = 0;
	struct cel_error e;
	if (cel_check(store, rev, &records, &e) < 0) {
		fprintf(stderr, "%s: %s: %s\n", cli->command->name, rev, e.message);
		return cel_error_exit_status(e.code);
	}
	printf("%s\t%" PRIu64 "\n", rev, records);
	return 0;
}

static int check_all(const struct cli *cli, struct cel_store *store)
{
	struct cel_list *list;
	struct cel_error e;
	const struct cel_revision *r;
	int status = 0, rc = cel_collection_list(store, &list, &e);
	if (rc < 0)
		return cli_fail(cli, &e);
	while ((rc = cel_list_next(list, &r, &e)) == 1) {
		int one = check_one(cli, store, r->name);
		if (one > status)
			status = one;
	}
	cel_list_free(list);
	return rc < 0 ? cli_fail(cli, &e) : status;
}

int verb_fsck(int argc, char **argv)
{
	struct cli cli;
	struct cel_store *store;
	cli_init(&cli, &FSCK, argc, argv);
	cli_no_options(&cli);
	int status = cli_open_store(&cli, true, &store);
	if (status != 0)
		return status;
	if (cli.n_operands == 0)
		status = check_all(&cli, store);
	for (int i = 0; i < cli.n_operands; i++) {
		int one = check_one(&cli, store, cli.operands[i]);
		if (one > status)
			status = one;
	}
	cel_store_free(store);
	return cli_finish(&cli, status);
}
