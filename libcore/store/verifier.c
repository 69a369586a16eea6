/* SPDX-License-Identifier: Apache-2.0 */
/* A ring with one who gives and one who takes, without locks. To wake a thread is a system call, so the taker is not woken: it looks
 * again after a while, and longer the longer there was nothing. Who waits for the end takes as well, so it is never waited for
 * a thread that sleeps. */
#include "verifier.h"

#include <stdatomic.h>
#include <time.h>

#include "alloc.h"
#include "store_impl.h"
#include "thread.h"

#define RING 256u /* a power of two */
#define PAUSE_MIN 20000l /* nanoseconds */
#define PAUSE_MAX 2000000l

struct given {
	struct cid cid;
	struct slice block;
};

struct verifier {
	const struct store *store;
	pthread_t thread;
	atomic_size_t n_given, n_taken, n_done;
	atomic_bool is_over, is_damaged;
	struct cel_error damage; /* if is_damaged, once all are done */
	struct given ring[RING];
};

/* One of those that were given: false if none is left. */
static bool take_one(struct verifier *v)
{
	size_t i = atomic_load(&v->n_taken);
	do {
		if (i == atomic_load(&v->n_given))
			return false;
	} while (!atomic_compare_exchange_weak(&v->n_taken, &i, i + 1));
	const struct given *given = &v->ring[i % RING];
	struct cel_error e;
	if (store_verify(v->store, &given->cid, given->block, &e) < 0 && !atomic_exchange(&v->is_damaged, true))
		v->damage = e;
	atomic_fetch_add(&v->n_done, 1);
	return true;
}

static void *run(void *verifier)
{
	struct verifier *v = verifier;
	struct timespec pause = {.tv_nsec = PAUSE_MIN};
	while (!atomic_load(&v->is_over)) {
		if (take_one(v)) {
			pause.tv_nsec = PAUSE_MIN;
			continue;
		}
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < PAUSE_MAX)
			pause.tv_nsec += pause.tv_nsec / 8;
	}
	return NULL;
}

struct verifier *verifier_new(const struct store *s)
{
	struct verifier *v = mem_alloc(sizeof *v);
	if (v == NULL)
		return NULL;
	v->store = s;
	atomic_init(&v->n_given, 0);
	atomic_init(&v->n_taken, 0);
	atomic_init(&v->n_done, 0);
	atomic_init(&v->is_over, false);
	atomic_init(&v->is_damaged, false);
	if (thread_start(&v->thread, run, v))
		return v;
	mem_free(v);
	return NULL;
}

bool verifier_give(struct verifier *v, const struct cid *cid, struct slice block)
{
	size_t i = atomic_load_explicit(&v->n_given, memory_order_relaxed);
	if (i - atomic_load(&v->n_done) == RING)
		return false;
	v->ring[i % RING] = (struct given){*cid, block};
	atomic_store(&v->n_given, i + 1);
	return true;
}

int verifier_finish(struct verifier *v, struct cel_error *e)
{
	while (take_one(v))
		;
	while (atomic_load(&v->n_done) < atomic_load(&v->n_given)) /* the other one is at its last block */
		sched_yield();
	if (!atomic_load(&v->is_damaged))
		return 0;
	if (e != NULL)
		*e = v->damage;
	return v->damage.code;
}

void verifier_free(struct verifier *v)
{
	if (v == NULL)
		return;
	verifier_finish(v, NULL);
	atomic_store(&v->is_over, true);
	pthread_join(v->thread, NULL);
	mem_free(v);
}
