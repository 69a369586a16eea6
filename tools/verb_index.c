/* SPDX-License-Identifier: Apache-2.0 */
/* cel index: building what is derived. */
#include "cli.h"
#include "progress.h"
#include "verbs.h"

enum { OPT_M = CLI_OWN, OPT_EF_CONSTRUCTION, OPT_CANONICAL };
static const struct cli_option INDEX_OPTIONS[] = {
	CLI_OPTION_STORE,
	{OPT_M, "M", "M", "links a node of the index (default 16)"},
	{OPT_EF_CONSTRUCTION, "ef-construction", "N", "beam while building the index (default 150)"},
	{OPT_CANONICAL, "canonical", NULL, "build anew, so that others can check the file by building it"},
	{'j', "jobs", "N", "threads (default: all processors)"},
	CLI_OPTION_QUIET,
	CLI_OPTIONS_END,
};
static const struct cli_command INDEX = {
	.name = "cel index",
	.usage = "[OPTION]... REV",
	.summary = "Make the index of REV unless a good one is there: carry that of a near commit along, or build one.",
	.options = INDEX_OPTIONS,
	.examples = "  cel index words\n  cel index --canonical words\n  cel index words --ef-construction 400\n",
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
		else if (id == OPT_CANONICAL)
			options.is_canonical = true;
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
