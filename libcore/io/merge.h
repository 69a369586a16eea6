/* SPDX-License-Identifier: Apache-2.0 */
/* A loser tree over runs: the smallest of their present items, of equal keys the one of the first run. */
#ifndef IO_MERGE_H
#define IO_MERGE_H

#include "run.h"

struct merge {
	uint32_t count;             /* of runs, at least 1 */
	struct run_reader *readers;
	uint32_t *losers;           /* [1..count): inner nodes; [0]: the winner */
};

/* Room for so many runs, at least 1: the caller sets the readers, then merge_start goes to their first items. */
int merge_open(struct merge *m, uint32_t count, struct cel_error *e);
int merge_start(struct merge *m, struct cel_error *e);
void merge_close(struct merge *m); /* also of a zeroed one */
/* The present item, NULL at the end. */
const uint8_t *merge_item(const struct merge *m);
int merge_next(struct merge *m, struct cel_error *e);

#endif
