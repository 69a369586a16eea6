/* SPDX-License-Identifier: Apache-2.0 */
/* CIDs against vectors made by other implementations, and the refusal of every text that is not canonical. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "cid.h"

/* The first is from multiformats (JavaScript); the others were made with Python's hashlib and base64. */
static void check_known_vectors(void **state)
{
	(void)state;
	uint8_t floats[16];
	for (int i = 0; i < 4; i++)
		store_le_f32(floats + 4 * i, (float)(i + 1));
	const struct {
		uint8_t codec;
		struct slice block;
		const char *text;
	} table[] = {
		{CID_RAW, slice_make(floats, 16), "bafkreifnoo42zvxeu5fs6w5vhbtfrtr3wfdm2bakdbtwi2vtxfz7wzrswe"},
		{CID_RAW, slice_make(NULL, 0), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"},
		{CID_DAG_CBOR, slice_text("\x80"), "bafyreidwx2fvfdiaox32v2mnn6sxu3j4qoxeqcuenhtgrv5qv6litfnmoe"},
		{CID_DAG_CBOR, slice_text("\xf6"), "bafyreifqwkmiw256ojf2zws6tzjeonw6bpd5vza4i22ccpcq4hjv2ts7cm"},
		{CID_RAW, slice_text("hello world"), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"},
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct cid cid = cid_of(table[i].codec, table[i].block), parsed;
		char text[CEL_CID_TEXT_SIZE];
		cid_format(&cid, text);
		assert_string_equal(text, table[i].text);
		assert_int_equal(cid_parse(slice_text(text), &parsed, NULL), 0);
		assert_true(cid_equal(&cid, &parsed));
	}
}

static struct cid make_cid(uint32_t seed)
{
	return cid_of(seed & 1 ? CID_RAW : CID_DAG_CBOR, slice_make(&seed, sizeof seed));
}

static void check_round_trips(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 1000; seed++) {
		struct cid cid = make_cid(seed), other = make_cid(seed + 1), back;
		uint8_t bytes[CID_SIZE], other_bytes[CID_SIZE];
		char text[CEL_CID_TEXT_SIZE];
		cid_encode(&cid, bytes);
		cid_encode(&other, other_bytes);
		assert_int_equal(cid_decode(slice_make(bytes, sizeof bytes), &back, NULL), 0);
		assert_true(cid_equal(&cid, &back));
		cid_format(&cid, text);
		assert_int_equal(strlen(text), CEL_CID_TEXT_SIZE - 1);
		assert_int_equal(cid_parse(slice_text(text), &back, NULL), 0);
		assert_true(cid_equal(&cid, &back));
		assert_false(cid_equal(&cid, &other));
		int order = memcmp(bytes, other_bytes, CID_SIZE);
		assert_int_equal(cid_compare(&cid, &other) < 0, order < 0);
		assert_int_equal(cid_compare(&cid, &cid), 0);
	}
}

/* Of all texts that differ from a good one in one character, those accepted are other CIDs, never the same one. */
static void check_texts(void **state)
{
	(void)state;
	struct cid cid = make_cid(7), back;
	char good[CEL_CID_TEXT_SIZE], text[CEL_CID_TEXT_SIZE + 1];
	cid_format(&cid, good);
	int accepted = 0;
	for (size_t i = 0; good[i] != '\0'; i++) {
		for (int c = 1; c < 256; c++) {
			memcpy(text, good, sizeof good);
			text[i] = (char)c;
			if (cid_parse(slice_text(text), &back, NULL) != 0 || text[i] == good[i])
				continue;
			accepted++;
			char again[CEL_CID_TEXT_SIZE];
			cid_format(&back, again);
			assert_string_equal(again, text);
			assert_false(cid_equal(&back, &cid));
		}
	}
	/* 50 characters hold digest bits alone, one shares 3 with the header, the last has 3 of its 5; and the codecs
	 * happen to differ in one character. */
	assert_int_equal(accepted, 50 * 31 + 7 + 7 + 1);

	struct cel_error e = {0};
	static const char *const BAD[] = {"", "b", "bafkrei", "zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA"};
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		assert_int_equal(cid_parse(slice_text(BAD[i]), &back, &e), CEL_EDATA);
	memcpy(text, good, sizeof good);
	strcat(text, "a");
	assert_int_equal(cid_parse(slice_text(text), &back, &e), CEL_EDATA);
}

static void check_binary(void **state)
{
	(void)state;
	struct cid cid = make_cid(8), back;
	uint8_t bytes[CID_SIZE + 1] = {0};
	struct cel_error e = {0};
	cid_encode(&cid, bytes);
	for (size_t size = 0; size <= sizeof bytes; size++)
		assert_int_equal(cid_decode(slice_make(bytes, size), &back, &e), size == CID_SIZE ? 0 : CEL_EDATA);
	for (int i = 0; i < 4; i++) {
		for (int value = 0; value < 256; value++) {
			cid_encode(&cid, bytes);
			bool is_good = bytes[i] == value || (i == 1 && (value == CID_RAW || value == CID_DAG_CBOR));
			bytes[i] = (uint8_t)value;
			assert_int_equal(cid_decode(slice_make(bytes, CID_SIZE), &back, &e), is_good ? 0 : CEL_EDATA);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_known_vectors),
		cmocka_unit_test(check_round_trips),
		cmocka_unit_test(check_texts),
		cmocka_unit_test(check_binary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
