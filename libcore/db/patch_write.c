/* SPDX-License-Identifier: Apache-2.0 */
/* One frame at a time: its array is put together in a buffer, and length and array go out through the digest. */
#include "patch.h"

#include "cbor.h"
#include "commit.h"
#include "error.h"

enum { FORMAT = CEL_FORMAT_PATCH };

static int put_through(struct patch_writer *w, const void *data, size_t size, struct cel_error *e)
{
	sha256_update(&w->digest, data, size);
	return w->put(w->context, data, size, e);
}

/* What has been put together in w->frame. */
static int put_frame(struct patch_writer *w, struct cel_error *e)
{
	uint8_t length[4]; /* 28 bits: more than PATCH_FRAME_MAX */
	size_t n = 0, left = w->frame.size;
	if (left > PATCH_FRAME_MAX)
		return error_set(e, CEL_EDATA, "a record of %zu bytes, more than a patch can hold", left);
	for (; left >= 0x80; left >>= 7)
		length[n++] = (uint8_t)(left | 0x80);
	length[n++] = (uint8_t)left;
	int rc = put_through(w, length, n, e);
	if (rc == 0)
		rc = put_through(w, w->frame.data, w->frame.size, e);
	buf_clear(&w->frame);
	return rc;
}

int patch_writer_begin(struct patch_writer *w, const struct patch_header *header, struct cel_error *e)
{
	sha256_init(&w->digest);
	w->count = 0;
	int rc = cbor_put_array(&w->frame, 2, e);
	if (rc == 0)
		rc = cbor_put_text(&w->frame, slice_text("cel-patch"), e);
	if (rc == 0)
		rc = cbor_put_uint(&w->frame, FORMAT, e);
	if (rc == 0)
		rc = put_frame(w, e);
	if (rc == 0)
		rc = schema_encode(&header->schema, &w->frame, e);
	if (rc == 0)
		rc = put_frame(w, e);
	if (rc == 0)
		rc = cbor_put_array(&w->frame, 2, e);
	if (rc == 0)
		rc = cbor_put_link(&w->frame, &header->base, e);
	if (rc == 0)
		rc = cbor_put_link(&w->frame, &header->target, e);
	return rc < 0 ? rc : put_frame(w, e);
}

int patch_writer_add(struct patch_writer *w, const struct change *c, struct cel_error *e)
{
	w->count++;
	int rc = cbor_put_array(&w->frame, c->is_delete ? 1 : 3, e);
	if (rc == 0)
		rc = cbor_put_bytes(&w->frame, c->id, e);
	if (rc == 0 && !c->is_delete)
		rc = cbor_put_bytes(&w->frame, c->vector, e);
	if (rc == 0 && !c->is_delete)
		rc = c->metadata.size > 0 ? cbor_put_bytes(&w->frame, c->metadata, e) : cbor_put_null(&w->frame, e);
	return rc < 0 ? rc : put_frame(w, e);
}

int patch_writer_end(struct patch_writer *w, struct cel_error *e)
{
	uint8_t digest[SHA256_SIZE];
	sha256_final(&w->digest, digest);
	sha256_init(&w->digest);
	int rc = cbor_put_array(&w->frame, 3, e);
	if (rc == 0)
		rc = cbor_put_text(&w->frame, slice_text("end"), e);
	if (rc == 0)
		rc = cbor_put_uint(&w->frame, w->count, e);
	if (rc == 0)
		rc = cbor_put_bytes(&w->frame, slice_make(digest, sizeof digest), e);
	return rc < 0 ? rc : put_frame(w, e);
}

void patch_writer_release(struct patch_writer *w)
{
	buf_release(&w->frame);
}

int patch_write(const struct patch_header *header, const struct changes *changes, patch_put_fn *put, void *context,
		uint64_t *count, struct cel_error *e)
{
	struct patch_writer w = {.put = put, .context = context};
	struct change c;
	int rc = patch_writer_begin(&w, header, e);
	while (rc == 0 && (rc = changes->next(changes->context, &c, e)) > 0)
		rc = patch_writer_add(&w, &c, e);
	if (rc == 0)
		rc = patch_writer_end(&w, e);
	*count = w.count;
	patch_writer_release(&w);
	return rc;
}
