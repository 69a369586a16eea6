/* SPDX-License-Identifier: Apache-2.0 */
/* An index is a function of the tree, the metric, the element type and the parameters, and all of them stand in its name;
 * so two commits of one tree share it, and what there is can be told without opening anything. */
#include "index_files.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "error.h"
#include "record.h"

static void name_format(const struct cel_schema *schema, const struct index_file *file, char out[DB_INDEX_NAME_MAX])
{
	char tree[CEL_CID_TEXT_SIZE];
	cid_format(&file->tree, tree);
	snprintf(out, DB_INDEX_NAME_MAX, "%s.%s-%s-%u.M%u.efc%u.hnsw", tree, cel_metric_name(schema->metric),
		 cel_type_name(schema->type), schema->dim, file->params.M, file->params.ef_construction);
}

/* What was read must be what is written for it, so a name has one spelling. */
static bool name_parse(const struct cel_schema *schema, const char *name, struct index_file *out)
{
	char again[DB_INDEX_NAME_MAX];
	const char *dot = strchr(name, '.'), *parameters = strrchr(name, 'M');
	if (dot == NULL || parameters == NULL || cid_parse(slice_make(name, (size_t)(dot - name)), &out->tree, NULL) < 0 ||
	    sscanf(parameters, "M%u.efc%u.hnsw", &out->params.M, &out->params.ef_construction) != 2)
		return false;
	name_format(schema, out, again);
	return strcmp(name, again) == 0;
}

int index_file_path(struct cel_store *store, const struct cel_schema *schema, const struct index_file *file,
		    struct buf *path, struct cel_error *e)
{
	char name[DB_INDEX_NAME_MAX];
	name_format(schema, file, name);
	int rc = buf_printf(path, e, "%s/%s",
			    file->is_carried ? store_cache_path(store->store) : store_index_path(store->store), name);
	return rc < 0 ? rc : buf_append_byte(path, '\0', e);
}

static int add_file(struct index_files *files, const struct index_file *file, struct cel_error *e)
{
	if (mem_grow(&files->files, &files->capacity, files->n + 1, sizeof *files->files, e) < 0)
		return CEL_ENOMEM;
	files->files[files->n++] = *file;
	return 0;
}

static int list_directory(const char *path, bool is_carried, const struct cel_schema *schema, struct index_files *out,
			  struct cel_error *e)
{
	DIR *directory = opendir(path);
	if (directory == NULL && errno == ENOENT)
		return 0;
	if (directory == NULL)
		return error_set_errno(e, CEL_EIO, errno, "%s", path);
	int rc = 0;
	for (struct dirent *entry; rc == 0 && (entry = readdir(directory)) != NULL;) {
		struct index_file file = {.is_carried = is_carried};
		if (name_parse(schema, entry->d_name, &file))
			rc = add_file(out, &file, e);
	}
	closedir(directory);
	return rc;
}

static int file_compare(const void *x, const void *y)
{
	const struct index_file *a = x, *b = y;
	int order = cid_compare(&a->tree, &b->tree);
	if (order != 0)
		return order;
	if (a->is_carried != b->is_carried)
		return a->is_carried ? 1 : -1;
	if (a->params.ef_construction != b->params.ef_construction)
		return a->params.ef_construction > b->params.ef_construction ? -1 : 1;
	return (a->params.M < b->params.M) - (a->params.M > b->params.M);
}

int index_files_list(struct cel_store *store, const struct cel_schema *schema, struct index_files *out,
		     struct cel_error *e)
{
	*out = (struct index_files){0};
	int rc = list_directory(store_index_path(store->store), false, schema, out, e);
	if (rc == 0)
		rc = list_directory(store_cache_path(store->store), true, schema, out, e);
	if (rc < 0)
		index_files_release(out);
	else if (out->n > 0)
		qsort(out->files, out->n, sizeof *out->files, file_compare);
	return rc;
}

void index_files_release(struct index_files *files)
{
	mem_free(files->files);
	*files = (struct index_files){0};
}

void index_files_drop(struct index_files *files, const struct index_file *file)
{
	size_t i = (size_t)(file - files->files);
	memmove(files->files + i, files->files + i + 1, (--files->n - i) * sizeof *files->files);
}

const struct index_file *index_files_find(const struct index_files *files, const struct cid *tree)
{
	size_t low = 0, high = files->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (cid_compare(&files->files[middle].tree, tree) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < files->n && cid_equal(&files->files[low].tree, tree) ? &files->files[low] : NULL;
}
