/* SPDX-License-Identifier: Apache-2.0 */
/* Commits and schemas come back as they went in, or are refused by both sides; genesis commits are constants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "cbor.h"
#include "commit.h"
#include "fake_store.h"

static struct cid some_cid(uint8_t codec, int n)
{
	return cid_of(codec, slice_make(&n, sizeof n));
}

static struct commit some_commit(void)
{
	return (struct commit){
		.schema = some_cid(CID_DAG_CBOR, 1),
		.tree = some_cid(CID_DAG_CBOR, 2),
		.parents = {some_cid(CID_DAG_CBOR, 3), some_cid(CID_DAG_CBOR, 4)},
		.n_parents = 2,
		.generation = 7,
		.time = 1780000000,
		.author = slice_text("Zo\xc3\xab <zoe@example.org>"),
		.message = slice_text("two lines\nof words"),
	};
}

static void assert_commits_equal(const struct commit *a, const struct commit *b)
{
	assert_true(cid_equal(&a->schema, &b->schema) && cid_equal(&a->tree, &b->tree));
	assert_int_equal(a->n_parents, b->n_parents);
	assert_true(a->generation == b->generation && a->time == b->time);
	assert_true(slice_equal(a->author, b->author) && slice_equal(a->message, b->message));
}

static void test_round_trip(void **state)
{
	(void)state;
	struct fake_store *store = fake_store_new();
	struct commit c = some_commit(), back;
	struct cid cid, swapped;
	for (c.n_parents = 0; c.n_parents <= 2; c.n_parents++) {
		c.generation = c.n_parents == 0 ? 0 : 7;
		assert_int_equal(commit_put(fake_store_batch(store), &c, &cid, NULL), 0);
		assert_int_equal(commit_read(fake_store_read(store), &cid, &back, NULL), 0);
		assert_commits_equal(&c, &back);
	}
	/* the order of parents is the format's, not the caller's */
	c.n_parents = 2;
	struct cid first = c.parents[0];
	c.parents[0] = c.parents[1];
	c.parents[1] = first;
	assert_int_equal(commit_put(fake_store_batch(store), &c, &swapped, NULL), 0);
	assert_true(cid_equal(&cid, &swapped));
	assert_true(cid_compare(&back.parents[0], &back.parents[1]) < 0);
	struct cid absent = some_cid(CID_DAG_CBOR, 99), raw = some_cid(CID_RAW, 99);
	assert_int_equal(commit_read(fake_store_read(store), &absent, &back, NULL), CEL_ENOTFOUND);
	assert_int_equal(commit_read(fake_store_read(store), &raw, &back, NULL), CEL_ECORRUPT);
	fake_store_free(store);
}

/* What the encoder refuses, with a word of the reason. */
static void assert_refused(const struct commit *c, const char *why)
{
	struct buf b = {0};
	struct cel_error e = {0};
	assert_int_equal(commit_encode(c, &b, &e), CEL_EUSAGE);
	if (strstr(e.message, why) == NULL)
		fail_msg("'%s' is not about '%s'", e.message, why);
	assert_int_equal(b.size, 0);
	buf_release(&b);
}

static void test_encoder_refuses(void **state)
{
	(void)state;
	static char text[COMMIT_MESSAGE_MAX + 1];
	memset(text, 'x', sizeof text);
	struct commit c = some_commit();
	c.n_parents = 3;
	assert_refused(&c, "3 parents");
	c = some_commit(), c.parents[1] = c.parents[0];
	assert_refused(&c, "distinct");
	c = some_commit(), c.generation = 0;
	assert_refused(&c, "generation");
	c = some_commit(), c.n_parents = 0;
	assert_refused(&c, "generation");
	c = some_commit(), c.time = 1ull << 63;
	assert_refused(&c, "2^63");
	c = some_commit(), c.tree.codec = CID_RAW;
	assert_refused(&c, "dag-cbor");
	c = some_commit(), c.parents[0].codec = CID_RAW;
	assert_refused(&c, "dag-cbor");
	c = some_commit(), c.author = slice_make(text, COMMIT_AUTHOR_MAX + 1);
	assert_refused(&c, "255");
	c = some_commit(), c.author = slice_text("a\nb");
	assert_refused(&c, "control");
	c = some_commit(), c.author = slice_text("\xff");
	assert_refused(&c, "UTF-8");
	c = some_commit(), c.message = slice_make(text, COMMIT_MESSAGE_MAX + 1);
	assert_refused(&c, "65535");
	c = some_commit(), c.message = slice_make("a\0b", 3);
	assert_refused(&c, "NUL");
	c = some_commit(), c.message = slice_text("\xc0\x80");
	assert_refused(&c, "UTF-8");
	struct buf b = {0};
	c = some_commit(), c.message = slice_make(text, COMMIT_MESSAGE_MAX), c.author = slice_make(text, COMMIT_AUTHOR_MAX);
	assert_int_equal(commit_encode(&c, &b, NULL), 0);
	assert_int_equal(commit_decode(buf_slice(&b), &c, NULL), 0);
	buf_release(&b);
}

/* Every cut and flipped bit of a commit and a schema: refused, or what comes out encodes to the same bytes. */
static void test_flips_and_cuts(void **state)
{
	(void)state;
	struct commit c = some_commit();
	struct cel_schema schema = {.dim = 300, .type = CEL_F16, .metric = CEL_COSINE, .model = "clip"};
	struct buf blocks[2] = {0}, again = {0};
	assert_int_equal(commit_encode(&c, &blocks[0], NULL), 0);
	assert_int_equal(schema_encode(&schema, &blocks[1], NULL), 0);
	size_t n_good = 0, n_bad = 0;
	for (int kind = 0; kind < 2; kind++) {
		struct buf *b = &blocks[kind];
		for (size_t i = 0; i < b->size * 8; i++) {
			struct commit commit;
			struct cel_schema s;
			if (i < b->size) {
				uint8_t *cut = mem_dup(b->data, i);
				struct slice part = slice_make(cut, i);
				assert_int_equal(kind == 0 ? commit_decode(part, &commit, NULL) : schema_decode(part, &s, NULL),
						 CEL_ECORRUPT);
				mem_free(cut);
			}
			b->data[i / 8] ^= (uint8_t)(1 << i % 8);
			buf_clear(&again);
			int rc = kind == 0 ? commit_decode(buf_slice(b), &commit, NULL) : schema_decode(buf_slice(b), &s, NULL);
			if (rc == 0) {
				rc = kind == 0 ? commit_encode(&commit, &again, NULL) : schema_encode(&s, &again, NULL);
				assert_int_equal(rc, 0);
				assert_true(slice_equal(buf_slice(b), buf_slice(&again)));
				n_good++;
			} else {
				assert_int_equal(rc, CEL_ECORRUPT);
				n_bad++;
			}
			b->data[i / 8] ^= (uint8_t)(1 << i % 8);
		}
		buf_release(b);
	}
	assert_true(n_good > 0 && n_bad > 0);
	buf_release(&again);
}

static struct slice schema_block(struct buf *b, uint64_t format, uint64_t dim, const char *type, const char *metric,
				 struct slice model)
{
	buf_clear(b);
	cbor_put_array(b, 6, NULL);
	cbor_put_text(b, slice_text("cel-schema"), NULL);
	cbor_put_uint(b, format, NULL);
	cbor_put_uint(b, dim, NULL);
	cbor_put_text(b, slice_text(type), NULL);
	cbor_put_text(b, slice_text(metric), NULL);
	cbor_put_text(b, model, NULL);
	return buf_slice(b);
}

static void test_schemas(void **state)
{
	(void)state;
	struct buf b = {0};
	struct cel_schema s;
	struct slice none = slice_text("");
	char model[257];
	memset(model, 'm', sizeof model);
	assert_int_equal(schema_decode(schema_block(&b, 1, 1, "f32", "l2", none), &s, NULL), 0);
	assert_int_equal(schema_decode(schema_block(&b, 1, 65535, "u8", "ip", slice_make(model, 255)), &s, NULL), 0);
	assert_int_equal(strlen(s.model), 255);
	assert_int_equal(schema_decode(schema_block(&b, 2, 1, "f32", "l2", none), &s, NULL), CEL_ECORRUPT);
	assert_int_equal(schema_decode(schema_block(&b, 1, 0, "f32", "l2", none), &s, NULL), CEL_ECORRUPT);
	assert_int_equal(schema_decode(schema_block(&b, 1, 65536, "f32", "l2", none), &s, NULL), CEL_ECORRUPT);
	assert_int_equal(schema_decode(schema_block(&b, 1, 1, "f64", "l2", none), &s, NULL), CEL_ECORRUPT);
	assert_int_equal(schema_decode(schema_block(&b, 1, 1, "f32", "f32", none), &s, NULL), CEL_ECORRUPT);
	assert_int_equal(schema_decode(schema_block(&b, 1, 1, "f32", "cosine cosine cosine", none), &s, NULL), CEL_ECORRUPT);
	assert_int_equal(schema_decode(schema_block(&b, 1, 1, "f32", "l2", slice_make(model, 256)), &s, NULL), CEL_ECORRUPT);
	assert_int_equal(schema_decode(schema_block(&b, 1, 1, "f32", "l2", slice_make("a\0", 2)), &s, NULL), CEL_ECORRUPT);
	s = (struct cel_schema){.dim = 0, .type = CEL_F32, .metric = CEL_L2};
	assert_int_equal(schema_encode(&s, &b, NULL), CEL_EUSAGE);
	buf_release(&b);
}

/* commits.golden: "dim type metric model genesis" a line, '-' for no model. */
static void test_genesis(void **state)
{
	(void)state;
	const char *source = getenv("CEL_SRCDIR");
	char path[4096], type[16], metric[16], model[64], expected[64], actual[CEL_CID_TEXT_SIZE];
	snprintf(path, sizeof path, "%s/libcore/version/test/commits.golden", source != NULL ? source : ".");
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	struct cel_schema schema = {0}, back;
	struct commit commit;
	size_t n_lines = 0;
	while (fscanf(file, "%u %15s %15s %63s %63s", &schema.dim, type, metric, model, expected) == 5) {
		struct fake_store *store = fake_store_new();
		struct cid cid;
		assert_int_equal(cel_type_parse(type, &schema.type, NULL), 0);
		assert_int_equal(cel_metric_parse(metric, &schema.metric, NULL), 0);
		memset(schema.model, 0, sizeof schema.model);
		strcpy(schema.model, strcmp(model, "-") == 0 ? "" : model);
		assert_int_equal(commit_put_genesis(fake_store_batch(store), &schema, &cid, NULL), 0);
		cid_format(&cid, actual);
		if (getenv("CEL_TEST_GOLDEN_WRITE") != NULL)
			printf("%u %s %s %s %s\n", schema.dim, type, metric, model, actual);
		else
			assert_string_equal(actual, expected);
		assert_int_equal(commit_read(fake_store_read(store), &cid, &commit, NULL), 0);
		assert_true(commit.n_parents == 0 && commit.time == 0 && commit.author.size == 0 && commit.message.size == 0);
		assert_int_equal(schema_read(fake_store_read(store), &commit.schema, &back, NULL), 0);
		assert_memory_equal(&schema, &back, sizeof back);
		assert_int_equal(schema_read(fake_store_read(store), &cid, &back, NULL), CEL_ECORRUPT);
		assert_int_equal(fake_store_count(store), 3);
		fake_store_free(store);
		n_lines++;
	}
	fclose(file);
	assert_int_equal(n_lines, 5);
}

static void test_faults(void **state)
{
	(void)state;
	struct cel_schema schema = {.dim = 3, .type = CEL_F32, .metric = CEL_L2};
	for (int kind = 0; kind < 2; kind++) {
		int rc = CEL_EIO;
		for (uint64_t nth = 1; rc < 0; nth++) {
			struct fake_store *store = fake_store_new();
			struct cid cid;
			struct cel_error e;
			if (kind == 0)
				mem_fault_set(nth);
			else
				fake_store_fail(store, nth);
			rc = commit_put_genesis(fake_store_batch(store), &schema, &cid, &e);
			mem_fault_set(0);
			assert_true(rc == 0 || rc == (kind == 0 ? CEL_ENOMEM : CEL_EIO));
			fake_store_free(store);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_encoder_refuses),
		cmocka_unit_test(test_schemas),    cmocka_unit_test(test_flips_and_cuts),
		cmocka_unit_test(test_genesis),    cmocka_unit_test(test_faults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
