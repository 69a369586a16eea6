/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions of elements. Widening is judged by the definition of the formats (ldexp), narrowing at every point where
 * its result changes: between two neighbours of the narrow type lies one midpoint, exact in a double; it must go to the
 * even neighbour, and the doubles next to it to their own sides. Besides, cases made with numpy and with fractions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "element.h"

struct narrow_case {
	double value;
	uint16_t bits;
};

/* numpy.float64(value).astype(numpy.float16) */
static const struct narrow_case F16_CASES[] = {
	{0x0.0p+0, 0x0000}, {-0x0.0p+0, 0x8000}, {0x1.0000000000000p+0, 0x3c00}, {-0x1.0000000000000p+0, 0xbc00},
	{0x1.999999999999ap-4, 0x2e66}, {0x1.ffc0000000000p+15, 0x7bff}, {0x1.ffdffae147ae1p+15, 0x7bff},
	{0x1.ffe0000000000p+15, 0x7c00}, {0x1.e848000000000p+19, 0x7c00}, {0x1.0000000000000p-24, 0x0001},
	{0x1.0000000000000p-25, 0x0000}, {0x1.0000000000001p-25, 0x0001}, {0x1.0000000000000p-14, 0x0400},
	{0x1.fffffffffffffp-15, 0x0400}, {0x1.8000000000000p-24, 0x0002}, {0x1.0020000000000p+0, 0x3c00},
	{0x1.0020000000001p+0, 0x3c01}, {0x1.0060000000000p+0, 0x3c02}, {0x1.0020000000004p+0, 0x3c01},
	{0x1.0020000000001p+0, 0x3c01}, {0x1.0020000000000p-15, 0x0200}, {0x0.012688b70e62bp-1022, 0x0000},
	{-0x0.012688b70e62bp-1022, 0x8000}, {0x1.ffd0000000000p+3, 0x4bff}, {-0x1.ffe0000000000p+3, 0xcc00},
	{-0x1.dfe41421b37ebp-3, 0xb380}, {-0x1.a39bb35fd0026p-16, 0x81a4}, {0x1.f2252fc5dc103p+5, 0x53c9},
	{0x1.4a221fe5244eap+1, 0x4129}, {-0x1.ebdc0c5f9d9bcp-23, 0x8004}, {-0x1.6eeb21fe6098bp+11, 0xe9bc},
	{0x1.21423e3e2f46bp-8, 0x1c85}, {-0x1.2b33f203fad6cp+3, 0xc8ad}, {0x1.3c3283f9ae64dp+4, 0x4cf1},
	{-0x1.c698d3461d321p-2, 0xb71a}, {-0x1.d0a27e6629b09p+11, 0xeb43}, {-0x1.ea4d788dda97bp-26, 0x8000},
	{-0x1.5c51a1b2025e2p+13, 0xf171}, {0x1.c7d209b930701p+2, 0x471f}, {0x1.667eb9842e087p+4, 0x4d9a},
};

/* Exact rational arithmetic (Python's fractions). */
static const struct narrow_case BF16_CASES[] = {
	{0x0.0p+0, 0x0000}, {-0x0.0p+0, 0x8000}, {0x1.0000000000000p+0, 0x3f80}, {0x1.999999999999ap-4, 0x3dcd},
	{-0x1.921f9f01b866ep+1, 0xc049}, {0x1.0100000000000p+0, 0x3f80}, {0x1.0300000000000p+0, 0x3f82},
	{0x1.0100000001000p+0, 0x3f81}, {0x1.fe00000000000p+127, 0x7f7f}, {0x1.fefffffffffffp+127, 0x7f7f},
	{0x1.ff00000000000p+127, 0x7f80}, {0x1.0000000000000p-133, 0x0001}, {0x1.0000000000000p-134, 0x0000},
	{0x1.0000000000001p-134, 0x0001}, {0x1.0000000000000p-126, 0x0080}, {0x1.7000000000000p-130, 0x000c},
	{0x1.7e43c8800759cp+996, 0x7f80}, {0x1.56e1fc2f8f359p-997, 0x0000}, {0x1.0100000400000p+0, 0x3f81},
	{-0x1.ce8447f77807ap+65, 0xe067}, {0x1.5247596ed839cp+10, 0x44a9}, {0x1.a510bc3cbb813p-75, 0x1a53},
	{-0x1.17fe9b4f6f02cp+65, 0xe00c}, {0x1.97aa5e252c1b6p+108, 0x75cc}, {0x1.377b895905ed4p+85, 0x6a1c},
	{-0x1.db83ea3fcd868p-87, 0x946e}, {0x1.bbe3ebd5e1a9bp-104, 0x0bde}, {0x1.73455fc17a495p+100, 0x71ba},
	{0x1.718d877d7dd8ap-2, 0x3eb9}, {-0x1.b9647c46605e2p-56, 0xa3dd}, {0x1.76c911be261aep+87, 0x6b3b},
};

/* A 16-bit float of the given widths by its definition. */
static double define16(uint32_t bits, int exponent_bits, int mantissa_bits)
{
	int bias = (1 << (exponent_bits - 1)) - 1;
	int exponent = (int)(bits >> mantissa_bits & ((1u << exponent_bits) - 1));
	double mantissa = bits & ((1u << mantissa_bits) - 1);
	double magnitude;
	if (exponent == (1 << exponent_bits) - 1)
		magnitude = mantissa > 0 ? (double)NAN : (double)INFINITY;
	else if (exponent == 0)
		magnitude = ldexp(mantissa, 1 - bias - mantissa_bits);
	else
		magnitude = ldexp(mantissa + (1 << mantissa_bits), exponent - bias - mantissa_bits);
	return bits & 0x8000 ? -magnitude : magnitude;
}

static bool is_same_double(double a, double b)
{
	return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static void check_widening(void **state)
{
	(void)state;
	for (uint32_t bits = 0; bits < 0x10000; bits++) {
		assert_true(is_same_double((double)f16_to_f32((uint16_t)bits), define16(bits, 5, 10)));
		assert_true(is_same_double((double)bf16_to_f32((uint16_t)bits), define16(bits, 8, 7)));
	}
}

static void check_round_trips(void **state)
{
	(void)state;
	for (uint32_t bits = 0; bits < 0x10000; bits++) {
		double half = (double)f16_to_f32((uint16_t)bits), brain = (double)bf16_to_f32((uint16_t)bits);
		if (!isnan(half))
			assert_int_equal(f64_to_f16(half), bits);
		else
			assert_true(isnan(f16_to_f32(f64_to_f16(half))));
		if (!isnan(brain))
			assert_int_equal(f64_to_bf16(brain), bits);
		else
			assert_true(isnan(bf16_to_f32(f64_to_bf16(brain))));
	}
}

/* infinity is the first bit pattern that is not finite; the value past the largest finite one would be `past`. */
static void check_boundaries(uint16_t (*narrow)(double), int exponent_bits, int mantissa_bits)
{
	uint32_t infinity = ((1u << exponent_bits) - 1) << mantissa_bits;
	double past = ldexp(1, 1 << (exponent_bits - 1));
	for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
		for (uint32_t low = 0; low < infinity; low++) {
			double a = fabs(define16(low, exponent_bits, mantissa_bits));
			double b = low + 1 == infinity ? past : define16(low + 1, exponent_bits, mantissa_bits);
			double middle = (a + b) / 2, s = sign ? -1 : 1;
			uint32_t even = low % 2 == 0 ? low : low + 1;
			assert_int_equal(narrow(s * middle), sign | even);
			assert_int_equal(narrow(s * nextafter(middle, 0)), sign | low);
			assert_int_equal(narrow(s * nextafter(middle, past)), sign | (low + 1));
			assert_int_equal(narrow(s * nextafter(b, 0)), sign | (low + 1));
			assert_int_equal(narrow(s * nextafter(a, past)), sign | low);
		}
	}
	assert_int_equal(narrow(past), infinity);
	assert_int_equal(narrow(-1e300), 0x8000 | infinity);
	assert_int_equal(narrow((double)INFINITY), infinity);
}

static void check_narrowing_f16(void **state)
{
	(void)state;
	check_boundaries(f64_to_f16, 5, 10);
	for (size_t i = 0; i < sizeof F16_CASES / sizeof F16_CASES[0]; i++)
		assert_int_equal(f64_to_f16(F16_CASES[i].value), F16_CASES[i].bits);
}

static void check_narrowing_bf16(void **state)
{
	(void)state;
	check_boundaries(f64_to_bf16, 8, 7);
	for (size_t i = 0; i < sizeof BF16_CASES / sizeof BF16_CASES[0]; i++)
		assert_int_equal(f64_to_bf16(BF16_CASES[i].value), BF16_CASES[i].bits);
}

static void check_store_refusals(void **state)
{
	(void)state;
	static const struct {
		enum cel_type type;
		double value;
		bool is_good;
	} TABLE[] = {
		{CEL_F32, 3.4028234663852886e38, true}, {CEL_F32, 3.4028235677973366e38, false}, {CEL_F32, -1e300, false},
		{CEL_F32, 1e-300, true}, {CEL_F16, 65504, true}, {CEL_F16, 65519.99, true}, {CEL_F16, 65520, false},
		{CEL_F16, -65520, false}, {CEL_BF16, 3.3895e38, true}, {CEL_BF16, 3.4e38, false}, {CEL_I8, -128, true},
		{CEL_I8, 127, true}, {CEL_I8, 128, false}, {CEL_I8, -129, false}, {CEL_I8, 0.5, false}, {CEL_I8, 1e300, false},
		{CEL_I8, -0.0, true}, {CEL_U8, 0, true}, {CEL_U8, 255, true}, {CEL_U8, 256, false}, {CEL_U8, -1, false},
		{CEL_U8, 254.999999, false}, {CEL_U8, -1e-300, false},
	};
	uint8_t out[4];
	for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++)
		assert_int_equal(element_store(TABLE[i].type, TABLE[i].value, out, NULL), TABLE[i].is_good ? 0 : CEL_EDATA);
	for (int type = CEL_F32; type <= CEL_U8; type++) {
		assert_int_equal(element_store((enum cel_type)type, (double)NAN, out, NULL), CEL_EDATA);
		assert_int_equal(element_store((enum cel_type)type, (double)INFINITY, out, NULL), CEL_EDATA);
		assert_int_equal(element_store((enum cel_type)type, -(double)INFINITY, out, NULL), CEL_EDATA);
	}
}

static void check_store_and_widen(void **state)
{
	(void)state;
	static const double VALUES[] = {0, 1, 2, 100, 127, -0.0, -1, -128, 0.5, 1e-40, -3.25};
	for (int type = CEL_F32; type <= CEL_U8; type++) {
		size_t size = cel_type_size((enum cel_type)type);
		for (size_t i = 0; i < sizeof VALUES / sizeof VALUES[0]; i++) {
			uint8_t out[5] = {0, 0, 0, 0, 0};
			float wide;
			if (element_store((enum cel_type)type, VALUES[i], out, NULL) != 0)
				continue;
			element_widen((enum cel_type)type, out, 1, &wide);
			if (VALUES[i] == 1e-40) /* below half of the smallest f16; a subnormal of f32 and bf16 */
				assert_true(type == CEL_F16 ? wide == 0 : wide > 0 && fabsf(wide - 1e-40f) < 1e-40f);
			else
				assert_true((double)wide == VALUES[i]);
			if (type <= CEL_BF16) /* the sign of -0 is kept */
				assert_int_equal(signbit(wide) != 0, signbit(VALUES[i]) != 0);
			assert_int_equal(out[size], 0);
		}
	}
	float many[300];
	uint8_t bytes[300];
	for (size_t i = 0; i < 300; i++)
		bytes[i] = (uint8_t)i;
	element_widen(CEL_I8, bytes, 300, many);
	assert_true(many[127] == 127.0f && many[128] == -128.0f && many[255] == -1.0f && many[299] == 43.0f);
	element_widen(CEL_U8, bytes, 300, many);
	assert_true(many[128] == 128.0f && many[255] == 255.0f);
}

/* The first bit is the highest of the first byte; a stored one is a byte, to be packed. */
static void check_bits(void **state)
{
	(void)state;
	static const double BAD[] = {2, -1, 0.5, 255};
	uint8_t bits[3] = {0}, one = 9;
	float wide[20];
	bit_set(bits, 0);
	bit_set(bits, 9);
	bit_set(bits, 19);
	assert_memory_equal(bits, "\x80\x40\x10", 3);
	element_widen(CEL_B1, bits, 20, wide);
	for (size_t i = 0; i < 20; i++)
		assert_true(wide[i] == (i == 0 || i == 9 || i == 19 ? 1 : 0) && bit_get(bits, i) == (wide[i] != 0));
	assert_int_equal(element_store(CEL_B1, 1, &one, NULL), 0);
	assert_int_equal(one, 1);
	assert_int_equal(element_store(CEL_B1, -0.0, &one, NULL), 0);
	assert_int_equal(one, 0);
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++)
		assert_int_equal(element_store(CEL_B1, BAD[i], &one, NULL), CEL_EDATA);
	assert_int_equal(cel_vector_size(CEL_B1, 1), 1);
	assert_int_equal(cel_vector_size(CEL_B1, 8), 1);
	assert_int_equal(cel_vector_size(CEL_B1, 9), 2);
	assert_int_equal(cel_vector_size(CEL_B1, CEL_DIM_MAX), 8192);
	assert_int_equal(cel_vector_size(CEL_F16, CEL_DIM_MAX), 131070);
}

static void check_names(void **state)
{
	(void)state;
	for (int i = CEL_F32; i <= CEL_B1; i++) {
		enum cel_type type;
		assert_int_equal(cel_type_parse(cel_type_name((enum cel_type)i), &type, NULL), 0);
		assert_int_equal(type, i);
	}
	for (int i = CEL_L2; i <= CEL_HAVERSINE; i++) {
		enum cel_metric metric;
		assert_int_equal(cel_metric_parse(cel_metric_name((enum cel_metric)i), &metric, NULL), 0);
		assert_int_equal(metric, i);
	}
	enum cel_type type;
	enum cel_metric metric;
	assert_int_equal(cel_type_parse("F32", &type, NULL), CEL_EUSAGE);
	assert_int_equal(cel_type_parse("", &type, NULL), CEL_EUSAGE);
	assert_int_equal(cel_metric_parse("l3", &metric, NULL), CEL_EUSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_widening),       cmocka_unit_test(check_round_trips),
		cmocka_unit_test(check_narrowing_f16),  cmocka_unit_test(check_narrowing_bf16),
		cmocka_unit_test(check_store_refusals), cmocka_unit_test(check_store_and_widen),
		cmocka_unit_test(check_bits),           cmocka_unit_test(check_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
