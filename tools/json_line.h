/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one line of JSON: an object, in the order of the calls. Commas take care of themselves. `key` is a word of ours, which needs
 * no escapes; in an array it is NULL. */
#ifndef TOOLS_JSON_LINE_H
#define TOOLS_JSON_LINE_H

#include <stdio.h>

#include "cel.h"

struct json {
	FILE *out;
	bool is_behind; /* another value, from which a comma parts the next one */
};

void json_begin(struct json *j, FILE *out);
void json_end(struct json *j);
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);

void json_null(struct json *j, const char *key);
void json_flag(struct json *j, const char *key, bool value);
void json_count(struct json *j, const char *key, uint64_t value);
void json_number(struct json *j, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
void json_float(struct json *j, const char *key, float value); /* the shortest decimal that reads back to the same */
void json_string(struct json *j, const char *key, const void *text, size_t size);
void json_text(struct json *j, const char *key, const char *text);
void json_optional(struct json *j, const char *key, const char *text); /* null for NULL and "" */
void json_time(struct json *j, const char *key, uint64_t unix_seconds);
/* An array of numbers; bits as a string of hexadecimal digits. */
void json_vector(struct json *j, const char *key, enum cel_type type, const uint8_t *vector, uint32_t dim);
void json_value(struct json *j, const char *key, const void *text, size_t size); /* which is JSON already */

void json_quote(FILE *out, const void *text, size_t size); /* a string alone */

#endif
