/* SPDX-License-Identifier: Apache-2.0 */
/* Both forms come from the same calls, so neither has a figure that the other lacks. */
#include "sheet.h"

#include <inttypes.h>

#include "print.h"

static void print_name(const struct sheet *f, const char *name)
{
	printf("%s%s%s", f->group != NULL ? f->group : "", f->group != NULL ? "." : "", name);
}

static void begin_value(const struct sheet *f, const char *key)
{
	if (!f->is_row)
		print_name(f, key);
	putchar('\t');
}

static void end_value(const struct sheet *f)
{
	if (!f->is_row)
		putchar('\n');
}

static void put_text(const struct sheet *f, const char *key, const char *text)
{
	begin_value(f, key);
	print_tsv_text(stdout, text);
	end_value(f);
}

void sheet_begin(struct sheet *f, bool is_json)
{
	*f = (struct sheet){.is_json = is_json};
	if (is_json)
		json_begin(&f->json, stdout);
}

void sheet_end(struct sheet *f)
{
	if (f->is_json)
		json_end(&f->json);
}

void sheet_count(struct sheet *f, const char *key, uint64_t value)
{
	if (f->is_json) {
		json_count(&f->json, key, value);
		return;
	}
	begin_value(f, key);
	printf("%" PRIu64, value);
	end_value(f);
}

void sheet_real(struct sheet *f, const char *key, double value)
{
	if (f->is_json) {
		json_number(&f->json, key, "%.6g", value);
		return;
	}
	begin_value(f, key);
	printf("%.6g", value);
	end_value(f);
}

void sheet_flag(struct sheet *f, const char *key, bool value)
{
	if (f->is_json)
		json_flag(&f->json, key, value);
	else
		put_text(f, key, value ? "yes" : "no");
}

void sheet_text(struct sheet *f, const char *key, const char *value)
{
	if (f->is_json)
		json_text(&f->json, key, value);
	else
		put_text(f, key, value);
}

void sheet_time(struct sheet *f, const char *key, uint64_t unix_seconds)
{
	if (f->is_json) {
		json_time(&f->json, key, unix_seconds);
		return;
	}
	begin_value(f, key);
	print_time(stdout, unix_seconds);
	end_value(f);
}

void sheet_none(struct sheet *f, const char *key)
{
	if (f->is_json)
		json_null(&f->json, key);
	else
		put_text(f, key, "-");
}

void sheet_group(struct sheet *f, const char *name)
{
	f->group = name;
	if (f->is_json)
		json_object(&f->json, name);
}

void sheet_group_end(struct sheet *f)
{
	f->group = NULL;
	if (f->is_json)
		json_object_end(&f->json);
}

void sheet_list(struct sheet *f, const char *names)
{
	if (f->is_json)
		json_array(&f->json, names);
}

void sheet_row(struct sheet *f, const char *name)
{
	f->is_row = true;
	if (f->is_json)
		json_object(&f->json, NULL);
	else
		print_name(f, name);
}

void sheet_row_end(struct sheet *f)
{
	f->is_row = false;
	if (f->is_json)
		json_object_end(&f->json);
	else
		putchar('\n');
}

void sheet_list_end(struct sheet *f)
{
	if (f->is_json)
		json_array_end(&f->json);
}
