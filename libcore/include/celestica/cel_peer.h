/* SPDX-License-Identifier: Apache-2.0 */
/* Part of cel.h: other stores: remotes, pull, push, serving. */
#ifndef CEL_H
#error "include cel.h"
#endif

/* Remotes: short names for places of other stores, in the settings of this one. */
#define CEL_PLACE_MAX 4500u /* bytes of a place */
/* place: PATH or [USER@]HOST:PATH; of a PATH the absolute one is kept. CEL_ECANTCREAT if the name is taken, the
 * next two CEL_ENOINPUT if there is none. */
int cel_remote_add(struct cel_store *store, const char *name, const char *place, struct cel_error *e);
/* What was fetched by it and is kept by nothing else goes too; cel_gc gives the space back. */
struct cel_remote_removal {
	uint64_t fetched; /* collections of which what was fetched is kept no more */
	char shared_with[CEL_NAME_MAX + 1]; /* another remote that has been the same store, so what came from there stays; or "" */
};
int cel_remote_remove(struct cel_store *store, const char *name, struct cel_remote_removal *out, struct cel_error *e);
int cel_remote_get(struct cel_store *store, const char *name, char place[CEL_PLACE_MAX + 1], struct cel_error *e);
/* The list is by name; a non-zero result of `call` stops and is returned. */
typedef int cel_remote_fn(void *context, const char *name, const char *place, struct cel_error *e);
int cel_remote_list(struct cel_store *store, cel_remote_fn *call, void *context, struct cel_error *e);

/* Another store: on this host (a PATH, or that of a socket on which cel-serve listens), or on another one, where ssh runs
 * cel-serve. Environment: CEL_SSH names another program than ssh, called as ssh is: host, then one command line. */
struct cel_peer_options {
	const char *remote_command; /* a shell word there; NULL: "cel-serve" */
	double timeout;    /* seconds without a byte either way, then CEL_EUNAVAILABLE or, later on, CEL_EBUSY; 0: none */
	double lock_wait;  /* seconds that a push may wait there for another writer */
	double rate;       /* bytes a second each way; 0: no limit */
	bool is_pushing;   /* something is to be written there */
	uint64_t fetch_max; /* bytes that all fetches together may bring, unpacked; 0: 64 GiB. If there come more: CEL_EPROTOCOL */
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
};
struct cel_peer;
/* store: where remotes are looked up, and what is fetched to and pushed from. Of the place the rev is not looked at. options may be
 * NULL. From here on, as the connection is used: CEL_EUNAVAILABLE if the host cannot be reached or has no cel-serve,
 * CEL_EPERMISSION if that serves another store, CEL_EPROTOCOL if it is none or sends what is not true. */
int cel_peer_open(struct cel_store *store, const struct cel_place *place, const struct cel_peer_options *options,
		  struct cel_peer **out, struct cel_error *e);
void cel_peer_free(struct cel_peer *peer);
void cel_peer_traffic(const struct cel_peer *peer, uint64_t *received, uint64_t *sent, uint64_t *round_trips); /* bytes */

/* The collections that may be read; the rest as with the remotes. */
typedef int cel_peer_list_fn(void *context, const char *name, const char *commit, uint64_t records, struct cel_error *e);
int cel_peer_list(struct cel_peer *peer, cel_peer_list_fn *call, void *context, struct cel_error *e);
/* The tags of one of them, by name: `call` gets the name behind the @. None if it may not be read. */
int cel_peer_list_tags(struct cel_peer *peer, const char *collection, cel_peer_list_fn *call, void *context,
		       struct cel_error *e);

struct cel_fetch_result {
	char commit[CEL_CID_TEXT_SIZE]; /* that rev is, there */
	char origin[320];     /* for cel_merge_options: whose it is */
	bool is_up_to_date;
	uint64_t commits, changes; /* that came, or in a dry run would come; changes: records in patches */
	uint64_t blocks, kept;     /* where trees had to be compared: that came; parts of trees that an earlier try had left */
};
/* Brings the commits of rev (NAME, NAME~N, NAME@TAG) with their trees here. No collection moves. CEL_ENOINPUT if it names none. */
int cel_peer_fetch(struct cel_peer *peer, const char *rev, bool is_dry_run, struct cel_fetch_result *out, struct cel_error *e);

struct cel_push_options {
	bool is_dry_run, is_merging; /* merging: there, if it is no fast-forward */
	enum cel_policy policy;
};
/* Nothing is changed in UNCHANGED (it was there already, or what is there descends from it), DIVERGED (there are commits that ours
 * has not, and merging was not asked for), CONFLICTS (it was, with the policy FAIL) and DRY_RUN. */
enum cel_push_outcome { CEL_PUSH_UNCHANGED, CEL_PUSH_CREATED, CEL_PUSH_FAST_FORWARD, CEL_PUSH_MERGED, CEL_PUSH_DIVERGED,
			CEL_PUSH_CONFLICTS, CEL_PUSH_DRY_RUN };
struct cel_push_result {
	enum cel_push_outcome outcome;
	char commit[CEL_CID_TEXT_SIZE];   /* where the collection is there now; "" in a dry run */
	uint64_t commits, changes, conflicts; /* that went, or would go */
};
/* Our rev goes to the collection `name` there. CEL_EPERMISSION if it may not be written, CEL_EBUSY if another writer is at work. */
int cel_peer_push(struct cel_peer *peer, const char *rev, const char *name, const struct cel_push_options *options,
		  struct cel_push_result *out, struct cel_error *e);

/* The other side of it. Rules of access: NAME, NAME:r or NAME:rw, where a * may end the name; none at all: all of them, :rw. */
struct cel_serve_options {
	const char *const *allow;
	size_t n_allow;
	bool is_read_only, is_without_index; /* whatever the rules say; else the indexes of what was pushed are built at the end */
	const char *socket;    /* the path by which clients of a socket name the store; or NULL */
	double timeout, rate;  /* as in cel_peer_options */
	uint64_t push_max;     /* bytes that one push may bring, unpacked; 0: 64 GiB. One that brings more is refused: CEL_EPROTOCOL */
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
};
/* Serves one client, who reads `out` and writes `in` (which may be the same), to its end. It must mean this very store. */
int cel_serve_fd(struct cel_store *store, const struct cel_serve_options *options, int in, int out, struct cel_error *e);

/* A Unix socket for clients of this user (and root). Accept: CEL_EBUSY after a signal, CEL_EPERMISSION for one of another user. */
int cel_socket_listen(const char *path, int *fd, struct cel_error *e);
int cel_socket_accept(int listener, int *fd, struct cel_error *e);
