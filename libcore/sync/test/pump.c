/* SPDX-License-Identifier: Apache-2.0 */
/* The pump with sessions of its own: each has so many bytes to send and so many to receive, a pattern that is checked, and may
 * fail in the middle. Over sockets and pipes, in two threads. */
#include "pump.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka.h wants the ones above */
#include <cmocka.h>

#include "clock.h"
#include "error.h"

/* ---- sessions */

struct session {
	size_t sent, to_send, received, to_receive;
	size_t fail_at; /* received so much it fails, and has LAST to say; 0: never */
	size_t said;
	bool is_failed, is_greeted, is_wrong;
	uint8_t bytes[10000];
};
static const char LAST[] = "why it failed";

static uint8_t pattern(size_t i)
{
	return (uint8_t)(i * 7 + i / 251);
}

int session_receive(struct session *s, struct slice bytes, struct cel_error *e)
{
	for (size_t i = 0; i < bytes.size; i++)
		s->is_wrong |= bytes.data[i] != pattern(s->received + i);
	s->received += bytes.size;
	s->is_greeted = true;
	if (s->fail_at == 0 || s->received < s->fail_at)
		return 0;
	s->is_failed = true;
	return error_set(e, CEL_EDATA, "planted");
}

int session_receive_end(struct session *s, struct cel_error *e)
{
	if (s->received >= s->to_receive && s->sent == s->to_send)
		return 0;
	s->is_failed = true;
	return error_set(e, CEL_EPROTOCOL, "cut");
}

int session_output(struct session *s, struct slice *out, struct cel_error *e)
{
	(void)e;
	if (s->is_failed) {
		*out = slice_make((const uint8_t *)LAST + s->said, s->fail_at > 0 ? strlen(LAST) - s->said : 0);
		return 0;
	}
	size_t n = s->to_send - s->sent;
	if (n > sizeof s->bytes)
		n = sizeof s->bytes;
	for (size_t i = 0; i < n; i++)
		s->bytes[i] = pattern(s->sent + i);
	*out = slice_make(s->bytes, n);
	return 0;
}

void session_sent(struct session *s, size_t n)
{
	*(s->is_failed ? &s->said : &s->sent) += n;
}

enum session_state session_state(const struct session *s)
{
	if (s->is_failed)
		return SESSION_DONE;
	return s->received >= s->to_receive && s->sent == s->to_send ? SESSION_IDLE : SESSION_WAITING;
}

bool session_is_failed(const struct session *s)
{
	return s->is_failed;
}

bool session_is_greeted(const struct session *s)
{
	return s->is_greeted;
}

void session_progress(const struct session *s, struct session_progress *out)
{
	*out = (struct session_progress){.phase = "bytes", .unit = "bytes", .done = s->received, .total = s->to_receive,
					  .bytes = s->received};
}

/* ---- two of them */

struct side {
	struct pump pump;
	struct session session;
	struct cel_error e;
	int rc;
	bool is_closing;
};
static struct side a, b;

static void *run_side(void *side)
{
	struct side *s = side;
	s->rc = pump_run(&s->pump, &s->session, &s->e);
	if (s->is_closing) {
		close(s->pump.in);
		if (s->pump.out != s->pump.in)
			close(s->pump.out);
	}
	return NULL;
}

static void run_both(void)
{
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, run_side, &b), 0);
	run_side(&a);
	pthread_join(thread, NULL);
}

static void on_socket(double timeout, double rate)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	a = b = (struct side){.is_closing = true};
	pump_init(&a.pump, ends[0], ends[0], timeout, rate);
	pump_init(&b.pump, ends[1], ends[1], timeout, 0);
}

static void on_pipes(void)
{
	int to[2], from[2];
	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	a = b = (struct side){.is_closing = true};
	pump_init(&a.pump, from[0], to[1], 0, 0);
	pump_init(&b.pump, to[0], from[1], 0, 0);
}

static void both_ways(size_t there, size_t back)
{
	a.session.to_send = b.session.to_receive = there;
	b.session.to_send = a.session.to_receive = back;
}

static void assert_done(void)
{
	assert_int_equal(a.rc, 0);
	assert_int_equal(b.rc, 0);
	assert_false(a.session.is_wrong || b.session.is_wrong);
	assert_int_equal(a.session.received, a.session.to_receive);
	assert_int_equal(b.session.received, b.session.to_receive);
}

static void much_both_ways_at_once(void **state)
{
	(void)state;
	on_socket(0, 0);
	both_ways(5000000, 3000000);
	run_both();
	assert_done();
	on_socket(0, 0);
	fcntl(a.pump.in, F_SETFL, O_NONBLOCK);
	both_ways(3000000, 5000000);
	run_both();
	assert_done();
	on_pipes();
	both_ways(5000000, 3000000);
	run_both();
	assert_done();
}

static void the_rate_is_kept(void **state)
{
	(void)state;
	double start = seconds_now();
	on_socket(0, 400000);
	both_ways(0, 160000);
	run_both();
	assert_done();
	assert_true(seconds_now() - start > 0.2); /* a tenth of a second's worth is there from the start */
	start = seconds_now();
	on_socket(0, 400000);
	both_ways(160000, 0);
	run_both();
	assert_done();
	assert_true(seconds_now() - start > 0.2);
}

static void a_silent_other_side(void **state)
{
	(void)state;
	double start = seconds_now();
	on_socket(0.1, 0);
	both_ways(10, 10);
	assert_int_equal(pump_run(&a.pump, &a.session, &a.e), CEL_EUNAVAILABLE);
	assert_int_equal(write(b.pump.in, "\0", 1), 1);
	assert_int_equal(pump_run(&a.pump, &a.session, &a.e), CEL_EBUSY);
	double took = seconds_now() - start;
	assert_true(took >= 0.2 && took < 20);
	close(a.pump.in);
	close(b.pump.in);
}

static void one_that_goes(void **state)
{
	(void)state;
	on_socket(0, 0);
	both_ways(5000000, 3000000);
	b.session.to_send = b.session.to_receive = 1000000; /* and closes */
	run_both();
	assert_int_equal(a.rc, CEL_EPROTOCOL);
	assert_true(a.pump.is_cut);
	on_pipes();
	both_ways(5000000, 3000000);
	b.session.to_send = b.session.to_receive = 1000000;
	run_both();
	assert_int_equal(a.rc, CEL_EPROTOCOL); /* and no SIGPIPE has ended us */
	sigset_t pending;
	sigpending(&pending);
	assert_int_equal(sigismember(&pending, SIGPIPE), 0);
}

/* The one that fails while the other sends without end is heard all the same. */
static void last_words(void **state)
{
	(void)state;
	pthread_t thread;
	on_socket(0, 0);
	both_ways(100000000, 0);
	b.session.fail_at = 100000;
	a.session.to_receive = 1; /* waits for something */
	assert_int_equal(pthread_create(&thread, NULL, run_side, &b), 0);
	run_side(&a);
	pthread_join(thread, NULL);
	assert_int_equal(b.rc, CEL_EDATA);
	assert_false(b.pump.is_cut);
	assert_int_equal(b.session.said, strlen(LAST));
	assert_int_equal(a.session.received, strlen(LAST));
}

static int stop(void *context, const struct cel_progress *progress)
{
	assert_int_equal(progress->bytes, progress->done);
	*(uint64_t *)context = progress->done;
	return progress->done > 1000000;
}

static void stopped_by_progress(void **state)
{
	(void)state;
	uint64_t done = 0;
	on_socket(0, 0);
	both_ways(0, 5000000);
	a.pump.on_progress = stop;
	a.pump.context = &done;
	run_both();
	assert_int_equal(a.rc, CEL_EBUSY);
	assert_true(done > 1000000 && done < 5000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(much_both_ways_at_once), cmocka_unit_test(the_rate_is_kept),
		cmocka_unit_test(a_silent_other_side),	  cmocka_unit_test(one_that_goes),
		cmocka_unit_test(last_words),		  cmocka_unit_test(stopped_by_progress),
	};
	return cmocka_run_group_tests_name("pump", tests, NULL, NULL);
}
