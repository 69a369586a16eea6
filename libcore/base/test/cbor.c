/* SPDX-License-Identifier: Apache-2.0 */
/* The writer against vectors of RFC 8949 appendix A, the reader against everything close to them that is not canonical.
 * The last test cuts and flips a valid block everywhere: whatever still reads must write back to the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "alloc.h"
#include "cbor.h"

static struct slice from_hex(const char *hex, uint8_t *out)
{
	size_t n = strlen(hex) / 2;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)strtoul((char[]){hex[2 * i], hex[2 * i + 1], '\0'}, NULL, 16);
	return slice_make(out, n);
}

static void assert_hex(struct buf *b, const char *hex)
{
	uint8_t expected[128];
	struct slice s = from_hex(hex, expected);
	assert_true(slice_equal(buf_slice(b), s));
	buf_clear(b);
}

static void test_skipped_links(void **state)
{
	(void)state;
	struct buf b = {0};
	struct cbor_reader r;
	struct cid cid = cid_of(CID_RAW, slice_text("x")), out;
	assert_int_equal(cbor_put_link(&b, &cid, NULL), 0);
	assert_int_equal(cbor_put_null(&b, NULL), 0);
	for (size_t i = 0; i < b.size - 1; i++) { /* what is no link, or ends too soon, stays where it is */
		assert_int_equal(cbor_reader_init(&r, slice_make(b.data, i), NULL), 0);
		assert_false(cbor_skip_link(&r, CID_RAW));
		for (int bit = 0; bit < 8 && i < 9; bit++) {
			b.data[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(cbor_reader_init(&r, buf_slice(&b), NULL), 0);
			assert_false(cbor_skip_link(&r, CID_RAW));
			assert_ptr_equal(r.p, b.data);
			b.data[i] ^= (uint8_t)(1u << bit);
		}
	}
	assert_int_equal(cbor_reader_init(&r, buf_slice(&b), NULL), 0);
	assert_false(cbor_skip_link(&r, CID_DAG_CBOR));
	assert_true(cbor_skip_link(&r, CID_RAW));
	assert_true(cbor_is_null(&r));
	assert_int_equal(cbor_reader_init(&r, buf_slice(&b), NULL), 0);
	assert_int_equal(cbor_get_link(&r, &out, NULL), 0);
	assert_true(cid_equal(&out, &cid));
	buf_release(&b);
}

static void test_integers(void **state)
{
	(void)state;
	static const struct {
		uint64_t value;
		const char *hex;
	} VECTORS[] = {
		{0, "00"},
		{1, "01"},
		{23, "17"},
		{24, "1818"},
		{255, "18ff"},
		{256, "190100"},
		{65535, "19ffff"},
		{65536, "1a00010000"},
		{4294967295u, "1affffffff"},
		{4294967296u, "1b0000000100000000"},
		{1000000000000u, "1b000000e8d4a51000"},
		{UINT64_MAX, "1bffffffffffffffff"},
	};
	struct buf b = {0};
	for (size_t i = 0; i < sizeof VECTORS / sizeof *VECTORS; i++) {
		uint8_t bytes[16];
		struct cbor_reader r;
		uint64_t back = 1;
		assert_int_equal(cbor_put_uint(&b, VECTORS[i].value, NULL), 0);
		assert_hex(&b, VECTORS[i].hex);
		assert_int_equal(cbor_reader_init(&r, from_hex(VECTORS[i].hex, bytes), NULL), 0);
		assert_int_equal(cbor_get_uint(&r, &back, NULL), 0);
		assert_true(back == VECTORS[i].value);
		assert_int_equal(cbor_finish(&r, NULL), 0);
	}
	buf_release(&b);
}

static void test_others(void **state)
{
	(void)state;
	struct buf b = {0};
	cbor_put_array(&b, 3, NULL);
	cbor_put_text(&b, slice_text("\xe6\xb0\xb4"), NULL);
	cbor_put_bytes(&b, slice_make("\1\2\3\4", 4), NULL);
	cbor_put_null(&b, NULL);
	assert_hex(&b, "8363e6b0b44401020304f6");
	cbor_put_array(&b, 25, NULL);
	assert_hex(&b, "9819");
	struct cid cid = cid_of(CID_RAW, slice_make(NULL, 0)), back;
	cbor_put_link(&b, &cid, NULL);
	struct cbor_reader r;
	assert_int_equal(cbor_reader_init(&r, buf_slice(&b), NULL), 0);
	assert_int_equal(cbor_get_link(&r, &back, NULL), 0);
	assert_true(cid_equal(&cid, &back));
	assert_hex(&b, "d82a58250001551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	buf_release(&b);
}

enum kind { A_UINT, A_BYTES, A_TEXT, AN_ARRAY, A_LINK };

static int get(struct cbor_reader *r, enum kind kind, struct cel_error *e)
{
	uint64_t n;
	struct slice s;
	struct cid c;
	switch (kind) {
	case A_UINT:
		return cbor_get_uint(r, &n, e);
	case A_BYTES:
		return cbor_get_bytes(r, &s, e);
	case A_TEXT:
		return cbor_get_text(r, &s, e);
	case AN_ARRAY:
		return cbor_get_array(r, &n, e);
	default:
		return cbor_get_link(r, &c, e);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		enum kind kind;
		const char *hex;
	} BAD[] = {
		{A_UINT, ""},
		{A_UINT, "1817"},
		{A_UINT, "1900ff"},
		{A_UINT, "1a0000ffff"},
		{A_UINT, "1b00000000ffffffff"},
		{A_UINT, "18"},
		{A_UINT, "1bffffffffffffff"},
		{A_UINT, "1c"},
		{A_UINT, "1f"},
		{A_UINT, "20"},
		{A_UINT, "40"},
		{A_BYTES, "41"},
		{A_BYTES, "5bffffffffffffffff"},
		{A_BYTES, "5f4100ff"},
		{A_BYTES, "580100"},
		{A_BYTES, "6161"},
		{A_TEXT, "4161"},
		{A_TEXT, "61ff"},
		{A_TEXT, "62c080"},
		{AN_ARRAY, "81"},
		{AN_ARRAY, "8200"},
		{AN_ARRAY, "9bffffffffffffffff00"},
		{AN_ARRAY, "9f00ff"},
		{AN_ARRAY, "a0"},
		{A_LINK, "d82a58250001551220"},
		{A_LINK, "d82b58250001551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{A_LINK, "d82a58250101551220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{A_LINK, "d82a58250001701220e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{A_LINK, "d82a58250001551320e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	};
	for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
		uint8_t bytes[128];
		struct slice s = from_hex(BAD[i].hex, bytes);
		/* At the very end of an allocation of its own size, so that the sanitizer sees a read beyond it. */
		uint8_t *copy = mem_dup(s.data, s.size);
		struct cbor_reader r;
		struct cel_error e = {0};
		assert_int_equal(cbor_reader_init(&r, slice_make(copy, s.size), &e), 0);
		assert_int_equal(get(&r, BAD[i].kind, &e), CEL_ECORRUPT);
		assert_int_equal(e.code, CEL_ECORRUPT);
		assert_ptr_equal(r.p, r.start);
		mem_free(copy);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	uint8_t *big = mem_calloc(CBOR_BLOCK_MAX + 1, 1);
	struct cbor_reader r;
	assert_int_equal(cbor_reader_init(&r, slice_make(big, CBOR_BLOCK_MAX + 1), NULL), CEL_ECORRUPT);
	assert_int_equal(cbor_reader_init(&r, slice_make(big, CBOR_BLOCK_MAX), NULL), 0);
	uint64_t n;
	assert_int_equal(cbor_get_uint(&r, &n, NULL), 0);
	assert_int_equal(cbor_finish(&r, NULL), CEL_ECORRUPT);
	assert_false(cbor_is_null(&r));
	assert_false(cbor_is_bytes(&r));
	assert_int_equal(cbor_reader_init(&r, slice_make("\xf6", 1), NULL), 0);
	assert_true(cbor_is_null(&r));
	assert_false(cbor_is_null(&r));
	assert_int_equal(cbor_finish(&r, NULL), 0);
	mem_free(big);
}

static void test_no_memory(void **state)
{
	(void)state;
	struct buf b = {0};
	mem_fault_set(1);
	assert_int_equal(cbor_put_bytes(&b, slice_text("text"), NULL), CEL_ENOMEM);
	assert_int_equal(b.size, 0);
	mem_fault_set(0);
	for (int i = 0; i < 60; i++)
		assert_int_equal(cbor_put_null(&b, NULL), 0);
	mem_fault_set(1); /* room for the head, none for the payload: neither is written */
	assert_int_equal(cbor_put_bytes(&b, slice_text("some more text"), NULL), CEL_ENOMEM);
	mem_fault_set(0);
	assert_int_equal(b.size, 60);
	buf_release(&b);
}

/* Reads [uint, bytes, text, link, null] and writes it again. */
static int copy_block(struct slice block, struct buf *out)
{
	struct cbor_reader r;
	uint64_t n, value;
	struct slice bytes, text;
	struct cid link;
	buf_clear(out);
	int rc = cbor_reader_init(&r, block, NULL);
	rc = rc < 0 ? rc : cbor_get_array(&r, &n, NULL);
	rc = rc < 0 ? rc : n != 5 ? CEL_ECORRUPT : cbor_get_uint(&r, &value, NULL);
	rc = rc < 0 ? rc : cbor_get_bytes(&r, &bytes, NULL);
	rc = rc < 0 ? rc : cbor_get_text(&r, &text, NULL);
	rc = rc < 0 ? rc : cbor_get_link(&r, &link, NULL);
	rc = rc < 0 ? rc : cbor_is_null(&r) ? cbor_finish(&r, NULL) : CEL_ECORRUPT;
	if (rc < 0)
		return rc;
	cbor_put_array(out, n, NULL);
	cbor_put_uint(out, value, NULL);
	cbor_put_bytes(out, bytes, NULL);
	cbor_put_text(out, text, NULL);
	cbor_put_link(out, &link, NULL);
	return cbor_put_null(out, NULL);
}

static void test_flips_and_cuts(void **state)
{
	(void)state;
	struct buf block = {0}, copy = {0};
	struct cid cid = cid_of(CID_DAG_CBOR, slice_text("x"));
	cbor_put_array(&block, 5, NULL);
	cbor_put_uint(&block, 1000, NULL);
	cbor_put_bytes(&block, slice_make("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20\21\22\23\24\25\26\27\30", 25), NULL);
	cbor_put_text(&block, slice_text("caf\xc3\xa9"), NULL);
	cbor_put_link(&block, &cid, NULL);
	cbor_put_null(&block, NULL);
	assert_int_equal(copy_block(buf_slice(&block), &copy), 0);
	assert_true(slice_equal(buf_slice(&block), buf_slice(&copy)));
	int n_good = 0, n_bad = 0;
	for (size_t i = 0; i < block.size; i++) {
		uint8_t *cut = mem_dup(block.data, i);
		assert_int_equal(copy_block(slice_make(cut, i), &copy), CEL_ECORRUPT);
		mem_free(cut);
		for (int bit = 0; bit < 8; bit++) {
			block.data[i] ^= (uint8_t)(1 << bit);
			if (copy_block(buf_slice(&block), &copy) == 0) {
				assert_true(slice_equal(buf_slice(&block), buf_slice(&copy)));
				n_good++;
			} else {
				n_bad++;
			}
			block.data[i] ^= (uint8_t)(1 << bit);
		}
	}
	assert_true(n_good > 0 && n_bad > 0);
	buf_release(&block);
	buf_release(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_skipped_links),  cmocka_unit_test(test_others),    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),    cmocka_unit_test(test_no_memory), cmocka_unit_test(test_flips_and_cuts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
