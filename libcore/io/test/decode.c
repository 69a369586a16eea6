/* SPDX-License-Identifier: Apache-2.0 */
/* What was packed comes out as it was, in whatever pieces; what was cut, damaged or followed by something else is never
 * taken for a shorter text. */
#include "decode.h"

#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cmocka.h>

#include "alloc.h"
#include "buf.h"
#include "bytes.h"
#include "cel.h"
#include "stream.h"

static char path[] = "/tmp/cel-decode-XXXXXX";
static const char *const NAMES[] = {[DECODE_GZIP] = "gzip", [DECODE_ZSTD] = "zstd", [DECODE_XZ] = "xz"};
static uint64_t random_state;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Appends the packed content. */
static void pack(enum decode_kind kind, struct slice content, struct buf *out)
{
	size_t room = content.size + content.size / 8 + 1000, made = 0;
	assert_int_equal(buf_reserve(out, room, NULL), 0);
	uint8_t *to = out->data + out->size;
	if (kind == DECODE_GZIP) {
		z_stream z = {.next_in = (Bytef *)(uintptr_t)content.data, .avail_in = (uInt)content.size, .next_out = to,
			      .avail_out = (uInt)room};
		assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		made = room - z.avail_out;
		deflateEnd(&z);
	} else if (kind == DECODE_ZSTD) {
		ZSTD_CCtx *c = ZSTD_createCCtx();
		ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
		made = ZSTD_compress2(c, to, room, content.data, content.size);
		assert_false(ZSTD_isError(made));
		ZSTD_freeCCtx(c);
	} else {
		assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, content.data, content.size, to, &made,
							 room),
				 LZMA_OK);
	}
	out->size += made;
}

/* Reads the packed bytes as a file. 0 and what is inside of them, or the error code. */
static int unpack(struct slice packed, size_t peek_max, struct buf *out, struct cel_error *e)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(packed.data, 1, packed.size, f), packed.size);
	fclose(f);
	struct stream *s;
	struct slice got;
	buf_clear(out);
	int rc = stream_open(path, &s, e);
	if (rc < 0)
		return rc;
	rc = stream_unpack(&s, e);
	while (rc == 0) {
		size_t wanted = 1 + random_next() % peek_max;
		rc = stream_peek(s, wanted, &got, e);
		if (rc < 0 || got.size == 0)
			break;
		size_t take = random_next() % 4 == 0 ? got.size : got.size < wanted ? got.size : wanted;
		rc = buf_append(out, got.data, take, e);
		stream_consume(s, take);
		assert_true(rc < 0 || stream_offset(s) == out->size);
	}
	stream_free(s);
	return rc;
}

static struct slice make_content(size_t size)
{
	uint8_t *data = malloc(size + 1);
	assert_non_null(data);
	for (size_t i = 0; i < size; i++) /* runs and noise, so that blocks of each kind come about */
		data[i] = (i >> 12) % 3 == 0 ? (uint8_t)random_next() : (uint8_t)(i >> 5);
	return slice_make(data, size);
}

static void test_round_trip(void **state)
{
	(void)state;
	static const size_t SIZES[] = {0, 1, 5, 300, 262143, 262144, 262145, 1000000};
	for (int kind = DECODE_GZIP; kind <= DECODE_XZ; kind++) {
		for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
			struct slice content = make_content(SIZES[i]);
			struct buf packed = {0}, out = {0};
			struct cel_error e;
			pack((enum decode_kind)kind, content, &packed);
			assert_int_equal(decode_detect(buf_slice(&packed)), kind);
			assert_true(decode_may_begin(packed.data[0]));
			assert_int_equal(unpack(buf_slice(&packed), 400000, &out, &e), 0);
			assert_true(slice_equal(buf_slice(&out), content));
			/* Members behind each other are one text. */
			for (int more = 0; more < 3; more++)
				pack((enum decode_kind)kind, content, &packed);
			assert_int_equal(unpack(buf_slice(&packed), 1000, &out, &e), 0);
			assert_int_equal(out.size, 4 * content.size);
			for (size_t part = 0; part < 4; part++)
				assert_true(content.size == 0 ||
					    memcmp(out.data + part * content.size, content.data, content.size) == 0);
			buf_release(&packed);
			buf_release(&out);
			free((void *)(uintptr_t)content.data);
		}
	}
}

static void test_not_packed(void **state)
{
	(void)state;
	static const char *const TEXTS[] = {"", "x", "\x1f\x8b", "\x1f\x8b\x07....", "(\xb5/", "(1,2)", "\xfd" "7zXZ", "\xfd" "7zXZ."};
	for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
		struct buf out = {0};
		assert_int_equal(unpack(slice_text(TEXTS[i]), 10, &out, NULL), 0);
		assert_true(slice_equal(buf_slice(&out), slice_text(TEXTS[i])));
		buf_release(&out);
	}
}

static void expect_refusal(enum decode_kind kind, struct slice packed, const char *word)
{
	struct buf out = {0};
	struct cel_error e = {0};
	assert_int_equal(unpack(packed, 1000, &out, &e), CEL_EDATA);
	if (strstr(e.message, word) == NULL || strstr(e.message, NAMES[kind]) == NULL)
		fail_msg("no '%s' in: %s", word, e.message);
	buf_release(&out);
}

static void test_cut(void **state)
{
	(void)state;
	struct slice content = make_content(700);
	for (int kind = DECODE_GZIP; kind <= DECODE_XZ; kind++) {
		struct buf packed = {0};
		pack((enum decode_kind)kind, content, &packed);
		size_t one = packed.size;
		for (size_t size = DECODE_MAGIC_MAX; size < one; size += 1 + size % 3)
			expect_refusal((enum decode_kind)kind, slice_make(packed.data, size), "cut short");
		pack((enum decode_kind)kind, content, &packed);
		for (size_t size = one + 1; size < packed.size; size += 1 + size % 7)
			expect_refusal((enum decode_kind)kind, slice_make(packed.data, size), "");
		buf_release(&packed);
	}
	free((void *)(uintptr_t)content.data);
}

static void test_damaged(void **state)
{
	(void)state;
	struct slice content = make_content(1000);
	for (int kind = DECODE_GZIP; kind <= DECODE_XZ; kind++) {
		struct buf packed = {0}, out = {0};
		pack((enum decode_kind)kind, content, &packed);
		unsigned n_refused = 0;
		for (size_t i = DECODE_MAGIC_MAX; i < packed.size; i++) {
			uint8_t flip = (uint8_t)(1u << random_next() % 8);
			packed.data[i] ^= flip;
			struct cel_error e = {0};
			int rc = unpack(buf_slice(&packed), 1000, &out, &e);
			assert_true(rc == CEL_EDATA || (rc == 0 && slice_equal(buf_slice(&out), content)));
			n_refused += rc < 0;
			packed.data[i] ^= flip;
		}
		assert_true(n_refused + 10 > packed.size - DECODE_MAGIC_MAX); /* but for time and name in a header */
		size_t size = packed.size;
		assert_int_equal(buf_append_text(&packed, "junk and more junk", NULL), 0);
		expect_refusal((enum decode_kind)kind, buf_slice(&packed), "");
		packed.size = size;
		buf_release(&packed);
		buf_release(&out);
	}
	free((void *)(uintptr_t)content.data);
}

/* A header that asks for a dictionary of 1 GiB. */
static void test_memory_bound(void **state)
{
	(void)state;
	struct buf packed = {0};
	pack(DECODE_XZ, slice_text("small"), &packed);
	uint8_t *block = packed.data + 12; /* behind the stream's header: size, flags, two sizes, filter, 1, dictionary */
	assert_int_equal(block[4], 0x21);
	size_t size = (block[0] + 1u) * 4;
	block[6] = 36;
	store_le32(block + size - 4, lzma_crc32(block, size - 4, 0));
	expect_refusal(DECODE_XZ, buf_slice(&packed), "more than 256 MiB");
	buf_release(&packed);
}

static void test_allocation_faults(void **state)
{
	(void)state;
	struct slice content = make_content(300000);
	for (int kind = DECODE_GZIP; kind <= DECODE_XZ; kind++) {
		struct buf packed = {0};
		pack((enum decode_kind)kind, content, &packed);
		int rc = CEL_ENOMEM;
		for (uint64_t n = 1; rc == CEL_ENOMEM; n++) {
			struct buf out = {0};
			struct cel_error e = {0};
			assert_true(n < 100);
			mem_fault_set(n);
			rc = unpack(buf_slice(&packed), 5000, &out, &e);
			mem_fault_set(0);
			assert_true(rc == 0 || e.code == CEL_ENOMEM);
			assert_true(rc < 0 || slice_equal(buf_slice(&out), content));
			buf_release(&out);
		}
		assert_int_equal(rc, 0);
		buf_release(&packed);
	}
	free((void *)(uintptr_t)content.data);
}

int main(void)
{
	const char *seed = getenv("CEL_TEST_SEED");
	random_state = seed != NULL ? strtoull(seed, NULL, 0) | 1 : 20261122;
	printf("# CEL_TEST_SEED=%llu\n", (unsigned long long)random_state);
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_not_packed), cmocka_unit_test(test_cut),
		cmocka_unit_test(test_damaged),	     cmocka_unit_test(test_memory_bound),
		cmocka_unit_test(test_allocation_faults),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
