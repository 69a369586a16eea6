/* SPDX-License-Identifier: Apache-2.0 */
/* Named figures on stdout: as lines of key and value between tabs, a key in a group being GROUP.KEY; or as one JSON object, with
 * the groups as objects. A list is a line a row that begins with its name, or an array of objects. */
#ifndef TOOLS_SHEET_H
#define TOOLS_SHEET_H

#include "json_line.h"

struct sheet {
	bool is_json;
	struct json json;
	const char *group; /* NULL: none is open */
	bool is_row;       /* in a list */
};

void sheet_begin(struct sheet *f, bool is_json);
void sheet_end(struct sheet *f);

void sheet_count(struct sheet *f, const char *key, uint64_t value);
void sheet_real(struct sheet *f, const char *key, double value);
void sheet_flag(struct sheet *f, const char *key, bool value); /* yes or no; true or false */
void sheet_text(struct sheet *f, const char *key, const char *value);
void sheet_time(struct sheet *f, const char *key, uint64_t unix_seconds);
void sheet_none(struct sheet *f, const char *key); /* - or null */

void sheet_group(struct sheet *f, const char *name);
void sheet_group_end(struct sheet *f);
/* A list of rows, which all have the same keys. `name` is that of a row, `names` the key of the array. */
void sheet_list(struct sheet *f, const char *names);
void sheet_row(struct sheet *f, const char *name);
void sheet_row_end(struct sheet *f);
void sheet_list_end(struct sheet *f);

#endif
