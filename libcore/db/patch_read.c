/* SPDX-License-Identifier: Apache-2.0 */
/* A frame is looked at in the stream's window and stepped over when the next is asked for, so its slices live until then.
 * The digest runs one frame behind: the last one is not part of it. */
#include "patch.h"

#include "alloc.h"
#include "cbor.h"
#include "commit.h"
#include "error.h"
#include "record.h"
#include "stream.h"

#define LENGTH_MAX 4u /* bytes of a varint up to PATCH_FRAME_MAX */
#define DIGIT 0x7fu

static const uint8_t MAGIC[] = {0x0c, 0x82, 0x69, 'c', 'e', 'l', '-', 'p', 'a', 't', 'c', 'h', CEL_FORMAT_PATCH};

struct patch_reader {
	struct stream *stream;
	struct patch_header header;
	struct sha256 digest;
	struct slice frame; /* its length and its array, in the window: consumed at the next */
	size_t length_size;
	uint64_t count;
	uint8_t last[CEL_ID_MAX];
	size_t last_size;
	bool is_end, is_broken;
	bool is_one_of_several; /* the stream is not ours, and goes on */
};

static int bad(struct patch_reader *r, struct cel_error *e, const char *what)
{
	return error_set(e, CEL_EDATA, "%s: bad patch: %s (frame at byte %llu)", stream_name(r->stream), what,
			 (unsigned long long)stream_offset(r->stream));
}

static int cut_off(struct patch_reader *r, size_t left, struct cel_error *e)
{
	return error_set(e, CEL_EDATA, "%s: the patch was cut off: it ends at byte %llu without its end frame",
			 stream_name(r->stream), (unsigned long long)(stream_offset(r->stream) + left));
}

/* Canonical: no byte 00 at the end but for 0 itself, and no frame is empty. */
static int parse_length(struct patch_reader *r, struct slice window, size_t *length, struct cel_error *e)
{
	*length = 0;
	for (size_t i = 0; i < LENGTH_MAX; i++) {
		if (i == window.size)
			return cut_off(r, window.size, e);
		*length |= (size_t)(window.data[i] & DIGIT) << 7 * i;
		if (window.data[i] > DIGIT)
			continue;
		if (window.data[i] == 0 || *length > PATCH_FRAME_MAX)
			break;
		r->length_size = i + 1;
		return 0;
	}
	return bad(r, e, "a frame of no length, or of more than 2 MiB");
}

static int next_frame(struct patch_reader *r, struct slice *array, struct cel_error *e)
{
	struct slice window;
	size_t length = 0;
	sha256_update(&r->digest, r->frame.data, r->frame.size);
	stream_consume(r->stream, r->frame.size);
	r->frame = slice_make(NULL, 0);
	int rc = stream_peek(r->stream, LENGTH_MAX, &window, e);
	if (rc == 0)
		rc = parse_length(r, window, &length, e);
	if (rc == 0)
		rc = stream_peek(r->stream, r->length_size + length, &window, e);
	if (rc < 0)
		return rc;
	if (window.size < r->length_size + length)
		return cut_off(r, window.size, e);
	r->frame = slice_make(window.data, r->length_size + length);
	*array = slice_make(window.data + r->length_size, length);
	return 0;
}

/* Frames may be longer than the blocks for which cbor_reader_init is. */
static struct cbor_reader read_array(struct slice array)
{
	return (struct cbor_reader){.start = array.data, .p = array.data, .end = array.data + array.size};
}

static int get_schema(struct patch_reader *r, struct slice array, struct cel_error *e)
{
	struct cel_error why;
	int rc = schema_decode(array, &r->header.schema, &why);
	return rc < 0 ? bad(r, e, why.message) : 0;
}

static int get_roots(struct patch_reader *r, struct slice array, struct cel_error *e)
{
	struct cbor_reader c = read_array(array);
	struct cel_error why;
	uint64_t n;
	int rc = cbor_get_array(&c, &n, &why);
	if (rc == 0 && n != 2)
		return bad(r, e, "not two roots");
	if (rc == 0)
		rc = cbor_get_link(&c, &r->header.base, &why);
	if (rc == 0)
		rc = cbor_get_link(&c, &r->header.target, &why);
	if (rc == 0)
		rc = cbor_finish(&c, &why);
	if (rc < 0)
		return bad(r, e, why.message);
	if (r->header.base.codec != CID_DAG_CBOR || r->header.target.codec != CID_DAG_CBOR)
		return bad(r, e, "a root that is no node");
	return 0;
}

static int get_header(struct patch_reader *r, struct cel_error *e)
{
	struct slice window, array;
	int rc = stream_peek(r->stream, sizeof MAGIC, &window, e);
	if (rc < 0)
		return rc;
	size_t size = window.size < sizeof MAGIC ? window.size : sizeof MAGIC;
	size_t common = size == 0 ? 0 : slice_common_prefix(slice_make(window.data, size), slice_make(MAGIC, sizeof MAGIC));
	if (common == size && size > 0 && size < sizeof MAGIC)
		return cut_off(r, size, e);
	if (common == sizeof MAGIC - 1)
		return error_set(e, CEL_EDATA, "%s: a patch of another format than %d: this version cannot read it",
				 stream_name(r->stream), CEL_FORMAT_PATCH);
	if (common < sizeof MAGIC)
		return error_set(e, CEL_EDATA, "%s: %s", stream_name(r->stream),
				 size == 0 ? "no patch: the input is empty" : "no patch: it does not begin as one");
	rc = next_frame(r, &array, e);
	if (rc == 0)
		rc = next_frame(r, &array, e);
	if (rc == 0)
		rc = get_schema(r, array, e);
	if (rc == 0)
		rc = next_frame(r, &array, e);
	return rc < 0 ? rc : get_roots(r, array, e);
}

static int new_reader(struct stream *stream, bool is_one_of_several, struct patch_reader **out, struct cel_error *e)
{
	*out = NULL;
	struct patch_reader *r = mem_calloc(1, sizeof *r);
	if (r == NULL) {
		if (!is_one_of_several)
			stream_free(stream);
		return error_nomem(e, sizeof *r);
	}
	r->stream = stream;
	r->is_one_of_several = is_one_of_several;
	sha256_init(&r->digest);
	int rc = get_header(r, e);
	if (rc < 0) {
		patch_reader_free(r);
		return rc;
	}
	*out = r;
	return 0;
}

int patch_reader_new(struct stream *stream, struct patch_reader **out, struct cel_error *e)
{
	return new_reader(stream, false, out, e);
}

int patch_reader_new_next(struct stream *stream, struct patch_reader **out, struct cel_error *e)
{
	return new_reader(stream, true, out, e);
}

int patch_reader_open(const char *path, struct patch_reader **out, struct cel_error *e)
{
	struct stream *stream;
	*out = NULL;
	int rc = stream_open(path, &stream, e);
	return rc < 0 ? rc : patch_reader_new(stream, out, e);
}

void patch_reader_free(struct patch_reader *r)
{
	if (r == NULL)
		return;
	if (!r->is_one_of_several)
		stream_free(r->stream);
	mem_free(r);
}

const struct patch_header *patch_reader_header(const struct patch_reader *r)
{
	return &r->header;
}

uint64_t patch_reader_count(const struct patch_reader *r)
{
	return r->count;
}

/* The end frame behind its array head: it must say what was read, and nothing may follow. */
static int get_end(struct patch_reader *r, struct cbor_reader *c, uint64_t n, struct cel_error *e)
{
	struct slice word, stored, window;
	struct cel_error why;
	uint8_t digest[SHA256_SIZE];
	uint64_t count;
	int rc = n != 3 ? bad(r, e, "neither a record nor the end") : cbor_get_text(c, &word, &why);
	if (n != 3)
		return rc;
	if (rc == 0)
		rc = cbor_get_uint(c, &count, &why);
	if (rc == 0)
		rc = cbor_get_bytes(c, &stored, &why);
	if (rc == 0)
		rc = cbor_finish(c, &why);
	if (rc < 0)
		return bad(r, e, why.message);
	if (!slice_equal(word, slice_text("end")))
		return bad(r, e, "neither a record nor the end");
	sha256_final(&r->digest, digest);
	if (count != r->count || !slice_equal(stored, slice_make(digest, sizeof digest)))
		return error_set(e, CEL_EDATA, "%s: the patch was altered: it does not match the digest at its end",
				 stream_name(r->stream));
	stream_consume(r->stream, r->frame.size);
	r->frame = slice_make(NULL, 0);
	if (r->is_one_of_several)
		return 0;
	rc = stream_peek(r->stream, 1, &window, e);
	if (rc == 0 && window.size > 0)
		return bad(r, e, "more input behind its end");
	return rc;
}

static int check_record(struct patch_reader *r, const struct change *c, struct cel_error *e)
{
	struct cel_error why;
	if (record_check_id(c->id, &why) < 0)
		return bad(r, e, why.message);
	if (r->count > 0 && slice_compare(slice_make(r->last, r->last_size), c->id) >= 0)
		return bad(r, e, "an id that does not come after the one before it");
	if (!c->is_delete && c->vector.size != schema_vector_size(&r->header.schema))
		return bad(r, e, "a vector of another size than the schema says");
	memcpy(r->last, c->id.data, c->id.size);
	r->last_size = c->id.size;
	r->count++;
	return 0;
}

static int read_change(struct patch_reader *r, struct change *out, struct cel_error *e)
{
	struct slice array;
	struct cel_error why;
	uint64_t n;
	int rc = next_frame(r, &array, e);
	if (rc < 0)
		return rc;
	struct cbor_reader c = read_array(array);
	if (cbor_get_array(&c, &n, &why) < 0)
		return bad(r, e, why.message);
	if (!cbor_is_bytes(&c)) {
		rc = get_end(r, &c, n, e);
		r->is_end = rc == 0;
		return rc;
	}
	if (n != 1 && n != 3)
		return bad(r, e, "neither a record nor the end");
	*out = (struct change){.is_delete = n == 1};
	rc = cbor_get_bytes(&c, &out->id, &why);
	if (rc == 0 && n == 3)
		rc = cbor_get_bytes(&c, &out->vector, &why);
	if (rc == 0 && n == 3 && !cbor_is_null(&c)) {
		rc = cbor_get_bytes(&c, &out->metadata, &why);
		if (rc == 0 && out->metadata.size == 0)
			return bad(r, e, "metadata of no bytes");
	}
	if (rc == 0)
		rc = cbor_finish(&c, &why);
	if (rc < 0)
		return bad(r, e, why.message);
	rc = check_record(r, out, e);
	return rc < 0 ? rc : 1;
}

static int reader_changes_next(void *context, struct change *out, struct cel_error *e)
{
	struct patch_reader *r = context;
	if (r->is_broken)
		return error_set(e, CEL_EINTERNAL, "%s: reading the patch has failed", stream_name(r->stream));
	if (r->is_end)
		return 0;
	int rc = read_change(r, out, e);
	r->is_broken = rc < 0;
	return rc;
}

struct changes patch_reader_changes(struct patch_reader *r)
{
	return (struct changes){reader_changes_next, r};
}
