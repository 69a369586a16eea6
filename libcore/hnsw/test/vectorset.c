/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers are splitmix64. Integer types get whole elements over their range, floats some around 1; bits are the
 * signs, histograms what is positive, and places lie in a country. */
#include "vectorset.h"

#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "element.h"
#include "record.h"

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

bool vectorset_is_pair(enum cel_type type, enum cel_metric metric)
{
	struct cel_schema schema = {.dim = metric == CEL_HAVERSINE ? 2 : 8, .type = type, .metric = metric};
	return schema_check(&schema, NULL) == 0;
}

enum cel_type vectorset_some_type(enum cel_metric metric, size_t n)
{
	for (size_t i = n;; i++) {
		enum cel_type type = (enum cel_type)(CEL_F32 + i % 6);
		if (vectorset_is_pair(type, metric))
			return type;
	}
}

static double fit(enum cel_type type, enum cel_metric metric, double value)
{
	if (metric == CEL_JSD && type == CEL_U8)
		return fmin(fmax(rint(48 * value), 0), 255);
	if (metric == CEL_JSD)
		return fmax(value, 0);
	if (type == CEL_U8)
		return fmin(fmax(rint(128 + 24 * value), 0), 255);
	if (type == CEL_I8)
		return fmin(fmax(rint(24 * value), -128), 127);
	return value;
}

static void set_bits(uint8_t *vector, size_t size, const double *elements, uint32_t dim)
{
	memset(vector, 0, size);
	for (uint32_t d = 0; d < dim; d++)
		if (elements[d] > 0)
			bit_set(vector, d);
}

void vectorset_set(struct vectorset *s, size_t i, const double *elements)
{
	uint8_t *vector = s->vectors + i * s->vector_size;
	if (s->schema.type == CEL_B1) {
		set_bits(vector, s->vector_size, elements, s->schema.dim);
	} else if (s->schema.metric == CEL_HAVERSINE) {
		store_le_f32(vector, (float)(50 + elements[0]));
		store_le_f32(vector + 4, (float)(10 + 2 * elements[1]));
	} else {
		size_t size = cel_type_size(s->schema.type);
		bool is_zero = true;
		for (uint32_t d = 0; d < s->schema.dim; d++) {
			double value = fit(s->schema.type, s->schema.metric, elements[d]);
			is_zero = is_zero && value == 0;
			if (s->schema.metric == CEL_JSD && is_zero && d + 1 == s->schema.dim)
				value = 1;
			assert_int_equal(element_store(s->schema.type, value, vector + d * size, NULL), 0);
		}
	}
	assert_int_equal(record_check_vector(&s->schema, vectorset_vector(s, i), NULL), 0);
}

struct vectorset vectorset_new(enum cel_type type, enum cel_metric metric, uint32_t dim, size_t n, size_t clusters,
			       double spread, uint64_t *state)
{
	dim = metric == CEL_HAVERSINE ? 2 : dim;
	struct vectorset s = {.schema = {.dim = dim, .type = type, .metric = metric}, .n = n};
	s.vector_size = cel_vector_size(type, dim);
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
	if (type == CEL_B1)
		return bit_get(vector, position) ? 1 : 0;
	element_widen(type, vector + position * cel_type_size(type), 1, &value);
	return (double)value;
}

/* The divergence from its definition, by entropies: not the way of the kernel. */
static double plain_jsd(const struct cel_schema *schema, const uint8_t *a, const uint8_t *b)
{
	long double sum_a = 0, sum_b = 0, divergence = 0;
	for (uint32_t d = 0; d < schema->dim; d++) {
		sum_a += (long double)element_get(schema->type, a, d);
		sum_b += (long double)element_get(schema->type, b, d);
	}
	for (uint32_t d = 0; d < schema->dim; d++) {
		long double x = (long double)element_get(schema->type, a, d) / sum_a;
		long double y = (long double)element_get(schema->type, b, d) / sum_b, m = (x + y) / 2;
		divergence += (x > 0 ? x * log2l(x) : 0) / 2 + (y > 0 ? y * log2l(y) : 0) / 2 - (m > 0 ? m * log2l(m) : 0);
	}
	return divergence > 0 ? (double)sqrtl(divergence) : 0;
}

/* By the angle of unit vectors: good where places are not next to each other or opposite. */
static double plain_haversine(const uint8_t *a, const uint8_t *b)
{
	long double degree = M_PIl / 180, x[2], y[2];
	for (size_t i = 0; i < 2; i++) {
		x[i] = (long double)element_get(CEL_F32, a, i) * degree;
		y[i] = (long double)element_get(CEL_F32, b, i) * degree;
	}
	long double cosine = sinl(x[0]) * sinl(y[0]) + cosl(x[0]) * cosl(y[0]) * cosl(x[1] - y[1]);
	return (double)(6371.0088L * acosl(cosine > 1 ? 1 : cosine));
}

double plain_distance(const struct cel_schema *schema, const uint8_t *a, const uint8_t *b)
{
	double dot = 0, l2 = 0, aa = 0, bb = 0;
	if (schema->metric == CEL_JSD)
		return plain_jsd(schema, a, b);
	if (schema->metric == CEL_HAVERSINE)
		return plain_haversine(a, b);
	for (uint32_t d = 0; d < schema->dim; d++) {
		double x = element_get(schema->type, a, d), y = element_get(schema->type, b, d);
		dot += x * y;
		l2 += (x - y) * (x - y);
		aa += x * x;
		bb += y * y;
	}
	if (schema->metric == CEL_HAMMING)
		return l2;
	if (schema->metric == CEL_JACCARD)
		return aa + bb > 0 ? 1 - dot / (aa + bb - dot) : 0;
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
