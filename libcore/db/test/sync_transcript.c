/* SPDX-License-Identifier: Apache-2.0 */
/* The transcript in cel-protocol(7) is what goes over the wire, byte for byte: a store without anything fetches a small
 * collection, and greets again when there is nothing new. With CEL_TEST_WRITE=FILE the lines are written there. */
#include "sync_world.h"

#include <sys/random.h>

#include "frame.h"
#include "message.h"

/* The ids of the stores. */
ssize_t getrandom(void *out, size_t size, unsigned flags)
{
	static uint8_t n;
	(void)flags;
	memset(out, ++n, size);
	return (ssize_t)size;
}

static struct buf text;

static void note_frames(struct frame_reader *r, struct slice bytes, char who)
{
	struct slice body, whole;
	struct message m;
	assert_ok(frame_feed(r, bytes, &e));
	while (frame_next(r, &body, &whole, &e) > 0) {
		assert_ok(message_decode(body, &m, &e));
		assert_ok(buf_printf(&text, &e, "%c %s\n", who, message_name(m.type)));
		for (size_t i = 0; i < whole.size; i++)
			assert_ok(buf_printf(&text, &e, "%s%02x%s", i % 32 == 0 ? "    " : "", whole.data[i],
					     i % 32 == 31 || i + 1 == whole.size ? "\n" : ""));
	}
}

static void run(struct host *here, struct host *there)
{
	struct session *ends[2];
	struct frame_reader readers[2] = {{{0}, 0}, {{0}, 0}};
	struct session_client call = {.side = &here->side, .store = "/srv/store", .is_uncompressed = true};
	struct session_server serve = {.side = &there->side};
	struct session_fetched f;
	struct slice out;
	assert_ok(session_call_new(&ends[0], &call, &e));
	assert_ok(session_serve_new(&ends[1], &serve, &e));
	assert_ok(session_fetch(ends[0], "words", NULL, &f, &e));
	for (unsigned i = 0, idle = 0; idle < 2; i++) {
		assert_ok(session_output(ends[i % 2], &out, &e));
		idle = out.size == 0 ? idle + 1 : 0;
		note_frames(&readers[i % 2], out, i % 2 == 0 ? 'C' : 'S');
		struct buf copy = {0};
		assert_ok(buf_append(&copy, out.data, out.size, &e));
		session_sent(ends[i % 2], out.size);
		assert_ok(session_receive(ends[1 - i % 2], buf_slice(&copy), &e));
		buf_release(&copy);
		if (idle == 1 && session_state(ends[0]) == SESSION_IDLE) {
			assert_ok(session_bye(ends[0], &e));
			idle = 0;
		}
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(session_state(ends[i]), SESSION_DONE);
		session_free(ends[i]);
		frame_reader_release(&readers[i]);
	}
}

static void put_words(struct host *h)
{
	static const struct cel_schema schema = {.dim = 2, .type = CEL_F32, .metric = CEL_L2};
	host_create(h, "words", &schema);
	struct store_batch *batch;
	struct store_read *read;
	struct prolly_builder *b;
	struct cid head = host_head(h, "words"), cid;
	struct db_rev rev;
	uint8_t vector[8] = {0, 0, 0x80, 0x3f};
	uint64_t count;
	assert_ok(store_batch_begin(h->store.store, 0, &batch, &e));
	assert_ok(store_read_begin(h->store.store, &read, &e));
	assert_ok(db_rev_load(read, &head, &rev, &e));
	struct commit next = {.schema = rev.commit.schema, .parents[0] = head, .n_parents = 1, .generation = 1, .time = 1700000000};
	struct prolly_entry entry = {.id = slice_text("one"), .vector.bytes = slice_make(vector, 8)};
	assert_ok(prolly_builder_new(batch, &b, &e));
	assert_ok(prolly_builder_add(b, &entry, &e));
	assert_ok(prolly_builder_finish(b, &next.tree, &count, &e));
	prolly_builder_free(b);
	assert_ok(commit_put(batch, &next, &cid, &e));
	store_read_end(read);
	host_move(h, batch, "words", &next.tree, &cid);
}

static char *read_page(void)
{
	char path[4200];
	const char *source = getenv("CEL_SRCDIR");
	snprintf(path, sizeof path, "%s/man/cel-protocol.7", source != NULL ? source : ".");
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		fail_msg("no %s", path);
	char *page = mem_calloc(1, 1 << 20);
	assert_true(fread(page, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return page;
}

static void the_page_shows_what_goes_over_the_wire(void **state)
{
	(void)state;
	char directory[256];
	struct host here, there;
	make_directory(directory);
	host_new(&there, directory, 1);
	host_new(&here, directory, 0);
	put_words(&there);
	run(&here, &there);
	assert_ok(buf_append_byte(&text, 0, &e));
	const char *out = getenv("CEL_TEST_WRITE");
	if (out != NULL) {
		FILE *file = fopen(out, "wb");
		fputs((const char *)text.data, file);
		fclose(file);
	}
	char *page = read_page();
	if (strstr(page, (const char *)text.data) == NULL)
		fail_msg("the transcript in cel-protocol(7) is another (CEL_TEST_WRITE=FILE writes what it should be)");
	/* control */
	text.data[text.size / 2] ^= 1;
	assert_null(strstr(page, (const char *)text.data));
	mem_free(page);
	buf_release(&text);
	host_close(&here);
	host_close(&there);
	remove_tree(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_page_shows_what_goes_over_the_wire)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
