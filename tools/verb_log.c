/* SPDX-License-Identifier: Apache-2.0 */
/* cel log: the commits that led to revs, as lines, as objects or as a picture, and where a name was. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "cli.h"
#include "json_line.h"
#include "lanes.h"
#include "print.h"
#include "verbs.h"

/* A name of a commit, as it stands beside it in the picture. */
struct name {
	char commit[CEL_CID_TEXT_SIZE];
	char text[2 * CEL_NAME_MAX + 2];
};

struct log_tool {
	struct cli cli;
	struct cel_store *store;
	bool is_graph, is_all, is_moves;
	uint32_t limit;
	struct name *names; /* collections, then tags, each by name */
	size_t n_names;
	struct lanes lanes;
};

static const struct cli_option OPTIONS[] = {
	CLI_OPTION_STORE,
	{0, "graph", NULL, "draw the lines of history beside the commits", CLI_FLAG(struct log_tool, is_graph)},
	{0, "all", NULL, "what led to any collection or tag", CLI_FLAG(struct log_tool, is_all)},
	{'n', "limit", "N", "only the newest N commits", CLI_COUNT(struct log_tool, limit, 0, UINT32_MAX)},
	{0, "moves", NULL, "where the name COLLECTION was in this store: rev, time, commit, what moved it",
	 CLI_FLAG(struct log_tool, is_moves)},
	CLI_OPTION_JSON,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel log",
	.forms = "REV...\n--all\n--moves COLLECTION",
	.summary = "List the commits that led to the REVs, newest first: commit, time, records, author, message, tags.",
	.options = OPTIONS,
	.exclusive = {"graph json", "moves graph", "moves all", "moves limit"},
	.examples = "  cel log words\n  cel log --graph --all\n  cel log --moves words\n",
};

static int fail_memory(const struct log_tool *t)
{
	struct cel_error e = {.code = CEL_ENOMEM, .message = "out of memory"};
	return cli_fail(&t->cli, &e);
}

/* ---- where a name was */

static void print_move(const char *name, const struct cel_move *m)
{
	printf("%s@{%" PRIu64 "}\t", name, m->index);
	print_time(stdout, (uint64_t)m->time);
	printf("\t%s\t", m->commit[0] != '\0' ? m->commit : "-");
	print_tsv_text(stdout, m->message);
	putchar('\n');
}

static void print_move_json(const char *name, const struct cel_move *m)
{
	struct json j;
	char rev[CEL_NAME_MAX + 32];
	snprintf(rev, sizeof rev, "%s@{%" PRIu64 "}", name, m->index);
	json_begin(&j, stdout);
	json_text(&j, "rev", rev);
	json_optional(&j, "commit", m->commit);
	json_optional(&j, "old_commit", m->old_commit);
	json_time(&j, "time", (uint64_t)m->time);
	json_text(&j, "message", m->message);
	json_end(&j);
}

static int print_moves(const struct cli *cli, struct cel_store *store)
{
	struct cel_error e;
	struct cel_moves *moves;
	const struct cel_move *m;
	const char *name = cli->operands[0];
	if (cel_moves_new(store, name, &moves, &e) < 0)
		return cli_fail(cli, &e);
	while (cel_moves_next(moves, &m) == 1)
		(cli->is_json ? print_move_json : print_move)(name, m);
	cel_moves_free(moves);
	return 0;
}

/* ---- commits */

static void print_line(const struct cel_revision *r)
{
	printf("%s\t", r->commit);
	print_time(stdout, r->time);
	putchar('\t');
	print_records(r);
	putchar('\t');
	print_tsv_text(stdout, r->author);
	putchar('\t');
	print_tsv_text(stdout, r->message);
	printf("\t%s\n", r->tags);
}

static int add_name(struct log_tool *t, const struct cel_revision *r, struct cel_error *e)
{
	int rc = array_room(&t->names, t->n_names, 1, sizeof *t->names, e);
	if (rc < 0)
		return rc;
	struct name *name = &t->names[t->n_names++];
	strcpy(name->commit, r->commit);
	snprintf(name->text, sizeof name->text, "%s%s%s", r->name, r->tag[0] != '\0' ? "@" : "", r->tag);
	return 0;
}

static int add_names(struct log_tool *t, struct cel_list *list)
{
	struct cel_error e;
	const struct cel_revision *r;
	int rc, status = 0;
	while (status == 0 && (rc = cel_list_next(list, &r, &e)) != 0) {
		if (rc < 0 || add_name(t, r, &e) < 0)
			status = cli_fail(&t->cli, &e);
	}
	cel_list_free(list);
	return status;
}

static int load_names(struct log_tool *t)
{
	struct cel_error e;
	struct cel_list *list;
	if (cel_collection_list(t->store, &list, &e) < 0)
		return cli_fail(&t->cli, &e);
	int status = add_names(t, list);
	if (status != 0)
		return status;
	return cel_tag_list(t->store, NULL, &list, &e) < 0 ? cli_fail(&t->cli, &e) : add_names(t, list);
}

static void print_names(const struct log_tool *t, const struct cel_revision *r)
{
	const char *before = " (";
	for (size_t i = 0; i < t->n_names; i++) {
		if (strcmp(t->names[i].commit, r->commit) != 0)
			continue;
		printf("%s%s", before, t->names[i].text);
		before = ", ";
	}
	if (*before == ',')
		putchar(')');
}

/* For people: nothing in it may steer a terminal. */
static void print_plain(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
		bool is_c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;
		putchar(*p < 0x20 || *p == 0x7f || is_c1 ? ' ' : *p);
		p += is_c1;
	}
}

/* Enough of a CID for a rev, and to tell the commits of a store apart. */
#define CID_SHOWN 16

static bool print_drawn(struct log_tool *t, const struct cel_revision *r)
{
	if (!lanes_commit(&t->lanes, stdout, r))
		return false;
	printf("%.*s ", CID_SHOWN, r->commit);
	print_time(stdout, r->time);
	print_names(t, r);
	if (r->has_tree)
		printf(" %" PRIu64 " record%s", r->records, r->records == 1 ? "" : "s");
	else
		printf(" no tree here");
	if (r->message[0] != '\0')
		printf(": ");
	print_plain(r->message);
	putchar('\n');
	return lanes_parents(&t->lanes, stdout, r);
}

static int print_all(struct log_tool *t, struct cel_list *list)
{
	struct cel_error e;
	const struct cel_revision *r;
	int rc = 1;
	for (uint32_t n = 0; n < t->limit && (rc = cel_list_next(list, &r, &e)) == 1; n++) {
		if (t->cli.is_json)
			print_revision_json(r, NULL);
		else if (!t->is_graph)
			print_line(r);
		else if (!print_drawn(t, r))
			return fail_memory(t);
	}
	return rc < 0 ? cli_fail(&t->cli, &e) : 0;
}

static int print_history(struct log_tool *t)
{
	struct cel_error e;
	struct cel_list *list;
	size_t n = t->is_all ? t->n_names : (size_t)t->cli.n_operands;
	const char **revs = malloc((n + 1) * sizeof *revs);
	if (revs == NULL)
		return fail_memory(t);
	for (size_t i = 0; i < n; i++)
		revs[i] = t->is_all ? t->names[i].text : t->cli.operands[i];
	int status = 0;
	if (cel_history_of(t->store, revs, n, &list, &e) < 0) {
		status = cli_fail(&t->cli, &e);
	} else {
		status = print_all(t, list);
		cel_list_free(list);
	}
	free(revs);
	return status;
}

static int run(struct cli *cli, struct cel_store *store)
{
	struct log_tool *t = cli->tool;
	int status = 0;
	t->store = store;
	if (t->is_graph || t->is_all)
		status = load_names(t);
	if (status == 0)
		status = t->is_moves ? print_moves(cli, store) : print_history(t);
	lanes_release(&t->lanes);
	free(t->names);
	return status;
}

int verb_log(int argc, char **argv)
{
	struct log_tool t = {.limit = UINT32_MAX};
	cli_parse(&t.cli, &COMMAND, &t, argc, argv);
	return cli_with_store(&t.cli, true, run);
}
