/* SPDX-License-Identifier: Apache-2.0 */
/* Output that any program can read back: floats in the fewest digits that give the same bits, strings escaped as
 * little as the format asks for. */
#include "print.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

void print_json_string(FILE *out, const void *text, size_t size)
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

void print_json_text(FILE *out, const char *text)
{
	print_json_string(out, text, strlen(text));
}

void print_tsv_text(FILE *out, const char *text)
{
	for (; *text != '\0'; text++) {
		static const char ESCAPED[] = "\t\n\r\\", LETTERS[] = "tnr\\";
		const char *found = strchr(ESCAPED, *text);
		if (found != NULL)
			fprintf(out, "\\%c", LETTERS[found - ESCAPED]);
		else
			putc(*text, out);
	}
}

size_t format_float(char text[CEL_ELEMENT_TEXT_MAX], float value)
{
	uint8_t bytes[4];
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(bits >> (8 * i));
	return cel_element_format(CEL_F32, bytes, 0, text);
}

void print_float(FILE *out, float value)
{
	char text[CEL_ELEMENT_TEXT_MAX];
	fwrite(text, 1, format_float(text, value), out);
}

void print_json_vector(FILE *out, enum cel_type type, const uint8_t *vector, uint32_t dim)
{
	char text[CEL_ELEMENT_TEXT_MAX];
	if (type == CEL_B1) {
		putc('"', out);
		for (size_t i = 0; i < cel_vector_size(type, dim); i++)
			fprintf(out, "%02x", vector[i]);
		putc('"', out);
		return;
	}
	for (uint32_t i = 0; i < dim; i++) {
		putc(i == 0 ? '[' : ',', out);
		fwrite(text, 1, cel_element_format(type, vector, i, text), out);
	}
	putc(']', out);
}

void print_time(FILE *out, uint64_t unix_seconds)
{
	time_t t = (time_t)unix_seconds;
	struct tm tm;
	if (unix_seconds > INT64_MAX || gmtime_r(&t, &tm) == NULL)
		fprintf(out, "@%" PRIu64, unix_seconds);
	else
		fprintf(out, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
			tm.tm_min, tm.tm_sec);
}

void print_json_record(const struct cel_record *r)
{
	printf("{\"id\":");
	print_json_string(stdout, r->id, r->id_size);
	printf(",\"vector\":");
	print_json_vector(stdout, r->schema.type, r->vector, r->schema.dim);
	if (r->metadata != NULL) {
		printf(",\"metadata\":");
		fwrite(r->metadata, 1, r->metadata_size, stdout);
	}
	printf("}\n");
}
