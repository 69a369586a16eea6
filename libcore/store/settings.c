/* SPDX-License-Identifier: Apache-2.0 */
/* Settings lie in the meta table under "setting/NAME", each in a transaction of its own: they are few, short and seldom changed.
 * Like every other change to the store, one is made under the writer lock. */
#include "settings.h"

#include <errno.h>
#include <stdio.h>

#include "error.h"
#include "lock.h"
#include "refs.h"
#include "store_impl.h"

#define PREFIX "setting/"
#define KEY_MAX (sizeof PREFIX - 1 + SETTING_NAME_MAX)

static int make_key(const char *name, char key[KEY_MAX], struct cel_error *e)
{
	if (snprintf(key, KEY_MAX, PREFIX "%s", name) >= (int)KEY_MAX)
		return error_set(e, CEL_EUSAGE, "the name '%.100s...' of a setting is too long", name);
	return 0;
}

static int copy_value(const struct env *env, const MDB_val *from, char value[SETTING_VALUE_MAX], struct cel_error *e)
{
	if (from->mv_size >= SETTING_VALUE_MAX || memchr(from->mv_data, 0, from->mv_size) != NULL)
		return error_set(e, CEL_ECORRUPT, "%s: a setting is damaged", env->path);
	memcpy(value, from->mv_data, from->mv_size);
	value[from->mv_size] = '\0';
	return 0;
}

int settings_get(struct store *s, const char *name, char value[SETTING_VALUE_MAX], struct cel_error *e)
{
	char text[KEY_MAX];
	MDB_txn *txn;
	int rc = make_key(name, text, e);
	if (rc == 0)
		rc = env_read_begin(&s->env, &txn, e);
	if (rc < 0)
		return rc;
	MDB_val key = val_make(text, strlen(text)), found;
	rc = mdb_get(txn, s->env.meta, &key, &found);
	if (rc == MDB_NOTFOUND)
		rc = error_set(e, CEL_ENOTFOUND, "there is no setting %s", name);
	else if (rc != 0)
		rc = env_error(&s->env, rc, 0, "reading a setting", e);
	else
		rc = copy_value(&s->env, &found, value, e);
	env_end(&s->env, txn);
	return rc;
}

/* The first key from `position` on, itself left out unless it is empty; an LMDB code. */
static int seek(struct env *env, MDB_txn *txn, const char *prefix, const char *position, MDB_val *key, MDB_val *value)
{
	MDB_cursor *cursor;
	char text[KEY_MAX];
	snprintf(text, sizeof text, PREFIX "%s", position[0] != '\0' ? position : prefix);
	*key = val_make(text, strlen(text));
	int rc = mdb_cursor_open(txn, env->meta, &cursor);
	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
	if (rc == 0 && position[0] != '\0' && key->mv_size == strlen(text) && memcmp(key->mv_data, text, key->mv_size) == 0)
		rc = mdb_cursor_get(cursor, key, value, MDB_NEXT);
	mdb_cursor_close(cursor);
	return rc;
}

int settings_next(struct store *s, const char *prefix, char position[SETTING_NAME_MAX], char value[SETTING_VALUE_MAX],
		  struct cel_error *e)
{
	char wanted[KEY_MAX];
	MDB_val key, found;
	MDB_txn *txn;
	int rc = make_key(prefix, wanted, e);
	if (rc == 0)
		rc = env_read_begin(&s->env, &txn, e);
	if (rc < 0)
		return rc;
	rc = seek(&s->env, txn, prefix, position, &key, &found);
	if (rc == MDB_NOTFOUND || (rc == 0 && (key.mv_size < strlen(wanted) || memcmp(key.mv_data, wanted, strlen(wanted)) != 0))) {
		rc = 0;
	} else if (rc != 0) {
		rc = env_error(&s->env, rc, 0, "reading settings", e);
	} else if (key.mv_size >= KEY_MAX || memchr(key.mv_data, 0, key.mv_size) != NULL) {
		rc = error_set(e, CEL_ECORRUPT, "%s: the name of a setting is damaged", s->env.path);
	} else {
		size_t length = key.mv_size - (sizeof PREFIX - 1);
		memcpy(position, (const char *)key.mv_data + sizeof PREFIX - 1, length);
		position[length] = '\0';
		rc = copy_value(&s->env, &found, value, e);
		rc = rc < 0 ? rc : 1;
	}
	env_end(&s->env, txn);
	return rc;
}

/* ---- changing; an LMDB code comes from what is done in a transaction */

struct change {
	char key[KEY_MAX];
	const char *value;
	bool is_new;
	const struct settings_removal *removal; /* beside it */
};

static int remove_setting(struct env *env, MDB_txn *txn, const char *name)
{
	char text[KEY_MAX];
	int rc = make_key(name, text, NULL);
	MDB_val key = val_make(text, strlen(text));
	return rc < 0 ? EINVAL : mdb_del(txn, env->meta, &key, NULL);
}

static int remove_ref(struct env *env, MDB_txn *txn, const char *ref, const struct settings_removal *what)
{
	struct store_ref_update update = {.ref = ref, .has_old = true, .message = what->message};
	int rc = refs_get(env, txn, ref, &update.old, NULL);
	return rc == CEL_ENOTFOUND ? 0 : rc < 0 ? EINVAL : refs_move(env, txn, &update, what->time);
}

static int remove_beside(struct env *env, MDB_txn *txn, const struct settings_removal *what)
{
	int rc = 0;
	for (size_t i = 0; i < what->n_names && rc == 0; i++) {
		rc = remove_setting(env, txn, what->names[i]);
		rc = rc == MDB_NOTFOUND ? 0 : rc;
	}
	for (size_t i = 0; i < what->n_refs && rc == 0; i++)
		rc = remove_ref(env, txn, what->refs[i], what);
	return rc;
}

static int try_change(struct env *env, MDB_txn *txn, const struct change *c)
{
	MDB_val key = val_make(c->key, strlen(c->key));
	if (c->value == NULL) {
		int rc = mdb_del(txn, env->meta, &key, NULL);
		return rc == 0 && c->removal != NULL ? remove_beside(env, txn, c->removal) : rc;
	}
	MDB_val data = val_make(c->value, strlen(c->value));
	return mdb_put(txn, env->meta, &key, &data, c->is_new ? MDB_NOOVERWRITE : 0);
}

static int change_locked(struct env *env, const char *name, const struct change *c, struct cel_error *e)
{
	for (;;) {
		MDB_txn *txn;
		int rc = env_write_begin(env, &txn, e);
		if (rc < 0)
			return rc;
		rc = try_change(env, txn, c);
		if (rc == 0)
			rc = env_commit(env, txn);
		else
			env_end(env, txn);
		if (rc == 0)
			return 0;
		if (rc == MDB_NOTFOUND)
			return error_set(e, CEL_ENOTFOUND, "there is no setting %s", name);
		if (rc == MDB_KEYEXIST)
			return error_set(e, CEL_ECANTCREAT, "there is a setting %s already", name);
		if (rc != MDB_MAP_FULL)
			return env_error(env, rc, 0, "writing a setting", e);
		rc = env_grow(env, e);
		if (rc < 0)
			return rc;
	}
}

static int change_setting(struct store *s, double lock_wait_seconds, const char *name, struct change *c, struct cel_error *e)
{
	int lock;
	int rc = make_key(name, c->key, e);
	if (rc == 0 && name[0] == '\0')
		rc = error_set(e, CEL_EUSAGE, "a setting has a name");
	if (rc == 0 && c->value != NULL && strlen(c->value) >= SETTING_VALUE_MAX)
		rc = error_set(e, CEL_EUSAGE, "the setting %s is longer than %d bytes", name, SETTING_VALUE_MAX - 1);
	if (rc == 0 && s->is_read_only)
		rc = error_set(e, CEL_EPERMISSION, "%s is open for reading only", s->path);
	if (rc == 0)
		rc = writer_lock_acquire(s->path, lock_wait_seconds, &lock, e);
	if (rc < 0)
		return rc;
	rc = change_locked(&s->env, name, c, e);
	writer_lock_release(lock);
	return rc;
}

int settings_set(struct store *s, double lock_wait_seconds, const char *name, const char *value, bool is_new,
		 struct cel_error *e)
{
	struct change change = {.value = value, .is_new = is_new};
	return change_setting(s, lock_wait_seconds, name, &change, e);
}

int settings_remove(struct store *s, double lock_wait_seconds, const char *name, const struct settings_removal *beside,
		    struct cel_error *e)
{
	struct change change = {.removal = beside};
	return change_setting(s, lock_wait_seconds, name, &change, e);
}
