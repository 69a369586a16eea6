/* SPDX-License-Identifier: Apache-2.0 */
/* A line for those that are new, and one for each that cannot come as its name is taken here; those outside of what was fetched are
 * a line too, but only with -v, or they would be told at every pull. */
#include "fetched_tags.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"

static int add_offer(void *context, const char *name, const char *commit, uint64_t records, struct cel_error *e)
{
	struct fetched_tags *t = context;
	(void)records;
	int rc = array_room(&t->offers, t->n, 1, sizeof *t->offers, e);
	if (rc < 0)
		return rc;
	struct cel_tag_offer *offer = &t->offers[t->n++];
	memset(offer, 0, sizeof *offer);
	snprintf(offer->tag, sizeof offer->tag, "%s", name);
	snprintf(offer->commit, sizeof offer->commit, "%s", commit);
	return 0;
}

int fetched_tags_list(struct fetched_tags *t, const struct cli *cli, struct cel_peer *peer, const char *collection)
{
	struct cel_error e;
	t->n = 0;
	if (t->is_unwanted)
		return 0;
	return cel_peer_list_tags(peer, collection, add_offer, t, &e) < 0 ? cli_fail(cli, &e) : 0;
}

/* "v1, v2 and 17 others" */
static size_t name_some(const struct fetched_tags *t, enum cel_tag_outcome outcome, char *out, size_t size)
{
	size_t n = 0, at = 0, shown = 0;
	out[0] = '\0';
	for (size_t i = 0; i < t->n; i++) {
		if (t->offers[i].outcome != outcome)
			continue;
		size_t needed = strlen(t->offers[i].tag) + 2;
		if (shown == n && at + needed + 40 < size) { /* none was left out yet */
			at += (size_t)snprintf(out + at, size - at, "%s%s", n > 0 ? ", " : "", t->offers[i].tag);
			shown++;
		}
		n++;
	}
	if (shown < n)
		snprintf(out + at, size - at, " and %zu others", n - shown);
	return n;
}

static void say_which(const struct fetched_tags *t, const struct cli *cli, const char *collection, bool is_dry_run)
{
	char names[400];
	size_t n = name_some(t, CEL_TAG_NEW, names, sizeof names);
	if (n > 0)
		cli_say(cli, "%s%s: %zu new tag%s: %s", is_dry_run ? "dry run: " : "", collection, n, n == 1 ? "" : "s", names);
	for (size_t i = 0; i < t->n; i++)
		if (t->offers[i].outcome == CEL_TAG_OTHER)
			cli_say(cli, "%s: the tag %s is commit %s there and another one here, and stays as it is", collection,
				t->offers[i].tag, t->offers[i].commit);
	n = name_some(t, CEL_TAG_OUTSIDE, names, sizeof names);
	if (n > 0 && cli->is_verbose)
		cli_say(cli, "%s: %zu tag%s there outside of what was fetched: %s", collection, n, n == 1 ? "" : "s", names);
}

int fetched_tags_adopt(struct fetched_tags *t, const struct cli *cli, struct cel_store *store, const char *collection,
		       const char *rev, bool is_dry_run)
{
	struct cel_error e;
	if (t->n == 0)
		return 0;
	if (cel_tag_adopt(store, collection, rev, t->offers, t->n, is_dry_run, &e) < 0)
		return cli_fail(cli, &e);
	say_which(t, cli, collection, is_dry_run);
	return 0;
}

void fetched_tags_free(struct fetched_tags *t)
{
	free(t->offers);
}
