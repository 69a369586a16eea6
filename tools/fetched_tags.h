/* SPDX-License-Identifier: Apache-2.0 */
/* The tags of a collection in another store: they are asked for while it is connected, and become ours when what was fetched has
 * a name here. */
#ifndef TOOLS_FETCHED_TAGS_H
#define TOOLS_FETCHED_TAGS_H

#include "cli.h"

#define NO_TAGS_OPTION(T, at) {0, "no-tags", NULL, "do not bring the tags", CLI_FLAG(T, at.is_unwanted)}

struct fetched_tags {
	bool is_unwanted; /* --no-tags: then nothing is asked for */
	struct cel_tag_offer *offers;
	size_t n;
};

/* These return 0 or an exit status, having said why. The first begins anew. */
int fetched_tags_list(struct fetched_tags *t, const struct cli *cli, struct cel_peer *peer, const char *collection);
/* Those in the history of rev become tags of the collection here; says which, and what becomes of the others. */
int fetched_tags_adopt(struct fetched_tags *t, const struct cli *cli, struct cel_store *store, const char *collection,
		       const char *rev, bool is_dry_run);
void fetched_tags_free(struct fetched_tags *t);

#endif
