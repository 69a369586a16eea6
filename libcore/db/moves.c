/* SPDX-License-Identifier: Apache-2.0 */
/* Where a collection's name points, and where it pointed: making a name for any commit, moving it to any commit of its
 * schema, and this store's own log of the moves. */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "record.h"

int cel_collection_create_from(struct cel_store *store, const char *name, const char *rev, struct cel_error *e)
{
	char ref[DB_REF_MAX], message[STORE_REF_MAX];
	struct store_batch *batch;
	struct store_read *read;
	int rc = db_head_ref(name, ref, e);
	if (rc == 0)
		rc = store_batch_begin(store->store, store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	snprintf(message, sizeof message, "create from %.200s", rev);
	struct store_ref_update update = {.ref = ref, .has_new = true, .message = message};
	struct db_rev from;
	rc = store_read_begin(store->store, &read, e);
	if (rc == 0) {
		rc = db_rev_resolve(read, rev, &from, e);
		if (rc == 0)
			rc = db_rev_need_tree(read, &from, e);
		store_read_end(read);
	}
	if (rc == 0) {
		update.new = from.cid;
		rc = store_batch_commit(batch, NULL, &update, 1, (int64_t)time(NULL), e);
		if (rc == CEL_EBUSY) /* this batch holds the writer lock, so the ref was there before */
			rc = error_set(e, CEL_ECANTCREAT, "there is a collection '%s' already", name);
	}
	store_batch_free(batch);
	return rc;
}

/* Where the name is and where it is to go. */
static int prepare_reset(struct store_read *read, const char *name, const char *rev, char ref[DB_REF_MAX],
			 struct store_ref_update *update, struct cel_error *e)
{
	struct db_rev head, to;
	int rc = db_head_cid(read, name, ref, &update->old, e);
	if (rc == 0)
		rc = db_rev_load(read, &update->old, &head, e);
	if (rc == 0)
		rc = db_rev_resolve(read, rev, &to, e);
	if (rc < 0)
		return rc;
	if (!cid_equal(&head.commit.schema, &to.commit.schema))
		return error_set(e, CEL_EUSAGE,
				 "'%.100s' has another schema than '%s': %" PRIu32 " %s %s '%s', not %" PRIu32 " %s %s '%s'", rev,
				 name, to.schema.dim, cel_type_name(to.schema.type), cel_metric_name(to.schema.metric),
				 to.schema.model, head.schema.dim, cel_type_name(head.schema.type),
				 cel_metric_name(head.schema.metric), head.schema.model);
	update->new = to.cid;
	return db_rev_need_tree(read, &to, e);
}

int cel_collection_reset(struct cel_store *store, const char *name, const char *rev, struct cel_reset_result *out,
			 struct cel_error *e)
{
	char ref[DB_REF_MAX], message[STORE_REF_MAX];
	struct store_batch *batch;
	struct store_read *read;
	int rc = store_batch_begin(store->store, store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	snprintf(message, sizeof message, "reset to %.200s", rev);
	struct store_ref_update update = {.ref = ref, .has_old = true, .has_new = true, .message = message};
	rc = store_read_begin(store->store, &read, e);
	if (rc == 0) {
		rc = prepare_reset(read, name, rev, ref, &update, e);
		store_read_end(read);
	}
	if (rc == 0) {
		cid_format(&update.old, out->old_commit);
		cid_format(&update.new, out->commit);
		out->is_moved = !cid_equal(&update.old, &update.new);
	}
	if (rc == 0 && out->is_moved)
		rc = store_batch_commit(batch, NULL, &update, 1, (int64_t)time(NULL), e);
	store_batch_free(batch);
	return rc;
}

/* ---- the log of the moves */

/* A copy, so that no snapshot stands while the caller prints. */
struct cel_moves {
	size_t n, next, capacity;
	struct store_log_entry *entries; /* newest first */
	struct cel_move current;
};

void cel_moves_free(struct cel_moves *moves)
{
	if (moves == NULL)
		return;
	mem_free(moves->entries);
	mem_free(moves);
}

static int read_moves(struct store_read *read, const char *ref, struct cel_moves *moves, struct cel_error *e)
{
	struct store_log_entry entry;
	int rc;
	while ((rc = store_read_ref_log(read, ref, moves->n, &entry, e)) == 0) {
		if (mem_grow(&moves->entries, &moves->capacity, moves->n + 1, sizeof *moves->entries, e) < 0)
			return CEL_ENOMEM;
		moves->entries[moves->n++] = entry;
	}
	return rc == CEL_ENOTFOUND ? 0 : rc;
}

int cel_moves_new(struct cel_store *store, const char *name, struct cel_moves **out, struct cel_error *e)
{
	*out = NULL;
	char ref[DB_REF_MAX];
	struct store_read *read;
	int rc = db_head_ref(name, ref, e);
	if (rc < 0)
		return rc;
	struct cel_moves *moves = mem_calloc(1, sizeof *moves);
	if (moves == NULL)
		return error_nomem(e, sizeof *moves);
	rc = store_read_begin(store->store, &read, e);
	if (rc == 0) {
		struct cid head;
		rc = read_moves(read, ref, moves, e);
		if (rc == 0 && moves->n == 0) /* a deleted collection has a log, this one never was */
			rc = db_head_cid(read, name, ref, &head, e);
		store_read_end(read);
	}
	if (rc < 0) {
		cel_moves_free(moves);
		return rc;
	}
	*out = moves;
	return 0;
}

int cel_moves_next(struct cel_moves *moves, const struct cel_move **out)
{
	*out = NULL;
	if (moves->next == moves->n)
		return 0;
	const struct store_log_entry *entry = &moves->entries[moves->next];
	struct cel_move *move = &moves->current;
	*move = (struct cel_move){.index = moves->next++, .time = entry->time, .message = entry->message};
	if (entry->has_old)
		cid_format(&entry->old, move->old_commit);
	if (entry->has_new)
		cid_format(&entry->new, move->commit);
	*out = move;
	return 1;
}
