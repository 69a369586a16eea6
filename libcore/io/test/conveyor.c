/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers go round and must come out in order, each worked on once, whatever the threads; an error stands at its place, at
 * every place; who stops half-way leaves nothing running. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the ones above */
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "conveyor.h"
#include "error.h"

enum { BOXES_MAX = 9 };

struct box {
	uint64_t number, result;
	_Atomic int is_in_use; /* by one at a time */
};

struct world {
	struct box boxes[BOXES_MAX];
	void *pointers[BOXES_MAX];
	uint64_t next, count;
	uint64_t bad_fill, bad_work; /* numbers that fail; UINT64_MAX: none */
	_Atomic uint64_t n_worked;
	_Atomic int n_filling;
	_Atomic bool is_broken; /* one was worked on that another had */
	bool is_slow;
	bool is_hesitant;   /* says "later" first, for each box */
	uint64_t hesitated; /* for this number already */
	uint64_t n_waits, bad_wait;
	pthread_t caller;
};

static void dawdle(const struct world *w, uint64_t number)
{
	struct timespec time = {.tv_nsec = (long)(number * 7919 % 5) * 20000};
	if (w->is_slow)
		nanosleep(&time, NULL);
}

static void enter(struct world *w, struct box *box)
{
	if (atomic_exchange(&box->is_in_use, 1) != 0)
		w->is_broken = true;
}

static void leave(struct box *box)
{
	atomic_store(&box->is_in_use, 0);
}

static int fill(void *context, void *b, struct cel_error *e)
{
	struct world *w = context;
	struct box *box = b;
	enter(w, box);
	if (atomic_fetch_add(&w->n_filling, 1) != 0)
		w->is_broken = true;
	int rc = CONVEYOR_LATER;
	if (!w->is_hesitant || w->hesitated > w->next) {
		box->number = w->next;
		box->result = 0;
		dawdle(w, w->next);
		rc = w->next < w->count;
		if (w->next++ == w->bad_fill)
			rc = error_set(e, CEL_EDATA, "filling %llu", (unsigned long long)w->bad_fill);
	}
	atomic_fetch_sub(&w->n_filling, 1);
	leave(box);
	return rc;
}

static int work(void *context, void *b, struct cel_error *e)
{
	struct world *w = context;
	struct box *box = b;
	enter(w, box);
	dawdle(w, box->number + 3);
	box->result += 3 * box->number + 1;
	w->n_worked++;
	leave(box);
	return box->number == w->bad_work ? error_set(e, CEL_EIO, "working on %llu", (unsigned long long)w->bad_work) : 0;
}

static int wait_for_more(void *context, struct cel_error *e)
{
	struct world *w = context;
	if (atomic_fetch_add(&w->n_filling, 1) != 0 || !pthread_equal(w->caller, pthread_self()))
		w->is_broken = true;
	w->n_waits++;
	w->hesitated = w->next + 1;
	atomic_fetch_sub(&w->n_filling, 1);
	return w->next == w->bad_wait ? error_set(e, CEL_EIO, "waiting") : 0;
}

static struct conveyor *begin(struct world *w, uint64_t count, uint32_t n_boxes, uint32_t threads)
{
	*w = (struct world){.count = count, .bad_fill = UINT64_MAX, .bad_work = UINT64_MAX, .is_slow = w->is_slow};
	for (int i = 0; i < BOXES_MAX; i++)
		w->pointers[i] = &w->boxes[i];
	struct conveyor_plan plan = {
		.n_boxes = n_boxes, .threads = threads, .boxes = w->pointers, .context = w, .fill = fill, .work = work};
	struct conveyor *c;
	struct cel_error e;
	assert_int_equal(conveyor_new(&plan, &c, &e), 0);
	return c;
}

/* Takes all that comes; returns how many boxes, *rc what came last. */
static uint64_t drain(struct world *w, struct conveyor *c, int *rc, struct cel_error *e)
{
	uint64_t n = 0;
	void *b;
	for (; (*rc = conveyor_next(c, &b, e)) > 0; n++) {
		struct box *box = b;
		enter(w, box);
		assert_int_equal(box->number, n);
		assert_int_equal(box->result, 3 * n + 1);
		dawdle(w, n + 1);
		leave(box);
	}
	assert_false(w->is_broken);
	return n;
}

static void order_is_kept(void **state)
{
	(void)state;
	struct world w = {0};
	struct cel_error e;
	int rc;
	for (uint32_t threads = 1; threads <= 4; threads++)
		for (uint32_t n_boxes = 1; n_boxes <= BOXES_MAX; n_boxes += 2)
			for (uint64_t count = 0; count <= 200; count = count * 3 + 1) {
				w.is_slow = n_boxes == 5 && count < 100;
				struct conveyor *c = begin(&w, count, n_boxes, threads);
				assert_int_equal(drain(&w, c, &rc, &e), count);
				assert_int_equal(rc, 0);
				assert_int_equal(drain(&w, c, &rc, &e), 0); /* the end is met again */
				assert_int_equal(rc, 0);
				assert_int_equal(w.n_worked, count);
				conveyor_free(c);
			}
}

static void errors_stand_at_their_place(void **state)
{
	(void)state;
	struct world w = {0};
	for (uint32_t threads = 1; threads <= 3; threads++)
		for (uint64_t bad = 0; bad < 12; bad++)
			for (int is_work = 0; is_work < 2; is_work++) {
				struct cel_error e = {0}, again = {0};
				int rc;
				struct conveyor *c = begin(&w, 10, 5, threads);
				*(is_work ? &w.bad_work : &w.bad_fill) = bad;
				uint64_t n = drain(&w, c, &rc, &e);
				bool is_met = bad < (is_work ? 10 : 11); /* what is asked for to learn that it is the end counts */
				assert_int_equal(n, is_met && bad < 10 ? bad : 10);
				assert_int_equal(rc, !is_met ? 0 : is_work ? CEL_EIO : CEL_EDATA);
				assert_int_equal(drain(&w, c, &rc, &again), 0);
				assert_string_equal(e.message, again.message);
				conveyor_free(c);
			}
}

/* Nothing comes but for who waits, and only the caller does so, when it has been given all that was there. */
static void later_is_waited_for(void **state)
{
	(void)state;
	struct cel_error e;
	int rc;
	for (uint32_t threads = 1; threads <= 4; threads++)
		for (uint32_t n_boxes = 1; n_boxes <= BOXES_MAX; n_boxes += 4)
			for (uint64_t bad = 0; bad < 60; bad += 29) {
				struct world w = {0};
				conveyor_free(begin(&w, 50, n_boxes, threads));
				w.is_hesitant = true;
				w.caller = pthread_self();
				w.bad_wait = bad;
				struct conveyor_plan plan = {.n_boxes = n_boxes, .threads = threads, .boxes = w.pointers, .context = &w,
							     .fill = fill, .work = work, .wait = wait_for_more};
				struct conveyor *c;
				assert_int_equal(conveyor_new(&plan, &c, &e), 0);
				uint64_t n = 0;
				for (void *box; (rc = conveyor_next(c, &box, &e)) > 0; n++) {
					assert_int_equal(((struct box *)box)->number, n);
					assert_int_equal(w.n_waits, n + 1);
				}
				assert_int_equal(rc, bad <= 50 ? CEL_EIO : 0);
				assert_int_equal(n, bad <= 50 ? bad : 50);
				assert_false(w.is_broken);
				conveyor_free(c);
			}
}

static void may_be_left_half_way(void **state)
{
	(void)state;
	struct world w = {.is_slow = true};
	struct cel_error e;
	void *box;
	for (uint32_t taken = 0; taken < 8; taken++) {
		struct conveyor *c = begin(&w, 1000, 7, 3);
		for (uint32_t i = 0; i < taken; i++)
			assert_int_equal(conveyor_next(c, &box, &e), 1);
		conveyor_free(c);
		assert_true(w.next < 1000);
	}
}

static void without_memory(void **state)
{
	(void)state;
	struct world w = {0};
	struct cel_error e;
	for (uint64_t nth = 1;; nth++) {
		int rc;
		w.count = 50;
		mem_fault_set(nth);
		struct conveyor_plan plan = {
			.n_boxes = 5, .threads = 3, .boxes = w.pointers, .context = &w, .fill = fill, .work = work};
		struct conveyor *c;
		rc = conveyor_new(&plan, &c, &e);
		if (rc < 0) {
			assert_int_equal(rc, CEL_ENOMEM);
			continue;
		}
		w = (struct world){.count = 50, .bad_fill = UINT64_MAX, .bad_work = UINT64_MAX};
		for (int i = 0; i < BOXES_MAX; i++)
			w.pointers[i] = &w.boxes[i];
		assert_int_equal(drain(&w, c, &rc, &e), 50); /* threads are not needed */
		assert_int_equal(rc, 0);
		conveyor_free(c);
		if (mem_fault_count() < nth)
			break;
	}
	mem_fault_set(0);
}

static _Atomic pthread_t handled_by;

static void handle(int number)
{
	(void)number;
	handled_by = pthread_self();
}

static int signal_all(void *context, void *box, struct cel_error *e)
{
	(void)context;
	(void)box;
	(void)e;
	sched_yield();
	return kill(getpid(), SIGUSR1);
}

static void signals_are_the_callers(void **state)
{
	(void)state;
	struct world w = {0};
	struct cel_error e;
	void *box;
	signal(SIGUSR1, handle);
	conveyor_free(begin(&w, 0, 1, 1));
	w.count = 200;
	struct conveyor_plan plan = {
		.n_boxes = 7, .threads = 3, .boxes = w.pointers, .context = &w, .fill = fill, .work = signal_all};
	struct conveyor *c;
	assert_int_equal(conveyor_new(&plan, &c, &e), 0);
	while (conveyor_next(c, &box, &e) > 0)
		assert_true(handled_by == 0 || pthread_equal(handled_by, pthread_self()));
	conveyor_free(c);
	assert_true(pthread_equal(handled_by, pthread_self()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_kept),
		cmocka_unit_test(errors_stand_at_their_place),
		cmocka_unit_test(later_is_waited_for),
		cmocka_unit_test(may_be_left_half_way),
		cmocka_unit_test(without_memory),
		cmocka_unit_test(signals_are_the_callers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
