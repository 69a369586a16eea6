/* SPDX-License-Identifier: Apache-2.0 */
/* A set of records before and after a change. */
#ifndef HNSW_TEST_TWOSETS_H
#define HNSW_TEST_TWOSETS_H

#include "vectorset.h"

/* What happens to records, in percent: deleted, added, changed. */
struct mix {
	uint32_t deleted, added, changed;
};

struct two_sets {
	struct vectorset before, after; /* ids of one line of numbers; some vectors have several records */
	struct vectorset queries;
};

struct two_sets two_sets_new(enum cel_type type, enum cel_metric metric, size_t n, struct mix mix, uint64_t *random);
void two_sets_free(struct two_sets *s);

/* An empty set with room for n, and a record of it. */
struct vectorset vectorset_room(const struct vectorset *like, size_t n);
void vectorset_append(struct vectorset *to, const struct vectorset *from, size_t vector, size_t id);

/* How many hits are in both. */
size_t hits_agreeing(const struct hnsw_hit *a, uint32_t n, const struct hnsw_hit *b, uint32_t m);

#endif
