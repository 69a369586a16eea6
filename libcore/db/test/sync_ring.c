/* SPDX-License-Identifier: Apache-2.0 */
/* Three stores that merge from each other in a ring, every one from the one before it: all at once or in random order, with
 * random edits in between. When the edits stop they come to one commit, and then make no more: without conflicts, and with
 * the policy newest in spite of them. */
#include "sync_world.h"

enum { HOSTS = 3 };

static char directory[256];
static struct host hosts[HOSTS];
static const struct cel_schema schema = {.dim = 4, .type = CEL_F32, .metric = CEL_L2};

/* One host fetches from the one before it and merges; whether that made a commit. */
static bool merge_from(unsigned h, uint64_t *random)
{
	struct session_fetched f;
	struct cel_merge_result result;
	struct cel_merge_options options = {.policy = CEL_POLICY_NEWEST, .time = -1, .is_without_index = true};
	char text[CEL_CID_TEXT_SIZE];
	assert_ok(fetch(&hosts[h], &hosts[(h + HOSTS - 1) % HOSTS], "words", next_random(random) % 3, &f, NULL));
	cid_format(&f.tip, text);
	assert_ok(cel_merge(&hosts[h].store, "words", &hosts[h].store, text, &options, &result, &e));
	return result.outcome == CEL_MERGE_MERGED;
}

/* All fetch what the others have now, before any of them merges. */
static void lock_step(uint64_t *random, bool *is_made)
{
	struct session_fetched f[HOSTS];
	for (unsigned h = 0; h < HOSTS; h++)
		assert_ok(fetch(&hosts[h], &hosts[(h + HOSTS - 1) % HOSTS], "words", next_random(random) % 3, &f[h], NULL));
	for (unsigned h = 0; h < HOSTS; h++) {
		struct cel_merge_result result;
		struct cel_merge_options options = {.policy = CEL_POLICY_NEWEST, .time = -1, .is_without_index = true};
		char text[CEL_CID_TEXT_SIZE];
		cid_format(&f[h].tip, text);
		assert_ok(cel_merge(&hosts[h].store, "words", &hosts[h].store, text, &options, &result, &e));
		*is_made = *is_made || result.outcome == CEL_MERGE_MERGED;
	}
}

static void round_of(uint64_t *random, bool is_lock_step, bool *is_made)
{
	*is_made = false;
	if (is_lock_step)
		lock_step(random, is_made);
	for (unsigned i = 0; i < HOSTS && !is_lock_step; i++)
		*is_made = merge_from((unsigned)(next_random(random) % HOSTS), random) || *is_made;
}

/* Ids of its own, or any: conflicts. */
static void edit(unsigned h, bool is_conflicting, uint64_t *random, uint64_t time)
{
	unsigned step = is_conflicting ? 1 : HOSTS, first = is_conflicting ? 0 : h;
	unsigned from = first + step * (unsigned)(next_random(random) % 60);
	host_commit(&hosts[h], "words", &(struct edits){from, step * (1 + (unsigned)(next_random(random) % 5)), from + 50,
							(unsigned)(next_random(random) % 4)}, time);
}

static bool is_one(void)
{
	struct cid a = host_head(&hosts[0], "words");
	for (unsigned h = 1; h < HOSTS; h++) {
		struct cid b = host_head(&hosts[h], "words");
		if (!cid_equal(&a, &b))
			return false;
	}
	return true;
}

static void run_ring(uint64_t seed, bool is_conflicting, bool is_lock_step)
{
	uint64_t random = seed, time = 100;
	bool is_made = true;
	unsigned n = 0;
	make_directory(directory);
	for (unsigned h = 0; h < HOSTS; h++) {
		host_new(&hosts[h], directory, (int)h);
		host_create(&hosts[h], "words", &schema);
	}
	for (unsigned i = 0; i < 8; i++) {
		for (unsigned h = 0; h < HOSTS; h++)
			if (next_random(&random) % 2 == 0)
				edit(h, is_conflicting, &random, time += next_random(&random) % 2);
		round_of(&random, is_lock_step, &is_made);
	}
	while (!is_one() && n++ < 40)
		round_of(&random, is_lock_step, &is_made);
	if (!is_one())
		fail_msg("seed %llu, conflicts %d, lock-step %d: no convergence", (unsigned long long)seed, is_conflicting, is_lock_step);
	struct cid head = host_head(&hosts[0], "words");
	for (unsigned i = 0; i < 3; i++) {
		round_of(&random, is_lock_step, &is_made);
		assert_false(is_made);
	}
	struct cid now = host_head(&hosts[0], "words");
	assert_true(is_one() && cid_equal(&head, &now));
	check_whole(&hosts[0], &head);
	for (unsigned h = 0; h < HOSTS; h++)
		host_close(&hosts[h]);
	remove_tree(directory);
}

static void rings_come_to_one_commit(void **state)
{
	(void)state;
	uint64_t seed = test_seed();
	for (unsigned i = 0; i < 6 * test_scale(); i++)
		for (int kind = 0; kind < 4; kind++)
			run_ring(seed + i, kind % 2 != 0, kind / 2 != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(rings_come_to_one_commit)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
