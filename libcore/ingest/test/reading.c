/* SPDX-License-Identifier: Apache-2.0 */
/* See reading.h. */
#include "reading.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "record.h"

char directory[] = "/tmp/cel-reader-XXXXXX";
char ids_path[100];
static char path[100];
bool is_piped;
uint64_t random_state;
const struct cel_schema F32_3 = {.dim = 3, .type = CEL_F32, .metric = CEL_L2};

uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

const char *file_path(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

void write_file(const char *where, struct slice bytes)
{
	FILE *f = fopen(where, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes.data, 1, bytes.size, f), bytes.size);
	assert_int_equal(fclose(f), 0);
}

void outcome_release(struct outcome *o)
{
	buf_release(&o->rows);
	buf_release(&o->errors);
}

static void add_row(struct outcome *o, const struct reader_row *row)
{
	struct cel_error e;
	assert_int_equal(buf_append(&o->rows, row->id.data, row->id.size, &e), 0);
	assert_int_equal(buf_append(&o->rows, "\t", 1, &e), 0);
	assert_int_equal(buf_reserve(&o->rows, 2 * row->vector.size, &e), 0);
	for (size_t i = 0; i < row->vector.size; i++) {
		o->rows.data[o->rows.size++] = (uint8_t)"0123456789abcdef"[row->vector.data[i] >> 4];
		o->rows.data[o->rows.size++] = (uint8_t)"0123456789abcdef"[row->vector.data[i] & 15];
	}
	assert_int_equal(buf_append(&o->rows, "\t", 1, &e), 0);
	assert_int_equal(buf_append(&o->rows, row->metadata.data, row->metadata.size, &e), 0);
	assert_int_equal(buf_append(&o->rows, "\n", 1, &e), 0);
	o->n_rows++;
}

static void add_error(struct outcome *o, const struct cel_error *e)
{
	struct cel_error ignored;
	assert_true(e->message[0] != '\0' && strchr(e->message, '\n') == NULL);
	assert_true(utf8_is_valid(slice_text(e->message)));
	assert_int_equal(buf_printf(&o->errors, &ignored, "%s\n", e->message), 0);
	o->n_errors++;
	o->code = e->code;
}

/* Feeds a file through a pipe as standard input, in uneven pieces. A thread, because forking is slow under ASan. */
struct feeder {
	pthread_t thread;
	int in, out, saved;
};

static void *feed(void *argument)
{
	struct feeder *f = argument;
	char piece[5000];
	ssize_t n = 1;
	for (unsigned i = 1; n > 0; i = i * 1103515245u + 12345u) {
		n = read(f->in, piece, 1 + (i >> 16) % sizeof piece);
		if (n > 0 && write(f->out, piece, (size_t)n) != n)
			break; /* the reader stopped early */
	}
	close(f->in);
	close(f->out);
	return NULL;
}

static void start_feeder(struct feeder *f, const char *name)
{
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	f->in = open(name, O_RDONLY);
	f->out = fds[1];
	f->saved = dup(STDIN_FILENO);
	dup2(fds[0], STDIN_FILENO);
	close(fds[0]);
	assert_int_equal(pthread_create(&f->thread, NULL, feed, f), 0);
}

static void stop_feeder(struct feeder *f)
{
	dup2(f->saved, STDIN_FILENO); /* closes the pipe: the feeder meets EPIPE if it is not done */
	close(f->saved);
	pthread_join(f->thread, NULL);
}

void read_rows(const char *name, const struct reader_options *options, struct outcome *o)
{
	struct cel_error e = {0};
	struct reader *r = NULL;
	int rc = reader_open(name, options, &r, &e);
	if (rc < 0) {
		add_error(o, &e);
		return;
	}
	for (;;) {
		struct reader_row row;
		rc = reader_next(r, &row, &e);
		if (rc == 0)
			break;
		if (rc > 0) {
			assert_int_equal(row.vector.size, schema_vector_size(options->schema));
			add_row(o, &row);
			continue;
		}
		assert_int_equal(rc, e.code);
		add_error(o, &e);
		if (!reader_can_continue(r))
			break;
	}
	reader_free(r);
}

struct outcome read_file(const char *name, struct reader_options options)
{
	static const enum reader_format FORMATS[] = {READER_NPY, READER_FVECS, READER_BVECS, READER_JSONL};
	static const char *const ENDINGS[] = {".npy", ".fvecs", ".bvecs", ".jsonl"};
	struct outcome o = {0};
	if (!is_piped) {
		read_rows(name, &options, &o);
		return o;
	}
	for (int i = 0; i < 4; i++)
		if (options.format == READER_AUTO && strstr(name, ENDINGS[i]) != NULL)
			options.format = FORMATS[i];
	struct feeder feeder;
	start_feeder(&feeder, name);
	read_rows("-", &options, &o);
	stop_feeder(&feeder);
	return o;
}

void expect_text(const struct buf *got, const char *want)
{
	size_t size = strlen(want);
	if (!slice_equal(buf_slice(got), slice_make(want, size)))
		print_message("got:  %.*s\nwant: %s\n", (int)got->size, (const char *)got->data, want);
	assert_int_equal(got->size, size);
	if (size > 0)
		assert_memory_equal(got->data, want, size);
}

void expect_errors(const char *name, struct outcome *o, const char *want)
{
	struct buf text = {0};
	struct cel_error e;
	const char *shown = is_piped ? "(standard input)" : name;
	for (const char *p = want; *p != '\0'; p++) {
		bool is_name = strncmp(p, "NAME", 4) == 0;
		assert_int_equal(is_name ? buf_append_text(&text, shown, &e) : buf_append_byte(&text, (uint8_t)*p, &e), 0);
		p += is_name ? 3 : 0;
	}
	assert_int_equal(buf_append_byte(&text, '\0', &e), 0);
	expect_text(&o->errors, (const char *)text.data);
	buf_release(&text);
}
