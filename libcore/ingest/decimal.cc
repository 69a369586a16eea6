/* SPDX-License-Identifier: Apache-2.0 */
/* C++ for std::from_chars, which reads doubles exactly, without a locale, some times faster than strtod. It does not
 * tell the too large from the too small, so those go the slow way. Arrays have their own: decimal_array.cc. */
#include "decimal.h"

#include <charconv>
#include <clocale>
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

} // namespace

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
