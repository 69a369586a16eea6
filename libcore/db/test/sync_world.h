/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of sessions share: stores with histories, and a wire between two sessions that cuts bytes as it is told. */
#ifndef DB_TEST_SYNC_WORLD_H
#define DB_TEST_SYNC_WORLD_H

#include "helper.h"

#include "alloc.h"
#include "bytes.h"
#include "commit.h"
#include "db.h"
#include "history.h"
#include "index_make.h"
#include "session.h"
#include "sync_side.h"
#include "record.h"
#include "update.h"

static struct cel_error e;

/* Stands in for the real ones: the index is left out. */
int index_follow(struct cel_store *store, const char *rev, const struct cel_index_options *options, struct cel_error *error)
{
	(void)store, (void)rev, (void)options, (void)error;
	return 0;
}

uint32_t db_thread_count(uint32_t wanted)
{
	return wanted != 0 ? wanted : 2;
}

int db_schemas_agree(const struct cel_schema *a, const struct cel_schema *b, struct cel_error *error)
{
	return schema_equal(a, b) ? 0 : error_set(error, CEL_EDATA, "the schemas differ");
}

struct host {
	char path[300];
	struct cel_store store;
	struct sync_side side;
};

static inline void host_open(struct host *h)
{
	h->store = (struct cel_store){0};
	assert_ok(store_open(h->path, NULL, &h->store.store, &e));
	sync_side_init(&h->side, &h->store);
}

static inline void host_new(struct host *h, const char *directory, int number)
{
	snprintf(h->path, sizeof h->path, "%s/%d", directory, number);
	assert_ok(store_init(h->path, &e));
	host_open(h);
}

static inline void host_close(struct host *h)
{
	store_free(h->store.store);
	h->store.store = NULL;
}

/* ---- histories */

/* False: there is no such ref. */
static inline bool host_ref(struct host *h, const char *ref, struct cid *out)
{
	struct store_read *read;
	assert_ok(store_read_begin(h->store.store, &read, &e));
	bool is_there = store_read_ref(read, ref, out, &e) == 0;
	store_read_end(read);
	return is_there;
}

static inline struct cid host_head(struct host *h, const char *name)
{
	char ref[DB_REF_MAX];
	struct cid out;
	snprintf(ref, sizeof ref, "heads/%s", name);
	if (!host_ref(h, ref, &out))
		fail_msg("%s has no %s", h->path, ref);
	return out;
}

static inline void host_move(struct host *h, struct store_batch *batch, const char *name, const struct cid *tree,
			     const struct cid *to)
{
	char ref[DB_REF_MAX];
	snprintf(ref, sizeof ref, "heads/%s", name);
	struct store_ref_update update = {.ref = ref, .has_new = true, .new = *to, .message = "test"};
	update.has_old = host_ref(h, ref, &update.old);
	assert_ok(store_batch_commit(batch, tree, &update, 1, 0, &e));
	store_batch_free(batch);
}

static inline void host_create(struct host *h, const char *name, const struct cel_schema *schema)
{
	struct store_batch *batch;
	struct cid genesis;
	assert_ok(store_batch_begin(h->store.store, 0, &batch, &e));
	assert_ok(commit_put_genesis(batch, schema, &genesis, &e));
	host_move(h, batch, name, NULL, &genesis);
}

/* What happens to the ids from, from + step, ... below end: value 0 deletes them. */
struct edits {
	unsigned from, step, end;
	uint32_t value;
};

static inline void put_edits(struct prolly_update *u, const struct cel_schema *schema, const struct edits *edits)
{
	size_t size = schema->dim * 4;
	uint8_t *vector = mem_alloc(size);
	char id[16], metadata[32];
	for (unsigned i = edits->from; i < edits->end; i += edits->step) {
		snprintf(id, sizeof id, "id%06u", i);
		snprintf(metadata, sizeof metadata, "{\"n\":%u}", edits->value);
		if (edits->value == 0) {
			assert_ok(prolly_update_delete(u, slice_text(id), &e));
			continue;
		}
		uint64_t state = i * 1000003ull + edits->value;
		for (unsigned k = 0; k < schema->dim; k++)
			store_le_f32(vector + 4 * k, (float)(next_random(&state) >> 40) * 0x1p-24f);
		struct prolly_entry entry = {.id = slice_text(id), .vector.bytes = slice_make(vector, size),
					     .metadata.bytes = slice_text(i % 3 == 0 ? metadata : "")};
		assert_ok(prolly_update_put(u, &entry, &e));
	}
	mem_free(vector);
}

/* A commit on the head of the collection. */
static inline struct cid host_commit(struct host *h, const char *name, const struct edits *edits, uint64_t time)
{
	struct store_batch *batch;
	struct store_read *read;
	struct prolly_update *u;
	struct prolly_update_stats stats;
	struct cid head = host_head(h, name), tree, cid;
	struct db_rev rev;
	assert_ok(store_batch_begin(h->store.store, 0, &batch, &e));
	assert_ok(store_read_begin(h->store.store, &read, &e));
	assert_ok(db_rev_load(read, &head, &rev, &e));
	assert_ok(prolly_update_new(batch, read, &rev.commit.tree, &u, &e));
	put_edits(u, &rev.schema, edits);
	assert_ok(prolly_update_finish(u, &tree, &stats, &e));
	prolly_update_free(u);
	struct commit next = {.schema = rev.commit.schema, .tree = tree, .parents[0] = head, .n_parents = 1,
			      .generation = rev.commit.generation + 1, .time = time};
	assert_ok(commit_put(batch, &next, &cid, &e));
	store_read_end(read);
	host_move(h, batch, name, &tree, &cid);
	return cid;
}

/* ---- the wire */

struct wire {
	struct session *client, *server;
	uint64_t random; /* cuts the bytes; 0: whole pieces */
	int client_rc, server_rc;
	struct cel_error client_error, server_error;
};

static inline void wire_new(struct wire *w, struct host *client, struct host *server, const struct access *access)
{
	struct session_client call = {.side = client != NULL ? &client->side : NULL, .store = "/there"};
	struct session_server serve = {.side = &server->side};
	*w = (struct wire){0};
	if (access != NULL)
		serve.access = *access;
	assert_ok(session_call_new(&w->client, &call, &e));
	assert_ok(session_serve_new(&w->server, &serve, &e));
}

static inline void wire_free(struct wire *w)
{
	session_free(w->client);
	session_free(w->server);
}

/* Moves some of what one side has for the other; whether there was anything. */
static inline bool wire_move(struct wire *w, bool is_to_server)
{
	struct session *from = is_to_server ? w->client : w->server, *to = is_to_server ? w->server : w->client;
	int *rc_from = is_to_server ? &w->client_rc : &w->server_rc, *rc_to = is_to_server ? &w->server_rc : &w->client_rc;
	struct cel_error *e_from = is_to_server ? &w->client_error : &w->server_error;
	struct cel_error *e_to = is_to_server ? &w->server_error : &w->client_error;
	struct slice out;
	int rc = session_output(from, &out, e_from);
	if (rc < 0)
		*rc_from = rc;
	if (out.size == 0)
		return false;
	size_t n = w->random == 0 ? out.size : 1 + next_random(&w->random) % out.size;
	uint8_t *copy = mem_dup(out.data, n); /* so that a sanitizer sees who reads too far */
	session_sent(from, n);
	rc = session_receive(to, slice_make(copy, n), e_to);
	if (rc < 0)
		*rc_to = rc;
	mem_free(copy);
	return true;
}

/* Until nothing moves any more; what the client's side came to. */
static inline int wire_run(struct wire *w)
{
	bool is_moving = true;
	while (is_moving) {
		is_moving = wire_move(w, true);
		is_moving = wire_move(w, false) || is_moving;
	}
	e = w->client_error;
	return w->client_rc;
}

/* A session of one request. Fills the counts, unless NULL. */
static inline int fetch(struct host *here, struct host *there, const char *rev, uint64_t random, struct session_fetched *out,
			struct session_counts *counts)
{
	struct wire w;
	wire_new(&w, here, there, NULL);
	w.random = random;
	int rc = session_fetch(w.client, rev, NULL, out, &e);
	if (rc == 0)
		rc = wire_run(&w);
	if (rc == 0) {
		assert_int_equal(session_state(w.client), SESSION_IDLE);
		assert_ok(session_bye(w.client, &e));
		rc = wire_run(&w);
		assert_int_equal(session_state(w.client), SESSION_DONE);
		assert_int_equal(session_state(w.server), SESSION_DONE);
	}
	if (counts != NULL)
		session_counts(w.client, counts);
	wire_free(&w);
	return rc;
}

static inline int push(struct host *here, struct host *there, const char *rev, const char *name, uint64_t random,
		       const struct session_push_options *options, struct session_pushed *out, struct session_counts *counts)
{
	struct wire w;
	wire_new(&w, here, there, NULL);
	w.random = random;
	int rc = session_push(w.client, rev, name, options, out, &e);
	if (rc == 0)
		rc = wire_run(&w);
	if (rc == 0) {
		assert_int_equal(session_state(w.client), SESSION_IDLE);
		assert_ok(session_bye(w.client, &e));
		rc = wire_run(&w);
		assert_int_equal(session_state(w.server), SESSION_DONE);
	}
	if (counts != NULL)
		session_counts(w.client, counts);
	wire_free(&w);
	return rc;
}

/* The commit is here with all its ancestors, and its tree is sound. */
static inline void check_whole(struct host *h, const struct cid *commit)
{
	struct store_read *read;
	struct history *history;
	const struct history_item *item;
	struct db_rev rev;
	int rc;
	assert_ok(store_read_begin(h->store.store, &read, &e));
	assert_ok(history_new(read, NULL, &history, &e));
	assert_ok(history_push(history, commit, 0, &e));
	while ((rc = history_next(history, &item, &e)) > 0)
		;
	assert_ok(rc);
	history_free(history);
	assert_ok(db_rev_load(read, commit, &rev, &e));
	assert_ok(prolly_check(read, &rev.commit.tree, NULL, NULL, &e));
	store_read_end(read);
}

static inline unsigned count_refs(struct host *h, const char *prefix)
{
	struct store_read *read;
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	unsigned n = 0;
	assert_ok(store_read_begin(h->store.store, &read, &e));
	while (store_read_next_ref(read, prefix, position, &cid, &e) > 0)
		n++;
	store_read_end(read);
	return n;
}

#endif
