/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of fields: what was written by RFC 4180 comes out as it was, and a row is seen whole or not at all wherever the
 * text at hand ends. Decimals: what is a number and which one. */
#include "csv_split.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc.h"
#include "cel.h"
#include "decimal.h"

static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

#define FIELDS 6
#define FIELD_SIZE 8

struct table_row {
	size_t n;
	char fields[FIELDS][FIELD_SIZE + 1];
};

static void make_row(struct table_row *row)
{
	static const char LETTERS[] = "a\"\n\r, \tz";
	row->n = 1 + random_next() % FIELDS;
	for (size_t i = 0; i < row->n; i++) {
		size_t size = random_next() % FIELD_SIZE;
		for (size_t k = 0; k < size; k++)
			row->fields[i][k] = LETTERS[random_next() % 8];
		row->fields[i][size] = '\0';
	}
}

static void write_row(const struct table_row *row, bool is_planted, struct buf *out)
{
	for (size_t i = 0; i < row->n; i++) {
		const char *text = row->fields[i];
		bool is_quoted = !is_planted && (strpbrk(text, "\"\n\r,") != NULL || random_next() % 4 == 0);
		assert_int_equal(buf_append_text(out, i > 0 ? "," : "", NULL), 0);
		assert_int_equal(buf_append_text(out, is_quoted ? "\"" : "", NULL), 0);
		for (; *text != '\0'; text++)
			assert_int_equal(buf_append(out, "\"", is_quoted && *text == '"', NULL) +
						 buf_append_byte(out, (uint8_t)*text, NULL),
					 0);
		assert_int_equal(buf_append_text(out, is_quoted ? "\"" : "", NULL), 0);
	}
	assert_int_equal(buf_append_text(out, random_next() % 2 ? "\n" : "\r\n", NULL), 0);
}

static bool is_row(const struct csv_row *got, const struct table_row *want)
{
	if (got->fault != NULL || got->n_fields != want->n)
		return false;
	for (size_t i = 0; i < want->n; i++)
		if (!slice_equal(csv_field(got, i)->text, slice_text(want->fields[i])))
			return false;
	return true;
}

static bool round_trip(bool is_planted)
{
	struct table_row rows[3];
	size_t ends[3];
	struct buf text = {0};
	struct csv_row row = {0};
	bool is_good = true;
	for (int i = 0; i < 3; i++) {
		make_row(&rows[i]);
		write_row(&rows[i], is_planted, &text);
		ends[i] = text.size;
	}
	size_t at = 0;
	for (int i = 0; i < 3 && is_good; at = ends[i++]) {
		for (size_t end = at + 1; end <= text.size && is_good; end++) {
			/* A copy, so that reading behind its end is seen. */
			uint8_t *copy = malloc(end - at);
			memcpy(copy, text.data + at, end - at);
			int rc = csv_split(slice_make(copy, end - at), false, ',', &row, NULL);
			is_good = rc == (end >= ends[i]) && (rc == 0 || (row.size == ends[i] - at && is_row(&row, &rows[i])));
			free(copy);
		}
		/* The last line may lack its end. */
		size_t size = ends[i] - at - 1;
		if (is_good && i == 2 && text.data[text.size - 2] != '\r' && size > 0)
			is_good = csv_split(slice_make(text.data + at, size), true, ',', &row, NULL) == 1 &&
				  is_row(&row, &rows[i]) && row.size == size;
	}
	buf_release(&text);
	csv_row_release(&row);
	return is_good;
}

static void test_round_trip(void **state)
{
	(void)state;
	const char *scale = getenv("CEL_TEST_SCALE");
	unsigned n = 1000 * (scale != NULL ? (unsigned)atoi(scale) : 1);
	for (unsigned i = 0; i < n; i++)
		assert_true(round_trip(false));
	unsigned n_found = 0; /* control: fields that need quotes and have none */
	for (unsigned i = 0; i < 100; i++)
		n_found += !round_trip(true);
	assert_true(n_found > 50);
}

static void expect(const char *text, const char *fields, const char *fault, uint64_t n_lines)
{
	struct csv_row row = {0};
	struct buf got = {0};
	assert_int_equal(csv_split(slice_text(text), true, ',', &row, NULL), 1);
	for (size_t i = 0; i < row.n_fields; i++) {
		const struct csv_field *f = csv_field(&row, i);
		assert_int_equal(buf_printf(&got, NULL, "%s%.*s|", f->is_quoted ? "q" : "", (int)f->text.size,
					    (const char *)f->text.data),
				 0);
	}
	assert_int_equal(buf_append_byte(&got, '\0', NULL), 0);
	assert_string_equal((char *)got.data, fields);
	assert_int_equal(row.n_lines, n_lines);
	if (fault == NULL)
		assert_null(row.fault);
	else
		assert_non_null(strstr(row.fault, fault));
	buf_release(&got);
	csv_row_release(&row);
}

static void test_rows(void **state)
{
	(void)state;
	expect("a,b\nc", "a|b|", NULL, 1);
	expect("\n", "|", NULL, 1);
	expect(",\r\n", "||", NULL, 1);
	expect("a\r,b\r", "a\r|b|", NULL, 0);
	expect("\"a,b\",\"\",\"\"\"\"", "qa,b|q|q\"|", NULL, 0);
	expect("\"a\nb\"\r\n", "qa\nb|", NULL, 2);
	expect("5\" tall, \"x\"\n", "5\" tall| \"x\"|", NULL, 1);
	expect("\"a\"b,c\n", "qa|c|", "behind the closing quote", 1);
	expect("\"a\"\rb\n", "qa|", "behind the closing quote", 1);
	expect("a,\"b\nc", "a|qb\nc|", "not closed", 1);
	expect("\"", "q|", "not closed", 0);
	expect("\"\"\"", "q\"|", "not closed", 0);
}

static void test_too_many(void **state)
{
	(void)state;
	size_t size = CSV_FIELDS_MAX + 5;
	char *text = malloc(size);
	assert_non_null(text);
	memset(text, ',', size);
	struct csv_row row = {0};
	assert_int_equal(csv_split(slice_make(text, size), true, ',', &row, NULL), 1);
	assert_int_equal(row.n_fields, CSV_FIELDS_MAX);
	assert_non_null(row.fault);
	mem_fault_set(1);
	csv_row_release(&row);
	assert_int_equal(csv_split(slice_make(text, size), true, ',', &row, NULL), CEL_ENOMEM);
	mem_fault_set(0);
	csv_row_release(&row);
	free(text);
}

/* Texts of what matters, cut at every place: whole rows are those that a split finds there one after the other. */
static void test_cut(void **state)
{
	(void)state;
	const char *scale = getenv("CEL_TEST_SCALE");
	unsigned rounds = 3000 * (scale != NULL ? (unsigned)atoi(scale) : 1), n_quoted = 0;
	for (unsigned round = 0; round < rounds; round++) {
		char text[40];
		size_t size = random_next() % sizeof text;
		for (size_t i = 0; i < size; i++)
			text[i] = "a\"\",,\n\r\"b\n"[random_next() % 10];
		for (size_t end = 0; end <= size; end++) {
			char *copy = malloc(end + 1); /* of this size, so that a sanitizer sees who reads on */
			struct csv_row row = {0};
			size_t at = 0, from_newline = 0;
			memcpy(copy, text, end);
			while (at < end && csv_split(slice_make(copy + at, end - at), false, ',', &row, NULL) == 1)
				at += row.size;
			size_t whole = csv_cut(slice_make(copy, end), ',');
			if (whole != at)
				fail_msg("%zu bytes of '%.*s' are whole rows, not %zu", whole, (int)end, copy, at);
			for (size_t i = 0; i < end; i++)
				from_newline = copy[i] == '\n' ? i + 1 : from_newline;
			n_quoted += from_newline != at;
			csv_row_release(&row);
			free(copy);
		}
	}
	printf("# %u of them within quotes\n", n_quoted);
	assert_true(n_quoted > rounds / 4); /* control: looking for the last newline would be wrong as often */
}

int main(void)
{
	const char *seed = getenv("CEL_TEST_SEED");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) | 1 : 20261122;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)random_state);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_rows), cmocka_unit_test(test_too_many), cmocka_unit_test(test_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
