/* SPDX-License-Identifier: Apache-2.0 */
/* The directory is the list of segments. It is read again when its modification time has moved, or when that time is
 * so recent that a second change might carry the same stamp. Files that were open stay open (sets share them by
 * counting owners); files that are gone are left out of the new set, so that nobody counts on a removed block. */
#include "segments.h"

#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "alloc.h"
#include "buf.h"
#include "error.h"

#define SCANS_MAX 100

int segments_init(struct segments *s, const char *path, struct cel_error *e)
{
	*s = (struct segments){.path = mem_strdup(path)};
	if (s->path == NULL)
		return error_nomem(e, strlen(path) + 1);
	pthread_mutex_init(&s->mutex, NULL);
	return 0;
}

void segments_release(struct segments *s)
{
	if (s->path == NULL)
		return;
	segment_set_release(s->current);
	pthread_mutex_destroy(&s->mutex);
	mem_free(s->path);
	s->path = NULL;
}

void segment_set_release(struct segment_set *set)
{
	if (set == NULL || atomic_fetch_sub(&set->n_owners, 1) > 1)
		return;
	for (size_t i = 0; i < set->n; i++)
		segment_free(set->items[i]);
	mem_free(set);
}

static bool is_segment_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == 64 && strcmp(name + 64, ".car") == 0;
}

static int compare_names(const void *a, const void *b)
{
	return memcmp(a, b, SEGMENT_NAME_SIZE);
}

/* All names of segments, sorted, SEGMENT_NAME_SIZE bytes each. */
static int list_names(const char *path, struct buf *names, struct cel_error *e)
{
	DIR *directory = opendir(path);
	if (directory == NULL && errno == ENOENT)
		return 0;
	if (directory == NULL)
		return error_set_errno(e, CEL_EIO, errno, "%s", path);
	int rc = 0;
	for (struct dirent *item; rc == 0 && (item = readdir(directory)) != NULL;)
		if (is_segment_name(item->d_name))
			rc = buf_append(names, item->d_name, SEGMENT_NAME_SIZE, e);
	closedir(directory);
	if (rc == 0 && names->size > 0)
		qsort(names->data, names->size / SEGMENT_NAME_SIZE, SEGMENT_NAME_SIZE, compare_names);
	return rc;
}

/* The open segment of that name in a set, or NULL. */
static struct segment *find_open(const struct segment_set *set, const char *name, size_t directory_length)
{
	size_t low = 0, high = set != NULL ? set->n : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(segment_path(set->items[middle]) + directory_length + 1, name);
		if (order == 0)
			return set->items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* *is_gone: the file was removed since the directory was read, and what it had may stand in one that was not listed yet. */
static int add_segment(struct segments *s, struct segment_set *set, const char *name, bool *is_gone, struct cel_error *e)
{
	struct segment *open = find_open(s->current, name, strlen(s->path));
	if (open != NULL) {
		set->items[set->n++] = segment_ref(open);
		return 0;
	}
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", s->path, name);
	struct cel_error problem = {0};
	int rc = segment_open(path, &set->items[set->n], &problem);
	if (rc == 0)
		set->n++;
	else if (rc == CEL_ENOMEM)
		return error_set(e, rc, "%s", problem.message);
	else if (rc == CEL_ENOINPUT)
		*is_gone = true;
	else if (set->damage.code == 0)
		set->damage = problem;
	return 0;
}

static int scan(struct segments *s, struct segment_set **out, bool *is_gone, struct cel_error *e)
{
	*is_gone = false;
	BUF_CLEANUP struct buf names = {0};
	int rc = list_names(s->path, &names, e);
	if (rc < 0)
		return rc;
	size_t n = names.size / SEGMENT_NAME_SIZE;
	struct segment_set *set = mem_calloc(1, sizeof *set + n * sizeof set->items[0]);
	if (set == NULL)
		return error_nomem(e, sizeof *set + n * sizeof set->items[0]);
	set->n_owners = 1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = add_segment(s, set, (const char *)names.data + i * SEGMENT_NAME_SIZE, is_gone, e);
	if (rc < 0) {
		segment_set_release(set);
		return rc;
	}
	*out = set;
	return 0;
}

static bool is_current(const struct segments *s, const struct stat *st)
{
	if (s->current == NULL || st->st_mtim.tv_sec != s->changed.tv_sec || st->st_mtim.tv_nsec != s->changed.tv_nsec)
		return false;
	int64_t age = (int64_t)s->scanned.tv_sec - (int64_t)s->changed.tv_sec;
	return age > 1;
}

static bool is_same(const struct segment_set *a, const struct segment_set *b)
{
	if (a == NULL || a->n != b->n || a->damage.code != b->damage.code)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->items[i] != b->items[i])
			return false;
	return true;
}

static int refresh(struct segments *s, struct cel_error *e)
{
	struct stat st = {0};
	struct timespec now;
	struct segment_set *set = NULL;
	clock_gettime(CLOCK_REALTIME, &now);
	if (stat(s->path, &st) != 0 && errno != ENOENT)
		return error_set_errno(e, CEL_EIO, errno, "%s", s->path);
	if (is_current(s, &st))
		return 0;
	bool is_gone;
	int rc = scan(s, &set, &is_gone, e);
	for (int i = 0; rc == 0 && is_gone && i < SCANS_MAX; i++) {
		segment_set_release(set);
		rc = scan(s, &set, &is_gone, e);
	}
	if (rc < 0)
		return rc;
	if (is_same(s->current, set)) { /* whoever asked again for a block knows that nothing is new */
		segment_set_release(set);
	} else {
		segment_set_release(s->current);
		s->current = set;
	}
	s->changed = st.st_mtim;
	s->scanned = now;
	return 0;
}

int segments_acquire(struct segments *s, struct segment_set **out, struct cel_error *e)
{
	pthread_mutex_lock(&s->mutex);
	int rc = refresh(s, e);
	if (rc == 0) {
		atomic_fetch_add(&s->current->n_owners, 1);
		*out = s->current;
	}
	pthread_mutex_unlock(&s->mutex);
	return rc;
}

int segment_set_find(const struct segment_set *set, const struct cid *cid, struct slice *out, struct cel_error *e)
{
	int damage = 0;
	for (size_t i = 0; i < set->n; i++) {
		struct cel_error problem;
		int rc = segment_find(set->items[i], cid, out, &problem);
		if (rc > 0)
			return rc;
		if (rc < 0 && damage == 0)
			damage = error_set(e, rc, "%s", problem.message);
	}
	return damage;
}

bool segment_set_has(const struct segment_set *set, const struct cid *cid)
{
	for (size_t i = 0; i < set->n; i++)
		if (segment_has(set->items[i], cid->digest))
			return true;
	return false;
}

const char *segment_set_where(const struct segment_set *set, const struct cid *cid)
{
	for (size_t i = 0; i < set->n; i++)
		if (segment_has(set->items[i], cid->digest))
			return segment_path(set->items[i]);
	return NULL;
}

int segments_list(const struct segments *s, struct buf *names, struct cel_error *e)
{
	return list_names(s->path, names, e);
}

int segment_set_explain_miss(const struct segment_set *set, struct cel_error *e)
{
	if (set->damage.code != 0)
		return error_set(e, set->damage.code, "%s", set->damage.message);
	for (size_t i = 0; i < set->n; i++) {
		int rc = segment_verify_index(set->items[i], e);
		if (rc < 0)
			return rc;
	}
	return 0;
}
