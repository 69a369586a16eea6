/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers count boxes from the first on; box i of the plan is number n in all rounds with n % n_boxes == i:
 *
 *     number   ... | handed out | worked on, some done | filled | being filled | empty ...
 *                    given        taken ^                filled ^                given - 1 + n_boxes ^
 *
 * Every thread, the caller's too while it waits, does what is there to do: it fills if nobody else does and a box is free, as
 * that goes one at a time; else it works on the oldest box that waits. An error ends the filling, and is told when its box is
 * due, so those before it are handed out whatever the threads did. */
#include "conveyor.h"

#include <pthread.h>
#include <stdbool.h>

#include "alloc.h"
#include "error.h"
#include "thread.h"

struct place {
	bool is_done;
	int result; /* 1, or the error */
	struct cel_error error;
};

struct conveyor {
	struct conveyor_plan plan;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t filled, taken, given; /* the box handed out is number given - 1 */
	bool is_filling, is_ended, is_stopping;
	bool is_later; /* there was nothing to fill with, and nobody has waited for it yet */
	pthread_t *threads;
	uint32_t n_threads;
	struct place places[];
};

int conveyor_new(const struct conveyor_plan *plan, struct conveyor **out, struct cel_error *e)
{
	size_t size = sizeof(struct conveyor) + plan->n_boxes * sizeof(struct place);
	struct conveyor *c = mem_alloc(size);
	if (c == NULL)
		return error_nomem(e, size);
	*c = (struct conveyor){.plan = *plan};
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	*out = c;
	return 0;
}

static struct place *place_of(struct conveyor *c, uint64_t number)
{
	return &c->places[number % c->plan.n_boxes];
}

static void settle(struct conveyor *c, uint64_t number, int result)
{
	struct place *p = place_of(c, number);
	p->is_done = true;
	p->result = result;
	c->is_ended |= result < 0; /* nothing behind it is wanted */
	pthread_cond_broadcast(&c->changed);
}

/* Boxes that are not with the caller and not under way. */
static bool has_room(const struct conveyor *c)
{
	uint64_t oldest = c->given > 0 ? c->given - 1 : 0;
	return c->filled - oldest < c->plan.n_boxes;
}

static void *thread_main(void *conveyor);

/* Fewer if there is no memory or no thread for more. */
static void start_threads(struct conveyor *c)
{
	uint32_t wanted = c->plan.threads - 1;
	c->threads = mem_calloc(wanted, sizeof *c->threads);
	while (c->threads != NULL && c->n_threads < wanted &&
	       thread_start(&c->threads[c->n_threads], thread_main, c))
		c->n_threads++;
}

static void fill_one(struct conveyor *c)
{
	uint64_t number = c->filled;
	struct place *p = place_of(c, number);
	p->is_done = false;
	c->is_filling = true;
	pthread_mutex_unlock(&c->lock);
	int rc = c->plan.fill(c->plan.context, c->plan.boxes[number % c->plan.n_boxes], &p->error);
	pthread_mutex_lock(&c->lock);
	c->is_filling = false;
	c->is_later = rc == CONVEYOR_LATER;
	c->filled += rc != 0 && !c->is_later;
	if (c->is_later) {
		pthread_cond_broadcast(&c->changed);
	} else if (rc < 0) {
		settle(c, number, rc);
	} else {
		c->is_ended |= rc == 0;
		if (c->filled == 2 && c->threads == NULL && c->plan.threads > 1) /* little is done faster without them */
			start_threads(c);
		pthread_cond_broadcast(&c->changed);
	}
}

static void work_on_one(struct conveyor *c)
{
	uint64_t number = c->taken++;
	struct place *p = place_of(c, number);
	if (p->is_done) /* as it could not be filled */
		return;
	pthread_mutex_unlock(&c->lock);
	int rc = c->plan.work(c->plan.context, c->plan.boxes[number % c->plan.n_boxes], &p->error);
	pthread_mutex_lock(&c->lock);
	settle(c, number, rc < 0 ? rc : 1);
}

/* With the lock held, which is let go meanwhile. False: there is nothing to do. */
static bool do_something(struct conveyor *c)
{
	if (!c->is_ended && !c->is_filling && !c->is_later && has_room(c))
		fill_one(c);
	else if (c->taken < c->filled)
		work_on_one(c);
	else
		return false;
	return true;
}

static void *thread_main(void *conveyor)
{
	struct conveyor *c = conveyor;
	pthread_mutex_lock(&c->lock);
	while (!c->is_stopping)
		if (!do_something(c))
			pthread_cond_wait(&c->changed, &c->lock);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* With the lock held, which is let go meanwhile. Only the caller comes here, and a box that could be filled is what it needs. */
static void wait_for_more(struct conveyor *c)
{
	struct place *p = place_of(c, c->filled);
	c->is_filling = true;
	pthread_mutex_unlock(&c->lock);
	int rc = c->plan.wait(c->plan.context, &p->error);
	pthread_mutex_lock(&c->lock);
	c->is_filling = c->is_later = false;
	if (rc < 0)
		settle(c, c->filled++, rc);
}

int conveyor_next(struct conveyor *c, void **box, struct cel_error *e)
{
	pthread_mutex_lock(&c->lock);
	uint64_t number = c->given;
	if (number > 0 && place_of(c, number - 1)->result < 0)
		number--; /* the same error again */
	else
		c->given++; /* the box that the caller had is free again */
	c->is_later = false; /* ask again */
	pthread_cond_broadcast(&c->changed);
	while (number < c->filled ? !place_of(c, number)->is_done : !c->is_ended || c->is_filling) {
		if (do_something(c))
			continue;
		if (c->is_later && number == c->filled && !c->is_ended)
			wait_for_more(c);
		else
			pthread_cond_wait(&c->changed, &c->lock);
	}
	int rc = 0;
	if (number < c->filled) {
		rc = place_of(c, number)->result;
		*box = c->plan.boxes[number % c->plan.n_boxes];
		if (rc < 0 && e != NULL)
			*e = place_of(c, number)->error;
	} else {
		c->given = number; /* nothing was handed out */
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

void conveyor_free(struct conveyor *c)
{
	if (c == NULL)
		return;
	pthread_mutex_lock(&c->lock);
	c->is_stopping = true;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	for (uint32_t i = 0; i < c->n_threads; i++)
		pthread_join(c->threads[i], NULL);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	mem_free(c->threads);
	mem_free(c);
}
