/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels with logarithms and angles, written once: each instruction set includes this file after saying what a
 * vector of doubles is. Logarithm, sine, cosine and arcsine are SLEEF's "cinz" functions, whose results are the same bits on
 * every target (simd/test/analytic.c looks whether they are); all else is one IEEE operation an element, in the order that
 * stands here. Double, because the terms of a divergence nearly cancel for vectors that are nearly alike.
 *
 * To be defined before:
 *   ANALYTIC_LANES   doubles in a vector: 1, 2, 4 or 8        VEC               the type
 *   VEC_SET(x)       all lanes x                              VEC_WIDEN(p)      from ANALYTIC_LANES floats at p
 *   VEC_LOAD(p)      VEC_STORE(p, v)                          VEC_MAX VEC_MIN   of two
 *   VEC_SQRT         VEC_LOG VEC_SIN VEC_COS VEC_ASIN         ANALYTIC(name)    the name with the set's suffix
 * VEC has + - * / of the compiler. */
#ifndef ANALYTIC_LANES
#error "for an instruction set's file, which defines what a vector is"
#endif

/* Adds the terms of SIMD_DOUBLES elements to the sums.
 *
 * With s = p + q and d = (p - q) / s the term p log(2p / s) + q log(2q / s) is s / 2 ((1 + d) log(1 + d) + (1 - d) log(1 - d)),
 * exactly 0 where p is q, and symmetric to the bit. A missing logarithm (d is 1 or -1) is kept finite and multiplied by 0. */
SIMD_INLINE void ANALYTIC(jsd_step)(const float *p, const float *q, VEC p_scale, VEC q_scale, VEC *sums)
{
	const VEC one = VEC_SET(1.0), least = VEC_SET(0x1p-1022);
	for (size_t i = 0; i < SIMD_DOUBLES / ANALYTIC_LANES; i++) {
		VEC x = VEC_WIDEN(p + i * ANALYTIC_LANES) * p_scale;
		VEC y = VEC_WIDEN(q + i * ANALYTIC_LANES) * q_scale;
		VEC s = x + y;
		VEC d = (x - y) / VEC_MAX(s, least);
		VEC up = one + d, down = one - d;
		VEC g = up * VEC_LOG(VEC_MAX(up, least)) + down * VEC_LOG(VEC_MAX(down, least));
		sums[i] = sums[i] + s * g;
	}
}

static void ANALYTIC(jsd_f32)(const float *p, const float *q, double p_scale, double q_scale, size_t n,
			      double sums[SIMD_DOUBLES])
{
	VEC vectors[SIMD_DOUBLES / ANALYTIC_LANES];
	const VEC ps = VEC_SET(p_scale), qs = VEC_SET(q_scale);
	for (size_t i = 0; i < SIMD_DOUBLES / ANALYTIC_LANES; i++)
		vectors[i] = VEC_LOAD(sums + i * ANALYTIC_LANES);
	size_t i = 0;
	for (; i + SIMD_DOUBLES <= n; i += SIMD_DOUBLES)
		ANALYTIC(jsd_step)(p + i, q + i, ps, qs, vectors);
	if (i < n) { /* zeros add a term of +0 */
		float x[SIMD_DOUBLES] = {0}, y[SIMD_DOUBLES] = {0};
		memcpy(x, p + i, (n - i) * sizeof *x);
		memcpy(y, q + i, (n - i) * sizeof *y);
		ANALYTIC(jsd_step)(x, y, ps, qs, vectors);
	}
	for (i = 0; i < SIMD_DOUBLES / ANALYTIC_LANES; i++)
		VEC_STORE(sums + i * ANALYTIC_LANES, vectors[i]);
}

/* Up to SIMD_DOUBLES rows at once: haversine(c) = haversine(difference of latitudes) + cos cos haversine(that of longitudes). */
SIMD_INLINE void ANALYTIC(arcs)(const double query[3], const double *latitudes, const double *longitudes, double *out)
{
	const VEC half = VEC_SET(0.5), one = VEC_SET(1.0), degree = VEC_SET(SIMD_DEGREE);
	for (size_t i = 0; i < SIMD_DOUBLES; i += ANALYTIC_LANES) {
		VEC latitude = VEC_LOAD(latitudes + i) * degree;
		VEC longitude = VEC_LOAD(longitudes + i) * degree;
		VEC a = VEC_SIN((latitude - VEC_SET(query[0])) * half);
		VEC b = VEC_SIN((longitude - VEC_SET(query[1])) * half);
		VEC h = a * a + VEC_SET(query[2]) * VEC_COS(latitude) * (b * b);
		VEC arc = VEC_ASIN(VEC_MIN(VEC_SQRT(h), one));
		VEC_STORE(out + i, arc + arc);
	}
}

static void ANALYTIC(haversine_f32_many)(const float *query, const uint8_t *base, size_t stride, const uint32_t *ordinals,
					 size_t count, double *out)
{
	float place[2];
	memcpy(place, query, sizeof place);
	double at[3] = {(double)place[0] * SIMD_DEGREE, (double)place[1] * SIMD_DEGREE, 0};
	VEC cosine = VEC_COS(VEC_SET(at[0]));
	double lanes[ANALYTIC_LANES];
	VEC_STORE(lanes, cosine);
	at[2] = lanes[0];
	for (size_t start = 0; start < count; start += SIMD_DOUBLES) {
		size_t n = count - start < SIMD_DOUBLES ? count - start : SIMD_DOUBLES;
		double latitudes[SIMD_DOUBLES] = {0}, longitudes[SIMD_DOUBLES] = {0}, arcs[SIMD_DOUBLES];
		for (size_t i = 0; i < n; i++) {
			memcpy(place, many_row(base, stride, ordinals[start + i]), sizeof place);
			latitudes[i] = (double)place[0];
			longitudes[i] = (double)place[1];
		}
		ANALYTIC(arcs)(at, latitudes, longitudes, arcs);
		memcpy(out + start, arcs, n * sizeof *out);
	}
}
