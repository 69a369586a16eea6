/* SPDX-License-Identifier: Apache-2.0 */
/* What an external sort has put on the disk: runs one behind the other in an unlinked file. */
#ifndef IO_SPILL_H
#define IO_SPILL_H

#include "chunk.h"
#include "merge.h"

struct spill {
	const char *directory; /* borrowed; must be there before the first run */
	uint8_t *buffer;       /* for writing; borrowed */
	size_t capacity;
	struct run_file file;
	struct buf bounds;   /* uint64_t: where runs begin in the file, and where the last ends */
	struct buf last_key; /* of the last run */
};

void spill_init(struct spill *s, uint8_t *buffer, size_t capacity);
void spill_release(struct spill *s);
size_t spill_n_runs(const struct spill *s);
/* Sorted items become a run, or the end of the last one if they come behind it: input in order makes one run. */
int spill_chunk(struct spill *s, const struct chunk *c, struct cel_error *e);
int spill_item(struct spill *s, struct slice key, const struct item_payload *payload, struct cel_error *e);
/* After the last one. If there are more than `fan` runs, neighbours are merged, `fan` at a time, until there are not. */
int spill_finish(struct spill *s, uint32_t fan, uint8_t *memory, size_t size, struct cel_error *e);
/* Ready to be read from its start to its end, once. */
void spill_read(const struct spill *s, size_t run, uint8_t *buffer, size_t capacity, struct run_reader *out);

#endif
