/* SPDX-License-Identifier: Apache-2.0 */
/* A column is called by its name in the header or, if there is no such name, by its number from 1. The vector is named by
 * one column, by a list of them, or by ranges A..B in the order of the header:
 *
 *     "embedding"     "x,y,z"     "v0..v127"     "bias,v0..v126"
 *
 * Without a word about it, the id is in the column "id" and the vector in the column "vector". */
#include "csv_columns.h"

#include <stdlib.h>
#include <string.h>

#include "alloc.h"
#include "error.h"
#include "record.h"

int text_shown(struct slice text, size_t most)
{
	size_t shown = text.size < most ? text.size : most;
	while (shown > 0 && shown < text.size && (text.data[shown] & 0xc0) == 0x80)
		shown--;
	return (int)shown;
}

void columns_release(struct columns *c)
{
	mem_free(c->list);
	mem_free(c->metadata);
	buf_release(&c->names);
	*c = (struct columns){0};
}

/* Copies the names, as the row does not stay. */
static int name_columns(struct columns *c, const struct csv_row *first, bool has_header, struct cel_error *e)
{
	for (size_t i = 0; i < c->n; i++) {
		size_t start = c->names.size;
		struct slice name = csv_field(first, i)->text;
		int rc = has_header ? buf_append(&c->names, name.data, name.size, e)
				    : buf_printf(&c->names, e, "%zu", i + 1);
		if (rc < 0)
			return rc;
		c->list[i].name.size = c->names.size - start;
	}
	const uint8_t *p = c->names.data;
	for (size_t i = 0; i < c->n; i++) {
		c->list[i].name.data = p;
		p += c->list[i].name.size;
		if (!utf8_is_valid(c->list[i].name))
			return error_set(e, CEL_EDATA, "the name of column %zu is not UTF-8", i + 1);
		for (size_t k = 0; k < c->list[i].name.size; k++)
			if (c->list[i].name.data[k] < 0x20)
				return error_set(e, CEL_EDATA, "the name of column %zu has a control character", i + 1);
	}
	return 0;
}

static int compare_names(const void *a, const void *b, void *columns)
{
	const struct columns *c = columns;
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	int order = slice_compare(c->list[x].name, c->list[y].name);
	return order != 0 ? order : (x > y) - (x < y);
}

/* All columns in the order of their names, no two alike. */
static int sort_columns(struct columns *c, struct cel_error *e)
{
	for (size_t i = 0; i < c->n; i++)
		c->metadata[i] = i;
	qsort_r(c->metadata, c->n, sizeof *c->metadata, compare_names, c);
	for (size_t i = 1; i < c->n; i++) {
		const struct column *column = &c->list[c->metadata[i]];
		if (slice_equal(c->list[c->metadata[i - 1]].name, column->name))
			return error_set(e, CEL_EDATA, "two columns are named \"%.*s\"", COLUMN_NAME(column));
	}
	return 0;
}

/* By name, else by number; NULL if there is none. */
static struct column *find_column(const struct columns *c, struct slice name)
{
	for (size_t i = 0; i < c->n; i++)
		if (slice_equal(c->list[i].name, name))
			return &c->list[i];
	size_t number = 0;
	for (size_t i = 0; i < name.size; i++) {
		if (name.data[i] < '0' || name.data[i] > '9' || number > c->n)
			return NULL;
		number = number * 10 + (size_t)(name.data[i] - '0');
	}
	return number >= 1 && number <= c->n ? &c->list[number - 1] : NULL;
}

static int no_column(struct slice name, struct cel_error *e)
{
	if (!utf8_is_valid(name))
		return error_set(e, CEL_EDATA, "no column has the name that was asked for");
	return error_set(e, CEL_EDATA, "there is no column \"%.*s\"", text_shown(name, 60), (const char *)name.data);
}

static int add_elements(struct column *first, const struct column *last, uint32_t *n,
			struct cel_error *e)
{
	if (last < first)
		return error_set(e, CEL_EDATA, "the column \"%.*s\" does not come before \"%.*s\"", COLUMN_NAME(first),
				 COLUMN_NAME(last));
	for (; first <= last; first++) {
		if (first->role != COLUMN_METADATA)
			return error_set(e, CEL_EDATA, "the column \"%.*s\" is asked for twice", COLUMN_NAME(first));
		first->role = COLUMN_ELEMENT;
		first->element = (*n)++;
	}
	return 0;
}

/* One part of the list: a name, or a range. */
static int add_part(struct columns *c, struct slice part, uint32_t *n, struct cel_error *e)
{
	struct column *column = find_column(c, part);
	if (column != NULL)
		return add_elements(column, column, n, e);
	for (size_t i = 0; i + 2 <= part.size; i++) {
		if (part.data[i] != '.' || part.data[i + 1] != '.')
			continue;
		struct slice left = slice_make(part.data, i), right = slice_make(part.data + i + 2, part.size - i - 2);
		struct column *first = find_column(c, left), *last = find_column(c, right);
		if (first == NULL || last == NULL)
			return no_column(first == NULL ? left : right, e);
		return add_elements(first, last, n, e);
	}
	return no_column(part, e);
}

static int set_vector(struct column *column, struct cel_error *e)
{
	if (column->role != COLUMN_METADATA && column->role != COLUMN_ELEMENT)
		return error_set(e, CEL_EDATA, "the column \"%.*s\" is asked for twice", COLUMN_NAME(column));
	column->role = COLUMN_VECTOR;
	return 0;
}

static int choose_vector(struct columns *c, const struct reader_options *o, struct cel_error *e)
{
	struct slice list = slice_text(o->vector_columns != NULL ? o->vector_columns : "vector");
	struct column *whole = find_column(c, list);
	if (whole != NULL)
		return set_vector(whole, e);
	if (o->vector_columns == NULL)
		return error_set(e, CEL_EDATA, "there is no column \"vector\": name the columns of the vector");
	uint32_t n = 0;
	while (list.size > 0) {
		const uint8_t *comma = memchr(list.data, ',', list.size);
		size_t size = comma != NULL ? (size_t)(comma - list.data) : list.size;
		int rc = add_part(c, slice_make(list.data, size), &n, e);
		if (rc < 0)
			return rc;
		size += comma != NULL;
		list = slice_make(list.data + size, list.size - size);
	}
	if (n != o->schema->dim)
		return error_set(e, CEL_EDATA, "the vector has %u columns, not %u as the collection has elements", n,
				 o->schema->dim);
	return 0;
}

static int choose_id(struct columns *c, const struct reader_options *o, struct cel_error *e)
{
	struct column *column = find_column(c, slice_text(o->id_column != NULL ? o->id_column : "id"));
	if (column != NULL) {
		column->role = COLUMN_ID;
		c->has_id = true;
		return 0;
	}
	if (o->id_column != NULL)
		return no_column(slice_text(o->id_column), e);
	if (o->ids_path == NULL && o->id_prefix == NULL && !o->is_id_optional)
		return error_set(e, CEL_EDATA, "there is no column \"id\": name that of the id, or give ids otherwise");
	return 0;
}

int columns_new(const struct csv_row *first, const struct reader_options *options, struct columns *out,
		struct cel_error *e)
{
	struct columns c = {.n = first->n_fields};
	c.list = mem_calloc(c.n, sizeof *c.list);
	c.metadata = mem_calloc(c.n, sizeof *c.metadata);
	int rc = c.list == NULL || c.metadata == NULL ? error_nomem(e, c.n * sizeof *c.list) : 0;
	if (rc == 0)
		rc = name_columns(&c, first, !options->is_without_header, e);
	if (rc == 0)
		rc = sort_columns(&c, e);
	if (rc == 0)
		rc = choose_id(&c, options, e);
	if (rc == 0)
		rc = choose_vector(&c, options, e);
	if (rc < 0) {
		columns_release(&c);
		return rc;
	}
	for (size_t i = 0; i < c.n; i++)
		if (c.list[c.metadata[i]].role == COLUMN_METADATA)
			c.metadata[c.n_metadata++] = c.metadata[i];
	*out = c;
	return 0;
}
