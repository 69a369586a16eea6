/* SPDX-License-Identifier: Apache-2.0 */
/* What a store takes: the counts that LMDB and the file system keep. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "db.h"
#include "error.h"
#include "lease.h"
#include "tags.h"
#include "usage.h"

static bool ends_with(const char *name, const char *ending)
{
	size_t size = strlen(name), tail = strlen(ending);
	return size > tail && strcmp(name + size - tail, ending) == 0;
}

static int count_files(const char *path, const char *ending, uint64_t *files, uint64_t *bytes, struct cel_error *e)
{
	DIR *directory = opendir(path);
	if (directory == NULL)
		return errno == ENOENT ? 0 : error_set_errno(e, CEL_EIO, errno, "%s", path);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		struct stat st;
		if (!ends_with(entry->d_name, ending) || fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		++*files;
		*bytes += (uint64_t)st.st_size;
	}
	closedir(directory);
	return 0;
}

static int count_derived(struct cel_store *store, struct cel_store_stat *out, struct cel_error *e)
{
	const char *index = store_index_path(store->store), *cache = store_cache_path(store->store);
	int rc = count_files(index, ".hnsw", &out->index_files, &out->index_bytes, e);
	if (rc == 0)
		rc = count_files(cache, ".hnsw", &out->carried_files, &out->carried_bytes, e);
	return rc < 0 ? rc : count_files(cache, ".filter", &out->filter_files, &out->filter_bytes, e);
}

static int count_refs(struct store_read *read, const char *prefix, uint64_t *out, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(read, prefix, position, &cid, e)) == 1)
		++*out;
	return rc;
}

static int count_names(struct cel_store *store, struct cel_store_stat *out, struct cel_error *e)
{
	struct store_read *read;
	uint8_t id[STORE_ID_SIZE];
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = count_refs(read, HEADS_PREFIX, &out->collections, e);
	if (rc == 0)
		rc = count_refs(read, TAGS_PREFIX, &out->tags, e);
	if (rc == 0 && store_read_id(read, id, NULL) == 0)
		for (size_t i = 0; i < STORE_ID_SIZE; i++)
			snprintf(out->id + 2 * i, 3, "%02x", id[i]);
	store_read_end(read);
	return rc;
}

static void take_usage(const struct store_usage *usage, struct cel_store_stat *out)
{
	uint64_t free_pages = usage->free_pages < usage->used_pages ? usage->free_pages : usage->used_pages;
	out->data_bytes = usage->file_size;
	out->data_allocated = usage->allocated;
	out->data_used = (usage->used_pages - free_pages) * usage->page_size;
	out->data_free = free_pages * usage->page_size;
	out->map_bytes = usage->map_size;
	out->data_blocks = usage->blocks;
	out->moves = usage->moves;
	out->segments = usage->segments;
	out->segment_bytes = usage->segment_bytes;
	out->segment_blocks = usage->segment_blocks;
	out->reader_slots = usage->reader_slots;
	out->is_written = usage->is_written;
}

int cel_store_stat(struct cel_store *store, struct cel_store_stat *out, struct cel_error *e)
{
	struct store_usage usage;
	*out = (struct cel_store_stat){0};
	snprintf(out->path, sizeof out->path, "%s", store_path(store->store));
	int rc = store_usage(store->store, &usage, e);
	if (rc < 0)
		return rc;
	take_usage(&usage, out);
	rc = count_names(store, out, e);
	return rc < 0 ? rc : count_derived(store, out, e);
}

/* ---- who is at work */

struct telling {
	cel_reader_fn *reader;
	cel_lease_fn *lease;
	void *context;
};

static int tell_reader(void *context, const struct store_reader *r, struct cel_error *e)
{
	struct telling *t = context;
	struct cel_reader out = {.pid = r->pid, .since = r->since, .is_reading = r->is_reading, .behind = r->behind};
	return t->reader(t->context, &out, e);
}

int cel_reader_list(struct cel_store *store, cel_reader_fn *call, void *context, uint32_t *stale, struct cel_error *e)
{
	struct telling telling = {.reader = call, .context = context};
	return store_usage_readers(store->store, tell_reader, &telling, stale, e);
}

static int tell_lease(void *context, const struct lease *l, struct cel_error *e)
{
	struct telling *t = context;
	struct cel_lease out = {.pid = l->pid, .begun = l->begun, .renewed = l->renewed, .is_live = lease_is_live(l)};
	return t->lease(t->context, &out, e);
}

int cel_lease_list(struct cel_store *store, cel_lease_fn *call, void *context, struct cel_error *e)
{
	struct telling telling = {.lease = call, .context = context};
	return store_usage_leases(store->store, tell_lease, &telling, e);
}
