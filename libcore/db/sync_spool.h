/* SPDX-License-Identifier: Apache-2.0 */
/* Patches that have come, one behind the other in a file without a name, until they are applied. */
#ifndef DB_SYNC_SPOOL_H
#define DB_SYNC_SPOOL_H

#include "db.h"
#include "run.h"

struct stream;
struct spool {
	struct cel_store *store;
	struct run_file file; /* fd -1: none yet */
	uint8_t *buffer;
	/* of the patch that is just coming: how its frames lie */
	uint64_t frames, frames_max;
	size_t in_frame; /* bytes of the frame that are still to come */
	uint32_t length, length_bytes;
};

void spool_init(struct spool *s, struct cel_store *store);
void spool_release(struct spool *s);
void spool_begin(struct spool *s, uint64_t changes_max); /* of a patch, with that many changes at most */
/* CEL_EPROTOCOL for a frame that is too long, or one too many: what is in them is seen when the patch is applied. */
int spool_add(struct spool *s, struct slice bytes, struct cel_error *e);
int spool_end(struct spool *s, struct cel_error *e); /* of a patch */
uint64_t spool_size(const struct spool *s);
int spool_open(struct spool *s, struct stream **out, struct cel_error *e); /* all patches, from the first */
void spool_clear(struct spool *s);

#endif
