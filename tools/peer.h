/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that speak with other hosts have in common: their options, progress, and fetching. */
#ifndef TOOLS_PEER_H
#define TOOLS_PEER_H

#include "cli.h"

#define PEER_OPTIONS(T, at)                                                                                         \
	{0, "remote-command", "NAME", "the cel-serve of the other host (default: in its PATH)",                     \
	 CLI_TEXT(T, at.options.remote_command)},                                                                   \
	{0, "timeout", "SECONDS", "give up when nothing moves for so long (default 300; 0: never)",                 \
	 CLI_REAL(T, at.options.timeout, 0, 1e9)},                                                                  \
	{0, "bwlimit", "RATE", "bytes a second each way at most, such as 500K or 2M", CLI_SIZE(T, at.rate)}

/* Of those that fetch. */
#define MAX_FETCH_OPTION(T, at)                                                                                     \
	{0, "max-fetch", "SIZE", "refuse to be sent more bytes, such as 500M (default 64G; 0: no bound)",           \
	 CLI_SIZE(T, at.options.fetch_max)}

struct peer {
	const struct cli *cli;
	struct cel_peer_options options;
	uint64_t rate; /* bytes a second; 0: no limit */
};

void peer_init(struct peer *p, const struct cli *cli); /* after cli_parse */
/* Whether the place is to be reached through a session; one that cannot be read is none. */
bool peer_is_far(const char *place);
/* These return 0 or an exit status, having said why. */
int peer_open(struct peer *p, struct cel_store *store, const struct cel_place *place, struct cel_peer **out);
int peer_fetch(struct peer *p, struct cel_peer *peer, const char *rev, bool is_dry_run, struct cel_fetch_result *out);
/* Says what was fetched as "TEXT: ...". */
void peer_say_fetched(const struct peer *p, const char *text, const struct cel_fetch_result *r, const struct cel_peer *peer);
/* "12.3 KB received, 456 B sent" */
void peer_format_traffic(const struct cel_peer *peer, char out[80]);
/* Whether what is fetched has a collection of that name here to go to: 1, 0 or an error. */
int peer_has_collection(struct cel_store *store, const char *name, struct cel_error *e);

#endif
