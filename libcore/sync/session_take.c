/* SPDX-License-Identifier: Apache-2.0 */
/* The taker's half of a transfer: says what is here, gets the commits page by page, asks for what their trees lack, and when
 * there is nothing more to ask for, finishes. Whatever comes goes to the side at once; what comes unasked is an error. */
#include "session_impl.h"

#include "alloc.h"
#include "error.h"

enum { FIRST_HAVES = 8 }; /* then more each time: most of the time the first few will do */

static int put_haves(struct session *s, size_t max, struct cel_error *e)
{
	struct taking *t = &s->take;
	struct cid haves[MESSAGE_HAVES_MAX];
	uint8_t bytes[MESSAGE_HAVES_MAX * CID_SIZE];
	size_t n;
	int rc = s->side->take_haves(t->taker, haves, max, &n, &t->is_all_haves_sent, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		cid_encode(&haves[i], bytes + i * CID_SIZE);
	struct message m = {.type = MESSAGE_HAVE,
			    .have = {.is_last = t->is_all_haves_sent, .commits = slice_make(bytes, n * CID_SIZE)}};
	return session_put(s, &m, e);
}

int taking_begin(struct session *s, const struct sync_take_options *options, struct cel_error *e)
{
	struct taking *t = &s->take;
	*t = (struct taking){.bytes_max = options->receive_max};
	if (!s->is_client)
		s->bytes_taken = 0;
	t->asks = mem_calloc(ASKS_MAX, sizeof *t->asks);
	int rc = t->asks == NULL ? error_nomem(e, ASKS_MAX * sizeof *t->asks) : 0;
	if (rc == 0)
		rc = s->side->take_begin(s->side->context, options, &t->taker, e);
	if (rc == 0)
		rc = put_haves(s, FIRST_HAVES, e);
	if (rc < 0) {
		taking_end(s, false);
		return rc;
	}
	t->phase = TAKE_OFFER;
	session_is_at(s, "negotiate", "", 0, 0);
	return 0;
}

void taking_end(struct session *s, bool is_distrusted)
{
	struct taking *t = &s->take;
	if (t->taker != NULL)
		s->side->take_end(t->taker, is_distrusted);
	mem_free(t->asks);
	t->taker = NULL;
	t->asks = NULL;
	t->phase = TAKE_NOTHING;
}

static int finish(struct session *s, struct cel_error *e)
{
	struct taking *t = &s->take;
	t->phase = TAKE_ENDED;
	session_is_at(s, "apply", "", 0, 0);
	int rc = s->side->take_finish(t->taker, &t->result, e);
	if (rc < 0)
		return rc;
	taking_end(s, false);
	return 1;
}

/* After a page, or answers: 1 if there is nothing more to be had. */
static int go_on(struct session *s, struct cel_error *e)
{
	struct taking *t = &s->take;
	size_t n;
	t->at = t->n_asks = 0;
	int rc = s->side->take_ask(t->taker, t->asks, ASKS_MAX, &n, e);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct sync_ask *ask = &t->asks[i];
		struct message m = {.type = MESSAGE_ASK, .ask = {.kind = ask->kind, .commit = ask->commit, .what = ask->what,
								 .key = slice_make(ask->key, ask->key_size)}};
		rc = session_put(s, &m, e);
	}
	if (rc < 0)
		return rc;
	t->n_asks = (uint32_t)n;
	if (n > 0) {
		t->phase = TAKE_ANSWERS;
		return session_put_end(s, e);
	}
	if (t->n_received == t->n_missing)
		return finish(s, e);
	struct message next = {.type = MESSAGE_NEXT};
	t->phase = TAKE_PAGE;
	t->n_page = 0;
	return session_put(s, &next, e);
}

static int take_offer(struct session *s, const struct message_offer *m, struct cel_error *e)
{
	struct taking *t = &s->take;
	bool is_wanted;
	int rc = s->side->take_tip(t->taker, s->other_id, &m->tip, m->commits, m->schema, &is_wanted, e);
	if (rc < 0)
		return rc;
	t->n_missing = m->commits;
	t->phase = TAKE_PAGE;
	return is_wanted && m->commits > 0 ? 0 : finish(s, e);
}

/* Of a push, or of all fetches of the session: who asks for one after the other has one bound for what it will come to. */
static int count_bytes(struct session *s, struct slice bytes, struct cel_error *e)
{
	s->bytes_taken += bytes.size;
	if (s->take.bytes_max == 0 || s->bytes_taken <= s->take.bytes_max)
		return 0;
	return error_set(e, CEL_EPROTOCOL, "more than the %llu bytes that may come %s", (unsigned long long)s->take.bytes_max,
			 s->is_client ? "(--max-fetch)" : "at a time (cel-serve --max-push)");
}

static int take_commit(struct session *s, const struct message_commit *m, struct cel_error *e)
{
	struct taking *t = &s->take;
	if (t->n_page == PAGE_COMMITS || t->n_received == t->n_missing)
		return error_set(e, CEL_EPROTOCOL, "more commits than were announced");
	struct sync_commit c = {.cid = cid_of(CID_DAG_CBOR, m->block), .block = m->block, .trees = (unsigned)m->trees,
				.records = m->records};
	int rc = count_bytes(s, m->block, e);
	if (rc == 0)
		rc = s->side->take_commit(t->taker, &c, e);
	t->n_page++;
	t->n_received++;
	session_is_at(s, "commits", "commits", t->n_received, t->n_missing);
	return rc;
}

/* Data or a block: of the first thing asked for that is still open. */
static int take_answer(struct session *s, const struct message *m, struct cel_error *e)
{
	struct taking *t = &s->take;
	bool is_data = m->type == MESSAGE_DATA, is_end = is_data && m->data.is_last != 0;
	if (t->at == t->n_asks || is_data != (t->asks[t->at].kind == SYNC_PATCH))
		return session_unexpected(m, e);
	int rc = count_bytes(s, is_data ? m->data.bytes : m->block.block, e);
	if (rc == 0)
		rc = is_data ? s->side->take_patch(t->taker, m->data.bytes, is_end, e)
			     : s->side->take_block(t->taker, m->block.block, &is_end, e);
	t->at += rc == 0 && is_end;
	session_is_at(s, is_data ? "records" : "blocks", "", 0, 0); /* the bytes of the connection say how far it is */
	return rc;
}

static int take_end(struct session *s, const struct message *m, struct cel_error *e)
{
	struct taking *t = &s->take;
	bool is_whole = t->phase == TAKE_PAGE ? t->n_page > 0 : t->at == t->n_asks;
	if (!is_whole)
		return session_unexpected(m, e);
	int rc = session_check_end(s, &m->end, e);
	return rc < 0 ? rc : go_on(s, e);
}

int taking_message(struct session *s, const struct message *m, bool *is_done, struct cel_error *e)
{
	struct taking *t = &s->take;
	int rc = CEL_EPROTOCOL;
	if (t->phase == TAKE_OFFER && m->type == MESSAGE_MORE && !t->is_all_haves_sent)
		rc = put_haves(s, MESSAGE_HAVES_MAX, e);
	else if (t->phase == TAKE_OFFER && m->type == MESSAGE_OFFER)
		rc = take_offer(s, &m->offer, e);
	else if (t->phase == TAKE_PAGE && m->type == MESSAGE_COMMIT)
		rc = take_commit(s, &m->commit, e);
	else if (t->phase == TAKE_ANSWERS && (m->type == MESSAGE_DATA || m->type == MESSAGE_BLOCK))
		rc = take_answer(s, m, e);
	else if ((t->phase == TAKE_PAGE || t->phase == TAKE_ANSWERS) && m->type == MESSAGE_END)
		rc = take_end(s, m, e);
	else
		rc = session_unexpected(m, e);
	*is_done = rc > 0;
	return rc < 0 ? rc : 0;
}
