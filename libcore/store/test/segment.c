/* SPDX-License-Identifier: Apache-2.0 */
/* Segment files: the frame byte by byte, look-ups at every size around the search's steps, reading back while writing,
 * and damage: every truncation and every flipped bit of a file is either harmless or named, and never a wrong block. */
#include <fcntl.h>
#include <sys/stat.h>

#include "alloc.h"
#include "bytes.h"
#include "helper.h"
#include "segment.h"

static char directory[256];
static struct cel_error e;

static int setup(void **state)
{
	(void)state;
	make_directory(directory);
	return 0;
}

static struct segment_writer_options options = {.memory = 2 << 20, .threads = 2};

static int teardown(void **state)
{
	(void)state;
	remove_tree(directory);
	return 0;
}

static size_t size_of(uint64_t number)
{
	return 16 + number % 300;
}

/* A file of n blocks; its path goes to path. */
static void write_segment(uint64_t n, char path[512], struct cid *cids)
{
	struct segment_writer *w;
	uint8_t bytes[512];
	bool is_new;
	assert_ok(segment_writer_new(directory, &options, &w, &e));
	for (uint64_t i = 0; i < n; i++) {
		struct slice block = make_block(i, size_of(i), bytes);
		cids[i] = cid_of(CID_RAW, block);
		assert_ok(segment_writer_add(w, &cids[i], block, &e));
	}
	struct cid root = cid_of(CID_DAG_CBOR, slice_text("root"));
	assert_ok(segment_writer_finish(w, &root, true, &e));
	assert_ok(segment_writer_publish(w, directory, &is_new, &e));
	assert_true(is_new);
	snprintf(path, 512, "%s/%s", directory, segment_writer_name(w));
	segment_writer_free(w);
}

static void assert_block(const struct segment *s, uint64_t number, const struct cid *cid)
{
	uint8_t bytes[512];
	struct slice expected = make_block(number, size_of(number), bytes), found;
	assert_code(1, segment_find(s, cid, &found, &e));
	assert_true(slice_equal(expected, found));
	assert_true(segment_has(s, cid->digest));
}

static void finds_every_block(void **state)
{
	(void)state;
	static const uint64_t COUNTS[] = {1, 2, 3, 7, 8, 9, 10, 16, 17, 33, 100, 1000, 20000};
	struct cid *cids = mem_alloc(20000 * sizeof *cids);
	for (size_t c = 0; c < sizeof COUNTS / sizeof COUNTS[0]; c++) {
		char path[512];
		struct segment *s;
		struct slice found;
		write_segment(COUNTS[c], path, cids);
		assert_ok(segment_open(path, &s, &e));
		assert_int_equal(segment_count(s), COUNTS[c]);
		for (uint64_t i = 0; i < COUNTS[c]; i++)
			assert_block(s, i, &cids[i]);
		for (uint64_t i = 0; i < 1000; i++) {
			struct cid absent = cid_of(CID_RAW, slice_make(&i, sizeof i));
			assert_code(0, segment_find(s, &absent, &found, &e));
		}
		struct cid edge = {.codec = CID_RAW};
		assert_code(0, segment_find(s, &edge, &found, &e));
		memset(edge.digest, 0xff, sizeof edge.digest);
		assert_code(0, segment_find(s, &edge, &found, &e));
		struct cid other = cids[0]; /* the digest is there, but not as this codec */
		other.codec = CID_DAG_CBOR;
		assert_code(0, segment_find(s, &other, &found, &e));
		assert_ok(segment_verify_index(s, &e));
		segment_free(s);
		unlink(path);
	}
	mem_free(cids);
}

static size_t read_file(const char *path, uint8_t *out, size_t size)
{
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t n = read(fd, out, size);
	close(fd);
	assert_true(n > 0 && (size_t)n < size);
	return (size_t)n;
}

static void write_file(const char *path, const uint8_t *data, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	close(fd);
}

/* The CARv2 specification's layout, written out by hand for one block of 4 bytes. */
static void frame_is_that_of_the_specification(void **state)
{
	(void)state;
	struct segment_writer *w;
	struct slice block = slice_make("\1\2\3\4", 4);
	struct cid cid = cid_of(CID_RAW, block), root = cid_of(CID_DAG_CBOR, slice_text("r"));
	uint8_t file[1024], expected[1024] = {0}, *p = expected;
	assert_ok(segment_writer_new(directory, &options, &w, &e));
	assert_ok(segment_writer_add(w, &cid, block, &e));
	assert_ok(segment_writer_add(w, &cid, block, &e)); /* repeated: in the payload, not in the index */
	assert_ok(segment_writer_finish(w, &root, false, &e));
	size_t size = read_file(segment_writer_path(w), file, sizeof file);
	segment_writer_free(w);

	static const uint8_t PRAGMA[] = {0x0a, 0xa1, 0x67, 0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e, 0x02};
	memcpy(p, PRAGMA, 11);
	p[11] = 0x80;
	store_le64(p + 27, 51);
	store_le64(p + 35, 59 + 2 * 41);
	store_le64(p + 43, 51 + 59 + 2 * 41);
	p += 51;
	memcpy(p, "\x3a\xa2\x65roots\x81\xd8\x2a\x58\x25\x00", 14);
	cid_encode(&root, p + 14);
	memcpy(p + 50, "\x67version\x01", 9);
	p += 59;
	for (int i = 0; i < 2; i++, p += 41) {
		p[0] = 40;
		cid_encode(&cid, p + 1);
		memcpy(p + 37, block.data, 4);
	}
	memcpy(p, "\x81\x08", 2);
	store_le32(p + 2, 1);
	store_le64(p + 6, 0x12);
	store_le32(p + 14, 1);
	store_le32(p + 18, 40);
	store_le64(p + 22, 40);
	memcpy(p + 30, cid.digest, 32);
	store_le64(p + 62, 59);
	p += 70;
	assert_int_equal(size, p - expected);
	assert_memory_equal(file, expected, size);
}

static void reads_back_while_writing(void **state)
{
	(void)state;
	struct segment_writer *w;
	static uint8_t bytes[4096];
	enum { N = 60000 };
	struct cid *cids = mem_alloc(N * sizeof *cids);
	struct slice found;
	assert_ok(segment_writer_new(directory, &options, &w, &e));
	for (uint64_t i = 0; i < N; i++) {
		struct slice block = make_block(i, i == 5 ? 0 : 64, bytes);
		cids[i] = cid_of(CID_RAW, block);
		assert_ok(segment_writer_add(w, &cids[i], block, &e));
	}
	static const uint64_t ASKED[] = {0, 5, N / 2, N - 1};
	for (size_t i = 0; i < 4; i++) {
		assert_code(1, segment_writer_find(w, &cids[ASKED[i]], &found, &e));
		assert_true(slice_equal(found, make_block(ASKED[i], ASKED[i] == 5 ? 0 : 64, bytes)));
	}
	struct cid absent = cid_of(CID_RAW, slice_text("absent"));
	assert_code(0, segment_writer_find(w, &absent, &found, &e));
	static uint8_t large[SEGMENT_BLOCK_MAX + 1];
	struct slice block = slice_make(large, SEGMENT_BLOCK_MAX);
	struct cid cid = cid_of(CID_RAW, block);
	assert_ok(segment_writer_add(w, &cid, block, &e));
	assert_code(1, segment_writer_find(w, &cid, &found, &e));
	assert_true(slice_equal(found, block));
	assert_code(CEL_EDATA, segment_writer_add(w, &cid, slice_make(large, sizeof large), &e));
	segment_writer_free(w);
	mem_free(cids);
}

static void leaves_nothing_behind(void **state)
{
	(void)state;
	struct segment_writer *w;
	assert_ok(segment_writer_new(directory, &options, &w, &e));
	char path[512];
	snprintf(path, sizeof path, "%s", segment_writer_path(w));
	assert_int_equal(access(path, F_OK), 0);
	segment_writer_free(w);
	assert_int_not_equal(access(path, F_OK), 0);
}

/* What a reader may see of a damaged file: the right bytes, nothing, or CEL_ECORRUPT. Returns how often not the first. */
static int probe(const char *path, uint64_t n, const struct cid *cids)
{
	struct segment *s;
	int trouble = 0;
	int rc = segment_open(path, &s, &e);
	if (rc < 0) {
		assert_int_equal(rc, CEL_ECORRUPT);
		assert_non_null(strstr(e.message, path));
		return 1;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint8_t bytes[512];
		struct slice found;
		rc = segment_find(s, &cids[i], &found, &e);
		if (rc > 0) {
			struct cid actual = cid_of(CID_RAW, found);
			bool is_right = slice_equal(found, make_block(i, size_of(i), bytes));
			assert_int_equal(is_right, cid_equal(&actual, &cids[i]));
			trouble += !is_right;
		} else {
			assert_true(rc == 0 || rc == CEL_ECORRUPT);
			trouble++;
			if (rc == 0) /* a lost block must show in the index's digest */
				assert_int_equal(segment_verify_index(s, NULL), CEL_ECORRUPT);
		}
	}
	segment_free(s);
	return trouble;
}

static void damage_is_found(void **state)
{
	(void)state;
	enum { N = 12 };
	struct cid cids[N];
	char path[512];
	static uint8_t file[16384];
	write_segment(N, path, cids);
	size_t size = read_file(path, file, sizeof file);
	assert_int_equal(probe(path, N, cids), 0); /* the check itself sees nothing wrong in a sound file */
	for (size_t cut = 0; cut < size; cut += cut < 200 || cut + 600 > size ? 1 : 13) {
		write_file(path, file, cut);
		assert_true(probe(path, N, cids) > 0);
	}
	uint64_t silent = 0;
	for (size_t at = 0; at < size; at++) {
		uint8_t saved = file[at];
		file[at] ^= (uint8_t)(1u << at % 8);
		write_file(path, file, size);
		silent += probe(path, N, cids) == 0;
		file[at] = saved;
	}
	/* Only a flip in the root, which is not used for reading, may go unseen here: the name covers it. */
	assert_true(silent <= CID_SIZE);
	file[size] = 0; /* one byte more */
	write_file(path, file, size + 1);
	assert_true(probe(path, N, cids) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_every_block, setup, teardown),
		cmocka_unit_test_setup_teardown(frame_is_that_of_the_specification, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_back_while_writing, setup, teardown),
		cmocka_unit_test_setup_teardown(leaves_nothing_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(damage_is_found, setup, teardown),
	};
	return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
