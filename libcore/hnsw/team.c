/* SPDX-License-Identifier: Apache-2.0 */
/* Workers sleep on a condition until the round number moves, run, and count themselves out. With two waits per batch
 * of thousands of searches nothing finer is needed. */
#include "team.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "alloc.h"
#include "error.h"
#include "figures.h"
#include "thread.h"

struct member {
	struct team *team;
	pthread_t thread;
	uint32_t number;
};

struct team {
	pthread_mutex_t lock;
	pthread_cond_t begin, done;
	uint64_t round;
	uint32_t size, running;
	bool is_ending;
	team_fn *work;
	void *context;
	struct member members[];
};

static void *member_main(void *argument)
{
	struct member *member = argument;
	struct team *team = member->team;
	uint64_t seen = 0;
	pthread_mutex_lock(&team->lock);
	for (;;) {
		while (team->round == seen && !team->is_ending)
			pthread_cond_wait(&team->begin, &team->lock);
		if (team->is_ending)
			break;
		seen = team->round;
		pthread_mutex_unlock(&team->lock);
		team->work(team->context, member->number);
		pthread_mutex_lock(&team->lock);
		if (--team->running == 0)
			pthread_cond_signal(&team->done);
	}
	pthread_mutex_unlock(&team->lock);
	return NULL;
}

int team_new(uint32_t threads, struct team **out, struct cel_error *e)
{
	size_t bytes = sizeof(struct team) + threads * sizeof(struct member);
	struct team *team = mem_alloc(bytes);
	if (team == NULL)
		return error_nomem(e, bytes);
	*team = (struct team){.size = 1};
	pthread_mutex_init(&team->lock, NULL);
	pthread_cond_init(&team->begin, NULL);
	pthread_cond_init(&team->done, NULL);
	for (uint32_t i = 1; i < threads; i++) {
		team->members[i] = (struct member){.team = team, .number = i};
		if (!thread_start(&team->members[i].thread, member_main, &team->members[i]))
			break;
		team->size++;
	}
	figure_raise(FIGURE_THREADS, team->size);
	*out = team;
	return 0;
}

void team_free(struct team *team)
{
	if (team == NULL)
		return;
	pthread_mutex_lock(&team->lock);
	team->is_ending = true;
	pthread_cond_broadcast(&team->begin);
	pthread_mutex_unlock(&team->lock);
	for (uint32_t i = 1; i < team->size; i++)
		pthread_join(team->members[i].thread, NULL);
	pthread_cond_destroy(&team->begin);
	pthread_cond_destroy(&team->done);
	pthread_mutex_destroy(&team->lock);
	mem_free(team);
}

uint32_t team_size(const struct team *team)
{
	return team->size;
}

void team_run(struct team *team, team_fn *work, void *context)
{
	if (team->size == 1) {
		work(context, 0);
		return;
	}
	pthread_mutex_lock(&team->lock);
	team->work = work;
	team->context = context;
	team->running = team->size - 1;
	team->round++;
	pthread_cond_broadcast(&team->begin);
	pthread_mutex_unlock(&team->lock);
	work(context, 0);
	pthread_mutex_lock(&team->lock);
	while (team->running > 0)
		pthread_cond_wait(&team->done, &team->lock);
	pthread_mutex_unlock(&team->lock);
}

int share_take(struct share *s, uint64_t *start, uint64_t *end)
{
	uint64_t from = atomic_fetch_add_explicit(&s->next, s->piece, memory_order_relaxed);
	if (from >= s->total)
		return 0;
	*start = from;
	*end = s->total - from < s->piece ? s->total : from + s->piece;
	return 1;
}
