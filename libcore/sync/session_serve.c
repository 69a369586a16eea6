/* SPDX-License-Identifier: Apache-2.0 */
/* The server: what may be asked for is what the rules of access give, by the names of collections; a commit is only ever
 * reached from such a name, a tree only from such a commit. */
#include "session_impl.h"

#include <stdio.h>

#include "commit.h"
#include "error.h"
#include "record.h"

static int check_rights(const struct session *s, const char *name, unsigned wanted, struct cel_error *e)
{
	unsigned rights = access_rights(&s->server.access, name);
	if ((rights & wanted) == wanted)
		return 0;
	return error_set(e, CEL_EPERMISSION, "'%s' may not be %s", name, (wanted & ACCESS_WRITE & ~rights) != 0 && rights != 0
				 ? "written" : (wanted & ACCESS_WRITE) != 0 ? "read or written" : "read");
}

/* ---- LIST */

static int take_list(struct session *s, const struct message_list *m, struct cel_error *e)
{
	if (memchr(m->prefix.data, '\0', m->prefix.size) != NULL)
		return error_set(e, CEL_EPROTOCOL, "a LIST of a prefix with a NUL");
	snprintf(s->list_prefix, sizeof s->list_prefix, "%.*s", (int)m->prefix.size, (const char *)m->prefix.data);
	s->list_tags_of[0] = s->list_after[0] = '\0';
	char *at = strchr(s->list_prefix, '@');
	if (at != NULL) {
		size_t size = (size_t)(at - s->list_prefix);
		snprintf(s->list_tags_of, sizeof s->list_tags_of, "%.*s", (int)size, s->list_prefix);
		if (record_check_collection_name(s->list_tags_of, NULL) < 0)
			return error_set(e, CEL_EPROTOCOL, "a LIST of the tags of what is no collection");
		memmove(s->list_prefix, at + 1, strlen(at + 1) + 1);
	}
	s->is_listing = true;
	s->progress = (struct session_progress){0};
	session_is_at(s, "list", "", 0, 0);
	return 0;
}

static int put_entry(struct session *s, const struct sync_entry *entry, struct cel_error *e)
{
	unsigned rights = access_rights(&s->server.access, s->list_tags_of[0] != '\0' ? s->list_tags_of : entry->name);
	if ((rights & ACCESS_READ) == 0 || strncmp(entry->name, s->list_prefix, strlen(s->list_prefix)) != 0)
		return 0;
	BUF_CLEANUP struct buf schema = {0};
	int rc = schema_encode(&entry->schema, &schema, e);
	struct message m = {.type = MESSAGE_ENTRY, .entry = {
		.name = slice_text(entry->name),
		.can_write = (rights & ACCESS_WRITE) != 0,
		.tip = entry->tip,
		.schema = buf_slice(&schema),
		.generation = entry->generation,
		.time = entry->time,
		.records = entry->records,
	}};
	return rc < 0 ? rc : session_put(s, &m, e);
}

int session_serve_produce(struct session *s, struct cel_error *e)
{
	struct sync_entry entry;
	const char *tags_of = s->list_tags_of[0] != '\0' ? s->list_tags_of : NULL;
	int rc = s->side->list(s->side->context, tags_of, s->list_after, &entry, e);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		s->is_listing = false;
		rc = session_put_end(s, e);
		return rc < 0 ? rc : 1;
	}
	memcpy(s->list_after, entry.name, sizeof entry.name);
	rc = put_entry(s, &entry, e);
	return rc < 0 ? rc : 1;
}

/* ---- FETCH and PUSH */

/* NAME, NAME~N, NAME@TAG: what lies in the history of a collection, or was named by its owner. A commit by its CID, or a place
 * in the log of the collection, may be one that no longer does. */
static int take_fetch(struct session *s, const struct message_fetch *m, struct cel_error *e)
{
	char rev[256], name[CEL_NAME_MAX + 1];
	snprintf(rev, sizeof rev, "%.*s", (int)m->rev.size, (const char *)m->rev.data);
	size_t size = strcspn(rev, "~@");
	if (strlen(rev) != m->rev.size || size > CEL_NAME_MAX)
		return error_set(e, CEL_EUSAGE, "a rev that is none");
	snprintf(name, sizeof name, "%.*s", (int)size, rev);
	struct cel_error why;
	if (record_check_collection_name(name, &why) < 0 || strchr(rev, '{') != NULL)
		return error_set(e, CEL_EUSAGE, "'%s' cannot be fetched: NAME, NAME~N and NAME@TAG can", rev);
	int rc = check_rights(s, name, ACCESS_READ, e);
	if (rc < 0)
		return rc;
	memcpy(s->progress.collection, name, sizeof name);
	s->request = REQUEST_FETCH;
	return giving_begin(s, rev, m->is_dry_run != 0, e);
}

static int take_push(struct session *s, const struct message_push *m, struct cel_error *e)
{
	char name[CEL_NAME_MAX + 1];
	snprintf(name, sizeof name, "%.*s", (int)m->name.size, (const char *)m->name.data);
	int rc = strlen(name) != m->name.size ? error_set(e, CEL_EUSAGE, "a name with a NUL") : record_check_collection_name(name, e);
	if (rc == 0)
		rc = check_rights(s, name, ACCESS_READ | ACCESS_WRITE, e);
	if (rc < 0)
		return rc;
	bool is_limited = s->server.access.n > 0 || s->server.access.is_closed;
	struct sync_take_options options = {.target = SYNC_PUSH, .name = name, .is_dry_run = m->is_dry_run != 0,
					    .is_merging = m->is_merging != 0, .policy = (enum cel_policy)m->policy,
					    .receive_max = s->server.receive_max,
					    .access = is_limited ? &s->server.access : NULL};
	memcpy(s->progress.collection, name, sizeof name);
	s->request = REQUEST_PUSH;
	return taking_begin(s, &options, e);
}

static int take_request(struct session *s, const struct message *m, struct cel_error *e)
{
	switch (m->type) {
	case MESSAGE_LIST:
		return take_list(s, &m->list, e);
	case MESSAGE_FETCH:
		return take_fetch(s, &m->fetch, e);
	case MESSAGE_PUSH:
		return take_push(s, &m->push, e);
	case MESSAGE_BYE:
		s->is_over = true;
		return 0;
	default:
		return session_unexpected(m, e);
	}
}

static int go_on(struct session *s, const struct message *m, struct cel_error *e)
{
	bool is_done;
	if (s->request == REQUEST_FETCH) {
		int rc = giving_message(s, m, &is_done, e);
		if (rc == 0 && is_done) {
			giving_end(s);
			s->request = REQUEST_NONE;
		}
		return rc;
	}
	int rc = taking_message(s, m, &is_done, e);
	if (rc < 0 || !is_done)
		return rc;
	const struct sync_taken *r = &s->take.result;
	struct message result = {.type = MESSAGE_RESULT,
				 .result = {.outcome = r->outcome, .commit = r->commit, .conflicts = r->conflicts}};
	s->request = REQUEST_NONE;
	return session_put(s, &result, e);
}

int session_serve_message(struct session *s, const struct message *m, struct cel_error *e)
{
	if (s->is_listing)
		return session_unexpected(m, e);
	return s->request == REQUEST_NONE ? take_request(s, m, e) : go_on(s, m, e);
}
