/* SPDX-License-Identifier: Apache-2.0 */
/* The library as a peer of other libraries: a process that holds a store open and answers parts of a file of queries when it is
 * told to, in one call of cel_query_vectors, and says how long that call took. peers.py drives it beside peer.py, which does the
 * same with hnswlib, faiss and usearch.
 *
 *     bench-ask STORE REV QUERIES.npy <commands        records have the ids n0, n1, ...
 *
 *     ask FIRST COUNT EF THREADS WARM FILE    answers COUNT queries from row FIRST on, k = 10; prints the seconds of wall clock and
 *                                             of CPU; afterwards writes the answers to FILE: COUNT x 10 of (row i32, distance f32)
 *
 * What the seconds hold: checking the queries, the walk, exact distances, hashing the answers' vectors (the library checks
 * whatever it tells), and copying ids and distances out. Not: opening, and the first touch of the index's pages; before the clock
 * starts up to WARM other queries are answered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cel.h"

enum { K = 10 };

struct hit {
	int32_t row;
	float distance;
};

/* Ids as the library gives them; turned into rows when the clock has stopped. */
struct answers {
	char (*ids)[16];
	float *distances;
	size_t n;
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench-ask: %s: %s\n", what, why);
	exit(1);
}

static void *need(void *p)
{
	if (p == NULL)
		die("memory", "there is none left");
	return p;
}

/* The elements of a .npy file of version 1 or 2; *size in bytes. */
static uint8_t *load(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	uint8_t head[12];
	if (file == NULL || fread(head, 1, sizeof head, file) != sizeof head || memcmp(head, "\x93NUMPY", 6) != 0)
		die(path, "no .npy file");
	size_t length = head[6] == 1 ? 10u + head[8] + 256u * head[9] : 12u + head[8] + 256u * head[9] + 65536u * head[10];
	fseek(file, 0, SEEK_END);
	*size = (size_t)ftell(file) - length;
	uint8_t *data = need(malloc(*size));
	fseek(file, (long)length, SEEK_SET);
	if (fread(data, 1, *size, file) != *size)
		die(path, "cannot be read");
	fclose(file);
	return data;
}

static int keep(void *context, const struct cel_answer *answer, struct cel_error *e)
{
	struct answers *a = context;
	(void)e;
	for (uint32_t i = 0; i < K; i++) {
		size_t size = i < answer->n_hits && answer->hits[i].id_size < 16 ? answer->hits[i].id_size : 0;
		if (size > 0)
			memcpy(a->ids[a->n], answer->hits[i].id, size);
		a->ids[a->n][size] = '\0';
		a->distances[a->n++] = size > 0 ? answer->hits[i].distance : 0;
	}
	return 0;
}

static double seconds(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void save(const struct answers *a, const char *path)
{
	FILE *file = fopen(path, "wb");
	if (file == NULL)
		die(path, "cannot be written");
	for (size_t i = 0; i < a->n; i++) {
		struct hit hit = {a->ids[i][0] == 'n' ? (int32_t)strtol(a->ids[i] + 1, NULL, 10) : -1, a->distances[i]};
		fwrite(&hit, sizeof hit, 1, file);
	}
	if (fclose(file) != 0)
		die(path, "cannot be written");
}

int main(int argc, char **argv)
{
	struct cel_error e;
	struct cel_store *store;
	struct cel_store_options options = {.is_read_only = true};
	struct cel_revision *revision = NULL;
	if (argc != 4)
		die("usage", "bench-ask STORE REV QUERIES.npy");
	if (cel_store_open(argv[1], &options, &store, &e) < 0 || cel_revision_get(store, argv[2], &revision, &e) < 0)
		die(argv[1], e.message);
	size_t size, width = revision->schema.dim * cel_type_size(revision->schema.type);
	uint8_t *queries = load(argv[3], &size);
	size_t first, count, warm;
	unsigned ef, threads;
	char line[4200], path[4000];
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (sscanf(line, "ask %zu %zu %u %u %zu %3999s", &first, &count, &ef, &threads, &warm, path) != 6)
			die(line, "is no command");
		if (first + count > size / width)
			die(argv[3], "has not so many rows");
		struct answers answers = {need(calloc(count * K, 16)), need(calloc(count * K, sizeof(float))), 0};
		struct cel_query_options how = {.k = K, .ef = ef, .threads = threads};
		struct cel_query *query;
		int rc = cel_query_new(store, argv[2], &how, &query, &e);
		for (size_t i = 0, n = size / width - count; rc == 0 && i < n && i < warm; i++, answers.n = 0)
			rc = cel_query_vectors(query, queries + (first + count + i) % (size / width) * width, 1, keep, &answers, &e);
		answers.n = 0;
		double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
		if (rc == 0)
			rc = cel_query_vectors(query, queries + first * width, count, keep, &answers, &e);
		cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		wall = seconds(CLOCK_MONOTONIC) - wall;
		if (rc < 0)
			die(argv[2], e.message);
		if (strcmp(cel_query_method(query), "graph") != 0)
			die(argv[2], "was not answered from the graph");
		save(&answers, path);
		printf("%.9f %.9f\n", wall, cpu);
		fflush(stdout);
		cel_query_free(query);
		free(answers.ids);
		free(answers.distances);
	}
	free(queries);
	cel_revision_free(revision);
	cel_store_free(store);
	return 0;
}
