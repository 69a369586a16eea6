/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing wait in one poll, so that neither side is stuck because both have much to say. The flags of the descriptors
 * are left as they are, for they may be shared with other processes: into one that blocks go 4096 bytes at a time, for
 * which there is room if poll says so. SIGPIPE is held back meanwhile and what came of it taken away.
 *
 * The other side may have closed while we still had something to say: it has failed then, and what it said before that is the
 * reason, so reading goes on to the end. */
#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "clock.h"
#include "error.h"
#include "fault.h"
#include "tell.h"

#define CHUNK (64u << 10)
#define CHUNK_BLOCKING 4096u
#define LAST_WORDS 5.0 /* seconds that a failed session has to say why */

void pump_init(struct pump *p, int in, int out, double timeout, double rate)
{
	double now = seconds_now();
	*p = (struct pump){.in = in, .out = out, .timeout = timeout};
	throttle_init(&p->throttle_in, rate, now);
	throttle_init(&p->throttle_out, rate, now);
}

/* ---- SIGPIPE */

struct quiet {
	sigset_t before;
	bool was_pending;
};

static void quiet_begin(struct quiet *q)
{
	sigset_t pipe_only, pending;
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	q->was_pending = sigismember(&pending, SIGPIPE) == 1;
	pthread_sigmask(SIG_BLOCK, &pipe_only, &q->before);
}

static void quiet_end(const struct quiet *q)
{
	static const struct timespec AT_ONCE = {0};
	sigset_t pipe_only, pending;
	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	if (!q->was_pending && sigismember(&pending, SIGPIPE) == 1)
		sigtimedwait(&pipe_only, NULL, &AT_ONCE);
	pthread_sigmask(SIG_SETMASK, &q->before, NULL);
}

/* ---- one step */

enum { GONE = -2, AGAIN = -1 }; /* else how many bytes */

static ssize_t outcome_of(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? AGAIN : GONE;
}

static int send_some(struct pump *p, struct session *s, struct slice out, size_t allowed)
{
	int flags = fcntl(p->out, F_GETFL);
	size_t size = out.size < allowed ? out.size : allowed;
	size_t most = flags >= 0 && (flags & O_NONBLOCK) != 0 ? CHUNK : CHUNK_BLOCKING;
	ssize_t n = outcome_of(io_write(p->out, out.data, size < most ? size : most));
	if (n == GONE)
		p->is_out_closed = true;
	if (n < 0)
		return 0;
	session_sent(s, (size_t)n);
	throttle_take(&p->throttle_out, (size_t)n);
	return n > 0;
}

/* 1 if something came, 0 if nothing, or an error. */
static int receive_some(struct pump *p, struct session *s, size_t allowed, struct cel_error *e)
{
	uint8_t bytes[CHUNK];
	ssize_t n = outcome_of(io_read(p->in, bytes, allowed < sizeof bytes ? allowed : sizeof bytes));
	if (n == AGAIN)
		return 0;
	if (n <= 0) { /* an end is an end, also that of a connection which was reset */
		int rc = session_receive_end(s, e);
		p->is_cut = rc < 0;
		if (rc == 0 && session_state(s) != SESSION_DONE)
			rc = error_set(e, CEL_EINTERNAL, "a session goes on after its end");
		return rc < 0 ? rc : 1;
	}
	p->is_begun = true;
	throttle_take(&p->throttle_in, (size_t)n);
	int rc = session_receive(s, slice_make(bytes, (size_t)n), e);
	return rc < 0 ? rc : 1;
}

struct wish {
	double until; /* the time at which waiting is given up */
	bool is_reading;
};

/* Waits for either direction and moves what can be moved: 1 if it was something, 0 if not, or an error. */
static int step(struct pump *p, struct session *s, struct slice out, const struct wish *wish, struct cel_error *e)
{
	double now = seconds_now(), wait = wish->until - now;
	size_t may_send = out.size > 0 && !p->is_out_closed ? throttle_allowed(&p->throttle_out, now) : 0;
	size_t may_receive = wish->is_reading ? throttle_allowed(&p->throttle_in, now) : 0;
	struct pollfd fds[2] = {{.fd = may_receive > 0 ? p->in : -1, .events = POLLIN},
				{.fd = may_send > 0 ? p->out : -1, .events = POLLOUT}};
	if (out.size > 0 && !p->is_out_closed && may_send == 0)
		wait = fmin(wait, throttle_wait(&p->throttle_out));
	if (wish->is_reading && may_receive == 0)
		wait = fmin(wait, throttle_wait(&p->throttle_in));
	int n = poll(fds, 2, wait <= 0 ? 0 : wait > 3600 ? 3600000 : (int)(wait * 1000) + 1);
	if (n < 0 && errno != EINTR)
		return error_set_errno(e, CEL_EIO, errno, "poll");
	int rc = 0;
	if (n > 0 && fds[1].revents != 0)
		rc = send_some(p, s, out, may_send);
	if (n > 0 && fds[0].revents != 0) {
		int received = receive_some(p, s, may_receive, e);
		rc = received < 0 ? received : rc | received;
	}
	return rc;
}

static int time_out(const struct pump *p, const struct session *s, struct cel_error *e)
{
	return session_is_greeted(s) ? error_set(e, CEL_EBUSY, "nothing came or went for %g seconds; try again, what had come complete is kept",
				       p->timeout)
			   : error_set(e, CEL_EUNAVAILABLE, "no answer within %g seconds", p->timeout);
}

static int tell_session(const struct pump *p, const struct session *s, struct cel_error *e)
{
	struct session_progress now;
	session_progress(s, &now);
	if (now.phase[0] == '\0')
		return 0;
	struct cel_progress progress = {.phase = now.phase, .unit = now.unit, .done = now.done, .total = now.total,
					.bytes = now.bytes};
	return tell_progress(p->on_progress, p->context, &progress, e);
}

static int run(struct pump *p, struct session *s, struct cel_error *e)
{
	double moved = seconds_now();
	for (;;) {
		struct slice out;
		int rc = session_output(s, &out, e);
		if (rc < 0)
			return rc;
		if (session_state(s) != SESSION_WAITING && (out.size == 0 || p->is_out_closed))
			return 0;
		struct wish wish = {.until = p->timeout > 0 ? moved + p->timeout : INFINITY,
				    .is_reading = session_state(s) == SESSION_WAITING};
		rc = step(p, s, out, &wish, e);
		double now = seconds_now();
		if (rc == 0 && now >= wish.until)
			rc = time_out(p, s, e);
		if (rc > 0) {
			moved = now;
			rc = tell_session(p, s, e);
		}
		if (rc < 0)
			return rc;
	}
}

/* What a failed session has to say. Nothing is read any more: the other side stops when it has read that. */
static void say_last_words(struct pump *p, struct session *s)
{
	struct wish wish = {.until = seconds_now() + LAST_WORDS};
	struct slice out;
	while (!p->is_out_closed && session_output(s, &out, NULL) == 0 && out.size > 0 && seconds_now() < wish.until)
		if (step(p, s, out, &wish, NULL) < 0)
			return;
}

int pump_run(struct pump *p, struct session *s, struct cel_error *e)
{
	struct quiet quiet;
	quiet_begin(&quiet);
	int rc = run(p, s, e);
	if (rc < 0 && session_is_failed(s) && !p->is_cut)
		say_last_words(p, s);
	quiet_end(&quiet);
	return rc;
}

/* ---- in memory */

/* Gives one portion of output to the other: 1 if there was any. *rc: what the receiver made of it. */
static int hand_over(struct session *from, struct session *to, int *rc, struct cel_error *e)
{
	struct slice out;
	int given = session_output(from, &out, NULL);
	*rc = 0;
	if (given < 0 || out.size == 0)
		return 0;
	*rc = session_receive(to, out, e);
	session_sent(from, out.size);
	return 1;
}

int pump_pair(const struct pump *p, struct session *client, struct session *server, struct cel_error *e)
{
	for (;;) {
		int of_server, rc;
		struct slice out;
		rc = session_output(client, &out, e);
		if (rc < 0)
			return rc;
		bool has_moved = hand_over(client, server, &of_server, NULL) > 0;
		has_moved |= hand_over(server, client, &rc, e) > 0;
		if (rc == 0)
			rc = tell_session(p, client, e);
		if (rc < 0)
			return rc;
		if (!has_moved && session_state(client) != SESSION_WAITING)
			return 0;
		if (!has_moved)
			return error_set(e, CEL_EINTERNAL, "two sessions wait for each other");
	}
}
