/* SPDX-License-Identifier: Apache-2.0 */
/* The part of DAG-CBOR that stored blocks use: unsigned integers, byte and text strings, arrays, null and links
 * (tag 42). The writer is canonical; the reader refuses whatever is not, with sizes checked against what is left of the
 * input before anything is believed.
 *
 * The reader gives one item at a time and never descends by itself: how deep a block may nest is for its decoder to
 * say, and a decoder of a fixed format goes no deeper than that format (a node 3 arrays, a commit 2). */
#ifndef BASE_CBOR_H
#define BASE_CBOR_H

#include "buf.h"
#include "cid.h"

#define CBOR_BLOCK_MAX (1u << 20) /* bytes of a block */

/* After a failure the buffer is as it was. */
int cbor_put_uint(struct buf *b, uint64_t value, struct cel_error *e);
int cbor_put_bytes(struct buf *b, struct slice bytes, struct cel_error *e);
int cbor_put_text(struct buf *b, struct slice text, struct cel_error *e); /* text must be UTF-8 */
int cbor_put_array(struct buf *b, uint64_t count, struct cel_error *e); /* count items follow */
int cbor_put_null(struct buf *b, struct cel_error *e);
int cbor_put_link(struct buf *b, const struct cid *cid, struct cel_error *e);

struct cbor_reader {
	const uint8_t *start, *p, *end;
};

/* CEL_ECORRUPT from all of these, with the offset, if the next item is not of that kind or not canonical; the reader
 * then stands where it stood. Slices point into the block. */
int cbor_reader_init(struct cbor_reader *r, struct slice block, struct cel_error *e); /* refuses over CBOR_BLOCK_MAX */
int cbor_get_uint(struct cbor_reader *r, uint64_t *out, struct cel_error *e);
int cbor_get_bytes(struct cbor_reader *r, struct slice *out, struct cel_error *e);
int cbor_get_text(struct cbor_reader *r, struct slice *out, struct cel_error *e); /* valid UTF-8 */
int cbor_get_array(struct cbor_reader *r, uint64_t *count, struct cel_error *e);  /* count <= bytes left */
int cbor_get_link(struct cbor_reader *r, struct cid *out, struct cel_error *e);
bool cbor_is_bytes(const struct cbor_reader *r); /* looks only */
int cbor_finish(struct cbor_reader *r, struct cel_error *e); /* nothing may be left */

/* These two are most of what nodes consist of. */
#define CBOR_LINK_SIZE (5u + CID_SIZE)
static inline bool cbor_skip_link(struct cbor_reader *r, uint8_t codec) /* to a block of that codec: consumes it if so */
{
	const uint8_t head[9] = {0xd8, 42, 0x58, 1 + CID_SIZE, 0x00, 0x01, codec, 0x12, 0x20};
	if ((size_t)(r->end - r->p) < CBOR_LINK_SIZE || memcmp(r->p, head, sizeof head) != 0)
		return false;
	r->p += CBOR_LINK_SIZE;
	return true;
}

static inline bool cbor_is_null(struct cbor_reader *r) /* consumes it if so */
{
	if (r->p == r->end || *r->p != 0xf6)
		return false;
	r->p++;
	return true;
}

#endif
