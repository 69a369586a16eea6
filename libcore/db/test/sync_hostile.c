/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that breaks the rules gains nothing: CEL_EPROTOCOL, no ref moves, nothing is kept, and no more is held than a few
 * frames. Between two honest sides sits somebody who changes messages, and makes the digests right again; other peers serve
 * stores whose trees break the rules; others send what is no message at all. */
#include "sync_pair.h"

#include "chunker.h"
#include "frame.h"
#include "hashed.h"
#include "message.h"
#include "node.h"
#include "sync_nodes.h"
#include "sync_plant.h"

enum { DIM = 80, FORWARD = 0, DROP, TWICE, ENDLESS };

static const struct cel_schema schema = {.dim = DIM, .type = CEL_F32, .metric = CEL_L2};

static int setup(void **state)
{
	(void)state;
	pair_new(&schema);
	host_commit(&there, "words", &(struct edits){0, 1, 400, 1}, 10);
	host_commit(&there, "words", &(struct edits){0, 9, 400, 2}, 11);
	sync_nodes_write_from(1 << 12);
	return 0;
}

/* ---- who sits in between */

struct attack {
	const char *name;
	enum message_type type;
	unsigned nth; /* of that type, from 1 */
	bool is_nodes;
	int (*change)(struct message *m, struct buf *scratch);
};

struct middle {
	const struct attack *attack;
	struct frame_reader in;
	struct sha256 digest;
	uint64_t count;
	unsigned n_seen;
	struct buf out;
	bool has_struck, is_endless;
	struct message endless;
	struct buf scratch;
};

static void put_on(struct middle *m, const struct message *message)
{
	size_t before = m->out.size;
	assert_ok(message_put(message, &m->out, &e));
	if (message->type == MESSAGE_END)
		return;
	sha256_update(&m->digest, m->out.data + before, m->out.size - before);
	m->count++;
}

static void pass(struct middle *m, struct message *message)
{
	uint8_t digest[SHA256_SIZE];
	bool is_end = message->type == MESSAGE_END;
	if (m->is_endless)
		return;
	if (is_end) {
		sha256_final(&m->digest, digest);
		sha256_init(&m->digest);
		message->end.count = m->count;
		message->end.digest = slice_make(digest, sizeof digest);
		m->count = 0;
	}
	int what = FORWARD;
	if (message->type == m->attack->type && ++m->n_seen == m->attack->nth) {
		buf_clear(&m->scratch);
		what = m->attack->change(message, &m->scratch);
		m->has_struck = true;
	}
	if (what != DROP)
		put_on(m, message);
	if (what == TWICE)
		put_on(m, message);
	if (what == ENDLESS) {
		m->is_endless = true;
		m->endless = *message; /* whose bytes are in scratch */
	}
}

static void middle_take(struct middle *m, struct slice bytes)
{
	struct slice body, whole;
	struct message message;
	assert_ok(frame_feed(&m->in, bytes, &e));
	while (frame_next(&m->in, &body, &whole, &e) > 0) {
		assert_ok(message_decode(body, &message, &e));
		pass(m, &message);
	}
}

/* Moves bytes from `from` to `to` through the middle; false if there were none. */
static bool move(struct session *from, struct session *to, struct middle *m, int *rc_to, struct cel_error *e_to)
{
	struct slice out;
	session_output(from, &out, NULL);
	middle_take(m, out);
	session_sent(from, out.size);
	for (int i = 0; i < 64 && m->is_endless; i++)
		put_on(m, &m->endless);
	if (m->out.size == 0)
		return false;
	int rc = session_receive(to, buf_slice(&m->out), e_to);
	if (rc < 0 && *rc_to == 0)
		*rc_to = rc;
	buf_clear(&m->out);
	return true;
}

/* The victim is the client of a fetch, or the server of a push. */
static int run_attack(const struct attack *attack, bool is_push, struct cel_error *why)
{
	static const struct attack NONE = {.type = (enum message_type)0};
	struct middle to_server = {.attack = is_push ? attack : &NONE}, to_client = {.attack = is_push ? &NONE : attack};
	struct session *client, *server;
	struct session_client call = {.side = is_push ? &there.side : &here.side, .store = "", .is_uncompressed = true};
	struct session_server serve = {.side = is_push ? &here.side : &there.side};
	struct session_fetched f;
	struct session_pushed p;
	int rc[2] = {0, 0};
	struct cel_error errors[2];
	sync_plan_nodes_from(attack->is_nodes ? 1 : 1 << 30);
	sha256_init(&to_server.digest);
	sha256_init(&to_client.digest);
	call.is_uncompressed = true;
	assert_ok(session_call_new(&client, &call, &e));
	assert_ok(session_serve_new(&server, &serve, &e));
	assert_ok(is_push ? session_push(client, "words", "words", NULL, &p, &e) : session_fetch(client, "words", NULL, &f, &e));
	bool is_moving = true;
	for (unsigned i = 0; is_moving && rc[is_push] == 0 && i < 200000; i++) {
		is_moving = move(client, server, &to_server, &rc[1], &errors[1]);
		is_moving = move(server, client, &to_client, &rc[0], &errors[0]) || is_moving;
	}
	if (!(is_push ? to_server : to_client).has_struck)
		fail_msg("%s: nothing was changed", attack->name);
	if (rc[is_push] == 0 && session_receive_end(is_push ? server : client, &errors[is_push]) < 0)
		rc[is_push] = CEL_EPROTOCOL;
	*why = errors[is_push];
	session_free(client);
	session_free(server);
	struct middle *const middles[] = {&to_server, &to_client};
	for (int i = 0; i < 2; i++) {
		frame_reader_release(&middles[i]->in);
		buf_release(&middles[i]->out);
		buf_release(&middles[i]->scratch);
	}
	return rc[is_push];
}

/* ---- what is changed */

/* A copy of the bytes with one bit changed in the middle. */
static struct slice flipped(struct slice bytes, struct buf *scratch)
{
	assert_ok(buf_append(scratch, bytes.data, bytes.size, &e));
	if (bytes.size > 0)
		scratch->data[bytes.size / 2] ^= 1;
	return buf_slice(scratch);
}

static int flip_commit(struct message *m, struct buf *scratch)
{
	m->commit.block = flipped(m->commit.block, scratch);
	return FORWARD;
}

static int flip_data(struct message *m, struct buf *scratch)
{
	m->data.bytes = flipped(m->data.bytes, scratch);
	return FORWARD;
}

static int flip_block(struct message *m, struct buf *scratch)
{
	m->block.block = flipped(m->block.block, scratch);
	return FORWARD;
}

static int flip_end(struct message *m, struct buf *scratch)
{
	m->end.digest = flipped(m->end.digest, scratch);
	return FORWARD;
}

static int count_end(struct message *m, struct buf *scratch)
{
	(void)scratch;
	m->end.count++;
	return FORWARD;
}

static int drop(struct message *m, struct buf *scratch)
{
	(void)m, (void)scratch;
	return DROP;
}

static int twice(struct message *m, struct buf *scratch)
{
	(void)m, (void)scratch;
	return TWICE;
}

static int other_tip(struct message *m, struct buf *scratch)
{
	(void)scratch;
	m->offer.tip.digest[3] ^= 1;
	return FORWARD;
}

static int more_commits(struct message *m, struct buf *scratch)
{
	(void)scratch;
	m->offer.commits++;
	return FORWARD;
}

static int no_commits(struct message *m, struct buf *scratch)
{
	(void)scratch;
	m->offer.commits = 0;
	return FORWARD;
}

static int other_schema(struct message *m, struct buf *scratch)
{
	struct cel_schema other = schema;
	other.dim = 3;
	assert_ok(schema_encode(&other, scratch, &e));
	m->offer.schema = buf_slice(scratch);
	return FORWARD;
}

static int no_schema(struct message *m, struct buf *scratch)
{
	m->offer.schema = flipped(m->offer.schema, scratch);
	return FORWARD;
}

static int fewer_records(struct message *m, struct buf *scratch)
{
	(void)scratch;
	m->commit.records = 3;
	return FORWARD;
}

static int many_records(struct message *m, struct buf *scratch)
{
	(void)scratch;
	m->commit.records += 1000000;
	return FORWARD;
}

static int is_last_early(struct message *m, struct buf *scratch)
{
	(void)scratch;
	m->data.is_last = 1;
	m->data.bytes.size /= 2;
	return FORWARD;
}

static int never_last(struct message *m, struct buf *scratch)
{
	assert_ok(buf_append(scratch, m->data.bytes.data, m->data.bytes.size, &e));
	m->data.bytes = buf_slice(scratch);
	m->data.is_last = 0;
	return ENDLESS;
}

/* A frame of one byte, again and again. */
static int endless_records(struct message *m, struct buf *scratch)
{
	for (unsigned i = 0; i < 1000; i++)
		assert_ok(buf_append(scratch, "\1\0", 2, &e));
	m->data.bytes = buf_slice(scratch);
	m->data.is_last = 0;
	return ENDLESS;
}

static int endless_block(struct message *m, struct buf *scratch)
{
	assert_ok(buf_append(scratch, m->block.block.data, m->block.block.size, &e));
	m->block.block = buf_slice(scratch);
	return ENDLESS;
}

static int endless_commit(struct message *m, struct buf *scratch)
{
	assert_ok(buf_append(scratch, m->commit.block.data, m->commit.block.size, &e));
	m->commit.block = buf_slice(scratch);
	return ENDLESS;
}

static const uint8_t JUNK[] = {0xff, 0x00, 0x81, 0x18, 0x05, 0x9f};

static int junk_block(struct message *m, struct buf *scratch)
{
	(void)scratch;
	m->block.block = slice_make(JUNK, sizeof JUNK);
	return FORWARD;
}

static int junk_commit(struct message *m, struct buf *scratch)
{
	(void)scratch;
	m->commit.block = slice_make(JUNK, sizeof JUNK);
	return FORWARD;
}

/* Puts another root at the place `which` of the patch's third frame, the digest at its end being wrong then anyway: what is
 * looked at first is the header. */
static int other_base(struct message *m, struct buf *scratch)
{
	assert_ok(buf_append(scratch, m->data.bytes.data, m->data.bytes.size, &e));
	size_t schema_size = scratch->data[13], roots = 13 + 1 + schema_size + 1; /* lengths of one byte each */
	scratch->data[roots + 20] ^= 1;
	m->data.bytes = buf_slice(scratch);
	return FORWARD;
}

static const struct attack ATTACKS[] = {
	{"a commit with a bit flipped", MESSAGE_COMMIT, 2, false, flip_commit},
	{"the last commit with a bit flipped", MESSAGE_COMMIT, 3, false, flip_commit},
	{"no commit", MESSAGE_COMMIT, 1, false, junk_commit},
	{"a commit left out", MESSAGE_COMMIT, 2, false, drop},
	{"the last commit left out", MESSAGE_COMMIT, 3, false, drop},
	{"a commit twice", MESSAGE_COMMIT, 2, false, twice},
	{"endless commits", MESSAGE_COMMIT, 3, false, endless_commit},
	{"fewer records than there are", MESSAGE_COMMIT, 2, false, fewer_records},
	{"fewer records than there are, by nodes", MESSAGE_COMMIT, 2, true, fewer_records},
	{"another tip", MESSAGE_OFFER, 1, false, other_tip},
	{"more commits announced", MESSAGE_OFFER, 1, false, more_commits},
	{"no commits announced", MESSAGE_OFFER, 1, false, no_commits},
	{"another schema", MESSAGE_OFFER, 1, false, other_schema},
	{"no schema", MESSAGE_OFFER, 1, false, no_schema},
	{"a patch with a bit flipped", MESSAGE_DATA, 1, false, flip_data},
	{"a patch left out", MESSAGE_DATA, 1, false, drop},
	{"the second patch left out", MESSAGE_DATA, 4, false, drop},
	{"a patch with another base", MESSAGE_DATA, 1, false, other_base},
	{"a patch cut off", MESSAGE_DATA, 2, false, is_last_early},
	{"a patch that never ends", MESSAGE_DATA, 1, false, never_last},
	{"a patch of endless records", MESSAGE_DATA, 1, false, endless_records},
	{"a root with a bit flipped", MESSAGE_BLOCK, 1, true, flip_block},
	{"a node with a bit flipped", MESSAGE_BLOCK, 2, true, flip_block},
	{"a value with a bit flipped", MESSAGE_BLOCK, 9, true, flip_block},
	{"a late value with a bit flipped", MESSAGE_BLOCK, 300, true, flip_block},
	{"a block that is no node", MESSAGE_BLOCK, 2, true, junk_block},
	{"a block left out", MESSAGE_BLOCK, 5, true, drop},
	{"a block twice", MESSAGE_BLOCK, 5, true, twice},
	{"endless blocks", MESSAGE_BLOCK, 3, true, endless_block},
	{"a digest that is wrong", MESSAGE_END, 1, false, flip_end},
	{"a late digest that is wrong", MESSAGE_END, 2, true, flip_end},
	{"a count that is wrong", MESSAGE_END, 2, false, count_end},
	{"an end left out", MESSAGE_END, 1, false, drop},
};

static void check_nothing_kept(const char *what)
{
	static const char *const PREFIXES[] = {"heads/", "fetched/", "quarantine/", "merged/"};
	for (size_t i = 0; i < 4; i++)
		if (count_refs(&here, PREFIXES[i]) > 0)
			fail_msg("%s: %s was left", what, PREFIXES[i]);
}

static void changed_messages_are_refused(void **state)
{
	(void)state;
	static const struct attack HARMLESS = {"more records announced", MESSAGE_COMMIT, 2, false, many_records};
	struct cel_error why;
	for (int is_push = 0; is_push < 2; is_push++) {
		for (size_t i = 0; i < sizeof ATTACKS / sizeof *ATTACKS; i++) {
			int rc = run_attack(&ATTACKS[i], is_push != 0, &why);
			if (rc != CEL_EPROTOCOL)
				fail_msg("%s (push %d): %d %s", ATTACKS[i].name, is_push, rc, rc < 0 ? why.message : "");
			check_nothing_kept(ATTACKS[i].name);
		}
	}
	/* control: what nothing follows from goes through */
	int rc = run_attack(&HARMLESS, true, &why);
	if (rc == CEL_EPROTOCOL && count_refs(&here, "heads/") == 0)
		fail_msg("%s", why.message);
	struct cid a = host_head(&here, "words"), b = host_head(&there, "words");
	assert_true(cid_equal(&a, &b));
}

/* ---- more than was to come */

static int count_entry(void *context, const struct sync_entry *entry, struct cel_error *error)
{
	(void)entry, (void)error;
	++*(uint32_t *)context;
	return 0;
}

/* Two collections of one size in one session: how many came, and how the last one ended. */
static int fetch_two(uint64_t bound, int *rc)
{
	static const char *const NAMES[] = {"words", "more"};
	struct session_client call = {.side = &here.side, .store = "/there", .receive_max = bound};
	struct session_server serve = {.side = &there.side};
	struct session_fetched f;
	struct wire w = {0};
	int n = 0;
	assert_ok(session_call_new(&w.client, &call, &e));
	assert_ok(session_serve_new(&w.server, &serve, &e));
	do {
		assert_ok(session_fetch(w.client, NAMES[n], NULL, &f, &e));
		*rc = wire_run(&w);
		n += *rc == 0;
	} while (*rc == 0 && n < 2);
	wire_free(&w);
	return n;
}

/* A client's bound is for all its fetches together: what is over it leaves nothing, what came whole before stays. */
static void a_bound_on_what_comes(void **state)
{
	int rc = 0, n = 0;
	uint64_t one = 0, bound = 1 << 10;
	host_create(&there, "more", &schema);
	host_commit(&there, "more", &(struct edits){0, 1, 400, 3}, 12);
	host_commit(&there, "more", &(struct edits){0, 9, 400, 4}, 13);
	for (; n < 2; bound += bound / 4) {
		n = fetch_two(bound, &rc);
		if (n < 2)
			assert_true(rc == CEL_EPROTOCOL && strstr(e.message, "--max-fetch") != NULL);
		assert_int_equal(count_refs(&here, "fetched/"), n);
		assert_int_equal(count_refs(&here, "quarantine/"), 0);
		one = n == 1 && one == 0 ? bound : one;
		if (n < 2) { /* from the beginning, or the first one would not come again */
			host_close(&here);
			remove_tree(here.path);
			host_new(&here, directory, 0);
		}
	}
	assert_true(one > 100000 && bound > one + one / 2);
	(void)state;
}

static void a_list_without_end(void **state)
{
	(void)state;
	BUF_CLEANUP struct buf block = {0}, frames = {0};
	struct session_client call = {.store = "/there"};
	struct session *client;
	struct slice out;
	uint32_t n = 0;
	uint8_t id[STORE_ID_SIZE] = {0};
	assert_ok(schema_encode(&schema, &block, &e));
	assert_ok(session_call_new(&client, &call, &e));
	assert_ok(session_list(client, "", count_entry, &n, &e));
	assert_ok(session_output(client, &out, &e));
	session_sent(client, out.size);
	struct message hello = {.type = MESSAGE_HELLO, .hello = {.magic = slice_text(MESSAGE_MAGIC), .version = CEL_FORMAT_PROTOCOL,
				.frame_max = FRAME_MAX, .software = slice_text("x"), .store_id = slice_make(id, sizeof id),
				.store = slice_text("")}};
	struct message entry = {.type = MESSAGE_ENTRY, .entry = {.name = slice_text("words"), .schema = buf_slice(&block),
				.tip = cid_of(CID_DAG_CBOR, slice_text("x"))}};
	assert_ok(message_put(&hello, &frames, &e));
	assert_ok(session_receive(client, buf_slice(&frames), &e));
	buf_clear(&frames);
	for (int i = 0; i < 1024; i++)
		assert_ok(message_put(&entry, &frames, &e));
	int rc = 0;
	for (uint32_t i = 0; i <= SESSION_LIST_MAX / 1024 && rc == 0; i++)
		rc = session_receive(client, buf_slice(&frames), &e);
	assert_code(CEL_EPROTOCOL, rc);
	assert_int_equal(n, SESSION_LIST_MAX);
	session_free(client);
}

/* ---- stores that break the rules */

static uint64_t other_hash(uint32_t level, uint32_t attempt, struct slice key)
{
	return chunk_hash(level, attempt, key) * 0x9e3779b97f4a7c15u;
}

enum breach { WRONG_BOUNDARIES, NAN_VECTOR, BAD_METADATA, SHORT_VECTOR, BREACHES };

static void put_tree(struct store_batch *batch, enum breach breach, bool is_breaking, struct cid *root)
{
	struct prolly_builder *b;
	uint64_t count;
	assert_ok(prolly_builder_new_hashed(batch, is_breaking && breach == WRONG_BOUNDARIES ? other_hash : chunk_hash, &b, &e));
	for (unsigned i = 0; i < 300; i++) {
		uint8_t vector[4 * DIM] = {0};
		char id[16];
		snprintf(id, sizeof id, "id%04u", i);
		store_le_f32(vector + 8, (float)i + 1);
		bool is_bad = is_breaking && i == 200;
		if (is_bad && breach == NAN_VECTOR)
			store_le32(vector + 40, 0x7fc00000);
		struct prolly_entry entry = {.id = slice_text(id), .vector.bytes = slice_make(vector, sizeof vector)};
		if (is_bad && breach == SHORT_VECTOR)
			entry.vector.bytes.size -= 4;
		if (is_bad && breach == BAD_METADATA)
			entry.metadata.bytes = slice_text("{\"b\": 1, \"a\":2}");
		assert_ok(prolly_builder_add(b, &entry, &e));
	}
	assert_ok(prolly_builder_finish(b, root, &count, &e));
	prolly_builder_free(b);
}

/* Nodes one above the other, each with one child, as deep as levels go. */
static void put_deep(struct store_batch *batch, struct cid *root)
{
	uint8_t vector[4 * DIM] = {0};
	struct cid value;
	assert_ok(store_batch_put(batch, CID_RAW, slice_make(vector, sizeof vector), &value, &e));
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++) {
		BUF_CLEANUP struct buf rest = {0}, block = {0};
		struct prolly_value v = {.is_link = true, .link = value}, none = {0};
		assert_ok(level == 0 ? node_put_leaf_rest(&rest, &v, &none, &e) : node_put_inner_rest(&rest, root, 1, &e));
		struct node_item item = {.key = slice_text("id"), .rest = buf_slice(&rest)};
		assert_ok(node_encode(level, 1, &item, 1, &block, &e));
		assert_ok(store_batch_put(batch, CID_DAG_CBOR, buf_slice(&block), root, &e));
	}
}

static void commit_tree(const char *name, int breach, bool is_breaking)
{
	struct store_batch *batch;
	struct store_read *read;
	struct cid head = host_head(&there, name), cid;
	struct db_rev rev;
	assert_ok(store_batch_begin(there.store.store, 0, &batch, &e));
	assert_ok(store_read_begin(there.store.store, &read, &e));
	assert_ok(db_rev_load(read, &head, &rev, &e));
	struct commit next = {.schema = rev.commit.schema, .parents[0] = head, .n_parents = 1,
			      .generation = rev.commit.generation + 1, .time = 20};
	if (breach == BREACHES)
		put_deep(batch, &next.tree);
	else
		put_tree(batch, (enum breach)breach, is_breaking, &next.tree);
	assert_ok(commit_put(batch, &next, &cid, &e));
	store_read_end(read);
	host_move(&there, batch, name, &next.tree, &cid);
}

static void trees_that_break_the_rules_are_refused(void **state)
{
	(void)state;
	for (int breach = 0; breach <= BREACHES; breach++) {
		for (int kind = 0; kind < 4; kind++) { /* breaking or not; by patch or by nodes */
			struct session_fetched f;
			char name[32];
			bool is_breaking = kind % 2 != 0 || breach == BREACHES;
			snprintf(name, sizeof name, "hostile-%d-%d", breach, kind);
			host_create(&there, name, &schema);
			commit_tree(name, breach, is_breaking);
			sync_plan_nodes_from(kind < 2 ? 1 : 1 << 30);
			unsigned before = count_refs(&here, "fetched/");
			int rc = fetch(&here, &there, name, 0, &f, NULL);
			if (rc != (is_breaking ? CEL_EPROTOCOL : 0))
				fail_msg("breach %d, kind %d: %d %s", breach, kind, rc, e.message);
			assert_int_equal(count_refs(&here, "fetched/") - before, !is_breaking);
			assert_int_equal(count_refs(&here, "quarantine/"), 0);
		}
	}
}

/* ---- what is no message */

/* Gives the bytes to a fresh server or client; it must refuse, and say so to the other side. */
static void refuse(bool is_server, struct slice hello, struct slice bytes, const char *what)
{
	struct session *s;
	struct session_client call = {.side = &here.side, .store = ""};
	struct session_server serve = {.side = &there.side};
	struct session_fetched f;
	struct slice out;
	assert_ok(is_server ? session_serve_new(&s, &serve, &e) : session_call_new(&s, &call, &e));
	if (!is_server)
		assert_ok(session_fetch(s, "words", NULL, &f, &e));
	int rc = session_receive(s, hello, &e);
	if (rc == 0)
		rc = session_receive(s, bytes, &e);
	if (rc == 0)
		rc = session_receive_end(s, &e);
	if (rc != CEL_EPROTOCOL)
		fail_msg("%s (server %d): %d", what, is_server, rc);
	assert_int_equal(session_state(s), SESSION_DONE);
	assert_ok(session_output(s, &out, &e));
	session_free(s);
	check_nothing_kept(what);
}

static struct slice frame_of(struct buf *b, const void *body, size_t size)
{
	buf_clear(b);
	assert_ok(frame_put(b, slice_make(body, size), &e));
	return buf_slice(b);
}

static void what_is_no_message_is_refused(void **state)
{
	(void)state;
	struct session *other;
	struct session_client call = {.side = NULL, .store = ""};
	struct slice out;
	struct buf hello = {0}, frame = {0}, long_one = {0};
	assert_ok(session_call_new(&other, &call, &e));
	assert_ok(session_output(other, &out, &e));
	assert_ok(buf_append(&hello, out.data, out.size, &e));
	session_free(other);
	static const uint8_t NESTED[40] = {0x9f};
	uint8_t deep[3000], hi[64];
	memset(deep, 0x81, sizeof deep);
	const struct slice none = {0}, greeting = buf_slice(&hello);
	const struct {
		const char *what;
		struct slice bytes;
	} cases[] = {
		{"no frame", slice_make("\xff\xff\xff\xff\xff", 5)},
		{"a frame of no length", slice_make("\0", 1)},
		{"a length that is not canonical", slice_make("\x82\x00\x00\x00", 4)},
		{"a frame of 4 MiB", slice_make("\x80\x80\x80\x02", 4)},
	};
	for (int is_server = 0; is_server < 2; is_server++) {
		for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
			refuse(is_server, greeting, cases[i].bytes, cases[i].what);
			refuse(is_server, none, cases[i].bytes, cases[i].what);
		}
		refuse(is_server, greeting, frame_of(&frame, NESTED, sizeof NESTED), "an array without a length");
		refuse(is_server, greeting, frame_of(&frame, deep, sizeof deep), "a deep array");
		refuse(is_server, greeting, frame_of(&frame, "\x81\x18\x06", 3), "an integer that is not canonical");
		refuse(is_server, greeting, frame_of(&frame, "\x81\x18\x63", 3), "a type that is none");
		refuse(is_server, greeting, frame_of(&frame, "\x9b\xff\xff\xff\xff\xff\xff\xff\xff", 9), "a huge array");
		refuse(is_server, greeting, frame_of(&frame, "\x82\x05\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", 11), "huge bytes");
		refuse(is_server, greeting, frame_of(&frame, "\x82\x05\x44\x28\xb5\x2f\xfd", 7), "packed bytes that are none");
		refuse(is_server, greeting, greeting, "a second greeting");
		refuse(is_server, none, frame_of(&frame, "\x81\x03", 2), "a farewell before a greeting");
		refuse(is_server, none, slice_text("Welcome to this machine!\n"), "a banner");
		for (size_t n = 1; n < hello.size; n++)
			refuse(is_server, slice_make(hello.data, n), none, "a greeting cut off");
	}
	/* another version is told, by both */
	memcpy(hi, "\x86\x01\x63" "cel\x02\xf5\xf6\x00", 10);
	refuse(true, none, frame_of(&frame, hi, 10), "another version");
	assert_non_null(strstr(e.message, "version 2"));
	buf_release(&hello);
	buf_release(&frame);
	buf_release(&long_one);
}

/* ---- a client that asks for what it was not offered */

static void put_message(struct buf *b, const struct message *m)
{
	assert_ok(message_put(m, b, &e));
}

static struct message ask_of(unsigned kind, unsigned commit, unsigned what, const char *key)
{
	return (struct message){.type = MESSAGE_ASK,
				.ask = {.kind = kind, .commit = commit, .what = what, .key = slice_text(key)}};
}

/* A fresh server gets all of it; what it comes to. */
static int serve(const struct message *messages, size_t n, unsigned n_times)
{
	struct session *s, *client;
	struct session_server server = {.side = &there.side};
	struct session_client call = {.store = ""};
	struct buf bytes = {0};
	struct slice out;
	struct message fetch = {.type = MESSAGE_FETCH, .fetch = {.rev = slice_text("words")}}, have = {.type = MESSAGE_HAVE, .have.is_last = 1};
	assert_ok(session_call_new(&client, &call, &e));
	assert_ok(session_output(client, &out, &e));
	assert_ok(buf_append(&bytes, out.data, out.size, &e));
	session_free(client);
	put_message(&bytes, &fetch);
	put_message(&bytes, &have);
	assert_ok(session_serve_new(&s, &server, &e));
	assert_ok(session_receive(s, buf_slice(&bytes), &e));
	while (session_output(s, &out, &e) == 0 && out.size > 0)
		session_sent(s, out.size);
	size_t begin = bytes.size;
	for (unsigned k = 0; k < n_times; k++)
		for (size_t i = 0; i < n; i++)
			if (messages[i].type != MESSAGE_END)
				put_message(&bytes, &messages[i]);
	if (n > 0 && messages[n - 1].type == MESSAGE_END) { /* a right one, over all there was */
		struct message end = {.type = MESSAGE_END, .end.count = 3 + (n - 1) * n_times};
		uint8_t digest[SHA256_SIZE];
		sha256(bytes.data, bytes.size, digest);
		end.end.digest = slice_make(digest, sizeof digest);
		put_message(&bytes, &end);
	}
	int rc = session_receive(s, slice_make(bytes.data + begin, bytes.size - begin), &e);
	while (rc == 0 && (rc = session_output(s, &out, &e)) == 0 && out.size > 0)
		session_sent(s, out.size);
	session_free(s);
	buf_release(&bytes);
	return rc;
}

static void only_what_was_offered_is_given(void **state)
{
	(void)state;
	const struct message end = {.type = MESSAGE_END}, next = {.type = MESSAGE_NEXT}, done = {.type = MESSAGE_DONE},
			     have = {.type = MESSAGE_HAVE}, list = {.type = MESSAGE_LIST};
	/* control: these are right */
	const struct message good[] = {ask_of(1, 0, 0, ""), ask_of(1, 2, 1, ""), ask_of(2, 2, SYNC_ROOT, ""),
				       ask_of(3, 1, SYNC_ROOT, ""), ask_of(4, 1, 0, "id000000")};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_ok(serve((struct message[]){good[i], end}, 2, 1));
	const struct message bad[] = {
		ask_of(0, 0, 0, ""), ask_of(9, 0, 0, ""), ask_of(1, 3, 0, ""), ask_of(1, 0, 1, ""), ask_of(1, 2, 2, ""),
		ask_of(1, 2, 3, ""), ask_of(1, 2, 0, "x"), ask_of(2, 2, 1, ""), ask_of(2, 2, 0, "id000001x"),
		ask_of(2, 2, 9, "id000001"), ask_of(3, 2, 1, "zzz"), ask_of(4, 2, 0, "nothing"), ask_of(4, 2, 0, ""),
		ask_of(4, 2, 1, "id000000"),
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (serve((struct message[]){bad[i], end}, 2, 1) != CEL_EPROTOCOL)
			fail_msg("ask %u was answered", (unsigned)i);
	assert_code(CEL_EPROTOCOL, serve((struct message[]){good[0], end}, 2, 1025)); /* the bound is 1024 */
	assert_ok(serve((struct message[]){good[4], end}, 2, 1024));
	assert_code(CEL_EPROTOCOL, serve(&end, 1, 1));
	assert_code(CEL_EPROTOCOL, serve(&next, 1, 1));
	assert_code(CEL_EPROTOCOL, serve(&have, 1, 1));
	assert_code(CEL_EPROTOCOL, serve(&list, 1, 1));
	assert_code(CEL_EPROTOCOL, serve((struct message[]){good[0], done}, 2, 1));
	assert_ok(serve(&done, 1, 1));
}

/* A push that says: the tip is this commit, which you have. */
static int claim(const struct cid *tip, const struct access *access)
{
	struct session *s, *client;
	struct session_server server = {.side = &there.side};
	struct session_client call = {.store = ""};
	struct buf bytes = {0};
	struct slice out;
	struct message push = {.type = MESSAGE_PUSH, .push = {.name = slice_text("mine")}}, offer = {.type = MESSAGE_OFFER, .offer.tip = *tip};
	if (access != NULL)
		server.access = *access;
	assert_ok(session_call_new(&client, &call, &e));
	assert_ok(session_output(client, &out, &e));
	assert_ok(buf_append(&bytes, out.data, out.size, &e));
	session_free(client);
	put_message(&bytes, &push);
	put_message(&bytes, &offer);
	assert_ok(session_serve_new(&s, &server, &e));
	int rc = session_receive(s, buf_slice(&bytes), &e);
	session_free(s);
	buf_release(&bytes);
	return rc;
}

static void knowing_a_commit_is_no_permission(void **state)
{
	(void)state;
	struct access_rule rules[2];
	assert_ok(access_rule_parse("mine:rw", &rules[0], &e));
	assert_ok(access_rule_parse("words:r", &rules[1], &e));
	const struct access mine = {.rules = rules, .n = 1}, both = {.rules = rules, .n = 2};
	struct cid secret = host_head(&there, "words"), head;
	assert_code(CEL_EPROTOCOL, claim(&secret, &mine));
	assert_int_equal(count_refs(&there, "heads/mine"), 0);
	struct session_fetched f;
	assert_ok(fetch(&there, &there, "words", 0, &f, NULL)); /* a ref of the owner's, in nobody's collection */
	assert_code(CEL_EPROTOCOL, claim(&secret, &mine));
	assert_ok(claim(&secret, &both)); /* controls: who may read it may have it by another name */
	head = host_head(&there, "mine");
	assert_true(cid_equal(&head, &secret));
	assert_ok(claim(&secret, &mine)); /* by then it is theirs */
	assert_ok(claim(&secret, NULL));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(changed_messages_are_refused),
		T(a_bound_on_what_comes),
		T(a_list_without_end),
		T(trees_that_break_the_rules_are_refused),
		T(what_is_no_message_is_refused),
		T(only_what_was_offered_is_given),
		T(knowing_a_commit_is_no_permission),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
