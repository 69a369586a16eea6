/* SPDX-License-Identifier: Apache-2.0 */
/* A fixed set of threads that run one function together. */
#ifndef HNSW_TEAM_H
#define HNSW_TEAM_H

#include <stdint.h>

struct cel_error;
struct team;
typedef void team_fn(void *context, uint32_t worker);

int team_new(uint32_t threads, struct team **out, struct cel_error *e); /* fewer if the system has no more */
void team_free(struct team *team);
uint32_t team_size(const struct team *team);
/* Runs work(context, 0..size-1), worker 0 on the calling thread; returns when all have. */
void team_run(struct team *team, team_fn *work, void *context);

/* A counter that hands out pieces of 0..total in order. */
struct share {
	_Atomic uint64_t next;
	uint64_t total, piece;
};
int share_take(struct share *s, uint64_t *start, uint64_t *end); /* 0: nothing is left */

#endif
