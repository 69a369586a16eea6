/* SPDX-License-Identifier: Apache-2.0 */
/* Boxes that go round: filled one after the other, worked on by any number of threads at a time, handed out in the order in
 * which they were filled, and filled again. What comes out does not depend on the threads: their number only says how far
 * things go at the same time. Memory is that of the boxes. */
#ifndef IO_CONVEYOR_H
#define IO_CONVEYOR_H

#include <stdint.h>

struct cel_error;
struct conveyor;

#define CONVEYOR_LATER 2

struct conveyor_plan {
	uint32_t n_boxes; /* that may be under way: twice the threads and one more keep all of them busy */
	uint32_t threads; /* with the caller's; 1: everything happens in conveyor_next */
	void *const *boxes;
	void *context;
	/* The next piece into the box: 1, 0 if nothing is left, or an error. One call at a time, not always on the same thread. It may
	 * also say CONVEYOR_LATER, which it must if it would have to wait for somebody else (what lies in the box by then stays there
	 * for the next call): `wait` is called then, but only where nothing else is left to do. Without one it may not. */
	int (*fill)(void *context, void *box, struct cel_error *e);
	int (*wait)(void *context, struct cel_error *e); /* 0 or an error; on the caller's thread; may be NULL */
	/* What a box needs no other for: 0 or an error. */
	int (*work)(void *context, void *box, struct cel_error *e);
};

/* The plan is copied; boxes and context are borrowed until conveyor_free. Threads are made once more than one box was filled;
 * those that cannot be made are done without. Signals stay with the threads of the caller. */
int conveyor_new(const struct conveyor_plan *plan, struct conveyor **out, struct cel_error *e);
/* 1 and the next box, the caller's until the next call; 0 at the end; or the error that stands at this place, then again and again. */
int conveyor_next(struct conveyor *c, void **box, struct cel_error *e);
void conveyor_free(struct conveyor *c); /* waits for the calls that are under way; NULL is fine */

#endif
