/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8, one sequence at a time. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7: no overlong forms, no surrogates, at most
 * U+10FFFF), or 0. size is at least 1. */
static inline size_t utf8_sequence(const uint8_t *p, size_t size)
{
	uint8_t lead = p[0];
	if (lead < 0x80)
		return 1;
	size_t length = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
	if (length == 0 || length > size)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((lead == 0xe0 && p[1] < 0xa0) || (lead == 0xed && p[1] > 0x9f) || (lead == 0xf0 && p[1] < 0x90) ||
	    (lead == 0xf4 && p[1] > 0x8f))
		return 0;
	return length;
}

/* Whether the well-formed sequence is a control character: U+0000..1F, 7F, 80..9F. */
static inline int utf8_is_control(const uint8_t *p, size_t length)
{
	return length == 1 ? p[0] < 0x20 || p[0] == 0x7f : length == 2 && p[0] == 0xc2 && p[1] < 0xa0;
}

#endif
