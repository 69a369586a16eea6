/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions on bits, so that they do not depend on the instruction set, the compiler's _Float16 or the rounding
 * mode of library calls. A double is sign, 11 exponent bits (bias 1023) and 52 mantissa bits; narrowing shifts the
 * 53-bit significand right and rounds the rest to nearest even; a carry out of the significand moves into the
 * exponent by itself because the fields are adjacent. */
#include "element.h"

#include <math.h>
#include <string.h>

#include "bytes.h"
#include "error.h"

static const struct {
	const char *name;
	size_t size;
} TYPES[] = {
	[CEL_F32] = {"f32", 4}, [CEL_F16] = {"f16", 2}, [CEL_BF16] = {"bf16", 2}, [CEL_I8] = {"i8", 1}, [CEL_U8] = {"u8", 1}, [CEL_B1] = {"b1", 0},
};
static const char *const METRICS[] = {
	[CEL_L2] = "l2", [CEL_IP] = "ip", [CEL_COSINE] = "cosine", [CEL_HAMMING] = "hamming", [CEL_JACCARD] = "jaccard",
	[CEL_JSD] = "jsd", [CEL_HAVERSINE] = "haversine",
};

const char *cel_type_name(enum cel_type type)
{
	return TYPES[type].name;
}

size_t cel_type_size(enum cel_type type)
{
	return TYPES[type].size;
}

size_t cel_vector_size(enum cel_type type, uint32_t dim)
{
	return type == CEL_B1 ? ((size_t)dim + 7) / 8 : dim * cel_type_size(type);
}

const char *cel_metric_name(enum cel_metric metric)
{
	return METRICS[metric];
}

int cel_type_parse(const char *name, enum cel_type *out, struct cel_error *e)
{
	for (int i = CEL_F32; i <= CEL_B1; i++) {
		if (strcmp(name, TYPES[i].name) == 0) {
			*out = (enum cel_type)i;
			return 0;
		}
	}
	return error_set(e, CEL_EUSAGE, "'%.100s' is no element type (f32, f16, bf16, i8, u8, b1)", name);
}

int cel_metric_parse(const char *name, enum cel_metric *out, struct cel_error *e)
{
	for (int i = CEL_L2; i <= CEL_HAVERSINE; i++) {
		if (strcmp(name, METRICS[i]) == 0) {
			*out = (enum cel_metric)i;
			return 0;
		}
	}
	return error_set(e, CEL_EUSAGE, "'%.100s' is no metric (l2, ip, cosine, hamming, jaccard, jsd, haversine)", name);
}

/* A double to a 16-bit float with the given widths; exponent + mantissa = 15 bits. */
static uint16_t narrow16(double value, int exponent_bits, int mantissa_bits)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof bits);
	uint16_t sign = (uint16_t)(bits >> 63 << 15);
	int exponent = (int)(bits >> 52 & 0x7ff);
	uint64_t mantissa = bits & 0xfffffffffffffu;
	uint32_t infinity = ((1u << exponent_bits) - 1) << mantissa_bits;
	if (exponent == 0x7ff)
		return (uint16_t)(sign | infinity | (mantissa != 0 ? 1u << (mantissa_bits - 1) : 0));
	if (exponent == 0)
		return sign; /* zero, or a double so small that it rounds to zero */
	int bias = (1 << (exponent_bits - 1)) - 1;
	int target = exponent - 1023 + bias;
	int shift = 52 - mantissa_bits;
	uint64_t significand = mantissa | 1ull << 52;
	uint32_t base = 0;
	if (target >= 1)
		base = (uint32_t)(target - 1) << mantissa_bits; /* the implicit bit adds the missing 1 */
	else
		shift += 1 - target;
	if (target >= (1 << exponent_bits) - 1)
		return (uint16_t)(sign | infinity);
	if (shift > 53)
		return sign;
	uint64_t kept = significand >> shift;
	uint64_t rest = significand & ((1ull << shift) - 1);
	uint64_t half = 1ull << (shift - 1);
	if (rest > half || (rest == half && (kept & 1) != 0))
		kept++;
	return (uint16_t)(sign | (base + (uint32_t)kept));
}

uint16_t f64_to_f16(double value)
{
	return narrow16(value, 5, 10);
}

uint16_t f64_to_bf16(double value)
{
	return narrow16(value, 8, 7);
}

/* Exponent and mantissa stand in their places of a float, 112 too low: a product that is exact, also of what is subnormal there,
 * puts that right. No branch, so that a loop of these has none. */
static inline float widen_half(uint16_t bits)
{
	uint32_t out = (uint32_t)(bits & 0x7fff) << 13;
	float value;
	memcpy(&value, &out, sizeof value);
	value *= 0x1p112f;
	memcpy(&out, &value, sizeof out);
	out |= value >= 65536.0f ? 0x7f800000u : 0; /* infinite, or NaN with its mantissa */
	out |= (uint32_t)(bits & 0x8000) << 16;
	memcpy(&value, &out, sizeof value);
	return value;
}

float f16_to_f32(uint16_t bits)
{
	return widen_half(bits);
}

float bf16_to_f32(uint16_t bits)
{
	uint32_t wide = (uint32_t)bits << 16;
	float value;
	memcpy(&value, &wide, sizeof value);
	return value;
}

static int store_integer(double value, double low, double high, uint8_t *out, struct cel_error *e)
{
	if (value < low || value > high)
		return error_set(e, CEL_EDATA, "%g is out of range (%g to %g)", value, low, high);
	if (value != (double)(int)value)
		return error_set(e, CEL_EDATA, "%g is no whole number", value);
	*out = (uint8_t)(int)value;
	return 0;
}

int element_store(enum cel_type type, double value, uint8_t *out, struct cel_error *e)
{
	if (!isfinite(value))
		return error_set(e, CEL_EDATA, "a value is %s", isnan(value) ? "NaN" : "infinite");
	uint16_t narrow;
	switch (type) {
	case CEL_I8:
		return store_integer(value, -128, 127, out, e);
	case CEL_U8:
		return store_integer(value, 0, 255, out, e);
	case CEL_F16:
	case CEL_BF16:
		narrow = type == CEL_F16 ? f64_to_f16(value) : f64_to_bf16(value);
		store_le16(out, narrow);
		if (!isfinite(type == CEL_F16 ? f16_to_f32(narrow) : bf16_to_f32(narrow)))
			return error_set(e, CEL_EDATA, "%g is too large for %s", value, cel_type_name(type));
		return 0;
	case CEL_B1: /* not packed yet */
		return store_integer(value, 0, 1, out, e);
	case CEL_F32:
	default: {
		float single = (float)value;
		if (!isfinite(single))
			return error_set(e, CEL_EDATA, "%g is too large for f32", value);
		store_le_f32(out, single);
		return 0;
	}
	}
}

void element_widen(enum cel_type type, const uint8_t *in, size_t count, float *out)
{
	switch (type) {
	case CEL_F16:
		for (size_t i = 0; i < count; i++)
			out[i] = widen_half(load_le16(in + 2 * i));
		break;
	case CEL_BF16:
		for (size_t i = 0; i < count; i++)
			out[i] = bf16_to_f32(load_le16(in + 2 * i));
		break;
	case CEL_I8:
		for (size_t i = 0; i < count; i++)
			out[i] = (float)(int8_t)in[i];
		break;
	case CEL_U8:
		for (size_t i = 0; i < count; i++)
			out[i] = (float)in[i];
		break;
	case CEL_B1:
		for (size_t i = 0; i < count; i++)
			out[i] = bit_get(in, i) ? 1 : 0;
		break;
	case CEL_F32:
	default:
		for (size_t i = 0; i < count; i++)
			out[i] = load_le_f32(in + 4 * i);
		break;
	}
}
