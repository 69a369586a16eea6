/* SPDX-License-Identifier: Apache-2.0 */
/* A remote is the setting "remote/NAME" of the store, its place as it is written. A path is made absolute when it is added, as the
 * remote is to mean the same store from every directory. What is fetched is named after the id of the store that it came from, so a
 * setting "remote-store/NAME/ID" says which stores a remote has been: with it goes what came from them, unless another remote
 * has been one of them, too. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db.h"
#include "error.h"
#include "record.h"
#include "remotes.h"
#include "settings.h"

#define REMOTE_PREFIX "remote/"
#define ORIGIN_PREFIX "remote-store/"

_Static_assert(CEL_PLACE_MAX < SETTING_VALUE_MAX, "a place fits into a setting");

static int setting_of(const char *name, char out[SETTING_NAME_MAX], struct cel_error *e)
{
	if (record_check_collection_name(name, NULL) < 0)
		return error_set(e, CEL_EUSAGE,
				 "'%.100s' is no name of a remote: 1 to %u characters of a-z 0-9 . _ -, the first a letter or a digit",
				 name, CEL_NAME_MAX);
	snprintf(out, SETTING_NAME_MAX, REMOTE_PREFIX "%s", name);
	return 0;
}

int cel_remote_add(struct cel_store *store, const char *name, const char *place, struct cel_error *e)
{
	char setting[SETTING_NAME_MAX], whole[PATH_MAX];
	struct cel_place parsed;
	int rc = setting_of(name, setting, e);
	if (rc == 0)
		rc = cel_place_parse_store(place, &parsed, e);
	if (rc < 0)
		return rc;
	if (parsed.kind == CEL_PLACE_REMOTE)
		return error_set(e, CEL_EUSAGE, "'%.200s' is no place of a store: for a directory write ./%.200s, for a host HOST:PATH",
				 place, place);
	if (parsed.kind == CEL_PLACE_PATH) {
		if (realpath(place, whole) == NULL)
			return error_set_errno(e, CEL_ENOINPUT, errno, "%.200s", place);
		place = whole;
	}
	if (strlen(place) > CEL_PLACE_MAX)
		return error_set(e, CEL_EUSAGE, "the place of the remote '%s' is longer than %u bytes", name, CEL_PLACE_MAX);
	rc = settings_set(store->store, store->lock_wait, setting, place, true, e);
	if (rc == CEL_ECANTCREAT)
		return error_set(e, CEL_ECANTCREAT, "there is a remote '%s' already ('cel remote list' shows where it is)", name);
	return rc;
}

/* ---- which stores it has been */

static int origin_setting(const char *name, const char *id, char out[SETTING_NAME_MAX])
{
	return snprintf(out, SETTING_NAME_MAX, ORIGIN_PREFIX "%s/%s", name, id) < SETTING_NAME_MAX ? 0 : CEL_EUSAGE;
}

int remote_note_origin(struct cel_store *store, const char *name, const char *id, struct cel_error *e)
{
	char setting[SETTING_NAME_MAX], value[SETTING_VALUE_MAX];
	if (origin_setting(name, id, setting) < 0)
		return error_set(e, CEL_EINTERNAL, "the id '%.100s' of a store is none", id);
	int rc = settings_get(store->store, setting, value, NULL);
	return rc == CEL_ENOTFOUND ? settings_set(store->store, store->lock_wait, setting, "", false, e) : rc;
}

/* Names one behind the other, each with its NUL, and then where they begin. */
struct names {
	struct buf text, pointers;
};

static int names_add(struct names *n, const char *name, struct cel_error *e)
{
	return buf_append(&n->text, name, strlen(name) + 1, e);
}

static int names_point(struct names *n, struct cel_error *e)
{
	int rc = 0;
	for (size_t at = 0; at < n->text.size && rc == 0; at += strlen((const char *)n->text.data + at) + 1) {
		const char *name = (const char *)n->text.data + at;
		rc = buf_append(&n->pointers, &name, sizeof name, e);
	}
	return rc;
}

static void names_release(struct names *n)
{
	buf_release(&n->text);
	buf_release(&n->pointers);
}

/* 1 and its name if another remote has been the store of this id. */
static int find_other(struct cel_store *store, const char *name, const char *id, char other[CEL_NAME_MAX + 1],
		      struct cel_error *e)
{
	char position[SETTING_NAME_MAX] = "", value[SETTING_VALUE_MAX], setting[SETTING_NAME_MAX];
	int rc;
	while ((rc = settings_next(store->store, REMOTE_PREFIX, position, value, e)) == 1) {
		const char *found = position + sizeof REMOTE_PREFIX - 1;
		if (strcmp(found, name) == 0 || strlen(found) > CEL_NAME_MAX || origin_setting(found, id, setting) < 0)
			continue;
		rc = settings_get(store->store, setting, value, e);
		if (rc == 0)
			memcpy(other, found, strlen(found) + 1);
		if (rc != CEL_ENOTFOUND)
			return rc < 0 ? rc : 1;
	}
	return rc;
}

static int add_fetched(struct cel_store *store, const char *id, struct names *refs, uint64_t *n, struct cel_error *e)
{
	char prefix[STORE_REF_MAX], position[STORE_REF_MAX] = "";
	struct store_read *read;
	struct cid cid;
	snprintf(prefix, sizeof prefix, FETCHED_PREFIX "%.64s/", id);
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	while ((rc = store_read_next_ref(read, prefix, position, &cid, e)) == 1 && (rc = names_add(refs, position, e)) == 0)
		++*n;
	store_read_end(read);
	return rc;
}

/* What goes with the remote. */
static int find_traces(struct cel_store *store, const char *name, struct names *settings, struct names *refs,
		       struct cel_remote_removal *out, struct cel_error *e)
{
	char prefix[SETTING_NAME_MAX], position[SETTING_NAME_MAX] = "", value[SETTING_VALUE_MAX];
	int rc = origin_setting(name, "", prefix);
	if (rc < 0)
		return rc;
	while ((rc = settings_next(store->store, prefix, position, value, e)) == 1) {
		const char *id = position + strlen(prefix);
		rc = names_add(settings, position, e);
		if (rc == 0)
			rc = find_other(store, name, id, out->shared_with, e);
		if (rc == 0)
			rc = add_fetched(store, id, refs, &out->fetched, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

int cel_remote_remove(struct cel_store *store, const char *name, struct cel_remote_removal *out, struct cel_error *e)
{
	char setting[SETTING_NAME_MAX];
	struct names settings = {0}, refs = {0};
	*out = (struct cel_remote_removal){0};
	int rc = setting_of(name, setting, e);
	if (rc == 0)
		rc = find_traces(store, name, &settings, &refs, out, e);
	if (rc == 0)
		rc = names_point(&settings, e);
	if (rc == 0)
		rc = names_point(&refs, e);
	if (rc == 0) {
		struct settings_removal beside = {
			.names = (const char *const *)(const void *)settings.pointers.data,
			.n_names = settings.pointers.size / sizeof(char *),
			.refs = (const char *const *)(const void *)refs.pointers.data,
			.n_refs = refs.pointers.size / sizeof(char *),
			.message = "remote remove",
			.time = (int64_t)time(NULL),
		};
		rc = settings_remove(store->store, store->lock_wait, setting, &beside, e);
	}
	names_release(&settings);
	names_release(&refs);
	if (rc == CEL_ENOTFOUND)
		return error_set(e, CEL_ENOINPUT, "there is no remote '%s'", name);
	return rc;
}

int cel_remote_get(struct cel_store *store, const char *name, char place[CEL_PLACE_MAX + 1], struct cel_error *e)
{
	char setting[SETTING_NAME_MAX], value[SETTING_VALUE_MAX];
	int rc = setting_of(name, setting, e);
	if (rc == 0)
		rc = settings_get(store->store, setting, value, e);
	if (rc == CEL_ENOTFOUND)
		return error_set(e, CEL_ENOINPUT,
				 "there is no remote '%s' ('cel remote add' makes one; a directory is written ./%s)", name, name);
	if (rc == 0 && strlen(value) > CEL_PLACE_MAX)
		return error_set(e, CEL_ECORRUPT, "the place of the remote '%s' is damaged", name);
	if (rc == 0)
		memcpy(place, value, strlen(value) + 1);
	return rc;
}

int cel_remote_list(struct cel_store *store, cel_remote_fn *call, void *context, struct cel_error *e)
{
	char position[SETTING_NAME_MAX] = "", value[SETTING_VALUE_MAX];
	int rc;
	while ((rc = settings_next(store->store, REMOTE_PREFIX, position, value, e)) == 1) {
		rc = call(context, position + sizeof REMOTE_PREFIX - 1, value, e);
		if (rc != 0)
			return rc;
	}
	return rc;
}
