/* SPDX-License-Identifier: Apache-2.0 */
/* Files: the index of every segment against the segment's name, and, when all is checked, the derived files whole. A bad
 * derived file loses nothing, but who asks it is refused, so it is a finding, with what to do. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "error.h"
#include "fsck.h"
#include "hnsw.h"

static int tell_segment(void *context, const char *file, const struct cel_error *problem, struct cel_error *e)
{
	struct fsck *f = context;
	f->result->segments++;
	int rc = fsck_tell(f, "files", "segments", f->result->segments, e);
	return problem == NULL || rc < 0 ? rc : fsck_find(f, AUDIT_DAMAGED, NULL, NULL, file, problem->message, e);
}

/* The CID of a tree that the name begins with. */
static bool parse_tree(const char *name, struct cid *out)
{
	return strlen(name) > CEL_CID_TEXT_SIZE && cid_parse(slice_make(name, CEL_CID_TEXT_SIZE - 1), out, NULL) == 0;
}

static int check_derived(struct fsck *f, const char *folder, const char *path, const char *name, struct cel_error *e)
{
	char file[4400], where[300], message[1300];
	struct cel_error problem;
	struct hnsw_index *index;
	struct cid tree;
	snprintf(file, sizeof file, "%s/%s", path, name);
	snprintf(where, sizeof where, "%s/%s", folder, name);
	f->result->files++;
	int rc = hnsw_open(file, &index, &problem);
	if (rc == 0) {
		rc = hnsw_verify(index, &problem);
		hnsw_close(index);
	}
	if (rc == 0 || rc == CEL_ENOTFOUND)
		return 0;
	if (rc != CEL_ECORRUPT && rc != CEL_ECONFIG)
		return error_set(e, rc, "%s", problem.message);
	bool has_tree = parse_tree(name, &tree);
	snprintf(message, sizeof message, "%.1000s; the file is derived: remove it%s", problem.message,
		 strcmp(folder, "index") == 0 ? ", or build it again with 'cel index'" : "");
	return fsck_find(f, AUDIT_DAMAGED, NULL, has_tree ? &tree : NULL, where, message, e);
}

static int check_folder(struct fsck *f, const char *folder, const char *path, struct cel_error *e)
{
	DIR *directory = opendir(path);
	if (directory == NULL)
		return errno == ENOENT ? 0 : error_set_errno(e, CEL_EIO, errno, "%s", path);
	int rc = 0;
	for (struct dirent *entry; rc == 0 && (entry = readdir(directory)) != NULL;) {
		size_t length = strlen(entry->d_name);
		if (length > 5 && strcmp(entry->d_name + length - 5, ".hnsw") == 0 && entry->d_name[0] != '.')
			rc = check_derived(f, folder, path, entry->d_name, e);
	}
	closedir(directory);
	return rc;
}

int fsck_files(struct fsck *f, bool is_all, struct cel_error *e)
{
	int rc = store_check_segments(f->store->store, tell_segment, f, e);
	if (rc == 0 && is_all)
		rc = check_folder(f, "index", store_index_path(f->store->store), e);
	if (rc == 0 && is_all)
		rc = check_folder(f, "cache", store_cache_path(f->store->store), e);
	return rc;
}
