/* SPDX-License-Identifier: Apache-2.0 */
/* A directory is known by its device and inode: ".", a symbolic link and a path from the root may all mean one store. */
#include "place.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static int open_path(struct places *p, const char *path, struct cel_store **out)
{
	struct stat st = {0};
	struct cel_error e;
	bool is_there = stat(path, &st) == 0;
	for (size_t i = 0; is_there && i < p->n; i++) {
		if (p->opened[i].device == st.st_dev && p->opened[i].inode == st.st_ino) {
			*out = p->opened[i].store;
			return 0;
		}
	}
	if (p->n == PLACES_MAX)
		return cli_usage(p->cli, "more than %d stores", PLACES_MAX);
	struct cel_store_options options = {.is_read_only = p->is_read_only, .lock_wait = p->cli->lock_wait};
	if (cel_store_open(path, &options, out, &e) < 0)
		return cli_fail(p->cli, &e);
	p->opened[p->n].device = st.st_dev;
	p->opened[p->n].inode = st.st_ino;
	p->opened[p->n++].store = *out;
	return 0;
}

int cli_open_default(struct places *p, struct cel_store **out)
{
	struct cel_error e;
	char found[PATH_MAX];
	if (p->cli->store != NULL)
		return open_path(p, p->cli->store, out);
	if (cel_store_find(found, sizeof found, &e) < 0)
		return cli_fail(p->cli, &e);
	return open_path(p, found, out);
}

const char *place_find_store(const char *path, char inside[PATH_MAX])
{
	struct stat st;
	int n = snprintf(inside, PATH_MAX, "%s/data.mdb", path);
	if (n >= PATH_MAX || stat(inside, &st) == 0)
		return path;
	n = snprintf(inside, PATH_MAX, "%s/.cel", path);
	return n < PATH_MAX && stat(inside, &st) == 0 && S_ISDIR(st.st_mode) ? inside : path;
}

/* Fetches place->rev to the default store, in which it is a commit then. */
static int fetch(struct places *p, const char *text, struct cel_store **store, struct cel_place *place)
{
	struct cel_fetch_result fetched;
	struct cel_peer *peer;
	int status = cli_open_default(p, store);
	if (status == 0)
		status = peer_open(p->peer, *store, place, &peer);
	if (status != 0)
		return status;
	status = peer_fetch(p->peer, peer, place->rev, false, &fetched);
	if (status == 0) {
		peer_say_fetched(p->peer, text, &fetched, peer);
		snprintf(place->rev, sizeof place->rev, "%s", fetched.commit);
		memcpy(p->origin, fetched.origin, sizeof p->origin);
	}
	cel_peer_free(peer);
	return status;
}

int cli_open_place(struct places *p, const char *text, struct cel_store **store, struct cel_place *place)
{
	char inside[PATH_MAX];
	struct cel_error e;
	p->origin[0] = '\0';
	if (cel_place_parse(text, place, &e) < 0)
		return cli_usage(p->cli, "%s", e.message);
	if (peer_is_far(text))
		return fetch(p, text, store, place);
	if (place->kind == CEL_PLACE_HERE)
		return cli_open_default(p, store);
	return open_path(p, place_find_store(place->path, inside), store);
}

void cli_close_places(struct places *p)
{
	while (p->n > 0)
		cel_store_free(p->opened[--p->n].store);
}
