/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB with its default sync: never NOSYNC, NOMETASYNC, WRITEMAP, nested transactions or DUPSORT.
 *
 * The map is only address space. It may move when LMDB enlarges it, which LMDB forbids while this process has a
 * transaction; so every transaction is counted here, and whoever must enlarge (MDB_MAP_FULL while writing,
 * MDB_MAP_RESIZED when another process did) waits for the count to reach 0, for a bounded time. The same door is used
 * to close and reopen LMDB after it failed to write its meta page.
 *
 * Two files are made whole before they are mapped, because a mapped page that cannot be had is a SIGBUS: lock.mdb is
 * allocated (LMDB would leave it sparse, and fault on a full disk), and a data.mdb shorter than its last page is
 * lengthened with zeros, on which LMDB reports damage. */
#include "env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "bytes.h"
#include "error.h"
#include "fault.h"
#include "identity.h"
#include "regular.h"
#include "lock.h"

#define LOCK_FILE_SIZE 65536 /* room for about a thousand readers */
#define READ_ONLY_SHORTAGE (1 << 20)
#define N_DATABASES 8
#define READERS_MAX 1000

static int named_error(const char *path, int rc, const char *what, struct cel_error *e)
{
	switch (rc) {
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_BAD_VALSIZE:
	case MDB_INCOMPATIBLE:
	case MDB_NOTFOUND:
		return error_set(e, CEL_ECORRUPT, "%s: %s: data.mdb is damaged (%s)", path, what, mdb_strerror(rc));
	case MDB_VERSION_MISMATCH:
		return error_set(e, CEL_ECONFIG, "%s: data.mdb has the format of another LMDB", path);
	case ENOMEM:
		return error_set(e, CEL_ENOMEM, "%s: %s: out of memory", path, what);
	case MDB_READERS_FULL:
		return error_set(e, CEL_EBUSY, "%s: too many readers have the store open", path);
	case MDB_MAP_FULL:
	case MDB_MAP_RESIZED:
		return error_set(e, CEL_EBUSY, "%s: %s: the map of data.mdb is too small", path, what);
	case MDB_PANIC:
		return error_set(e, CEL_EIO, "%s: %s: an earlier write failed; open the store again", path, what);
	default:
		if (rc < 0)
			return error_set(e, CEL_EINTERNAL, "%s: %s: %s", path, what, mdb_strerror(rc));
		return error_set_errno(e, CEL_EIO, rc, "%s: %s", path, what);
	}
}

int env_error(const struct env *env, int rc, uint64_t wanted, const char *what, struct cel_error *e)
{
	/* LMDB reports a write cut short by a full disk as EIO. */
	struct statvfs fs;
	if (rc == EIO && wanted > 0 && statvfs(env->path, &fs) == 0 &&
	    (uint64_t)fs.f_bavail * fs.f_frsize < wanted + (1u << 20))
		rc = ENOSPC;
	return named_error(env->path, rc, what, e);
}

bool env_is_network_type(uint64_t f_type)
{
	static const uint32_t TYPES[] = {
		0x6969 /* NFS */, 0x517b /* SMB */, 0xff534d42 /* CIFS */, 0xfe534d42 /* SMB 2 */, 0x01021997 /* 9P */,
		0x5346414f /* AFS */, 0x6b414653 /* kAFS */, 0x73757245 /* Coda */, 0x564c /* NCP */,
		0x00c36400 /* Ceph */, 0x01161970 /* GFS2 */, 0x7461636f /* OCFS2 */, 0x0bd00bd0 /* Lustre */,
		0x47504653 /* GPFS */, 0x19830326 /* BeeGFS */, 0xaad7aaea /* PanFS */,
	};
	for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++)
		if ((uint32_t)f_type == TYPES[i])
			return true;
	return false;
}

static int check_file_system(const char *path, struct cel_error *e)
{
	struct statfs fs;
	if (statfs(path, &fs) != 0)
		return error_set_errno(e, CEL_ENOINPUT, errno, "%s", path);
	if (env_is_network_type((uint64_t)fs.f_type))
		return error_set(e, CEL_EUNAVAILABLE,
				 "%s is on a network file system, where a store is not safe: keep it on a local disk", path);
	return 0;
}

static uint64_t wanted_map_size(void)
{
	const char *text = getenv("CEL_MAP_SIZE");
	char *end;
	unsigned long long size = text != NULL ? strtoull(text, &end, 10) : 0;
	return size >= 65536 && *end == '\0' ? size : ENV_MAP_SIZE;
}

/* ---- the two files */

/* A closed descriptor of lock.mdb takes LMDB's own locks with it, so this runs only while LMDB has it not open. */
static int allocate_lock_file(const char *path, struct cel_error *e)
{
	char name[4096];
	snprintf(name, sizeof name, "%s/lock.mdb", path);
	int fd = io_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_set_errno(e, CEL_EIO, errno, "%s", name);
	struct stat st;
	int rc = fstat(fd, &st) != 0 ? errno : 0;
	if (rc == 0 && (st.st_size < LOCK_FILE_SIZE || st.st_blocks * 512 < LOCK_FILE_SIZE))
		rc = posix_fallocate(fd, 0, LOCK_FILE_SIZE);
	close(fd);
	if (rc == 0 || rc == EOPNOTSUPP || rc == EINVAL)
		return 0;
	return error_set_errno(e, CEL_EIO, rc, "%s", name);
}

static int check_data_file(const char *path, struct cel_error *e)
{
	char name[4096];
	snprintf(name, sizeof name, "%s/data.mdb", path);
	struct stat st;
	if (stat(name, &st) != 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return error_set(e, CEL_ENOINPUT, "%s is no store (cel init makes one)", path);
		return error_set_errno(e, CEL_ENOINPUT, errno, "%s", name);
	}
	if (st.st_size < 2 * 4096)
		return error_set(e, CEL_ECORRUPT, "%s is damaged: it has only %lld bytes", name, (long long)st.st_size);
	return 0;
}

/* Pages that LMDB took and gave back in one transaction may never be written, so a file that ends before its last
 * page is not damaged for certain; fallocate lengthens it without touching what a writer may be adding just now. */
static int complete_data_file(struct env *env, struct cel_error *e)
{
	MDB_envinfo info;
	MDB_stat stats;
	struct stat st;
	int fd;
	mdb_env_info(env->mdb, &info);
	mdb_env_stat(env->mdb, &stats);
	off_t size = (off_t)(info.me_last_pgno + 1) * (off_t)stats.ms_psize;
	if (mdb_env_get_fd(env->mdb, &fd) != 0 || fstat(fd, &st) != 0 || st.st_size >= size)
		return 0;
	/* LMDB's descriptor of a read-only store cannot, but one of ours may; there it is done for what a transaction gives
	 * back, not for half a file. */
	if (env->is_read_only && size - st.st_size > READ_ONLY_SHORTAGE)
		return error_set(e, CEL_ECORRUPT, "%s/data.mdb is damaged: %lld bytes, %lld expected", env->path,
				 (long long)st.st_size, (long long)size);
	char name[4096];
	snprintf(name, sizeof name, "%s/data.mdb", env->path);
	int own = env->is_read_only ? io_open(name, O_RDWR | O_CLOEXEC, 0) : fd;
	int rc = own < 0 || fallocate(own, 0, size - 1, 1) != 0 ? errno : 0;
	if (own >= 0 && own != fd)
		close(own);
	if (rc == 0)
		return 0;
	if (rc == ENOSPC || rc == EDQUOT)
		return error_set_errno(e, CEL_EIO, rc, "%s/data.mdb", env->path);
	return error_set(e, CEL_ECORRUPT, "%s/data.mdb is damaged: %lld bytes, %lld expected", env->path,
			 (long long)st.st_size, (long long)size);
}

/* ---- opening */

static int open_mdb(const char *path, uint64_t map_size, unsigned flags, MDB_env **out)
{
	MDB_env *mdb;
	int rc = mdb_env_create(&mdb);
	if (rc != 0)
		return rc;
	mdb_env_set_maxdbs(mdb, N_DATABASES);
	mdb_env_set_maxreaders(mdb, READERS_MAX);
	mdb_env_set_mapsize(mdb, map_size);
	rc = mdb_env_open(mdb, path, flags | MDB_NOTLS, 0666);
	if (rc != 0) {
		mdb_env_close(mdb);
		return rc;
	}
	int fd;
	if (mdb_env_get_fd(mdb, &fd) == 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	*out = mdb;
	return 0;
}

/* The map size rule: 64 GiB, halved while the address space is refused. */
static int open_halving(const char *path, unsigned flags, MDB_env **out)
{
	uint64_t size = wanted_map_size();
	int rc;
	for (;; size /= 2) {
		rc = open_mdb(path, size, flags, out);
		if ((rc != ENOMEM && rc != EINVAL) || size / 2 < ENV_MAP_SIZE_MIN)
			return rc;
	}
}

static int open_databases(struct env *env, MDB_txn *txn, unsigned flags)
{
	const struct {
		const char *name;
		MDB_dbi *dbi;
	} tables[] = {{"blocks", &env->blocks}, {"packs", &env->packs}, {"places", &env->places}, {"refs", &env->refs},
		      {"log", &env->log},       {"leases", &env->leases}, {"meta", &env->meta}};
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		int rc = mdb_dbi_open(txn, tables[i].name, flags, tables[i].dbi);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int check_format(struct env *env, MDB_txn *txn, struct cel_error *e)
{
	MDB_val key = val_make("format", 6), value;
	int rc = mdb_get(txn, env->meta, &key, &value);
	if (rc != 0)
		return named_error(env->path, rc, "reading the format", e);
	if (value.mv_size != 4)
		return error_set(e, CEL_ECORRUPT, "%s: the format number is damaged", env->path);
	uint32_t format = load_le32(value.mv_data);
	if (format != CEL_FORMAT_STORE)
		return error_set(e, CEL_ECONFIG, "%s has store format %u, this program knows %u: %s", env->path, format,
				 CEL_FORMAT_STORE,
				 format > CEL_FORMAT_STORE ? "use a newer one" : "export with the older one, and build it anew");
	return 0;
}

/* Other formats have other tables. */
static int open_and_check(struct env *env, MDB_txn *txn, struct cel_error *e)
{
	int rc = mdb_dbi_open(txn, "meta", 0, &env->meta);
	int code = rc != 0 ? 0 : check_format(env, txn, e);
	if (rc == 0 && code == 0)
		rc = open_databases(env, txn, 0);
	return rc != 0 ? named_error(env->path, rc, "opening the tables", e) : code;
}

static int open_mdb_and_tables(struct env *env, struct cel_error *e)
{
	unsigned flags = env->is_read_only ? MDB_RDONLY : 0;
	struct cel_error lock_error;
	int rc = allocate_lock_file(env->path, &lock_error);
	if (rc < 0 && !env->is_read_only) {
		if (e != NULL)
			*e = lock_error;
		return rc;
	}
	env->is_lockless = rc < 0;
	int opening = -1;
	rc = env->is_lockless ? 0 : opening_lock_acquire(env->path, &opening, e);
	if (rc < 0)
		return rc;
	rc = open_halving(env->path, flags | (env->is_lockless ? MDB_NOLOCK : 0), &env->mdb);
	opening_lock_release(opening);
	if (rc != 0) {
		env->mdb = NULL;
		return named_error(env->path, rc, "opening data.mdb", e);
	}
	int dead = 0;
	if (!env->is_lockless)
		mdb_reader_check(env->mdb, &dead);
	env->n_stale = (uint32_t)dead;
	int code = complete_data_file(env, e);
	MDB_txn *txn = NULL;
	if (code == 0) {
		rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, &txn);
		code = rc != 0 ? named_error(env->path, rc, "opening the tables", e) : open_and_check(env, txn, e);
	}
	/* A commit is what keeps the table handles. */
	if (txn != NULL && code == 0)
		mdb_txn_commit(txn);
	else if (txn != NULL)
		mdb_txn_abort(txn);
	if (code < 0) {
		mdb_env_close(env->mdb);
		env->mdb = NULL;
	}
	return code;
}

int env_open(struct env *env, const char *path, bool is_read_only, struct cel_error *e)
{
	*env = (struct env){.is_read_only = is_read_only, .idle_wait = ENV_IDLE_WAIT};
	int rc = check_data_file(path, e);
	if (rc == 0)
		rc = check_file_system(path, e);
	if (rc < 0)
		return rc;
	env->path = mem_strdup(path);
	if (env->path == NULL)
		return error_nomem(e, strlen(path) + 1);
	rc = open_mdb_and_tables(env, e);
	if (rc < 0) {
		mem_free(env->path);
		env->path = NULL;
		return rc;
	}
	pthread_mutex_init(&env->mutex, NULL);
	pthread_cond_init(&env->idle, NULL);
	pthread_cond_init(&env->gate, NULL);
	return 0;
}

void env_close(struct env *env)
{
	if (env->path == NULL)
		return;
	if (env->mdb != NULL)
		mdb_env_close(env->mdb);
	pthread_mutex_destroy(&env->mutex);
	pthread_cond_destroy(&env->idle);
	pthread_cond_destroy(&env->gate);
	mem_free(env->path);
	env->path = NULL;
}

int env_init(const char *path, int64_t now, struct cel_error *e)
{
	struct env env = {0};
	int rc = check_file_system(path, e);
	if (rc == 0)
		rc = allocate_lock_file(path, e);
	if (rc < 0)
		return rc;
	rc = open_halving(path, 0, &env.mdb);
	if (rc != 0)
		return named_error(path, rc, "making data.mdb", e);
	MDB_txn *txn = NULL;
	uint8_t format[4], created[8], id[STORE_ID_SIZE];
	store_le32(format, CEL_FORMAT_STORE);
	store_le64(created, (uint64_t)now);
	MDB_val keys[2] = {val_make("format", 6), val_make("created", 7)};
	MDB_val values[2] = {val_make(format, sizeof format), val_make(created, sizeof created)};
	rc = identity_make(id, e);
	if (rc < 0) {
		mdb_env_close(env.mdb);
		return rc;
	}
	rc = mdb_txn_begin(env.mdb, NULL, 0, &txn);
	if (rc == 0)
		rc = open_databases(&env, txn, MDB_CREATE);
	for (int i = 0; i < 2 && rc == 0; i++)
		rc = mdb_put(txn, env.meta, &keys[i], &values[i], 0);
	if (rc == 0)
		rc = identity_put(&env, txn, id);
	if (rc == 0)
		rc = regular_put(&env, txn);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else if (txn != NULL)
		mdb_txn_abort(txn);
	mdb_env_close(env.mdb);
	return rc != 0 ? named_error(path, rc, "making data.mdb", e) : 0;
}

/* ---- enlarging and reopening, both with no transaction in this process */

static struct timespec seconds_from_now(time_t seconds)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += seconds;
	return t;
}

/* Returns with the mutex held. */
static int wait_idle(struct env *env, const char *what, struct cel_error *e)
{
	struct timespec deadline = seconds_from_now(env->idle_wait);
	pthread_mutex_lock(&env->mutex);
	env->n_waiting++;
	int rc = 0;
	while (env->n_transactions > 0 && rc == 0)
		rc = pthread_cond_timedwait(&env->idle, &env->mutex, &deadline);
	if (--env->n_waiting == 0)
		pthread_cond_broadcast(&env->gate);
	if (env->n_transactions == 0)
		return 0;
	uint32_t count = env->n_transactions;
	pthread_mutex_unlock(&env->mutex);
	return error_set(e, CEL_EBUSY, "%s: data.mdb must be %s, but this process still reads it (%u snapshots): try again",
			 env->path, what, count);
}

/* LMDB unmaps before it maps, and is lost if the second fails: try the address space first. */
static int set_map_size(struct env *env, uint64_t size)
{
	void *trial = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (trial == MAP_FAILED)
		return errno;
	munmap(trial, size);
	int rc = mdb_env_set_mapsize(env->mdb, size);
	if (rc == 0)
		return 0;
	mdb_env_close(env->mdb);
	env->mdb = NULL;
	return open_mdb_and_tables(env, NULL) == 0 ? rc : MDB_PANIC;
}

static int grow_locked(struct env *env, struct cel_error *e)
{
	MDB_envinfo info;
	MDB_stat stats;
	if (env->mdb == NULL)
		return named_error(env->path, MDB_PANIC, "enlarging", e);
	mdb_env_info(env->mdb, &info);
	mdb_env_stat(env->mdb, &stats);
	uint64_t used = ((uint64_t)info.me_last_pgno + 1) * stats.ms_psize;
	uint64_t size = 2 * (uint64_t)info.me_mapsize;
	while (size < used + used / 2)
		size *= 2;
	/* When doubling is too much for the address space a little more may still do. */
	int rc = set_map_size(env, size);
	if (rc == ENOMEM)
		rc = set_map_size(env, (info.me_mapsize > used ? info.me_mapsize : used) + (256u << 20));
	return rc != 0 ? named_error(env->path, rc, "enlarging the map of data.mdb", e) : 0;
}

int env_grow(struct env *env, struct cel_error *e)
{
	int rc = wait_idle(env, "enlarged", e);
	if (rc < 0)
		return rc;
	rc = grow_locked(env, e);
	pthread_mutex_unlock(&env->mutex);
	return rc;
}

void env_grow_early(struct env *env)
{
	MDB_envinfo info;
	MDB_stat stats;
	pthread_mutex_lock(&env->mutex);
	if (env->n_transactions == 0 && env->mdb != NULL) {
		mdb_env_info(env->mdb, &info);
		mdb_env_stat(env->mdb, &stats);
		if (((uint64_t)info.me_last_pgno + 1) * stats.ms_psize > info.me_mapsize / 2)
			grow_locked(env, NULL);
	}
	pthread_mutex_unlock(&env->mutex);
}

static int reopen(struct env *env, struct cel_error *e)
{
	int rc = wait_idle(env, "opened again", e);
	if (rc < 0)
		return rc;
	if (env->mdb != NULL)
		mdb_env_close(env->mdb);
	env->mdb = NULL;
	rc = open_mdb_and_tables(env, e);
	pthread_mutex_unlock(&env->mutex);
	return rc;
}

uint64_t env_map_size(struct env *env)
{
	MDB_envinfo info;
	mdb_env_info(env->mdb, &info);
	return info.me_mapsize;
}

/* ---- transactions */

static void txn_uncount(struct env *env)
{
	pthread_mutex_lock(&env->mutex);
	if (--env->n_transactions == 0)
		pthread_cond_broadcast(&env->idle);
	pthread_mutex_unlock(&env->mutex);
}

static int txn_begin(struct env *env, unsigned flags, MDB_txn **out)
{
	pthread_mutex_lock(&env->mutex);
	if (env->n_waiting > 0) {
		/* Not without end: this thread may itself hold what is waited for. */
		struct timespec deadline = seconds_from_now(1);
		while (env->n_waiting > 0 && pthread_cond_timedwait(&env->gate, &env->mutex, &deadline) == 0)
			;
	}
	env->n_transactions++;
	MDB_env *mdb = env->mdb;
	pthread_mutex_unlock(&env->mutex);
	int rc = mdb != NULL ? mdb_txn_begin(mdb, NULL, flags, out) : MDB_PANIC;
	if (rc != 0)
		txn_uncount(env);
	return rc;
}

/* The written answers to what LMDB may say to a new transaction. */
static int begin(struct env *env, unsigned flags, MDB_txn **out, struct cel_error *e)
{
	*out = NULL;
	for (int attempt = 0;; attempt++) {
		int rc = txn_begin(env, flags, out);
		if (rc == 0)
			return 0;
		int dead = 0;
		if (attempt >= 3)
			return named_error(env->path, rc, "beginning a transaction", e);
		if (rc == MDB_MAP_RESIZED) /* another process enlarged it and has used the room */
			rc = env_grow(env, e);
		else if (rc == MDB_READERS_FULL) /* slots of dead processes */
			rc = mdb_reader_check(env->mdb, &dead) == 0 && dead > 0
				     ? 0
				     : named_error(env->path, MDB_READERS_FULL, "beginning a transaction", e);
		else if (rc == MDB_PANIC)
			rc = reopen(env, e);
		else
			rc = named_error(env->path, rc, "beginning a transaction", e);
		if (rc < 0)
			return rc;
	}
}

int env_read_begin(struct env *env, MDB_txn **out, struct cel_error *e)
{
	return begin(env, MDB_RDONLY, out, e);
}

int env_write_begin(struct env *env, MDB_txn **out, struct cel_error *e)
{
	return begin(env, 0, out, e);
}

int env_commit(struct env *env, MDB_txn *txn)
{
	int rc = mdb_txn_commit(txn);
	txn_uncount(env);
	return rc;
}

void env_end(struct env *env, MDB_txn *txn)
{
	if (txn == NULL)
		return;
	mdb_txn_abort(txn);
	txn_uncount(env);
}

bool env_is_panicked(struct env *env)
{
	MDB_txn *txn;
	int rc = txn_begin(env, MDB_RDONLY, &txn);
	if (rc == 0)
		env_end(env, txn);
	return rc == MDB_PANIC;
}
