/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder walks the block once and checks all that a single block can show: canonical CBOR, a level and a number of
 * entries that occur, keys that are ids and ascend, the longest common prefix taken out (so the first and the last
 * suffix share no byte; a single entry is all prefix), values inline exactly if they are short, links of the right
 * codec, and a count that is the sum of the entries'. What it accepts re-encodes to the same bytes. */
#include "node.h"

#include "cbor.h"
#include "error.h"
#include "figures.h"
#include "record.h"

static int get_value(struct cbor_reader *r, struct prolly_value *out, struct cel_error *e)
{
	*out = (struct prolly_value){.is_link = !cbor_is_bytes(r)};
	if (out->is_link) {
		int rc = cbor_get_link(r, &out->link, e);
		if (rc == 0 && out->link.codec != CID_RAW)
			return error_set(e, CEL_ECORRUPT, "a value links a block that is not raw");
		return rc;
	}
	int rc = cbor_get_bytes(r, &out->bytes, e);
	if (rc < 0)
		return rc;
	if (out->bytes.size == 0 || out->bytes.size > PROLLY_INLINE_MAX)
		return error_set(e, CEL_ECORRUPT, "a value of %zu bytes inline, not 1..%u", out->bytes.size,
				 PROLLY_INLINE_MAX);
	return 0;
}

static int get_leaf_rest(struct cbor_reader *r, struct prolly_value *vector, struct prolly_value *metadata,
			 struct cel_error *e)
{
	int rc = get_value(r, vector, e);
	*metadata = (struct prolly_value){0};
	return rc < 0 || cbor_is_null(r) ? rc : get_value(r, metadata, e);
}

static int get_count(struct cbor_reader *r, uint64_t *count, struct cel_error *e)
{
	const uint8_t *p = r->p;
	if (r->end - p >= 2 && p[0] == 0x18 && p[1] >= 24) { /* as those of leaves are */
		*count = p[1];
		r->p += 2;
		return 0;
	}
	int rc = cbor_get_uint(r, count, e);
	if (rc == 0 && *count == 0)
		return error_set(e, CEL_ECORRUPT, "an entry links an empty node");
	return rc;
}

static int get_inner_rest(struct cbor_reader *r, struct cid *child, uint64_t *count, struct cel_error *e)
{
	int rc = cbor_get_link(r, child, e);
	if (rc < 0)
		return rc;
	if (child->codec != CID_DAG_CBOR)
		return error_set(e, CEL_ECORRUPT, "an entry links a block that is no node");
	return get_count(r, count, e);
}

/* The heads of an entry and of a suffix of less than 24 bytes, as nearly all have. */
static bool get_short_suffix(struct cbor_reader *r, struct slice *suffix)
{
	const uint8_t *p = r->p;
	if (r->end - p < 2 || p[0] != 0x83 || p[1] < 0x40 || p[1] > 0x57 || r->end - p - 2 < p[1] - 0x40)
		return false;
	*suffix = slice_make(p + 2, p[1] - 0x40u);
	r->p = p + 2 + suffix->size;
	return true;
}

static int get_suffix(struct cbor_reader *r, struct slice *suffix, struct cel_error *e)
{
	uint64_t n;
	if (get_short_suffix(r, suffix))
		return 0;
	int rc = cbor_get_array(r, &n, e);
	if (rc == 0 && n != 3)
		return error_set(e, CEL_ECORRUPT, "an entry of %llu items, not 3", (unsigned long long)n);
	return rc < 0 ? rc : cbor_get_bytes(r, suffix, e);
}

/* An entry's [suffix, ...] and how many records it stands for. */
static int get_entry(struct cbor_reader *r, uint32_t level, struct slice *suffix, struct node_span *span,
		     uint64_t *count, struct cel_error *e)
{
	int rc = get_suffix(r, suffix, e);
	if (rc < 0)
		return rc;
	*span = (struct node_span){
		.suffix = (uint32_t)(suffix->data - r->start),
		.suffix_size = (uint32_t)suffix->size,
		.rest = (uint32_t)(r->p - r->start),
	};
	struct prolly_value vector, metadata;
	struct cid child;
	*count = 1;
	const uint8_t *start = r->p;
	if (level > 0)
		return cbor_skip_link(r, CID_DAG_CBOR) ? get_count(r, count, e) : get_inner_rest(r, &child, count, e);
	if (cbor_skip_link(r, CID_RAW) && cbor_is_null(r)) /* as most entries of large collections are */
		return 0;
	r->p = start;
	return get_leaf_rest(r, &vector, &metadata, e);
}

/* Printable ASCII, as most ids are: then so is what they are put together to. */
static bool is_plain(struct slice text)
{
	bool is_good = true;
	for (size_t i = 0; i < text.size; i++)
		is_good &= text.data[i] >= 0x20 && text.data[i] < 0x7f;
	return is_good;
}

static int check_key(const struct node *node, uint32_t i, struct slice suffix, struct cel_error *e)
{
	uint8_t key[CEL_ID_MAX];
	struct cel_error why;
	memcpy(key, node->prefix.data, node->prefix.size);
	memcpy(key + node->prefix.size, suffix.data, suffix.size);
	if (record_check_id(slice_make(key, node->prefix.size + suffix.size), &why) < 0)
		return error_set(e, CEL_ECORRUPT, "key %u: %s", i, why.message);
	return 0;
}

static int get_entries(struct cbor_reader *r, struct node *node, struct cel_error *e)
{
	struct slice before = {0}, suffix;
	uint64_t sum = 0, count;
	bool is_plain_prefix = node->prefix.size > 0 && is_plain(node->prefix);
	for (uint32_t i = 0; i < node->n; i++, before = suffix) {
		int rc = get_entry(r, node->level, &suffix, &node->entries[i], &count, e);
		if (rc < 0)
			return rc;
		if (i > 0 && slice_compare(before, suffix) >= 0)
			return error_set(e, CEL_ECORRUPT, "key %u does not come after the one before it", i);
		if (suffix.size > CEL_ID_MAX - node->prefix.size)
			return error_set(e, CEL_ECORRUPT, "key %u is longer than %u bytes", i, CEL_ID_MAX);
		rc = is_plain_prefix && is_plain(suffix) ? 0 : check_key(node, i, suffix, e);
		if (rc < 0)
			return rc;
		if (__builtin_add_overflow(sum, count, &sum))
			return error_set(e, CEL_ECORRUPT, "the counts exceed 2^64");
	}
	if (sum != node->count)
		return error_set(e, CEL_ECORRUPT, "the count is %llu, the entries have %llu",
				 (unsigned long long)node->count, (unsigned long long)sum);
	return 0;
}

static int check_prefix(const struct node *node, struct cel_error *e)
{
	bool is_longest = node->prefix.size == 0;
	if (node->n > 0) {
		const struct node_span *first = &node->entries[0], *last = &node->entries[node->n - 1];
		struct slice a = slice_make(node->block.data + first->suffix, first->suffix_size);
		struct slice b = slice_make(node->block.data + last->suffix, last->suffix_size);
		is_longest = slice_common_prefix(a, b) == 0;
	}
	return is_longest ? 0 : error_set(e, CEL_ECORRUPT, "the prefix is not the longest one common to the keys");
}

int node_decode(struct slice block, struct node *out, struct cel_error *e)
{
	struct cbor_reader r;
	uint64_t n, level;
	int rc = cbor_reader_init(&r, block, e);
	if (rc == 0)
		rc = cbor_get_array(&r, &n, e);
	if (rc == 0 && n != 4)
		return error_set(e, CEL_ECORRUPT, "a node of %llu items, not 4", (unsigned long long)n);
	if (rc == 0)
		rc = cbor_get_uint(&r, &level, e);
	if (rc == 0 && level >= NODE_LEVELS_MAX)
		return error_set(e, CEL_ECORRUPT, "a node of level %llu", (unsigned long long)level);
	if (rc == 0)
		rc = cbor_get_uint(&r, &out->count, e);
	if (rc == 0)
		rc = cbor_get_bytes(&r, &out->prefix, e);
	if (rc == 0 && out->prefix.size > CEL_ID_MAX)
		return error_set(e, CEL_ECORRUPT, "a prefix of %zu bytes", out->prefix.size);
	if (rc == 0)
		rc = cbor_get_array(&r, &n, e);
	if (rc == 0 && (n > CHUNK_CAP || (n == 0 && level > 0)))
		return error_set(e, CEL_ECORRUPT, "a node of %llu entries", (unsigned long long)n);
	if (rc < 0)
		return rc;
	out->block = block;
	out->level = (uint32_t)level;
	out->n = (uint32_t)n;
	rc = get_entries(&r, out, e);
	if (rc == 0)
		rc = check_prefix(out, e);
	return rc < 0 ? rc : cbor_finish(&r, e);
}

int node_read(struct store_read *read, const struct cid *cid, struct node *out, struct cel_error *e)
{
	char text[CEL_CID_TEXT_SIZE];
	struct slice block;
	int rc = cid->codec == CID_DAG_CBOR ? store_read_block(read, cid, &block, e) : CEL_ECORRUPT;
	if (rc == 0)
		rc = node_decode(block, out, e);
	figure_add(FIGURE_NODES_READ, 1);
	if (rc == 0)
		return 0;
	cid_format(cid, text); /* takes as long as a good part of the rest: only when it is told */
	if (cid->codec != CID_DAG_CBOR)
		return error_set(e, CEL_ECORRUPT, "block %s is no node", text);
	if (rc == CEL_ENOTFOUND)
		return error_set(e, CEL_ECORRUPT, "node %s is missing", text);
	error_context(e, "node %s", text);
	return rc;
}

/* Says what is wrong with a child that is not as its parent says. */
static int wrong_child(const struct cid *cid, const struct node *parent, const struct node *child, uint64_t count,
		       struct cel_error *e)
{
	char text[CEL_CID_TEXT_SIZE];
	cid_format(cid, text);
	if (child->level + 1 != parent->level)
		return error_set(e, CEL_ECORRUPT, "node %s is of level %u below one of level %u", text, child->level,
				 parent->level);
	if (child->count != count)
		return error_set(e, CEL_ECORRUPT, "node %s has %llu records, not the %llu its parent says", text,
				 (unsigned long long)child->count, (unsigned long long)count);
	return error_set(e, CEL_ECORRUPT, "node %s does not end with the key its parent says", text);
}

int node_check_child(const struct node *parent, uint32_t i, const struct node *child, struct cel_error *e)
{
	struct cid cid;
	uint64_t count;
	uint8_t last[CEL_ID_MAX], expected[CEL_ID_MAX];
	node_inner_entry(parent, i, &cid, &count);
	if (child->level + 1 != parent->level || child->count != count)
		return wrong_child(&cid, parent, child, count, e);
	struct slice key = slice_make(last, node_key(child, child->n - 1, last));
	if (!slice_equal(key, slice_make(expected, node_key(parent, i, expected))))
		return wrong_child(&cid, parent, child, count, e);
	return 0;
}

int node_read_child(struct store_read *read, const struct node *parent, uint32_t i, struct node *out,
		    struct cel_error *e)
{
	struct cid cid;
	uint64_t count;
	node_inner_entry(parent, i, &cid, &count);
	int rc = node_read(read, &cid, out, e);
	return rc < 0 ? rc : node_check_child(parent, i, out, e);
}

size_t node_key(const struct node *node, uint32_t i, uint8_t out[CEL_ID_MAX])
{
	const struct node_span *span = &node->entries[i];
	memcpy(out, node->prefix.data, node->prefix.size);
	memcpy(out + node->prefix.size, node->block.data + span->suffix, span->suffix_size);
	return node->prefix.size + span->suffix_size;
}

uint32_t node_search(const struct node *node, struct slice key)
{
	size_t common = slice_common_prefix(node->prefix, key);
	if (common < node->prefix.size)
		return common == key.size || key.data[common] < node->prefix.data[common] ? 0 : node->n;
	struct slice suffix = slice_make(key.data + common, key.size - common);
	uint32_t low = 0, high = node->n;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct node_span *span = &node->entries[middle];
		if (slice_compare(slice_make(node->block.data + span->suffix, span->suffix_size), suffix) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A reader at what stands behind the suffix. node_decode has been there: nothing can fail. */
static struct cbor_reader rest_reader(const struct node *node, uint32_t i)
{
	const uint8_t *start = node->block.data;
	return (struct cbor_reader){.start = start, .p = start + node->entries[i].rest, .end = start + node->block.size};
}

void node_leaf_entry(const struct node *node, uint32_t i, struct prolly_value *vector, struct prolly_value *metadata)
{
	struct cbor_reader r = rest_reader(node, i);
	get_leaf_rest(&r, vector, metadata, NULL);
}

void node_inner_entry(const struct node *node, uint32_t i, struct cid *child, uint64_t *count)
{
	struct cbor_reader r = rest_reader(node, i);
	get_inner_rest(&r, child, count, NULL);
}

/* Where entry i begins, with the head of an array of 3 and that of its suffix; for i = n, the end. */
static size_t entry_start(const struct node *node, uint32_t i)
{
	if (i == node->n)
		return node->block.size;
	const struct node_span *span = &node->entries[i];
	return span->suffix - (span->suffix_size < 24 ? 2u : span->suffix_size < 256 ? 3u : 4u);
}

static struct slice entries_from(const struct node *node, uint32_t i)
{
	size_t start = entry_start(node, i);
	return slice_make(node->block.data + start, node->block.size - start);
}

uint32_t node_common_run(const struct node *a, uint32_t i, const struct node *b, uint32_t j)
{
	size_t end = entry_start(a, i) + slice_common_prefix(entries_from(a, i), entries_from(b, j));
	uint32_t low = i, high = a->n; /* those before low lie before end */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (entry_start(a, middle + 1) <= end)
			low = middle + 1;
		else
			high = middle;
	}
	return low - i < b->n - j ? low - i : b->n - j;
}

struct slice node_rest(const struct node *node, uint32_t i, uint64_t *count)
{
	uint32_t start = node->entries[i].rest;
	size_t end = entry_start(node, i + 1);
	*count = 1;
	if (node->level > 0) {
		struct cid child;
		node_inner_entry(node, i, &child, count);
	}
	return slice_make(node->block.data + start, end - start);
}

size_t node_digest_place(const struct node *node, uint32_t i)
{
	return node->entries[i].rest + CBOR_LINK_SIZE - SHA256_SIZE;
}

void node_rest_child(struct slice rest, struct cid *child, uint64_t *count)
{
	struct cbor_reader r = {.start = rest.data, .p = rest.data, .end = rest.data + rest.size};
	get_inner_rest(&r, child, count, NULL);
}

static int put_value(struct buf *b, const struct prolly_value *value, struct cel_error *e)
{
	return value->is_link ? cbor_put_link(b, &value->link, e) : cbor_put_bytes(b, value->bytes, e);
}

int node_put_leaf_rest(struct buf *b, const struct prolly_value *vector, const struct prolly_value *metadata,
		       struct cel_error *e)
{
	int rc = put_value(b, vector, e);
	if (rc < 0)
		return rc;
	return !metadata->is_link && metadata->bytes.size == 0 ? cbor_put_null(b, e) : put_value(b, metadata, e);
}

int node_put_inner_rest(struct buf *b, const struct cid *child, uint64_t count, struct cel_error *e)
{
	int rc = cbor_put_link(b, child, e);
	return rc < 0 ? rc : cbor_put_uint(b, count, e);
}

int node_encode(uint32_t level, uint64_t count, const struct node_item *items, size_t n, struct buf *b,
		struct cel_error *e)
{
	size_t start = b->size;
	struct slice prefix = n == 0 ? slice_make(NULL, 0) : items[0].key;
	if (n > 1)
		prefix.size = slice_common_prefix(prefix, items[n - 1].key);
	int rc = cbor_put_array(b, 4, e);
	if (rc == 0)
		rc = cbor_put_uint(b, level, e);
	if (rc == 0)
		rc = cbor_put_uint(b, count, e);
	if (rc == 0)
		rc = cbor_put_bytes(b, prefix, e);
	if (rc == 0)
		rc = cbor_put_array(b, n, e);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct slice key = items[i].key;
		rc = cbor_put_array(b, 3, e);
		if (rc == 0)
			rc = cbor_put_bytes(b, slice_make(key.data + prefix.size, key.size - prefix.size), e);
		if (rc == 0)
			rc = buf_append(b, items[i].rest.data, items[i].rest.size, e);
	}
	if (rc == 0 && b->size - start > CBOR_BLOCK_MAX)
		return error_set(e, CEL_EINTERNAL, "a node of %zu bytes", b->size - start);
	return rc;
}
