/* SPDX-License-Identifier: Apache-2.0 */
/* The k best answers so far, sorted by (distance, id): a plain array, since most candidates are refused at its end. */
#ifndef HNSW_TOPK_H
#define HNSW_TOPK_H

#include <stdbool.h>

#include "hnsw.h"

struct topk_entry {
	float distance;
	uint32_t tag; /* the caller's: which vector it was */
	struct slice id;
};

struct topk {
	struct topk_entry *entries; /* [k] */
	uint32_t k, n;
};

/* Whether something at this distance could still come in, whatever its id. */
static inline bool topk_is_wanted(const struct topk *t, float distance)
{
	return t->n < t->k || (t->n > 0 && distance <= t->entries[t->n - 1].distance);
}

void topk_add(struct topk *t, float distance, struct slice id, uint32_t tag);

#endif
