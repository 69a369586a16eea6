/* SPDX-License-Identifier: Apache-2.0 */
/* The stores that a command's places mean. Each directory is opened once, however it is named: one process cannot open a
 * store twice. */
#ifndef TOOLS_PLACE_H
#define TOOLS_PLACE_H

#include <limits.h>
#include <sys/types.h>

#include "cli.h"
#include "peer.h"

#define PLACES_MAX 4

struct places {
	const struct cli *cli;
	bool is_read_only; /* how stores are opened */
	struct peer *peer; /* how other hosts are reached */
	char origin[320];  /* of the place that was opened last, for cel_merge_options; "" unless it was fetched */
	size_t n;
	struct {
		dev_t device;
		ino_t inode;
		struct cel_store *store;
	} opened[PLACES_MAX];
};

/* The store that --store, CEL_STORE or the working directory means. Returns 0 or an exit status, having said why, as the
 * next one does. Stores belong to the places. */
int cli_open_default(struct places *p, struct cel_store **out);
/* The store and the rev of REV, PATH:REV, REMOTE:REV or HOST:PATH:REV. A PATH may be the store or what holds it as ".cel". What
 * is far is fetched to the default store, which must be open for writing then: the place is its commit there. */
int cli_open_place(struct places *p, const char *text, struct cel_store **store, struct cel_place *place);
void cli_close_places(struct places *p);
/* PATH/.cel if that is where the store is, as in a directory in which 'cel init' was run; else PATH. */
const char *place_find_store(const char *path, char inside[PATH_MAX]);

#endif
