/* SPDX-License-Identifier: Apache-2.0 */
/* The record rules. UTF-8 is judged by enumeration: the well-formed sequences are the encodings of the code points
 * that exist, so a table of those encodings says for any string of up to four bytes what is valid. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bytes.h"
#include "element.h"
#include "record.h"

/* is_encoding[n][bytes as a big-endian number] for n = 1..3; four bytes are looked up by decoding. */
static uint8_t *is_encoding[4];

static size_t encode(uint32_t point, uint8_t out[4])
{
	if (point < 0x80) {
		out[0] = (uint8_t)point;
		return 1;
	}
	size_t length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	static const uint8_t MARK[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = length; i-- > 0; point >>= 6)
		out[i] = (uint8_t)(i == 0 ? MARK[length] | point : 0x80 | (point & 0x3f));
	return length;
}

static int make_table(void **state)
{
	(void)state;
	for (int n = 1; n <= 3; n++)
		is_encoding[n] = calloc((size_t)1 << (8 * n), 1);
	for (uint32_t point = 0; point < 0x10000; point++) {
		if (point >= 0xd800 && point <= 0xdfff)
			continue;
		uint8_t bytes[4];
		size_t n = encode(point, bytes);
		uint32_t key = 0;
		for (size_t i = 0; i < n; i++)
			key = key << 8 | bytes[i];
		is_encoding[n][key] = 1;
	}
	return 0;
}

static int free_table(void **state)
{
	(void)state;
	for (int n = 1; n <= 3; n++)
		free(is_encoding[n]);
	return 0;
}

static bool is_four_byte_encoding(const uint8_t *p)
{
	uint8_t again[4];
	uint32_t point = (p[0] & 7u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
	return point >= 0x10000 && point <= 0x10ffff && encode(point, again) == 4 && memcmp(p, again, 4) == 0;
}

/* Valid iff it is empty or begins with an encoding and the rest is valid (the code is prefix-free). */
static bool judge(const uint8_t *p, size_t size)
{
	uint32_t key = 0;
	for (size_t n = 1; n <= 3 && n <= size; n++) {
		key = key << 8 | p[n - 1];
		if (is_encoding[n][key])
			return judge(p + n, size - n);
	}
	return size == 0 || (size >= 4 && is_four_byte_encoding(p) && judge(p + 4, size - 4));
}

static void check_utf8_short(void **state)
{
	(void)state;
	for (size_t size = 1; size <= 3; size++) {
		/* Three bytes: every pair in front, the last only where its classes change. */
		for (uint32_t key = 0; key < 1u << (8 * size); key++) {
			if (size == 3 && (key & 0xff) % 16 != 0 && (key & 0xff) % 16 != 15)
				continue;
			uint8_t bytes[3];
			for (size_t i = 0; i < size; i++)
				bytes[i] = (uint8_t)(key >> (8 * (size - 1 - i)));
			if (utf8_is_valid(slice_make(bytes, size)) != judge(bytes, size))
				fail_msg("%zu bytes, %06x", size, key);
		}
	}
}

static void check_utf8_long(void **state)
{
	(void)state;
	static const uint8_t EDGES[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xed, 0xf4, 0xff};
	size_t n = sizeof EDGES, seen_valid = 0;
	for (uint32_t lead = 0; lead < 256; lead++) {
		for (size_t i = 0; i < n * n * n; i++) {
			uint8_t bytes[4] = {(uint8_t)lead, EDGES[i / n / n], EDGES[i / n % n], EDGES[i % n]};
			bool is_valid = judge(bytes, 4);
			seen_valid += is_valid;
			if (utf8_is_valid(slice_make(bytes, 4)) != is_valid)
				fail_msg("%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
		}
	}
	assert_true(seen_valid > 1000);
}

static void check_ids(void **state)
{
	(void)state;
	struct cel_error e = {0};
	char text[CEL_ID_MAX + 1];
	memset(text, 'x', sizeof text);
	assert_int_equal(record_check_id(slice_make(text, CEL_ID_MAX), &e), 0);
	assert_int_equal(record_check_id(slice_make(text, CEL_ID_MAX + 1), &e), CEL_EDATA);
	assert_int_equal(record_check_id(slice_make("", 0), &e), CEL_EDATA);
	assert_int_equal(record_check_id(slice_text("a/b c.jpg?x=1 \xc3\xa9 \xf0\x9f\x8d\x8b"), &e), 0);
	assert_int_equal(record_check_id(slice_text("ab\xff"), &e), CEL_EDATA);
	assert_string_equal(e.message, "the id is not UTF-8 (byte 3)");
	for (uint32_t point = 0; point < 0x200; point++) {
		uint8_t bytes[4];
		size_t size = encode(point, bytes);
		bool is_control = point < 0x20 || (point >= 0x7f && point < 0xa0);
		assert_int_equal(record_check_id(slice_make(bytes, size), &e), is_control ? CEL_EDATA : 0);
	}
}

static void check_collection_names(void **state)
{
	(void)state;
	static const char *const GOOD[] = {"a", "0", "photos", "a.b_c-d", "9-", "a.."};
	static const char *const BAD[] = {"", ".a", "-a", "_a", "A", "aB", "a b", "a/b", "a\xc3\xa9", "a@b", "a~1", "a\n"};
	for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++)
		assert_int_equal(record_check_collection_name(GOOD[i], NULL), 0);
	for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
		assert_int_equal(record_check_collection_name(BAD[i], NULL), CEL_EUSAGE);
	char name[CEL_NAME_MAX + 2];
	memset(name, 'a', sizeof name);
	name[CEL_NAME_MAX] = '\0';
	assert_int_equal(record_check_collection_name(name, NULL), 0);
	name[CEL_NAME_MAX] = 'a';
	name[CEL_NAME_MAX + 1] = '\0';
	assert_int_equal(record_check_collection_name(name, NULL), CEL_EUSAGE);
}

static int check_one(enum cel_metric metric, uint32_t dim, size_t position, float value)
{
	static uint8_t bytes[4 * 1000];
	struct cel_schema schema = {.dim = dim, .type = CEL_F32, .metric = metric};
	memset(bytes, 0, sizeof bytes);
	store_le_f32(bytes + 4 * position, value);
	return record_check_vector(&schema, slice_make(bytes, 4 * dim), NULL);
}

static void check_vectors(void **state)
{
	(void)state;
	/* Every position around the inner chunk of 256. */
	static const size_t POSITIONS[] = {0, 1, 254, 255, 256, 257, 511, 512, 999};
	for (size_t i = 0; i < sizeof POSITIONS / sizeof POSITIONS[0]; i++) {
		assert_int_equal(check_one(CEL_L2, 1000, POSITIONS[i], 1.5f), 0);
		assert_int_equal(check_one(CEL_COSINE, 1000, POSITIONS[i], 1.5f), 0);
		assert_int_equal(check_one(CEL_L2, 1000, POSITIONS[i], NAN), CEL_EDATA);
		assert_int_equal(check_one(CEL_L2, 1000, POSITIONS[i], -INFINITY), CEL_EDATA);
	}
	assert_int_equal(check_one(CEL_L2, 3, 0, 0), 0);
	assert_int_equal(check_one(CEL_IP, 3, 0, 0), 0);
	assert_int_equal(check_one(CEL_COSINE, 3, 0, 0), CEL_EDATA);
	assert_int_equal(check_one(CEL_COSINE, 3, 0, -0.0f), CEL_EDATA);
	assert_int_equal(check_one(CEL_COSINE, 3, 0, 1e-20f), CEL_EDATA);
	assert_int_equal(check_one(CEL_COSINE, 3, 0, 1e-17f), 0);
	assert_int_equal(check_one(CEL_L2, 3, 0, 1e-40f), 0);
	assert_int_equal(check_one(CEL_L2, 3, 0, 3.3e38f), CEL_EDATA);

	struct cel_schema schema = {.dim = 2, .type = CEL_F16, .metric = CEL_L2};
	struct cel_error e = {0};
	uint8_t half[4] = {0, 0, 0x01, 0x7c};
	assert_int_equal(record_check_vector(&schema, slice_make(half, 4), &e), CEL_EDATA);
	assert_string_equal(e.message, "element 2 is NaN");
	assert_int_equal(record_check_vector(&schema, slice_make(half, 3), &e), CEL_EDATA);
}

/* What the metrics of bits, histograms and places ask of a vector. */
static void check_other_metrics(void **state)
{
	(void)state;
	struct cel_error e = {0};
	for (uint32_t dim = 1; dim <= 40; dim++) {
		const struct cel_schema bits = {.dim = dim, .type = CEL_B1, .metric = CEL_JACCARD};
		size_t size = (dim + 7) / 8;
		assert_int_equal(schema_vector_size(&bits), size);
		for (uint32_t bit = 0; bit < 8 * size; bit++) {
			uint8_t vector[5] = {0};
			bit_set(vector, bit);
			assert_true(bit_get(vector, bit));
			assert_int_equal(record_check_vector(&bits, slice_make(vector, size), &e), bit < dim ? 0 : CEL_EDATA);
		}
		assert_int_equal(record_check_vector(&bits, slice_make("\0\0\0\0\0", size), NULL), 0);
		assert_int_equal(record_check_vector(&bits, slice_make("\0\0\0\0\0\0", size + 1), NULL), CEL_EDATA);
	}
	assert_string_equal(e.message, "a bit behind the last element, 39, is set");
	assert_int_equal(check_one(CEL_JSD, 300, 299, 1e-40f), 0);
	assert_int_equal(check_one(CEL_JSD, 300, 299, 0), CEL_EDATA);
	assert_int_equal(check_one(CEL_JSD, 300, 299, -0.0f), CEL_EDATA);
	assert_int_equal(check_one(CEL_JSD, 300, 299, -1e-40f), CEL_EDATA);
	static const struct {
		size_t position;
		float value;
		int rc;
	} PLACES[] = {{0, 90, 0}, {0, -90, 0}, {0, 90.0001f, CEL_EDATA}, {1, 180, 0}, {1, -180, 0}, {1, -180.1f, CEL_EDATA}};
	for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++)
		assert_int_equal(check_one(CEL_HAVERSINE, 2, PLACES[i].position, PLACES[i].value), PLACES[i].rc);
}

/* Which types a metric has; everything else is refused. */
static void check_pairs(void **state)
{
	(void)state;
	static const char *const TYPES[] = {
		[CEL_L2] = "f32 f16 bf16 i8 u8", [CEL_IP] = "f32 f16 bf16 i8 u8", [CEL_COSINE] = "f32 f16 bf16 i8 u8",
		[CEL_HAMMING] = "b1", [CEL_JACCARD] = "b1", [CEL_JSD] = "f32 f16 bf16 u8", [CEL_HAVERSINE] = "f32",
	};
	for (int metric = CEL_L2; metric <= CEL_HAVERSINE; metric++) {
		for (int type = CEL_F32; type <= CEL_B1; type++) {
			const char *name = cel_type_name((enum cel_type)type), *found = strstr(TYPES[metric], name);
			while (found != NULL && found > TYPES[metric] && found[-1] != ' ') /* f16 in bf16 */
				found = strstr(found + 1, name);
			struct cel_schema s = {.dim = 2, .type = (enum cel_type)type, .metric = (enum cel_metric)metric};
			struct cel_error e = {0};
			assert_int_equal(schema_check(&s, &e), found != NULL ? 0 : CEL_EUSAGE);
			assert_true((found == NULL) == (strstr(e.message, cel_metric_name(s.metric)) != NULL));
			s.dim = 3;
			assert_int_equal(schema_check(&s, NULL), found != NULL && metric != CEL_HAVERSINE ? 0 : CEL_EUSAGE);
		}
	}
}

static void check_schemas(void **state)
{
	(void)state;
	struct cel_schema good = {.dim = 3, .type = CEL_F32, .metric = CEL_L2, .model = "m"}, s = good;
	assert_int_equal(schema_check(&s, NULL), 0);
	assert_true(schema_equal(&s, &good));
	assert_int_equal(schema_vector_size(&s), 12);
	s.dim = CEL_DIM_MAX;
	assert_int_equal(schema_check(&s, NULL), 0);
	assert_false(schema_equal(&s, &good));
	s.dim = CEL_DIM_MAX + 1;
	assert_int_equal(schema_check(&s, NULL), CEL_EUSAGE);
	s.dim = 0;
	assert_int_equal(schema_check(&s, NULL), CEL_EUSAGE);
	s = good;
	s.type = (enum cel_type)0;
	assert_int_equal(schema_check(&s, NULL), CEL_EUSAGE);
	s = good;
	s.metric = (enum cel_metric)99;
	assert_int_equal(schema_check(&s, NULL), CEL_EUSAGE);
	s = good;
	memset(s.model, 'x', sizeof s.model);
	assert_int_equal(schema_check(&s, NULL), CEL_EUSAGE);
	s.model[255] = '\0';
	assert_int_equal(schema_check(&s, NULL), 0);
	s.model[254] = '\xc3';
	assert_int_equal(schema_check(&s, NULL), CEL_EUSAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_utf8_short),       cmocka_unit_test(check_utf8_long), cmocka_unit_test(check_ids),
		cmocka_unit_test(check_collection_names), cmocka_unit_test(check_vectors),   cmocka_unit_test(check_schemas),
		cmocka_unit_test(check_other_metrics),    cmocka_unit_test(check_pairs),
	};
	return cmocka_run_group_tests(tests, make_table, free_table);
}
