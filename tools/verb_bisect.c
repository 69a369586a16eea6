/* SPDX-License-Identifier: Apache-2.0 */
/* cel bisect: asks the same queries of commits between a good and a bad one, until it is known which was the first that
 * answers them badly. */
#include <inttypes.h>
#include <string.h>

#include "cli.h"
#include "json_line.h"
#include "option_groups.h"
#include "print.h"
#include "progress.h"
#include "verbs.h"

struct bisect_tool {
	struct cli cli;
	struct cel_store *store;
	const char *queries, *truth_path;
	double min_recall;
	struct cel_query_options query;
	struct cel_truth_options truth_options;
	struct cel_truth *truth;
	/* of the commit that is known to be bad */
	char bad[CEL_CID_TEXT_SIZE];
	double bad_recall;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "queries", "FILE", "the queries, in a form that cel-query reads (needed)", CLI_TEXT(struct bisect_tool, queries)},
	{0, "truth", "FILE", "their true answers: .ivecs, numbers of records (needed)",
	 CLI_TEXT(struct bisect_tool, truth_path)},
	{0, "min-recall", "R", "a commit with a recall below R is bad (needed)",
	 CLI_REAL(struct bisect_tool, min_recall, 0, 1)},
	{0, "id-prefix", "TEXT", "number n of the truth is the record TEXTn (default: n)",
	 CLI_TEXT(struct bisect_tool, truth_options.id_prefix)},
	{0, "truth-ids", "FILE", "number n is the id on line n + 1 of FILE", CLI_TEXT(struct bisect_tool, truth_options.ids)},
	{'k', "k", "K", "answers a query (default: the numbers in a row of the truth)",
	 CLI_COUNT(struct bisect_tool, truth_options.k, 1, CEL_DIM_MAX)},
	SEARCH_OPTIONS(struct bisect_tool, query),
	JOBS_OPTION(struct bisect_tool, query),
	CLI_OPTION_JSON,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel bisect",
	.forms = "GOOD BAD --queries FILE --truth FILE --min-recall R",
	.summary = "Find the first commit between GOOD, an ancestor, and BAD whose recall of the queries is below R.\n"
		   "Prints commit, recall, time, author, message, separated by tabs; each step on standard error.",
	.options = OPTIONS,
	.exclusive = {"id-prefix truth-ids", "exact ef"},
	.examples = "  cel bisect words@v1 words --queries q.npy --truth t.ivecs --min-recall 0.95\n"
		    "  cel bisect words~20 words --queries q.npy --truth t.ivecs --truth-ids ids.txt --min-recall 0.9 --exact\n",
};

static int measure(struct bisect_tool *t, const char *rev, double *recall, struct cel_error *e)
{
	struct cel_query *query;
	int rc = cel_query_new(t->store, rev, &t->query, &query, e);
	if (rc < 0)
		return rc;
	rc = cel_query_recall(query, t->queries, NULL, t->truth, recall, e);
	cel_query_free(query);
	return rc;
}

/* GOOD must be good and BAD bad, or the search would find a commit that is neither. */
static int check_ends(struct bisect_tool *t, struct cel_error *e)
{
	const struct cli *cli = &t->cli;
	double good, bad;
	int rc = measure(t, cli->operands[0], &good, e);
	if (rc == 0)
		rc = measure(t, cli->operands[1], &bad, e);
	if (rc < 0)
		return rc;
	cli_say(cli, "%s: recall %.6g; %s: recall %.6g", cli->operands[0], good, cli->operands[1], bad);
	t->bad_recall = bad;
	if (good >= t->min_recall && bad < t->min_recall)
		return 0;
	const char *wrong = good < t->min_recall ? cli->operands[0] : cli->operands[1];
	e->code = CEL_EUSAGE;
	snprintf(e->message, sizeof e->message, "%.200s is not %s: its recall of %.6g is %s %.6g", wrong,
		 good < t->min_recall ? "good" : "bad", good < t->min_recall ? good : bad,
		 good < t->min_recall ? "below" : "not below", t->min_recall);
	return e->code;
}

static int search(struct bisect_tool *t, struct cel_bisect *bisect, struct cel_error *e)
{
	const struct cli *cli = &t->cli;
	struct cel_bisect_step step;
	uint64_t n = 0;
	int rc;
	while ((rc = cel_bisect_next(bisect, &step, e)) == 1) {
		double recall;
		n++;
		if (!step.has_tree) {
			cel_bisect_tell(bisect, CEL_SKIP);
			cli_say(cli, "step %" PRIu64 ": %s: skipped, its tree is not in this store", n, step.commit);
			continue;
		}
		rc = measure(t, step.commit, &recall, e);
		if (rc < 0)
			return rc;
		bool is_bad = recall < t->min_recall;
		cel_bisect_tell(bisect, is_bad ? CEL_BAD : CEL_GOOD);
		if (is_bad) {
			memcpy(t->bad, step.commit, sizeof t->bad);
			t->bad_recall = recall;
		}
		cli_say(cli, "step %" PRIu64 ": %s: recall %.6g, %s; candidates left: %" PRIu64, n, step.commit, recall,
			is_bad ? "bad" : "good", cel_bisect_left(bisect));
	}
	return rc;
}

static void print_candidate(const struct bisect_tool *t, const struct cel_revision *r)
{
	bool is_known = strcmp(r->commit, t->bad) == 0;
	if (t->cli.is_json) {
		struct json j;
		json_begin(&j, stdout);
		json_text(&j, "commit", r->commit);
		is_known ? json_number(&j, "recall", "%.9g", t->bad_recall) : json_null(&j, "recall");
		json_time(&j, "time", r->time);
		json_text(&j, "author", r->author);
		json_text(&j, "message", r->message);
		json_end(&j);
		return;
	}
	printf("%s\t", r->commit);
	if (is_known)
		printf("%.9g\t", t->bad_recall);
	else
		printf("-\t");
	print_time(stdout, r->time);
	putchar('\t');
	print_tsv_text(stdout, r->author);
	putchar('\t');
	print_tsv_text(stdout, r->message);
	putchar('\n');
}

/* One line if it is decided; else, with status 69, one for each commit that it may be. */
static int print_result(struct bisect_tool *t, struct cel_bisect *bisect)
{
	struct cel_error e;
	uint64_t n = cel_bisect_left(bisect);
	for (uint64_t i = 0; i < n; i++) {
		char commit[CEL_CID_TEXT_SIZE];
		struct cel_revision *r;
		cel_bisect_candidate(bisect, i, commit);
		if (cel_revision_get(t->store, commit, &r, &e) < 0)
			return cli_fail(&t->cli, &e);
		print_candidate(t, r);
		cel_revision_free(r);
	}
	if (n == 1)
		return 0;
	e.code = CEL_EUNAVAILABLE;
	snprintf(e.message, sizeof e.message,
		 "it is one of these %" PRIu64 " commits; the trees of all but the last are not in this store", n);
	return cli_fail(&t->cli, &e);
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct bisect_tool *t = cli->tool;
	struct cel_error e;
	struct cel_bisect *bisect = NULL;
	struct cel_revision *bad = NULL;
	int status = 0;
	t->store = store;
	int rc = cel_bisect_new(t->store, t->cli.operands[0], t->cli.operands[1], &bisect, &e);
	if (rc == 0)
		rc = cel_revision_get(t->store, t->cli.operands[1], &bad, &e);
	if (rc == 0) {
		memcpy(t->bad, bad->commit, sizeof t->bad);
		rc = cel_truth_new(t->truth_path, &t->truth_options, &t->truth, &e);
	}
	if (rc == 0) {
		t->query.k = cel_truth_k(t->truth);
		rc = check_ends(t, &e);
	}
	if (rc == 0)
		rc = search(t, bisect, &e);
	status = rc < 0 ? cli_fail(&t->cli, &e) : print_result(t, bisect);
	cel_truth_free(t->truth);
	cel_revision_free(bad);
	cel_bisect_free(bisect);
	return status;
}

int verb_bisect(int argc, char **argv)
{
	struct bisect_tool t = {.query.on_progress = progress_tell};
	cli_parse(&t.cli, &COMMAND, &t, argc, argv);
	if (strcmp(t.queries, "-") == 0)
		return cli_usage(&t.cli, "the queries are read again and again: --queries needs a file");
	return cli_with_store(&t.cli, true, run);
}
