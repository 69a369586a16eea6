/* SPDX-License-Identifier: Apache-2.0 */
/* A vector's bytes are passed to the kernels as they are: they stand little-endian in files, and hosts are
 * little-endian (checked below); kernels take any alignment. */
#include "distance.h"

#include <math.h>
#include <string.h>

#include "bytes.h"
#include "element.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the index is mapped, not decoded: a little-endian host is needed"
#endif

static double dot(const struct measure *m, const uint8_t *a, const uint8_t *b)
{
	const void *x = a, *y = b;
	switch (m->type) {
	case CEL_F32:
		return (double)m->kernels->dot_f32(x, y, m->dim);
	case CEL_F16:
		return (double)m->kernels->dot_f16(x, y, m->dim);
	case CEL_BF16:
		return (double)m->kernels->dot_bf16(x, y, m->dim);
	case CEL_I8:
		return m->kernels->dot_i8(x, y, m->dim);
	case CEL_U8:
		return m->kernels->dot_u8(x, y, m->dim);
	case CEL_B1:
		break;
	}
	return 0;
}

static double l2sq(const struct measure *m, const uint8_t *a, const uint8_t *b)
{
	const void *x = a, *y = b;
	switch (m->type) {
	case CEL_F32:
		return (double)m->kernels->l2sq_f32(x, y, m->dim);
	case CEL_F16:
		return (double)m->kernels->l2sq_f16(x, y, m->dim);
	case CEL_BF16:
		return (double)m->kernels->l2sq_bf16(x, y, m->dim);
	case CEL_I8:
		return m->kernels->l2sq_i8(x, y, m->dim);
	case CEL_U8:
		return m->kernels->l2sq_u8(x, y, m->dim);
	case CEL_B1:
		break;
	}
	return 0;
}

/* ---- jsd: vectors are widened in pieces */
#define PIECE 256u

static const float *widen(const struct measure *m, const uint8_t *vector, uint32_t start, uint32_t count, float *piece)
{
	if (m->type == CEL_F32)
		return (const void *)(vector + (size_t)start * 4); /* any alignment will do */
	const uint8_t *from = vector + start * cel_type_size(m->type);
	if (m->type == CEL_F16)
		m->kernels->widen_f16((const void *)from, count, piece);
	else
		element_widen(m->type, from, count, piece);
	return piece;
}

/* In eight lanes, as everywhere: a single chain of additions is slow. */
static double element_sum(const struct measure *m, const uint8_t *vector)
{
	float piece[PIECE];
	double sums[SIMD_DOUBLES] = {0};
	for (uint32_t start = 0; start < m->dim; start += PIECE) {
		uint32_t count = m->dim - start < PIECE ? m->dim - start : PIECE;
		const uint8_t *elements = (const void *)widen(m, vector, start, count, piece);
		for (uint32_t i = 0; i < count; i++)
			sums[i % SIMD_DOUBLES] += (double)load_le_f32(elements + (size_t)4 * i);
	}
	for (size_t half = SIMD_DOUBLES / 2; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			sums[l] += sums[l + half];
	return sums[0];
}

/* The root of the divergence in bits; rounding can go a hair out of 0..1. */
static float jsd_finish(double sums[SIMD_DOUBLES])
{
	for (size_t half = SIMD_DOUBLES / 2; half > 0; half /= 2)
		for (size_t l = 0; l < half; l++)
			sums[l] += sums[l + half];
	double divergence = sums[0] * (1 / (4 * 0x1.62e42fefa39efp-1)); /* log(2) */
	return divergence >= 1 ? 1 : divergence > 0 ? (float)sqrt(divergence) : 0;
}

/* A piece of the query is widened once for all rows. */
static void jsd_many(const struct measure *m, const struct measure_query *query, const uint8_t *base,
		     const uint32_t *ordinals, uint32_t count, const double *norms, float *out)
{
	size_t stride = cel_vector_size(m->type, m->dim);
	float p[PIECE], q[PIECE];
	double scales[MEASURE_MAX], sums[MEASURE_MAX][SIMD_DOUBLES];
	memset(sums, 0, count * sizeof *sums);
	for (uint32_t i = 0; i < count; i++)
		scales[i] = 1 / (norms != NULL ? norms[i] : element_sum(m, base + ordinals[i] * stride));
	for (uint32_t start = 0; start < m->dim; start += PIECE) {
		uint32_t n = m->dim - start < PIECE ? m->dim - start : PIECE;
		const float *x = widen(m, query->vector, start, n, p);
		for (uint32_t i = 0; i < count; i++)
			m->kernels->jsd_f32(x, widen(m, base + ordinals[i] * stride, start, n, q), 1 / query->norm, scales[i], n,
					    sums[i]);
	}
	for (uint32_t i = 0; i < count; i++)
		out[i] = jsd_finish(sums[i]);
}

/* ---- bits and places */

static void hamming_many(const struct measure *m, const uint8_t *query, const uint8_t *base, const uint32_t *ordinals,
			 uint32_t count, float *out)
{
	uint32_t differing[MEASURE_MAX];
	size_t stride = cel_vector_size(CEL_B1, m->dim);
	m->kernels->hamming_b1_many(query, base, stride, ordinals, count, stride, differing);
	for (uint32_t i = 0; i < count; i++)
		out[i] = (float)differing[i];
}

static void jaccard_many(const struct measure *m, const uint8_t *query, const uint8_t *base, const uint32_t *ordinals,
			 uint32_t count, float *out)
{
	uint32_t both[MEASURE_MAX], either[MEASURE_MAX];
	size_t stride = cel_vector_size(CEL_B1, m->dim);
	m->kernels->jaccard_b1_many(query, base, stride, ordinals, count, stride, both, either);
	for (uint32_t i = 0; i < count; i++)
		out[i] = either[i] == 0 ? 0 : (float)(either[i] - both[i]) / (float)either[i];
}

static void haversine_many(const struct measure *m, const uint8_t *query, const uint8_t *base, const uint32_t *ordinals,
			   uint32_t count, float *out)
{
	double angles[MEASURE_MAX];
	float place[2] = {load_le_f32(query), load_le_f32(query + 4)};
	m->kernels->haversine_f32_many(place, base, sizeof place, ordinals, count, angles);
	for (uint32_t i = 0; i < count; i++)
		out[i] = (float)(angles[i] * EARTH_RADIUS);
}

/* ---- sums of products and squares */

double measure_norm(const struct measure *m, const uint8_t *row)
{
	return m->metric == CEL_COSINE ? dot(m, row, row) : m->metric == CEL_JSD ? element_sum(m, row) : 0;
}

/* Two logarithms an element; two sines, two cosines and an arcsine a place. */
uint64_t measure_cost(const struct measure *m)
{
	uint64_t size = cel_vector_size(m->type, m->dim);
	return m->metric == CEL_JSD ? (uint64_t)m->dim * 64 : m->metric == CEL_HAVERSINE ? size + 100 : size;
}

struct measure_query measure_query(const struct measure *m, const uint8_t *vector)
{
	return (struct measure_query){.vector = vector, .norm = measure_norm(m, vector)};
}

float measure_l2(double square)
{
	return (float)sqrt(square);
}

static float finish(const struct measure *m, double sum, double query_norm2, double norm2)
{
	if (m->metric == CEL_L2)
		return measure_l2(sum);
	if (m->metric == CEL_IP)
		return (float)(0 - sum);
	double cosine_distance = 1 - sum / sqrt(query_norm2 * norm2);
	return cosine_distance > 0 ? (float)cosine_distance : 0; /* rounding can go a hair below */
}

static void sum_many(const struct measure *m, const struct measure_query *query, const uint8_t *base, size_t stride,
		     const uint32_t *ordinals, uint32_t count, double *sums)
{
	if (m->type != CEL_F32) {
		for (uint32_t i = 0; i < count; i++) {
			const uint8_t *row = base + ordinals[i] * stride;
			sums[i] = m->metric == CEL_L2 ? l2sq(m, query->vector, row) : dot(m, query->vector, row);
		}
		return;
	}
	float out[MEASURE_MAX];
	const void *q = query->vector; /* any alignment will do */
	if (m->metric == CEL_L2)
		m->kernels->l2sq_f32_many(q, base, stride, ordinals, count, m->dim, out);
	else
		m->kernels->dot_f32_many(q, base, stride, ordinals, count, m->dim, out);
	for (uint32_t i = 0; i < count; i++)
		sums[i] = (double)out[i];
}

static void finish_many(const struct measure *m, const struct measure_query *query, const uint8_t *base,
			const uint32_t *ordinals, uint32_t count, const double *norms, float *out)
{
	size_t stride = cel_vector_size(m->type, m->dim);
	double sums[MEASURE_MAX];
	sum_many(m, query, base, stride, ordinals, count, sums);
	for (uint32_t i = 0; i < count; i++) {
		double norm = norms != NULL ? norms[i] : measure_norm(m, base + ordinals[i] * stride);
		out[i] = finish(m, sums[i], query->norm, norm);
	}
}

void measure_many(const struct measure *m, const struct measure_query *query, const uint8_t *base,
		  const uint32_t *ordinals, uint32_t count, const double *norms, float *out)
{
	switch (m->metric) {
	case CEL_HAMMING:
		hamming_many(m, query->vector, base, ordinals, count, out);
		break;
	case CEL_JACCARD:
		jaccard_many(m, query->vector, base, ordinals, count, out);
		break;
	case CEL_JSD:
		jsd_many(m, query, base, ordinals, count, norms, out);
		break;
	case CEL_HAVERSINE:
		haversine_many(m, query->vector, base, ordinals, count, out);
		break;
	case CEL_L2:
	case CEL_IP:
	case CEL_COSINE:
		finish_many(m, query, base, ordinals, count, norms, out);
		break;
	}
}
