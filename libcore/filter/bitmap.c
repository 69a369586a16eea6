/* SPDX-License-Identifier: Apache-2.0 */
/* The file, numbers little-endian:
 *
 *      0  "celbits" and the byte 1      the format
 *      8  u64 records of the tree
 *     16  u64 records that match
 *     24  u64 records that failed
 *     32  the tree's CID, 36 bytes
 *     68  u32 size of the expression
 *     72  u32 size of the message
 *     76  u32 0
 *     80  words of 64 bits, the lowest bit first; expression; message; the SHA-256 of all before
 *
 * The name is made of the tree and a digest of format and expression; the expression stands in the file as well, so that
 * equal names alone mean nothing. */
#include "bitmap.h"

#include <stdio.h>

#include "alloc.h"
#include "bytes.h"
#include "error.h"
#include "record.h"

#define HEADER_SIZE 80u
static const uint8_t MAGIC[8] = {'c', 'e', 'l', 'b', 'i', 't', 's', 1};

int bitmap_init(struct bitmap *b, uint64_t n, struct cel_error *e)
{
	*b = (struct bitmap){.n = n};
	b->bits = mem_calloc(bits_words(n) + 1, sizeof *b->bits);
	return b->bits != NULL ? 0 : error_nomem(e, n / 8);
}

void bitmap_release(struct bitmap *b)
{
	mem_free(b->bits);
	*b = (struct bitmap){0};
}

void bitmap_name(const struct cid *tree, struct slice expression, char out[BITMAP_NAME_MAX])
{
	char text[CEL_CID_TEXT_SIZE];
	struct sha256 hash;
	uint8_t digest[SHA256_SIZE];
	cid_format(tree, text);
	sha256_init(&hash);
	sha256_update(&hash, MAGIC, sizeof MAGIC);
	sha256_update(&hash, expression.data, expression.size);
	sha256_final(&hash, digest);
	int used = snprintf(out, BITMAP_NAME_MAX, "%s.", text);
	for (int i = 0; i < 16; i++)
		used += snprintf(out + used, BITMAP_NAME_MAX - (size_t)used, "%02x", digest[i]);
	snprintf(out + used, BITMAP_NAME_MAX - (size_t)used, ".filter");
}

int bitmap_encode(const struct bitmap *b, const struct cid *tree, struct slice expression, struct buf *out,
		  struct cel_error *e)
{
	uint8_t header[HEADER_SIZE] = {0}, word[8], digest[SHA256_SIZE];
	size_t start = out->size, message_size = strlen(b->message);
	memcpy(header, MAGIC, sizeof MAGIC);
	store_le64(header + 8, b->n);
	store_le64(header + 16, b->count);
	store_le64(header + 24, b->failed);
	cid_encode(tree, header + 32);
	store_le32(header + 68, (uint32_t)expression.size);
	store_le32(header + 72, (uint32_t)message_size);
	int rc = buf_append(out, header, sizeof header, e);
	for (size_t i = 0; rc == 0 && i < bits_words(b->n); i++) {
		store_le64(word, b->bits[i]);
		rc = buf_append(out, word, sizeof word, e);
	}
	if (rc == 0)
		rc = buf_append(out, expression.data, expression.size, e);
	if (rc == 0)
		rc = buf_append(out, b->message, message_size, e);
	if (rc < 0)
		return rc;
	sha256(out->data + start, out->size - start, digest);
	return buf_append(out, digest, sizeof digest, e);
}

uint64_t bitmap_file_size_max(uint64_t n, struct slice expression)
{
	return HEADER_SIZE + n / 64 * 8 + 8 + expression.size + MATCH_MESSAGE_MAX + SHA256_SIZE;
}

static int check_header(struct slice file, const struct cid *tree, uint64_t n, struct slice expression,
			struct cel_error *e)
{
	uint8_t text[CID_SIZE];
	const uint8_t *p = file.data;
	if (file.size < HEADER_SIZE + SHA256_SIZE || memcmp(p, MAGIC, sizeof MAGIC) != 0 || load_le32(p + 76) != 0)
		return error_set(e, CEL_ECORRUPT, "not a filter bitmap of this format");
	cid_encode(tree, text);
	uint64_t expression_size = load_le32(p + 68), message_size = load_le32(p + 72);
	if (load_le64(p + 8) != n || memcmp(p + 32, text, CID_SIZE) != 0 || expression_size != expression.size)
		return error_set(e, CEL_ECORRUPT, "a filter bitmap of something else");
	if (message_size > MATCH_MESSAGE_MAX || n / 64 > file.size / 8 ||
	    file.size != HEADER_SIZE + bits_words(n) * 8 + expression_size + message_size + SHA256_SIZE)
		return error_set(e, CEL_ECORRUPT, "a filter bitmap of a wrong size");
	return 0;
}

static int take_bits(const uint8_t *p, struct bitmap *out, struct cel_error *e)
{
	for (size_t i = 0; i < bits_words(out->n); i++)
		out->bits[i] = load_le64(p + i * 8);
	bool is_tail_clean = out->n % 64 == 0 || out->bits[out->n / 64] >> out->n % 64 == 0;
	if (!is_tail_clean || bits_count(out->bits, out->n) != out->count || out->failed > out->n - out->count ||
	    (out->failed == 0 && out->message[0] != '\0'))
		return error_set(e, CEL_ECORRUPT, "a filter bitmap that contradicts itself");
	return 0;
}

int bitmap_decode(struct slice file, const struct cid *tree, uint64_t n, struct slice expression, struct bitmap *out,
		  struct cel_error *e)
{
	uint8_t digest[SHA256_SIZE];
	int rc = check_header(file, tree, n, expression, e);
	if (rc < 0)
		return rc;
	const uint8_t *p = file.data, *text = p + HEADER_SIZE + bits_words(n) * 8, *message = text + expression.size;
	size_t message_size = load_le32(p + 72);
	sha256(p, file.size - SHA256_SIZE, digest);
	if (memcmp(digest, p + file.size - SHA256_SIZE, SHA256_SIZE) != 0)
		return error_set(e, CEL_ECORRUPT, "a filter bitmap that does not match its digest");
	if (!slice_equal(slice_make(text, expression.size), expression))
		return error_set(e, CEL_ECORRUPT, "a filter bitmap of something else");
	if (memchr(message, '\0', message_size) != NULL || !utf8_is_valid(slice_make(message, message_size)))
		return error_set(e, CEL_ECORRUPT, "a filter bitmap with a message that is no text");
	rc = bitmap_init(out, n, e);
	if (rc < 0)
		return rc;
	out->count = load_le64(p + 16);
	out->failed = load_le64(p + 24);
	memcpy(out->message, message, message_size);
	if (out->count > n)
		rc = error_set(e, CEL_ECORRUPT, "a filter bitmap that contradicts itself");
	if (rc == 0)
		rc = take_bits(p + HEADER_SIZE, out, e);
	if (rc < 0)
		bitmap_release(out);
	return rc;
}
