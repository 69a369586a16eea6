/* SPDX-License-Identifier: Apache-2.0 */
/* Text of elements: reads back to the same bits, is as short as it can be, and does not follow the locale. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the ones above */
#include <cmocka.h>

#include "bytes.h"
#include "cel.h"
#include "element.h"

static bool is_finite_element(enum cel_type type, const uint8_t *stored)
{
	double value = cel_element(type, stored, 0);
	return value - value == 0;
}

static void check_round_trip(enum cel_type type, const uint8_t *stored)
{
	char text[CEL_ELEMENT_TEXT_MAX];
	uint8_t back[8];
	size_t length = cel_element_format(type, stored, 0, text);
	assert_int_equal(length, strlen(text));
	assert_int_equal(element_store(type, strtod(text, NULL), back, NULL), 0);
	assert_memory_equal(back, stored, cel_type_size(type));
}

static void all_narrow_elements(void **state)
{
	(void)state;
	for (uint32_t bits = 0; bits <= 0xffff; bits++) {
		uint8_t stored[2];
		store_le16(stored, (uint16_t)bits);
		if (is_finite_element(CEL_F16, stored))
			check_round_trip(CEL_F16, stored);
		if (is_finite_element(CEL_BF16, stored))
			check_round_trip(CEL_BF16, stored);
		if (bits <= 0xff) {
			check_round_trip(CEL_I8, stored);
			check_round_trip(CEL_U8, stored);
		}
	}
}

static void random_floats(void **state)
{
	(void)state;
	const char *given = getenv("CEL_TEST_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : 20261122;
	printf("# seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 200000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint8_t stored[4];
		store_le32(stored, (uint32_t)(seed >> 32));
		if (is_finite_element(CEL_F32, stored))
			check_round_trip(CEL_F32, stored);
	}
}

/* As the C library would print it. */
static void check_usual(float value)
{
	char text[CEL_ELEMENT_TEXT_MAX], wanted[64];
	uint8_t stored[4];
	store_le_f32(stored, value);
	size_t length = cel_element_format(CEL_F32, stored, 0, text);
	for (int digits = 6; digits <= 9; digits++) {
		snprintf(wanted, sizeof wanted, "%.*g", digits, (double)value);
		const char *exponent = strchr(wanted, 'e');
		if (exponent != NULL && exponent[1] == '+' && atoi(exponent + 2) <= 8)
			snprintf(wanted, sizeof wanted, "%.*g", atoi(exponent + 2) + 1, (double)value);
		if (strtof(wanted, NULL) == value)
			break;
	}
	assert_string_equal(text, wanted);
	assert_int_equal(length, strlen(text));
}

/* Floats of the sizes that distances have, those around powers of ten and of two, and short decimals. */
static void usual_floats(void **state)
{
	(void)state;
	uint64_t seed = 20261122;
	for (int i = 0; i < 200000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint32_t bits = 0x38000000 + (uint32_t)((seed >> 32) % 0x17000000); /* 3e-5 .. 2e9 */
		float value;
		memcpy(&value, &bits, sizeof value);
		check_usual(i % 2 == 0 ? value : -value);
		check_usual((float)((double)(seed >> 44) / 1000));
	}
	for (double power = 1e-5; power < 2e10; power *= 10)
		for (float around = 0.99999f; around < 1.00001f; around = nextafterf(around, 2))
			check_usual((float)power * around);
	for (double power = 1e-5; power < 2e10; power *= 2)
		for (int step = -3; step <= 3; step++)
			check_usual((float)(power * (1 + step * 0x1p-23)));
}

static void known_texts(void **state)
{
	(void)state;
	static const struct {
		float value;
		const char *text;
	} CASES[] = {
		{0.1f, "0.1"},	  {1, "1"},	  {0, "0"},		{-0.0f, "-0"},	    {16777216, "16777216"},
		{1e-45f, "1e-45"}, {1e6f, "1000000"}, {-5e8f, "-500000000"}, {1e9f, "1e+09"}, {0.333333343f, "0.33333334"},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		uint8_t stored[4];
		char text[CEL_ELEMENT_TEXT_MAX];
		store_le_f32(stored, CASES[i].value);
		cel_element_format(CEL_F32, stored, 0, text);
		assert_string_equal(text, CASES[i].text);
	}
}

static void whole_numbers(void **state)
{
	(void)state;
	for (int i = -128; i <= 255; i++) {
		uint8_t stored = (uint8_t)i;
		char text[CEL_ELEMENT_TEXT_MAX], wanted[16];
		snprintf(wanted, sizeof wanted, "%d", i);
		cel_element_format(i < 128 ? CEL_I8 : CEL_U8, &stored, 0, text);
		assert_string_equal(text, wanted);
	}
}

static void bits(void **state)
{
	(void)state;
	static const uint8_t STORED[] = {0xa5, 0x40};
	char text[CEL_ELEMENT_TEXT_MAX];
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(cel_element_format(CEL_B1, STORED, i, text), 1);
		assert_string_equal(text, "1010010101"[i] == '1' ? "1" : "0");
		assert_true(cel_element(CEL_B1, STORED, i) == "1010010101"[i] - '0');
	}
}

static void decimal_comma(void **state)
{
	(void)state;
	static const char *const LOCALES[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "nl_NL.UTF-8"};
	bool has_comma = false;
	for (size_t i = 0; i < sizeof LOCALES / sizeof *LOCALES && !has_comma; i++)
		has_comma = setlocale(LC_ALL, LOCALES[i]) != NULL && strcmp(localeconv()->decimal_point, ",") == 0;
	if (!has_comma)
		skip();
	uint8_t stored[4];
	char text[CEL_ELEMENT_TEXT_MAX];
	store_le_f32(stored, 0.5f);
	cel_element_format(CEL_F32, stored, 0, text);
	setlocale(LC_ALL, "C");
	assert_string_equal(text, "0.5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_narrow_elements),
		cmocka_unit_test(random_floats),
		cmocka_unit_test(usual_floats),
		cmocka_unit_test(known_texts),
		cmocka_unit_test(whole_numbers),
		cmocka_unit_test(bits),
		cmocka_unit_test(decimal_comma),
	};
	return cmocka_run_group_tests_name("db format", tests, NULL, NULL);
}
