/* SPDX-License-Identifier: Apache-2.0 */
/* bench-churn BASE.npy QUERY.npy METRIC EF REVS PERCENT EVERY [DELETE]: an index carried along through REVS revs, each of which
 * deletes PERCENT of the records, gives half as many another vector and adds as many as it takes to upsert PERCENT too.
 * Prints for each rev what the carry cost, and every EVERY revs recall@10 of the carried index and of a fresh one at the
 * same ef, on 1000 queries against a scan, their queries a second on one thread, and the same for the rev before asked with
 * an overlay. DELETE: per cent of records deleted at once in the first rev instead. Files go to the working directory. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "hnsw.h"
#include "record.h"

#define QUERIES 1000u
#define K 10u

static struct cel_error error;

static void must(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "bench-churn: %s\n", error.message);
		exit(1);
	}
}

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t n)
{
	random_state += 0x9e3779b97f4a7c15u;
	uint64_t z = random_state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (uint32_t)((z ^ z >> 31) % n);
}

/* Rows of an .npy file of little-endian f32. */
static float *load(const char *path, size_t *rows, size_t *dim)
{
	FILE *file = fopen(path, "rb");
	char header[129] = {0};
	if (file == NULL || fread(header, 1, 128, file) != 128 || memcmp(header, "\x93NUMPY", 6) != 0) {
		fprintf(stderr, "bench-churn: cannot read %s\n", path);
		exit(1);
	}
	const char *shape = memmem(header, 128, "'shape': (", 10);
	if (shape == NULL || sscanf(shape, "'shape': (%zu, %zu)", rows, dim) != 2)
		exit(1);
	float *out = malloc(*rows * *dim * sizeof *out);
	if (out == NULL || fread(out, *dim * sizeof *out, *rows, file) != *rows)
		exit(1);
	fclose(file);
	return out;
}

/* Record i, if it is there, has the vector of row[i]; ids are numbers of fixed width. */
struct set {
	size_t room, n;
	uint32_t *row; /* UINT32_MAX: no such record */
	const float *base;
	size_t dim;
	size_t next, used;
	char id[24];
};

static struct slice set_id(struct set *s, size_t i)
{
	snprintf(s->id, sizeof s->id, "r%09zu", i);
	return slice_text(s->id);
}

static struct slice set_vector(const struct set *s, size_t i)
{
	return slice_make(s->base + s->row[i] * s->dim, s->dim * sizeof(float));
}

static int set_next(void *context, struct slice *id, struct slice *vector, struct cel_error *e)
{
	struct set *s = context;
	(void)e;
	while (s->next < s->room && s->row[s->next] == UINT32_MAX)
		s->next++;
	if (s->next == s->room)
		return 0;
	*id = set_id(s, s->next);
	*vector = set_vector(s, s->next++);
	return 1;
}

static struct hnsw_input set_input(struct set *s)
{
	s->next = 0;
	return (struct hnsw_input){.next = set_next, .context = s, .count = s->n};
}

static size_t random_record(const struct set *s)
{
	size_t i;
	do
		i = random_below((uint32_t)s->room);
	while (s->row[i] == UINT32_MAX);
	return i;
}

/* A row that no record has had yet; when there are none left, from the first again. */
static uint32_t fresh_row(struct set *s, size_t n_base)
{
	return (uint32_t)(s->used++ % n_base);
}

static uint64_t set_change(struct set *s, size_t n_base, size_t deletes, size_t changes, size_t adds)
{
	for (size_t i = 0; i < deletes; i++) {
		s->row[random_record(s)] = UINT32_MAX;
		s->n--;
	}
	for (size_t i = 0; i < changes; i++)
		s->row[random_record(s)] = fresh_row(s, n_base);
	for (size_t i = 0; i < adds; i++) {
		size_t at;
		do
			at = random_below((uint32_t)s->room);
		while (s->row[at] != UINT32_MAX);
		s->row[at] = fresh_row(s, n_base);
		s->n++;
	}
	return deletes + changes + adds;
}

struct figures {
	double recall, rate;
};

static struct figures ask(const struct hnsw_index *index, const struct hnsw_overlay *overlay, const float *queries,
			  size_t dim, uint32_t ef, const float *tenth)
{
	struct hnsw_searcher *s;
	struct hnsw_hit hits[K];
	uint32_t n;
	size_t good = 0;
	must(hnsw_searcher_new(index, overlay, K, ef, &s, &error));
	double start = 0;
	for (size_t pass = 0; pass < 4; pass++) { /* the first warms up */
		if (pass == 1)
			start = clock_seconds(CLOCK_THREAD_CPUTIME_ID);
		for (size_t q = 0; q < QUERIES; q++) {
			must(hnsw_search(s, slice_make(queries + q * dim, dim * sizeof *queries), K, ef, hits, &n, &error));
			for (uint32_t i = 0; i < n && pass == 0; i++)
				good += hits[i].distance <= tenth[q];
		}
	}
	double seconds = clock_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
	hnsw_searcher_free(s);
	return (struct figures){(double)good / (QUERIES * K), 3 * QUERIES / seconds};
}

static void find_tenth(struct set *s, const struct cel_schema *schema, const float *queries, float *tenth)
{
	struct exact *x;
	struct slice id, vector;
	struct hnsw_input input = set_input(s);
	must(exact_new(schema, K, (const void *)queries, QUERIES, &x, &error));
	while (input.next(input.context, &id, &vector, &error) == 1)
		must(exact_add(x, id, vector, &error));
	for (size_t q = 0; q < QUERIES; q++) {
		const struct hnsw_hit *hits;
		uint32_t n;
		must(exact_hits(x, q, &hits, &n, &error));
		tenth[q] = hits[n - 1].distance;
	}
	exact_free(x);
}

static struct hnsw_overlay *lay_over(const struct hnsw_index *index, struct set *now_set, const uint32_t *before)
{
	struct hnsw_overlay *o;
	must(hnsw_overlay_new(index, &o, &error));
	for (size_t i = 0; i < now_set->room; i++) {
		if (before[i] == now_set->row[i])
			continue;
		if (before[i] != UINT32_MAX)
			must(hnsw_overlay_remove(o, set_id(now_set, i), &error));
		if (now_set->row[i] != UINT32_MAX)
			must(hnsw_overlay_add(o, set_id(now_set, i), set_vector(now_set, i), &error));
	}
	must(hnsw_overlay_finish(o, &error));
	return o;
}

int main(int argc, char **argv)
{
	if (argc < 8) {
		fprintf(stderr, "usage: bench-churn BASE.npy QUERY.npy METRIC EF REVS PERCENT EVERY [DELETE]\n");
		return 64;
	}
	size_t n_base, dim, n_queries, query_dim;
	float *base = load(argv[1], &n_base, &dim), *queries = load(argv[2], &n_queries, &query_dim);
	struct cel_schema schema = {.dim = (uint32_t)dim, .type = CEL_F32};
	must(cel_metric_parse(argv[3], &schema.metric, &error));
	uint32_t ef = (uint32_t)atoi(argv[4]);
	int revs = atoi(argv[5]), every = atoi(argv[7]), at_once = argc > 8 ? atoi(argv[8]) : 0;
	double percent = atof(argv[6]);
	struct hnsw_params params = {.M = HNSW_M_DEFAULT, .ef_construction = HNSW_EF_CONSTRUCTION_DEFAULT};
	struct set set = {.room = n_base / 3 * 4, .base = base, .dim = dim};
	set.row = malloc(set.room * sizeof *set.row);
	uint32_t *before = malloc(set.room * sizeof *before);
	for (size_t i = 0; i < set.room; i++) { /* two thirds of the rows; ids with gaps */
		set.row[i] = i % 2 == 0 && set.used < n_base * 2 / 3 ? (uint32_t)set.used++ : UINT32_MAX;
		set.n += set.row[i] != UINT32_MAX;
	}
	float *tenth = malloc(QUERIES * sizeof *tenth);
	struct cid tree = cid_of(CID_DAG_CBOR, slice_text("a tree"));
	struct hnsw_input input = set_input(&set);
	struct hnsw_index *index, *next, *fresh;
	double start = seconds_now();
	must(hnsw_build(&schema, &params, &tree, &input, 2, "carried-0.hnsw", NULL, NULL, &error));
	must(hnsw_open("carried-0.hnsw", &index, &error));
	printf("%zu records, fresh build %.1f s\n", set.n, seconds_now() - start);
	printf("rev\tchanges\tcarry_s\toverlay_recall\tcarried_recall\tfresh_recall\toverlay_qps\tcarried_qps\tfresh_qps\tfresh_s\n");
	for (int rev = 1; rev <= revs; rev++) {
		char path[32];
		size_t part = (size_t)((double)set.n * percent / 100);
		memcpy(before, set.row, set.room * sizeof *before);
		uint64_t changes = rev == 1 && at_once > 0 ? set_change(&set, n_base, set.n * (size_t)at_once / 100, 0, 0)
							   : set_change(&set, n_base, part, part / 2, part - part / 2);
		snprintf(path, sizeof path, "carried-%d.hnsw", rev % 2);
		input = set_input(&set);
		start = seconds_now();
		must(hnsw_carry(index, &tree, &input, changes, 2, path, NULL, NULL, &error));
		double seconds = seconds_now() - start;
		must(hnsw_open(path, &next, &error));
		printf("%d\t%" PRIu64 "\t%.2f", rev, changes, seconds);
		if (rev % every == 0 || rev == revs) {
			find_tenth(&set, &schema, queries, tenth);
			struct hnsw_overlay *o = lay_over(index, &set, before);
			input = set_input(&set);
			start = seconds_now();
			must(hnsw_build(&schema, &params, &tree, &input, 2, "fresh.hnsw", NULL, NULL, &error));
			seconds = seconds_now() - start;
			must(hnsw_open("fresh.hnsw", &fresh, &error));
			struct figures a = ask(index, o, queries, dim, ef, tenth), b = ask(next, NULL, queries, dim, ef, tenth),
				       c = ask(fresh, NULL, queries, dim, ef, tenth);
			printf("\t%.4f\t%.4f\t%.4f\t%.0f\t%.0f\t%.0f\t%.1f", a.recall, b.recall, c.recall, a.rate, b.rate,
			       c.rate, seconds);
			hnsw_overlay_free(o);
			hnsw_close(fresh);
		}
		printf("\n");
		fflush(stdout);
		hnsw_close(index);
		index = next;
	}
	hnsw_close(index);
	return 0;
}
