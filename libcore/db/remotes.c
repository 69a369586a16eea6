/* SPDX-License-Identifier: Apache-2.0 */
/* A remote is the setting "remote/NAME" of the store, its place as it is written. A path is made absolute when it is added, as the
 * remote is to mean the same store from every directory. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db.h"
#include "error.h"
#include "record.h"
#include "settings.h"

#define REMOTE_PREFIX "remote/"

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

int cel_remote_remove(struct cel_store *store, const char *name, struct cel_error *e)
{
	char setting[SETTING_NAME_MAX];
	int rc = setting_of(name, setting, e);
	if (rc == 0)
		rc = settings_set(store->store, store->lock_wait, setting, NULL, false, e);
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
