/* SPDX-License-Identifier: Apache-2.0 */
/* bench-tree DIRECTORY RECORDS BYTES: what changes and comparisons of a tree cost, on a real store that is made for it and
 * left behind. Prints one line a measurement; ratios are to the full build of the same run. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bytes.h"
#include "clock.h"
#include "diff.h"
#include "store.h"
#include "update.h"

static struct cel_error error;

static void must(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "bench-tree: %s\n", error.message);
		exit(1);
	}
}

static uint64_t state = 1;
static uint64_t next_random(void) /* SplitMix64 */
{
	uint64_t x = state += 0x9e3779b97f4a7c15u;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

enum { ROOM = 1 << 16 };
static uint8_t value[ROOM];
static size_t value_size;

static struct prolly_entry make_entry(uint64_t i, uint64_t version, char id[32])
{
	snprintf(id, 32, "image/%08" PRIu64 ".jpg", i);
	store_le64(value, i);
	store_le64(value + 8, version);
	return (struct prolly_entry){.id = slice_text(id), .vector.bytes = slice_make(value, value_size)};
}

struct tree {
	struct store *store;
	bool is_there;
	struct cid root;
	double tree_seconds, commit_seconds; /* of the last change */
	struct prolly_update_stats stats;
};

/* Changes the records at[0..n), ascending: kind 0 replaces, 1 deletes, 2 adds (between two), 3 all of these in turn. */
static void change(struct tree *t, const uint64_t *at, uint64_t n, int kind, uint64_t version)
{
	struct store_batch *batch;
	struct store_read *read;
	struct prolly_update *u;
	struct cid old = t->root;
	char id[32];
	double start = seconds_now();
	must(store_batch_begin(t->store, 0, &batch, &error));
	must(store_read_begin(t->store, &read, &error));
	must(prolly_update_new(batch, read, t->is_there ? &t->root : NULL, &u, &error));
	for (uint64_t k = 0; k < n; k++) {
		uint64_t i = at != NULL ? at[k] : k;
		int what = kind == 3 ? (int)(k % 3) : kind;
		struct prolly_entry entry = make_entry(i, version, id);
		if (what == 2) {
			strcat(id, "+");
			entry.id = slice_text(id);
		}
		must(what == 1 ? prolly_update_delete(u, entry.id, &error) : prolly_update_put(u, &entry, &error));
	}
	must(prolly_update_finish(u, &t->root, &t->stats, &error));
	prolly_update_free(u);
	store_read_end(read);
	double middle = seconds_now();
	struct store_ref_update ref = {.ref = "heads/bench", .has_old = t->is_there, .has_new = true, .old = old,
				       .new = t->root, .message = "bench"};
	must(store_batch_commit(batch, &t->root, &ref, 1, 0, &error));
	store_batch_free(batch);
	t->is_there = true;
	t->tree_seconds = middle - start;
	t->commit_seconds = seconds_now() - middle;
}

/* One of each n-th part of the records. */
static void choose(uint64_t *at, uint64_t n, uint64_t records)
{
	uint64_t part = records / n;
	for (uint64_t k = 0; k < n; k++)
		at[k] = k * part + next_random() % part;
}

static void tell(const char *what, const struct tree *t, double build)
{
	uint64_t written = 0, most = 0;
	for (size_t level = 0; level < NODE_LEVELS_MAX; level++) {
		written += t->stats.nodes_written[level];
		most = t->stats.nodes_written[level] > most ? t->stats.nodes_written[level] : most;
	}
	printf("%-28s %10.3f ms tree %10.3f ms commit  1/%-8.0f nodes read %" PRIu64 " written %" PRIu64 ", at most %" PRIu64
	       " a level\n",
	       what, 1e3 * t->tree_seconds, 1e3 * t->commit_seconds, build / (t->tree_seconds + t->commit_seconds),
	       t->stats.nodes_read, written, most);
}

static void measure_diff(const struct tree *t, const char *what, const struct cid *before, const struct cid *after)
{
	struct prolly_diff *d;
	struct prolly_diff_counts counts;
	struct prolly_change c;
	struct store_read *read;
	uint64_t n = 0;
	int rc;
	double start = seconds_now();
	must(store_read_begin(t->store, &read, &error));
	must(prolly_diff_new(read, before, read, after, &d, &error));
	while ((rc = prolly_diff_next(d, &c, &error)) > 0)
		n++;
	must(rc);
	double middle = seconds_now();
	printf("%-28s %10.3f ms, %" PRIu64 " changes, nodes read %" PRIu64 "\n", what, 1e3 * (middle - start), n,
	       prolly_diff_nodes_read(d));
	prolly_diff_free(d);
	must(prolly_diff_count(read, before, read, after, &counts, &error));
	printf("  counted                    %10.3f ms, +%" PRIu64 " -%" PRIu64 " ~%" PRIu64 ", nodes read %" PRIu64 "\n",
	       1e3 * (seconds_now() - middle), counts.added, counts.deleted, counts.changed, counts.nodes_read);
	store_read_end(read);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return fprintf(stderr, "usage: bench-tree DIRECTORY RECORDS BYTES\n"), 64;
	uint64_t records = strtoull(argv[2], NULL, 10);
	value_size = strtoul(argv[3], NULL, 10);
	if (records < 20000 || value_size < 16 || value_size > ROOM)
		return fprintf(stderr, "bench-tree: at least 20000 records of 16 to %d bytes\n", ROOM), 64;
	for (size_t i = 0; i < value_size; i++)
		value[i] = (uint8_t)next_random();
	setvbuf(stdout, NULL, _IOLBF, 0);
	struct tree t = {0};
	must(store_init(argv[1], &error));
	must(store_open(argv[1], &(struct store_options){0}, &t.store, &error));
	change(&t, NULL, records, 0, 1);
	double build = t.tree_seconds + t.commit_seconds;
	tell("build", &t, build);
	unsigned height = 0;
	while (height < NODE_LEVELS_MAX && t.stats.nodes_written[height] > 0)
		height++;
	printf("height %u\n", height);
	struct cid base = t.root;
	static uint64_t at[10000];
	static const char *const KINDS[] = {"replace 1", "delete 1", "add 1"};
	for (int kind = 0; kind < 3; kind++) {
		struct tree best = {0};
		for (int round = 0; round < 7; round++) {
			choose(at, 1, records);
			change(&t, at, 1, kind, 2);
			if (round == 0 || t.tree_seconds + t.commit_seconds < best.tree_seconds + best.commit_seconds)
				best = t;
		}
		tell(KINDS[kind], &best, build);
	}
	measure_diff(&t, "diff of those", &base, &t.root);
	for (uint64_t n = 100; n <= 10000; n *= 10) {
		char what[64];
		struct cid before = t.root;
		choose(at, n, records);
		change(&t, at, n, 3, 3);
		snprintf(what, sizeof what, "%" PRIu64 " scattered", n);
		tell(what, &t, build);
		snprintf(what, sizeof what, "diff of %" PRIu64 " scattered", n);
		measure_diff(&t, what, &before, &t.root);
	}
	measure_diff(&t, "diff from nothing", NULL, &t.root);
	store_free(t.store);
	return 0;
}
