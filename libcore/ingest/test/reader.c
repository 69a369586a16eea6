/* SPDX-License-Identifier: Apache-2.0 */
/* Readers, over files and pipes and under every CEL_IO: what is good gives the same rows in every format, what is bad
 * is named in one line and nothing more is believed than what was read. */
#include "reader.h"

#include <errno.h>
#include <math.h>
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
#include "buf.h"
#include "bytes.h"
#include "element.h"
#include "fault.h"
#include "reading.h"
#include "record.h"
#include "stream.h"
#include "vecs.h"

static void check_jsonl(const struct cel_schema *schema, bool is_id_optional, const char *content, const char *rows,
			const char *errors)
{
	const char *name = file_path("rows.jsonl");
	write_file(name, slice_text(content));
	struct outcome o = read_file(
		name, (struct reader_options){.schema = schema, .format = READER_AUTO, .is_id_optional = is_id_optional});
	expect_text(&o.rows, rows);
	expect_errors(name, &o, errors);
	outcome_release(&o);
}

#define ROW_123 "0000803f0000004000004040"

static void test_jsonl_good(void **state)
{
	(void)state;
	check_jsonl(&F32_3, false, "{\"id\": \"a\", \"vector\": [1, 2, 3]}\n", "a\t" ROW_123 "\t\n", "");
	check_jsonl(&F32_3, false, "\n \t\r\n{\"vector\":[1.0,2e0,30e-1],\"id\":\"a\"}", "a\t" ROW_123 "\t\n", "");
	check_jsonl(&F32_3, false,
		    "{\"metadata\":{\"b\":1.0,\"a\":[1e400]},\"id\":\"\\u00e9\",\"vector\":[1,2,3]}\r\n\r\n"
		    "{\"id\":\"b\",\"metadata\":null,\"vector\":[1,2,3]}\r\n"
		    "{\"id\":\"c\",\"metadata\":{},\"vector\":[1,2,3]}",
		    "\xc3\xa9\t" ROW_123 "\t{\"a\":[1e400],\"b\":1.0}\nb\t" ROW_123 "\t\nc\t" ROW_123 "\t{}\n", "");
	check_jsonl(&F32_3, true, "{\"vector\":[1,2,3]}\n{\"id\":\"q\",\"vector\":[1,2,3]}", "\t" ROW_123 "\t\nq\t" ROW_123 "\t\n",
		    "");
	check_jsonl(&F32_3, false, "", "", "");
	check_jsonl(&F32_3, false, "\n\n", "", "");
	/* Subnormals and -0 are kept; what is below the smallest becomes 0; halves go to the even neighbour. */
	check_jsonl(&F32_3, false, "{\"id\":\"a\",\"vector\":[-0.0,1e-45,1e-400]}", "a\t" "0000008001000000" "00000000\t\n", "");
	check_jsonl(&F32_3, false, "{\"id\":\"a\",\"vector\":[16777217,16777219,0.1]}", "a\t0000804b0200804bcdcccc3d\t\n", "");
}

static void test_jsonl_bad(void **state)
{
	(void)state;
	static const char *const CASES[][2] = {
		{"{\"id\":\"x\",\"vector\":[1,2,null]}", "line 2: id \"x\": element 3 of the vector is no number"},
		{"{\"id\":\"x\",\"vector\":[1,\"2\",3]}", "line 2: id \"x\": element 2 of the vector is no number"},
		{"{\"id\":\"x\",\"vector\":[1,2,[3]]}", "line 2: id \"x\": element 3 of the vector is no number"},
		{"{\"id\":\"x\",\"vector\":[1,2,1e39]}", "line 2: id \"x\": element 3: 1e+39 is too large for f32"},
		{"{\"id\":\"x\",\"vector\":[1,1e400,3]}", "line 2: id \"x\": element 2 is too large"},
		{"{\"id\":\"x\",\"vector\":[1,-1e999,3]}", "line 2: id \"x\": element 2 is too large"},
		{"{\"id\":\"x\",\"vector\":[1,2]}", "line 2: id \"x\": the vector has 2 elements, not 3 as in the collection"},
		{"{\"id\":\"x\",\"vector\":[]}", "line 2: id \"x\": the vector has 0 elements, not 3 as in the collection"},
		{"{\"id\":\"x\",\"vector\":[1,2,3,4,5]}", "line 2: id \"x\": the vector has 5 elements, not 3 as in the collection"},
		{"{\"id\":\"x\"}", "line 2: id \"x\": no vector"},
		{"{\"vector\":[1,2,3]}", "line 2: no id"},
		{"{}", "line 2: no vector"},
		{"{\"id\":\"\",\"vector\":[1,2,3]}", "line 2: the id is empty"},
		{"{\"id\":\"a\\nb\",\"vector\":[1,2,3]}", "line 2: the id has a control character (byte 2)"},
		{"{\"id\":\"a\\udc00\",\"vector\":[1,2,3]}", NULL},
		{"{\"id\":7,\"vector\":[1,2,3]}", "line 2: the id is no string"},
		{"{\"id\":\"x\",\"vector\":\"1,2,3\"}", "line 2: id \"x\": the vector is no array of numbers"},
		{"{\"id\":\"x\",\"vector\":{\"0\":1}}", "line 2: id \"x\": the vector is no array of numbers"},
		{"{\"id\":\"x\",\"vector\":null}", "line 2: id \"x\": the vector is no array of numbers"},
		{"{\"id\":\"x\",\"vector\":[1,2,3],\"metadata\":[]}", "line 2: id \"x\": the metadata is no object"},
		{"{\"id\":\"x\",\"vector\":[1,2,3],\"metadata\":\"\"}", "line 2: id \"x\": the metadata is no object"},
		{"{\"id\":\"x\",\"vector\":[1,2,3],\"metadata\":{\"a\":1,\"a\":1}}",
		 "line 2: id \"x\": the key \"a\" stands twice in one object"},
		{"{\"id\":\"x\",\"id\":\"x\",\"vector\":[1,2,3]}", "line 2: id \"x\": the key \"id\" stands twice"},
		{"{\"id\":\"x\",\"vector\":[1,2,3],\"vector\":[1,2,3]}", "line 2: id \"x\": the key \"vector\" stands twice"},
		{"{\"id\":\"x\",\"vec\":[1,2,3]}", "line 2: id \"x\": unknown key \"vec\" (known: id, vector, metadata)"},
		{"{\"id\":\"x\",\"vector\":[1,2,3", "line 2: not JSON: it stops half-way: an array or object is not closed"},
		{"{\"id\":\"x\",\"vector\":[1,2,3]", "line 2: not JSON: it stops half-way: an array or object is not closed"},
		{"{\"id\":\"x", "line 2: not JSON: a string without its closing quote"},
		{"{\"id\":\"x\",\"vector\":[1,2,NaN]}", "line 2: id \"x\": element 3 of the vector is no number"},
		{"{\"id\":\"x\",\"vector\":[1,2,3,]}", NULL},
		{"{\"id\":\"x\",\"vector\":[1,,2,3]}", NULL},
		{"{\"id\":\"x\",\"vector\":[1 2,3]}", NULL},
		{"{\"id\":\"x\",\"vector\":[1,2,03]}", NULL},
		{"{\"id\":\"x\",\"vector\":[1,2,3.]}", NULL},
		{"{\"id\":\"x\",\"vector\":[1,2,3}", NULL},
		{"{\"id\":\"x\",\"vector\":[1,2,3]} {}", "line 2: id \"x\": not JSON: something follows the object"},
		{"{\"id\":\"x\",\"vector\":[1,2,3]},", NULL},
		{"[1,2,3]", "line 2: not JSON: it is no object"},
		{"hello", NULL},
		{"{\"id\":\"\xff\",\"vector\":[1,2,3]}", "line 2: not JSON: invalid UTF-8"},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		char content[1000], errors[1000];
		snprintf(content, sizeof content, "{\"id\":\"a\",\"vector\":[1,2,3]}\n%s\n{\"id\":\"b\",\"vector\":[1,2,3]}\n",
			 CASES[i][0]);
		const char *name = file_path("rows.jsonl");
		write_file(name, slice_text(content));
		struct outcome o = read_file(name, (struct reader_options){.schema = &F32_3});
		if (o.n_errors != 1)
			print_message("%s: %d errors\n", CASES[i][0], (int)o.n_errors);
		assert_int_equal(o.n_errors, 1);
		assert_int_equal(o.code, CEL_EDATA);
		expect_text(&o.rows, "a\t" ROW_123 "\t\nb\t" ROW_123 "\t\n"); /* the lines around it are read */
		snprintf(errors, sizeof errors, "NAME: %s\n", CASES[i][1]);
		if (CASES[i][1] != NULL)
			expect_errors(name, &o, errors);
		outcome_release(&o);
	}
}

static void test_rules_of_records(void **state)
{
	(void)state;
	struct cel_schema cosine = F32_3, bytes = F32_3, half = F32_3;
	cosine.metric = CEL_COSINE;
	bytes.type = CEL_I8;
	half.type = CEL_F16;
	check_jsonl(&cosine, false, "{\"id\":\"z\",\"vector\":[0,0,-0]}", "",
		    "NAME: line 1: id \"z\": the vector is zero, which has no direction (metric cosine)\n");
	check_jsonl(&bytes, false, "{\"id\":\"a\",\"vector\":[-128,127,1e1]}\n{\"id\":\"b\",\"vector\":[1,128,3]}\n"
				   "{\"id\":\"c\",\"vector\":[1,2,3.5]}",
		    "a\t807f0a\t\n",
		    "NAME: line 2: id \"b\": element 2: 128 is out of range (-128 to 127)\n"
		    "NAME: line 3: id \"c\": element 3: 3.5 is no whole number\n");
	check_jsonl(&half, false, "{\"id\":\"a\",\"vector\":[1,2,65504]}\n{\"id\":\"b\",\"vector\":[1,65520,3]}", "a\t003c0040ff7b\t\n",
		    "NAME: line 2: id \"b\": element 2: 65520 is too large for f16\n");
}

/* ------------------------------------------------------------------------------------------------ .npy */

static void make_npy(struct buf *b, int major, const char *header, const void *data, size_t size)
{
	struct cel_error e;
	uint8_t prefix[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', (uint8_t)major, 0};
	size_t length = strlen(header);
	if (major == 1)
		store_le16(prefix + 8, (uint16_t)length);
	else
		store_le32(prefix + 8, (uint32_t)length);
	buf_clear(b);
	assert_int_equal(buf_append(b, prefix, major == 1 ? 10 : 12, &e), 0);
	assert_int_equal(buf_append_text(b, header, &e), 0);
	assert_int_equal(buf_append(b, data, size, &e), 0);
}

static const float ROWS[6] = {1, 2, 3, 1, 2, 3};

static void check_npy(int major, const char *header, size_t size, const char *rows, const char *errors)
{
	struct buf b = {0};
	make_npy(&b, major, header, ROWS, size);
	const char *name = file_path("rows.npy");
	write_file(name, buf_slice(&b));
	struct outcome o = read_file(name, (struct reader_options){.schema = &F32_3, .id_prefix = "r"});
	expect_text(&o.rows, rows);
	if (errors != NULL)
		expect_errors(name, &o, errors);
	else
		assert_int_equal(o.n_errors, 1);
	if (o.n_errors > 0)
		assert_int_equal(o.code, CEL_EDATA);
	outcome_release(&o);
	buf_release(&b);
}

#define TWO_ROWS "r0\t" ROW_123 "\t\nr1\t" ROW_123 "\t\n"
#define HEADER(shape) "{'descr': '<f4', 'fortran_order': False, 'shape': " shape ", }          \n"

static void test_npy_good(void **state)
{
	(void)state;
	for (int major = 1; major <= 3; major++)
		check_npy(major, HEADER("(2, 3)"), 24, TWO_ROWS, "");
	check_npy(1, HEADER("(3,)"), 12, "r0\t" ROW_123 "\t\n", "");
	check_npy(1, HEADER("(0, 3)"), 0, "", "");
	check_npy(1, "{\"shape\":(2L,3L,),\"descr\":\"<f4\",\"fortran_order\":False}", 24, TWO_ROWS, "");
	check_npy(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 3)}", 12, "r0\t" ROW_123 "\t\n", "");
	check_npy(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (3,)}", 12, "r0\t" ROW_123 "\t\n", "");
}

static void test_npy_bad(void **state)
{
	(void)state;
	check_npy(1, HEADER("(2, 3)"), 23, "r0\t" ROW_123 "\t\n",
		  "NAME: row 2: truncated: the file ends in this row, the header tells of 2\n");
	check_npy(1, HEADER("(2, 3)"), 12, "r0\t" ROW_123 "\t\n",
		  "NAME: row 2: truncated: the file ends in this row, the header tells of 2\n");
	check_npy(1, HEADER("(1, 3)"), 13, "r0\t" ROW_123 "\t\n",
		  "NAME: row 2: the header lies: more bytes follow the 1 rows that it tells of\n");
	check_npy(1, HEADER("(2, 4)"), 24, "", "NAME: the dimension is 4, not 3 as in the collection\n");
	check_npy(1, HEADER("(2, 3, 1)"), 24, "",
		  "NAME: an array of 3 dimensions, not of 2 (rows, elements) or 1 (a single vector)\n");
	check_npy(1, HEADER("()"), 4, "", "NAME: an array of 0 dimensions, not of 2 (rows, elements) or 1 (a single vector)\n");
	check_npy(1, HEADER("(1000000000000, 3)"), 24, TWO_ROWS,
		  "NAME: row 3: truncated: the file ends in this row, the header tells of 1000000000000\n");
	check_npy(1, HEADER("(4611686018427387904, 3)"), 24, "",
		  "NAME: the header lies: no file holds 4611686018427387904 rows\n");
	check_npy(1, HEADER("(18446744073709551616, 3)"), 24, "", "NAME: the header's shape is no tuple of counts\n");
	check_npy(1, HEADER("(-2, 3)"), 24, "", "NAME: the header's shape is no tuple of counts\n");
	check_npy(1, HEADER("(2, 3"), 24, "", NULL);
	check_npy(1, HEADER("(2 3)"), 24, "", NULL);
	check_npy(1, HEADER("[2, 3]"), 24, "", NULL);
	check_npy(1, HEADER("(2, x)"), 24, "", NULL);
	check_npy(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", 24, "",
		  "NAME: the array is in Fortran order: save it with numpy.ascontiguousarray\n");
	check_npy(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2, 3)}", 24, "",
		  "NAME: elements of type '<i8' (wanted: f4, f8, f2, i1, u1 or b1)\n");
	check_npy(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2, 3)}", 24, "",
		  "NAME: the header's descr is no plain type (wanted: f4, f8, f2, i1, u1 or b1)\n");
	check_npy(1, "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3)}", 24, "", NULL);
	check_npy(1, "{'descr': '|f4', 'fortran_order': False, 'shape': (2, 3)}", 24, "", NULL);
	check_npy(1, "{'descr': '<f4', 'shape': (2, 3)}", 24, "", "NAME: the header is no dict of descr, fortran_order and shape\n");
	check_npy(1, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", 24, "", NULL);
	check_npy(1, "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}", 24, "", NULL);
	check_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x", 24, "", NULL);
	check_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}", 24, "",
		  "NAME: the header's key 'more' is unknown or stands twice\n");
	check_npy(1, "{'descr: '<f4'", 24, "", NULL);
	check_npy(1, "", 24, "", NULL);
	check_npy(4, HEADER("(2, 3)"), 24, "", "NAME: an .npy file of version 4.0 (known: 1.0, 2.0, 3.0)\n");
	const char *name = file_path("rows.npy");
	struct buf b = {0};
	make_npy(&b, 2, HEADER("(2, 3)"), ROWS, 24);
	store_le32(b.data + 8, 0xfffffff0u);
	write_file(name, buf_slice(&b));
	struct outcome o = read_file(name, (struct reader_options){.schema = &F32_3, .id_prefix = "r"});
	expect_errors(name, &o, "NAME: the header has 4294967280 bytes, more than 65536\n");
	outcome_release(&o);
	for (size_t size = 0; size < 40; size++) { /* cut anywhere within the header */
		make_npy(&b, 1, HEADER("(2, 3)"), ROWS, 0);
		write_file(name, slice_make(b.data, size));
		o = read_file(name, (struct reader_options){.schema = &F32_3, .id_prefix = "r"});
		assert_int_equal(o.n_errors, 1);
		assert_int_equal(o.n_rows, 0);
		outcome_release(&o);
	}
	buf_release(&b);
}

static void test_bad_values(void **state)
{
	(void)state;
	float rows[9] = {1, 2, 3, 1, NAN, 3, 1, 2, -INFINITY};
	struct buf b = {0};
	make_npy(&b, 1, HEADER("(3, 3)"), rows, sizeof rows);
	const char *name = file_path("rows.npy");
	write_file(name, buf_slice(&b));
	struct outcome o = read_file(name, (struct reader_options){.schema = &F32_3, .id_prefix = "r"});
	expect_text(&o.rows, "r0\t" ROW_123 "\t\n");
	expect_errors(name, &o, "NAME: row 2: id \"r1\": element 2 is NaN\nNAME: row 3: id \"r2\": element 3 is infinite\n");
	outcome_release(&o);
	/* The same by way of a conversion. */
	struct cel_schema half = F32_3;
	half.type = CEL_F16;
	o = read_file(name, (struct reader_options){.schema = &half, .id_prefix = "r"});
	expect_text(&o.rows, "r0\t003c00400042\t\n");
	expect_errors(name, &o, "NAME: row 2: id \"r1\": element 2 is NaN\nNAME: row 3: id \"r2\": element 3 is infinite\n");
	outcome_release(&o);
	buf_release(&b);
}

/* --------------------------------------------------------------------------------------- .fvecs, .bvecs */

static void check_vecs(const char *file, const void *data, size_t size, const char *rows, const char *errors)
{
	const char *name = file_path(file);
	write_file(name, slice_make(data, size));
	struct outcome o = read_file(name, (struct reader_options){.schema = &F32_3, .id_prefix = ""});
	expect_text(&o.rows, rows);
	expect_errors(name, &o, errors);
	outcome_release(&o);
}

static void test_vecs(void **state)
{
	(void)state;
	uint8_t f[32] = {0}, b[14] = {3, 0, 0, 0, 1, 2, 3, 3, 0, 0, 0, 1, 2, 3};
	for (int row = 0; row < 2; row++) {
		store_le32(f + 16 * row, 3);
		for (int i = 0; i < 3; i++)
			store_le_f32(f + 16 * row + 4 + 4 * i, (float)i + 1);
	}
	static const char GOOD[] = "0\t" ROW_123 "\t\n1\t" ROW_123 "\t\n";
	static const char FIRST[] = "0\t" ROW_123 "\t\n";
	static const char CUT[] = "NAME: row 2: truncated: the file ends in this row\n";
	check_vecs("v.fvecs", f, 32, GOOD, "");
	check_vecs("v.fvecs", f, 0, "", "");
	check_vecs("v.fvecs", f, 31, FIRST, CUT);
	check_vecs("v.fvecs", f, 17, FIRST, CUT);
	check_vecs("v.bvecs", b, 14, GOOD, "");
	check_vecs("v.bvecs", b, 13, FIRST, CUT);
	b[7] = 4;
	check_vecs("v.bvecs", b, 14, FIRST, "NAME: row 2: the dimension is 4, not 3 as in the collection\n");
	b[10] = 0x80;
	check_vecs("v.bvecs", b, 14, FIRST, "NAME: row 2: the dimension is negative\n");
	store_le32(f + 16, 0x7fffffff);
	check_vecs("v.fvecs", f, 32, FIRST, "NAME: row 2: the dimension is 2147483647, not 3 as in the collection\n");
}

/* What ivecs_read makes of it: "DIM: NUMBERS...", or the message. */
static void check_ivecs(const int32_t *numbers, size_t size, uint32_t most, const char *want)
{
	uint8_t bytes[64];
	struct ivecs v;
	struct cel_error e;
	struct buf text = {0};
	for (size_t i = 0; i < (size + 3) / 4; i++)
		store_le32(bytes + 4 * i, (uint32_t)numbers[i]);
	const char *name = file_path("t.ivecs");
	write_file(name, slice_make(bytes, size));
	if (ivecs_read(name, most, &v, &e) < 0) {
		const char *message = strstr(e.message, "t.ivecs: ");
		assert_int_equal(e.code, CEL_EDATA);
		assert_non_null(message);
		assert_string_equal(message + strlen("t.ivecs: "), want);
		return;
	}
	assert_int_equal(buf_printf(&text, NULL, "%u:", v.dim), 0);
	for (uint64_t i = 0; i < v.n * v.dim; i++)
		assert_int_equal(buf_printf(&text, NULL, " %u", v.numbers[i]), 0);
	expect_text(&text, want);
	buf_release(&text);
	ivecs_release(&v);
}

static void test_ivecs(void **state)
{
	(void)state;
	int32_t n[] = {3, 7, 0, INT32_MAX, 3, 4, 5, 6};
	check_ivecs(n, 32, 0, "3: 7 0 2147483647 4 5 6");
	check_ivecs(n, 32, 3, "3: 7 0 2147483647 4 5 6");
	check_ivecs(n, 32, 2, "2: 7 0 4 5");
	check_ivecs(n, 32, 4, "row 1: 3 numbers, 4 are needed");
	check_ivecs(n, 0, 0, "there is no row in it");
	check_ivecs(n, 31, 0, "row 2: truncated: the file ends in this row");
	check_ivecs(n, 18, 0, "row 2: truncated: the file ends in this row");
	n[4] = 2;
	check_ivecs(n, 32, 0, "row 2: the dimension is 2, not 3 as in the first row");
	n[4] = -2;
	check_ivecs(n, 32, 0, "row 2: the dimension is negative");
	n[4] = 3;
	n[6] = -5;
	check_ivecs(n, 32, 2, "row 2: number 2 is negative");
	n[0] = 0;
	check_ivecs(n, 32, 0, "row 1: the dimension is 0, not in 1..65535");
	n[0] = INT32_MAX;
	check_ivecs(n, 32, 0, "row 1: the dimension is 2147483647, not in 1..65535");
}

/* A .fvecs file of dimension 0x7b begins with '{'. */
static void test_detection(void **state)
{
	(void)state;
	struct cel_schema schema = {.dim = 0x7b, .type = CEL_F32, .metric = CEL_L2};
	uint8_t row[4 + 4 * 0x7b] = {0x7b};
	const char *name = file_path("brace.fvecs");
	write_file(name, slice_make(row, sizeof row));
	struct outcome o = read_file(name, (struct reader_options){.schema = &schema, .id_prefix = "r"});
	assert_int_equal(o.n_rows, 1);
	outcome_release(&o);
	name = file_path("nameless");
	static const char *const NOTHING[] = {"id vector\n", "id\nvector,\t\n", "x\x01,y\n"};
	for (size_t i = 0; i < 3; i++) {
		write_file(name, slice_text(NOTHING[i]));
		o = read_file(name, (struct reader_options){.schema = &F32_3});
		expect_errors(name, &o,
			      "NAME: neither content nor name tell the format: give it (npy, fvecs, bvecs, jsonl, csv, tsv, npz, hdf5, parquet, arrow or raw)\n");
		outcome_release(&o);
	}
	static const char *const TABLES[] = {"id,vector\na,1 2 3", "id\tvector\na\t1,2,3\n", "id,vector\r\na,1 2 3\r\n"};
	for (size_t i = 0; i < 3; i++) {
		write_file(name, slice_text(TABLES[i]));
		o = read_file(name, (struct reader_options){.schema = &F32_3});
		expect_text(&o.rows, "a\t" ROW_123 "\t\n");
		outcome_release(&o);
	}
	write_file(name, slice_text(" \n {\"id\":\"a\",\"vector\":[1,2,3]}"));
	o = read_file(name, (struct reader_options){.schema = &F32_3});
	assert_int_equal(o.n_rows, 1);
	outcome_release(&o);
}

/* -------------------------------------------------------------------------------------------------- ids */

static void check_ids(const char *ids, size_t size, bool is_nul, const char *rows, const char *errors)
{
	struct buf b = {0};
	make_npy(&b, 1, HEADER("(2, 3)"), ROWS, 24);
	const char *name = file_path("rows.npy");
	write_file(name, buf_slice(&b));
	write_file(ids_path, slice_make(ids, size));
	struct outcome o = read_file(
		name, (struct reader_options){.schema = &F32_3, .ids_path = ids_path, .is_ids_nul = is_nul});
	expect_text(&o.rows, rows);
	expect_errors(name, &o, errors);
	outcome_release(&o);
	buf_release(&b);
}

static void test_ids(void **state)
{
	(void)state;
	static const char GOOD[] = "a\t" ROW_123 "\t\nb c\t" ROW_123 "\t\n";
	char want[500], long_ids[CEL_ID_MAX + 10];
	check_ids("a\nb c\n", 6, false, GOOD, "");
	check_ids("a\nb c", 5, false, GOOD, "");
	check_ids("a\r\nb c\r\n", 8, false, GOOD, "");
	check_ids("a\0b c\0", 6, true, GOOD, "");
	check_ids("a\0b c", 5, true, GOOD, "");
	snprintf(want, sizeof want, "NAME: 2 rows, but %s has 1 ids\n", ids_path);
	check_ids("a\n", 2, false, "a\t" ROW_123 "\t\n", want);
	snprintf(want, sizeof want, "NAME: 2 rows, but %s has 0 ids\n", ids_path);
	check_ids("", 0, false, "", want);
	snprintf(want, sizeof want, "NAME: 2 rows, but %s has 5 ids\n", ids_path);
	check_ids("a\nb c\nc\nd\ne", 11, false, GOOD, want);
	check_ids("\nb c\n", 5, false, "b c\t" ROW_123 "\t\n", "NAME: row 1: the id is empty\n");
	check_ids("a\x01\nb c\n", 7, false, "b c\t" ROW_123 "\t\n", "NAME: row 1: the id has a control character (byte 2)\n");
	check_ids("a\xff\nb c\n", 7, false, "b c\t" ROW_123 "\t\n", "NAME: row 1: the id is not UTF-8 (byte 2)\n");
	memset(long_ids, 'x', sizeof long_ids);
	memcpy(long_ids + sizeof long_ids - 4, "\nb c", 4);
	check_ids(long_ids, sizeof long_ids, false, "b c\t" ROW_123 "\t\n", "NAME: row 1: the id has 513 bytes, more than 512\n");

	/* Ids from two sides; a bad line takes its id along. */
	const char *name = file_path("rows.jsonl");
	write_file(name, slice_text("{\"vector\":[1,2,3]}\n{\"vector\":[1]}\n{\"id\":\"x\",\"vector\":[1,2,3]}\n{\"vector\":[1,2,3]}\n"));
	write_file(ids_path, slice_text("a\nb\nc\nd\n"));
	struct outcome o = read_file(name, (struct reader_options){.schema = &F32_3, .ids_path = ids_path});
	expect_text(&o.rows, "a\t" ROW_123 "\t\nd\t" ROW_123 "\t\n");
	expect_errors(name, &o,
		      "NAME: line 2: id \"b\": the vector has 1 elements, not 3 as in the collection\n"
		      "NAME: line 3: id \"x\": the row has an id of its own, but ids are given from outside too\n");
	outcome_release(&o);
}

static void test_wrong_options(void **state)
{
	(void)state;
	struct reader *r;
	struct cel_error e;
	const char *name = file_path("rows.npy");
	struct buf b = {0};
	make_npy(&b, 1, HEADER("(2, 3)"), ROWS, 24);
	write_file(name, buf_slice(&b));
	struct reader_options o = {.schema = &F32_3};
	assert_int_equal(reader_open(name, &o, &r, &e), CEL_EUSAGE);
	o = (struct reader_options){.schema = &F32_3, .ids_path = "x", .id_prefix = "y"};
	assert_int_equal(reader_open(name, &o, &r, &e), CEL_EUSAGE);
	o = (struct reader_options){.schema = &F32_3, .ids_path = "-"};
	assert_int_equal(reader_open("-", &o, &r, &e), CEL_EUSAGE);
	o = (struct reader_options){.schema = &F32_3, .ids_path = "/nonexistent/ids"};
	assert_int_equal(reader_open(name, &o, &r, &e), CEL_ENOINPUT);
	o = (struct reader_options){.schema = &F32_3, .is_id_optional = true};
	assert_int_equal(reader_open("/nonexistent/rows.npy", &o, &r, &e), CEL_ENOINPUT);
	assert_int_equal(reader_open(name, &o, &r, &e), 0);
	assert_string_equal(reader_name(r), name);
	reader_free(r);
	buf_release(&b);
}

/* ------------------------------------------------------------------------------------------- properties */

struct matrix {
	uint32_t n, dim;
	double *values; /* each exact in the narrowest type asked for */
};

/* Values that f16 holds exactly, small whole numbers if they are for bytes. */
static void fill_matrix(struct matrix *m, bool is_for_bytes)
{
	for (size_t i = 0; i < (size_t)m->n * m->dim; i++) {
		uint16_t bits = (uint16_t)random_next();
		if ((bits & 0x7c00) == 0x7c00)
			bits &= 0xbfff;
		m->values[i] = is_for_bytes ? (double)(bits % 128) : (double)f16_to_f32(bits);
	}
}

static void put_number(struct buf *b, const char *kind, double value)
{
	uint8_t bytes[8];
	struct cel_error e;
	size_t size = (size_t)(kind[2] - '0');
	uint64_t bits = 0;
	float single = (float)value;
	if (kind[1] == 'f' && size == 8)
		memcpy(&bits, &value, 8);
	else if (kind[1] == 'f' && size == 4)
		memcpy(&bits, &single, 4);
	else if (kind[1] == 'f')
		bits = f64_to_f16(value);
	else
		bits = (uint8_t)(int)value;
	for (size_t i = 0; i < size; i++)
		bytes[kind[0] == '>' ? size - 1 - i : i] = (uint8_t)(bits >> 8 * i);
	assert_int_equal(buf_append(b, bytes, size, &e), 0);
}

static struct outcome read_as_npy(const struct matrix *m, const struct cel_schema *schema, const char *kind)
{
	struct buf b = {0}, data = {0};
	char header[200];
	for (size_t i = 0; i < (size_t)m->n * m->dim; i++)
		put_number(&data, kind, m->values[i]);
	snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (%u, %u), }\n", kind, m->n, m->dim);
	make_npy(&b, 1, header, data.data, data.size);
	const char *name = file_path("m.npy");
	write_file(name, buf_slice(&b));
	buf_release(&b);
	buf_release(&data);
	return read_file(name, (struct reader_options){.schema = schema, .id_prefix = "row/"});
}

static struct outcome read_as_vecs(const struct matrix *m, const struct cel_schema *schema, const char *kind)
{
	struct buf b = {0};
	struct cel_error e;
	for (size_t row = 0; row < m->n; row++) {
		uint8_t dim[4];
		store_le32(dim, m->dim);
		assert_int_equal(buf_append(&b, dim, 4, &e), 0);
		for (size_t i = 0; i < m->dim; i++)
			put_number(&b, kind, m->values[row * m->dim + i]);
	}
	const char *name = file_path(kind[1] == 'f' ? "m.fvecs" : "m.bvecs");
	write_file(name, buf_slice(&b));
	buf_release(&b);
	return read_file(name, (struct reader_options){.schema = schema, .id_prefix = "row/"});
}

static struct outcome read_as_jsonl(const struct matrix *m, const struct cel_schema *schema)
{
	struct buf b = {0};
	struct cel_error e;
	for (size_t row = 0; row < m->n; row++) {
		assert_int_equal(buf_printf(&b, &e, "{\"id\": \"row\\/%zu\", \"vector\": [", row), 0);
		for (size_t i = 0; i < m->dim; i++)
			assert_int_equal(buf_printf(&b, &e, "%s%.17g", i > 0 ? ", " : "", m->values[row * m->dim + i]), 0);
		assert_int_equal(buf_append_text(&b, "]}\n", &e), 0);
	}
	const char *name = file_path("m.jsonl");
	write_file(name, buf_slice(&b));
	buf_release(&b);
	return read_file(name, (struct reader_options){.schema = schema});
}

static void expect_same(struct outcome want, struct outcome got, const struct matrix *m)
{
	assert_int_equal(got.n_errors, 0);
	assert_int_equal(got.n_rows, m->n);
	assert_true(slice_equal(buf_slice(&want.rows), buf_slice(&got.rows)));
	outcome_release(&got);
}

static void test_formats_agree(void **state)
{
	(void)state;
	static const char *const KINDS[] = {"<f4", "<f8", "<f2", ">f4", ">f8", ">f2"};
	static const char *const BYTE_KINDS[] = {"|u1", "|i1", "<f4", ">f2"};
	const char *scale = getenv("CEL_TEST_SCALE");
	int rounds = 1 * (scale != NULL ? atoi(scale) : 1);
	for (int round = 0; round < rounds; round++) {
		struct matrix m = {.n = 1 + random_next() % 50, .dim = 1 + random_next() % 700};
		m.values = malloc((size_t)m.n * m.dim * sizeof *m.values);
		for (enum cel_type type = CEL_F32; type <= CEL_U8; type++) {
			bool is_for_bytes = type == CEL_I8 || type == CEL_U8 || type == CEL_BF16;
			struct cel_schema schema = {.dim = m.dim, .type = type, .metric = CEL_L2};
			fill_matrix(&m, is_for_bytes);
			struct outcome want = read_as_jsonl(&m, &schema);
			assert_int_equal(want.n_rows, m.n);
			for (size_t i = 0; i < (is_for_bytes ? 4u : 6u); i++)
				expect_same(want, read_as_npy(&m, &schema, is_for_bytes ? BYTE_KINDS[i] : KINDS[i]), &m);
			expect_same(want, read_as_vecs(&m, &schema, "<f4"), &m);
			if (is_for_bytes)
				expect_same(want, read_as_vecs(&m, &schema, "|u1"), &m);
			m.values[0] = m.values[0] == 1 ? 2 : 1; /* negative control: one element differs */
			struct outcome other = read_as_npy(&m, &schema, "<f8");
			assert_false(slice_equal(buf_slice(&want.rows), buf_slice(&other.rows)));
			outcome_release(&other);
			outcome_release(&want);
		}
		free(m.values);
	}
}

/* Lines longer than a block of the stream, and one longer than is taken. */
static void test_long_lines(void **state)
{
	(void)state;
	struct buf b = {0};
	struct cel_error e;
	for (int row = 0; row < 3; row++) {
		assert_int_equal(buf_printf(&b, &e, "{\"id\":\"%d\",%*s\"vector\":[1,2,3]}\n", row, 700000 * row, ""), 0);
	}
	const char *name = file_path("long.jsonl");
	write_file(name, buf_slice(&b));
	struct outcome o = read_file(name, (struct reader_options){.schema = &F32_3});
	assert_int_equal(o.n_rows, 3);
	outcome_release(&o);
	buf_clear(&b);
	assert_int_equal(buf_printf(&b, &e, "{\"id\":\"a\",%*s\"vector\":[1,2,3]}\n", 17 << 20, ""), 0);
	write_file(name, buf_slice(&b));
	o = read_file(name, (struct reader_options){.schema = &F32_3});
	expect_errors(name, &o, "NAME: line 1: the line has more than 16777216 bytes\n");
	outcome_release(&o);
	buf_release(&b);
}

/* Every allocation and every read that can fail, one after the other. */
static void test_faults(void **state)
{
	(void)state;
	if (is_piped)
		return;
	const char *name = file_path("faults.jsonl");
	write_file(name, slice_text("{\"id\":\"a\",\"vector\":[1,2,3],\"metadata\":{\"b\":{},\"a\":1}}\n{\"id\":\"b\",\"vector\":[1,2,3]}\n"));
	write_file(ids_path, slice_text("a\nb\n"));
	struct reader_options plain = {.schema = &F32_3}, with_ids = {.schema = &F32_3, .ids_path = ids_path};
	for (int is_npy = 0; is_npy < 2; is_npy++) {
		if (is_npy) {
			struct buf b = {0};
			make_npy(&b, 1, HEADER("(2, 3)"), ROWS, 24);
			name = file_path("faults.npy");
			write_file(name, buf_slice(&b));
			buf_release(&b);
		}
		struct outcome o = {0};
		bool was_hit = true;
		for (uint64_t nth = 1; was_hit; nth++) {
			struct reader *r = NULL;
			struct reader_row row;
			struct cel_error e;
			mem_fault_set(nth);
			int rc = reader_open(name, is_npy ? &with_ids : &plain, &r, &e);
			while (rc >= 0 && (rc = reader_next(r, &row, &e)) > 0)
				;
			was_hit = mem_fault_count() >= nth;
			mem_fault_set(0);
			assert_true(rc == 0 || (was_hit && rc == CEL_ENOMEM));
			reader_free(r);
		}
		was_hit = true;
		for (uint64_t nth = 1; was_hit; nth++) {
			io_fault_set(IO_READ, nth, EIO);
			outcome_release(&o);
			o = (struct outcome){0};
			read_rows(name, is_npy ? &with_ids : &plain, &o);
			was_hit = io_fault_count(IO_READ) >= nth;
			assert_int_equal(o.code, was_hit ? CEL_EIO : 0);
			assert_int_equal(o.n_errors, was_hit);
			io_fault_set(IO_READ, nth, 0); /* a read of one byte changes nothing */
			outcome_release(&o);
			o = (struct outcome){0};
			read_rows(name, is_npy ? &with_ids : &plain, &o);
			assert_int_equal(o.n_errors, 0);
			assert_int_equal(o.n_rows, 2);
			io_fault_set(IO_READ, 0, 0);
		}
		outcome_release(&o);
	}
}

#define N_TESTS 14u
struct mode {
	const char *io;
	bool is_piped;
};

static int set_mode(void **state)
{
	const struct mode *mode = *state;
	is_piped = mode->is_piped;
	return setenv("CEL_IO", mode->io, 1);
}

int main(void)
{
	const char *seed = getenv("CEL_TEST_SEED");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) | 1 : 20261122;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)random_state);
	signal(SIGPIPE, SIG_IGN);
	if (mkdtemp(directory) == NULL)
		return 1;
	snprintf(ids_path, sizeof ids_path, "%s/ids.txt", directory);
	static const struct CMUnitTest TESTS[N_TESTS] = {
		cmocka_unit_test(test_jsonl_good),    cmocka_unit_test(test_jsonl_bad),
		cmocka_unit_test(test_rules_of_records), cmocka_unit_test(test_npy_good),
		cmocka_unit_test(test_npy_bad),       cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_vecs),          cmocka_unit_test(test_ivecs),
		cmocka_unit_test(test_detection),
		cmocka_unit_test(test_ids),           cmocka_unit_test(test_wrong_options),
		cmocka_unit_test(test_formats_agree), cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_faults),
	};
	static struct mode modes[] = {{"", false}, {"read", false}, {"read", true}, {"uring", false}, {"uring", true}};
	static char names[5 * N_TESTS][64];
	struct CMUnitTest tests[5 * N_TESTS];
	for (size_t i = 0; i < 5 * N_TESTS; i++) {
		struct mode *mode = &modes[i / N_TESTS];
		tests[i] = TESTS[i % N_TESTS];
		snprintf(names[i], sizeof names[i], "%s CEL_IO=%s%s", tests[i].name, mode->io, mode->is_piped ? " piped" : "");
		tests[i].name = names[i];
		tests[i].setup_func = set_mode;
		tests[i].initial_state = mode;
	}
	setenv("CEL_IO", "uring", 1);
	struct stream *s = NULL;
	bool has_ring = stream_open("/dev/null", &s, NULL) == 0;
	stream_free(s);
	if (!has_ring)
		printf("# io_uring is refused here: left out\n");
	int failed = _cmocka_run_group_tests("reader", tests, (has_ring ? 5 : 3) * N_TESTS, NULL, NULL);
	char command[200];
	snprintf(command, sizeof command, "rm -r '%s'", directory);
	return system(command) != 0 || failed != 0;
}
