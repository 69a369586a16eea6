/* SPDX-License-Identifier: Apache-2.0 */
/* The binary form is fixed at 36 bytes because hash and codecs are: two one-byte varints (version, codec), the
 * multihash code and length, the digest. 36 bytes are 58 base32 characters with 2 zero bits at the end. */
#include "cid.h"

#include "error.h"

static const char BASE32[] = "abcdefghijklmnopqrstuvwxyz234567";

struct cid cid_of(uint8_t codec, struct slice block)
{
	struct cid cid = {.codec = codec};
	sha256(block.data, block.size, cid.digest);
	return cid;
}

int cid_compare(const struct cid *a, const struct cid *b)
{
	if (a->codec != b->codec)
		return a->codec < b->codec ? -1 : 1;
	return memcmp(a->digest, b->digest, SHA256_SIZE);
}

void cid_encode(const struct cid *cid, uint8_t out[CID_SIZE])
{
	out[0] = 0x01;
	out[1] = cid->codec;
	out[2] = 0x12;
	out[3] = 0x20;
	memcpy(out + 4, cid->digest, SHA256_SIZE);
}

int cid_decode(struct slice bytes, struct cid *out, struct cel_error *e)
{
	if (bytes.size != CID_SIZE)
		return error_set(e, CEL_EDATA, "a CID of %zu bytes, not %d", bytes.size, CID_SIZE);
	const uint8_t *p = bytes.data;
	if (p[0] != 0x01 || (p[1] != CID_RAW && p[1] != CID_DAG_CBOR) || p[2] != 0x12 || p[3] != 0x20)
		return error_set(e, CEL_EDATA, "not a CIDv1 of a raw or dag-cbor block with sha2-256");
	out->codec = p[1];
	memcpy(out->digest, p + 4, SHA256_SIZE);
	return 0;
}

void cid_format(const struct cid *cid, char out[CEL_CID_TEXT_SIZE])
{
	uint8_t bytes[CID_SIZE];
	cid_encode(cid, bytes);
	char *p = out;
	*p++ = 'b';
	uint32_t bits = 0;
	int n_bits = 0;
	for (size_t i = 0; i < CID_SIZE; i++) {
		bits = bits << 8 | bytes[i];
		for (n_bits += 8; n_bits >= 5; n_bits -= 5)
			*p++ = BASE32[bits >> (n_bits - 5) & 31];
	}
	*p++ = BASE32[bits << (5 - n_bits) & 31];
	*p = '\0';
}

static int base32_value(uint8_t c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

int cid_parse(struct slice text, struct cid *out, struct cel_error *e)
{
	if (text.size != CEL_CID_TEXT_SIZE - 1 || text.data[0] != 'b')
		return error_set(e, CEL_EDATA, "not a CID in base32");
	uint8_t bytes[CID_SIZE];
	size_t size = 0;
	uint32_t bits = 0;
	int n_bits = 0;
	for (size_t i = 1; i < text.size; i++) {
		int value = base32_value(text.data[i]);
		if (value < 0)
			return error_set(e, CEL_EDATA, "not a CID in base32");
		bits = bits << 5 | (uint32_t)value;
		n_bits += 5;
		if (n_bits >= 8) {
			n_bits -= 8;
			bytes[size++] = (uint8_t)(bits >> n_bits);
		}
	}
	if ((bits & ((1u << n_bits) - 1)) != 0)
		return error_set(e, CEL_EDATA, "not a canonical CID: unused bits are set");
	return cid_decode(slice_make(bytes, size), out, e);
}
