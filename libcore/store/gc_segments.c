/* SPDX-License-Identifier: Apache-2.0 */
/* Which segments stay, and the one that takes over what is live in the others. The fullest are asked first, and a value counts
 * for the first segment that has it and stays; so two segments with the same values, as a sweep that was killed
 * leaves them, do not keep each other alive. A segment less than half of whose blocks count is given up.
 *
 * Every index is compared with its file's name before it is believed, and every block is hashed when it is copied. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "error.h"
#include "fault.h"
#include "gc_impl.h"

#define GATHER_BYTES (4u << 20) /* a batch of as much makes a segment of its own */

struct fullness {
	size_t place; /* in the set */
	uint64_t n_live, n;
};

static int fuller_first(const void *a, const void *b)
{
	const struct fullness *x = a, *y = b;
	unsigned __int128 left = (unsigned __int128)x->n_live * y->n, right = (unsigned __int128)y->n_live * x->n;
	if (left != right)
		return left < right ? 1 : -1;
	return (x->place > y->place) - (x->place < y->place);
}

static uint32_t *live_value(const struct gc *gc, const uint8_t *digest)
{
	return digest_set_value(&gc->live->values, digest);
}

static uint64_t count_live(const struct gc *gc, const struct segment *s)
{
	uint64_t n = 0;
	for (uint64_t i = 0; i < segment_count(s); i++)
		n += live_value(gc, segment_digest(s, i)) != NULL;
	return n;
}

/* Live ones that no segment before it has. */
static uint64_t count_unplaced(const struct gc *gc, const struct segment *s)
{
	uint64_t n = 0;
	for (uint64_t i = 0; i < segment_count(s); i++) {
		const uint32_t *value = live_value(gc, segment_digest(s, i));
		n += value != NULL && (*value & GC_PLACED) == 0;
	}
	return n;
}

static int place_values(struct gc *gc, const struct segment *s, bool is_moving, struct cel_error *e)
{
	int rc = 0;
	for (uint64_t i = 0; i < segment_count(s) && rc == 0; i++) {
		uint32_t *value = live_value(gc, segment_digest(s, i));
		if (value == NULL || (*value & GC_PLACED) != 0)
			continue;
		if (is_moving)
			rc = gc_add_move(&gc->moves, &gc->n_moves, &gc->moves_capacity, *value, segment_digest(s, i), e);
		*value |= GC_PLACED;
		gc->n_placed++;
	}
	return rc;
}

static void count_file(struct gc *gc, const struct segment *s)
{
	struct stat st;
	gc->counts->segments++;
	if (stat(segment_path(s), &st) == 0)
		gc->counts->segment_bytes += (uint64_t)st.st_size;
}

static int decide(struct gc *gc, const struct fullness *order, struct cel_error *e)
{
	int rc = 0;
	for (size_t i = 0; i < gc->set->n && rc == 0; i++) {
		const struct segment *s = gc->set->items[order[i].place];
		uint64_t n = count_unplaced(gc, s);
		enum gc_fate fate = 2 * n >= segment_count(s) && n > 0 ? GC_KEPT : n > 0 ? GC_REWRITTEN : GC_DEAD;
		gc->fates[order[i].place] = fate;
		gc->counts->rewritten += fate == GC_REWRITTEN;
		if (fate != GC_KEPT)
			count_file(gc, s);
		rc = place_values(gc, s, fate == GC_REWRITTEN, e);
	}
	return rc;
}

/* A value that a segment has as well goes from data.mdb, so the segment's had better be good. */
static int check_twin(const struct gc *gc, const uint8_t *digest, struct cel_error *e)
{
	struct cid cid = {.codec = CID_RAW};
	struct slice block;
	memcpy(cid.digest, digest, SHA256_SIZE);
	int rc = segment_set_find(gc->set, &cid, &block, e);
	return rc > 0 ? store_verify(gc->store, &cid, block, e) : rc;
}

/* Small values go along if they are many, or if a segment is written anyway. */
static int plan_small(struct gc *gc, struct cel_error *e)
{
	uint64_t n = 0;
	int rc = 0;
	bool is_gathering = gc->small_bytes >= GATHER_BYTES || gc->n_moves > 0;
	for (size_t i = 0; i < gc->n_small && rc == 0; i++) {
		uint32_t *value = live_value(gc, gc->small[i].digest);
		bool is_placed = (*value & GC_PLACED) != 0;
		if (is_placed)
			rc = check_twin(gc, gc->small[i].digest, e);
		if (!is_placed && is_gathering) {
			rc = gc_add_move(&gc->moves, &gc->n_moves, &gc->moves_capacity, *value, gc->small[i].digest, e);
			*value |= GC_PLACED;
			gc->n_placed++;
			gc->counts->gathered++;
		}
		n += !is_placed && !is_gathering;
	}
	if (is_gathering)
		gc->counts->gathered_bytes = gc->counts->gathered > 0 ? gc->small_bytes : 0;
	gc->n_unplaced = n;
	return rc;
}

static int compare_moves(const void *a, const void *b)
{
	const struct gc_move *x = a, *y = b;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return memcmp(x->digest, y->digest, SHA256_SIZE);
}

/* Live values that are neither in a segment nor in data.mdb. */
static int check_complete(struct gc *gc, struct cel_error *e)
{
	uint64_t n = gc->n_unplaced + gc->n_placed;
	if (n >= gc->live->values.n)
		return 0;
	return error_set(e, CEL_ECORRUPT, "%s: %llu values that records have are missing, so nothing is removed ('cel fsck' names them)",
			 gc->store->path, (unsigned long long)(gc->live->values.n - n));
}

int gc_plan_segments(struct gc *gc, struct cel_error *e)
{
	int rc = segments_acquire(&gc->store->segments, &gc->set, e);
	if (rc < 0)
		return rc;
	if (gc->set->damage.code != 0)
		return error_set(e, gc->set->damage.code, "%s; nothing is removed", gc->set->damage.message);
	MEM_CLEANUP struct fullness *order = mem_calloc(gc->set->n + 1, sizeof *order);
	gc->fates = mem_calloc(gc->set->n + 1, sizeof *gc->fates);
	if (order == NULL || gc->fates == NULL)
		return error_nomem(e, (gc->set->n + 1) * sizeof *order);
	for (size_t i = 0; i < gc->set->n && rc == 0; i++) {
		struct segment *s = gc->set->items[i];
		rc = segment_verify_index(s, e);
		order[i] = (struct fullness){.place = i, .n_live = count_live(gc, s), .n = segment_count(s)};
	}
	if (rc < 0)
		return rc;
	qsort(order, gc->set->n, sizeof *order, fuller_first);
	rc = decide(gc, order, e);
	if (rc == 0)
		rc = plan_small(gc, e);
	if (rc == 0)
		rc = check_complete(gc, e);
	if (gc->n_moves > 0)
		qsort(gc->moves, gc->n_moves, sizeof *gc->moves, compare_moves);
	return rc;
}

/* ---- the new segment */

static int copy_moves(struct gc *gc, MDB_txn *txn, struct segment_writer *w, struct cel_error *e)
{
	int rc = 0;
	for (size_t i = 0; i < gc->n_moves && rc >= 0; i++) {
		struct cid cid = {.codec = CID_RAW};
		struct slice block;
		memcpy(cid.digest, gc->moves[i].digest, SHA256_SIZE);
		rc = block_get(&gc->store->env, txn, NULL, &cid, &block, e);
		if (rc == 0)
			rc = segment_set_find(gc->set, &cid, &block, e);
		if (rc == 0)
			return error_set(e, CEL_ECORRUPT, "%s: a value is gone that was there", gc->store->path);
		if (rc > 0)
			rc = store_verify(gc->store, &cid, block, e);
		if (rc == 0)
			rc = segment_writer_add(w, &cid, block, e);
	}
	return rc < 0 ? rc : 0;
}

static int finish_segment(struct gc *gc, struct segment_writer *w, struct cel_error *e)
{
	struct cid root = {.codec = CID_RAW};
	struct stat st;
	bool is_new;
	memcpy(root.digest, gc->moves[0].digest, SHA256_SIZE);
	int rc = segment_writer_finish(w, &root, true, e);
	if (rc == 0)
		rc = segment_writer_publish(w, gc->store->segments_path, &is_new, e);
	if (rc < 0)
		return rc;
	memcpy(gc->new_name, segment_writer_name(w), sizeof gc->new_name);
	if (stat(segment_writer_path(w), &st) == 0)
		gc->counts->new_segment_bytes = (uint64_t)st.st_size;
	return 0;
}

int gc_write_segment(struct gc *gc, struct cel_error *e)
{
	const char *directory;
	struct segment_writer *w = NULL;
	const struct segment_writer_options options = {.memory = SEGMENT_WRITER_MEMORY, .threads = 1};
	MDB_txn *txn;
	if (gc->n_moves == 0)
		return 0;
	int rc = store_make_tmp(gc->store, &directory, e);
	if (rc == 0)
		rc = segment_writer_new(directory, &options, &w, e);
	if (rc < 0)
		return rc;
	rc = env_read_begin(&gc->store->env, &txn, e);
	if (rc == 0) {
		rc = copy_moves(gc, txn, w, e);
		env_end(&gc->store->env, txn);
	}
	if (rc == 0)
		rc = finish_segment(gc, w, e);
	segment_writer_free(w);
	return rc;
}

/* ---- the old ones */

static bool is_new_one(const struct gc *gc, const struct segment *s)
{
	const char *name = strrchr(segment_path(s), '/');
	return name != NULL && strcmp(name + 1, gc->new_name) == 0;
}

static int sync_directory(const char *path, struct cel_error *e)
{
	int fd = io_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int rc = fd < 0 || io_fsync(fd) != 0 ? error_set_errno(e, CEL_EIO, errno, "%s", path) : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

int gc_drop_segments(struct gc *gc, struct cel_error *e)
{
	if (gc->counts->segments == 0)
		return 0;
	if (!gc_wait_for_readers(&gc->store->env, gc->swept_txn)) {
		gc->counts->waiting = gc->counts->segments;
		gc->counts->segments = gc->counts->segment_bytes = gc->counts->rewritten = 0;
		return 0;
	}
	for (size_t i = 0; i < gc->set->n; i++)
		if (gc->fates[i] != GC_KEPT && !is_new_one(gc, gc->set->items[i]) &&
		    unlink(segment_path(gc->set->items[i])) != 0 && errno != ENOENT)
			return error_set_errno(e, CEL_EIO, errno, "removing %s", segment_path(gc->set->items[i]));
	return sync_directory(gc->store->segments_path, e);
}
