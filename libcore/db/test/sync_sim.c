/* SPDX-License-Identifier: Apache-2.0 */
/* A deterministic simulation: two hosts with real stores, up to two connections at a time between them, stepped by single events
 * under a seed. Bytes are delayed, split anywhere and lost with their connection; sessions are cut off, hosts are killed and
 * opened again, files cannot be written, memory runs out, gc comes in between.
 *
 * Always: a head is whole (its history and its tree are here and sound), and it only ever goes forward. After the faults have
 * stopped, fetching and merging from both sides makes them equal, and then makes no more commits.
 *
 * CEL_TEST_SEED is the first seed, CEL_TEST_SEEDS how many (100 times CEL_TEST_SCALE; tests/run.sh asks for 2,000); a
 * failure names its seed. `make soak` goes on for millions. */
#include "sync_world.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "ancestry.h"
#include "fault.h"
#include "forgotten.h"
#include "sync_nodes.h"
#include "sync_plant.h"

enum { HOSTS = 2, CONNECTIONS = 2, EVENTS = 260, NAMES = 2 };
static const char *const NAME[NAMES] = {"words", "photos"};

struct connection {
	struct session *ends[2]; /* the client's, the server's; NULL: none */
	unsigned client;         /* which host that is */
	struct buf wires[2];     /* to the server, to the client */
	bool is_fetch, is_closing;
	unsigned name;
	struct session_fetched fetched;
	struct session_pushed pushed;
};

struct world {
	uint64_t seed, random;
	struct host hosts[HOSTS];
	struct connection connections[CONNECTIONS];
	struct cid heads[HOSTS][NAMES]; /* as they were last seen */
	uint64_t clock;
	unsigned cut_rate, steps;
	bool is_forgetful; /* trees are forgotten: then there may be none to merge on */
	const char *problem;
	/* the next fault: how many more calls of the sessions until then; 0: none */
	uint64_t io_left, memory_left;
	enum io_op io_op;
	int io_errno;
};

/* Ids of stores and the hour come from the seed as well. */
static uint64_t simulated_random, simulated_time;

ssize_t getrandom(void *out, size_t size, unsigned flags)
{
	(void)flags;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)out)[i] = (uint8_t)(next_random(&simulated_random) >> 56);
	return (ssize_t)size;
}

time_t time(time_t *out)
{
	time_t now = (time_t)(1800000000 + simulated_time++);
	if (out != NULL)
		*out = now;
	return now;
}

static char directory[256];
static uint64_t n_fetched, n_pushed, n_failed, n_kept, n_cut;

static unsigned pick(struct world *w, unsigned n)
{
	return (unsigned)(next_random(&w->random) >> 33) % n;
}

/* ---- what must always hold */

static bool is_whole(struct host *h, const struct cid *commit)
{
	struct store_read *read;
	struct history *history = NULL;
	const struct history_item *item;
	struct db_rev rev;
	if (store_read_begin(h->store.store, &read, &e) < 0)
		return false;
	int rc = history_new(read, NULL, &history, &e);
	if (rc == 0)
		rc = history_push(history, commit, 0, &e);
	while (rc == 0 && (rc = history_next(history, &item, &e)) > 0)
		rc = 0;
	history_free(history);
	if (rc == 0)
		rc = db_rev_load(read, commit, &rev, &e);
	if (rc == 0)
		rc = prolly_check(read, &rev.commit.tree, NULL, NULL, &e);
	store_read_end(read);
	return rc == 0;
}

/* A merge with a line of the same records adopts the one of the two commits. */
static bool is_forward(struct host *h, const struct cid *from, const struct cid *to)
{
	struct store_read *read;
	struct commit a, b;
	if (store_read_begin(h->store.store, &read, &e) < 0)
		return false;
	int rc = ancestry_has(read, NULL, to, from, &e);
	if (rc == 0 && commit_read(read, from, &a, &e) == 0 && commit_read(read, to, &b, &e) == 0)
		rc = cid_equal(&a.tree, &b.tree) ? 1 : 0;
	store_read_end(read);
	return rc == 1;
}

static void check_heads(struct world *w)
{
	for (unsigned h = 0; h < HOSTS && w->problem == NULL; h++) {
		for (unsigned i = 0; i < NAMES; i++) {
			char ref[DB_REF_MAX];
			struct cid head, none = {0}, *seen = &w->heads[h][i];
			snprintf(ref, sizeof ref, "heads/%s", NAME[i]);
			if (!host_ref(&w->hosts[h], ref, &head)) {
				if (!cid_equal(seen, &none))
					w->problem = "a head is gone";
				continue;
			}
			if (cid_equal(seen, &head))
				continue;
			if (!is_whole(&w->hosts[h], &head))
				w->problem = "a head is not whole";
			else if (!cid_equal(seen, &none) && !is_forward(&w->hosts[h], seen, &head))
				w->problem = "a head did not go forward";
			*seen = head;
		}
	}
}

/* ---- what happens */

static const struct cel_schema schemas[NAMES] = {{.dim = 4, .type = CEL_F32, .metric = CEL_L2},
						 {.dim = 80, .type = CEL_F32, .metric = CEL_COSINE, .model = "linked"}};

static void edit(struct world *w, unsigned h)
{
	char ref[DB_REF_MAX];
	struct cid head;
	unsigned i = pick(w, NAMES);
	snprintf(ref, sizeof ref, "heads/%s", NAME[i]);
	if (!host_ref(&w->hosts[h], ref, &head)) {
		host_create(&w->hosts[h], NAME[i], &schemas[i]);
		return;
	}
	unsigned from = pick(w, 200), step = 1 + pick(w, 40);
	unsigned end = from + 1 + pick(w, pick(w, 4) == 0 ? 4000 / schemas[i].dim * 2 : 60);
	host_commit(&w->hosts[h], NAME[i], &(struct edits){from, step, end, pick(w, 5)}, ++w->clock);
}

/* A few commits below the head, unless a ref is there. */
static void forget(struct world *w, unsigned h)
{
	struct store_batch *batch;
	struct store_read *read;
	struct history *history;
	const struct history_item *item;
	char ref[DB_REF_MAX], mark[FORGOTTEN_REF_MAX], position[STORE_REF_MAX] = "";
	struct cid head, at, is;
	unsigned depth = 1 + pick(w, 6);
	snprintf(ref, sizeof ref, "heads/%s", NAME[pick(w, NAMES)]);
	if (!host_ref(&w->hosts[h], ref, &head))
		return;
	at = head;
	assert_ok(store_batch_begin(w->hosts[h].store.store, 0, &batch, &e));
	assert_ok(store_read_begin(w->hosts[h].store.store, &read, &e));
	assert_ok(history_new(read, NULL, &history, &e));
	assert_ok(history_push(history, &head, 0, &e));
	while (depth-- > 0 && history_next(history, &item, &e) > 0)
		at = item->cid;
	history_free(history);
	bool is_named = forgotten_has(read, &at, &e) != 0;
	while (!is_named && store_read_next_ref(read, "", position, &is, &e) > 0)
		is_named = cid_equal(&is, &at);
	store_read_end(read);
	struct store_ref_update update = forgotten_mark(&at, mark);
	if (!is_named)
		assert_ok(store_batch_commit(batch, NULL, &update, 1, 0, &e));
	store_batch_free(batch);
}

static void hang_up(struct connection *c, unsigned end)
{
	session_free(c->ends[end]);
	c->ends[end] = NULL;
	buf_release(&c->wires[end]);   /* what it still had on the way may be lost, */
	if (c->ends[1 - end] == NULL)
		buf_release(&c->wires[1 - end]);
}

/* What the two sides did when their session is over. */
static void count_end(struct connection *c)
{
	if (session_is_failed(c->ends[0]))
		n_failed++;
	else if (c->is_fetch)
		n_fetched++, n_kept += c->fetched.kept;
	else
		n_pushed++;
}

static void connect(struct world *w, struct connection *c)
{
	struct session_push_options options = {.is_merging = pick(w, 2) == 0, .policy = CEL_POLICY_NEWEST};
	struct session_client call = {.store = "there", .is_uncompressed = pick(w, 2) == 0};
	c->client = pick(w, HOSTS);
	c->is_fetch = pick(w, 3) > 0;
	c->name = pick(w, NAMES);
	c->is_closing = false;
	struct host *client = &w->hosts[c->client], *server = &w->hosts[1 - c->client];
	struct session_server serve = {.side = &server->side};
	call.side = &client->side;
	if (session_call_new(&c->ends[0], &call, &e) < 0)
		return;
	if (session_serve_new(&c->ends[1], &serve, &e) < 0) {
		hang_up(c, 0);
		return;
	}
	int rc = c->is_fetch ? session_fetch(c->ends[0], NAME[c->name], NULL, &c->fetched, &e)
			     : session_push(c->ends[0], NAME[c->name], NAME[c->name], &options, &c->pushed, &e);
	if (rc < 0) { /* there is no such collection yet */
		hang_up(c, 0);
		hang_up(c, 1);
	}
}

/* Faults are for what is under test, not for the test's own steps. */
static void arm(const struct world *w)
{
	io_fault_set(w->io_op, w->io_left, w->io_errno);
	mem_fault_set(w->memory_left);
}

static void disarm(struct world *w)
{
	uint64_t n = io_fault_count(w->io_op), m = mem_fault_count();
	w->io_left -= n < w->io_left ? n : w->io_left;
	w->memory_left -= m < w->memory_left ? m : w->memory_left;
	io_fault_set(w->io_op, 0, 0);
	mem_fault_set(0);
}

/* One side gives what it has to the wire, or takes some of what is on it. */
static void step(struct world *w, struct connection *c)
{
	unsigned end = pick(w, 2);
	struct session *s = c->ends[end];
	struct slice out;
	if (s == NULL)
		return;
	if (pick(w, 2) == 0) {
		arm(w);
		session_output(s, &out, &e);
		disarm(w);
		size_t n = out.size == 0 ? 0 : pick(w, 3) == 0 ? 1 + pick(w, (unsigned)out.size) : out.size;
		if (n > 0 && c->ends[1 - end] != NULL)
			assert_ok(buf_append(&c->wires[end], out.data, n, &e));
		session_sent(s, n);
		if (out.size == n && end == 0 && session_state(s) == SESSION_IDLE && !c->is_closing) {
			count_end(c);
			c->is_closing = session_bye(s, &e) == 0;
		}
	} else if (c->wires[1 - end].size > 0) {
		struct buf *wire = &c->wires[1 - end];
		size_t n = pick(w, 3) == 0 ? 1 + pick(w, (unsigned)wire->size) : wire->size;
		arm(w);
		session_receive(s, slice_make(wire->data, n), &e);
		disarm(w);
		memmove(wire->data, wire->data + n, wire->size - n);
		wire->size -= n;
	} else if (c->ends[1 - end] == NULL) {
		session_receive_end(s, &e);
		if (end == 0 && !c->is_closing)
			count_end(c);
		hang_up(c, end);
		return;
	}
	session_output(s, &out, &e);
	if (session_state(s) == SESSION_DONE && out.size == 0) {
		if (end == 0 && !c->is_closing)
			count_end(c);
		session_free(s); /* in order: the other side gets what is on the way */
		c->ends[end] = NULL;
	}
}

static void kill_host(struct world *w, unsigned h)
{
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct connection *c = &w->connections[i];
		unsigned end = c->client == h ? 0 : 1;
		if (c->ends[end] != NULL)
			hang_up(c, end);
	}
	host_close(&w->hosts[h]);
	host_open(&w->hosts[h]);
	n_cut++;
}

static int merge_fetched(struct host *h, const char *name, const struct cid *tip, struct cel_merge_result *out)
{
	char text[CEL_CID_TEXT_SIZE];
	struct cel_merge_options options = {.policy = CEL_POLICY_NEWEST, .time = -1, .is_without_index = true};
	cid_format(tip, text);
	return cel_merge(&h->store, name, &h->store, text, &options, out, &e);
}

/* What is fetched of that name from whomever goes into the collection, or makes it. */
static void merge(struct world *w, unsigned h)
{
	struct store_read *read;
	struct cel_merge_result result;
	char position[STORE_REF_MAX] = "", text[CEL_CID_TEXT_SIZE];
	struct cid tip, head;
	unsigned i = pick(w, NAMES);
	char ref[DB_REF_MAX];
	bool is_found = false;
	snprintf(ref, sizeof ref, "heads/%s", NAME[i]);
	assert_ok(store_read_begin(w->hosts[h].store.store, &read, &e));
	while (!is_found && store_read_next_ref(read, "fetched/", position, &tip, &e) > 0)
		is_found = strcmp(position + strlen(position) - strlen(NAME[i]), NAME[i]) == 0;
	bool has_head = store_read_ref(read, ref, &head, &e) == 0;
	store_read_end(read);
	cid_format(&tip, text);
	if (is_found && has_head)
		merge_fetched(&w->hosts[h], NAME[i], &tip, &result);
	else if (is_found)
		cel_collection_create_from(&w->hosts[h].store, NAME[i], text, &e);
}

static void event(struct world *w)
{
	static const int ERRNOS[] = {ENOSPC, EIO, EDQUOT};
	static const enum io_op OPS[] = {IO_WRITE, IO_OPEN, IO_SYNC, IO_RENAME};
	struct connection *c = &w->connections[pick(w, CONNECTIONS)];
	struct cel_gc_options gc = {.grace_days = pick(w, 2) == 0 ? 1 : -1};
	struct cel_gc_result gc_result;
	if (pick(w, 100) < w->cut_rate) {
		if (pick(w, 3) == 0)
			kill_host(w, pick(w, HOSTS));
		else if (c->ends[0] != NULL || c->ends[1] != NULL)
			n_cut++, hang_up(c, pick(w, 2)); /* the other side sees the end behind what was on the way */
		return;
	}
	switch (pick(w, 100)) {
	case 0:
	case 1:
		if (w->is_forgetful)
			forget(w, pick(w, HOSTS));
		return;
	case 2:
		w->io_op = OPS[pick(w, 4)];
		w->io_left = 1 + pick(w, 8);
		w->io_errno = ERRNOS[pick(w, 3)];
		return;
	case 3:
		if (pick(w, 4) == 0)
			w->memory_left = 1 + pick(w, 300);
		return;
	case 4:
		if (pick(w, 4) == 0)
			cel_gc(&w->hosts[pick(w, HOSTS)].store, &gc, &gc_result, &e);
		return;
	case 5:
	case 6:
		edit(w, pick(w, HOSTS));
		return;
	case 7:
	case 8:
		merge(w, pick(w, HOSTS));
		return;
	default:
		if (c->ends[0] == NULL && c->ends[1] == NULL && pick(w, 3) == 0)
			connect(w, c);
		else
			for (unsigned i = 0; i < w->steps; i++)
				step(w, c);
	}
}

/* ---- afterwards */

static void fail_with(struct world *w, const char *problem)
{
	if (w->problem == NULL)
		w->problem = problem;
}

static void bring_together(struct world *w, unsigned h, unsigned i, uint64_t *n_made)
{
	struct host *here = &w->hosts[h], *there = &w->hosts[1 - h];
	struct session_fetched f;
	struct cel_merge_result result;
	struct cid head;
	char ref[DB_REF_MAX], text[CEL_CID_TEXT_SIZE];
	snprintf(ref, sizeof ref, "heads/%s", NAME[i]);
	if (!host_ref(there, ref, &head))
		return;
	struct wire wire;
	wire_new(&wire, here, there, NULL);
	int rc = session_fetch(wire.client, NAME[i], NULL, &f, &e);
	if (rc == 0)
		rc = wire_run(&wire);
	wire_free(&wire);
	if (rc < 0 && !(rc == CEL_EUNAVAILABLE && w->is_forgetful)) {
		fail_with(w, "a fetch without faults fails");
		return;
	}
	if (rc < 0)
		return;
	cid_format(&f.tip, text);
	if (!host_ref(here, ref, &head))
		rc = cel_collection_create_from(&here->store, NAME[i], text, &e);
	else if ((rc = merge_fetched(here, NAME[i], &f.tip, &result)) == 0)
		*n_made += result.outcome == CEL_MERGE_MERGED;
	if (rc < 0 && !(rc == CEL_EUNAVAILABLE && w->is_forgetful))
		fail_with(w, "a merge without faults fails");
}

static void check_convergence(struct world *w)
{
	uint64_t n_made = 0;
	for (unsigned i = 0; i < NAMES; i++) {
		for (unsigned round = 0; round < 4 && w->problem == NULL; round++) {
			if (round == 2)
				n_made = 0;
			bring_together(w, round % 2, i, &n_made);
		}
		check_heads(w);
		if (w->problem == NULL && !w->is_forgetful && !cid_equal(&w->heads[0][i], &w->heads[1][i]))
			w->problem = "the two sides do not converge";
		if (w->problem == NULL && !w->is_forgetful && n_made > 0)
			w->problem = "equal sides make more commits";
	}
}

/* ---- a seed */

static const char *simulate(uint64_t seed)
{
	struct world *w = mem_calloc(1, sizeof *w);
	w->seed = seed;
	w->random = simulated_random = seed * 0x9e3779b97f4a7c15u + 1;
	simulated_time = 0;
	make_directory(directory);
	for (unsigned h = 0; h < HOSTS; h++)
		host_new(&w->hosts[h], directory, (int)h);
	sync_nodes_write_from(1 + pick(w, 20000));
	sync_plan_nodes_from(pick(w, 3) == 0 ? 1 << 20 : 1 + pick(w, 8000));
	w->cut_rate = (const unsigned[]){1, 5, 15}[pick(w, 3)];
	w->steps = 1 + pick(w, 10);
	w->is_forgetful = pick(w, 4) == 0;
	for (unsigned i = 0; i < NAMES; i++) {
		host_create(&w->hosts[0], NAME[i], &schemas[i]);
		host_commit(&w->hosts[0], NAME[i], &(struct edits){0, 1, 20 + pick(w, 600), 1}, ++w->clock);
	}
	for (unsigned i = 0; i < EVENTS && w->problem == NULL; i++) {
		event(w);
		check_heads(w);
	}
	for (unsigned h = 0; h < HOSTS; h++)
		kill_host(w, h);
	check_heads(w);
	check_convergence(w);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		for (unsigned k = 0; k < 2; k++)
			buf_release(&w->connections[i].wires[k]);
	for (unsigned h = 0; h < HOSTS; h++)
		host_close(&w->hosts[h]);
	remove_tree(directory);
	const char *problem = w->problem;
	mem_free(w);
	return problem;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	return text != NULL ? strtoull(text, NULL, 0) : otherwise;
}

static void every_seed_holds(void **state)
{
	(void)state;
	uint64_t first = number("CEL_TEST_SEED", 1), n = number("CEL_TEST_SEEDS", 100 * test_scale());
	for (uint64_t seed = first; seed < first + n; seed++) {
		const char *problem = simulate(seed);
		if (problem != NULL)
			fail_msg("CEL_TEST_SEED=%llu CEL_TEST_SEEDS=1: %s (%s)", (unsigned long long)seed, problem, e.message);
	}
	print_message("%llu seeds: %llu fetches and %llu pushes went through, %llu failed, %llu cut off, %llu parts resumed\n",
		      (unsigned long long)n, (unsigned long long)n_fetched, (unsigned long long)n_pushed,
		      (unsigned long long)n_failed, (unsigned long long)n_cut, (unsigned long long)n_kept);
	assert_true(n < 100 || (n_fetched > n / 4 && n_pushed > n / 8 && n_failed > 0 && n_cut > n));
}

/* The harness finds what is planted: a check that is skipped. */
static void planted_bugs_are_found(void **state)
{
	(void)state;
	for (int bug = SYNC_BUG_NONE + 1; bug < SYNC_BUGS; bug++) {
		const char *problem = NULL;
		uint64_t seed = 1;
		sync_plant((enum sync_bug)bug);
		for (; seed <= 400 && problem == NULL; seed++)
			problem = simulate(seed);
		sync_plant(SYNC_BUG_NONE);
		if (problem == NULL)
			fail_msg("bug %d was not found", bug);
		print_message("bug %d: seed %llu: %s\n", bug, (unsigned long long)seed - 1, problem);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_seed_holds), cmocka_unit_test(planted_bugs_are_found)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
