/* SPDX-License-Identifier: Apache-2.0 */
/* Decimal numbers as text, whatever the locale. */
#ifndef INGEST_DECIMAL_H
#define INGEST_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* RFC 8259 section 6: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? */
bool decimal_is_json(const char *text, size_t size);
/* The double nearest to the number that the whole text is: digits with an optional sign, point and exponent; "inf" and
 * "nan" are numbers too. What is too large becomes infinite. False if the text is no number. */
bool decimal_read(const char *text, size_t size, double *out);

/* Reads the JSON array of numbers that the text begins with; *end is behind its bracket. DECIMAL_MARGIN bytes before and behind
 * the text must be readable. Up to capacity numbers are stored, all are counted. False if it is anything else, or has a number
 * beyond double: whoever wants to know what, looks again. */
#define DECIMAL_MARGIN 64
bool decimal_read_array(const char *text, size_t size, double *numbers, size_t capacity, size_t *count, const char **end);

/* As decimal_read, but faster, of a text with as much around it. */
bool decimal_read_inside(const char *text, size_t size, double *out);

#ifdef __cplusplus
}
#endif

#endif
