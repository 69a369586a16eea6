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
					    [NUMBER_F64] = "f64",   [NUMBER_I8] = "i8",	  [NUMBER_U8] = "u8"};
	for (int kind = NUMBER_BF16; kind <= NUMBER_U8; kind++) {
		if (strcmp(name, NAMES[kind]) == 0) {
			*out = (struct number_type){.kind = (enum number_kind)kind};
			return 0;
		}
	}
	return error_set(e, CEL_EUSAGE, "'%.100s' is no type of raw numbers (f32, f64, f16, bf16, i8, u8)", name);
}

size_t number_size(struct number_type type)
{
	switch (type.kind) {
	case NUMBER_BF16:
	case NUMBER_F16:
		return 2;
	case NUMBER_F32:
		return 4;
	case NUMBER_F64:
		return 8;
	case NUMBER_I8:
	case NUMBER_U8:
	default:
		return 1;
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
	case NUMBER_F64:
	default:
		return false;
	}
}

static double bits_to_double(uint64_t bits)
{
	double value;
	memcpy(&value, &bits, sizeof value);
	return value;
}

static double bits_to_single(uint32_t bits)
{
	float value;
	memcpy(&value, &bits, sizeof value);
	return (double)value;
}

static void load_piece(struct number_type type, const uint8_t *in, size_t count, double *out)
{
	for (size_t i = 0; i < count; i++) {
		switch (type.kind) {
		case NUMBER_F16: {
			uint16_t bits = load_le16(in + 2 * i);
			out[i] = (double)f16_to_f32(type.is_big_endian ? __builtin_bswap16(bits) : bits);
			break;
		}
		case NUMBER_BF16: {
			uint16_t bits = load_le16(in + 2 * i);
			out[i] = (double)bf16_to_f32(type.is_big_endian ? __builtin_bswap16(bits) : bits);
			break;
		}
		case NUMBER_F32: {
			uint32_t bits = load_le32(in + 4 * i);
			out[i] = bits_to_single(type.is_big_endian ? __builtin_bswap32(bits) : bits);
			break;
		}
		case NUMBER_F64: {
			uint64_t bits = load_le64(in + 8 * i);
			out[i] = bits_to_double(type.is_big_endian ? __builtin_bswap64(bits) : bits);
			break;
		}
		case NUMBER_I8:
			out[i] = (double)(int8_t)in[i];
			break;
		case NUMBER_U8:
		default:
			out[i] = (double)in[i];
			break;
		}
	}
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

/* first: position of in[0] in its vector, for messages. */
static int store_piece(const double *in, size_t count, size_t first, enum cel_type to, uint8_t *out, struct cel_error *e)
{
	if (to == CEL_F32 && store_singles(in, count, out))
		return 0;
	size_t size = cel_type_size(to);
	for (size_t i = 0; i < count; i++) {
		if (!isfinite(in[i]))
			return error_set(e, CEL_EDATA, "element %zu is %s", first + i + 1,
					 isnan(in[i]) ? "NaN" : "infinite");
		int rc = element_store(to, in[i], out + i * size, e);
		if (rc < 0) {
			error_context(e, "element %zu", first + i + 1);
			return rc;
		}
	}
	return 0;
}

int convert_doubles(const double *in, size_t count, enum cel_type to, uint8_t *out, struct cel_error *e)
{
	return store_piece(in, count, 0, to, out, e);
}

int convert_numbers(struct number_type from, const uint8_t *in, size_t count, enum cel_type to, uint8_t *out,
		    struct cel_error *e)
{
	double piece[PIECE];
	for (size_t first = 0; first < count; first += PIECE) {
		size_t n = count - first < PIECE ? count - first : PIECE;
		load_piece(from, in + first * number_size(from), n, piece);
		int rc = store_piece(piece, n, first, to, out + first * cel_type_size(to), e);
		if (rc < 0)
			return rc;
	}
	return 0;
}
