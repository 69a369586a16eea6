/* SPDX-License-Identifier: Apache-2.0 */
/* A filter at work: a helper process with jq in it, which is sent records in batches and says of each whether the filter
 * holds. The next batch may be sent before the last one is answered, so that both sides have something to do. */
#ifndef FILTER_MATCH_H
#define FILTER_MATCH_H

#include "cel.h"
#include "slice.h"

#define MATCH_BATCH_MAX 4096u /* records */
#define MATCH_MESSAGE_MAX 500u

enum { MATCH_NO, MATCH_YES, MATCH_FAILED };

struct matcher;
/* CEL_EUSAGE, with jq's message, if the expression is not one; CEL_EUNAVAILABLE without the helper. */
int matcher_new(struct slice expression, struct matcher **out, struct cel_error *e);
void matcher_free(struct matcher *m);
/* Adds a record to the batch; metadata of size 0: none. At most MATCH_BATCH_MAX. */
int matcher_add(struct matcher *m, struct slice id, struct slice metadata, struct cel_error *e);
uint32_t matcher_batch(const struct matcher *m); /* records in it */
size_t matcher_batch_bytes(const struct matcher *m);
int matcher_send(struct matcher *m, struct cel_error *e); /* the batch, not empty; an empty one is begun */
/* The answer to the oldest batch that has none yet: MATCH_... for each of its records, and the message of the first that
 * failed. Lives until the next call on the matcher. CEL_EUSAGE if the filter came to no end or wanted too much memory. */
struct match_answer {
	const uint8_t *results;
	uint32_t n;
	char message[MATCH_MESSAGE_MAX + 1]; /* without control characters; "" if none failed */
};
int matcher_receive(struct matcher *m, const struct match_answer **out, struct cel_error *e);

#endif
