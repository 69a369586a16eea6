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

static void test_decimals(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		double value; /* 7777: no number */
		bool is_json;
	} CASES[] = {
		{"0", 0, true}, {"-0", 0, true}, {"12", 12, true}, {"-1.5e3", -1500, true}, {"+2", 2, false}, {"1e+2", 100, true},
		{".5", 0.5, false}, {"5.", 5, false}, {"007", 7, false}, {"0.1", 0.1, true}, {"16777217", 16777217, true},
		{"1e400", INFINITY, true}, {"-1e400", -INFINITY, true}, {"1e-400", 0, true}, {"4.9e-324", 4.9e-324, true},
		{"inf", INFINITY, false}, {"-Infinity", -INFINITY, false},
		{"0.1000000000000000055511151231257827021181583404541015625", 0.1, true},
		{"", 7777, false}, {"-", 7777, false}, {"+", 7777, false}, {"+-1", 7777, false}, {"--1", 7777, false}, {"1,5", 7777, false},
		{"0x10", 7777, false}, {"1e", 7777, false}, {"e1", 7777, false}, {"1 ", 7777, false}, {" 1", 7777, false},
		{"1_0", 7777, false}, {"1.2.3", 7777, false}, {".", 7777, false}, {"-.", 7777, false}, {"1e5x", 7777, false},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		double value = 7777;
		bool is_number = decimal_read(CASES[i].text, strlen(CASES[i].text), &value);
		if (is_number != (CASES[i].value != 7777) || (is_number && value != CASES[i].value) ||
		    decimal_is_json(CASES[i].text, strlen(CASES[i].text)) != CASES[i].is_json)
			fail_msg("'%s' is read as %d %g", CASES[i].text, is_number, value);
	}
	double value;
	assert_true(decimal_read("nan", 3, &value) && isnan(value));
}

static bool is_same_double(double a, double b)
{
	return memcmp(&a, &b, sizeof a) == 0;
}

/* Random numbers in many spellings, against strtod. */
static void test_random_arrays(void **state)
{
	(void)state;
	static const char *const BLANKS[] = {"", " ", "", "\n\t", "  "};
	const char *scale = getenv("CEL_TEST_SCALE");
	unsigned rounds = 4000 * (scale != NULL ? (unsigned)atoi(scale) : 1);
	for (unsigned round = 0; round < rounds; round++) {
		char text[3000] = "[";
		double want[20], got[20];
		size_t n = random_next() % 21, length = 1, count = 999;
		for (size_t i = 0; i < n; i++) {
			char number[80];
			double value;
			uint64_t bits = random_next();
			memcpy(&value, &bits, sizeof value);
			if (!isfinite(value) || random_next() % 4 != 0)
				value = ((double)(int64_t)random_next()) / pow(10, (double)(random_next() % 24));
			int digits = 1 + (int)(random_next() % 24);
			snprintf(number, sizeof number, random_next() % 3 != 0 ? "%.*g" : "%.*e", digits, value);
			want[i] = strtod(number, NULL);
			if (!isfinite(want[i])) /* rounded up beyond the largest */
				want[i] = strtod(strcpy(number, "-0.0"), NULL);
			length += (size_t)snprintf(text + length, sizeof text - length, "%s%s%s%s", i > 0 ? "," : "",
						   BLANKS[random_next() % 5], number, BLANKS[random_next() % 5]);
		}
		text[length++] = ']';
		memset(text + length, '7', DECIMAL_PADDING); /* is not to be taken for a part of it */
		assert_true(decimal_read_array(text, length, got, 20, &count));
		assert_int_equal(count, n);
		for (size_t i = 0; i < n; i++)
			if (!is_same_double(got[i], want[i]))
				fail_msg("number %zu of %.*s is read as %.17g, not %.17g", i, (int)length, text, got[i], want[i]);
		assert_false(decimal_read_array(text, length - 1, got, 20, &count)); /* cut before its bracket */
	}
	double number = 0; /* control: the comparison sees the last bit */
	size_t count;
	assert_true(decimal_read_array("[0.30000000000000004]                ", 21, &number, 1, &count));
	assert_false(is_same_double(number, 0.3));
}

static void test_arrays(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"[]", "[ ]  ", "[0]", "[-0.0,1E5 , 2e-05]\n", "[10000000000000000000000,1e22,1e23]"};
	static const char *const BAD[] = {
		"", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[01]", "[-01]", "[00]", "[1.]", "[.5]", "[+1]", "[-]",
		"[--1]", "[1e]", "[1e+]", "[1e5.5]", "[1.2.3]", "[1e400]", "[-1e400]", "[1e99999999999]", "[0x1]", "[null]", "[\"1\"]",
		"[[1]]", "[1]]", "[1] 2", "[1]x", "{1}", "1", "[NaN]", "[Infinity]", "[1_0]", "[- 1]", "[1e 5]", "[1 .5]",
	};
	double numbers[2];
	size_t count;
	for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD + sizeof BAD / sizeof *BAD; i++) {
		bool is_good = i < sizeof GOOD / sizeof *GOOD;
		const char *text = is_good ? GOOD[i] : BAD[i - sizeof GOOD / sizeof *GOOD];
		char padded[100] = "";
		snprintf(padded, sizeof padded, "%s", text);
		if (decimal_read_array(padded, strlen(text), numbers, 2, &count) != is_good)
			fail_msg("%s is %s", text, is_good ? "refused" : "taken");
	}
	assert_true(decimal_read_array("[1,2,3,4,5]                  ", 11, numbers, 2, &count));
	assert_true(count == 5 && numbers[0] == 1 && numbers[1] == 2);
}

int main(void)
{
	const char *seed = getenv("CEL_TEST_SEED");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) | 1 : 20261122;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)random_state);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_rows), cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_decimals),  cmocka_unit_test(test_random_arrays), cmocka_unit_test(test_arrays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
