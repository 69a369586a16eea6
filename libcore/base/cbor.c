/* SPDX-License-Identifier: Apache-2.0 */
/* An item is a head and, for strings, that many bytes. A head is the major type in the top 3 bits and in the low 5
 * either the argument itself (0..23) or 24, 25, 26, 27 for an argument of 1, 2, 4, 8 big-endian bytes, of which only the
 * shortest that holds the value is canonical; 28..31 (reserved, indefinite length) never are.
 *
 *     a CID as an item:  d8 2a  58 25  00  01 codec 12 20 digest      tag 42, 37 bytes, multibase "identity", the CID */
#include "cbor.h"

#include "error.h"
#include "record.h"

enum major { MAJOR_UINT = 0, MAJOR_BYTES = 2, MAJOR_TEXT = 3, MAJOR_ARRAY = 4, MAJOR_TAG = 6 };
enum { HEAD_MAX = 9, NULL_BYTE = 0xf6, LINK_TAG = 42 };

static const char *const MAJOR_NAMES[8] = {
	[MAJOR_UINT] = "an unsigned integer", [MAJOR_BYTES] = "a byte string", [MAJOR_TEXT] = "a text string",
	[MAJOR_ARRAY] = "an array",           [MAJOR_TAG] = "a link",
};

static int put_head(struct buf *b, enum major major, uint64_t value, size_t payload, struct cel_error *e)
{
	uint8_t head[HEAD_MAX];
	int n_bytes = value < 24 ? 0 : value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
	uint64_t low = n_bytes == 0 ? value : n_bytes == 1 ? 24 : n_bytes == 2 ? 25 : n_bytes == 4 ? 26 : 27;
	head[0] = (uint8_t)((uint64_t)major << 5 | low);
	for (int i = 0; i < n_bytes; i++)
		head[1 + i] = (uint8_t)(value >> 8 * (n_bytes - 1 - i));
	if (payload > SIZE_MAX - HEAD_MAX)
		return error_nomem(e, payload);
	/* Room for the payload as well, so that its append cannot fail and leave a head without one. */
	int rc = buf_reserve(b, HEAD_MAX + payload, e);
	return rc < 0 ? rc : buf_append(b, head, (size_t)n_bytes + 1, e);
}

int cbor_put_uint(struct buf *b, uint64_t value, struct cel_error *e)
{
	return put_head(b, MAJOR_UINT, value, 0, e);
}

int cbor_put_bytes(struct buf *b, struct slice bytes, struct cel_error *e)
{
	int rc = put_head(b, MAJOR_BYTES, bytes.size, bytes.size, e);
	return rc < 0 ? rc : buf_append(b, bytes.data, bytes.size, e);
}

int cbor_put_text(struct buf *b, struct slice text, struct cel_error *e)
{
	int rc = put_head(b, MAJOR_TEXT, text.size, text.size, e);
	return rc < 0 ? rc : buf_append(b, text.data, text.size, e);
}

int cbor_put_array(struct buf *b, uint64_t count, struct cel_error *e)
{
	return put_head(b, MAJOR_ARRAY, count, 0, e);
}

int cbor_put_null(struct buf *b, struct cel_error *e)
{
	return buf_append_byte(b, NULL_BYTE, e);
}

int cbor_put_link(struct buf *b, const struct cid *cid, struct cel_error *e)
{
	uint8_t item[5 + CID_SIZE] = {0xd8, LINK_TAG, 0x58, 1 + CID_SIZE, 0x00};
	cid_encode(cid, item + 5);
	return buf_append(b, item, sizeof item, e);
}

int cbor_reader_init(struct cbor_reader *r, struct slice block, struct cel_error *e)
{
	*r = (struct cbor_reader){.start = block.data, .p = block.data, .end = block.data};
	if (block.size > CBOR_BLOCK_MAX)
		return error_set(e, CEL_ECORRUPT, "a block of %zu bytes, more than %u", block.size, CBOR_BLOCK_MAX);
	if (block.size > 0)
		r->end = block.data + block.size;
	return 0;
}

static size_t bytes_left(const struct cbor_reader *r)
{
	return (size_t)(r->end - r->p);
}

static size_t offset(const struct cbor_reader *r)
{
	return (size_t)(r->p - r->start);
}

/* Reads the head of an item of that kind; *head_size is for the caller to step over once the whole item is good. */
static int peek_head(const struct cbor_reader *r, enum major major, uint64_t *value, size_t *head_size,
		     struct cel_error *e)
{
	if (r->p == r->end)
		return error_set(e, CEL_ECORRUPT, "%s is missing at the end (byte %zu)", MAJOR_NAMES[major], offset(r));
	if (r->p[0] >> 5 != (int)major)
		return error_set(e, CEL_ECORRUPT, "0x%02x is not %s (byte %zu)", r->p[0], MAJOR_NAMES[major], offset(r));
	unsigned low = r->p[0] & 31;
	if (low < 24) {
		*value = low;
		*head_size = 1;
		return 0;
	}
	if (low > 27)
		return error_set(e, CEL_ECORRUPT, "an item of reserved or indefinite length (byte %zu)", offset(r));
	size_t n_bytes = (size_t)1 << (low - 24);
	if (bytes_left(r) < 1 + n_bytes)
		return error_set(e, CEL_ECORRUPT, "the block ends within an item (byte %zu)", offset(r));
	uint64_t v = 0;
	for (size_t i = 1; i <= n_bytes; i++)
		v = v << 8 | r->p[i];
	uint64_t least = n_bytes == 1 ? 24 : 1ull << 4 * n_bytes; /* below it, half of the bytes would have done */
	if (v < least)
		return error_set(e, CEL_ECORRUPT, "an integer that is not the shortest form (byte %zu)", offset(r));
	*value = v;
	*head_size = 1 + n_bytes;
	return 0;
}

int cbor_get_uint(struct cbor_reader *r, uint64_t *out, struct cel_error *e)
{
	size_t head_size;
	int rc = peek_head(r, MAJOR_UINT, out, &head_size, e);
	if (rc == 0)
		r->p += head_size;
	return rc;
}

static int get_string(struct cbor_reader *r, enum major major, struct slice *out, struct cel_error *e)
{
	uint64_t size;
	size_t head_size;
	int rc = peek_head(r, major, &size, &head_size, e);
	if (rc < 0)
		return rc;
	if (size > bytes_left(r) - head_size)
		return error_set(e, CEL_ECORRUPT, "a string of %llu bytes where %zu are left (byte %zu)",
				 (unsigned long long)size, bytes_left(r) - head_size, offset(r));
	*out = slice_make(r->p + head_size, (size_t)size);
	if (major == MAJOR_TEXT && !utf8_is_valid(*out))
		return error_set(e, CEL_ECORRUPT, "text that is not UTF-8 (byte %zu)", offset(r));
	r->p += head_size + (size_t)size;
	return 0;
}

int cbor_get_bytes(struct cbor_reader *r, struct slice *out, struct cel_error *e)
{
	return get_string(r, MAJOR_BYTES, out, e);
}

int cbor_get_text(struct cbor_reader *r, struct slice *out, struct cel_error *e)
{
	return get_string(r, MAJOR_TEXT, out, e);
}

int cbor_get_array(struct cbor_reader *r, uint64_t *count, struct cel_error *e)
{
	size_t head_size;
	int rc = peek_head(r, MAJOR_ARRAY, count, &head_size, e);
	if (rc < 0)
		return rc;
	if (*count > bytes_left(r) - head_size)
		return error_set(e, CEL_ECORRUPT, "an array of %llu items where %zu bytes are left (byte %zu)",
				 (unsigned long long)*count, bytes_left(r) - head_size, offset(r));
	r->p += head_size;
	return 0;
}

int cbor_get_link(struct cbor_reader *r, struct cid *out, struct cel_error *e)
{
	static const uint8_t HEAD[5] = {0xd8, LINK_TAG, 0x58, 1 + CID_SIZE, 0x00};
	if (bytes_left(r) < sizeof HEAD + CID_SIZE || memcmp(r->p, HEAD, sizeof HEAD) != 0)
		return error_set(e, CEL_ECORRUPT, "no link to a CID of %d bytes (byte %zu)", CID_SIZE, offset(r));
	if (cid_decode(slice_make(r->p + sizeof HEAD, CID_SIZE), out, e) < 0)
		return error_set(e, CEL_ECORRUPT, "a link that is no CIDv1 of a raw or dag-cbor block with sha2-256 (byte %zu)",
				 offset(r));
	r->p += sizeof HEAD + CID_SIZE;
	return 0;
}

bool cbor_is_bytes(const struct cbor_reader *r)
{
	return r->p < r->end && *r->p >> 5 == MAJOR_BYTES;
}

int cbor_finish(struct cbor_reader *r, struct cel_error *e)
{
	if (r->p != r->end)
		return error_set(e, CEL_ECORRUPT, "%zu bytes too many (byte %zu)", bytes_left(r), offset(r));
	return 0;
}
