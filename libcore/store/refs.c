/* SPDX-License-Identifier: Apache-2.0 */
/* Table refs: name -> CID. Table log: name, 0, big-endian number -> what happened, numbers counting up from 0, so the
 * newest entry of a ref is the last key with its prefix and entry `index` lies at (newest number - index).
 *
 *     log value: flags (1 has old, 2 has new) ‖ old CID ‖ new CID ‖ time ‖ message */
#include "refs.h"

#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "error.h"
#include "record.h"

#define LOG_OLD 1
#define LOG_CIDS (1 + 2 * CID_SIZE) /* offset of the time */
#define LOG_HEAD (LOG_CIDS + 8)     /* offset of the message */
#define LOG_NEW 2
#define LOG_KEY_MAX (STORE_REF_MAX + 8)

int refs_check_name(const char *ref, struct cel_error *e)
{
	size_t length = strlen(ref);
	if (length == 0 || length >= STORE_REF_MAX || !utf8_is_valid(slice_text(ref)))
		return error_set(e, CEL_EUSAGE, "'%.100s' is no ref: 1 to %d bytes of UTF-8 are", ref, STORE_REF_MAX - 1);
	return 0;
}

static int decode_value(struct env *env, const char *ref, const MDB_val *value, struct cid *out, struct cel_error *e)
{
	if (cid_decode(slice_make(value->mv_data, value->mv_size), out, NULL) < 0)
		return error_set(e, CEL_ECORRUPT, "%s: ref %s is damaged", env->path, ref);
	return 0;
}

int refs_get(struct env *env, MDB_txn *txn, const char *ref, struct cid *out, struct cel_error *e)
{
	int rc = refs_check_name(ref, e);
	if (rc < 0)
		return rc;
	MDB_val key = val_make(ref, strlen(ref)), value;
	rc = mdb_get(txn, env->refs, &key, &value);
	if (rc == MDB_NOTFOUND)
		return error_set(e, CEL_ENOTFOUND, "there is no ref %s", ref);
	if (rc != 0)
		return env_error(env, rc, 0, "reading a ref", e);
	return decode_value(env, ref, &value, out, e);
}

int refs_next(struct env *env, MDB_txn *txn, const char *prefix, char position[STORE_REF_MAX], struct cid *out,
	      struct cel_error *e)
{
	MDB_cursor *cursor;
	size_t prefix_length = strlen(prefix);
	const char *from = position[0] != '\0' ? position : prefix;
	MDB_val key = val_make(from, strlen(from)), value;
	int rc = mdb_cursor_open(txn, env->refs, &cursor);
	if (rc != 0)
		return env_error(env, rc, 0, "listing refs", e);
	rc = mdb_cursor_get(cursor, &key, &value, key.mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
	if (rc == 0 && position[0] != '\0' && key.mv_size == strlen(position) &&
	    memcmp(key.mv_data, position, key.mv_size) == 0)
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	mdb_cursor_close(cursor);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return env_error(env, rc, 0, "listing refs", e);
	if (key.mv_size < prefix_length || memcmp(key.mv_data, prefix, prefix_length) != 0)
		return 0;
	if (key.mv_size == 0 || key.mv_size >= STORE_REF_MAX || memchr(key.mv_data, 0, key.mv_size) != NULL)
		return error_set(e, CEL_ECORRUPT, "%s: the name of a ref is damaged", env->path);
	memcpy(position, key.mv_data, key.mv_size);
	position[key.mv_size] = '\0';
	rc = decode_value(env, position, &value, out, e);
	return rc < 0 ? rc : 1;
}

/* ---- the log */

static size_t make_log_key(const char *ref, uint64_t number, uint8_t out[LOG_KEY_MAX])
{
	size_t length = strlen(ref) + 1;
	memcpy(out, ref, length);
	store_be64(out + length, number);
	return length + 8;
}

/* The number of the newest entry; MDB_NOTFOUND if there is none. */
static int newest_number(MDB_txn *txn, MDB_dbi log, const char *ref, uint64_t *out)
{
	uint8_t bytes[LOG_KEY_MAX];
	MDB_cursor *cursor;
	size_t size = make_log_key(ref, UINT64_MAX, bytes);
	MDB_val key = val_make(bytes, size), value;
	int rc = mdb_cursor_open(txn, log, &cursor);
	if (rc != 0)
		return rc;
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	rc = mdb_cursor_get(cursor, &key, &value, rc == MDB_NOTFOUND ? MDB_LAST : MDB_PREV);
	mdb_cursor_close(cursor);
	if (rc == 0 && (key.mv_size != size || memcmp(key.mv_data, bytes, size - 8) != 0))
		rc = MDB_NOTFOUND;
	if (rc == 0)
		*out = load_be64((const uint8_t *)key.mv_data + size - 8);
	return rc;
}

static int decode_log(const uint8_t *p, size_t size, struct store_log_entry *out)
{
	if (size < LOG_HEAD || size - LOG_HEAD >= sizeof out->message)
		return -1;
	*out = (struct store_log_entry){.has_old = (p[0] & LOG_OLD) != 0, .has_new = (p[0] & LOG_NEW) != 0};
	if (out->has_old && cid_decode(slice_make(p + 1, CID_SIZE), &out->old, NULL) < 0)
		return -1;
	if (out->has_new && cid_decode(slice_make(p + 1 + CID_SIZE, CID_SIZE), &out->new, NULL) < 0)
		return -1;
	out->time = (int64_t)load_le64(p + LOG_CIDS);
	memcpy(out->message, p + LOG_HEAD, size - LOG_HEAD);
	return 0;
}

int refs_log(struct env *env, MDB_txn *txn, const char *ref, uint64_t index, struct store_log_entry *out,
	     struct cel_error *e)
{
	int rc = refs_check_name(ref, e);
	if (rc < 0)
		return rc;
	uint64_t newest = 0;
	uint8_t bytes[LOG_KEY_MAX];
	MDB_val key, value;
	rc = newest_number(txn, env->log, ref, &newest);
	if (rc == 0 && index > newest)
		rc = MDB_NOTFOUND;
	if (rc == 0) {
		key = val_make(bytes, make_log_key(ref, newest - index, bytes));
		rc = mdb_get(txn, env->log, &key, &value);
	}
	if (rc == MDB_NOTFOUND)
		return error_set(e, CEL_ENOTFOUND, "the log of %s has no entry %llu", ref, (unsigned long long)index);
	if (rc != 0)
		return env_error(env, rc, 0, "reading the ref log", e);
	if (decode_log(value.mv_data, value.mv_size, out) < 0)
		return error_set(e, CEL_ECORRUPT, "%s: the log of ref %s is damaged", env->path, ref);
	return 0;
}

int refs_logs(struct env *env, MDB_txn *txn,
	      int (*each)(void *context, const char *ref, const struct store_log_entry *entry, struct cel_error *e),
	      void *context, struct cel_error *e)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = 0, code = mdb_cursor_open(txn, env->log, &cursor);
	if (code != 0)
		return env_error(env, code, 0, "reading the ref logs", e);
	while (rc == 0 && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		struct store_log_entry entry;
		const char *ref = key.mv_data; /* with its NUL */
		if (key.mv_size < 10 || strnlen(ref, key.mv_size) != key.mv_size - 9 ||
		    decode_log(value.mv_data, value.mv_size, &entry) < 0)
			rc = error_set(e, CEL_ECORRUPT, "%s: the log of a ref is damaged", env->path);
		else
			rc = each(context, ref, &entry, e);
	}
	mdb_cursor_close(cursor);
	return rc != 0 || code == MDB_NOTFOUND ? rc : env_error(env, code, 0, "reading the ref logs", e);
}

/* Bytes of the message that are kept: all, or up to the last whole character that fits. */
static size_t message_length(const char *message)
{
	size_t length = strlen(message), limit = sizeof(((struct store_log_entry *)0)->message) - 1;
	if (length <= limit)
		return length;
	while (limit > 0 && ((unsigned char)message[limit] & 0xc0) == 0x80)
		limit--;
	return limit;
}

static int add_log(struct env *env, MDB_txn *txn, const struct store_ref_update *update, int64_t time)
{
	uint8_t key_bytes[LOG_KEY_MAX], bytes[LOG_HEAD + 256] = {0};
	uint64_t number = 0;
	int rc = newest_number(txn, env->log, update->ref, &number);
	if (rc == 0)
		number++;
	else if (rc != MDB_NOTFOUND)
		return rc;
	bytes[0] = (uint8_t)((update->has_old ? LOG_OLD : 0) | (update->has_new ? LOG_NEW : 0));
	if (update->has_old)
		cid_encode(&update->old, bytes + 1);
	if (update->has_new)
		cid_encode(&update->new, bytes + 1 + CID_SIZE);
	store_le64(bytes + LOG_CIDS, (uint64_t)time);
	size_t length = message_length(update->message);
	memcpy(bytes + LOG_HEAD, update->message, length);
	MDB_val key = val_make(key_bytes, make_log_key(update->ref, number, key_bytes));
	MDB_val value = val_make(bytes, LOG_HEAD + length);
	return mdb_put(txn, env->log, &key, &value, 0);
}

/* ---- moving */

int refs_compare(struct env *env, MDB_txn *txn, const struct store_ref_update *update, struct cel_error *e)
{
	struct cid now;
	struct cel_error problem;
	int rc = refs_get(env, txn, update->ref, &now, &problem);
	if (rc == CEL_ENOTFOUND && !update->has_old)
		return 0;
	if (rc == CEL_ENOTFOUND)
		return error_set(e, CEL_EBUSY, "ref %s was deleted meanwhile", update->ref);
	if (rc < 0)
		return error_set(e, rc, "%s", problem.message);
	if (!update->has_old)
		return error_set(e, CEL_EBUSY, "ref %s was created meanwhile", update->ref);
	if (!cid_equal(&now, &update->old))
		return error_set(e, CEL_EBUSY, "ref %s was moved meanwhile", update->ref);
	return 0;
}

int refs_move(struct env *env, MDB_txn *txn, const struct store_ref_update *update, int64_t time)
{
	uint8_t bytes[CID_SIZE];
	MDB_val key = val_make(update->ref, strlen(update->ref)), value = val_make(bytes, sizeof bytes);
	int rc;
	if (update->has_new) {
		cid_encode(&update->new, bytes);
		rc = mdb_put(txn, env->refs, &key, &value, 0);
	} else {
		rc = mdb_del(txn, env->refs, &key, NULL);
		rc = rc == MDB_NOTFOUND ? 0 : rc;
	}
	return rc != 0 || update->is_unlogged ? rc : add_log(env, txn, update, time);
}
