/* SPDX-License-Identifier: Apache-2.0 */
/* Text that is parsed in pieces by several threads: the rows and errors are the ones that were written there, in order, whatever
 * the threads, the source and the place where pieces end; a pipe's rows come as soon as they are whole; who stops half-way leaves
 * nothing running. */
#include "pieces.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc.h"
#include "bytes.h"
#include "fault.h"
#include "reading.h"

static const enum reader_format FORMATS[] = {READER_JSONL, READER_CSV};

/* A text of some pieces, and what is to come of it. */
struct book {
	struct buf text, rows, errors;
	uint64_t n_lines;
	enum reader_format format;
};

static void add(struct buf *b, const char *text)
{
	assert_int_equal(buf_append(b, text, strlen(text), NULL), 0);
}

static void add_row_wanted(struct book *b, const char *id, const float vector[3], const char *metadata)
{
	uint8_t bytes[12];
	assert_int_equal(buf_printf(&b->rows, NULL, "%s\t", id), 0);
	for (int i = 0; i < 3; i++)
		store_le_f32(bytes + 4 * i, vector[i]);
	for (int i = 0; i < 12; i++)
		assert_int_equal(buf_printf(&b->rows, NULL, "%02x", bytes[i]), 0);
	assert_int_equal(buf_printf(&b->rows, NULL, "\t%s\n", metadata), 0);
}

/* A good row; of the kinds that there are, long ones now and then. */
static void add_good(struct book *b, unsigned i)
{
	char id[40], metadata[100] = "";
	float vector[3] = {(float)(i % 1000), (float)(random_next() % 100000) / 64, -0.5f};
	bool is_long = random_next() % 3000 == 0;
	bool is_broken = b->format == READER_CSV && random_next() % 5 == 0; /* by a line's end within quotes */
	snprintf(id, sizeof id, "row %u", i);
	size_t padding = is_long ? 100000 + random_next() % 900000 : random_next() % 50;
	if (b->format == READER_JSONL) {
		snprintf(metadata, sizeof metadata, "{\"n\":%u}", i);
		buf_printf(&b->text, NULL, random_next() % 2 == 0 ? "{\"id\": \"%s\", \"vector\": [%.9g, %.9g,%.9g]%*s, \"metadata\": %s}"
								  : "{\"vector\":[%2$.9g,%3$.9g , %4$.9g],%6$*5$s\"metadata\":%7$s,\"id\":\"%1$s\"}",
			   id, (double)vector[0], (double)vector[1], (double)vector[2], (int)padding, "", metadata);
	} else {
		snprintf(metadata, sizeof metadata, is_broken ? "{\"n\":\"a\\n\\\"%u\"}" : "{\"n\":%u}", i);
		buf_printf(&b->text, NULL, is_broken ? "%s,%*s%.9g,%.9g,%.9g,\"a\n\"\"%u\"" : "%s,%*s%.9g,%.9g,%.9g,%u", id,
			   (int)padding, "", (double)vector[0], (double)vector[1], (double)vector[2], i);
		b->n_lines += is_broken;
	}
	add(&b->text, random_next() % 4 == 0 ? "\r\n" : "\n");
	add_row_wanted(b, id, vector, metadata);
}

static void add_bad(struct book *b)
{
	if (b->format == READER_JSONL) {
		static const char *const LINES[][2] = {
			{"{\"id\":\"x\",\"vector\":[1,2]}", "id \"x\": the vector has 2 elements, not 3 as in the collection"},
			{"{\"id\":\"x\",\"vector\":[1,2,", "not JSON: it stops half-way: an array or object is not closed"},
			{"{}", "no vector"},
			{"{\"metadata\":{\"vector\":[1,2,3]}}", "no vector"},
			{"{\"metadata\":{\"vector\":[1,2,3]},\"id\":\"y\",\"vector\":[1,2,null]}", "id \"y\": element 3 of the vector is no number"},
			{"{\"id\":\"\\\"vector\\\": [1,2,3]\",\"vector\":7}", "id \"\"vector\": [1,2,3]\": the vector is no array of numbers"},
		};
		size_t i = random_next() % (sizeof LINES / sizeof *LINES);
		buf_printf(&b->text, NULL, "%s\n", LINES[i][0]);
		buf_printf(&b->errors, NULL, "NAME: line %llu: %s\n", (unsigned long long)b->n_lines + 1, LINES[i][1]);
	} else {
		add(&b->text, "x,1,2,z,4\n");
		buf_printf(&b->errors, NULL, "NAME: line %llu: id \"x\": column \"c\": \"z\" is no number\n",
			   (unsigned long long)b->n_lines + 1);
	}
}

static void write_book(struct book *b, enum reader_format format, unsigned n)
{
	*b = (struct book){.format = format};
	if (format == READER_CSV) {
		add(&b->text, "id,a,b,c,n\n");
		b->n_lines = 1;
	}
	for (unsigned i = 0; i < n; i++) {
		unsigned kind = (unsigned)(random_next() % 50);
		if (kind == 0)
			add_bad(b);
		else if (kind == 1)
			add(&b->text, "\n");
		else
			add_good(b, i);
		b->n_lines++;
	}
	if (random_next() % 2 == 0) /* the last line without its end */
		b->text.size -= b->text.size > 0;
	assert_int_equal(buf_append(&b->rows, "", 1, NULL), 0);
	assert_int_equal(buf_append(&b->errors, "", 1, NULL), 0);
}

static void release_book(struct book *b)
{
	buf_release(&b->text);
	buf_release(&b->rows);
	buf_release(&b->errors);
}

static struct reader_options options_for(enum reader_format format, uint32_t threads)
{
	return (struct reader_options){.schema = &F32_3, .format = format, .threads = threads, .vector_columns = format == READER_CSV ? "a,b,c" : NULL};
}

static void test_same_rows(void **state)
{
	(void)state;
	const char *scale = getenv("CEL_TEST_SCALE");
	unsigned rounds = scale != NULL ? (unsigned)atoi(scale) : 1;
	for (unsigned round = 0; round < 2 * rounds; round++) {
		struct book b;
		write_book(&b, FORMATS[round % 2], 20000);
		const char *name = file_path("book");
		write_file(name, buf_slice(&b.text));
		for (uint32_t threads = 1; threads <= 8; threads += threads < 3 ? 1 : 5) {
			for (int way = 0; way < 2; way++) {
				is_piped = way == 1;
				struct reader_options options = options_for(b.format, threads);
				options.piece_size = threads == 2 ? 1 + random_next() % 2000 : 0;
				struct outcome o = read_file(name, options);
				expect_text(&o.rows, (const char *)b.rows.data);
				expect_errors(name, &o, (const char *)b.errors.data);
				outcome_release(&o);
			}
		}
		/* Control: a row that is another one is seen. */
		struct buf other = {0};
		assert_int_equal(buf_append(&other, b.rows.data, b.rows.size - 1, NULL), 0);
		other.data[other.size / 2] ^= 1;
		is_piped = false;
		struct outcome o = read_file(name, options_for(b.format, 3));
		assert_false(slice_equal(buf_slice(&o.rows), buf_slice(&other)));
		outcome_release(&o);
		buf_release(&other);
		release_book(&b);
	}
}

/* A pipe as standard input. */
static int open_pipe(int *saved)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	*saved = dup(STDIN_FILENO);
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	return fds[1];
}

static void close_pipe(int out, int saved)
{
	close(out);
	dup2(saved, STDIN_FILENO);
	close(saved);
}

static void put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void take(struct reader *r, const char *id)
{
	struct reader_row row;
	struct cel_error e;
	assert_int_equal(reader_next(r, &row, &e), 1);
	assert_true(slice_equal(row.id, slice_text(id)));
}

/* What was written is had before anything more is: else this waits for ever, and the alarm ends it. */
static void test_trickle(void **state)
{
	(void)state;
	static const char *const ROWS[][2] = {
		{"{\"id\":\"a\",\"vector\":[1,2,3]}\n", "{\"id\":\"b\",\"vector\":[1,2,3]}\n"},
		{"a,1,2,3,\"x\ny\"\n", "b,1,2,3,4\n"},
	};
	for (int f = 0; f < 2; f++)
		for (uint32_t threads = 1; threads <= 3; threads++) {
			int saved, out = open_pipe(&saved);
			struct reader_options options = options_for(FORMATS[f], threads);
			struct reader *r;
			struct reader_row row;
			struct cel_error e;
			const char *a = ROWS[f][0], *b = ROWS[f][1];
			put(out, f == 1 ? "id,a,b,c,n\n" : "");
			put(out, a);
			alarm(20);
			assert_int_equal(reader_open("-", &options, &r, &e), 0);
			take(r, "a");
			put(out, b);
			put(out, a);
			assert_int_equal(write(out, b, 7), 7); /* and a bit of one */
			take(r, "b");
			take(r, "a");
			put(out, b + 7);
			take(r, "b");
			close_pipe(out, saved);
			assert_int_equal(reader_next(r, &row, &e), 0);
			alarm(0);
			reader_free(r);
		}
}

/* With threads that wait, parse or have parsed ahead; also when more is yet to come through a pipe. */
static void test_stop_early(void **state)
{
	(void)state;
	struct book b;
	write_book(&b, READER_JSONL, 20000);
	const char *name = file_path("book");
	write_file(name, buf_slice(&b.text));
	struct reader_options options = options_for(READER_JSONL, 4);
	struct reader *r;
	struct reader_row row;
	struct cel_error e;
	alarm(20);
	for (unsigned n = 0; n < 6000; n += 1 + n / 2) {
		assert_int_equal(reader_open(name, &options, &r, &e), 0);
		for (unsigned i = 0; i < n; i++)
			reader_next(r, &row, &e);
		reader_free(r);
	}
	int saved, out = open_pipe(&saved);
	put(out, "{\"id\":\"a\",\"vector\":[1,2,3]}\n{\"id\":");
	assert_int_equal(reader_open("-", &options, &r, &e), 0);
	take(r, "a");
	reader_free(r);
	close_pipe(out, saved);
	alarm(0);
	release_book(&b);
}

/* Reads go wrong at any place: the rows before it are there, as with one thread. */
static void test_read_errors(void **state)
{
	(void)state;
	struct book b;
	setenv("CEL_IO", "read", 1);
	write_book(&b, READER_JSONL, 20000);
	const char *name = file_path("book");
	write_file(name, buf_slice(&b.text));
	for (uint64_t nth = 1; nth < 8; nth++) {
		struct outcome o[2] = {0};
		for (int i = 0; i < 2; i++) {
			io_fault_set(IO_READ, nth, 5);
			struct reader_options options = options_for(READER_JSONL, i == 0 ? 1 : 4);
			read_rows(name, &options, &o[i]);
			io_fault_set(IO_READ, 0, 0);
			assert_int_equal(o[i].code, CEL_EIO);
		}
		assert_true(o[0].n_rows < 20000 && (nth < 3 || o[0].n_rows > 0));
		assert_true(slice_equal(buf_slice(&o[0].rows), buf_slice(&o[1].rows)));
		assert_true(slice_equal(buf_slice(&o[0].errors), buf_slice(&o[1].errors)));
		outcome_release(&o[0]);
		outcome_release(&o[1]);
	}
	unsetenv("CEL_IO");
	release_book(&b);
}

static void test_without_memory(void **state)
{
	(void)state;
	struct book b;
	write_book(&b, READER_JSONL, 8000);
	const char *name = file_path("book");
	write_file(name, buf_slice(&b.text));
	for (uint64_t nth = 1;; nth += 1 + nth / 8) {
		struct reader_options options = options_for(READER_JSONL, 3);
		struct reader *r = NULL;
		struct reader_row row;
		struct cel_error e;
		uint64_t n_rows = 0;
		mem_fault_set(nth);
		int rc = reader_open(name, &options, &r, &e);
		while (r != NULL && (rc = reader_next(r, &row, &e)) != 0 && (rc > 0 || reader_can_continue(r)))
			n_rows += rc > 0;
		bool is_over = mem_fault_count() < nth;
		mem_fault_set(0);
		assert_true(rc == 0 ? n_rows > 7000 : rc == CEL_ENOMEM && !is_over);
		reader_free(r);
		if (is_over)
			break;
	}
	release_book(&b);
}

/* A text of rows that are all bad is larger once it was read than it was; still no more is kept than some MiB. */
static void test_many_errors(void **state)
{
	(void)state;
	const char *name = file_path("errors");
	struct slice text;
	struct buf b = {0};
	for (int i = 0; i < 400000; i++)
		assert_int_equal(buf_append(&b, "x\n", 2, NULL), 0);
	text = buf_slice(&b);
	write_file(name, text);
	for (uint32_t threads = 1; threads <= 2; threads++) {
		struct reader_options options = options_for(READER_JSONL, threads);
		struct reader *r;
		struct reader_row row;
		struct cel_error e;
		assert_int_equal(reader_open(name, &options, &r, &e), 0);
		for (int i = 1; i <= 400000; i++) {
			char want[40];
			assert_int_equal(reader_next(r, &row, &e), CEL_EDATA);
			snprintf(want, sizeof want, ": line %d: ", i);
			assert_non_null(strstr(e.message, want));
		}
		assert_int_equal(reader_next(r, &row, &e), 0);
		reader_free(r);
	}
	buf_release(&b);
}

int main(void)
{
	const char *seed = getenv("CEL_TEST_SEED");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) | 1 : 20261122;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)random_state);
	if (mkdtemp(directory) == NULL)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_rows),   cmocka_unit_test(test_trickle),	   cmocka_unit_test(test_stop_early),
		cmocka_unit_test(test_read_errors), cmocka_unit_test(test_without_memory), cmocka_unit_test(test_many_errors),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file_path("book"));
	unlink(file_path("errors"));
	rmdir(directory);
	return failed;
}
