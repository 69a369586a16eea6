/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB keeps the counts of its tables, and a list of free pages for each transaction that freed some, whose first word is its
 * length. Its table of readers is only to be had as text: a heading, then pid, thread and transaction (or -) a line. It does
 * not say since when a state is held, so what is told is when the process began. */
#include "usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "error.h"
#include "fault.h"
#include "lease.h"
#include "lock.h"
#include "store_impl.h"

static int count_free_pages(MDB_txn *txn, uint64_t *out)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(txn, 0, &cursor); /* 0: the table of free pages */
	if (rc != 0)
		return rc;
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		size_t n = 0;
		if (value.mv_size >= sizeof n)
			memcpy(&n, value.mv_data, sizeof n);
		*out += n;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? 0 : rc;
}

static int count_entries(struct env *env, MDB_txn *txn, struct store_usage *out)
{
	const struct {
		MDB_dbi table;
		uint64_t *count;
	} counts[] = {{env->blocks, &out->blocks}, {env->refs, &out->refs}, {env->log, &out->moves}};
	MDB_stat stat;
	int rc = 0;
	for (size_t i = 0; i < sizeof counts / sizeof *counts && rc == 0; i++) {
		rc = mdb_stat(txn, counts[i].table, &stat);
		if (rc == 0)
			*counts[i].count = stat.ms_entries;
	}
	out->page_size = rc == 0 ? stat.ms_psize : 0;
	return rc;
}

/* Those of packs, of which the closed ones have their places in a table. */
static int count_packed(struct env *env, MDB_txn *txn, struct store_usage *out, struct cel_error *e)
{
	struct packs open;
	MDB_stat stat;
	int rc = packs_load(&open, env, txn, e);
	if (rc < 0)
		return rc;
	int code = mdb_stat(txn, env->places, &stat);
	if (code != 0)
		rc = env_error(env, code, 0, "counting blocks", e);
	else
		out->blocks += stat.ms_entries + packs_count(&open);
	packs_release(&open);
	return rc;
}

static int count_pages(struct store *s, struct store_usage *out, struct cel_error *e)
{
	struct env *env = &s->env;
	MDB_txn *txn;
	MDB_envinfo info;
	struct stat st;
	int fd, rc = env_read_begin(env, &txn, e);
	if (rc < 0)
		return rc;
	int code = count_entries(env, txn, out);
	if (code == 0)
		code = count_free_pages(txn, &out->free_pages);
	if (code == 0)
		code = mdb_env_info(env->mdb, &info);
	if (code == 0)
		rc = count_packed(env, txn, out, e);
	env_end(env, txn);
	if (code != 0)
		return env_error(env, code, 0, "counting pages", e);
	if (rc < 0)
		return rc;
	out->used_pages = info.me_last_pgno + 1;
	out->map_size = info.me_mapsize;
	out->reader_slots = env->is_lockless ? 0 : info.me_maxreaders;
	if (mdb_env_get_fd(env->mdb, &fd) == 0 && fstat(fd, &st) == 0) {
		out->file_size = (uint64_t)st.st_size;
		out->allocated = (uint64_t)st.st_blocks * 512;
	}
	return 0;
}

static int count_segments(struct store *s, struct store_usage *out, struct cel_error *e)
{
	struct segment_set *set;
	struct stat st;
	int rc = segments_acquire(&s->segments, &set, e);
	if (rc < 0)
		return rc;
	if (set->damage.code != 0)
		rc = error_set(e, set->damage.code, "%s", set->damage.message);
	for (size_t i = 0; i < set->n && rc == 0; i++) {
		out->segments++;
		out->segment_blocks += segment_count(set->items[i]);
		if (stat(segment_path(set->items[i]), &st) == 0) /* gc may have taken it meanwhile */
			out->segment_bytes += (uint64_t)st.st_size;
	}
	segment_set_release(set);
	return rc;
}

int store_usage(struct store *s, struct store_usage *out, struct cel_error *e)
{
	*out = (struct store_usage){.is_written = writer_lock_is_held(s->path)};
	int rc = count_pages(s, out, e);
	return rc < 0 ? rc : count_segments(s, out, e);
}

/* ---- readers */

struct listing {
	uint64_t last_txn;
	store_reader_fn *call;
	void *context;
	struct cel_error *e;
	int rc;
};

static int read_line(const char *line, void *context)
{
	struct listing *l = context;
	char *end;
	unsigned long long pid = strtoull(line, &end, 10);
	const char *last = strrchr(line, ' ');
	if (end == line || last == NULL || pid == (unsigned long long)getpid())
		return 0; /* the heading, and ourselves */
	struct store_reader reader = {.pid = pid, .since = lease_process_time(pid), .is_reading = last[1] != '-'};
	uint64_t txn = reader.is_reading ? strtoull(last + 1, NULL, 10) : l->last_txn;
	reader.behind = txn < l->last_txn ? l->last_txn - txn : 0;
	l->rc = l->call(l->context, &reader, l->e);
	return l->rc != 0 ? -1 : 0;
}

int store_usage_readers(struct store *s, store_reader_fn *call, void *context, uint32_t *n_stale, struct cel_error *e)
{
	MDB_envinfo info;
	int dead = 0;
	*n_stale = 0;
	if (s->env.is_lockless)
		return 0;
	mdb_reader_check(s->env.mdb, &dead);
	*n_stale = s->env.n_stale + (uint32_t)dead;
	mdb_env_info(s->env.mdb, &info);
	struct listing listing = {.last_txn = info.me_last_txnid, .call = call, .context = context, .e = e};
	mdb_reader_list(s->env.mdb, read_line, &listing);
	return listing.rc;
}

int store_usage_leases(struct store *s, store_lease_fn *call, void *context, struct cel_error *e)
{
	MDB_txn *txn;
	MDB_cursor *cursor;
	MDB_val key, value;
	struct lease lease;
	int rc = env_read_begin(&s->env, &txn, e);
	if (rc < 0)
		return rc;
	int code = mdb_cursor_open(txn, s->env.leases, &cursor);
	if (code == 0) {
		while (rc == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
			rc = lease_decode(&key, &value, &lease) ? call(context, &lease, e) : 0;
		mdb_cursor_close(cursor);
	}
	env_end(&s->env, txn);
	if (rc == 0 && code != 0 && code != MDB_NOTFOUND)
		rc = env_error(&s->env, code, 0, "reading the leases", e);
	return rc;
}
