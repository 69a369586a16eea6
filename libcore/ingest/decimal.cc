/* SPDX-License-Identifier: Apache-2.0 */
/* C++ for std::from_chars, which reads doubles exactly, without a locale, some times faster than strtod. It does not
 * tell the too large from the too small, so those go the slow way.
 *
 * Arrays of numbers are most of what is read at all. There, digits are taken eight at a time, and a number of at most
 * 2^53 times or over a power of ten up to 10^22 is one operation on two doubles that are exact, so its result is the
 * nearest double as well (Clinger, How to read floating point numbers accurately, 1990). Any other goes to from_chars. */
#include "decimal.h"

#include <charconv>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <locale.h>
#include <system_error>

namespace {

bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

size_t skip_digits(const char *text, size_t size, size_t i)
{
	while (i < size && is_digit(text[i]))
		i++;
	return i;
}

bool read_slowly(const char *text, size_t size, double *out)
{
	char copy[2000];
	if (size >= sizeof copy)
		return false;
	std::memcpy(copy, text, size);
	copy[size] = '\0';
	static locale_t c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	char *end;
	*out = c_locale != (locale_t)0 ? strtod_l(copy, &end, c_locale) : std::strtod(copy, &end);
	return end == copy + size;
}

const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
			 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
const uint64_t WHOLE_POWERS[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

/* Digits of a number so far. More than 19 may not fit, and are only counted. */
struct digits {
	uint64_t value;
	unsigned n;
};

/* Eight characters, the first one lowest, with digits turned into 0 to 9. */
inline uint64_t load_digits(const char *p)
{
	uint64_t word;
	std::memcpy(&word, p, sizeof word);
	return word ^ 0x3030303030303030;
}

/* How many of them are digits, from the first. */
inline unsigned count_digits(uint64_t word)
{
	uint64_t others = ((word + 0x7676767676767676) | word) & 0x8080808080808080;
	return others != 0 ? (unsigned)__builtin_ctzll(others) / 8 : 8;
}

/* The value of the first n. */
inline uint64_t value_of_digits(uint64_t word, unsigned n)
{
	word = word << 4 * (8 - n) << 4 * (8 - n); /* zeros in front; in two steps, as n may be 0 */
	word = word * 10 + (word >> 8);
	return (uint32_t)(((word & 0x000000ff000000ff) * 0x000f424000000064 +
			   ((word >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >>
			  32);
}

/* Takes digits as far as they go, also beyond the text if it ends with some. Sixteen at a time and without a branch, because
 * how many there are is what no processor can foresee. */
inline const char *take_digits(const char *p, digits &d)
{
	for (;;) {
		uint64_t first = load_digits(p), second = load_digits(p + 8);
		unsigned n = count_digits(first), m = count_digits(second) & (0u - (n >> 3));
		d.value = (d.value * WHOLE_POWERS[n] + value_of_digits(first, n)) * WHOLE_POWERS[m] + value_of_digits(second, m);
		d.n += n + m;
		p += n + m;
		if (m < 8)
			return p;
	}
}

/* The number's digits as a whole, and the power of ten it is to be multiplied by; is_exact if both are small. */
inline const char *take_number(const char *p, const char *end, double &out, bool &is_good)
{
	const char *start = p;
	bool is_negative = p < end && *p == '-';
	p += is_negative;
	digits d = {0, 0};
	const char *whole = p;
	if (p < end && end - p > 1 && is_digit(p[0]) && !is_digit(p[1])) { /* most have one digit before the point */
		d = {(uint64_t)(p[0] - '0'), 1};
		p++;
	} else if (p < end) {
		p = take_digits(p, d);
	}
	is_good = d.n > 0 && !(*whole == '0' && d.n > 1);
	long exponent = 0;
	if (p < end && *p == '.') {
		unsigned before = d.n;
		p = take_digits(p + 1, d);
		exponent = -(long)(d.n - before);
		is_good = is_good && d.n > before;
	}
	if (p < end && (*p | 0x20) == 'e') {
		digits e = {0, 0};
		p++;
		bool is_below = p < end && *p == '-';
		p += p < end && (*p == '-' || *p == '+');
		p = p < end ? take_digits(p, e) : p;
		is_good = is_good && e.n > 0;
		long value = e.n < 6 ? (long)e.value : 1000000;
		exponent += is_below ? -value : value;
	}
	is_good = is_good && p < end; /* a bracket follows */
	if (!is_good)
		return p;
	if (d.n <= 19 && d.value <= (uint64_t)1 << 53 && exponent >= -22 && exponent <= 22) {
		double value = (double)d.value;
		value = exponent < 0 ? value / POWERS[-exponent] : value * POWERS[exponent];
		out = std::copysign(value, is_negative ? -1.0 : 1.0);
		return p;
	}
	is_good = decimal_read(start, (size_t)(p - start), &out) && std::isfinite(out);
	return p;
}

inline const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

} // namespace

extern "C" bool decimal_read_array(const char *text, size_t size, double *numbers, size_t capacity, size_t *count)
{
	const char *p = text, *end = text + size;
	size_t n = 0;
	if (size == 0 || *p != '[')
		return false;
	p = skip_blanks(p + 1, end);
	bool is_empty = p < end && *p == ']';
	while (!is_empty) {
		double number;
		bool is_good;
		p = skip_blanks(take_number(p, end, number, is_good), end);
		if (!is_good || p == end)
			return false;
		if (n < capacity)
			numbers[n] = number;
		n++;
		if (*p == ']')
			break;
		if (*p != ',')
			return false;
		p = skip_blanks(p + 1, end);
	}
	*count = n;
	return skip_blanks(p + 1, end) == end;
}

extern "C" bool decimal_is_json(const char *text, size_t size)
{
	size_t i = size > 0 && text[0] == '-' ? 1 : 0;
	size_t digits = skip_digits(text, size, i);
	if (digits == i || (text[i] == '0' && digits > i + 1))
		return false;
	i = digits;
	if (i < size && text[i] == '.') {
		digits = skip_digits(text, size, i + 1);
		if (digits == i + 1)
			return false;
		i = digits;
	}
	if (i < size && (text[i] == 'e' || text[i] == 'E')) {
		i++;
		if (i < size && (text[i] == '+' || text[i] == '-'))
			i++;
		digits = skip_digits(text, size, i);
		if (digits == i)
			return false;
		i = digits;
	}
	return i == size;
}

extern "C" bool decimal_read(const char *text, size_t size, double *out)
{
	if (size > 1 && text[0] == '+' && text[1] != '-') {
		text++;
		size--;
	}
	auto result = std::from_chars(text, text + size, *out);
	if (result.ptr != text + size || size == 0)
		return false;
	if (result.ec == std::errc::result_out_of_range)
		return read_slowly(text, size, out);
	return result.ec == std::errc();
}
