/* SPDX-License-Identifier: Apache-2.0 */
/* A vector's bytes are passed to the kernels as they are: they stand little-endian in files, and hosts are
 * little-endian (checked below); kernels take any alignment. */
#include "distance.h"

#include <math.h>

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
	}
	return 0;
}

double measure_norm2(const struct measure *m, const uint8_t *row)
{
	return m->metric == CEL_COSINE ? dot(m, row, row) : 0;
}

struct measure_query measure_query(const struct measure *m, const uint8_t *vector)
{
	return (struct measure_query){.vector = vector, .norm2 = measure_norm2(m, vector)};
}

static float finish(const struct measure *m, double sum, double query_norm2, double norm2)
{
	double cosine_distance;
	switch (m->metric) {
	case CEL_L2:
		return (float)sqrt(sum);
	case CEL_IP:
		return (float)(0 - sum);
	case CEL_COSINE:
		cosine_distance = 1 - sum / sqrt(query_norm2 * norm2);
		return cosine_distance > 0 ? (float)cosine_distance : 0; /* rounding can go a hair below */
	}
	return 0;
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

void measure_many(const struct measure *m, const struct measure_query *query, const uint8_t *base,
		  const uint32_t *ordinals, uint32_t count, const double *norms, float *out)
{
	size_t stride = m->dim * cel_type_size(m->type);
	double sums[MEASURE_MAX];
	sum_many(m, query, base, stride, ordinals, count, sums);
	for (uint32_t i = 0; i < count; i++) {
		double norm2 = norms != NULL ? norms[i] : measure_norm2(m, base + ordinals[i] * stride);
		out[i] = finish(m, sums[i], query->norm2, norm2);
	}
}
