/* SPDX-License-Identifier: Apache-2.0 */
/* A push may wait over there for as long as --lock-wait says, in which time nothing moves: the default timeout is that much
 * longer. */
#include "peer.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "progress.h"
#include "progress_line.h"

#define TIMEOUT 300.0

void peer_init(struct peer *p, const struct cli *cli)
{
	p->cli = cli;
	p->options.on_progress = progress_tell;
}

bool peer_is_far(const char *text)
{
	struct cel_place place;
	struct cel_error e;
	struct stat st;
	if (cel_place_parse(text, &place, &e) < 0 || place.kind == CEL_PLACE_HERE)
		return false;
	return place.kind != CEL_PLACE_PATH || (stat(place.path, &st) == 0 && S_ISSOCK(st.st_mode));
}

int peer_open(struct peer *p, struct cel_store *store, const struct cel_place *place, struct cel_peer **out)
{
	struct cel_error e;
	p->options.lock_wait = p->cli->lock_wait;
	p->options.rate = (double)p->rate;
	if (cli_given(p->cli, "max-fetch") != NULL && p->options.fetch_max == 0)
		p->options.fetch_max = UINT64_MAX;
	if (cli_given(p->cli, "timeout") == NULL)
		p->options.timeout = TIMEOUT + p->cli->lock_wait;
	return cel_peer_open(store, place, &p->options, out, &e) < 0 ? cli_fail(p->cli, &e) : 0;
}

int peer_fetch(struct peer *p, struct cel_peer *peer, const char *rev, bool is_dry_run, struct cel_fetch_result *out)
{
	struct cel_error e;
	return cel_peer_fetch(peer, rev, is_dry_run, out, &e) < 0 ? cli_fail(p->cli, &e) : 0;
}

void peer_format_traffic(const struct cel_peer *peer, char out[80])
{
	uint64_t received, sent, round_trips;
	char r[PROGRESS_SIZE_MAX], s[PROGRESS_SIZE_MAX];
	cel_peer_traffic(peer, &received, &sent, &round_trips);
	progress_size(r, received);
	progress_size(s, sent);
	snprintf(out, 80, "%s received, %s sent", r, s);
}

void peer_say_fetched(const struct peer *p, const char *text, const struct cel_fetch_result *r, const struct cel_peer *peer)
{
	char traffic[80], kept[60] = "";
	peer_format_traffic(peer, traffic);
	if (r->kept > 0)
		snprintf(kept, sizeof kept, ", %" PRIu64 " parts of the tree had come before", r->kept);
	if (r->is_up_to_date)
		cli_say(p->cli, "%s: nothing new; %s", text, traffic);
	else if (r->blocks + r->kept > 0)
		cli_say(p->cli, "%s: %" PRIu64 " commits, %" PRIu64 " changed records, %" PRIu64 " blocks fetched%s; %s", text,
			r->commits, r->changes, r->blocks, kept, traffic);
	else
		cli_say(p->cli, "%s: %" PRIu64 " commits, %" PRIu64 " changed records fetched; %s", text, r->commits, r->changes,
			traffic);
}

int peer_has_collection(struct cel_store *store, const char *name, struct cel_error *e)
{
	struct cel_list *list;
	const struct cel_revision *r;
	int rc = cel_collection_list(store, &list, e);
	if (rc < 0)
		return rc;
	while ((rc = cel_list_next(list, &r, e)) == 1)
		if (strcmp(r->name, name) == 0)
			break;
	cel_list_free(list);
	return rc;
}
