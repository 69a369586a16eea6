/* SPDX-License-Identifier: Apache-2.0 */
/* The giver's half of a transfer:
 *
 *     HAVE  ► MORE, or OFFER and at once the first page: COMMIT... END
 *     ASK... END  ► the answers in the order of the questions: DATA... or BLOCK... for each; END
 *     NEXT  ► the next page
 *     DONE
 *
 * Answers are made piece by piece as they go out, so a whole tree is never held. */
#include "session_impl.h"

#include "alloc.h"
#include "error.h"

enum { HAVES_ROUNDS = 16 };

int giving_begin(struct session *s, const char *rev, bool is_dry_run, struct cel_error *e)
{
	struct giving *g = &s->give;
	*g = (struct giving){.is_dry_run = is_dry_run};
	g->page = mem_calloc(PAGE_COMMITS, sizeof *g->page);
	g->asks = mem_calloc(ASKS_MAX, sizeof *g->asks);
	int rc = g->page == NULL || g->asks == NULL ? error_nomem(e, ASKS_MAX * sizeof *g->asks) : 0;
	if (rc == 0)
		rc = s->side->give_begin(s->side->context, rev, &g->giver, &g->tip, e);
	if (rc < 0) {
		giving_end(s);
		return rc;
	}
	g->phase = GIVE_HAVES;
	session_is_at(s, "negotiate", "", 0, 0);
	return 0;
}

void giving_end(struct session *s)
{
	struct giving *g = &s->give;
	if (g->giver != NULL)
		s->side->give_end(g->giver);
	mem_free(g->page);
	mem_free(g->asks);
	g->giver = NULL;
	g->page = NULL;
	g->asks = NULL;
	g->phase = GIVE_NOTHING;
}

static int put_offer(struct session *s, struct cel_error *e)
{
	struct giving *g = &s->give;
	BUF_CLEANUP struct buf schema = {0};
	int rc = s->side->give_schema(g->giver, &schema, e);
	if (rc < 0)
		return rc;
	struct message m = {.type = MESSAGE_OFFER,
			    .offer = {.tip = g->tip, .commits = g->n_missing, .schema = buf_slice(&schema)}};
	g->phase = g->n_missing > 0 && !g->is_dry_run ? GIVE_PAGE : GIVE_ASKED;
	session_is_at(s, "commits", "commits", 0, g->n_missing);
	return session_put(s, &m, e);
}

static int take_have(struct session *s, const struct message_have *m, struct cel_error *e)
{
	struct giving *g = &s->give;
	struct cid haves[MESSAGE_HAVES_MAX];
	size_t n = m->commits.size / CID_SIZE;
	struct message more = {.type = MESSAGE_MORE};
	if (m->commits.size % CID_SIZE != 0)
		return error_set(e, CEL_EPROTOCOL, "a HAVE whose size is no multiple of a CID's");
	for (size_t i = 0; i < n; i++)
		if (cid_decode(slice_make(m->commits.data + i * CID_SIZE, CID_SIZE), &haves[i], NULL) < 0)
			return error_set(e, CEL_EPROTOCOL, "a HAVE with what is no CID");
	bool is_last = m->is_last != 0 || ++g->rounds == HAVES_ROUNDS; /* each costs a walk over the commits */
	int rc = s->side->give_haves(g->giver, haves, n, is_last, &g->n_missing, e);
	if (rc < 0)
		return rc;
	return rc > 0 ? put_offer(s, e) : session_put(s, &more, e);
}

static int take_ask(struct session *s, const struct message_ask *m, struct cel_error *e)
{
	struct giving *g = &s->give;
	bool is_good = m->commit < g->n_page && m->kind >= SYNC_PATCH && m->kind <= SYNC_VALUES;
	if (m->kind == SYNC_PATCH)
		is_good = is_good && m->what <= SYNC_BASE_SECOND && m->key.size == 0;
	else if (m->kind == SYNC_VALUES)
		is_good = is_good && m->what == 0 && m->key.size > 0;
	if (!is_good || g->n_asks == ASKS_MAX)
		return error_set(e, CEL_EPROTOCOL, "an ASK for what was not offered");
	struct sync_ask *ask = &g->asks[g->n_asks++];
	*ask = (struct sync_ask){.kind = (enum sync_ask_kind)m->kind, .commit = (uint32_t)m->commit, .what = (uint32_t)m->what,
				 .key_size = m->key.size};
	if (m->key.size > 0)
		memcpy(ask->key, m->key.data, m->key.size);
	return 0;
}

static int take_asked(struct session *s, const struct message *m, bool *is_done, struct cel_error *e)
{
	struct giving *g = &s->give;
	switch (m->type) {
	case MESSAGE_ASK:
		return take_ask(s, &m->ask, e);
	case MESSAGE_END:
		g->at = 0;
		g->phase = GIVE_ANSWERS;
		return g->n_asks == 0 ? session_unexpected(m, e) : session_check_end(s, &m->end, e);
	case MESSAGE_NEXT:
		g->phase = GIVE_PAGE;
		return g->n_asks > 0 || g->n_sent == g->n_missing ? session_unexpected(m, e) : 0;
	case MESSAGE_DONE:
		*is_done = true;
		return g->n_asks > 0 ? session_unexpected(m, e) : 0;
	default:
		return session_unexpected(m, e);
	}
}

int giving_message(struct session *s, const struct message *m, bool *is_done, struct cel_error *e)
{
	*is_done = false;
	if (s->give.phase == GIVE_HAVES && m->type == MESSAGE_HAVE)
		return take_have(s, &m->have, e);
	return s->give.phase == GIVE_ASKED ? take_asked(s, m, is_done, e) : session_unexpected(m, e);
}

/* ---- answers */

static int produce_page(struct session *s, struct cel_error *e)
{
	struct giving *g = &s->give;
	size_t bytes = 0;
	int rc = 1;
	g->n_page = 0;
	while (g->n_page < PAGE_COMMITS && bytes < PAGE_BYTES && g->n_sent < g->n_missing) {
		BUF_CLEANUP struct buf block = {0};
		struct sync_commit c;
		rc = s->side->give_commit(g->giver, &c, &block, e);
		if (rc <= 0)
			return rc < 0 ? rc : error_set(e, CEL_EINTERNAL, "fewer commits than were announced");
		struct message m = {.type = MESSAGE_COMMIT,
				    .commit = {.trees = c.trees, .records = c.records, .block = buf_slice(&block)}};
		g->page[g->n_page++] = c.cid;
		bytes += block.size;
		g->n_sent++;
		rc = session_put(s, &m, e);
		if (rc < 0)
			return rc;
	}
	g->phase = GIVE_ASKED;
	session_is_at(s, "commits", "commits", g->n_sent, g->n_missing);
	rc = session_put_end(s, e);
	return rc < 0 ? rc : 1;
}

static int put_block(void *session, struct slice block, struct cel_error *e)
{
	struct message m = {.type = MESSAGE_BLOCK, .block.block = block};
	return session_put(session, &m, e);
}

static int produce_patch(struct session *s, const struct sync_ask *ask, bool *is_end, struct cel_error *e)
{
	struct giving *g = &s->give;
	BUF_CLEANUP struct buf bytes = {0};
	uint64_t changes;
	int rc = s->side->give_patch(g->giver, &g->page[ask->commit], ask->what, MESSAGE_DATA_MAX, &bytes, &changes, is_end, e);
	for (size_t at = 0; rc == 0 && (at < bytes.size || (at == 0 && *is_end)); at += MESSAGE_DATA_MAX) {
		size_t left = bytes.size - at, n = left < MESSAGE_DATA_MAX ? left : MESSAGE_DATA_MAX;
		struct message m = {.type = MESSAGE_DATA,
				    .data = {.is_last = *is_end && n == left, .bytes = slice_make(bytes.data + at, n)}};
		rc = session_put(s, &m, e);
	}
	session_is_at(s, "records", "records", g->changes + changes, 0);
	if (rc == 0 && *is_end)
		g->changes += changes;
	return rc;
}

static int produce_answer(struct session *s, struct cel_error *e)
{
	struct giving *g = &s->give;
	const struct sync_ask *ask = &g->asks[g->at];
	bool is_end = false;
	int rc = ask->kind == SYNC_PATCH
			 ? produce_patch(s, ask, &is_end, e)
			 : s->side->give_blocks(g->giver, &g->page[ask->commit], ask, PIECE_BYTES, put_block, s, &is_end, e);
	if (rc < 0)
		return rc;
	g->at += is_end;
	g->trees += is_end && ask->kind == SYNC_PATCH;
	if (g->at < g->n_asks)
		return 1;
	g->n_asks = 0;
	g->phase = GIVE_ASKED;
	rc = session_put_end(s, e);
	return rc < 0 ? rc : 1;
}

int giving_produce(struct session *s, struct cel_error *e)
{
	switch (s->give.phase) {
	case GIVE_PAGE:
		return produce_page(s, e);
	case GIVE_ANSWERS:
		return produce_answer(s, e);
	default:
		return 0;
	}
}
