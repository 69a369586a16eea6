/* SPDX-License-Identifier: Apache-2.0 */
/* Commits and schemas begin with a word and a format number, so that a block of another kind is told apart by its first
 * bytes. Encoder and decoder hold to the same bounds: what one refuses the other does not make. */
#include "commit.h"

#include "cbor.h"
#include "error.h"
#include "record.h"
#include "tree.h"

enum { FORMAT = 1, COMMIT_ITEMS = 9 };
static const char COMMIT_WORD[] = "cel-commit";

/* NULL, or what is wrong with the commit. Parents are in order already. */
static const char *find_fault(const struct commit *c)
{
	if (c->schema.codec != CID_DAG_CBOR || c->tree.codec != CID_DAG_CBOR)
		return "its schema or tree is not a dag-cbor block";
	for (uint32_t i = 0; i < c->n_parents; i++) {
		if (c->parents[i].codec != CID_DAG_CBOR)
			return "a parent is not a dag-cbor block";
		if (i > 0 && cid_compare(&c->parents[i - 1], &c->parents[i]) >= 0)
			return "its parents are not distinct and in order";
	}
	if ((c->n_parents == 0) != (c->generation == 0))
		return "its generation does not go with its number of parents";
	if (c->generation > INT64_MAX || c->time > INT64_MAX)
		return "its time or generation is beyond 2^63";
	if (c->author.size > COMMIT_AUTHOR_MAX || !utf8_is_valid(c->author))
		return "the author is not UTF-8 of at most 255 bytes";
	for (size_t i = 0; i < c->author.size; i++)
		if (c->author.data[i] < 0x20 || c->author.data[i] == 0x7f)
			return "the author has a control character";
	if (c->message.size > COMMIT_MESSAGE_MAX || !utf8_is_valid(c->message))
		return "the message is not UTF-8 of at most 65535 bytes";
	if (c->message.size > 0 && memchr(c->message.data, '\0', c->message.size) != NULL)
		return "the message has a NUL character";
	return NULL;
}

static int get_head(struct cbor_reader *r, const char *word, uint64_t n_items, struct cel_error *e)
{
	uint64_t n = 0, format = 0;
	struct slice text = {0};
	int rc = cbor_get_array(r, &n, e);
	if (rc == 0)
		rc = cbor_get_text(r, &text, e);
	if (rc == 0 && !slice_equal(text, slice_text(word)))
		return error_set(e, CEL_ECORRUPT, "the block is no %s", word);
	if (rc == 0)
		rc = cbor_get_uint(r, &format, e);
	if (rc == 0 && format != FORMAT)
		return error_set(e, CEL_ECORRUPT, "a %s of format %llu, which this version does not know", word,
				 (unsigned long long)format);
	if (rc == 0 && n != n_items)
		return error_set(e, CEL_ECORRUPT, "a %s of %llu items, not %llu", word, (unsigned long long)n,
				 (unsigned long long)n_items);
	return rc;
}

static int get_parents(struct cbor_reader *r, struct commit *c, struct cel_error *e)
{
	uint64_t n;
	int rc = cbor_get_array(r, &n, e);
	if (rc == 0 && n > COMMIT_PARENTS_MAX)
		return error_set(e, CEL_ECORRUPT, "a commit with %llu parents", (unsigned long long)n);
	c->n_parents = rc == 0 ? (uint32_t)n : 0;
	for (uint32_t i = 0; i < c->n_parents && rc == 0; i++)
		rc = cbor_get_link(r, &c->parents[i], e);
	return rc;
}

int commit_decode(struct slice block, struct commit *out, struct cel_error *e)
{
	struct cbor_reader r;
	*out = (struct commit){0};
	int rc = cbor_reader_init(&r, block, e);
	if (rc == 0)
		rc = get_head(&r, COMMIT_WORD, COMMIT_ITEMS, e);
	if (rc == 0)
		rc = cbor_get_link(&r, &out->schema, e);
	if (rc == 0)
		rc = cbor_get_link(&r, &out->tree, e);
	if (rc == 0)
		rc = get_parents(&r, out, e);
	if (rc == 0)
		rc = cbor_get_uint(&r, &out->generation, e);
	if (rc == 0)
		rc = cbor_get_uint(&r, &out->time, e);
	if (rc == 0)
		rc = cbor_get_text(&r, &out->author, e);
	if (rc == 0)
		rc = cbor_get_text(&r, &out->message, e);
	if (rc == 0)
		rc = cbor_finish(&r, e);
	const char *fault = rc == 0 ? find_fault(out) : NULL;
	return fault == NULL ? rc : error_set(e, CEL_ECORRUPT, "a bad commit: %s", fault);
}

static int put_head(struct buf *b, const char *word, uint64_t n_items, struct cel_error *e)
{
	int rc = cbor_put_array(b, n_items, e);
	if (rc == 0)
		rc = cbor_put_text(b, slice_text(word), e);
	return rc < 0 ? rc : cbor_put_uint(b, FORMAT, e);
}

int commit_encode(const struct commit *commit, struct buf *b, struct cel_error *e)
{
	if (commit->n_parents > COMMIT_PARENTS_MAX)
		return error_set(e, CEL_EUSAGE, "a commit cannot have %u parents", commit->n_parents);
	struct commit c = *commit;
	if (c.n_parents == 2 && cid_compare(&c.parents[0], &c.parents[1]) > 0) {
		c.parents[0] = commit->parents[1];
		c.parents[1] = commit->parents[0];
	}
	const char *fault = find_fault(&c);
	if (fault != NULL)
		return error_set(e, CEL_EUSAGE, "the commit cannot be made: %s", fault);
	int rc = put_head(b, COMMIT_WORD, COMMIT_ITEMS, e);
	if (rc == 0)
		rc = cbor_put_link(b, &c.schema, e);
	if (rc == 0)
		rc = cbor_put_link(b, &c.tree, e);
	if (rc == 0)
		rc = cbor_put_array(b, c.n_parents, e);
	for (uint32_t i = 0; i < c.n_parents && rc == 0; i++)
		rc = cbor_put_link(b, &c.parents[i], e);
	if (rc == 0)
		rc = cbor_put_uint(b, c.generation, e);
	if (rc == 0)
		rc = cbor_put_uint(b, c.time, e);
	if (rc == 0)
		rc = cbor_put_text(b, c.author, e);
	return rc < 0 ? rc : cbor_put_text(b, c.message, e);
}

int commit_put(struct store_batch *batch, const struct commit *commit, struct cid *out, struct cel_error *e)
{
	BUF_CLEANUP struct buf b = {0};
	int rc = commit_encode(commit, &b, e);
	return rc < 0 ? rc : store_batch_put(batch, CID_DAG_CBOR, buf_slice(&b), out, e);
}

static int read_kind(struct store_read *read, const struct cid *cid, const char *kind, struct slice *block,
		     struct cel_error *e)
{
	char text[CEL_CID_TEXT_SIZE];
	cid_format(cid, text);
	if (cid->codec != CID_DAG_CBOR)
		return error_set(e, CEL_ECORRUPT, "block %s is no %s", text, kind);
	int rc = store_read_block(read, cid, block, e);
	return rc == CEL_ENOTFOUND ? error_set(e, rc, "the store has no %s %s", kind, text) : rc;
}

int commit_read(struct store_read *read, const struct cid *cid, struct commit *out, struct cel_error *e)
{
	struct slice block;
	int rc = read_kind(read, cid, "commit", &block, e);
	return rc < 0 ? rc : commit_decode(block, out, e);
}

/* ---- schemas */
enum { SCHEMA_ITEMS = 6 };
static const char SCHEMA_WORD[] = "cel-schema";

/* A text as a C string; cut short (and then unknown to any parser) if it is too long or has a NUL. */
static void copy_text(struct slice text, char *out, size_t size)
{
	size_t n = text.size < size ? text.size : 0;
	if (n > 0)
		memcpy(out, text.data, n);
	memset(out + n, 0, size - n);
}

int schema_decode(struct slice block, struct cel_schema *out, struct cel_error *e)
{
	struct cbor_reader r;
	uint64_t dim = 0;
	struct slice type = {0}, metric = {0}, model = {0};
	*out = (struct cel_schema){0};
	int rc = cbor_reader_init(&r, block, e);
	if (rc == 0)
		rc = get_head(&r, SCHEMA_WORD, SCHEMA_ITEMS, e);
	if (rc == 0)
		rc = cbor_get_uint(&r, &dim, e);
	if (rc == 0)
		rc = cbor_get_text(&r, &type, e);
	if (rc == 0)
		rc = cbor_get_text(&r, &metric, e);
	if (rc == 0)
		rc = cbor_get_text(&r, &model, e);
	if (rc == 0)
		rc = cbor_finish(&r, e);
	if (rc < 0)
		return rc;
	char name[16];
	struct cel_error why;
	if (dim < 1 || dim > CEL_DIM_MAX)
		return error_set(e, CEL_ECORRUPT, "a schema of dimension %llu", (unsigned long long)dim);
	out->dim = (uint32_t)dim;
	copy_text(type, name, sizeof name);
	if (cel_type_parse(name, &out->type, &why) < 0 || strlen(name) != type.size)
		return error_set(e, CEL_ECORRUPT, "a schema of unknown element type");
	copy_text(metric, name, sizeof name);
	if (cel_metric_parse(name, &out->metric, &why) < 0 || strlen(name) != metric.size)
		return error_set(e, CEL_ECORRUPT, "a schema of unknown metric");
	copy_text(model, out->model, sizeof out->model);
	if (strlen(out->model) != model.size)
		return error_set(e, CEL_ECORRUPT, "a schema whose model name is over 255 bytes or has a NUL character");
	return 0;
}

int schema_encode(const struct cel_schema *schema, struct buf *b, struct cel_error *e)
{
	int rc = schema_check(schema, e);
	if (rc == 0)
		rc = put_head(b, SCHEMA_WORD, SCHEMA_ITEMS, e);
	if (rc == 0)
		rc = cbor_put_uint(b, schema->dim, e);
	if (rc == 0)
		rc = cbor_put_text(b, slice_text(cel_type_name(schema->type)), e);
	if (rc == 0)
		rc = cbor_put_text(b, slice_text(cel_metric_name(schema->metric)), e);
	return rc < 0 ? rc : cbor_put_text(b, slice_text(schema->model), e);
}

int schema_put(struct store_batch *batch, const struct cel_schema *schema, struct cid *out, struct cel_error *e)
{
	BUF_CLEANUP struct buf b = {0};
	int rc = schema_encode(schema, &b, e);
	return rc < 0 ? rc : store_batch_put(batch, CID_DAG_CBOR, buf_slice(&b), out, e);
}

int schema_read(struct store_read *read, const struct cid *cid, struct cel_schema *out, struct cel_error *e)
{
	struct slice block;
	int rc = read_kind(read, cid, "schema", &block, e);
	return rc < 0 ? rc : schema_decode(block, out, e);
}

int commit_put_genesis(struct store_batch *batch, const struct cel_schema *schema, struct cid *out, struct cel_error *e)
{
	struct commit genesis = {0};
	struct prolly_builder *tree;
	uint64_t count;
	int rc = schema_put(batch, schema, &genesis.schema, e);
	if (rc == 0)
		rc = prolly_builder_new(batch, &tree, e);
	if (rc < 0)
		return rc;
	rc = prolly_builder_finish(tree, &genesis.tree, &count, e);
	prolly_builder_free(tree);
	return rc < 0 ? rc : commit_put(batch, &genesis, out, e);
}
