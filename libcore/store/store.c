/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing. LMDB must not be opened twice by one process (its file locks would be lost with the first
 * close), so open stores are registered by device and inode, and a second opening is refused.
 *
 * A new store is complete when the commit in env_init returns; a failed init removes what it made. */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "error.h"
#include "fault.h"
#include "store_impl.h"

/* ---- the register */

struct registered {
	struct registered *next;
	const struct store *store;
	dev_t device;
	ino_t inode;
};

static struct registered *open_stores;
static pthread_mutex_t register_mutex = PTHREAD_MUTEX_INITIALIZER;

static int register_store(const struct store *s, struct cel_error *e)
{
	struct stat st;
	if (stat(s->path, &st) != 0)
		return errno == ENOENT ? error_set(e, CEL_ENOINPUT, "there is no store %s", s->path)
				       : error_set_errno(e, CEL_ENOINPUT, errno, "%s", s->path);
	struct registered *mine = mem_alloc(sizeof *mine);
	if (mine == NULL)
		return error_nomem(e, sizeof *mine);
	*mine = (struct registered){.store = s, .device = st.st_dev, .inode = st.st_ino};
	pthread_mutex_lock(&register_mutex);
	const struct registered *other = open_stores;
	while (other != NULL && (other->device != mine->device || other->inode != mine->inode))
		other = other->next;
	if (other == NULL) {
		mine->next = open_stores;
		open_stores = mine;
	}
	pthread_mutex_unlock(&register_mutex);
	if (other == NULL)
		return 0;
	mem_free(mine);
	return error_set(e, CEL_EBUSY, "%s is open in this process already: a store is opened once", s->path);
}

static void unregister_store(const struct store *s)
{
	pthread_mutex_lock(&register_mutex);
	struct registered **place = &open_stores;
	while (*place != NULL && (*place)->store != s)
		place = &(*place)->next;
	struct registered *mine = *place;
	if (mine != NULL)
		*place = mine->next;
	pthread_mutex_unlock(&register_mutex);
	mem_free(mine);
}

/* ---- init */

static const char *const DIRECTORIES[] = {"segments", "index", "cache", "tmp"};
#define N_DIRECTORIES (sizeof DIRECTORIES / sizeof DIRECTORIES[0])

static int check_empty(const char *path, struct cel_error *e)
{
	DIR *directory = opendir(path);
	if (directory == NULL)
		return error_set_errno(e, CEL_ECANTCREAT, errno, "%s", path);
	int n = 0;
	for (struct dirent *item; (item = readdir(directory)) != NULL;)
		n += strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0;
	closedir(directory);
	return n > 0 ? error_set(e, CEL_ECANTCREAT, "%s exists and is not empty", path) : 0;
}

static int sync_path(const char *path, struct cel_error *e)
{
	int fd = io_open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	int rc = fd < 0 || io_fsync(fd) != 0 ? error_set_errno(e, CEL_EIO, errno, "%s", path) : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The directory that holds path. */
static int sync_parent(const char *path, struct cel_error *e)
{
	char parent[4096];
	snprintf(parent, sizeof parent, "%s/..", path);
	struct cel_error problem;
	int rc = sync_path(parent, &problem);
	/* One that may be searched but not read cannot be synced by us. */
	return rc == 0 || rc == CEL_EPERMISSION ? 0 : error_set(e, rc, "%s", problem.message);
}

static int fill_directory(const char *path, struct cel_error *e)
{
	char name[4096];
	for (size_t i = 0; i < N_DIRECTORIES; i++) {
		snprintf(name, sizeof name, "%s/%s", path, DIRECTORIES[i]);
		if (mkdir(name, 0777) != 0)
			return error_set_errno(e, CEL_ECANTCREAT, errno, "%s", name);
	}
	snprintf(name, sizeof name, "%s/lock", path);
	int fd = io_open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0)
		return error_set_errno(e, CEL_ECANTCREAT, errno, "%s", name);
	close(fd);
	int rc = env_init(path, time(NULL), e);
	if (rc == 0)
		rc = sync_path(path, e);
	return rc < 0 ? rc : sync_parent(path, e);
}

static void empty_directory(const char *path)
{
	static const char *const FILES[] = {"data.mdb", "lock.mdb", "lock"};
	char name[4096];
	for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
		snprintf(name, sizeof name, "%s/%s", path, FILES[i]);
		unlink(name);
	}
	for (size_t i = 0; i < N_DIRECTORIES; i++) {
		snprintf(name, sizeof name, "%s/%s", path, DIRECTORIES[i]);
		rmdir(name);
	}
}

int store_init(const char *path, struct cel_error *e)
{
	if (strlen(path) > 3900)
		return error_set(e, CEL_ECANTCREAT, "the path of the store is too long");
	bool is_made = mkdir(path, 0777) == 0;
	if (!is_made && errno != EEXIST)
		return error_set_errno(e, CEL_ECANTCREAT, errno, "%s", path);
	int rc = check_empty(path, e);
	if (rc < 0)
		return rc;
	rc = fill_directory(path, e);
	if (rc < 0) {
		empty_directory(path);
		if (is_made)
			rmdir(path);
	}
	return rc;
}

/* ---- open and close */

static char *join(const char *directory, const char *name)
{
	size_t size = strlen(directory) + strlen(name) + 2;
	char *path = mem_alloc(size);
	if (path != NULL)
		snprintf(path, size, "%s/%s", directory, name);
	return path;
}

static int make_paths(struct store *s, const char *path, struct cel_error *e)
{
	if (strlen(path) > 3900)
		return error_set(e, CEL_ENOINPUT, "the path of the store is too long");
	s->path = mem_strdup(path);
	s->index_path = join(path, "index");
	s->cache_path = join(path, "cache");
	s->tmp_parent = join(path, "tmp");
	s->segments_path = join(path, "segments");
	if (s->path == NULL || s->index_path == NULL || s->cache_path == NULL || s->tmp_parent == NULL ||
	    s->segments_path == NULL)
		return error_nomem(e, strlen(path));
	return 0;
}

static void free_store(struct store *s)
{
	pthread_mutex_destroy(&s->tmp_mutex);
	mem_free(s->path);
	mem_free(s->index_path);
	mem_free(s->cache_path);
	mem_free(s->tmp_parent);
	mem_free(s->segments_path);
	mem_free(s);
}

static int open_store(struct store *s, struct cel_error *e)
{
	int rc = register_store(s, e);
	if (rc < 0)
		return rc;
	rc = env_open(&s->env, s->path, s->is_read_only, e);
	if (rc == 0)
		rc = segments_init(&s->segments, s->segments_path, e);
	if (rc < 0) {
		env_close(&s->env);
		unregister_store(s);
	}
	return rc;
}

int store_open(const char *path, const struct store_options *options, struct store **out, struct cel_error *e)
{
	struct store *s = mem_calloc(1, sizeof *s);
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	pthread_mutex_init(&s->tmp_mutex, NULL);
	s->is_read_only = options != NULL && options->is_read_only;
	int rc = make_paths(s, path, e);
	if (rc == 0)
		rc = open_store(s, e);
	if (rc < 0) {
		free_store(s);
		return rc;
	}
	if (!s->is_read_only)
		tmp_sweep(s->tmp_parent);
	*out = s;
	return 0;
}

void store_free(struct store *s)
{
	if (s == NULL)
		return;
	tmp_close(&s->tmp);
	segments_release(&s->segments);
	env_close(&s->env);
	unregister_store(s);
	free_store(s);
}

const char *store_path(const struct store *s)
{
	return s->path;
}

const char *store_index_path(const struct store *s)
{
	mkdir(s->index_path, 0777);
	return s->index_path;
}

const char *store_cache_path(const struct store *s)
{
	mkdir(s->cache_path, 0777);
	return s->cache_path;
}

int store_make_tmp(struct store *s, const char **path, struct cel_error *e)
{
	pthread_mutex_lock(&s->tmp_mutex);
	int rc = s->tmp.path != NULL ? 0 : tmp_open(s->tmp_parent, &s->tmp, e);
	*path = s->tmp.path;
	pthread_mutex_unlock(&s->tmp_mutex);
	return rc;
}

const char *store_tmp_path(struct store *s)
{
	const char *path;
	return store_make_tmp(s, &path, NULL) == 0 ? path : s->tmp_parent;
}

int store_find_tmp(void *store, const char **path, struct cel_error *e)
{
	(void)e;
	*path = store_tmp_path(store);
	return 0;
}
