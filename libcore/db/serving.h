/* SPDX-License-Identifier: Apache-2.0 */
/* The serving side of one session over a store, and what is to be done when it is over. */
#ifndef DB_SERVING_H
#define DB_SERVING_H

#include "db.h"
#include "session.h"

#define RECEIVE_MAX_DEFAULT (UINT64_C(64) << 30) /* bytes that come from another store at a time */

struct serving_options {
	struct access access;
	bool is_checking_store; /* the client must mean this very store, */
	const char *socket;     /* or this socket */
	bool is_without_index;
	uint64_t receive_max; /* bytes that one push may bring; 0: no bound, for a process of the same user */
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
};

struct serving;
int serving_new(struct cel_store *store, const struct serving_options *options, struct serving **out, struct cel_error *e);
struct session *serving_session(struct serving *s);
/* The session is over: builds the indexes of the collections that it has moved. */
int serving_finish(struct serving *s, struct cel_error *e);
void serving_free(struct serving *s);

#endif
