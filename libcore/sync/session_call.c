/* SPDX-License-Identifier: Apache-2.0 */
/* The client: one request at a time, whose messages go out at once, before the server has greeted: what is asked for does not depend
 * on what it says. A fetch has the taker here, a push the giver; the server's RESULT ends a push. */
#include "session_impl.h"

#include <stdio.h>

#include "commit.h"
#include "error.h"

static int begin(struct session *s, enum request request, struct cel_error *e)
{
	if (s->is_failed || s->is_over || s->request != REQUEST_NONE)
		return error_set(e, CEL_EINTERNAL, "the session is not idle");
	if (request != REQUEST_LIST && s->side == NULL)
		return error_set(e, CEL_EINTERNAL, "a session without a store can only list");
	s->request = request;
	s->progress = (struct session_progress){0};
	session_is_at(s, "list", "", 0, 0);
	return 0;
}

/* A request that could not even begin leaves the session idle, unless something of it is on its way. */
static int begun(struct session *s, int rc)
{
	if (rc < 0)
		s->request = REQUEST_NONE;
	return rc;
}

static void end(struct session *s)
{
	giving_end(s);
	taking_end(s, false);
	s->request = REQUEST_NONE;
	session_is_at(s, "", "", 0, 0);
	s->is_awaiting = false;
}

/* ---- requests */

int session_list(struct session *s, const char *prefix, session_entry_fn *each, void *context, struct cel_error *e)
{
	int rc = begin(s, REQUEST_LIST, e);
	if (rc < 0)
		return rc;
	struct message m = {.type = MESSAGE_LIST, .list.prefix = slice_text(prefix)};
	s->n_entries = 0;
	s->each = each;
	s->each_context = context;
	return begun(s, session_put(s, &m, e));
}

/* NAME of NAME, NAME~N or NAME@TAG. */
static void name_of(const char *rev, char out[CEL_NAME_MAX + 1])
{
	snprintf(out, CEL_NAME_MAX + 1, "%.*s", (int)strcspn(rev, "~@"), rev);
}

int session_fetch(struct session *s, const char *rev, const struct session_fetch_options *options,
		  struct session_fetched *out, struct cel_error *e)
{
	char name[CEL_NAME_MAX + 1];
	int rc = begin(s, REQUEST_FETCH, e);
	if (rc < 0)
		return rc;
	*out = (struct session_fetched){0};
	s->fetched = out;
	name_of(rev, name);
	bool is_dry_run = options != NULL && options->is_dry_run;
	struct sync_take_options take = {
		.target = SYNC_FETCH, .name = name, .is_dry_run = is_dry_run, .receive_max = s->client.receive_max};
	struct message m = {.type = MESSAGE_FETCH, .fetch = {.rev = slice_text(rev), .is_dry_run = is_dry_run}};
	rc = session_put(s, &m, e);
	if (rc == 0)
		rc = taking_begin(s, &take, e);
	memcpy(s->progress.collection, name, sizeof name);
	return begun(s, rc);
}

int session_push(struct session *s, const char *rev, const char *name, const struct session_push_options *options,
		 struct session_pushed *out, struct cel_error *e)
{
	static const struct session_push_options DEFAULTS;
	int rc = begin(s, REQUEST_PUSH, e);
	if (rc < 0)
		return rc;
	if (options == NULL)
		options = &DEFAULTS;
	*out = (struct session_pushed){0};
	s->pushed = out;
	struct message m = {.type = MESSAGE_PUSH, .push = {.name = slice_text(name), .is_dry_run = options->is_dry_run,
							   .is_merging = options->is_merging, .policy = options->policy}};
	rc = giving_begin(s, rev, options->is_dry_run, e);
	if (rc == 0)
		rc = session_put(s, &m, e);
	if (rc < 0)
		giving_end(s);
	snprintf(s->progress.collection, sizeof s->progress.collection, "%s", name);
	return begun(s, rc);
}

/* ---- answers */

static int take_entry(struct session *s, const struct message_entry *m, struct cel_error *e)
{
	struct sync_entry entry = {.can_write = m->can_write != 0, .tip = m->tip, .generation = m->generation, .time = m->time,
				   .records = m->records};
	struct cel_error why;
	if (++s->n_entries > SESSION_LIST_MAX)
		return error_set(e, CEL_EPROTOCOL, "a list of more than %u names", SESSION_LIST_MAX);
	if (m->name.size == 0)
		return error_set(e, CEL_EPROTOCOL, "a collection without a name");
	memcpy(entry.name, m->name.data, m->name.size);
	if (schema_decode(m->schema, &entry.schema, &why) < 0)
		return error_set(e, CEL_EPROTOCOL, "a collection with a bad schema: %s", why.message);
	return s->each(s->each_context, &entry, e);
}

static int list_message(struct session *s, const struct message *m, struct cel_error *e)
{
	if (m->type == MESSAGE_ENTRY)
		return take_entry(s, &m->entry, e);
	if (m->type != MESSAGE_END)
		return session_unexpected(m, e);
	int rc = session_check_end(s, &m->end, e);
	if (rc == 0)
		end(s);
	return rc;
}

static int fetch_message(struct session *s, const struct message *m, struct cel_error *e)
{
	const struct sync_taken *r = &s->take.result;
	struct message done = {.type = MESSAGE_DONE};
	bool is_done;
	int rc = taking_message(s, m, &is_done, e);
	if (rc == 0 && is_done)
		rc = session_put(s, &done, e);
	if (rc < 0 || !is_done)
		return rc;
	*s->fetched = (struct session_fetched){.tip = r->commit, .is_up_to_date = r->outcome == SESSION_UNCHANGED,
					       .commits = r->commits, .trees = r->trees, .changes = r->changes,
					       .nodes = r->nodes, .values = r->values, .kept = r->kept};
	memcpy(s->fetched->ref, r->ref, sizeof r->ref);
	end(s);
	return 0;
}

static int push_message(struct session *s, const struct message *m, struct cel_error *e)
{
	bool is_done;
	if (m->type != MESSAGE_RESULT) {
		int rc = giving_message(s, m, &is_done, e);
		return rc == 0 && is_done ? session_unexpected(m, e) : rc;
	}
	if (s->give.phase != GIVE_ASKED || m->result.outcome < SESSION_UNCHANGED || m->result.outcome > SESSION_WOULD)
		return session_unexpected(m, e);
	*s->pushed = (struct session_pushed){.outcome = (enum session_outcome)m->result.outcome, .commit = m->result.commit,
					     .commits = s->give.is_dry_run ? s->give.n_missing : s->give.n_sent,
					     .trees = s->give.trees, .changes = s->give.changes,
					     .conflicts = m->result.conflicts};
	end(s);
	return 0;
}

int session_call_message(struct session *s, const struct message *m, struct cel_error *e)
{
	switch (s->request) {
	case REQUEST_LIST:
		return list_message(s, m, e);
	case REQUEST_FETCH:
		return fetch_message(s, m, e);
	case REQUEST_PUSH:
		return push_message(s, m, e);
	default:
		return session_unexpected(m, e);
	}
}
