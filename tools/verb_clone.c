/* SPDX-License-Identifier: Apache-2.0 */
/* cel clone: a new store with collections of another one. Each becomes visible when it is whole; a clone that broke off is
 * gone on with by the same command, which finds its own remote "origin" and fetches what is missing. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "json_line.h"
#include "fetched_tags.h"
#include "option_groups.h"
#include "peer.h"
#include "stats.h"
#include "verbs.h"

#define ORIGIN "origin"

struct clone_tool {
	struct cli cli;
	struct peer peer;
	struct fetched_tags tags;
	struct cel_index_options index;
	bool is_without_index;
	struct cel_store *store;
	struct cel_peer *connection;
	char (*names)[CEL_NAME_MAX + 1];
	size_t n_names, n_tags;
};

static const struct cli_option OPTIONS[] = {
	{0, "no-index", NULL, "do not build the indexes", CLI_FLAG(struct clone_tool, is_without_index)},
	NO_TAGS_OPTION(struct clone_tool, tags),
	PEER_OPTIONS(struct clone_tool, peer),
	MAX_FETCH_OPTION(struct clone_tool, peer),
	JOBS_OPTION_FOR(struct clone_tool, index, "threads for the indexes"),
	CLI_OPTION_LOCK_WAIT,
	CLI_OPTIONS_TALK,
	CLI_OPTIONS_END,
};
static const struct cli_command COMMAND = {
	.name = "cel clone",
	.forms = "PLACE DIR [COLLECTION]...",
	.summary = "Make DIR a new store with the collections of the store PLACE ([USER@]HOST:PATH or PATH), or with those that\n"
		   "are named; the remote '" ORIGIN "' is that place then. If it breaks off, the same command goes on with it.",
	.options = OPTIONS,
	.examples = "  cel clone backup@host:/srv/store ./store\n  cel clone backup@host:/srv/store ./store words photos\n",
};

/* ---- which collections */

static int add_name(struct clone_tool *tool, const char *name, struct cel_error *e)
{
	int rc = array_room(&tool->names, tool->n_names, 1, sizeof *tool->names, e);
	if (rc == 0)
		snprintf(tool->names[tool->n_names++], sizeof *tool->names, "%s", name);
	return rc;
}

static int take_name(void *context, const char *name, const char *commit, uint64_t records, struct cel_error *e)
{
	(void)commit, (void)records;
	return add_name(context, name, e);
}

/* 0 or an exit status. */
static int find_names(struct clone_tool *tool)
{
	const struct cli *cli = &tool->cli;
	struct cel_error e;
	int rc = 0;
	if (cli->n_operands == 2)
		rc = cel_peer_list(tool->connection, take_name, tool, &e);
	for (int i = 2; i < cli->n_operands && rc == 0; i++)
		rc = add_name(tool, cli->operands[i], &e);
	return rc < 0 ? cli_fail(&tool->cli, &e) : 0;
}

static int clone_tags(struct clone_tool *tool, const char *name)
{
	int status = fetched_tags_list(&tool->tags, &tool->cli, tool->connection, name);
	if (status == 0)
		status = fetched_tags_adopt(&tool->tags, &tool->cli, tool->store, name, name, false);
	for (size_t i = 0; i < tool->tags.n && status == 0; i++)
		tool->n_tags += tool->tags.offers[i].outcome == CEL_TAG_NEW;
	return status;
}

static int clone_collection(struct clone_tool *tool, const char *name)
{
	struct cel_fetch_result fetched;
	struct cel_error e;
	int rc = peer_has_collection(tool->store, name, &e);
	if (rc < 0)
		return cli_fail(&tool->cli, &e);
	if (rc > 0) {
		cli_say(&tool->cli, "%s: is here already ('cel pull' brings what is new)", name);
		return clone_tags(tool, name); /* it may have broken off before them */
	}
	int status = peer_fetch(&tool->peer, tool->connection, name, false, &fetched);
	if (status != 0)
		return status;
	peer_say_fetched(&tool->peer, name, &fetched, tool->connection);
	rc = cel_collection_create_from(tool->store, name, fetched.commit, &e);
	return rc < 0 ? cli_fail(&tool->cli, &e) : clone_tags(tool, name);
}

static int build_indexes(struct clone_tool *tool)
{
	struct cel_error e;
	for (size_t i = 0; i < tool->n_names && !tool->is_without_index; i++)
		if (cel_index_build(tool->store, tool->names[i], &tool->index, &e) < 0)
			return cli_fail(&tool->cli, &e);
	return 0;
}

/* ---- the new store */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

/* A store that we made and that nothing has come into. */
static void remove_store(struct clone_tool *tool)
{
	const char *path = tool->cli.operands[1];
	cel_store_free(tool->store);
	tool->store = NULL;
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Opens DIR: new, or one that an earlier clone of this place has begun. */
static int open_store(struct clone_tool *tool, const char *place, bool *is_new)
{
	const char *path = tool->cli.operands[1];
	char origin[CEL_PLACE_MAX + 1], data[PATH_MAX], whole[PATH_MAX];
	struct cel_store_options options = {.lock_wait = tool->cli.lock_wait};
	struct cel_error e;
	snprintf(data, sizeof data, "%s/data.mdb", path);
	*is_new = access(data, F_OK) < 0;
	if (*is_new && cel_store_init(path, &e) < 0)
		return cli_fail(&tool->cli, &e);
	if (cel_store_open(path, &options, &tool->store, &e) < 0)
		return cli_fail(&tool->cli, &e);
	if (*is_new && cel_remote_add(tool->store, ORIGIN, place, &e) == 0)
		return 0;
	if (*is_new) {
		remove_store(tool);
		return cli_fail(&tool->cli, &e);
	}
	if (cel_remote_get(tool->store, ORIGIN, origin, &e) == 0 &&
	    (strcmp(origin, place) == 0 || (realpath(place, whole) != NULL && strcmp(origin, whole) == 0)))
		return 0;
	fprintf(stderr, "%s: %s is a store already, and no clone of %s\n", tool->cli.command->name, path, place);
	return cel_error_exit_status(CEL_ECANTCREAT);
}

/* What failed before it began leaves nothing behind; what broke off in the middle can be gone on with. */
static bool is_hopeless(int status)
{
	return status != 0 && status != cel_error_exit_status(CEL_EBUSY) && status != cel_error_exit_status(CEL_EIO);
}

static void print_stats(const struct clone_tool *tool, size_t n_cloned)
{
	uint64_t received, sent, round_trips;
	struct json j;
	FILE *out = stats_result();
	if (out == NULL)
		return;
	cel_peer_traffic(tool->connection, &received, &sent, &round_trips);
	json_begin(&j, out);
	json_count(&j, "collections", n_cloned);
	json_count(&j, "tags", tool->n_tags);
	json_count(&j, "received", received);
	json_count(&j, "sent", sent);
	json_count(&j, "round_trips", round_trips);
	json_end(&j);
}

static int run(struct clone_tool *tool, const char *place)
{
	struct cel_place origin = {.kind = CEL_PLACE_REMOTE, .remote = ORIGIN};
	bool is_new;
	size_t n_cloned = 0;
	int status = open_store(tool, place, &is_new);
	if (status != 0)
		return status;
	status = peer_open(&tool->peer, tool->store, &origin, &tool->connection);
	if (status == 0)
		status = find_names(tool);
	for (; status == 0 && n_cloned < tool->n_names; n_cloned += status == 0)
		status = clone_collection(tool, tool->names[n_cloned]);
	if (status == 0)
		print_stats(tool, n_cloned);
	cel_peer_free(tool->connection); /* nobody need wait for the indexes */
	if (is_new && n_cloned == 0 && is_hopeless(status))
		remove_store(tool);
	return status != 0 ? status : build_indexes(tool);
}

int verb_clone(int argc, char **argv)
{
	struct clone_tool tool = {0};
	struct cli *cli = &tool.cli;
	struct cel_place place;
	struct cel_error e;
	char path[PATH_MAX];
	cli_parse(cli, &COMMAND, &tool, argc, argv);
	peer_init(&tool.peer, cli);
	tool.index.on_progress = tool.peer.options.on_progress;
	tool.index.context = tool.peer.options.context;
	const char *text = cli->operands[0];
	if (cel_place_parse_store(text, &place, &e) < 0)
		return cli_usage(cli, "%s", e.message);
	if (place.kind == CEL_PLACE_REMOTE) { /* there is no store yet that could have remotes */
		snprintf(path, sizeof path, "./%s", text);
		text = path;
		if (cel_place_parse_store(text, &place, &e) < 0)
			return cli_usage(cli, "%s", e.message);
	}
	int status = run(&tool, text);
	cel_store_free(tool.store);
	fetched_tags_free(&tool.tags);
	free(tool.names);
	return cli_finish(cli, status);
}
