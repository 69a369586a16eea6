/* SPDX-License-Identifier: Apache-2.0 */
/* code = round((x - offset[d]) * scale) cut to 0..255. The offset of a dimension is its least value and 255 / scale its
 * greatest span, so nothing is cut among the vectors learnt from, except outliers: if some vector (at most one in 200)
 * lies more than four times as far from the middle as the other 99.5 %, spans are taken without such vectors, since
 * one wild row must not push all others into one code. Whole numbers that span at most 255 get scale 1 and lose
 * nothing.
 *
 * cosine: vectors are divided by their norm first, and are L2 from there on. ip: products need the origin, so codes are
 * 128 + round(x * scale) with the largest element of all at 127; nobody is an outlier, since the longest vectors are
 * the answers. (L2 on codes is no guide to the largest product: with norms spread by a factor e a graph built on it, or on
 * rows lengthened to one norm, found a tenth of what this finds; docs/adr/0004-index-layout.md.)
 *
 * jsd: vectors become the roots of their probabilities, whose L2 (the distance of Hellinger) agrees with the distance of
 * Jensen and Shannon between neighbours and is at most a factor 1.2 off far away (docs/adr/0010-metrics.md).
 *
 * Metrics whose codes are no bytes go to codes.c.
 *
 * Every step is one IEEE operation an element, or the fixed reduction of simd.h: the same bits everywhere. */
#include "quantise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "codes.h"
#include "element.h"
#include "error.h"

#define MEDIAN_SAMPLE 255u
#define OUTLIER_FACTOR 4.0f

size_t quantise_stride(uint32_t dim)
{
	return ((size_t)dim + 4 + 63) / 64 * 64;
}

static void take_roots(float *x, uint32_t dim)
{
	double sum = 0;
	for (uint32_t i = 0; i < dim; i++)
		sum += (double)x[i];
	double inverse = sum > 0 ? 1 / sum : 0;
	for (uint32_t i = 0; i < dim; i++)
		x[i] = (float)sqrt((double)x[i] * inverse);
}

static void widen(const struct quantiser *q, const uint8_t *vector, float *out)
{
	element_widen(q->type, vector, q->dim, out);
	if (q->metric == CEL_JSD)
		take_roots(out, q->dim);
	if (q->metric != CEL_COSINE)
		return;
	float norm2 = q->kernels->dot_f32(out, out, q->dim);
	float inverse = norm2 > 0 ? 1.0f / sqrtf(norm2) : 0;
	for (uint32_t i = 0; i < q->dim; i++)
		out[i] *= inverse;
}

static int float_compare(const void *a, const void *b)
{
	float x, y;
	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

/* The median of each dimension over a few rows spread evenly. */
static int find_middle(const struct quantiser *q, const uint8_t *vectors, size_t n, float *middle, struct cel_error *e)
{
	size_t count = n < MEDIAN_SAMPLE ? n : MEDIAN_SAMPLE;
	size_t size = cel_vector_size(q->type, q->dim);
	MEM_CLEANUP float *rows = mem_alloc(count * q->dim * sizeof *rows);
	if (rows == NULL)
		return error_nomem(e, count * q->dim * sizeof *rows);
	for (size_t i = 0; i < count; i++)
		widen(q, vectors + i * n / count * size, rows + i * q->dim);
	float column[MEDIAN_SAMPLE];
	for (uint32_t d = 0; d < q->dim; d++) {
		for (size_t i = 0; i < count; i++)
			column[i] = rows[i * q->dim + d];
		qsort(column, count, sizeof *column, float_compare);
		middle[d] = column[count / 2];
	}
	return 0;
}

static float reach(const float *x, const float *middle, uint32_t dim)
{
	float most = 0;
	for (uint32_t d = 0; d < dim; d++) {
		float away = fabsf(x[d] - middle[d]);
		most = away > most ? away : most;
	}
	return most;
}

/* Above which reach a row is an outlier. */
static int find_limit(const float *reaches, size_t n, float *limit, struct cel_error *e)
{
	MEM_CLEANUP float *sorted = mem_dup(reaches, n * sizeof *reaches);
	if (sorted == NULL)
		return error_nomem(e, n * sizeof *reaches);
	qsort(sorted, n, sizeof *sorted, float_compare);
	float usual = sorted[n - 1 - n / 200];
	*limit = usual > 0 && sorted[n - 1] > OUTLIER_FACTOR * usual ? OUTLIER_FACTOR * usual : INFINITY;
	return 0;
}

struct spans {
	float *low, *high; /* [dim] */
	bool is_whole;     /* all are whole numbers */
};

static void spans_add(struct spans *s, const float *x, uint32_t dim, bool is_first)
{
	for (uint32_t d = 0; d < dim; d++) {
		s->low[d] = is_first || x[d] < s->low[d] ? x[d] : s->low[d];
		s->high[d] = is_first || x[d] > s->high[d] ? x[d] : s->high[d];
	}
	for (uint32_t d = 0; d < dim && s->is_whole; d++)
		s->is_whole = fabsf(x[d]) < 0x1p24f && x[d] == (float)(int)x[d];
}

static void learn_spans(struct quantiser *q, float *offset, const struct spans *spans)
{
	float widest = 0;
	for (uint32_t d = 0; d < q->dim; d++)
		widest = spans->high[d] - spans->low[d] > widest ? spans->high[d] - spans->low[d] : widest;
	q->scale = widest <= 0 ? 0 : spans->is_whole && widest <= 255 ? 1 : 255 / widest;
	memcpy(offset, spans->low, q->dim * sizeof *offset);
}

static void learn_signed(struct quantiser *q, float *offset, const struct spans *spans)
{
	float low = 0, high = 0;
	for (uint32_t d = 0; d < q->dim; d++) {
		low = spans->low[d] < low ? spans->low[d] : low;
		high = spans->high[d] > high ? spans->high[d] : high;
	}
	float most = -low > high ? -low : high;
	q->scale = most <= 0 ? 0 : spans->is_whole && low >= -128 && high <= 127 ? 1 : 127 / most;
	for (uint32_t d = 0; d < q->dim; d++)
		offset[d] = q->scale > 0 ? -128 / q->scale : 0;
}

/* The reach of every row, and from them the limit. */
static int find_outliers(const struct quantiser *q, const uint8_t *vectors, size_t n, float *work, float *reaches,
			 float *limit, struct cel_error *e)
{
	size_t size = cel_vector_size(q->type, q->dim);
	float *x = work, *middle = work + q->dim;
	int rc = find_middle(q, vectors, n, middle, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		widen(q, vectors + i * size, x);
		reaches[i] = reach(x, middle, q->dim);
	}
	return find_limit(reaches, n, limit, e);
}

int quantise_train(struct quantiser *q, float *offset, const uint8_t *vectors, size_t n, struct cel_error *e)
{
	size_t size = cel_vector_size(q->type, q->dim);
	q->scale = 0;
	q->offset = offset;
	memset(offset, 0, q->dim * sizeof *offset);
	if (n == 0 || !codes_are_bytes(q->metric))
		return 0;
	MEM_CLEANUP float *work = mem_calloc((size_t)q->dim * 3, sizeof *work);
	MEM_CLEANUP float *reaches = mem_calloc(n, sizeof *reaches);
	if (work == NULL || reaches == NULL)
		return error_nomem(e, (q->dim * 3 + n) * sizeof *work);
	float limit = INFINITY;
	int rc = q->metric == CEL_IP ? 0 : find_outliers(q, vectors, n, work, reaches, &limit, e);
	if (rc < 0)
		return rc;
	struct spans spans = {.low = work + q->dim, .high = work + 2 * (size_t)q->dim, .is_whole = true};
	bool is_first = true;
	for (size_t i = 0; i < n; i++) {
		if (reaches[i] > limit)
			continue;
		widen(q, vectors + i * size, work);
		spans_add(&spans, work, q->dim, is_first);
		is_first = false;
	}
	if (q->metric == CEL_IP)
		learn_signed(q, offset, &spans);
	else
		learn_spans(q, offset, &spans);
	if (!isfinite(q->scale)) /* a span below 255 / FLT_MAX: as good as none */
		q->scale = 0;
	return 0;
}

static uint8_t to_code(float v)
{
	v = v > 0 ? v : 0; /* NaN, from a damaged file, too */
	v = v < 255 ? v : 255;
	return (uint8_t)(int)(v + 0.5f);
}

static uint32_t row_constant(const uint8_t *row, size_t count)
{
	uint32_t squares = 0, sum = 0;
	for (size_t i = 0; i < count; i++) {
		squares += (uint32_t)row[i] * row[i];
		sum += row[i];
	}
	return squares - 256 * sum;
}

typedef float floats4 __attribute__((vector_size(16)));
typedef int32_t ints4 __attribute__((vector_size(16)));
typedef uint16_t shorts8 __attribute__((vector_size(16)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* to_code of 4 elements; collects bits where offset + code is not the element. */
static inline ints4 to_codes(const float *x, const float *offset, float scale, ints4 *differing)
{
	floats4 element, base;
	memcpy(&element, x, sizeof element);
	memcpy(&base, offset, sizeof base);
	floats4 v = (element - base) * scale, most = (floats4){0} + 255;
	v = (floats4)((ints4)v & (v > 0));
	ints4 is_less = v < most;
	v = (floats4)(((ints4)v & is_less) | ((ints4)most & ~is_less));
	ints4 code = __builtin_convertvector(v + 0.5f, ints4);
	*differing |= base + __builtin_convertvector(code, floats4) != element;
	return code;
}

static inline bytes16 to_codes16(const float *x, const float *offset, float scale, ints4 *differing)
{
	shorts8 half[2];
	for (int i = 0; i < 2; i++) {
		ints4 a = to_codes(x + i * 8, offset + i * 8, scale, differing);
		ints4 b = to_codes(x + i * 8 + 4, offset + i * 8 + 4, scale, differing);
		half[i] = __builtin_shufflevector((shorts8)a, (shorts8)b, 0, 2, 4, 6, 8, 10, 12, 14);
	}
	return __builtin_shufflevector((bytes16)half[0], (bytes16)half[1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28,
				       30);
}

/* x: any alignment. Returns whether the codes are the elements: offset + code each, in whole numbers if the offsets and the
 * scale of 1 are such. */
static bool encode(const struct quantiser *q, const void *x, uint8_t *row)
{
	const float *elements = x;
	ints4 differing = {0};
	uint32_t d = 0;
	bool is_same = true;
	for (; d + 16 <= q->dim; d += 16) {
		bytes16 codes = to_codes16(elements + d, q->offset + d, q->scale, &differing);
		memcpy(row + d, &codes, sizeof codes);
	}
	for (; d < q->dim; d++) {
		float element;
		memcpy(&element, elements + d, sizeof element);
		row[d] = to_code((element - q->offset[d]) * q->scale);
		is_same = is_same && q->offset[d] + (float)row[d] == element;
	}
	for (uint32_t i = 0; i < 4; i++)
		is_same = is_same && differing[i] == 0;
	memset(row + q->dim, 0, quantise_stride(q->dim) - q->dim);
	return is_same;
}

void quantise_row(const struct quantiser *q, const uint8_t *vector, float *scratch, uint8_t *row)
{
	if (!codes_are_bytes(q->metric)) {
		codes_make(q->metric, q->dim, vector, row);
		return;
	}
	widen(q, vector, scratch);
	encode(q, scratch, row);
	uint32_t constant = row_constant(row, q->dim);
	memcpy(row + quantise_stride(q->dim) - 4, &constant, 4);
}

bool quantise_may_be_exact(const struct quantiser *q)
{
	bool is_good = q->metric == CEL_L2 && q->scale == 1;
	for (uint32_t d = 0; d < q->dim && is_good; d++)
		is_good = fabsf(q->offset[d]) < 0x1p23f && q->offset[d] == (float)(int)q->offset[d];
	return is_good;
}

bool quantise_is_exact(const struct quantiser *q, const float *elements, const uint8_t *codes)
{
	for (uint32_t d = 0; d < q->dim; d++)
		if (q->offset[d] + (float)codes[d] != elements[d])
			return false;
	return true;
}

void quantise_row_query(enum cel_metric metric, uint32_t dim, const uint8_t *row, struct query_code *out)
{
	uint32_t squares = 0, sum = 0;
	uint8_t *values = (uint8_t *)out->values;
	if (!codes_are_bytes(metric)) {
		memmove(values, row, codes_stride(metric, dim));
		return;
	}
	for (uint32_t i = 0; i < dim; i++) {
		squares += (uint32_t)row[i] * row[i];
		sum += row[i];
		values[i] = row[i] ^ 0x80;
	}
	memset(values + dim, 0, quantise_stride(dim) - dim);
	if (metric == CEL_IP)
		*out = (struct query_code){.values = out->values, .constant = 0x80000000u + 128 * (sum - 128 * dim)};
	else
		*out = (struct query_code){.values = out->values, .constant = squares, .mask = 0xffffffffu, .shift = 1};
}

/* The query keeps a scale of its own: only the order counts. */
static void quantise_product_query(const struct quantiser *q, const float *x, struct query_code *out)
{
	float most = 0;
	for (uint32_t d = 0; d < q->dim; d++)
		most = fabsf(x[d]) > most ? fabsf(x[d]) : most;
	float scale = most > 0 ? 127 / most : 0;
	if (!isfinite(scale))
		scale = 0;
	int32_t sum = 0;
	for (uint32_t d = 0; d < q->dim; d++) {
		float v = x[d] * scale;
		out->values[d] = (int8_t)(int)(v < 0 ? v - 0.5f : v + 0.5f);
		sum += out->values[d];
	}
	memset(out->values + q->dim, 0, quantise_stride(q->dim) - q->dim);
	*out = (struct query_code){.values = out->values, .constant = 0x80000000u + 128 * (uint32_t)sum};
}

static void encode_query(const struct quantiser *q, const void *x, struct query_code *out)
{
	uint8_t *row = (uint8_t *)out->values;
	bool is_exact = encode(q, x, row);
	quantise_row_query(q->metric, q->dim, row, out);
	out->is_exact = is_exact;
}

void quantise_query(const struct quantiser *q, const uint8_t *vector, float *scratch, struct query_code *out)
{
	if (!codes_are_bytes(q->metric)) {
		codes_make(q->metric, q->dim, vector, (uint8_t *)out->values);
		return;
	}
	if (q->metric == CEL_L2 && q->type == CEL_F32) {
		encode_query(q, vector, out);
		return;
	}
	widen(q, vector, scratch);
	if (q->metric == CEL_IP) {
		quantise_product_query(q, scratch, out);
		return;
	}
	encode_query(q, scratch, out);
}
