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

/* Runs lie in the file as bounds[i]..bounds[i + 1]; memory is shared out among them. */
int merge_open(struct merge *m, const struct run_file *file, const uint64_t *bounds, uint32_t count, uint8_t *memory,
	       size_t size, struct cel_error *e);
void merge_close(struct merge *m); /* also of a zeroed one */
/* The present item, NULL at the end. */
const uint8_t *merge_item(const struct merge *m);
int merge_next(struct merge *m, struct cel_error *e);

#endif
