/* SPDX-License-Identifier: Apache-2.0 */
/* What has come is held until a frame is whole. Before more is added, what was given out is cut off, so the buffer is never
 * larger than one frame and one piece of input, and a byte is moved once a piece at most. */
#include "frame.h"

#include "cel.h"
#include "error.h"

#define LENGTH_MAX 4u /* bytes of a varint up to FRAME_MAX */
#define DIGIT 0x7fu

int frame_put(struct buf *out, struct slice body, struct cel_error *e)
{
	uint8_t length[LENGTH_MAX];
	size_t n = 0, left = body.size;
	if (body.size == 0 || body.size > FRAME_MAX)
		return error_set(e, CEL_EINTERNAL, "a frame of %zu bytes", body.size);
	for (; left > DIGIT; left >>= 7)
		length[n++] = (uint8_t)((left & DIGIT) | (DIGIT + 1));
	length[n++] = (uint8_t)left;
	int rc = buf_reserve(out, n + body.size, e);
	if (rc == 0)
		rc = buf_append(out, length, n, e);
	return rc < 0 ? rc : buf_append(out, body.data, body.size, e);
}

int frame_feed(struct frame_reader *r, struct slice bytes, struct cel_error *e)
{
	size_t left = r->held.size - r->at;
	if (r->at > 0 && left > 0)
		memmove(r->held.data, r->held.data + r->at, left);
	r->held.size = left;
	r->at = 0;
	return bytes.size == 0 ? 0 : buf_append(&r->held, bytes.data, bytes.size, e);
}

/* The varint: 1, 0 if it is not whole. Canonical: it does not end in a byte 00. */
static int parse_length(struct slice bytes, size_t *size, size_t *length, struct cel_error *e)
{
	*length = 0;
	for (size_t i = 0; i < LENGTH_MAX; i++) {
		if (i == bytes.size)
			return 0;
		*length |= (size_t)(bytes.data[i] & DIGIT) << 7 * i;
		if (bytes.data[i] > DIGIT)
			continue;
		if (bytes.data[i] == 0 || *length > FRAME_MAX)
			break;
		*size = i + 1;
		return 1;
	}
	return error_set(e, CEL_EPROTOCOL, "a frame of no length, or of more than 2 MiB");
}

int frame_next(struct frame_reader *r, struct slice *body, struct slice *whole, struct cel_error *e)
{
	struct slice rest = frame_rest(r);
	size_t size = 0, length = 0;
	int rc = parse_length(rest, &size, &length, e);
	if (rc <= 0 || rest.size < size + length)
		return rc < 0 ? rc : 0;
	*whole = slice_make(rest.data, size + length);
	*body = slice_make(rest.data + size, length);
	r->at += size + length;
	return 1;
}

struct slice frame_rest(const struct frame_reader *r)
{
	return slice_make(r->held.data == NULL ? NULL : r->held.data + r->at, r->held.size - r->at);
}

void frame_reader_release(struct frame_reader *r)
{
	buf_release(&r->held);
	r->at = 0;
}
