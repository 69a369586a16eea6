/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of records for the tests of this layer, and plain answers to compare with. */
#ifndef HNSW_TEST_VECTORSET_H
#define HNSW_TEST_VECTORSET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hnsw.h"

struct vectorset {
	struct cel_schema schema;
	size_t n, vector_size;
	uint8_t *vectors;
	char (*ids)[24]; /* ascending */
	size_t next;     /* of the input */
};

uint64_t random_next(uint64_t *state);
uint64_t test_seed(void); /* CEL_TEST_SEED, printed */
size_t test_scale(void);  /* CEL_TEST_SCALE */

/* Whether there is such a collection. */
bool vectorset_is_pair(enum cel_type type, enum cel_metric metric);
/* Some type that the metric has: another one for another n, mostly. */
enum cel_type vectorset_some_type(enum cel_metric metric, size_t n);
/* n vectors around `clusters` random centres; spread is the noise against the distance of centres. Places have dimension 2,
 * whatever dim is. */
struct vectorset vectorset_new(enum cel_type type, enum cel_metric metric, uint32_t dim, size_t n, size_t clusters,
			       double spread, uint64_t *state);
void vectorset_free(struct vectorset *s);
struct slice vectorset_vector(const struct vectorset *s, size_t i);
struct slice vectorset_id(const struct vectorset *s, size_t i);
void vectorset_set(struct vectorset *s, size_t i, const double *elements);
struct hnsw_input vectorset_input(struct vectorset *s);

/* The first n records as a set of their own (borrowed memory: not freed). */
struct vectorset vectorset_first(const struct vectorset *s, size_t n);

/* Builds to path and opens; every failure fails the test. */
struct hnsw_index *vectorset_index(struct vectorset *s, const struct hnsw_params *params, uint32_t threads,
				   const char *path);

double element_get(enum cel_type type, const uint8_t *vector, size_t position);
/* The distance in double, from the definition. */
double plain_distance(const struct cel_schema *schema, const uint8_t *a, const uint8_t *b);
/* Record numbers of the k nearest, sorted by (plain distance, number). */
void plain_nearest(const struct vectorset *s, const uint8_t *query, size_t k, size_t *out);

/* A name in a directory of this process, which temporary_remove removes. */
const char *temporary_path(const char *name);
void temporary_remove(void);

uint8_t *file_read(const char *path, size_t *size); /* malloc */
void file_put(const char *path, const void *data, size_t size);

#endif
