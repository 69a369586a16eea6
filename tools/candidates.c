/* SPDX-License-Identifier: Apache-2.0 */
/* The store is opened for reading, each time anew: whoever completes a word asks for one kind of thing, or two. */
#include "candidates.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "place.h"

#define ANCESTORS_MAX 9
#define MOVES_MAX 9
#define IDS_MAX 100
#define REV_MAX 160

void candidates_put(const struct candidates *c, const char *word, const char *what)
{
	if (strncmp(word, c->text, strlen(c->text)) == 0)
		printf("%s%s\t%s\n", c->lead, word, what);
}

void candidates_put_files(bool is_only_directories)
{
	printf("\t%s\n", is_only_directories ? "dirs" : "files");
}

/* "~/" as it was typed: nobody has expanded it. */
static const char *expand_home(const char *path, char whole[PATH_MAX])
{
	const char *home = getenv("HOME");
	if (strncmp(path, "~/", 2) != 0 || home == NULL || snprintf(whole, PATH_MAX, "%s%s", home, path + 1) >= PATH_MAX)
		return path;
	return whole;
}

static struct cel_store *open_store(const char *path)
{
	struct cel_store_options options = {.is_read_only = true};
	struct cel_store *store;
	struct cel_error e;
	char found[PATH_MAX], whole[PATH_MAX];
	if (path == NULL && cel_store_find(found, sizeof found, &e) < 0)
		return NULL;
	path = path == NULL ? found : expand_home(path, whole);
	return cel_store_open(path, &options, &store, &e) < 0 ? NULL : store;
}

/* Commit messages may have any character; a description has one line and no tab. */
static void describe(char out[80], const char *text)
{
	snprintf(out, 80, "%.79s", text);
	for (char *p = out; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
}

/* Returns whether one of them is what the text has before ~ or @, or the whole text; its name is in `name` then. */
static bool put_collections(const struct candidates *c, struct cel_store *store, char name[CEL_NAME_MAX + 1])
{
	struct cel_list *list;
	const struct cel_revision *r;
	struct cel_error e;
	size_t length = strcspn(c->text, "~@");
	bool is_named = false;
	if (cel_collection_list(store, &list, &e) < 0)
		return false;
	while (cel_list_next(list, &r, &e) == 1) {
		char what[120];
		snprintf(what, sizeof what, "%" PRIu64 " records, %" PRIu32 " x %s, %s", r->records, r->schema.dim,
			 cel_type_name(r->schema.type), cel_metric_name(r->schema.metric));
		candidates_put(c, r->name, what);
		if (strlen(r->name) != length || strncmp(r->name, c->text, length) != 0)
			continue;
		snprintf(name, CEL_NAME_MAX + 1, "%s", r->name);
		is_named = true;
	}
	cel_list_free(list);
	return is_named;
}

/* ~ goes on as long as there is one parent; a history has the newest first, so these are its first commits. */
static void put_ancestors(const struct candidates *c, struct cel_store *store, const char *name)
{
	struct cel_list *list;
	const struct cel_revision *r;
	struct cel_error e;
	bool is_going = true;
	if (cel_history(store, name, &list, &e) < 0)
		return;
	for (int i = 0; is_going && i <= ANCESTORS_MAX && cel_list_next(list, &r, &e) == 1; i++) {
		char rev[REV_MAX], what[80];
		snprintf(rev, sizeof rev, "%s~%d", name, i);
		describe(what, r->message);
		if (i > 0)
			candidates_put(c, rev, what);
		is_going = r->n_parents == 1;
	}
	cel_list_free(list);
}

static void put_tags(const struct candidates *c, struct cel_store *store, const char *collection, bool is_rev)
{
	struct cel_list *list;
	const struct cel_revision *r;
	struct cel_error e;
	if (cel_tag_list(store, collection, &list, &e) < 0)
		return;
	while (cel_list_next(list, &r, &e) == 1) {
		char rev[REV_MAX], what[80];
		snprintf(rev, sizeof rev, "%s@%s", r->name, r->tag);
		describe(what, is_rev ? r->message : rev);
		candidates_put(c, is_rev ? rev : r->tag, what);
	}
	cel_list_free(list);
}

static void put_moves(const struct candidates *c, struct cel_store *store, const char *name)
{
	struct cel_moves *moves;
	const struct cel_move *m;
	struct cel_error e;
	if (cel_moves_new(store, name, &moves, &e) < 0)
		return;
	for (int i = 0; i < MOVES_MAX && cel_moves_next(moves, &m) == 1; i++) {
		char rev[REV_MAX], what[80];
		snprintf(rev, sizeof rev, "%s@{%" PRIu64 "}", name, m->index);
		describe(what, m->message);
		if (m->commit[0] != '\0' && m->index > 0)
			candidates_put(c, rev, what);
	}
	cel_moves_free(moves);
}

void candidates_put_collections(const struct candidates *c)
{
	char name[CEL_NAME_MAX + 1];
	struct cel_store *store = open_store(c->cli->store);
	if (store == NULL)
		return;
	put_collections(c, store, name);
	cel_store_free(store);
}

static void put_revs(const struct candidates *c, struct cel_store *store)
{
	char name[CEL_NAME_MAX + 1];
	if (!put_collections(c, store, name))
		return;
	put_ancestors(c, store, name);
	put_tags(c, store, name, true);
	if (strchr(c->text, '@') != NULL)
		put_moves(c, store, name);
}

void candidates_put_revs(const struct candidates *c)
{
	struct cel_store *store = open_store(c->cli->store);
	if (store == NULL)
		return;
	put_revs(c, store);
	cel_store_free(store);
}

void candidates_put_tags(const struct candidates *c)
{
	struct cel_store *store = open_store(c->cli->store);
	if (store == NULL)
		return;
	put_tags(c, store, NULL, false);
	cel_store_free(store);
}

struct remotes {
	const struct candidates *c;
	const char *end;
};

static int put_remote(void *context, const char *name, const char *place, struct cel_error *e)
{
	const struct remotes *remotes = context;
	char word[CEL_NAME_MAX + 4];
	(void)e;
	snprintf(word, sizeof word, "%.*s%s", (int)CEL_NAME_MAX, name, remotes->end);
	candidates_put(remotes->c, word, place);
	return 0;
}

void candidates_put_remotes(const struct candidates *c, const char *end)
{
	struct cel_store *store = open_store(c->cli->store);
	struct remotes remotes = {.c = c, .end = end};
	struct cel_error e;
	if (store == NULL)
		return;
	cel_remote_list(store, put_remote, &remotes, &e);
	cel_store_free(store);
}

/* Behind PATH: stand the revs of that store; before it, what leads to one. */
void candidates_put_places(const struct candidates *c)
{
	char path[PATH_MAX], inside[PATH_MAX], whole[PATH_MAX], lead[PATH_MAX];
	const char *colon = strrchr(c->text, ':');
	size_t length = colon != NULL ? (size_t)(colon - c->text) : 0;
	if (colon == NULL) {
		candidates_put_revs(c);
		candidates_put_remotes(c, ":");
		candidates_put_files(true);
		return;
	}
	if (length >= sizeof path || memchr(c->text, '/', length) == NULL ||
	    snprintf(lead, sizeof lead, "%s%.*s:", c->lead, (int)length, c->text) >= PATH_MAX)
		return;
	snprintf(path, sizeof path, "%.*s", (int)length, c->text);
	struct candidates there = {.cli = c->cli, .text = colon + 1, .lead = lead};
	struct cel_store *store = open_store(place_find_store(expand_home(path, whole), inside));
	if (store == NULL)
		return;
	put_revs(&there, store);
	cel_store_free(store);
}

void candidates_put_ids(const struct candidates *c)
{
	struct cel_store *store = c->cli->n_operands > 0 ? open_store(c->cli->store) : NULL;
	struct cel_select select = {.prefix = c->text};
	struct cel_records *records;
	const struct cel_record *r;
	struct cel_error e;
	if (store == NULL)
		return;
	if (cel_records_select(store, c->cli->operands[0], &select, &records, &e) == 0) {
		for (int i = 0; i < IDS_MAX && cel_records_next(records, &r, &e) == 1; i++) {
			char id[CEL_ID_MAX + 1];
			snprintf(id, sizeof id, "%.*s", (int)r->id_size, (const char *)r->id);
			candidates_put(c, id, "");
		}
		cel_records_free(records);
	}
	cel_store_free(store);
}
