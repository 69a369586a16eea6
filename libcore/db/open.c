/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a store, and finding the one that is meant when none is named: $CEL_STORE, else the nearest ".cel" on the
 * way from the working directory to the root, as git finds its repository. */
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "simd.h"
#include "tmp.h"

int cel_store_init(const char *path, struct cel_error *e)
{
	return store_init(path, e);
}

static int copy_path(char *path, size_t size, const char *text, struct cel_error *e)
{
	if (strlen(text) >= size)
		return error_set(e, CEL_ENOINPUT, "the path of the store is longer than %zu bytes", size - 1);
	memcpy(path, text, strlen(text) + 1);
	return 0;
}

int cel_store_find(char *path, size_t size, struct cel_error *e)
{
	const char *named = getenv("CEL_STORE");
	if (named != NULL && named[0] != '\0')
		return copy_path(path, size, named, e);
	char directory[PATH_MAX];
	if (getcwd(directory, sizeof directory - sizeof "/.cel") == NULL)
		return error_set(e, CEL_ENOINPUT, "the working directory cannot be read");
	for (;;) {
		size_t length = strlen(directory);
		if (length == 1)
			length = 0; /* the root: "/.cel", not "//.cel" */
		memcpy(directory + length, "/.cel", sizeof "/.cel");
		struct stat st;
		if (stat(directory, &st) == 0 && S_ISDIR(st.st_mode))
			return copy_path(path, size, directory, e);
		if (length == 0)
			break;
		directory[length] = '\0';
		char *slash = strrchr(directory, '/');
		slash[slash == directory ? 1 : 0] = '\0';
	}
	return error_set(e, CEL_ENOINPUT,
			 "no store: name one with --store or CEL_STORE, or make one here with 'cel init'");
}

int cel_store_open(const char *path, const struct cel_store_options *options, struct cel_store **out,
		   struct cel_error *e)
{
	*out = NULL;
	struct cel_store *s = mem_calloc(1, sizeof *s);
	if (s == NULL)
		return error_nomem(e, sizeof *s);
	struct store_options inner = {0};
	if (options != NULL) {
		s->lock_wait = options->lock_wait;
		s->is_read_only = inner.is_read_only = options->is_read_only;
	}
	int rc = store_open(path, &inner, &s->store, e);
	if (rc < 0) {
		mem_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void cel_store_free(struct cel_store *store)
{
	if (store == NULL)
		return;
	store_free(store->store);
	mem_free(store);
}

void cel_store_abandon_all(void)
{
	tmp_abandon_all();
}

uint32_t db_thread_count(uint32_t wanted)
{
	if (wanted != 0)
		return wanted;
	cpu_set_t set;
	int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
	return count > 0 ? (uint32_t)count : 1;
}

int cel_simd_name(const char **out, struct cel_error *e)
{
	const struct simd_kernels *kernels = simd_select();
	if (kernels == NULL)
		return error_set(e, CEL_EUNAVAILABLE, "%s", simd_select_error());
	*out = kernels->name;
	return 0;
}
