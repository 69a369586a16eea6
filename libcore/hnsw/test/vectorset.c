/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers are splitmix64. Integer types get whole elements over their range, floats some around 1. */
#include "vectorset.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "element.h"

uint64_t random_next(uint64_t *state)
{
	*state += 0x9e3779b97f4a7c15u;
	uint64_t z = *state;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

uint64_t test_seed(void)
{
	const char *text = getenv("CEL_TEST_SEED");
	uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : 1;
	print_message("# seed %llu\n", (unsigned long long)seed);
	return seed;
}

size_t test_scale(void)
{
	const char *text = getenv("CEL_TEST_SCALE");
	int scale = text != NULL ? atoi(text) : 1;
	return scale > 0 ? (size_t)scale : 1;
}

/* Roughly normal, variance 1. */
static double random_normal(uint64_t *state)
{
	double sum = 0;
	for (int i = 0; i < 12; i++)
		sum += (double)(random_next(state) >> 11) * 0x1p-53;
	return sum - 6;
}

static double fit(enum cel_type type, double value)
{
	if (type == CEL_U8)
		return fmin(fmax(rint(128 + 24 * value), 0), 255);
	if (type == CEL_I8)
		return fmin(fmax(rint(24 * value), -128), 127);
	return value;
}

void vectorset_set(struct vectorset *s, size_t i, const double *elements)
{
	size_t size = cel_type_size(s->schema.type);
	for (uint32_t d = 0; d < s->schema.dim; d++)
		assert_int_equal(element_store(s->schema.type, fit(s->schema.type, elements[d]),
					       s->vectors + i * s->vector_size + d * size, NULL), 0);
}

struct vectorset vectorset_new(enum cel_type type, enum cel_metric metric, uint32_t dim, size_t n, size_t clusters,
			       double spread, uint64_t *state)
{
	struct vectorset s = {.schema = {.dim = dim, .type = type, .metric = metric}, .n = n};
	s.vector_size = dim * cel_type_size(type);
	s.vectors = malloc(n * s.vector_size + 1);
	s.ids = calloc(n + 1, sizeof *s.ids);
	double *centres = malloc(clusters * dim * sizeof *centres);
	double *elements = malloc(dim * sizeof *elements);
	for (size_t i = 0; i < clusters * dim; i++)
		centres[i] = random_normal(state);
	for (size_t i = 0; i < n; i++) {
		const double *centre = centres + random_next(state) % clusters * dim;
		for (uint32_t d = 0; d < dim; d++)
			elements[d] = centre[d] + spread * random_normal(state);
		vectorset_set(&s, i, elements);
		snprintf(s.ids[i], sizeof s.ids[i], "id%08zu", i);
	}
	free(centres);
	free(elements);
	return s;
}

void vectorset_free(struct vectorset *s)
{
	free(s->vectors);
	free(s->ids);
	*s = (struct vectorset){0};
}

struct slice vectorset_vector(const struct vectorset *s, size_t i)
{
	return slice_make(s->vectors + i * s->vector_size, s->vector_size);
}

struct slice vectorset_id(const struct vectorset *s, size_t i)
{
	return slice_text(s->ids[i]);
}

struct vectorset vectorset_first(const struct vectorset *s, size_t n)
{
	struct vectorset first = *s;
	first.n = n;
	return first;
}

static int next(void *context, struct slice *id, struct slice *vector, struct cel_error *e)
{
	struct vectorset *s = context;
	(void)e;
	if (s->next == s->n)
		return 0;
	*id = vectorset_id(s, s->next);
	*vector = vectorset_vector(s, s->next);
	s->next++;
	return 1;
}

struct hnsw_input vectorset_input(struct vectorset *s)
{
	s->next = 0;
	return (struct hnsw_input){.next = next, .context = s, .count = s->n};
}

struct hnsw_index *vectorset_index(struct vectorset *s, const struct hnsw_params *params, uint32_t threads,
				   const char *path)
{
	struct cel_error e = {0};
	struct cid tree = cid_of(CID_DAG_CBOR, slice_text("a tree"));
	struct hnsw_input input = vectorset_input(s);
	struct hnsw_index *index = NULL;
	if (hnsw_build(&s->schema, params, &tree, &input, threads, path, NULL, NULL, &e) != 0 ||
	    hnsw_open(path, &index, &e) != 0)
		fail_msg("%s", e.message);
	return index;
}

double element_get(enum cel_type type, const uint8_t *vector, size_t position)
{
	float value;
	element_widen(type, vector + position * cel_type_size(type), 1, &value);
	return (double)value;
}

double plain_distance(const struct cel_schema *schema, const uint8_t *a, const uint8_t *b)
{
	double dot = 0, l2 = 0, aa = 0, bb = 0;
	for (uint32_t d = 0; d < schema->dim; d++) {
		double x = element_get(schema->type, a, d), y = element_get(schema->type, b, d);
		dot += x * y;
		l2 += (x - y) * (x - y);
		aa += x * x;
		bb += y * y;
	}
	return schema->metric == CEL_L2 ? sqrt(l2) : schema->metric == CEL_IP ? -dot : 1 - dot / sqrt(aa * bb);
}

struct candidate {
	double distance;
	size_t number;
};

static int candidate_compare(const void *x, const void *y)
{
	const struct candidate *a = x, *b = y;
	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

void plain_nearest(const struct vectorset *s, const uint8_t *query, size_t k, size_t *out)
{
	struct candidate *all = malloc((s->n + 1) * sizeof *all);
	for (size_t i = 0; i < s->n; i++)
		all[i] = (struct candidate){plain_distance(&s->schema, query, vectorset_vector(s, i).data), i};
	qsort(all, s->n, sizeof *all, candidate_compare);
	for (size_t i = 0; i < k && i < s->n; i++)
		out[i] = all[i].number;
	free(all);
}

static char directory[64];

const char *temporary_path(const char *name)
{
	static char path[4][256];
	static int turn;
	if (directory[0] == '\0') {
		snprintf(directory, sizeof directory, "/tmp/test-hnsw-XXXXXX");
		assert_non_null(mkdtemp(directory));
	}
	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof path[turn], "%s/%s", directory, name);
	return path[turn];
}

void temporary_remove(void)
{
	DIR *d = directory[0] != '\0' ? opendir(directory) : NULL;
	if (d == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(d)) != NULL;)
		unlinkat(dirfd(d), entry->d_name, 0); /* "." and ".." refuse */
	closedir(d);
	rmdir(directory);
	directory[0] = '\0';
}

uint8_t *file_read(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	*size = (size_t)ftell(file);
	rewind(file);
	uint8_t *data = malloc(*size + 1);
	assert_int_equal(fread(data, 1, *size, file), *size);
	fclose(file);
	return data;
}

void file_put(const char *path, const void *data, size_t size)
{
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}
