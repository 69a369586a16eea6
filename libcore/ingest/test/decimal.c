/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal numbers against strtod, which is exact: random ones in many spellings, and those that are hard to round or stand at a
 * border of what is read in one way or another. */
#include "decimal.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void test_decimals(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double value; /* 7777: no number */
		bool is_json;
	} CASES[] = {
		{"0", 0, true}, {"-0", 0, true}, {"12", 12, true}, {"-1.5e3", -1500, true}, {"+2", 2, false}, {"1e+2", 100, true},
		{".5", 0.5, false}, {"5.", 5, false}, {"007", 7, false}, {"0.1", 0.1, true}, {"16777217", 16777217, true},
		{"1e400", INFINITY, true}, {"-1e400", -INFINITY, true}, {"1e-400", 0, true}, {"4.9e-324", 4.9e-324, true},
		{"inf", INFINITY, false}, {"-Infinity", -INFINITY, false},
		{"0.1000000000000000055511151231257827021181583404541015625", 0.1, true},
		{"", 7777, false}, {"-", 7777, false}, {"+", 7777, false}, {"+-1", 7777, false}, {"--1", 7777, false}, {"1,5", 7777, false},
		{"0x10", 7777, false}, {"1e", 7777, false}, {"e1", 7777, false}, {"1 ", 7777, false}, {" 1", 7777, false},
		{"1_0", 7777, false}, {"1.2.3", 7777, false}, {".", 7777, false}, {"-.", 7777, false}, {"1e5x", 7777, false},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		double value = 7777;
		bool is_number = decimal_read(CASES[i].text, strlen(CASES[i].text), &value);
		if (is_number != (CASES[i].value != 7777) || (is_number && value != CASES[i].value) ||
		    decimal_is_json(CASES[i].text, strlen(CASES[i].text)) != CASES[i].is_json)
			fail_msg("'%s' is read as %d %g", CASES[i].text, is_number, value);
	}
	double value;
	assert_true(decimal_read("nan", 3, &value) && isnan(value));
}

static bool is_same_double(double a, double b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}

/* As the only element of an array, with digits around it. */
static bool read_one(const char *number, double *out)
{
	char padded[2 * DECIMAL_MARGIN + 500];
	size_t count, size = strlen(number) + 2;
	const char *end, *start = padded + DECIMAL_MARGIN;
	memset(padded, '3', sizeof padded);
	padded[DECIMAL_MARGIN] = '[';
	memcpy(padded + DECIMAL_MARGIN + 1, number, size - 2);
	padded[DECIMAL_MARGIN + size - 1] = ']';
	return decimal_read_array(start, size, out, 1, &count, &end) && count == 1 && end == start + size;
}

static void check_one(const char *number)
{
	double want = strtod(number, NULL), got = 7777;
	if (!read_one(number, &got) || !is_same_double(got, want))
		fail_msg("%s is read as %.17g, not %.17g", number, got, want);
	got = 7777;
	if (!decimal_read(number, strlen(number), &got) || !is_same_double(got, want))
		fail_msg("%s alone is read as %.17g, not %.17g", number, got, want);
}

/* Every number of digits with the point at every place; digits at random, and those that carry. */
static void test_shapes(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 45; n++) {
		for (size_t point = 1; point <= n; point++) {
			for (int kind = 0; kind < 8; kind++) {
				char text[60] = "-", *p = text + (kind & 1);
				for (size_t i = 0; i < n; i++) {
					if (i == point)
						*p++ = '.';
					*p++ = (char)(kind < 2   ? '9'
						      : kind < 4 ? (i == 0 || i + 1 == n ? '1' : '0')
								 : '0' + (char)(random_next() % 10));
				}
				*p = '\0';
				char *first = text + (kind & 1);
				if (point > 1 && *first == '0')
					*first = '8';
				if (kind >= 6) { /* small ones: zeros in front */
					memset(first, '0', point);
					memmove(first + 1, first + point, strlen(first + point) + 1);
				}
				check_one(text);
			}
		}
	}
}

/* Halves between two doubles, and what lies beside them; ends of ranges. */
static void test_hard(void **state)
{
	(void)state;
	static const char *const CASES[] = {
		"9007199254740991", "9007199254740992", "9007199254740993", "9007199254740994", "9007199254740995",
		"900719925474099.3", "90071992547409.93", "0.9007199254740993", "9.007199254740993", "9007199254740993.0",
		"9007199254740992.5", "18446744073709551615", "18446744073709551616", "1844.6744073709551615", "18440000000000000000",
		"18439999999999999999", "1843.9999999999999999", "0.18446744073709551615", "1.00000000000000011102230246251565404",
		"1.00000000000000011102230246251565405", "1.0000000000000001110223024625156540", "0.1", "0.10000000000000001",
		"0.3", "0.30000000000000004", "1.7976931348623157e308", "2.2250738585072011e-308", "2.2250738585072014e-308",
		"4.9406564584124654e-324", "2.4703282292062328e-324", "2.4703282292062327e-324", "-0", "-0.0", "0.0", "0e0", "-0e-400",
		"1e-400", "6.5e-10", "123456789012.34567", "12.345678901234567", "-99999999999999.99", "5e-324", "0.000000000000000000000001",
		"8.5070591730234616e37", "3.40282346638528860e38", "7.0064923216240853e-46", "7.0064923216240862e-46",
		"0.1000000000000000055511151231257827", "0.5000000000000000277555756156289135",
		"179769313486231580793728971405301199999999999999999999999999999999999999999999999",
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
		check_one(CASES[i]);
	for (int i = 0; i < 20000; i++) { /* as Python prints floats of four bytes, and ties of such floats */
		char text[80];
		float single = (float)((double)(int64_t)random_next() / 9223372036854775808.0);
		snprintf(text, sizeof text, i % 2 == 0 ? "%.17g" : "%.9g", (double)single);
		check_one(text);
		double tie = ((double)single + (double)nextafterf(single, 1)) / 2;
		snprintf(text, sizeof text, "%.*f", 10 + i % 25, tie);
		check_one(text);
	}
}

/* Random numbers in many spellings, against strtod. */
static void test_random_arrays(void **state)
{
	(void)state;
	static const char *const BLANKS[] = {"", " ", "", "\n\t", "  "};
	const char *scale = getenv("CEL_TEST_SCALE");
	unsigned rounds = 4000 * (scale != NULL ? (unsigned)atoi(scale) : 1);
	for (unsigned round = 0; round < rounds; round++) {
		char padded[3000 + 2 * DECIMAL_MARGIN] = "", *text = padded + DECIMAL_MARGIN;
		const size_t room = 3000;
		*text = '[';
		double want[20], got[20];
		size_t n = random_next() % 21, length = 1, count = 999;
		const char *end;
		for (size_t i = 0; i < n; i++) {
			char number[80];
			double value;
			uint64_t bits = random_next();
			memcpy(&value, &bits, sizeof value);
			if (!isfinite(value) || random_next() % 4 != 0)
				value = ((double)(int64_t)random_next()) / pow(10, (double)(random_next() % 24));
			int digits = 1 + (int)(random_next() % 24);
			snprintf(number, sizeof number, random_next() % 3 != 0 ? "%.*g" : "%.*e", digits, value);
			want[i] = strtod(number, NULL);
			if (!isfinite(want[i])) /* rounded up beyond the largest */
				want[i] = strtod(strcpy(number, "-0.0"), NULL);
			length += (size_t)snprintf(text + length, room - length, "%s%s%s%s", i > 0 ? "," : "",
						   BLANKS[random_next() % 5], number, BLANKS[random_next() % 5]);
		}
		text[length++] = ']';
		memset(padded, '7', DECIMAL_MARGIN); /* is not to be taken for a part of it */
		memset(text + length, '7', DECIMAL_MARGIN);
		assert_true(decimal_read_array(text, length, got, 20, &count, &end));
		assert_ptr_equal(end, text + length);
		assert_int_equal(count, n);
		for (size_t i = 0; i < n; i++)
			if (!is_same_double(got[i], want[i]))
				fail_msg("number %zu of %.*s is read as %.17g, not %.17g", i, (int)length, text, got[i], want[i]);
		assert_false(decimal_read_array(text, length - 1, got, 20, &count, &end)); /* cut before its bracket */
	}
	double number = 0; /* control: the comparison sees the last bit */
	assert_true(read_one("0.30000000000000004", &number));
	assert_false(is_same_double(number, 0.3));
}

static void test_arrays(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"[]", "[ ]  ", "[0]", "[-0.0,1E5 , 2e-05]\n", "[10000000000000000000000,1e22,1e23]"};
	static const char *const BAD[] = {
		"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[01]", "[-01]", "[00]", "[1.]", "[.5]", "[+1]", "[-]",
		"[--1]", "[1e]", "[1e+]", "[1e5.5]", "[1.2.3]", "[1e400]", "[-1e400]", "[1e99999999999]", "[0x1]", "[null]", "[\"1\"]",
		"[[1]]", "[1]]", "[1] 2", "[1]x", "{1}", "1", "[NaN]", "[Infinity]", "[1_0]", "[- 1]", "[1e 5]", "[1 .5]",
	};
	double numbers[2];
	size_t count;
	for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD + sizeof BAD / sizeof *BAD; i++) {
		bool is_good = i < sizeof GOOD / sizeof *GOOD;
		const char *text = is_good ? GOOD[i] : BAD[i - sizeof GOOD / sizeof *GOOD];
		char padded[400] = "";
		snprintf(padded + DECIMAL_MARGIN, 100, "%s", text);
		const char *start = padded + DECIMAL_MARGIN, *end;
		bool is_read = decimal_read_array(start, strlen(text), numbers, 2, &count, &end) && end[strspn(end, " \n")] == '\0';
		if (is_read != is_good)
			fail_msg("%s is %s", text, is_good ? "refused" : "taken");
	}
	const char *end, *longer = "                                                                [1,2,3,4,5], 6]"
				   "                                                                ";
	longer += DECIMAL_MARGIN;
	assert_true(decimal_read_array(longer, 15, numbers, 2, &count, &end));
	assert_true(count == 5 && numbers[0] == 1 && numbers[1] == 2 && end == longer + 11);
}

int main(void)
{
	const char *seed = getenv("CEL_TEST_SEED");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) | 1 : 20261122;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)random_state);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decimals), cmocka_unit_test(test_random_arrays), cmocka_unit_test(test_arrays),
		cmocka_unit_test(test_shapes),	 cmocka_unit_test(test_hard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
