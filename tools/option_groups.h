/* SPDX-License-Identifier: Apache-2.0 */
/* Options that several commands have. T is the command's struct, `at` the field of it that has the fields that are filled;
 * so cel_build_options, cel_merge_options and cel_index_options, which have them by the same names, all will do. */
#ifndef TOOLS_OPTION_GROUPS_H
#define TOOLS_OPTION_GROUPS_H

#include "cli.h"

#define JOBS_OPTION_FOR(T, at, what) \
	{'j', "jobs", "N", what " (default: all processors)", CLI_COUNT(T, at.threads, 1, 1024)}
#define JOBS_OPTION(T, at) JOBS_OPTION_FOR(T, at, "threads")

#define DRY_RUN_OPTION_FOR(T, at, help) {'n', "dry-run", NULL, help, CLI_FLAG(T, at.is_dry_run)}
#define DRY_RUN_OPTION(T, at) DRY_RUN_OPTION_FOR(T, at, "say what would be done, change nothing")

/* Of the index that is built at the end. */
#define NO_INDEX_OPTION(T, at) {0, "no-index", NULL, "do not build the index", CLI_FLAG(T, at.is_without_index)}
#define INDEX_OPTIONS(T, at)                                                                                        \
	{0, "M", "M", "links a node of the index (default 16)", CLI_COUNT(T, at.M, 4, 128)},                        \
	{0, "ef-construction", "N", "beam while building the index (default 150)", CLI_COUNT(T, at.ef_construction, 8, 4096)}

/* Of the commit that is made; lead is what its help texts begin with. */
#define COMMIT_OPTIONS(T, at, lead)                                                                                 \
	{'m', "message", "TEXT", lead "the commit's message", CLI_TEXT(T, at.message)},                             \
	{0, "author", "TEXT", lead "the commit's author (else CEL_AUTHOR, else user@host)", CLI_TEXT(T, at.author)}, \
	{0, "time", "TIME", lead "the commit's time: YYYY-MM-DDTHH:MM:SSZ or Unix seconds (default: now)",          \
	 CLI_TIME(T, at.time)}

#define POLICY_OPTION(T, at, help) \
	{0, "policy", "POLICY", help, CLI_CHOICE(T, at.policy, CEL_POLICY_FAIL, "fail ours theirs newest")}

/* How the index is walked: fields of cel_query_options. */
#define SEARCH_OPTIONS(T, at)                                                              \
	{0, "ef", "N", "walk the graph with a beam of N", CLI_COUNT(T, at.ef, 1, 65536)},  \
	{0, "exact", NULL, "compare with every record", CLI_FLAG(T, at.is_exact)}
#define RECALL_OPTION(T, at) \
	{0, "recall", "R", "aim at this recall@10 (default 0.95)", CLI_REAL(T, at.recall, 0.01, 1)}

#endif
