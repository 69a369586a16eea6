/* SPDX-License-Identifier: Apache-2.0 */
/* Both forms come from the same calls, so neither has a figure that the other lacks. */
#include "sheet.h"

#include <inttypes.h>

#include "print.h"

static void open_json(struct sheet *f, char bracket)
{
	putchar(bracket);
	f->has_items[++f->depth] = false;
}

static void close_json(struct sheet *f, char bracket)
{
	putchar(bracket);
	f->depth--;
}

static void separate(struct sheet *f)
{
	if (f->has_items[f->depth])
		putchar(',');
	f->has_items[f->depth] = true;
}

static void begin_value(struct sheet *f, const char *key)
{
	if (f->is_json) {
		separate(f);
		print_json_text(stdout, key);
		putchar(':');
		return;
	}
	if (!f->is_row)
		printf("%s%s%s", f->group != NULL ? f->group : "", f->group != NULL ? "." : "", key);
	putchar('\t');
}

static void end_value(struct sheet *f)
{
	if (!f->is_json && !f->is_row)
		putchar('\n');
}

void sheet_begin(struct sheet *f, bool is_json)
{
	*f = (struct sheet){.is_json = is_json};
	if (is_json)
		open_json(f, '{');
}

void sheet_end(struct sheet *f)
{
	if (!f->is_json)
		return;
	close_json(f, '}');
	putchar('\n');
}

void sheet_count(struct sheet *f, const char *key, uint64_t value)
{
	begin_value(f, key);
	printf("%" PRIu64, value);
	end_value(f);
}

void sheet_real(struct sheet *f, const char *key, double value)
{
	begin_value(f, key);
	printf("%.6g", value);
	end_value(f);
}

void sheet_flag(struct sheet *f, const char *key, bool value)
{
	begin_value(f, key);
	fputs(f->is_json ? value ? "true" : "false" : value ? "yes" : "no", stdout);
	end_value(f);
}

void sheet_text(struct sheet *f, const char *key, const char *value)
{
	begin_value(f, key);
	if (f->is_json)
		print_json_text(stdout, value);
	else
		print_tsv_text(stdout, value);
	end_value(f);
}

void sheet_time(struct sheet *f, const char *key, uint64_t unix_seconds)
{
	begin_value(f, key);
	fputs(f->is_json ? "\"" : "", stdout);
	print_time(stdout, unix_seconds);
	fputs(f->is_json ? "\"" : "", stdout);
	end_value(f);
}

void sheet_none(struct sheet *f, const char *key)
{
	begin_value(f, key);
	fputs(f->is_json ? "null" : "-", stdout);
	end_value(f);
}

void sheet_group(struct sheet *f, const char *name)
{
	f->group = name;
	if (!f->is_json)
		return;
	begin_value(f, name);
	open_json(f, '{');
}

void sheet_group_end(struct sheet *f)
{
	f->group = NULL;
	if (f->is_json)
		close_json(f, '}');
}

void sheet_list(struct sheet *f, const char *names)
{
	if (!f->is_json)
		return;
	begin_value(f, names);
	open_json(f, '[');
}

void sheet_row(struct sheet *f, const char *name)
{
	f->is_row = true;
	if (!f->is_json) {
		printf("%s%s%s", f->group != NULL ? f->group : "", f->group != NULL ? "." : "", name);
		return;
	}
	separate(f);
	open_json(f, '{');
}

void sheet_row_end(struct sheet *f)
{
	f->is_row = false;
	if (f->is_json)
		close_json(f, '}');
	else
		putchar('\n');
}

void sheet_list_end(struct sheet *f)
{
	if (f->is_json)
		close_json(f, ']');
}
