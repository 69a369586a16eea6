/* SPDX-License-Identifier: Apache-2.0 */
/* Elements and distances as text: the fewest decimal digits that read back to the same element, in any locale.
 *
 * Answers are mostly numbers, so floats of the usual sizes have a way of their own, in double: v * 10^p, p the decimals that
 * are tried, has an error below 10^-5, and rounded to a whole number D the text is that of D / 10^p, which double
 * rounds once. Where such an error could matter, near the middle of two whole numbers or of two floats, the C library
 * decides. */
#include <float.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cel.h"
#include "element.h"

static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static locale_t c_locale;

static void make_c_locale(void)
{
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

double cel_element(enum cel_type type, const uint8_t *vector, size_t position)
{
	float value;
	if (type == CEL_B1)
		return bit_get(vector, position) ? 1 : 0;
	element_widen(type, vector + position * cel_type_size(type), 1, &value);
	return (double)value;
}

static int reads_back(enum cel_type type, const char *text, double value, const uint8_t *stored)
{
	uint8_t bytes[8];
	if (type == CEL_F32)
		return strtof(text, NULL) == (float)value;
	return element_store(type, strtod(text, NULL), bytes, NULL) == 0 &&
	       memcmp(bytes, stored, cel_type_size(type)) == 0;
}

/* Digits and exponent as %g gives them, but whole numbers below 10^9 without an exponent. */
static int print_digits(char *out, int digits, double value)
{
	int length = snprintf(out, CEL_ELEMENT_TEXT_MAX, "%.*g", digits, value);
	const char *exponent = strchr(out, 'e');
	if (exponent == NULL || exponent[1] == '-' || atoi(exponent + 2) > 8)
		return length;
	return snprintf(out, CEL_ELEMENT_TEXT_MAX, "%.*g", atoi(exponent + 2) + 1, value);
}

/* Whole numbers have at most 9 digits here, and 9 digits tell any two floats apart. */
#define DIGITS_MAX 9
#define FEWEST_DIGITS 6 /* six digits of a normal float never merge two decimals of up to six, so fewer need not be tried */

static const double POWERS[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
static const uint64_t WHOLE_POWERS[] = {1,         10,         100,         1000,         10000,         100000,       1000000,
					10000000, 100000000, 1000000000, 10000000000, 100000000000, 1000000000000};

/* D / 10^decimals without zeros at the end; at least 1e-4, so that no exponent is wanted. */
static size_t put_decimal(char *out, bool is_negative, uint64_t d, int decimals)
{
	char digits[24];
	size_t n = 0, length = 0;
	for (; decimals > 0 && d % 10 == 0; decimals--)
		d /= 10;
	for (; d > 0 || (int)n <= decimals; d /= 10)
		digits[n++] = (char)('0' + d % 10);
	if (is_negative)
		out[length++] = '-';
	while (n > 0) {
		out[length++] = digits[--n];
		if ((int)n == decimals && n > 0)
			out[length++] = '.';
	}
	out[length] = '\0';
	return length;
}

/* 0 if it is not certain. */
static size_t format_usual(float value, char *out)
{
	double v = value < 0 ? -(double)value : (double)value;
	int whole_digits = -3; /* 10^(whole_digits - 1) <= v */
	if (!(v >= 1e-4 && v < 999999999))
		return 0;
	while (whole_digits < DIGITS_MAX && v >= (whole_digits < 0 ? 1 / POWERS[-whole_digits] : POWERS[whole_digits]))
		whole_digits++;
	for (int n = whole_digits > FEWEST_DIGITS ? whole_digits : FEWEST_DIGITS; n <= DIGITS_MAX; n++) {
		int decimals = n - whole_digits;
		double scaled = v * POWERS[decimals];
		uint64_t d = (uint64_t)scaled;
		double rest = scaled - (double)d;
		if (rest > 0.5 - 1e-5 && rest < 0.5 + 1e-5)
			return 0;
		d += rest > 0.5;
		double back = (double)d / POWERS[decimals];
		uint64_t bits;
		memcpy(&bits, &back, sizeof bits);
		if (d >= WHOLE_POWERS[n] || (bits & 0x1fffffff) == 0x10000000)
			return 0;
		if ((float)back == (float)v)
			return put_decimal(out, value < 0, d, decimals);
	}
	return 0;
}

size_t cel_element_format(enum cel_type type, const uint8_t *vector, size_t position, char out[CEL_ELEMENT_TEXT_MAX])
{
	double value = cel_element(type, vector, position);
	if (type == CEL_B1) {
		memcpy(out, value != 0 ? "1" : "0", 2);
		return 1;
	}
	size_t usual = type == CEL_F32 ? format_usual((float)value, out) : 0;
	if (usual > 0)
		return usual;
	const uint8_t *stored = vector + position * cel_type_size(type);
	pthread_once(&c_locale_once, make_c_locale);
	locale_t previous = uselocale(c_locale);
	int length = 0;
	bool is_normal = type == CEL_F32 && !(value > -FLT_MIN && value < FLT_MIN);
	for (int digits = is_normal ? FEWEST_DIGITS : 1; digits <= DIGITS_MAX; digits++) {
		length = print_digits(out, digits, value);
		if (reads_back(type, out, value, stored))
			break;
	}
	uselocale(previous);
	return (size_t)length;
}
