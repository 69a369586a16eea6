/* SPDX-License-Identifier: Apache-2.0 */
/* An index carried along: the same bytes whatever carries it, everything findable, and answers as good as those of a fresh
 * build. */
#include "twosets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "bits.h"
#include "index.h"

static const struct hnsw_params PARAMS = {.M = 8, .ef_construction = 60};

static int carry_to(const struct hnsw_index *parent, struct vectorset *to, uint64_t changes, uint32_t threads,
		    const char *path, struct cel_error *e)
{
	struct cid tree = cid_of(CID_DAG_CBOR, slice_text("another tree"));
	struct hnsw_input input = vectorset_input(to);
	return hnsw_carry(parent, &tree, &input, changes, threads, path, NULL, NULL, e);
}

static struct hnsw_index *carried(const struct hnsw_index *parent, struct vectorset *to, const char *path)
{
	struct cel_error e = {0};
	struct hnsw_index *index = NULL;
	if (carry_to(parent, to, 1, 2, path, &e) != 0 || hnsw_open(path, &index, &e) != 0)
		fail_msg("%s", e.message);
	return index;
}

/* Every link leads somewhere on its level, none twice, and along level 0 the entry point leads to all nodes. */
static void check_graph(const struct hnsw_index *index)
{
	const struct graph *g = &index->graph;
	uint64_t *seen = calloc(g->n_nodes / 64 + 1, sizeof *seen);
	uint32_t *queue = malloc((g->n_nodes + 1) * sizeof *queue), head = 0, tail = 0;
	for (uint32_t level = 0; level < g->n_levels; level++)
		for (uint32_t node = 0; node < g->level_count[level]; node++) {
			const uint32_t *row = graph_row(g, level, node);
			for (uint32_t i = 0; i < g->width[level]; i++) {
				assert_true(row[i] < g->level_count[level] || row[i] == LINK_NONE);
				assert_true(row[i] != node);
				assert_true(i == 0 || row[i - 1] != LINK_NONE || row[i] == LINK_NONE);
				for (uint32_t j = 0; j < i; j++)
					assert_true(row[i] != row[j] || row[i] == LINK_NONE);
			}
		}
	if (g->n_nodes > 0) {
		bits_set(seen, 0);
		queue[tail++] = 0;
	}
	while (head < tail) {
		const uint32_t *row = graph_row(g, 0, queue[head++]);
		for (uint32_t i = 0; i < g->width[0] && row[i] != LINK_NONE; i++)
			if (!bits_get(seen, row[i])) {
				bits_set(seen, row[i]);
				queue[tail++] = row[i];
			}
	}
	assert_int_equal(tail, g->n_nodes);
	free(queue);
	free(seen);
}

/* The index has the records of the set; returns by how much recall@10 is below that of a fresh build. */
static double check_index(const struct hnsw_index *index, struct vectorset *set, const struct vectorset *queries)
{
	struct hnsw_index *fresh = vectorset_index(set, &PARAMS, 2, temporary_path("fresh"));
	struct hnsw_searcher *a, *b;
	struct hnsw_hit hits[10], wanted[10];
	struct cel_error e;
	long loss = 0;
	size_t total = 0;
	assert_int_equal(hnsw_verify(index, &e), 0);
	check_graph(index);
	for (size_t i = 0; i < set->n; i++) {
		uint32_t record;
		assert_int_equal(index_find_record(index, vectorset_id(set, i), &record, NULL), 1);
	}
	assert_int_equal(hnsw_searcher_new(index, NULL, 10, 20, &a, &e), 0);
	assert_int_equal(hnsw_searcher_new(fresh, NULL, 10, 20, &b, &e), 0);
	for (size_t q = 0; q < queries->n; q++) {
		struct slice query = vectorset_vector(queries, q);
		uint32_t n, m;
		assert_int_equal(hnsw_scan(a, query, 10, hits, &n, &e), 0);
		assert_int_equal(hnsw_scan(b, query, 10, wanted, &m, &e), 0);
		assert_int_equal(n, m);
		for (uint32_t i = 0; i < m; i++)
			assert_true(hits[i].distance == wanted[i].distance && slice_equal(hits[i].id, wanted[i].id));
		assert_int_equal(hnsw_search(a, query, 10, 20, hits, &n, &e), 0);
		loss -= (long)hits_agreeing(hits, n, wanted, m);
		assert_int_equal(hnsw_search(b, query, 10, 20, hits, &n, &e), 0);
		loss += (long)hits_agreeing(hits, n, wanted, m);
		total += m;
	}
	hnsw_searcher_free(a);
	hnsw_searcher_free(b);
	hnsw_close(fresh);
	return total > 0 ? (double)loss / (double)total : 0;
}

static void test_mixes(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static const struct mix MIXES[] = {{2, 1, 1}, {50, 0, 0}, {0, 30, 0}, {0, 0, 30}, {20, 20, 20}};
	double lost[CEL_HAVERSINE + 1] = {0};
	for (size_t i = 0; i < sizeof MIXES / sizeof *MIXES; i++) {
		for (int metric = CEL_L2; metric <= CEL_HAVERSINE; metric++) {
			enum cel_type type = vectorset_some_type((enum cel_metric)metric, metric == CEL_IP ? 0 : i + (size_t)metric);
			struct two_sets s = two_sets_new(type, (enum cel_metric)metric, 1500, MIXES[i], &random);
			struct hnsw_index *parent = vectorset_index(&s.before, &PARAMS, 2, temporary_path("parent"));
			struct hnsw_index *index = carried(parent, &s.after, temporary_path("carried"));
			double loss = check_index(index, &s.after, &s.queries);
			print_message("# -%u +%u ~%u %s %s: recall %+.4f\n", MIXES[i].deleted, MIXES[i].added,
				      MIXES[i].changed, cel_type_name(type), cel_metric_name((enum cel_metric)metric), -loss);
			assert_true(loss <= 0.025); /* of 400, chance decides on some */
			lost[metric] += loss;
			hnsw_close(index);
			hnsw_close(parent);
			two_sets_free(&s);
		}
	}
	for (int metric = CEL_L2; metric <= CEL_HAVERSINE; metric++)
		assert_true(lost[metric] / (sizeof MIXES / sizeof *MIXES) <= 0.01);
}

static void test_edges(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	static const struct mix MIXES[] = {{0, 0, 0}, {100, 0, 0}, {0, 100, 0}, {0, 0, 100}, {95, 5, 0}, {40, 40, 20}};
	static const size_t SIZES[] = {0, 1, 2, 3, 40, 600};
	for (size_t i = 0; i < sizeof MIXES / sizeof *MIXES; i++) {
		for (size_t j = 0; j < sizeof SIZES / sizeof *SIZES; j++) {
			struct two_sets s = two_sets_new(CEL_U8, CEL_L2, SIZES[j], MIXES[i], &random);
			struct hnsw_index *parent = vectorset_index(&s.before, &PARAMS, 1, temporary_path("parent")), *index;
			struct cel_error e = {0};
			const char *path = temporary_path("carried");
			int rc = carry_to(parent, &s.after, 1, 2, path, &e);
			assert_true(rc == 0 || rc == CEL_EUNAVAILABLE);
			if (rc == 0) {
				assert_int_equal(hnsw_open(path, &index, &e), 0);
				assert_true(check_index(index, &s.after, &s.queries) <= 0.03);
				hnsw_close(index);
			}
			hnsw_close(parent);
			two_sets_free(&s);
		}
	}
}

/* Nothing has changed: nor does anything in the file but its header. */
static void test_no_change(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct two_sets s = two_sets_new(CEL_F16, CEL_COSINE, 900, (struct mix){0, 0, 0}, &random);
	const char *parent_path = temporary_path("parent"), *path = temporary_path("carried");
	struct hnsw_index *parent = vectorset_index(&s.before, &PARAMS, 2, parent_path);
	hnsw_close(carried(parent, &s.after, path));
	hnsw_close(parent);
	size_t size, again_size;
	uint8_t *file = file_read(parent_path, &size), *again = file_read(path, &again_size);
	assert_int_equal(size, again_size);
	assert_memory_equal(file + LAYOUT_HEADER_SIZE, again + LAYOUT_HEADER_SIZE, size - LAYOUT_HEADER_SIZE);
	assert_memory_not_equal(file, again, LAYOUT_HEADER_SIZE);
	free(file);
	free(again);
	two_sets_free(&s);
}

static void copy_set(struct vectorset *to, const struct vectorset *from, const char *without)
{
	to->n = 0;
	for (size_t i = 0; i < from->n; i++)
		if (without == NULL || strcmp(from->ids[i], without) != 0)
			vectorset_append(to, from, i, i);
}

/* The entry point goes, comes back, goes: each time another one serves. */
static void test_entry_point(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct two_sets s = two_sets_new(CEL_F32, CEL_L2, 500, (struct mix){0, 0, 0}, &random);
	struct vectorset now = vectorset_room(&s.before, 500);
	struct hnsw_index *index = vectorset_index(&s.before, &PARAMS, 1, temporary_path("chain0"));
	for (int round = 1; round <= 6; round++) {
		char name[16], entry[24] = "";
		struct slice id;
		snprintf(name, sizeof name, "chain%d", round % 2);
		assert_int_equal(index_id(index, 0, &id, NULL), 0);
		memcpy(entry, id.data, id.size);
		copy_set(&now, &s.before, round % 2 == 1 ? entry : NULL);
		struct hnsw_index *next = carried(index, &now, temporary_path(name));
		assert_true(check_index(next, &now, &s.queries) <= 0.02);
		hnsw_close(index);
		index = next;
	}
	hnsw_close(index);
	vectorset_free(&now);
	two_sets_free(&s);
}

/* Copies of one vector: their node stays until the last is gone; the first of them may go (then its hash is another). */
static void test_copies(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct vectorset all = vectorset_new(CEL_F32, CEL_L2, 6, 120, 20, 0.5, &random);
	for (size_t i = 50; i < 90; i++)
		memcpy(all.vectors + i * all.vector_size, all.vectors, all.vector_size);
	struct vectorset now = vectorset_room(&all, 120);
	struct hnsw_index *index = vectorset_index(&all, &PARAMS, 1, temporary_path("chain0"));
	for (size_t gone = 1; gone <= 41; gone += 8) {
		char name[16];
		snprintf(name, sizeof name, "chain%zu", gone / 8 % 2 + 1);
		now.n = 0;
		for (size_t i = 0; i < 120; i++) /* 0 and 50, 51, ... one after the other */
			if (i >= gone + 49 || (i > 0 && i < 50))
				vectorset_append(&now, &all, i, i);
		struct hnsw_index *next = carried(index, &now, temporary_path(name));
		struct hnsw_info info;
		hnsw_info(next, &info);
		assert_int_equal(info.n_nodes, gone < 41 ? 80 : 79); /* vectors */
		check_index(next, &now, &all);
		hnsw_close(index);
		index = next;
	}
	hnsw_close(index);
	vectorset_free(&now);
	vectorset_free(&all);
}

/* Many small changes, one after the other, on top of each other. */
static void test_chain(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	size_t n = 1200, steps = 12 * test_scale();
	struct vectorset all = vectorset_new(CEL_F32, CEL_COSINE, 16, n + 40, 30, 0.6, &random);
	struct vectorset now = vectorset_room(&all, n), queries = all;
	bool *is_in = calloc(n, sizeof *is_in);
	for (size_t i = 0; i < n; i++)
		is_in[i] = i % 3 != 0;
	queries.vectors += n * all.vector_size;
	queries.n = 40;
	struct hnsw_index *index = NULL;
	double loss = 0;
	for (size_t step = 0; step < steps; step++) {
		char name[16];
		snprintf(name, sizeof name, "step%zu", step % 2);
		now.n = 0;
		for (size_t i = 0; i < n; i++) {
			if (random_next(&random) % 40 == 0 && step > 0)
				is_in[i] = !is_in[i];
			if (is_in[i])
				vectorset_append(&now, &all, i, i);
		}
		struct hnsw_index *next = step == 0 ? vectorset_index(&now, &PARAMS, 2, temporary_path(name))
						    : carried(index, &now, temporary_path(name));
		if (step > 0)
			loss = check_index(next, &now, &queries);
		assert_true(loss <= 0.02);
		if (index != NULL)
			hnsw_close(index);
		index = next;
	}
	struct hnsw_info info;
	hnsw_info(index, &info);
	assert_int_equal(info.lineage.churn, steps - 1);
	hnsw_close(index);
	free(is_in);
	vectorset_free(&now);
	vectorset_free(&all);
}

static void test_lineage(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct two_sets s = two_sets_new(CEL_F32, CEL_L2, 300, (struct mix){5, 5, 5}, &random);
	struct hnsw_index *a = vectorset_index(&s.before, &PARAMS, 1, temporary_path("a")), *b, *c;
	struct hnsw_info first, second, third;
	struct cel_error e = {0};
	const char *path = temporary_path("b");
	assert_int_equal(carry_to(a, &s.after, 17, 2, path, &e), 0);
	assert_int_equal(hnsw_open(path, &b, &e), 0);
	path = temporary_path("c");
	assert_int_equal(carry_to(b, &s.before, 5, 2, path, &e), 0);
	assert_int_equal(hnsw_open(path, &c, &e), 0);
	hnsw_info(a, &first);
	hnsw_info(b, &second);
	hnsw_info(c, &third);
	assert_false(first.lineage.is_carried);
	assert_true(second.lineage.is_carried && third.lineage.is_carried);
	assert_memory_equal(second.lineage.parent, first.digest, SHA256_SIZE);
	assert_memory_equal(third.lineage.parent, second.digest, SHA256_SIZE);
	assert_true(cid_equal(&second.lineage.origin, &first.tree) && cid_equal(&third.lineage.origin, &first.tree));
	assert_int_equal(second.lineage.churn, 17);
	assert_int_equal(third.lineage.churn, 22);
	hnsw_close(a);
	hnsw_close(b);
	hnsw_close(c);
	two_sets_free(&s);
}

/* ---- the same bytes */

static void digest_of(uint32_t threads, enum cel_metric metric, char hex[65])
{
	uint64_t random = 7;
	struct two_sets s = two_sets_new(CEL_F32, metric, 1500, (struct mix){10, 10, 10}, &random);
	struct hnsw_index *parent = vectorset_index(&s.before, &PARAMS, threads, temporary_path("parent")), *index;
	struct cel_error e = {0};
	struct hnsw_info info;
	const char *path = temporary_path("digest");
	assert_int_equal(carry_to(parent, &s.after, 300, threads, path, &e), 0);
	assert_int_equal(hnsw_open(path, &index, &e), 0);
	assert_int_equal(hnsw_verify(index, &e), 0);
	hnsw_info(index, &info);
	for (int i = 0; i < SHA256_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", info.digest[i]);
	hnsw_close(index);
	hnsw_close(parent);
	two_sets_free(&s);
}

static void test_threads(void **state)
{
	(void)state;
	char first[65], other[65];
	digest_of(1, CEL_IP, first);
	for (uint32_t threads = 2; threads <= 5; threads++) {
		digest_of(threads, CEL_IP, other);
		assert_string_equal(first, other);
	}
	digest_of(1, CEL_L2, other); /* negative control */
	assert_string_not_equal(first, other);
}

/* simd_select() answers once a process: this program prints the digest when it is called with "digest". */
static void test_kernels(void **state)
{
	(void)state;
	static const char *const NAMES[] = {"scalar", "avx2", "avx512", "neon"};
	char wanted[65], found[65], self[512], command[1024];
	ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
	assert_true(size > 0);
	self[size] = '\0';
	digest_of(2, CEL_COSINE, wanted);
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES && getenv("CEL_SIMD") == NULL; i++) {
		if (simd_by_name(NAMES[i]) == NULL)
			continue;
		snprintf(command, sizeof command, "CEL_SIMD=%s '%s' digest", NAMES[i], self);
		FILE *pipe = popen(command, "r");
		assert_non_null(pipe);
		assert_int_equal(fscanf(pipe, "%64s", found), 1);
		assert_int_equal(pclose(pipe), 0);
		assert_string_equal(found, wanted);
		print_message("# %s\n", NAMES[i]);
	}
}

/* ---- trouble */

static void set_far_out(struct vectorset *set, size_t i, uint64_t *random)
{
	double elements[12];
	for (size_t d = 0; d < 12; d++)
		elements[d] = 1000 + (double)(random_next(random) % 1000);
	vectorset_set(set, i, elements);
}

/* Vectors whose codes are cut off at every end are no reason to build anew as long as they are few, and are found. */
static void test_few_far_out(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct two_sets s = two_sets_new(CEL_F32, CEL_L2, 600, (struct mix){0, 0, 0}, &random);
	struct hnsw_index *parent = vectorset_index(&s.before, &PARAMS, 1, temporary_path("parent"));
	for (size_t i = 0; i < 4; i++)
		set_far_out(&s.after, i * 100, &random);
	struct hnsw_index *index = carried(parent, &s.after, temporary_path("carried"));
	assert_true(check_index(index, &s.after, &s.queries) <= 0.025);
	struct hnsw_searcher *searcher;
	struct cel_error e;
	assert_int_equal(hnsw_searcher_new(index, NULL, 10, 20, &searcher, &e), 0);
	for (size_t i = 0; i < 4; i++) {
		struct hnsw_hit hits[10];
		uint32_t n;
		assert_int_equal(hnsw_search(searcher, vectorset_vector(&s.after, i * 100), 10, 20, hits, &n, &e), 0);
		assert_true(n == 10 && hits[0].distance == 0);
	}
	hnsw_searcher_free(searcher);
	hnsw_close(index);
	hnsw_close(parent);
	two_sets_free(&s);
}

static void test_refusals(void **state)
{
	(void)state;
	uint64_t random = test_seed();
	struct two_sets s = two_sets_new(CEL_F32, CEL_L2, 600, (struct mix){5, 5, 5}, &random);
	const char *path = temporary_path("parent"), *to = temporary_path("refused");
	struct hnsw_index *parent = vectorset_index(&s.before, &PARAMS, 1, path);
	struct cel_error e = {0};
	for (size_t i = 0; i < s.after.n; i += 5) /* a fifth of them: too many */
		set_far_out(&s.after, i, &random);
	assert_int_equal(carry_to(parent, &s.after, 100, 1, to, &e), CEL_EUNAVAILABLE);
	assert_int_equal(access(to, F_OK), -1);
	hnsw_close(parent);
	size_t size;
	uint8_t *file = file_read(path, &size);
	file[size / 2] ^= 1;
	file_put(path, file, size);
	free(file);
	assert_int_equal(hnsw_open(path, &parent, &e), 0);
	assert_int_equal(carry_to(parent, &s.before, 1, 1, to, &e), CEL_ECORRUPT);
	assert_int_equal(access(to, F_OK), -1);
	hnsw_close(parent);
	two_sets_free(&s);
}

static void test_memory_faults(void **state)
{
	(void)state;
	uint64_t random = test_seed(), nth = 0, without_thread = 0;
	struct two_sets s = two_sets_new(CEL_F32, CEL_COSINE, 400, (struct mix){20, 20, 20}, &random);
	struct hnsw_index *parent = vectorset_index(&s.before, &PARAMS, 1, temporary_path("parent"));
	const char *to = temporary_path("fault");
	bool has_failed;
	do {
		struct cel_error e = {0};
		mem_fault_set(++nth);
		int rc = carry_to(parent, &s.after, 1, 2, to, &e);
		has_failed = mem_fault_count() >= nth;
		assert_int_equal(e.code, rc);
		without_thread += has_failed && rc == 0; /* what a thread needs is done without */
		assert_true(rc == 0 || (has_failed && rc == CEL_ENOMEM));
		mem_fault_set(0);
		assert_int_equal(access(to, F_OK), rc == 0 ? 0 : -1);
		unlink(to);
	} while (has_failed);
	assert_true(without_thread <= 2);
	print_message("# %llu allocations\n", (unsigned long long)nth - 1);
	assert_true(nth > 20);
	hnsw_close(parent);
	two_sets_free(&s);
}

static int clean(void **state)
{
	(void)state;
	temporary_remove();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_change),  cmocka_unit_test(test_mixes),   cmocka_unit_test(test_edges),
		cmocka_unit_test(test_entry_point), cmocka_unit_test(test_copies), cmocka_unit_test(test_chain),
		cmocka_unit_test(test_lineage),    cmocka_unit_test(test_threads), cmocka_unit_test(test_kernels),
		cmocka_unit_test(test_few_far_out), cmocka_unit_test(test_refusals), cmocka_unit_test(test_memory_faults),
	};
	if (argc > 1 && strcmp(argv[1], "digest") == 0) {
		char hex[65];
		digest_of(2, CEL_COSINE, hex);
		puts(hex);
		temporary_remove();
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, clean);
}
