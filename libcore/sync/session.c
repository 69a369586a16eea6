/* SPDX-License-Identifier: Apache-2.0 */
/* What both roles have in common. What is put waits in `plain` until a piece is full or nothing more is to be made; then it goes
 * to `out`, packed where that helps. What comes is cut into frames, packed ones are unpacked, and each message goes to the
 * role. A failure throws away what was not yet on its way and puts an ERROR behind what was. */
#include "session_impl.h"

#include <stdio.h>

#include "alloc.h"
#include "error.h"
#include "pack.h"
#include "record.h"

enum { PACK_FROM = 512 }; /* bytes: less is not worth it */

/* ---- putting */

int session_put(struct session *s, const struct message *m, struct cel_error *e)
{
	size_t before = s->plain.size;
	int rc = message_put(m, &s->plain, e);
	if (rc < 0)
		return rc;
	sha256_update(&s->run_out.digest, s->plain.data + before, s->plain.size - before);
	s->run_out.count++;
	return 0;
}

static void run_begin(struct run *run)
{
	sha256_init(&run->digest);
	run->count = 0;
}

int session_put_end(struct session *s, struct cel_error *e)
{
	uint8_t digest[SHA256_SIZE];
	sha256_final(&s->run_out.digest, digest);
	struct message m = {.type = MESSAGE_END, .end = {.count = s->run_out.count, .digest = slice_make(digest, sizeof digest)}};
	run_begin(&s->run_out);
	return message_put(&m, &s->plain, e);
}

int session_check_end(struct session *s, const struct message_end *end, struct cel_error *e)
{
	uint8_t digest[SHA256_SIZE];
	sha256_final(&s->run_in.digest, digest);
	bool is_right = end->count == s->run_in.count && slice_equal(end->digest, slice_make(digest, sizeof digest));
	run_begin(&s->run_in);
	return is_right ? 0 : error_set(e, CEL_EPROTOCOL, "what came does not match the digest at its end");
}

int session_unexpected(const struct message *m, struct cel_error *e)
{
	return error_set(e, CEL_EPROTOCOL, "a message %s where none may be", message_name(m->type));
}

static int put_hello(struct session *s, struct cel_error *e)
{
	uint8_t id[STORE_ID_SIZE] = {0};
	int rc = s->side != NULL ? s->side->identify(s->side->context, id, e) : 0;
	if (rc < 0)
		return rc;
	struct message m = {.type = MESSAGE_HELLO, .hello = {
		.magic = slice_text(MESSAGE_MAGIC),
		.version = CEL_FORMAT_PROTOCOL,
		.frame_max = FRAME_MAX,
		.can_unpack = s->is_client && s->client.is_uncompressed ? 0 : 1,
		.software = slice_text("celestica " CEL_VERSION),
		.store_id = slice_make(id, sizeof id),
		.store = slice_text(s->is_client ? s->client.store : ""),
	}};
	return session_put(s, &m, e);
}

/* `plain` to `out`. */
static int flush(struct session *s, struct cel_error *e)
{
	BUF_CLEANUP struct buf packed = {0};
	int rc = 0;
	if (s->is_packing && s->plain.size >= PACK_FROM && s->plain.size <= FRAME_MAX)
		rc = pack(s->packer, buf_slice(&s->plain), &packed, e);
	if (rc > 0) {
		struct message m = {.type = MESSAGE_PACKED, .packed.frames = buf_slice(&packed)};
		s->counts.packed_from += s->plain.size;
		s->counts.packed_to += packed.size;
		rc = message_put(&m, &s->out, e);
	} else if (rc == 0) {
		rc = buf_append(&s->out, s->plain.data, s->plain.size, e);
	}
	buf_clear(&s->plain);
	return rc;
}

/* ---- failure */

static int fail(struct session *s, int rc, const struct cel_error *why, bool is_told)
{
	s->is_failed = true;
	buf_clear(&s->plain);
	giving_end(s);
	taking_end(s, rc == CEL_EPROTOCOL && is_told);
	if (!is_told)
		return rc;
	struct message m = {.type = MESSAGE_ERROR, .error = {.code = (uint64_t)-rc, .message = slice_text(why->message)}};
	message_put(&m, &s->out, NULL); /* without it the other side sees that we are gone, which is as good */
	return rc;
}

/* e may be NULL, but the other side is to be told. */
static int settle(struct session *s, int rc, struct cel_error *own, struct cel_error *e)
{
	if (rc >= 0)
		return rc;
	fail(s, rc, own, true);
	if (e != NULL)
		*e = *own;
	return rc;
}

static int check_usable(const struct session *s, struct cel_error *e)
{
	return s->is_failed || s->is_over ? error_set(e, CEL_EINTERNAL, "the session is over") : 0;
}

/* ---- life */

static int new_session(struct session **out, const struct sync_side *side, bool is_client, struct cel_error *e)
{
	struct session *s = mem_calloc(1, sizeof *s);
	*out = NULL;
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	s->side = side;
	s->is_client = is_client;
	run_begin(&s->run_in);
	run_begin(&s->run_out);
	session_is_at(s, "", "", 0, 0);
	int rc = packer_new(&s->packer, e);
	if (rc < 0) {
		mem_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int session_serve_new(struct session **out, const struct session_server *server, struct cel_error *e)
{
	int rc = new_session(out, server->side, false, e);
	if (rc == 0)
		(*out)->server = *server;
	return rc;
}

int session_call_new(struct session **out, const struct session_client *client, struct cel_error *e)
{
	int rc = new_session(out, client->side, true, e);
	if (rc < 0)
		return rc;
	(*out)->client = *client;
	rc = put_hello(*out, e);
	if (rc < 0) {
		session_free(*out);
		*out = NULL;
	}
	return rc;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	giving_end(s);
	taking_end(s, false);
	packer_free(s->packer);
	frame_reader_release(&s->in);
	buf_release(&s->unpacked);
	buf_release(&s->plain);
	buf_release(&s->out);
	mem_free(s);
}

/* ---- receiving */

/* The other side's text, made fit to be shown. */
static void clean(struct slice text, char *out, size_t size)
{
	size_t n = text.size < size - 1 ? text.size : size - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = text.data[i] < 0x20 || text.data[i] == 0x7f ? ' ' : (char)text.data[i];
	while (n > 0 && n < text.size && (text.data[n] & 0xc0) == 0x80) /* not in the middle of a character */
		n--;
	out[n] = '\0';
	if (!utf8_is_valid(slice_make(out, n)))
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)out[i] >= 0x80)
				out[i] = '?';
}

static int take_error(struct session *s, const struct message_error *m, struct cel_error *e)
{
	static const int CODES[] = {
#define X(name, value, status, text) value,
		CEL_ERRORS(X)
#undef X
	};
	char text[sizeof e->message - 32];
	int code = CEL_EPROTOCOL;
	for (size_t i = 0; i < sizeof CODES / sizeof *CODES; i++)
		if ((uint64_t)-CODES[i] == m->code)
			code = CODES[i];
	clean(m->message, text, sizeof text);
	error_set(e, code, "the other side: %s", text);
	return fail(s, code, NULL, false);
}

static int not_a_session(struct session *s, struct slice bytes, struct cel_error *e)
{
	char text[80];
	clean(bytes, text, sizeof text);
	return error_set(e, CEL_EPROTOCOL, "the other side is no %s: it said '%s'", s->is_client ? "cel-serve" : "client of ours",
			 text);
}

static int take_hello(struct session *s, const struct message_hello *m, struct cel_error *e)
{
	char store[256];
	int rc = 0;
	if (!slice_equal(m->magic, slice_text(MESSAGE_MAGIC)))
		return error_set(e, CEL_EPROTOCOL, "the other side is no session of Celestica");
	if (m->version != CEL_FORMAT_PROTOCOL)
		error_set(e, rc = CEL_EPROTOCOL, "the other side speaks version %llu of the protocol, this one version %u",
			  (unsigned long long)m->version, CEL_FORMAT_PROTOCOL);
	else if (m->frame_max < FRAME_MAX)
		error_set(e, rc = CEL_EPROTOCOL, "the other side takes frames of %llu bytes at most, %u are needed",
			  (unsigned long long)m->frame_max, FRAME_MAX);
	else if (m->store_id.size != STORE_ID_SIZE)
		error_set(e, rc = CEL_EPROTOCOL, "the other side has a store id of %zu bytes", m->store_id.size);
	if (!s->is_client && rc == 0 && s->server.check_store != NULL) {
		clean(m->store, store, sizeof store);
		rc = m->store.size < sizeof store ? s->server.check_store(s->server.context, store, e)
						  : error_set(e, CEL_EPERMISSION, "there is no such store");
	}
	if (!s->is_client) {
		int rc_put = put_hello(s, rc == 0 ? e : NULL);
		if (rc_put == 0) /* unpacked; and the version is told in any case */
			rc_put = flush(s, rc == 0 ? e : NULL);
		rc = rc < 0 ? rc : rc_put;
	}
	if (rc < 0)
		return rc;
	memcpy(s->other_id, m->store_id.data, STORE_ID_SIZE);
	s->is_packing = m->can_unpack != 0 && !(s->is_client && s->client.is_uncompressed);
	s->is_greeted = true;
	return 0;
}

static int take_message(struct session *s, const struct message *m, struct slice whole, struct cel_error *e)
{
	if (m->type == MESSAGE_ERROR)
		return take_error(s, &m->error, e);
	if (m->type != MESSAGE_END) {
		sha256_update(&s->run_in.digest, whole.data, whole.size);
		s->run_in.count++;
	}
	if (!s->is_greeted)
		return m->type == MESSAGE_HELLO ? take_hello(s, &m->hello, e) : session_unexpected(m, e);
	return s->is_client ? session_call_message(s, m, e) : session_serve_message(s, m, e);
}

static int take_frame(struct session *s, struct slice body, struct slice whole, bool is_packed, struct cel_error *e);

static int take_packed(struct session *s, struct slice packed, struct cel_error *e)
{
	struct slice body, whole;
	struct cel_error why;
	buf_clear(&s->unpacked);
	int rc = unpack(s->packer, packed, FRAME_MAX, &s->unpacked, &why);
	if (rc < 0)
		return error_set(e, rc == CEL_EDATA ? CEL_EPROTOCOL : rc, "%s", why.message);
	s->counts.packed_from += s->unpacked.size;
	s->counts.packed_to += packed.size;
	struct frame_reader frames = {.held = s->unpacked};
	while (!s->is_over && (rc = frame_next(&frames, &body, &whole, e)) > 0) {
		rc = take_frame(s, body, whole, true, e);
		if (rc < 0)
			return rc;
	}
	if (rc == 0 && frame_rest(&frames).size > 0)
		return error_set(e, CEL_EPROTOCOL, "packed frames that are not whole");
	return rc;
}

static int take_frame(struct session *s, struct slice body, struct slice whole, bool is_packed, struct cel_error *e)
{
	struct message m;
	int rc = message_decode(body, &m, e);
	if (rc < 0)
		return s->is_greeted ? rc : not_a_session(s, whole, e);
	if (m.type != MESSAGE_PACKED)
		return take_message(s, &m, whole, e);
	return is_packed || !s->is_greeted ? session_unexpected(&m, e) : take_packed(s, m.packed.frames, e);
}

int session_receive(struct session *s, struct slice bytes, struct cel_error *e)
{
	struct cel_error own = {0};
	struct slice body, whole;
	s->counts.received += bytes.size;
	if (s->is_failed || s->is_over)
		return 0; /* what was on its way */
	if (s->is_awaiting && bytes.size > 0) {
		s->counts.round_trips++;
		s->is_awaiting = false;
	}
	int rc = frame_feed(&s->in, bytes, &own);
	while (rc == 0 && !s->is_over && (rc = frame_next(&s->in, &body, &whole, &own)) > 0)
		rc = take_frame(s, body, whole, false, &own);
	if (rc < 0 && !s->is_greeted && !s->is_failed && s->counts.received > 0 && frame_rest(&s->in).size == s->counts.received)
		not_a_session(s, frame_rest(&s->in), &own); /* the very first bytes are no frame */
	if (rc < 0 && s->is_failed) { /* by an ERROR of the other side */
		if (e != NULL)
			*e = own;
		return rc;
	}
	return settle(s, rc, &own, e);
}

int session_receive_end(struct session *s, struct cel_error *e)
{
	if (s->is_failed || s->is_over)
		return 0;
	bool is_busy = s->give.phase != GIVE_NOTHING || s->take.phase != TAKE_NOTHING || s->is_listing;
	struct slice rest = frame_rest(&s->in);
	if (!s->is_client && !is_busy && rest.size == 0) {
		s->is_over = true;
		return 0;
	}
	fail(s, CEL_EPROTOCOL, NULL, false);
	if (s->is_greeted)
		return error_set(e, CEL_EPROTOCOL, "the other side has closed in the middle of the session");
	return rest.size > 0 ? not_a_session(s, rest, e)
			     : error_set(e, CEL_EPROTOCOL, "the other side has closed without a word");
}

/* ---- sending */

static int produce(struct session *s, struct cel_error *e)
{
	if (!s->is_greeted)
		return 0;
	int rc = s->give.phase != GIVE_NOTHING ? giving_produce(s, e) : 0;
	return rc == 0 && s->is_listing ? session_serve_produce(s, e) : rc;
}

static int fill_output(struct session *s, struct cel_error *e)
{
	int rc = 1;
	while (rc > 0 && s->plain.size < PIECE_BYTES)
		rc = produce(s, e);
	return rc < 0 ? rc : flush(s, e);
}

int session_output(struct session *s, struct slice *out, struct cel_error *e)
{
	struct cel_error own = {0};
	int rc = 0;
	if (s->out_at == s->out.size) {
		s->out_at = 0;
		buf_clear(&s->out);
		if (!s->is_failed)
			rc = settle(s, fill_output(s, &own), &own, e);
	}
	*out = slice_make(s->out.data + s->out_at, s->out.size - s->out_at);
	return rc;
}

void session_sent(struct session *s, size_t n)
{
	s->out_at += n;
	s->counts.sent += n;
	s->is_awaiting = s->is_client && (s->is_awaiting || n > 0);
}

/* ---- looking */

enum session_state session_state(const struct session *s)
{
	bool is_empty = s->out_at == s->out.size && s->plain.size == 0;
	if (s->is_failed || (s->is_over && is_empty))
		return SESSION_DONE;
	return s->is_client && s->request == REQUEST_NONE && !s->is_over ? SESSION_IDLE : SESSION_WAITING;
}

bool session_is_failed(const struct session *s)
{
	return s->is_failed;
}

bool session_is_greeted(const struct session *s)
{
	return s->is_greeted;
}

void session_counts(const struct session *s, struct session_counts *out)
{
	*out = s->counts;
}

void session_is_at(struct session *s, const char *phase, const char *unit, uint64_t done, uint64_t total)
{
	if (s->progress.phase == NULL || strcmp(s->progress.phase, phase) != 0)
		s->bytes_before = s->counts.received + s->counts.sent;
	s->progress.phase = phase;
	s->progress.unit = unit;
	s->progress.done = done;
	s->progress.total = total;
}

void session_progress(const struct session *s, struct session_progress *out)
{
	*out = s->progress;
	out->bytes = s->counts.received + s->counts.sent - s->bytes_before;
}

int session_bye(struct session *s, struct cel_error *e)
{
	struct message m = {.type = MESSAGE_BYE};
	int rc = check_usable(s, e);
	if (rc == 0)
		rc = session_put(s, &m, e);
	if (rc == 0)
		s->is_over = true;
	return rc;
}
