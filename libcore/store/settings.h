/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a store: short texts under names such as "remote/berlin". */
#ifndef STORE_SETTINGS_H
#define STORE_SETTINGS_H

#include "store.h"

#define SETTING_NAME_MAX 256  /* with its NUL */
#define SETTING_VALUE_MAX 8192 /* with its NUL */

/* CEL_ENOTFOUND if there is none. */
int settings_get(struct store *s, const char *name, char value[SETTING_VALUE_MAX], struct cel_error *e);
/* Names that begin with prefix, in byte order: start with *position = "" and go on with what came back. 1 an item, 0 the
 * end. */
int settings_next(struct store *s, const char *prefix, char position[SETTING_NAME_MAX], char value[SETTING_VALUE_MAX],
		  struct cel_error *e);
/* value NULL: removes it. Waits for the writer lock as store_batch_begin does. CEL_ECANTCREAT if is_new and it is there
 * already, CEL_ENOTFOUND if it is to be removed and is not there. */
int settings_set(struct store *s, double lock_wait_seconds, const char *name, const char *value, bool is_new,
		 struct cel_error *e);
/* Takes it away, and in the same transaction, if they are there, other settings and refs. CEL_ENOTFOUND and nothing is changed if it is
 * not there itself. */
struct settings_removal {
	const char *const *names, *const *refs;
	size_t n_names, n_refs;
	const char *message; /* for the logs of the refs */
	int64_t time;
};
int settings_remove(struct store *s, double lock_wait_seconds, const char *name, const struct settings_removal *beside,
		    struct cel_error *e);

#endif
