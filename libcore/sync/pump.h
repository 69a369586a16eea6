/* SPDX-License-Identifier: Apache-2.0 */
/* Moves the bytes of a session: over two descriptors, or straight between two sessions of one process. */
#ifndef SYNC_PUMP_H
#define SYNC_PUMP_H

#include "session.h"
#include "throttle.h"

struct pump {
	int in, out;    /* may be the same */
	double timeout; /* seconds without a byte either way; 0: no end */
	cel_progress_fn *on_progress; /* may be NULL */
	void *context;
	/* pump_init and pump_run */
	struct throttle throttle_in, throttle_out;
	bool is_begun;        /* something has come, whatever it was */
	bool is_cut;          /* the other side closed in the middle of something */
	bool is_out_closed;
};

/* rate: bytes a second each way, 0: no limit. */
void pump_init(struct pump *p, int in, int out, double timeout, double rate);
/* Until the session is idle or done and all is sent. After an error it tells the other side, as far as that listens. */
int pump_run(struct pump *p, struct session *s, struct cel_error *e);

/* The same between a client and a server in memory; errors are the client's. Of p only whom to tell counts. */
int pump_pair(const struct pump *p, struct session *client, struct session *server, struct cel_error *e);

#endif
