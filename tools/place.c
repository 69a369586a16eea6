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

/* PATH/.cel if that is where the store is, as in a directory in which 'cel init' was run. */
static const char *store_of(const char *path, char inside[PATH_MAX])
{
	struct stat st;
	int n = snprintf(inside, PATH_MAX, "%s/data.mdb", path);
	if (n >= PATH_MAX || stat(inside, &st) == 0)
		return path;
	n = snprintf(inside, PATH_MAX, "%s/.cel", path);
	return n < PATH_MAX && stat(inside, &st) == 0 && S_ISDIR(st.st_mode) ? inside : path;
}

int cli_open_place(struct places *p, const char *text, struct cel_store **store, struct cel_place *place)
{
	char inside[PATH_MAX];
	struct cel_error e;
	if (cel_place_parse(text, place, &e) < 0)
		return cli_usage(p->cli, "%s", e.message);
	switch (place->kind) {
	case CEL_PLACE_HERE:
		return cli_open_default(p, store);
	case CEL_PLACE_PATH:
		return open_path(p, store_of(place->path, inside), store);
	case CEL_PLACE_REMOTE:
		fprintf(stderr, "%s: '%s' is of the remote '%s', and this version knows no remotes: for a directory write ./%s:%s\n",
			p->cli->command->name, text, place->remote, place->remote, place->rev);
		return cel_error_exit_status(CEL_EUNAVAILABLE);
	case CEL_PLACE_HOST:
		break;
	}
	fprintf(stderr, "%s: '%s' is on the host '%s', and this version reads stores of this host only\n",
		p->cli->command->name, text, place->host);
	return cel_error_exit_status(CEL_EUNAVAILABLE);
}

void cli_close_places(struct places *p)
{
	while (p->n > 0)
		cel_store_free(p->opened[--p->n].store);
}
