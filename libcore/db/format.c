/* SPDX-License-Identifier: Apache-2.0 */
/* Elements and distances as text: the fewest decimal digits that read back to the same element, in any locale. */
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

size_t cel_element_format(enum cel_type type, const uint8_t *vector, size_t position, char out[CEL_ELEMENT_TEXT_MAX])
{
	double value = cel_element(type, vector, position);
	if (type == CEL_B1) {
		memcpy(out, value != 0 ? "1" : "0", 2);
		return 1;
	}
	const uint8_t *stored = vector + position * cel_type_size(type);
	pthread_once(&c_locale_once, make_c_locale);
	locale_t previous = uselocale(c_locale);
	int length = 0;
	/* Six digits of a normal float never merge two decimals of up to six, so fewer need not be tried. */
	bool is_normal = type == CEL_F32 && !(value > -FLT_MIN && value < FLT_MIN);
	for (int digits = is_normal ? 6 : 1; digits <= 9; digits++) {
		length = print_digits(out, digits, value);
		if (reads_back(type, out, value, stored))
			break;
	}
	uselocale(previous);
	return (size_t)length;
}
