/* SPDX-License-Identifier: Apache-2.0 */
/* Patches written and read back; and then every way in which one can be cut, altered or made wrongly. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
/* cmocka.h wants the ones above */
#include <cmocka.h>

#include "alloc.h"
#include "buf.h"
#include "cbor.h"
#include "error.h"
#include "fault.h"
#include "patch.h"
#include "random.h"
#include "stream.h"

enum { DIM = 300 };

static uint64_t seed;

static struct patch_header a_header(void)
{
	struct patch_header h = {.schema = {.dim = DIM, .type = CEL_F32, .metric = CEL_COSINE, .model = "the model"}};
	h.base = cid_of(CID_DAG_CBOR, slice_text("base"));
	h.target = cid_of(CID_DAG_CBOR, slice_text("target"));
	return h;
}

/* The i-th change of a made-up stream: its bytes follow from its number. */
struct made {
	uint64_t n, i;
	size_t metadata_max;
	struct buf bytes;
};

static int made_next(void *context, struct change *out, struct cel_error *e)
{
	struct made *m = context;
	char id[32];
	if (m->i == m->n)
		return 0;
	uint64_t random = m->i * 0x9e3779b97f4a7c15u;
	size_t vector_size = DIM * 4, metadata_size = random >> 8 & 1 ? 0 : (random >> 20) % m->metadata_max + 1;
	int id_size = snprintf(id, sizeof id, "id-%08llu", (unsigned long long)m->i++);
	buf_clear(&m->bytes);
	int rc = buf_reserve(&m->bytes, 32 + vector_size + metadata_size, e);
	if (rc < 0)
		return rc;
	memcpy(m->bytes.data, id, sizeof id);
	memset(m->bytes.data + 32, (int)(random >> 30 & 0xff), vector_size + metadata_size);
	*out = (struct change){.id = slice_make(m->bytes.data, (size_t)id_size), .is_delete = random >> 9 & 1};
	if (!out->is_delete) {
		out->vector = slice_make(m->bytes.data + 32, vector_size);
		out->metadata = slice_make(m->bytes.data + 32 + vector_size, metadata_size);
	}
	return 1;
}

static struct changes changes_of(struct made *m)
{
	return (struct changes){made_next, m};
}

static int put_buf(void *context, const void *data, size_t size, struct cel_error *e)
{
	return buf_append(context, data, size, e);
}

/* Appends the patch of n made changes. */
static int write_patch(uint64_t n, size_t metadata_max, struct buf *out, struct cel_error *e)
{
	struct made made = {.n = n, .metadata_max = metadata_max};
	struct changes changes = changes_of(&made);
	struct patch_header header = a_header();
	uint64_t count;
	int rc = patch_write(&header, &changes, put_buf, out, &count, e);
	assert_true(rc < 0 || count == n);
	buf_release(&made.bytes);
	return rc;
}

static struct buf a_patch(uint64_t n, size_t metadata_max)
{
	struct buf b = {0};
	assert_int_equal(write_patch(n, metadata_max, &b, NULL), 0);
	return b;
}

/* Reads the bytes to their end, and if n is not UINT64_MAX compares with the made changes. */
static int read_patch(struct slice bytes, uint64_t n, size_t metadata_max, struct cel_error *e)
{
	static int fd = -1;
	if (fd < 0)
		fd = memfd_create("patch", 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, bytes.data, bytes.size, 0), bytes.size);
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	struct patch_reader *r;
	struct made made = {.n = n, .metadata_max = metadata_max};
	struct change c, expected;
	int rc = patch_reader_open(path, &r, e);
	if (rc < 0)
		return rc;
	struct patch_header header = a_header();
	const struct patch_header *got = patch_reader_header(r);
	if (n != UINT64_MAX)
		assert_true(cid_equal(&got->base, &header.base) && cid_equal(&got->target, &header.target) &&
			    memcmp(&got->schema, &header.schema, sizeof header.schema) == 0);
	struct changes changes = patch_reader_changes(r);
	while ((rc = changes.next(changes.context, &c, e)) > 0) {
		if (n == UINT64_MAX)
			continue;
		struct cel_error why;
		int made_rc = made_next(&made, &expected, &why);
		if (made_rc < 0) { /* the allocation that was to fail was this one */
			rc = error_set(e, made_rc, "%s", why.message);
			break;
		}
		assert_int_equal(made_rc, 1);
		assert_true(slice_equal(c.id, expected.id) && c.is_delete == expected.is_delete);
		assert_true(slice_equal(c.vector, expected.vector) && slice_equal(c.metadata, expected.metadata));
	}
	if (rc == 0) {
		assert_true(n == UINT64_MAX || patch_reader_count(r) == n);
		assert_int_equal(changes.next(changes.context, &c, e), 0);
	} else {
		assert_true(changes.next(changes.context, &c, NULL) != 0);
	}
	buf_release(&made.bytes);
	patch_reader_free(r);
	return rc;
}

static void round_trips(void **state)
{
	(void)state;
	static const uint64_t SIZES[] = {0, 1, 2, 100, 3000};
	for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
		struct buf b = a_patch(SIZES[i], 200);
		struct cel_error e = {0};
		if (read_patch(buf_slice(&b), SIZES[i], 200, &e) < 0)
			fail_msg("%s", e.message);
		buf_release(&b);
	}
	struct buf large = a_patch(12, 1u << 20); /* metadata as long as it may be */
	assert_int_equal(read_patch(buf_slice(&large), 12, 1u << 20, NULL), 0);
	buf_release(&large);
}

/* What is no good must say so, by CEL_EDATA. */
static void assert_refused(struct slice bytes, const char *text)
{
	struct cel_error e = {0};
	assert_int_equal(read_patch(bytes, UINT64_MAX, 0, &e), CEL_EDATA);
	assert_int_equal(e.code, CEL_EDATA);
	if (text != NULL && strstr(e.message, text) == NULL)
		fail_msg("'%s' is not in: %s", text, e.message);
}

static void every_cut(void **state)
{
	(void)state;
	struct buf b = a_patch(6, 20);
	for (size_t size = 0; size < b.size; size++)
		assert_refused(slice_make(b.data, size), size == 0 ? "is empty" : "was cut off");
	assert_int_equal(buf_append_byte(&b, 0, NULL), 0);
	assert_refused(buf_slice(&b), "behind its end");
	buf_release(&b);
}

static void every_flipped_bit(void **state)
{
	(void)state;
	struct buf b = a_patch(2, 20);
	for (size_t bit = 0; bit < 8 * b.size; bit++) {
		b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_refused(buf_slice(&b), NULL);
		b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(read_patch(buf_slice(&b), 2, 20, NULL), 0); /* or the loop above would show nothing */
	buf_release(&b);
}

/* Frames put behind a good header, then a good end over whatever they are. */
struct forged {
	struct buf bytes;
};

static void forge_frame(struct forged *f, const struct buf *array)
{
	size_t left = array->size;
	for (; left >= 0x80; left >>= 7)
		buf_append_byte(&f->bytes, (uint8_t)(left | 0x80), NULL);
	buf_append_byte(&f->bytes, (uint8_t)left, NULL);
	buf_append(&f->bytes, array->data, array->size, NULL);
}

static void forge_record(struct forged *f, unsigned n, const char *id, size_t vector_size, const char *metadata)
{
	struct buf array BUF_CLEANUP = {0};
	static const uint8_t ZEROS[4 * DIM + 4];
	cbor_put_array(&array, n, NULL);
	cbor_put_bytes(&array, slice_text(id), NULL);
	if (n > 1)
		cbor_put_bytes(&array, slice_make(ZEROS, vector_size), NULL);
	if (n > 2 && metadata == NULL)
		cbor_put_null(&array, NULL);
	else if (n > 2)
		cbor_put_bytes(&array, slice_text(metadata), NULL);
	forge_frame(f, &array);
}

static void forge_begin(struct forged *f)
{
	struct buf b = a_patch(0, 1);
	*f = (struct forged){0};
	buf_append(&f->bytes, b.data, b.size - (1 + 1 + 4 + 1 + 2 + SHA256_SIZE), NULL); /* without its end */
	buf_release(&b);
}

static void forge_end(struct forged *f, const char *word, uint64_t count)
{
	struct buf array BUF_CLEANUP = {0};
	uint8_t digest[SHA256_SIZE];
	sha256(f->bytes.data, f->bytes.size, digest);
	cbor_put_array(&array, 3, NULL);
	cbor_put_text(&array, slice_text(word), NULL);
	cbor_put_uint(&array, count, NULL);
	cbor_put_bytes(&array, slice_make(digest, sizeof digest), NULL);
	forge_frame(f, &array);
}

/* What patch_write never makes, though each digest is right. */
static void forgeries(void **state)
{
	(void)state;
	static const struct {
		const char *text; /* NULL: it is good */
		unsigned n;
		const char *first, *second;
		size_t vector_size;
		const char *metadata, *word;
		uint64_t count;
	} FORGED[] = {
		{NULL, 3, "a", "b", 4 * DIM, "{}", "end", 2},
		{NULL, 1, "a", "aa", 0, NULL, "end", 2},
		{"after the one before", 1, "b", "a", 0, NULL, "end", 2},
		{"after the one before", 1, "b", "b", 0, NULL, "end", 2},
		{"size", 3, "a", "b", 4 * DIM - 4, NULL, "end", 2},
		{"size", 3, "a", "b", 4 * DIM + 4, NULL, "end", 2},
		{"metadata of no bytes", 3, "a", "b", 4 * DIM, "", "end", 2},
		{"neither", 2, "a", "b", 4 * DIM, NULL, "end", 2},
		{"id", 1, "", "b", 0, NULL, "end", 2},
		{"", 1, "a\n", "b", 0, NULL, "end", 2},
		{"digest", 1, "a", "b", 0, NULL, "end", 1},
		{"digest", 1, "a", "b", 0, NULL, "end", 3},
		{"neither", 1, "a", "b", 0, NULL, "enough", 2},
	};
	for (size_t i = 0; i < sizeof FORGED / sizeof *FORGED; i++) {
		struct forged f;
		forge_begin(&f);
		forge_record(&f, FORGED[i].n, FORGED[i].first, FORGED[i].vector_size, FORGED[i].metadata);
		forge_record(&f, FORGED[i].n, FORGED[i].second, FORGED[i].vector_size, FORGED[i].metadata);
		forge_end(&f, FORGED[i].word, FORGED[i].count);
		if (FORGED[i].text == NULL)
			assert_int_equal(read_patch(buf_slice(&f.bytes), UINT64_MAX, 0, NULL), 0);
		else
			assert_refused(buf_slice(&f.bytes), FORGED[i].text);
		buf_release(&f.bytes);
	}
}

/* Lengths that lie are refused before a byte is allocated for them; so are long forms of short ones. */
static void bad_lengths(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[6];
		size_t size;
		const char *text;
	} LENGTHS[] = {
		{{0x00}, 1, "no length"},
		{{0x81, 0x00}, 2, "no length"},
		{{0xff, 0xff, 0xff, 0x7f}, 4, "2 MiB"},
		{{0x81, 0x80, 0x80, 0x01}, 4, "2 MiB"}, /* 2 MiB and 1 */
		{{0xff, 0xff, 0xff, 0xff, 0x0f}, 5, "2 MiB"},
		{{0x80, 0x80, 0x80, 0x01}, 4, "cut off"},
		{{0x80}, 1, "cut off"},
		{{0x7f, 0x81}, 2, "cut off"},
	};
	for (size_t i = 0; i < sizeof LENGTHS / sizeof *LENGTHS; i++) {
		struct forged f;
		forge_begin(&f);
		buf_append(&f.bytes, LENGTHS[i].bytes, LENGTHS[i].size, NULL);
		assert_refused(buf_slice(&f.bytes), LENGTHS[i].text);
		buf_release(&f.bytes);
	}
	struct forged f;
	forge_begin(&f);
	buf_append(&f.bytes, "\x03\x81\x58\x01", 4, NULL); /* a CBOR length in its long form */
	assert_refused(buf_slice(&f.bytes), "");
	buf_release(&f.bytes);
}

static void other_files(void **state)
{
	(void)state;
	static const char OTHER[] = "{\"id\":\"a\",\"vector\":[1,2]}\n";
	assert_refused(slice_text(OTHER), "does not begin as one");
	struct buf b = a_patch(1, 1);
	b.data[12] = 2;
	assert_refused(buf_slice(&b), "another format");
	buf_release(&b);
	assert_int_equal(patch_reader_open("/nowhere/at/all", &(struct patch_reader *){0}, NULL), CEL_ENOINPUT);
}

static void faults(void **state)
{
	(void)state;
	struct buf b = a_patch(40, 3000);
	int rc = CEL_ENOMEM;
	uint64_t nth;
	for (nth = 1; rc != 0; nth++) {
		struct buf again = {0};
		mem_fault_set(nth);
		rc = write_patch(40, 3000, &again, NULL);
		mem_fault_set(0);
		assert_true(rc == CEL_ENOMEM || (rc == 0 && slice_equal(buf_slice(&b), buf_slice(&again))));
		buf_release(&again);
	}
	assert_true(nth > 4);
	for (rc = CEL_ENOMEM, nth = 1; rc != 0; nth++) {
		mem_fault_set(nth);
		rc = read_patch(buf_slice(&b), 40, 3000, NULL);
		mem_fault_set(0);
		assert_true(rc == CEL_ENOMEM || rc == 0);
	}
	assert_true(nth > 4);
	setenv("CEL_IO", "read", 1);
	for (rc = CEL_EIO, nth = 1; rc != 0; nth++) {
		io_fault_set(IO_READ, nth, 5);
		rc = read_patch(buf_slice(&b), 40, 3000, NULL);
		io_fault_set(IO_READ, 0, 0);
		assert_true(rc == CEL_EIO || rc == 0);
	}
	assert_true(nth > 2);
	buf_release(&b);
}

static int put_nothing(void *context, const void *data, size_t size, struct cel_error *e)
{
	(void)data, (void)size;
	int *left = context;
	return --*left >= 0 ? 0 : error_set(e, CEL_EIO, "full");
}

static void output_fails(void **state)
{
	(void)state;
	struct patch_header header = a_header();
	for (int n = 0, rc = CEL_EIO; rc != 0; n++) {
		struct made made = {.n = 3, .metadata_max = 10};
		struct changes changes = changes_of(&made);
		uint64_t count;
		int left = n;
		rc = patch_write(&header, &changes, put_nothing, &left, &count, NULL);
		assert_int_equal(rc, n < 2 * (3 + 3 + 1) ? CEL_EIO : 0);
		buf_release(&made.bytes);
	}
}

/* Cut anywhere by the stream's blocks: a pipe that gives some bytes at a time. */
static void through_a_pipe(void **state)
{
	(void)state;
	struct buf b = a_patch(200, 2000);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0) {
		for (size_t at = 0; at < b.size;) {
			size_t piece = 1 + random_next(&seed) % 3000;
			ssize_t n = write(fds[1], b.data + at, piece < b.size - at ? piece : b.size - at);
			if (n < 0)
				_exit(1);
			at += (size_t)n;
		}
		_exit(0);
	}
	close(fds[1]);
	struct stream *stream;
	struct patch_reader *r;
	struct change c;
	assert_int_equal(stream_open_fd(fds[0], "pipe", &stream, NULL), 0);
	assert_int_equal(patch_reader_new(stream, &r, NULL), 0);
	struct changes changes = patch_reader_changes(r);
	int rc;
	while ((rc = changes.next(changes.context, &c, NULL)) > 0)
		;
	assert_int_equal(rc, 0);
	assert_int_equal(patch_reader_count(r), 200);
	patch_reader_free(r);
	buf_release(&b);
}

int main(void)
{
	seed = test_seed();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips), cmocka_unit_test(every_cut),   cmocka_unit_test(every_flipped_bit),
		cmocka_unit_test(forgeries),   cmocka_unit_test(bad_lengths), cmocka_unit_test(other_files),
		cmocka_unit_test(faults),      cmocka_unit_test(output_fails), cmocka_unit_test(through_a_pipe),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
