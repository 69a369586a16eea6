/* SPDX-License-Identifier: Apache-2.0 */
/* A session fed with arbitrary bytes, in pieces: the first byte says whether it is a server or a client and what that has asked for,
 * and how long the pieces are. The side is one that takes and gives anything, so that what is tested is the session: it does
 * not crash, fails with a code that is one, says so to the other side, and holds little. */
#include "session.h"

#include <stdlib.h>

#include "commit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned n_given, n_asked;
static const struct cid CID = {.codec = CID_DAG_CBOR};

static int identify(void *context, uint8_t id[STORE_ID_SIZE], struct cel_error *e)
{
	(void)context, (void)e;
	memset(id, 7, STORE_ID_SIZE);
	return 0;
}

static int list(void *context, const char *collection, const char *after, struct sync_entry *out, struct cel_error *e)
{
	(void)context, (void)collection, (void)e;
	*out = (struct sync_entry){.name = "words", .tip = CID, .schema = {.dim = 2, .type = CEL_F32, .metric = CEL_L2}};
	return *after == '\0';
}

static int give_begin(void *context, const char *rev, struct sync_giver **out, struct cid *tip, struct cel_error *e)
{
	(void)rev, (void)e;
	*out = context;
	*tip = CID;
	n_given = 0;
	return 0;
}

static void give_end(struct sync_giver *g)
{
	(void)g;
}

static int give_haves(struct sync_giver *g, const struct cid *haves, size_t n, bool is_last, uint64_t *n_missing,
		      struct cel_error *e)
{
	(void)g, (void)haves, (void)e;
	*n_missing = n % 4;
	return n > 2 || is_last;
}

static int give_schema(struct sync_giver *g, struct buf *block, struct cel_error *e)
{
	(void)g;
	return buf_append(block, "schema", 6, e);
}

static int give_commit(struct sync_giver *g, struct sync_commit *out, struct buf *block, struct cel_error *e)
{
	(void)g;
	*out = (struct sync_commit){.cid = CID, .trees = 7, .records = 9};
	return buf_append(block, "commit", 6, e) < 0 ? CEL_ENOMEM : 1;
}

static int give_patch(struct sync_giver *g, const struct cid *commit, uint32_t base, size_t limit, struct buf *out,
		      uint64_t *changes, bool *is_end, struct cel_error *e)
{
	(void)g, (void)commit, (void)base, (void)limit;
	*changes = 1;
	*is_end = ++n_given % 3 == 0;
	return buf_append(out, "patch", 5, e);
}

static int give_blocks(struct sync_giver *g, const struct cid *commit, const struct sync_ask *ask, size_t limit,
		       sync_block_fn *each, void *each_context, bool *is_end, struct cel_error *e)
{
	(void)g, (void)commit, (void)ask, (void)limit;
	*is_end = ++n_given % 2 == 0;
	return each(each_context, slice_text("block"), e);
}

static int take_begin(void *context, const struct sync_take_options *options, struct sync_taker **out, struct cel_error *e)
{
	(void)options, (void)e;
	*out = context;
	n_asked = 0;
	return 0;
}

static void take_end(struct sync_taker *t, bool is_distrusted)
{
	(void)t, (void)is_distrusted;
}

static int take_haves(struct sync_taker *t, struct cid *out, size_t max, size_t *n, bool *is_last, struct cel_error *e)
{
	(void)t, (void)max, (void)e;
	out[0] = CID;
	*n = 1;
	*is_last = ++n_asked % 2 == 0;
	return 0;
}

static int take_tip(struct sync_taker *t, const uint8_t from[STORE_ID_SIZE], const struct cid *tip, uint64_t n_missing,
		    struct slice schema, bool *is_wanted, struct cel_error *e)
{
	(void)t, (void)from, (void)tip, (void)schema, (void)e;
	*is_wanted = n_missing != 7;
	return 0;
}

static int take_commit(struct sync_taker *t, const struct sync_commit *commit, struct cel_error *e)
{
	(void)t, (void)commit, (void)e;
	return 0;
}

static int take_ask(struct sync_taker *t, struct sync_ask *out, size_t max, size_t *n, struct cel_error *e)
{
	(void)t, (void)max, (void)e;
	*n = n_asked++ % 3;
	for (size_t i = 0; i < *n; i++)
		out[i] = (struct sync_ask){.kind = i == 0 ? SYNC_PATCH : SYNC_SUBTREE, .key_size = i};
	return 0;
}

static int take_patch(struct sync_taker *t, struct slice bytes, bool is_end, struct cel_error *e)
{
	(void)t, (void)bytes, (void)is_end, (void)e;
	return 0;
}

static int take_block(struct sync_taker *t, struct slice block, bool *is_end, struct cel_error *e)
{
	(void)t, (void)e;
	*is_end = block.size % 2 == 0;
	return 0;
}

static int take_finish(struct sync_taker *t, struct sync_taken *out, struct cel_error *e)
{
	(void)t, (void)e;
	*out = (struct sync_taken){.outcome = SESSION_CREATED, .commit = CID};
	return 0;
}

static const struct sync_side SIDE = {
	.context = &n_given, .identify = identify, .list = list, .give_begin = give_begin, .give_end = give_end,
	.give_haves = give_haves, .give_schema = give_schema, .give_commit = give_commit, .give_patch = give_patch,
	.give_blocks = give_blocks, .take_begin = take_begin, .take_end = take_end, .take_haves = take_haves, .take_tip = take_tip,
	.take_commit = take_commit, .take_ask = take_ask, .take_patch = take_patch, .take_block = take_block,
	.take_finish = take_finish,
};

static int each_entry(void *context, const struct sync_entry *entry, struct cel_error *e)
{
	(void)context, (void)entry, (void)e;
	return 0;
}

/* What it has to say; 64 MiB of it would be too much. */
static void drain(struct session *s)
{
	struct slice out;
	for (size_t sum = 0;; sum += out.size) {
		session_output(s, &out, NULL);
		if (out.size == 0)
			return;
		if (out.size > 4u << 20 || sum > 64u << 20)
			abort();
		session_sent(s, out.size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session_fetched fetched;
	static struct session_pushed pushed;
	struct session *s;
	struct session_client client = {.side = &SIDE, .store = "/there"};
	struct session_server server = {.side = &SIDE, .receive_max = 1 << 20};
	struct cel_error e = {0};
	if (size == 0)
		return 0;
	unsigned role = data[0] % 4;
	size_t piece = 1 + data[0] / 4 * 5;
	if ((role == 0 ? session_serve_new(&s, &server, &e) : session_call_new(&s, &client, &e)) < 0)
		abort();
	int rc = role == 1 ? session_list(s, "", each_entry, NULL, &e) : role == 2 ? session_fetch(s, "words", NULL, &fetched, &e)
		 : role == 3 ? session_push(s, "words", "words", NULL, &pushed, &e) : 0;
	for (size_t at = 1; at < size && rc == 0; at += piece) {
		drain(s);
		rc = session_receive(s, slice_make(data + at, size - at < piece ? size - at : piece), &e);
	}
	if (rc == 0)
		rc = session_receive_end(s, &e);
	if (rc < 0 && (cel_error_exit_status(rc) == 0 || e.code != rc || !session_is_failed(s)))
		abort();
	drain(s);
	session_free(s);
	return 0;
}
