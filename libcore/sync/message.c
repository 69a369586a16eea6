/* SPDX-License-Identifier: Apache-2.0 */
/* Encoder and decoder as the lists of fields give them. A decoder checks each field's size against its bound and against what
 * is left of the frame before anything is made of it, allocates nothing, and goes one array deep. */
#include "message.h"

#include "cbor.h"
#include "error.h"
#include "frame.h"
#include "session.h"

/* How many fields a message has. */
#define F(kind, field, max) +1
#define M(NAME, name, number) enum { COUNT_##name = 0 FIELDS_##name(F) };
MESSAGES(M)
#undef M
#undef F

const char *message_name(enum message_type type)
{
	switch (type) {
#define M(NAME, name, number)                                                                                      \
	case MESSAGE_##NAME:                                                                                       \
		return #NAME;
		MESSAGES(M)
#undef M
	}
	return "?";
}

/* ---- encoding */

static int too_large(const char *field, struct cel_error *e)
{
	return error_set(e, CEL_EINTERNAL, "a message's %s is over its bound", field);
}

static int put_uint(struct buf *b, uint64_t value, uint64_t max, const char *field, struct cel_error *e)
{
	return value > max ? too_large(field, e) : cbor_put_uint(b, value, e);
}

static int put_text(struct buf *b, struct slice value, uint64_t max, const char *field, struct cel_error *e)
{
	return value.size > max ? too_large(field, e) : cbor_put_text(b, value, e);
}

static int put_bytes(struct buf *b, struct slice value, uint64_t max, const char *field, struct cel_error *e)
{
	return value.size > max ? too_large(field, e) : cbor_put_bytes(b, value, e);
}

static int put_link(struct buf *b, struct cid value, uint64_t max, const char *field, struct cel_error *e)
{
	(void)max, (void)field;
	return cbor_put_link(b, &value, e);
}

static int put_body(const struct message *m, struct buf *b, struct cel_error *e)
{
	int rc = CEL_EINTERNAL;
	switch (m->type) {
#define F(kind, field, max) rc = rc < 0 ? rc : put_##kind(b, body->field, max, #field, e);
#define M(NAME, name, number)                                                                                      \
	case MESSAGE_##NAME: {                                                                                     \
		const struct message_##name *body = &m->name;                                                      \
		(void)body;                                                                                        \
		rc = cbor_put_array(b, 1 + COUNT_##name, e);                                                       \
		rc = rc < 0 ? rc : cbor_put_uint(b, number, e);                                                    \
		FIELDS_##name(F) return rc;                                                                        \
	}
		MESSAGES(M)
#undef M
#undef F
	}
	return error_set(e, rc, "a message of type %d", (int)m->type);
}

int message_put(const struct message *m, struct buf *out, struct cel_error *e)
{
	BUF_CLEANUP struct buf body = {0};
	int rc = put_body(m, &body, e);
	return rc < 0 ? rc : frame_put(out, buf_slice(&body), e);
}

/* ---- decoding */

static int over(const char *field, struct cel_error *e)
{
	return error_set(e, CEL_EPROTOCOL, "its %s is over its bound", field);
}

static int get_uint(struct cbor_reader *r, uint64_t *out, uint64_t max, const char *field, struct cel_error *e)
{
	int rc = cbor_get_uint(r, out, e);
	return rc == 0 && *out > max ? over(field, e) : rc;
}

static int get_text(struct cbor_reader *r, struct slice *out, uint64_t max, const char *field, struct cel_error *e)
{
	int rc = cbor_get_text(r, out, e);
	return rc == 0 && out->size > max ? over(field, e) : rc;
}

static int get_bytes(struct cbor_reader *r, struct slice *out, uint64_t max, const char *field, struct cel_error *e)
{
	int rc = cbor_get_bytes(r, out, e);
	return rc == 0 && out->size > max ? over(field, e) : rc;
}

static int get_link(struct cbor_reader *r, struct cid *out, uint64_t max, const char *field, struct cel_error *e)
{
	(void)max;
	int rc = cbor_get_link(r, out, e);
	return rc == 0 && out->codec != CID_DAG_CBOR ? error_set(e, CEL_EPROTOCOL, "its %s is no commit", field) : rc;
}

static int check_count(uint64_t n, uint64_t wanted, struct cel_error *e)
{
	return n == 1 + wanted ? 0 : error_set(e, CEL_EPROTOCOL, "it has %llu items, not %llu", (unsigned long long)n,
					       (unsigned long long)(1 + wanted));
}

/* Of another version: only what all of them have. */
static int get_other_hello(struct cbor_reader r, uint64_t n, struct message_hello *out, struct cel_error *e)
{
	int rc = n < 3 ? CEL_EPROTOCOL : get_text(&r, &out->magic, 3, "magic", e);
	if (rc == 0)
		rc = get_uint(&r, &out->version, UINT32_MAX, "version", e);
	return rc == 0 && slice_equal(out->magic, slice_text(MESSAGE_MAGIC)) && out->version != CEL_FORMAT_PROTOCOL ? 1 : 0;
}

static int get_fields(struct cbor_reader *r, uint64_t type, uint64_t n, struct message *m, struct cel_error *e)
{
	int rc = 0;
	switch (type) {
#define F(kind, field, max) rc = rc < 0 ? rc : get_##kind(r, &body->field, max, #field, e);
#define M(NAME, name, number)                                                                                      \
	case MESSAGE_##NAME: {                                                                                     \
		struct message_##name *body = &m->name;                                                            \
		(void)body;                                                                                        \
		rc = check_count(n, COUNT_##name, e);                                                              \
		FIELDS_##name(F) break;                                                                            \
	}
		MESSAGES(M)
#undef M
#undef F
	default:
		return error_set(e, CEL_EPROTOCOL, "there is no such type");
	}
	return rc < 0 ? rc : cbor_finish(r, e);
}

int message_decode(struct slice body, struct message *out, struct cel_error *e)
{
	/* Frames may be longer than the blocks for which cbor_reader_init is. */
	struct cbor_reader r = {.start = body.data, .p = body.data, .end = body.data + body.size};
	struct cel_error why = {0};
	uint64_t n, type = 0;
	memset(out, 0, sizeof *out);
	int rc = cbor_get_array(&r, &n, &why);
	if (rc == 0)
		rc = cbor_get_uint(&r, &type, &why);
	if (rc < 0)
		return error_set(e, CEL_EPROTOCOL, "a frame that is no message: %s", why.message);
	out->type = type <= UINT16_MAX ? (enum message_type)type : (enum message_type)0;
	if (type == MESSAGE_HELLO && get_other_hello(r, n, &out->hello, NULL) > 0)
		return 0;
	rc = get_fields(&r, type, n, out, &why);
	if (rc < 0)
		return error_set(e, CEL_EPROTOCOL, "a bad message %llu (%s): %s", (unsigned long long)type,
				 message_name(out->type), why.message);
	return 0;
}
