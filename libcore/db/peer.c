/* SPDX-License-Identifier: Apache-2.0 */
/* Another store is always spoken to through a session, however near it is: over ssh, over a Unix socket, or, for a directory
 * on this host, with a server in this very process. What it is called in messages is its host or path. Whatever breaks off
 * the bytes of ssh is explained by how ssh ended. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "index_make.h"
#include "local_socket.h"
#include "pump.h"
#include "record.h"
#include "remotes.h"
#include "serving.h"
#include "ssh.h"
#include "sync_side.h"

#define SSH_END 2.0 /* seconds that ssh has to end when all is said */

struct cel_peer {
	char label[384];  /* host or path, for messages */
	char store[4200]; /* which store is meant there */
	struct cel_store *own; /* may be NULL */
	char remote[CEL_NAME_MAX + 1]; /* by which it was found; "" */
	struct sync_side side;
	struct session *session;
	struct pump pump;
	struct ssh *ssh; /* NULL: no host */
	int fd;          /* -1: none */
	/* a store of this host */
	struct cel_store *other;
	struct serving *serving;
	bool has_failed;
};

/* ---- opening */

/* remote_command is a word there, which may begin with "~/". */
static int start_ssh(struct cel_peer *p, const struct cel_place *place, const struct cel_peer_options *options,
		     struct cel_error *e)
{
	struct buf command BUF_CLEANUP = {0};
	char wait[40], host[384];
	const char *words[] = {options->remote_command != NULL ? options->remote_command : "cel-serve", "--stdio", "--store",
			       place->path, wait};
	snprintf(wait, sizeof wait, "--lock-wait=%.9g", options->lock_wait);
	int rc = 0;
	for (size_t i = 0; i < (options->lock_wait > 0 ? 5u : 4u) && rc == 0; i++)
		rc = ssh_quote(&command, words[i], e);
	if (rc == 0)
		rc = buf_append(&command, "", 1, e);
	if (rc < 0)
		return rc;
	snprintf(host, sizeof host, "%s%s%s", place->user, place->user[0] != '\0' ? "@" : "", place->host);
	snprintf(p->label, sizeof p->label, "%s", place->host);
	snprintf(p->store, sizeof p->store, "%s", place->path);
	return ssh_start(host, (const char *)command.data, &p->ssh, &p->fd, e);
}

/* PATH, or PATH/.cel if that is where the store is. */
static void find_store(const char *path, char out[PATH_MAX])
{
	struct stat st;
	int n = snprintf(out, PATH_MAX, "%s/data.mdb", path);
	bool is_store = n >= PATH_MAX || stat(out, &st) == 0;
	n = is_store ? 0 : snprintf(out, PATH_MAX, "%s/.cel", path);
	if (is_store || n >= PATH_MAX || stat(out, &st) < 0 || !S_ISDIR(st.st_mode))
		snprintf(out, PATH_MAX, "%s", path);
}

static int open_path(struct cel_peer *p, const char *path, const struct cel_peer_options *options, struct cel_error *e)
{
	char found[PATH_MAX];
	snprintf(p->label, sizeof p->label, "%.300s", path);
	snprintf(p->store, sizeof p->store, "%s", path);
	if (local_socket_is(path)) {
		if (realpath(path, found) != NULL)
			snprintf(p->store, sizeof p->store, "%s", found);
		return local_socket_connect(path, &p->fd, e);
	}
	find_store(path, found);
	struct cel_store_options other = {.is_read_only = !options->is_pushing, .lock_wait = options->lock_wait};
	struct serving_options serving = {.on_progress = options->on_progress, .context = options->context};
	int rc = cel_store_open(found, &other, &p->other, e);
	return rc < 0 ? rc : serving_new(p->other, &serving, &p->serving, e);
}

static int open_place(struct cel_peer *p, struct cel_store *store, const struct cel_place *place,
		      const struct cel_peer_options *options, struct cel_error *e)
{
	struct cel_place found;
	char text[CEL_PLACE_MAX + 1];
	switch (place->kind) {
	case CEL_PLACE_HOST:
		return start_ssh(p, place, options, e);
	case CEL_PLACE_PATH:
		return open_path(p, place->path, options, e);
	case CEL_PLACE_REMOTE:
		if (store == NULL)
			return error_set(e, CEL_EUSAGE, "'%s' is no place of a store: for a directory write ./%s", place->remote,
					 place->remote);
		int rc = cel_remote_get(store, place->remote, text, e);
		if (rc == 0)
			rc = cel_place_parse_store(text, &found, e);
		if (rc == 0 && found.kind == CEL_PLACE_REMOTE)
			rc = error_set(e, CEL_ECORRUPT, "the place of the remote '%s' is damaged", place->remote);
		snprintf(p->remote, sizeof p->remote, "%s", place->remote);
		return rc < 0 ? rc : open_place(p, store, &found, options, e);
	case CEL_PLACE_HERE:
		break;
	}
	return error_set(e, CEL_EUSAGE, "a place of another store is needed: PATH, HOST:PATH or the name of a remote");
}

int cel_peer_open(struct cel_store *store, const struct cel_place *place, const struct cel_peer_options *options,
		  struct cel_peer **out, struct cel_error *e)
{
	static const struct cel_peer_options DEFAULTS;
	if (options == NULL)
		options = &DEFAULTS;
	struct cel_peer *p = mem_calloc(1, sizeof *p);
	if (p == NULL)
		return error_nomem(e, sizeof *p);
	p->fd = -1;
	p->own = store;
	int rc = open_place(p, store, place, options, e);
	if (rc == 0) {
		struct session_client client = {
			.store = p->store,
			.receive_max = options->fetch_max > 0 ? options->fetch_max : RECEIVE_MAX_DEFAULT,
		};
		if (store != NULL) {
			sync_side_init(&p->side, store);
			client.side = &p->side;
		}
		rc = session_call_new(&p->session, &client, e);
	}
	if (rc < 0) {
		p->has_failed = true;
		cel_peer_free(p);
		return rc;
	}
	if (p->fd >= 0) /* both ends are ours alone */
		fcntl(p->fd, F_SETFL, O_NONBLOCK);
	pump_init(&p->pump, p->fd, p->fd, options->timeout, options->rate);
	p->pump.on_progress = options->on_progress;
	p->pump.context = options->context;
	*out = p;
	return 0;
}

/* ---- talking */

/* The other side has closed: says why, unless what the session made of it says more. */
static bool is_explained(struct cel_peer *p, struct cel_error *e)
{
	bool is_begun = session_is_greeted(p->session);
	if (p->ssh != NULL) {
		close(p->fd);
		p->fd = -1;
		ssh_wait(p->ssh, SSH_END);
		if (!is_begun && p->pump.is_begun && !ssh_has_failed(p->ssh)) /* something that is no cel-serve has spoken */
			return false;
		ssh_explain(p->ssh, is_begun, e);
		return true;
	}
	if (is_begun)
		error_set(e, CEL_EBUSY, "%s: cel-serve there ended in the middle; try again, what had come complete is kept", p->label);
	return is_begun;
}

/* Moves bytes until the request is answered. */
static int converse(struct cel_peer *p, struct cel_error *e)
{
	struct cel_error own = {0};
	if (e == NULL)
		e = &own;
	int rc = p->serving != NULL ? pump_pair(&p->pump, p->session, serving_session(p->serving), e)
				      : pump_run(&p->pump, p->session, e);
	if (rc == 0)
		return 0;
	p->has_failed = true;
	if (p->pump.is_cut && is_explained(p, e))
		return e->code;
	error_context(e, "%s", p->label);
	return rc;
}

static int check_usable(const struct cel_peer *p, struct cel_error *e)
{
	return p->has_failed ? error_set(e, CEL_EUSAGE, "the connection to %s has failed before", p->label) : 0;
}

struct list_call {
	cel_peer_list_fn *call;
	void *context;
};

static int tell_collection(void *context, const struct sync_entry *entry, struct cel_error *e)
{
	const struct list_call *list = context;
	char commit[CEL_CID_TEXT_SIZE];
	cid_format(&entry->tip, commit);
	return list->call(list->context, entry->name, commit, entry->records, e);
}

int cel_peer_list(struct cel_peer *peer, cel_peer_list_fn *call, void *context, struct cel_error *e)
{
	struct list_call list = {call, context};
	int rc = check_usable(peer, e);
	if (rc == 0)
		rc = session_list(peer->session, "", tell_collection, &list, e);
	return rc < 0 ? rc : converse(peer, e);
}

static int tell_tag(void *context, const struct sync_entry *entry, struct cel_error *e)
{
	if (record_check_collection_name(entry->name, NULL) < 0)
		return error_set(e, CEL_EPROTOCOL, "a tag with a name that is none");
	return tell_collection(context, entry, e);
}

int cel_peer_list_tags(struct cel_peer *peer, const char *collection, cel_peer_list_fn *call, void *context,
		       struct cel_error *e)
{
	struct list_call list = {call, context};
	char prefix[CEL_NAME_MAX + 2];
	int rc = check_usable(peer, e);
	if (rc == 0)
		rc = record_check_collection_name(collection, e);
	if (rc < 0)
		return rc;
	snprintf(prefix, sizeof prefix, "%s@", collection);
	rc = session_list(peer->session, prefix, tell_tag, &list, e);
	return rc < 0 ? rc : converse(peer, e);
}

/* origin: ID/COLLECTION */
static int note_origin(struct cel_peer *peer, const char *origin, struct cel_error *e)
{
	char id[2 * STORE_ID_SIZE + 1] = "";
	snprintf(id, sizeof id, "%.*s", (int)strcspn(origin, "/"), origin);
	return peer->remote[0] != '\0' ? remote_note_origin(peer->own, peer->remote, id, e) : 0;
}

int cel_peer_fetch(struct cel_peer *peer, const char *rev, bool is_dry_run, struct cel_fetch_result *out,
		   struct cel_error *e)
{
	struct session_fetch_options options = {.is_dry_run = is_dry_run};
	struct session_fetched got = {0};
	int rc = check_usable(peer, e);
	*out = (struct cel_fetch_result){0};
	if (rc == 0)
		rc = session_fetch(peer->session, rev, &options, &got, e);
	if (rc == 0)
		rc = converse(peer, e);
	if (rc < 0)
		return rc;
	out->is_up_to_date = got.is_up_to_date;
	out->commits = got.commits;
	out->changes = got.changes;
	out->blocks = got.nodes + got.values;
	out->kept = got.kept;
	cid_format(&got.tip, out->commit);
	if (strncmp(got.ref, FETCHED_PREFIX, sizeof FETCHED_PREFIX - 1) != 0)
		return 0;
	snprintf(out->origin, sizeof out->origin, "%s", got.ref + sizeof FETCHED_PREFIX - 1);
	return is_dry_run ? 0 : note_origin(peer, out->origin, e);
}

int cel_peer_push(struct cel_peer *peer, const char *rev, const char *name, const struct cel_push_options *options,
		  struct cel_push_result *out, struct cel_error *e)
{
	static const enum cel_push_outcome OUTCOMES[] = {
		[SESSION_UNCHANGED] = CEL_PUSH_UNCHANGED, [SESSION_CREATED] = CEL_PUSH_CREATED,
		[SESSION_FORWARDED] = CEL_PUSH_FAST_FORWARD, [SESSION_MERGED] = CEL_PUSH_MERGED,
		[SESSION_DIVERGED] = CEL_PUSH_DIVERGED, [SESSION_CONFLICTS] = CEL_PUSH_CONFLICTS,
		[SESSION_WOULD] = CEL_PUSH_DRY_RUN,
	};
	struct session_push_options inner = {
		.is_dry_run = options->is_dry_run, .is_merging = options->is_merging, .policy = options->policy};
	struct session_pushed got = {.outcome = SESSION_UNCHANGED};
	int rc = check_usable(peer, e);
	*out = (struct cel_push_result){0};
	if (rc == 0)
		rc = session_push(peer->session, rev, name, &inner, &got, e);
	if (rc == 0)
		rc = converse(peer, e);
	if (rc < 0)
		return rc;
	if (got.outcome < SESSION_UNCHANGED || got.outcome > SESSION_WOULD)
		return error_set(e, CEL_EPROTOCOL, "%s: an answer of unknown kind", peer->label);
	out->outcome = OUTCOMES[got.outcome];
	out->commits = got.commits;
	out->changes = got.changes;
	out->conflicts = got.conflicts;
	if (out->outcome != CEL_PUSH_DRY_RUN)
		cid_format(&got.commit, out->commit);
	return 0;
}

void cel_peer_traffic(const struct cel_peer *peer, uint64_t *received, uint64_t *sent, uint64_t *round_trips)
{
	struct session_counts counts;
	session_counts(peer->session, &counts);
	*received = counts.received;
	*sent = counts.sent;
	*round_trips = counts.round_trips;
}

/* ---- the end */

static void say_goodbye(struct cel_peer *p)
{
	struct cel_error ignored;
	if (session_state(p->session) == SESSION_IDLE && session_bye(p->session, &ignored) == 0)
		converse(p, &ignored);
	if (p->serving != NULL)
		serving_finish(p->serving, &ignored);
}

void cel_peer_free(struct cel_peer *peer)
{
	if (peer == NULL)
		return;
	if (!peer->has_failed)
		say_goodbye(peer);
	session_free(peer->session);
	serving_free(peer->serving);
	cel_store_free(peer->other);
	if (peer->fd >= 0)
		close(peer->fd);
	ssh_free(peer->ssh);
	mem_free(peer);
}
