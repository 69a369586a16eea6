/* SPDX-License-Identifier: Apache-2.0 */
/* Tables and raw rows through the reader, over files and pipes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc.h"
#include "reading.h"

#define ROW_123 "0000803f0000004000004040"

static void check_table(struct reader_options options, const char *content, const char *rows, const char *errors)
{
	const char *name = file_path("table.csv");
	write_file(name, slice_text(content));
	if (options.format == READER_AUTO)
		options.format = READER_CSV;
	struct outcome o = read_file(name, options);
	expect_text(&o.rows, rows);
	expect_errors(name, &o, errors);
	outcome_release(&o);
}

static void test_tables(void **state)
{
	(void)state;
	struct reader_options plain = {.schema = &F32_3}, range = {.schema = &F32_3, .vector_columns = "x..z"};
	struct reader_options tab = {.schema = &F32_3, .format = READER_TSV};
	struct reader_options bare = {.schema = &F32_3, .vector_columns = "4,1..2", .id_column = "3", .is_without_header = true};
	check_table(plain, "\xef\xbb\xbfid,vector\r\na,\"[1,2,3]\"\r\n\r\nb,(1 2  3)\n\"c\",\" { 1 , 2,3 } \"",
		    "a\t" ROW_123 "\t\nb\t" ROW_123 "\t\nc\t" ROW_123 "\t\n", "");
	check_table(tab, "vector\tid\n1,2,3\ta,b\n", "a,b\t" ROW_123 "\t\n", "");
	check_table(bare, "2,3,a,1\n", "a\t" ROW_123 "\t\n", "");
	check_table(range, "note,x,y,z,id,Year,b\n\"say \"\"hi\"\"\",1,2,3,a,2019,\nx,1,2,3,b,007,\"12\"\n,1,2,3,c,,\n",
		    "a\t" ROW_123 "\t{\"Year\":2019,\"note\":\"say \\\"hi\\\"\"}\n"
		    "b\t" ROW_123 "\t{\"Year\":\"007\",\"b\":\"12\",\"note\":\"x\"}\n"
		    "c\t" ROW_123 "\t\n",
		    "");
	check_table(plain, "", "", "");
	check_table(plain, "\n\n", "", "");
	check_table(plain, "id,vector\n", "", "");
	check_table(range,
		    "id,x,y,z,m\na,1,2,3,4\nb,1,2,3\nc,1,2,3,4,5\nd,1,zwei,3,4\ne,1,,3,4\nf,1,2,1e39,4\ng,1,2,inf,4\n"
		    "h,1,2,3,\"a\"b\ni,1,2,3,\xff\n\"j\nj\",1,2,3,4\n,1,2,3,4\nk,\"1,5\",2,3,4\nl,1,2,3,\"4\nm,1,2,3,4\n",
		    "a\t" ROW_123 "\t{\"m\":4}\n",
		    "NAME: line 3: 4 fields, not 5 as in the header: the column \"m\" is missing\n"
		    "NAME: line 4: 6 fields, not 5 as in the header\n"
		    "NAME: line 5: id \"d\": column \"y\": \"zwei\" is no number\n"
		    "NAME: line 6: id \"e\": column \"y\": there is no number\n"
		    "NAME: line 7: id \"f\": element 3: 1e+39 is too large for f32\n"
		    "NAME: line 8: id \"g\": element 3 is infinite\n"
		    "NAME: line 9: column \"m\": text behind the closing quote\n"
		    "NAME: line 10: id \"i\": column \"m\": not UTF-8\n"
		    "NAME: line 11: the id has a control character (byte 2)\n"
		    "NAME: line 13: the id is empty\n"
		    "NAME: line 14: id \"k\": column \"x\": \"1,5\" is no number\n"
		    "NAME: line 15: column \"m\": its quote is not closed\n");
	check_table(plain, "id,vector\na,\"1,2\"\nb,\"1,2,\"\nc,\"[1,2,3\"\n", "",
		    "NAME: line 2: id \"a\": column \"vector\": the vector has 2 elements, not 3 as in the collection\n"
		    "NAME: line 3: id \"b\": column \"vector\": there is no number\n"
		    "NAME: line 4: id \"c\": column \"vector\": \"[1\" is no number\n");
}

static void test_columns(void **state)
{
	(void)state;
	static const struct {
		const char *content, *id, *vector, *error;
	} CASES[] = {
		{"a,b,c,d\n", "a", NULL, "there is no column \"vector\": name the columns of the vector"},
		{"a,b,c,d\n", NULL, "b..d", "there is no column \"id\": name that of the id, or give ids otherwise"},
		{"a,b,c,d\n", "e", "b..d", "there is no column \"e\""},
		{"a,b,c,d\n", "a", "b..e", "there is no column \"e\""},
		{"a,b,c,d\n", "a", "0..3", "there is no column \"0\""},
		{"a,b,c,d\n", "a", "2..5", "there is no column \"5\""},
		{"a,b,c,d\n", "a", "", "the vector has 0 columns, not 3 as the collection has elements"},
		{"a,b,c,d\n", "a", "b,,c", "there is no column \"\""},
		{"a,b,c,d\n", "a", "d..b", "the column \"d\" does not come before \"b\""},
		{"a,b,c,d\n", "a", "b,c", "the vector has 2 columns, not 3 as the collection has elements"},
		{"a,b,c,d\n", "b", "b..d", "the column \"b\" is asked for twice"},
		{"a,b,c,d\n", "a", "b..c,c", "the column \"c\" is asked for twice"},
		{"a,b,c,a\n", "a", "b..d", "two columns are named \"a\""},
		{"a,\xff,c\n", "a", "c", "the name of column 2 is not UTF-8"},
		{"a,\"b\nb\",c\n", "a", "c", "the name of column 2 has a control character"},
		{"a,\"b", "a", "b", "line 1: field 2: its quote is not closed"},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		char error[300];
		snprintf(error, sizeof error, "NAME: %s\n", CASES[i].error);
		check_table((struct reader_options){.schema = &F32_3, .id_column = CASES[i].id, .vector_columns = CASES[i].vector},
			    CASES[i].content, "", error);
	}
	/* A name with commas or dots is itself first. */
	check_table((struct reader_options){.schema = &F32_3, .id_column = "2", .vector_columns = "a..b,c"},
		    "\"a..b,c\",1\n1 2 3,x\n", "x\t" ROW_123 "\t\n", "");
}

/* ------------------------------------------------------------------------------------------------- raw rows */

static void check_raw(const char *type, uint32_t dim, struct slice bytes, const char *rows, const char *errors)
{
	const char *name = file_path("rows.bin");
	write_file(name, bytes);
	struct outcome o = read_file(name, (struct reader_options){.schema = &F32_3, .format = READER_RAW, .raw_type = type,
								   .raw_dim = dim, .id_prefix = "r"});
	expect_text(&o.rows, rows);
	expect_errors(name, &o, errors);
	outcome_release(&o);
}

static void test_raw(void **state)
{
	(void)state;
	static const char ROW[] = "r0\t" ROW_123 "\t\n";
	check_raw("f32", 3, slice_make("\0\0\x80?\0\0\0@\0\0@@", 12), ROW, "");
	check_raw("f64", 3, slice_make("\0\0\0\0\0\0\xf0?\0\0\0\0\0\0\0@\0\0\0\0\0\0\x08@", 24), ROW, "");
	check_raw("f16", 3, slice_make("\0<\0@\0B", 6), ROW, "");
	check_raw("bf16", 3, slice_make("\x80?\0@@@", 6), ROW, "");
	check_raw("i8", 3, slice_make("\1\2\3\1\2", 5), ROW, "NAME: row 2: truncated: the file ends in this row\n");
	check_raw("u8", 3, slice_make("\1\2\3", 3), ROW, "");
	check_raw("u8", 3, slice_make("", 0), "", "");
	check_raw("f16", 3, slice_make("\0<\0@\0|", 6), "", "NAME: row 1: id \"r0\": element 3 is infinite\n");
	check_raw("u8", 4, slice_make("\1\2\3\4", 4), "", "NAME: the dimension is 4, not 3 as in the collection\n");
	check_raw("f8", 3, slice_make("", 0), "", "NAME: 'f8' is no type of raw numbers (f32, f64, f16, bf16, i8, u8, b1)\n");
	check_raw(NULL, 3, slice_make("", 0), "", "NAME: raw rows: their type and dimension must be given\n");
	check_raw("f32", 0, slice_make("", 0), "", "NAME: raw rows: their type and dimension must be given\n");
	/* What begins like gzip is three numbers all the same. */
	check_raw("u8", 3, slice_make("\x1f\x8b\x08", 3), "r0\t0000f84100000b43" "00000041\t\n", "");
}

/* ------------------------------------------------------------------------------------------------------ bits */

/* Ten bits, 1010010101: packed they are a5 40. */
static const struct cel_schema B1_10 = {.dim = 10, .type = CEL_B1, .metric = CEL_HAMMING};

static void check_bits(const char *file, struct slice bytes, const struct reader_options *options, const char *errors)
{
	struct reader_options o = *options;
	const char *name = file_path(file);
	o.schema = &B1_10;
	o.id_prefix = "r";
	write_file(name, bytes);
	struct outcome outcome = read_file(name, o);
	expect_text(&outcome.rows, errors[0] == '\0' ? "r0\ta540\t\n" : "");
	expect_errors(name, &outcome, errors);
	outcome_release(&outcome);
	unlink(name);
}

static void check_npy_bits(const char *type, unsigned width, const char *row, const char *errors)
{
	uint8_t file[256];
	memset(file, ' ', sizeof file);
	memcpy(file, "\x93NUMPY\1\0\x76\0", 10);
	int length = snprintf((char *)file + 10, 100, "{'descr': '%s', 'fortran_order': False, 'shape': (1, %u)}", type, width);
	file[10 + length] = ' ';
	file[127] = '\n';
	memcpy(file + 128, row, width);
	check_bits("bits.npy", slice_make(file, 128 + width), &(struct reader_options){0}, errors);
}

static void test_bits(void **state)
{
	(void)state;
	static const char ELEMENTS[] = "\1\0\1\0\0\1\0\1\0\1";
	const struct reader_options any = {0}, csv = {.format = READER_CSV};
	check_npy_bits("|u1", 2, "\xa5\x40", "");
	check_npy_bits("|u1", 10, ELEMENTS, "");
	check_npy_bits("|i1", 10, ELEMENTS, "");
	check_npy_bits("|b1", 10, ELEMENTS, "");
	check_npy_bits("|u1", 2, "\xa5\x41", "NAME: row 1: id \"r0\": a bit behind the last element, 10, is set\n");
	check_npy_bits("|u1", 10, "\2\0\0\0\0\0\0\0\0\0", "NAME: row 1: id \"r0\": element 1: 2 is out of range (0 to 1)\n");
	check_npy_bits("|b1", 2, "\1\0", "NAME: the dimension is 2, not 10 as in the collection\n");
	check_npy_bits("|i1", 2, "\1\0", "NAME: the dimension is 2, not 10 as in the collection\n");
	check_npy_bits("|u1", 3, "\1\0\0", "NAME: the dimension is 3, not 10 as in the collection\n");
	check_bits("bits.bvecs", slice_make("\2\0\0\0\xa5\x40", 6), &any, "");
	check_bits("bits.bvecs", slice_make("\12\0\0\0\1\0\1\0\0\1\0\1\0\1", 14), &any, "");
	check_bits("bits.bvecs", slice_make("\3\0\0\0\1\0\1", 7), &any,
		   "NAME: row 1: the dimension is 3, not 10 as in the collection\n");
	check_bits("bits.raw", slice_make("\xa5\x40", 2),
		   &(struct reader_options){.format = READER_RAW, .raw_type = "b1", .raw_dim = 10}, "");
	check_bits("bits.jsonl", slice_text("{\"vector\":\"a540\"}\n"), &any, "");
	check_bits("bits.jsonl", slice_text("{\"vector\":\"A540\"}\n"), &any, "");
	check_bits("bits.jsonl", slice_text("{\"vector\":[1,0,1,0,0,1,0,1.0,0,1]}\n"), &any, "");
	static const char *const BAD[] = {"\"a54\"", "\"a5400\"", "\"a54g\"", "\"\"", "\"0xa540\""};
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		char line[64];
		snprintf(line, sizeof line, "{\"vector\":%s}\n", BAD[i]);
		check_bits("bits.jsonl", slice_text(line), &any,
			   "NAME: line 1: id \"r0\": the vector is no string of 4 hexadecimal digits\n");
	}
	check_bits("bits.jsonl", slice_text("{\"vector\":[1,0,1]}\n"), &any,
		   "NAME: line 1: id \"r0\": the vector has 3 elements, not 10 as in the collection\n");
	check_bits("bits.csv", slice_text("vector\na540\n"), &csv, "");
	check_bits("bits.csv", slice_text("vector\n1 0 1 0 0 1 0 1 0 1\n"), &csv, "");
	check_bits("bits.csv", slice_text("a,b,c,d,e,f,g,h,i,j\n1,0,1,0,0,1,0,1,0,1\n"),
		   &(struct reader_options){.format = READER_CSV, .vector_columns = "a..j"}, "");
	check_raw("b1", 3, slice_make("\x80", 1), "", "NAME: packed bits go into a collection of b1 only, not f32\n");
}

static void test_faults(void **state)
{
	(void)state;
	const char *name = file_path("faults.csv");
	write_file(name, slice_text("id,vector,a,b\nx,\"[1,2,3]\",\"say \"\"hi\"\"\",7\ny,1 2 3,,\n"));
	struct reader_options options = {.schema = &F32_3};
	bool was_hit = true;
	for (uint64_t nth = 1; was_hit; nth++) {
		struct reader *r = NULL;
		struct reader_row row;
		struct cel_error e;
		mem_fault_set(nth);
		int rc = reader_open(name, &options, &r, &e);
		while (rc >= 0 && (rc = reader_next(r, &row, &e)) > 0)
			;
		was_hit = mem_fault_count() >= nth;
		mem_fault_set(0);
		assert_true(rc == 0 || (was_hit && rc == CEL_ENOMEM));
		reader_free(r);
	}
}

static int set_piped(void **state)
{
	is_piped = *state != NULL;
	return 0;
}

int main(void)
{
	static int yes;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_tables, set_piped),
		cmocka_unit_test_setup(test_columns, set_piped),
		cmocka_unit_test_setup(test_raw, set_piped),
		cmocka_unit_test_setup(test_bits, set_piped),
		cmocka_unit_test_setup(test_faults, set_piped),
		{"test_tables piped", test_tables, set_piped, NULL, &yes},
		{"test_columns piped", test_columns, set_piped, NULL, &yes},
		{"test_raw piped", test_raw, set_piped, NULL, &yes},
		{"test_bits piped", test_bits, set_piped, NULL, &yes},
	};
	if (mkdtemp(directory) == NULL)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	static const char *const FILES[] = {"table.csv", "rows.bin", "faults.csv"};
	for (size_t i = 0; i < 3; i++)
		unlink(file_path(FILES[i]));
	rmdir(directory);
	return failed;
}
