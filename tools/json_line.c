/* SPDX-License-Identifier: Apache-2.0 */
/* Between two values stands a comma, before the first of an object or an array none: so all there is to know is whether a value
 * ended last or a bracket was opened. Strings are escaped as little as the format asks for. */
#include "json_line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "print.h"

static void begin_value(struct json *j, const char *key)
{
	if (j->is_behind)
		putc(',', j->out);
	j->is_behind = true;
	if (key != NULL)
		fprintf(j->out, "\"%s\":", key);
}

static void open_bracket(struct json *j, char bracket)
{
	putc(bracket, j->out);
	j->is_behind = false;
}

static void close_bracket(struct json *j, char bracket)
{
	putc(bracket, j->out);
	j->is_behind = true;
}

void json_begin(struct json *j, FILE *out)
{
	*j = (struct json){.out = out};
	open_bracket(j, '{');
}

void json_end(struct json *j)
{
	fputs("}\n", j->out);
}

void json_object(struct json *j, const char *key)
{
	begin_value(j, key);
	open_bracket(j, '{');
}

void json_object_end(struct json *j)
{
	close_bracket(j, '}');
}

void json_array(struct json *j, const char *key)
{
	begin_value(j, key);
	open_bracket(j, '[');
}

void json_array_end(struct json *j)
{
	close_bracket(j, ']');
}

void json_value(struct json *j, const char *key, const void *text, size_t size)
{
	begin_value(j, key);
	fwrite(text, 1, size, j->out);
}

void json_null(struct json *j, const char *key)
{
	begin_value(j, key);
	fputs("null", j->out);
}

void json_flag(struct json *j, const char *key, bool value)
{
	begin_value(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_count(struct json *j, const char *key, uint64_t value)
{
	begin_value(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_number(struct json *j, const char *key, const char *format, ...)
{
	va_list args;
	begin_value(j, key);
	va_start(args, format);
	vfprintf(j->out, format, args);
	va_end(args);
}

void json_float(struct json *j, const char *key, float value)
{
	begin_value(j, key);
	print_float(j->out, value);
}

void json_quote(FILE *out, const void *text, size_t size)
{
	const unsigned char *p = text;
	putc('"', out);
	for (size_t i = 0; i < size; i++) {
		static const char ESCAPED[] = "\"\\\b\f\n\r\t", LETTERS[] = "\"\\bfnrt";
		const char *found = p[i] != '\0' ? strchr(ESCAPED, p[i]) : NULL;
		if (found != NULL)
			fprintf(out, "\\%c", LETTERS[found - ESCAPED]);
		else if (p[i] < 0x20)
			fprintf(out, "\\u%04x", p[i]);
		else
			putc(p[i], out);
	}
	putc('"', out);
}

void json_string(struct json *j, const char *key, const void *text, size_t size)
{
	begin_value(j, key);
	json_quote(j->out, text, size);
}

void json_text(struct json *j, const char *key, const char *text)
{
	json_string(j, key, text, strlen(text));
}

void json_optional(struct json *j, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_text(j, key, text);
	else
		json_null(j, key);
}

void json_time(struct json *j, const char *key, uint64_t unix_seconds)
{
	begin_value(j, key);
	putc('"', j->out);
	print_time(j->out, unix_seconds);
	putc('"', j->out);
}

void json_vector(struct json *j, const char *key, enum cel_type type, const uint8_t *vector, uint32_t dim)
{
	char text[CEL_ELEMENT_TEXT_MAX];
	begin_value(j, key);
	if (type == CEL_B1) {
		putc('"', j->out);
		for (size_t i = 0; i < cel_vector_size(type, dim); i++)
			fprintf(j->out, "%02x", vector[i]);
		putc('"', j->out);
		return;
	}
	for (uint32_t i = 0; i < dim; i++) {
		putc(i == 0 ? '[' : ',', j->out);
		fwrite(text, 1, cel_element_format(type, vector, i, text), j->out);
	}
	putc(']', j->out);
}
