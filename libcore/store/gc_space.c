/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of older states, and the free pages of data.mdb.
 *
 * LMDB keeps a list of free pages for each transaction that freed them, and writes over pages only when no reader is older
 * than that and the state before the last one does not need them either. Such pages are read by nobody: the file keeps
 * its length, but the file system may have their room back until LMDB writes to them again. A write transaction
 * that does nothing keeps others from taking pages meanwhile; the list is read in another one, as LMDB wants it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "gc_impl.h"

#define READERS_WAIT_MS 3000
#define RUN_PAGES 1u

static int read_reader(const char *line, void *context)
{
	uint64_t *oldest = context;
	const char *last = strrchr(line, ' ');
	char *end;
	if (last == NULL || strstr(line, "txnid") != NULL)
		return 0;
	unsigned long long txn = strtoull(last + 1, &end, 10);
	if (end != last + 1 && txn < *oldest)
		*oldest = txn;
	return 0;
}

/* The transaction of the oldest state that somebody reads; UINT64_MAX if nobody does. */
static uint64_t oldest_reader(struct env *env)
{
	uint64_t oldest = UINT64_MAX;
	int dead;
	mdb_reader_check(env->mdb, &dead);
	mdb_reader_list(env->mdb, read_reader, &oldest);
	return oldest;
}

uint64_t gc_last_txn(struct env *env)
{
	MDB_envinfo info;
	mdb_env_info(env->mdb, &info);
	return info.me_last_txnid;
}

bool gc_wait_for_readers(struct env *env, uint64_t txn)
{
	struct timespec pause = {.tv_nsec = 10000000};
	for (int waited = 0;; waited += 10) {
		if (oldest_reader(env) >= txn)
			return true;
		if (waited >= READERS_WAIT_MS)
			return false;
		nanosleep(&pause, NULL);
	}
}

/* Pages stand in a list in descending order. */
static void return_list(int fd, uint64_t page_size, const size_t *pages, size_t n)
{
	for (size_t i = 0, run; i < n; i += run) {
		for (run = 1; i + run < n && pages[i + run] == pages[i] - run; run++)
			;
		if (run >= RUN_PAGES)
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)((pages[i] - run + 1) * page_size),
				  (off_t)(run * page_size));
	}
}

static void return_all(struct env *env, MDB_txn *txn, int fd)
{
	MDB_stat stats;
	MDB_cursor *cursor;
	MDB_val key, value;
	uint64_t oldest = oldest_reader(env), last = gc_last_txn(env);
	uint64_t limit = oldest < last ? oldest : last;
	mdb_env_stat(env->mdb, &stats);
	if (mdb_cursor_open(txn, 0, &cursor) != 0) /* 0: the table of free pages */
		return;
	while (mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
		size_t txn_id, n;
		if (key.mv_size != sizeof txn_id || value.mv_size < sizeof n)
			break;
		memcpy(&txn_id, key.mv_data, sizeof txn_id);
		memcpy(&n, value.mv_data, sizeof n);
		if (txn_id >= limit || n > value.mv_size / sizeof(size_t) - 1)
			break;
		return_list(fd, stats.ms_psize, (const size_t *)value.mv_data + 1, n);
	}
	mdb_cursor_close(cursor);
}

void gc_return_pages(struct env *env, uint64_t *bytes)
{
	struct stat before, after;
	MDB_txn *guard, *txn;
	int fd;
	if (mdb_env_get_fd(env->mdb, &fd) != 0 || fstat(fd, &before) != 0 || env_write_begin(env, &guard, NULL) < 0)
		return;
	if (env_read_begin(env, &txn, NULL) == 0) {
		return_all(env, txn, fd);
		env_end(env, txn);
	}
	env_end(env, guard);
	if (fstat(fd, &after) == 0 && after.st_blocks < before.st_blocks)
		*bytes = (uint64_t)(before.st_blocks - after.st_blocks) * 512;
}
