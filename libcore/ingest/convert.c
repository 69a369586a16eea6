/* SPDX-License-Identifier: Apache-2.0 */
/* Everything goes through double, which holds each of the types exactly, and from there by element_store, in pieces
 * that stay in the first-level cache. Doubles to f32, the common case, have their own loop: one check for a whole
 * piece, and only if that fails is the element looked for. */
#include "convert.h"

#include <math.h>
#include <string.h>

#include "bytes.h"
#include "element.h"
#include "error.h"

#define PIECE 256u

int number_type_parse(const char *name, struct number_type *out, struct cel_error *e)
{
	static const char *const NAMES[] = {[NUMBER_BF16] = "bf16", [NUMBER_F16] = "f16", [NUMBER_F32] = "f32",
					    [NUMBER_F64] = "f64",   [NUMBER_I8] = "i8",	  [NUMBER_U8] = "u8",
					    [NUMBER_B1] = "b1"};
	for (int kind = NUMBER_BF16; kind <= NUMBER_B1; kind++) {
		if (strcmp(name, NAMES[kind]) == 0) {
			*out = (struct number_type){.kind = (enum number_kind)kind};
			return 0;
		}
	}
	return error_set(e, CEL_EUSAGE, "'%.100s' is no type of raw numbers (f32, f64, f16, bf16, i8, u8, b1)", name);
}

size_t numbers_size(struct number_type type, uint32_t count)
{
	switch (type.kind) {
	case NUMBER_BF16:
	case NUMBER_F16:
		return (size_t)count * 2;
	case NUMBER_F32:
		return (size_t)count * 4;
	case NUMBER_F64:
		return (size_t)count * 8;
	case NUMBER_B1:
		return cel_vector_size(CEL_B1, count);
	case NUMBER_I8:
	case NUMBER_U8:
	default:
		return count;
	}
}

bool convert_is_identity(struct number_type from, enum cel_type to)
{
	switch (from.kind) {
	case NUMBER_BF16:
		return to == CEL_BF16 && !from.is_big_endian;
	case NUMBER_F16:
		return to == CEL_F16 && !from.is_big_endian;
	case NUMBER_F32:
		return to == CEL_F32 && !from.is_big_endian;
	case NUMBER_I8:
		return to == CEL_I8;
	case NUMBER_U8:
		return to == CEL_U8;
	case NUMBER_B1:
		return to == CEL_B1;
	case NUMBER_F64:
	default:
		return false;
	}
}

/* To little-endian, elements of that size. */
static void swap_bytes(const uint8_t *in, size_t count, size_t size, uint8_t *out)
{
	for (size_t i = 0; i < count * size; i++)
		out[i] = in[i - i % size + (size - 1 - i % size)];
}

/* One kind a loop, and nothing in it that depends on a value. */
static void load_piece(struct number_type type, const uint8_t *in, size_t count, double *out)
{
	static const enum cel_type TYPES[] = {[NUMBER_BF16] = CEL_BF16, [NUMBER_F16] = CEL_F16, [NUMBER_F32] = CEL_F32,
					      [NUMBER_I8] = CEL_I8,	[NUMBER_U8] = CEL_U8,	[NUMBER_B1] = CEL_U8};
	uint8_t swapped[PIECE * sizeof(double)];
	float singles[PIECE];
	if (type.is_big_endian) {
		swap_bytes(in, count, numbers_size(type, 1), swapped);
		in = swapped;
	}
	if (type.kind == NUMBER_F64) {
		for (size_t i = 0; i < count; i++) {
			uint64_t bits = load_le64(in + 8 * i);
			memcpy(&out[i], &bits, sizeof bits);
		}
		return;
	}
	element_widen(TYPES[type.kind], in, count, singles);
	for (size_t i = 0; i < count; i++)
		out[i] = (double)singles[i];
}

/* True if all of them fit. */
static bool store_singles(const double *in, size_t count, uint8_t *out)
{
	bool is_good = true;
	for (size_t i = 0; i < count; i++) {
		float single = (float)in[i];
		store_le_f32(out + 4 * i, single);
		is_good &= fabsf(single) <= 3.40282347e+38f; /* false for NaN */
	}
	return is_good;
}

/* first: position of in[0] in its vector. Bits are set in a vector of zeros, whose beginning out is. */
static int store_piece(const double *in, size_t count, size_t first, enum cel_type to, uint8_t *out, struct cel_error *e)
{
	if (to == CEL_F32 && store_singles(in, count, out))
		return 0;
	size_t size = cel_type_size(to);
	uint8_t bit = 0;
	for (size_t i = 0; i < count; i++) {
		if (!isfinite(in[i]))
			return error_set(e, CEL_EDATA, "element %zu is %s", first + i + 1,
					 isnan(in[i]) ? "NaN" : "infinite");
		int rc = element_store(to, in[i], to == CEL_B1 ? &bit : out + i * size, e);
		if (rc < 0) {
			error_context(e, "element %zu", first + i + 1);
			return rc;
		}
		if (to == CEL_B1 && bit != 0)
			bit_set(out, first + i);
	}
	return 0;
}

int convert_doubles(const double *in, size_t count, enum cel_type to, uint8_t *out, struct cel_error *e)
{
	if (to == CEL_B1)
		memset(out, 0, (count + 7) / 8);
	return store_piece(in, count, 0, to, out, e);
}

int convert_numbers(struct number_type from, const uint8_t *in, size_t count, enum cel_type to, uint8_t *out,
		    struct cel_error *e)
{
	double piece[PIECE];
	if (to == CEL_B1)
		memset(out, 0, (count + 7) / 8);
	for (size_t first = 0; first < count; first += PIECE) {
		size_t n = count - first < PIECE ? count - first : PIECE;
		load_piece(from, in + first * numbers_size(from, 1), n, piece);
		int rc = store_piece(piece, n, first, to, out + first * cel_type_size(to), e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

bool convert_hex(struct slice text, uint8_t *out)
{
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i], low = c | 0x20;
		if (!(c >= '0' && c <= '9') && !(low >= 'a' && low <= 'f'))
			return false;
		uint8_t digit = (uint8_t)(c <= '9' ? c - '0' : low - 'a' + 10);
		out[i / 2] = (uint8_t)(i % 2 == 0 ? digit << 4 : out[i / 2] | digit);
	}
	return text.size % 2 == 0;
}
