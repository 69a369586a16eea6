/* SPDX-License-Identifier: Apache-2.0 */
/* Content identifiers: CIDv1, sha2-256, codec dag-cbor or raw. Text form: multibase base32 lower case ("b..."). */
#ifndef BASE_CID_H
#define BASE_CID_H

#include <stdbool.h>
#include <string.h>

#include "cel.h"
#include "hash.h"
#include "slice.h"

enum { CID_RAW = 0x55, CID_DAG_CBOR = 0x71 };
#define CID_SIZE 36 /* bytes of the binary form: 01 codec 12 20 digest */

struct cid {
	uint8_t codec;
	uint8_t digest[SHA256_SIZE];
};

struct cid cid_of(uint8_t codec, struct slice block);
static inline bool cid_equal(const struct cid *a, const struct cid *b)
{
	return a->codec == b->codec && memcmp(a->digest, b->digest, SHA256_SIZE) == 0;
}
int cid_compare(const struct cid *a, const struct cid *b); /* order of the binary form */

void cid_encode(const struct cid *cid, uint8_t out[CID_SIZE]);
int cid_decode(struct slice bytes, struct cid *out, struct cel_error *e); /* exactly CID_SIZE bytes, else CEL_EDATA */
void cid_format(const struct cid *cid, char out[CEL_CID_TEXT_SIZE]);
int cid_parse(struct slice text, struct cid *out, struct cel_error *e); /* canonical base32 only, else CEL_EDATA */

#endif
