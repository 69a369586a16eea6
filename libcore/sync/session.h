/* SPDX-License-Identifier: Apache-2.0 */
/* One side of a session between two stores: a pure state machine over bytes. It has no sockets, clock or threads; a
 * transport moves its bytes, and what it does to a store it does through struct sync_side. cel-protocol(7) has the bytes.
 *
 *     client                                          server
 *     session_call_new                                session_serve_new
 *     session_fetch (list, push): one at a time       (answers what comes)
 *         └── session_output / session_sent ───────►  session_receive
 *     session_receive  ◄────────────────────────────  session_output / session_sent
 *     until session_state is IDLE: the result is there
 *     session_bye; DONE when its bytes are out        DONE when the farewell has come
 *
 * A transport's loop: while the state is not DONE send what session_output gives, then receive. After an error of any function the
 * session has failed: session_output still gives what the other side is to be told, without failing again; when that is
 * empty, or cannot be sent, the transport closes. No read of a store stands between two calls, nor is its lock held. */
#ifndef SYNC_SESSION_H
#define SYNC_SESSION_H

#include "access.h"
#include "cid.h"
#include "side.h"

#define SESSION_FRAME_MAX (2u << 20)

struct session;

enum session_state {
	SESSION_IDLE,    /* client: a request may be started */
	SESSION_WAITING, /* more must be sent or received (a server between requests too) */
	SESSION_DONE,    /* over, by farewell or by failure; what session_output still has may be sent */
};

struct session_server {
	const struct sync_side *side;
	struct access access;
	/* Whether the store that the client says it means is this one; NULL: any text will do. What it returns is told to the
	 * client and ends the session (CEL_EPERMISSION). */
	int (*check_store)(void *context, const char *store, struct cel_error *e);
	void *context;
	uint64_t receive_max; /* bytes that one push may bring; 0: no bound */
};
int session_serve_new(struct session **out, const struct session_server *server, struct cel_error *e);

struct session_client {
	const struct sync_side *side; /* NULL: only listing */
	const char *store;            /* which store of the other side is meant: its path there */
	bool is_uncompressed;
	uint64_t receive_max; /* bytes that all fetches may bring; 0: no bound */
};
int session_call_new(struct session **out, const struct session_client *client, struct cel_error *e);
void session_free(struct session *s);

/* ---- moving bytes */

/* Bytes that came, cut anywhere; all of them are taken. CEL_EPROTOCOL if they break the protocol; what the other side says is
 * wrong has its code. CEL_EBUSY and others from the store. */
int session_receive(struct session *s, struct slice bytes, struct cel_error *e);
/* The other side has closed: CEL_EPROTOCOL if in the middle of something (client: at all, before session_bye). */
int session_receive_end(struct session *s, struct cel_error *e);
/* What is to go out now, borrowed until the next call on s; empty: nothing for now. There may be more when it was sent: large
 * answers are produced as they go, so at most a few MiB are held. */
int session_output(struct session *s, struct slice *out, struct cel_error *e);
void session_sent(struct session *s, size_t n); /* of what session_output gave, from its beginning */
enum session_state session_state(const struct session *s);
bool session_is_failed(const struct session *s);
bool session_is_greeted(const struct session *s); /* the other side has shown that it is one */

struct session_counts {
	uint64_t received, sent; /* bytes */
	uint64_t round_trips;    /* client: times that it stood waiting for an answer */
	uint64_t packed_from, packed_to; /* bytes that were compressed, before and after; both directions */
};
void session_counts(const struct session *s, struct session_counts *out);

/* What is going on, for a bar of progress and for logs. */
struct session_progress {
	const char *phase, *unit; /* "" (nothing is), "list", "negotiate", "commits", "records", "nodes", "apply"; constants */
	uint64_t done, total;     /* total 0: not known */
	uint64_t bytes;           /* that went and came in this phase */
	char collection[CEL_NAME_MAX + 1];
};
void session_progress(const struct session *s, struct session_progress *out);

/* ---- requests: client only, when the state is IDLE (which it is from the start: the first request travels with the
 * greeting). Arguments are borrowed until the state is IDLE again, result structs are filled by then. */

typedef int session_entry_fn(void *context, const struct sync_entry *entry, struct cel_error *e);
/* The collections that may be read, by name; only those that begin with prefix ("" for all); or the tags of one, which "NAME@" asks for. What `each` returns, unless 0, ends
 * the session, and so do more of them than SESSION_LIST_MAX. */
#define SESSION_LIST_MAX (1u << 20)
int session_list(struct session *s, const char *prefix, session_entry_fn *each, void *context, struct cel_error *e);

struct session_fetch_options {
	bool is_dry_run; /* stops when it is known what would come */
};
struct session_fetched {
	struct cid tip; /* kept by the ref "fetched/STORE/NAME" */
	char ref[STORE_REF_MAX]; /* that ref */
	bool is_up_to_date; /* nothing had to come */
	uint64_t commits, trees; /* that came, or would come */
	uint64_t changes;        /* records in patches */
	uint64_t nodes, values;  /* blocks, where trees had to be compared */
	uint64_t kept;           /* blocks (nodes with all below) that an earlier try had left */
};
/* rev: NAME, NAME~N or NAME@TAG there. The commits and trees that are missing here; no collection of this store moves. */
int session_fetch(struct session *s, const char *rev, const struct session_fetch_options *options,
		  struct session_fetched *out, struct cel_error *e);

enum session_outcome {
	SESSION_UNCHANGED = 1, /* it was there already, or what is there descends from it */
	SESSION_CREATED,
	SESSION_FORWARDED,
	SESSION_MERGED,    /* there; `commit` is the merge */
	SESSION_DIVERGED,  /* nothing was changed: it is no fast-forward, and merging was not asked for */
	SESSION_CONFLICTS, /* nothing was changed: merging was asked for with the policy fail */
	SESSION_WOULD,     /* a dry run: what would go */
};
struct session_push_options {
	bool is_dry_run;
	bool is_merging; /* if it is no fast-forward */
	enum cel_policy policy;
};
struct session_pushed {
	enum session_outcome outcome;
	struct cid commit; /* where the collection is there now */
	uint64_t commits, trees, changes; /* that went, or would go */
	uint64_t conflicts;
};
/* rev of this store to the collection `name` there. CEL_EPERMISSION if it may not be written. */
int session_push(struct session *s, const char *rev, const char *name, const struct session_push_options *options,
		 struct session_pushed *out, struct cel_error *e);

int session_bye(struct session *s, struct cel_error *e);

#endif
