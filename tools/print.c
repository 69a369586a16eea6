/* SPDX-License-Identifier: Apache-2.0 */
/* Output that any program can read back: floats in the fewest digits that give the same bits. */
#include "print.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "json_line.h"

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
	struct json j;
	json_begin(&j, stdout);
	json_string(&j, "id", r->id, r->id_size);
	json_vector(&j, "vector", r->schema.type, r->vector, r->schema.dim);
	if (r->metadata != NULL)
		json_value(&j, "metadata", r->metadata, r->metadata_size);
	json_end(&j);
}
