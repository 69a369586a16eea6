/* SPDX-License-Identifier: Apache-2.0 */
/* A client always says which store it means, and it must be this one: the same directory (by device and inode) under
 * whatever path, or the socket through which it came. A forced command of ssh thus cannot make it take one store for
 * another. Which collections moved is seen from the heads before and after. */
#include "serving.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "alloc.h"
#include "error.h"
#include "index_make.h"
#include "local_socket.h"
#include "pump.h"
#include "sync_side.h"


struct head {
	char name[CEL_NAME_MAX + 1];
	struct cid cid;
};

struct serving {
	struct cel_store *store;
	struct serving_options options;
	struct sync_side side;
	struct session *session;
	struct head *heads; /* at the beginning, by name */
	size_t n_heads;
};

/* ---- heads */

static int load_heads(struct cel_store *store, struct head **out, size_t *n, struct cel_error *e)
{
	struct store_read *read;
	struct cid cid;
	char position[STORE_REF_MAX] = "";
	size_t capacity = 0;
	*out = NULL;
	*n = 0;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	while ((rc = store_read_next_ref(read, HEADS_PREFIX, position, &cid, e)) == 1) {
		rc = mem_grow(out, &capacity, *n + 1, sizeof **out, e);
		if (rc < 0)
			break;
		snprintf((*out)[*n].name, sizeof (*out)[*n].name, "%.*s", (int)CEL_NAME_MAX, position + sizeof HEADS_PREFIX - 1);
		(*out)[(*n)++].cid = cid;
	}
	store_read_end(read);
	return rc;
}

static bool has_moved(const struct serving *s, const struct head *head)
{
	for (size_t i = 0; i < s->n_heads; i++)
		if (strcmp(s->heads[i].name, head->name) == 0)
			return !cid_equal(&s->heads[i].cid, &head->cid);
	return true;
}

/* ---- which store */

/* What a path means: "~/" is the home directory; a directory that holds a store as ".cel" means that. */
static bool is_same_file(const char *wanted, const char *inside, const char *path)
{
	char whole[PATH_MAX];
	struct stat a, b;
	const char *home = strncmp(wanted, "~/", 2) == 0 ? getenv("HOME") : NULL;
	int n = snprintf(whole, sizeof whole, "%s%s%s", home != NULL ? home : "", home != NULL ? wanted + 1 : wanted, inside);
	return n < PATH_MAX && stat(whole, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int check_store(void *context, const char *wanted, struct cel_error *e)
{
	const struct serving *s = context;
	const char *path = store_path(s->store->store);
	if (is_same_file(wanted, "", path) || is_same_file(wanted, "/.cel", path) ||
	    (s->options.socket != NULL && is_same_file(wanted, "", s->options.socket)))
		return 0;
	return error_set(e, CEL_EPERMISSION, "the store '%.200s' is not served here", wanted);
}

/* ---- the whole */

int serving_new(struct cel_store *store, const struct serving_options *options, struct serving **out, struct cel_error *e)
{
	struct serving *s = mem_calloc(1, sizeof *s);
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	s->store = store;
	s->options = *options;
	sync_side_init(&s->side, store);
	struct session_server server = {.side = &s->side, .access = options->access,
					.check_store = options->is_checking_store ? check_store : NULL, .context = s,
					.receive_max = options->receive_max};
	server.access.is_read_only |= store->is_read_only;
	int rc = load_heads(store, &s->heads, &s->n_heads, e);
	if (rc == 0)
		rc = session_serve_new(&s->session, &server, e);
	if (rc < 0) {
		serving_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

struct session *serving_session(struct serving *s)
{
	return s->session;
}

int serving_finish(struct serving *s, struct cel_error *e)
{
	struct head *now;
	size_t n;
	if (s->store->is_read_only || s->options.is_without_index)
		return 0;
	int rc = load_heads(s->store, &now, &n, e);
	for (size_t i = 0; i < n && rc == 0; i++) {
		char commit[CEL_CID_TEXT_SIZE];
		struct cel_index_options index = {.on_progress = s->options.on_progress, .context = s->options.context};
		cid_format(&now[i].cid, commit);
		if (has_moved(s, &now[i]))
			rc = index_follow(s->store, commit, &index, e);
	}
	mem_free(now);
	return rc;
}

void serving_free(struct serving *s)
{
	if (s == NULL)
		return;
	session_free(s->session);
	mem_free(s->heads);
	mem_free(s);
}

static int parse_rules(const struct cel_serve_options *options, struct access_rule *rules, struct cel_error *e)
{
	int rc = 0;
	for (size_t i = 0; i < options->n_allow && rc == 0; i++)
		rc = access_rule_parse(options->allow[i], &rules[i], e);
	return rc;
}

int cel_serve_fd(struct cel_store *store, const struct cel_serve_options *options, int in, int out, struct cel_error *e)
{
	MEM_CLEANUP struct access_rule *rules = mem_calloc(options->n_allow + 1, sizeof *rules);
	if (rules == NULL)
		return error_nomem(e, (options->n_allow + 1) * sizeof *rules);
	struct serving_options inner = {
		.access = {.rules = rules, .n = options->n_allow, .is_read_only = options->is_read_only},
		.is_checking_store = true, .socket = options->socket, .is_without_index = options->is_without_index,
		.receive_max = options->push_max > 0 ? options->push_max : RECEIVE_MAX_DEFAULT,
		.on_progress = options->on_progress, .context = options->context};
	struct serving *s;
	struct pump pump;
	int rc = parse_rules(options, rules, e);
	if (rc == 0)
		rc = serving_new(store, &inner, &s, e);
	if (rc < 0)
		return rc;
	pump_init(&pump, in, out, options->timeout, options->rate);
	pump.on_progress = options->on_progress;
	pump.context = options->context;
	rc = pump_run(&pump, s->session, e);
	int finished = serving_finish(s, rc == 0 ? e : NULL); /* what was pushed before it broke off stands */
	serving_free(s);
	return rc < 0 ? rc : finished;
}

int cel_socket_listen(const char *path, int *fd, struct cel_error *e)
{
	return local_socket_listen(path, fd, e);
}

int cel_socket_accept(int listener, int *fd, struct cel_error *e)
{
	return local_socket_accept(listener, fd, e);
}
