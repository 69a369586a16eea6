/* SPDX-License-Identifier: Apache-2.0 */
/* Commits as the public API shows them: one revision, the list of collections, and history newest first. */
#include <stdio.h>

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "record.h"
#include "rev.h"
#include "tree.h"

int db_head_ref(const char *name, char out[DB_REF_MAX], struct cel_error *e)
{
	int rc = record_check_collection_name(name, e);
	if (rc == 0)
		snprintf(out, DB_REF_MAX, HEADS_PREFIX "%s", name);
	return rc;
}

int db_rev_load(struct store_read *read, const struct cid *cid, struct db_rev *out, struct cel_error *e)
{
	out->cid = *cid;
	int rc = commit_read(read, cid, &out->commit, e);
	return rc < 0 ? rc : schema_read(read, &out->commit.schema, &out->schema, e);
}

int db_rev_resolve(struct store_read *read, const char *rev, struct db_rev *out, struct cel_error *e)
{
	struct cid cid;
	int rc = rev_resolve(read, rev, &cid, e);
	return rc < 0 ? rc : db_rev_load(read, &cid, out, e);
}

int db_head_cid(struct store_read *read, const char *name, char ref[DB_REF_MAX], struct cid *out, struct cel_error *e)
{
	int rc = db_head_ref(name, ref, e);
	if (rc == 0)
		rc = store_read_ref(read, ref, out, e);
	if (rc == CEL_ENOTFOUND)
		return error_set(e, CEL_ENOINPUT,
				 "there is no collection '%s' ('cel list' shows what there is, 'cel create' makes one)", name);
	return rc;
}

int db_head_load(struct store_read *read, const char *name, struct db_rev *out, struct cel_error *e)
{
	char ref[DB_REF_MAX];
	struct cid cid;
	int rc = db_head_cid(read, name, ref, &cid, e);
	return rc < 0 ? rc : db_rev_load(read, &cid, out, e);
}

/* One allocation: the struct, then author and message with their NULs. */
int db_revision_new(struct store_read *read, const char *name, const struct db_rev *rev, struct cel_revision **out,
		    struct cel_error *e)
{
	const struct commit *commit = &rev->commit;
	size_t size = sizeof(struct cel_revision) + commit->author.size + commit->message.size + 2;
	struct cel_revision *r = mem_calloc(1, size);
	if (r == NULL)
		return error_nomem(e, size);
	int rc = prolly_count(read, &commit->tree, &r->records, e);
	if (rc < 0) {
		mem_free(r);
		return rc;
	}
	snprintf(r->name, sizeof r->name, "%s", name);
	cid_format(&rev->cid, r->commit);
	cid_format(&commit->tree, r->tree);
	r->n_parents = commit->n_parents;
	for (uint32_t i = 0; i < commit->n_parents; i++)
		cid_format(&commit->parents[i], r->parents[i]);
	r->generation = commit->generation;
	r->time = commit->time;
	r->schema = rev->schema;
	char *text = (char *)(r + 1);
	r->author = text;
	if (commit->author.size > 0)
		memcpy(text, commit->author.data, commit->author.size);
	text += commit->author.size + 1;
	r->message = text;
	if (commit->message.size > 0)
		memcpy(text, commit->message.data, commit->message.size);
	*out = r;
	return 0;
}

int cel_revision_get(struct cel_store *store, const char *rev, struct cel_revision **out, struct cel_error *e)
{
	*out = NULL;
	struct store_read *read;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	struct db_rev found;
	rc = db_rev_resolve(read, rev, &found, e);
	if (rc == 0) {
		char ref[DB_REF_MAX];
		struct cid head;
		bool is_collection = db_head_ref(rev, ref, NULL) == 0 && store_read_ref(read, ref, &head, NULL) == 0;
		rc = db_revision_new(read, is_collection ? rev : "", &found, out, e);
	}
	store_read_end(read);
	return rc;
}

void cel_revision_free(struct cel_revision *revision)
{
	mem_free(revision);
}

/* A list over one snapshot. Collections walk the refs; history keeps the commits still to be shown, and always shows
 * the one of the highest (generation, CID) next, so that a commit comes after all its descendants. */
struct cel_list {
	struct store_read *read;
	struct cel_revision *current;
	bool is_history;
	char position[STORE_REF_MAX];
	struct cid *pending;
	uint64_t *generations;
	size_t n_pending, capacity;
};

void cel_list_free(struct cel_list *list)
{
	if (list == NULL)
		return;
	cel_revision_free(list->current);
	if (list->read != NULL)
		store_read_end(list->read);
	mem_free(list->pending);
	mem_free(list->generations);
	mem_free(list);
}

static int list_new(struct cel_store *store, bool is_history, struct cel_list **out, struct cel_error *e)
{
	struct cel_list *list = mem_calloc(1, sizeof *list);
	if (list == NULL)
		return error_nomem(e, sizeof *list);
	list->is_history = is_history;
	int rc = store_read_begin(store->store, &list->read, e);
	if (rc < 0) {
		list->read = NULL;
		cel_list_free(list);
		return rc;
	}
	*out = list;
	return 0;
}

static int pending_push(struct cel_list *list, const struct cid *cid, struct cel_error *e)
{
	for (size_t i = 0; i < list->n_pending; i++)
		if (cid_equal(&list->pending[i], cid))
			return 0;
	struct commit commit;
	int rc = commit_read(list->read, cid, &commit, e);
	if (rc < 0)
		return rc;
	if (list->n_pending == list->capacity) {
		size_t capacity = list->capacity * 2 + 8;
		struct cid *pending = mem_realloc(list->pending, capacity, sizeof *pending);
		if (pending == NULL)
			return error_nomem(e, capacity * sizeof *pending);
		list->pending = pending;
		uint64_t *generations = mem_realloc(list->generations, capacity, sizeof *generations);
		if (generations == NULL)
			return error_nomem(e, capacity * sizeof *generations);
		list->generations = generations;
		list->capacity = capacity;
	}
	list->pending[list->n_pending] = *cid;
	list->generations[list->n_pending++] = commit.generation;
	return 0;
}

static struct cid pending_pop(struct cel_list *list)
{
	size_t best = 0;
	for (size_t i = 1; i < list->n_pending; i++)
		if (list->generations[i] > list->generations[best] ||
		    (list->generations[i] == list->generations[best] &&
		     cid_compare(&list->pending[i], &list->pending[best]) > 0))
			best = i;
	struct cid cid = list->pending[best];
	list->pending[best] = list->pending[--list->n_pending];
	list->generations[best] = list->generations[list->n_pending];
	return cid;
}

int cel_collection_list(struct cel_store *store, struct cel_list **out, struct cel_error *e)
{
	*out = NULL;
	return list_new(store, false, out, e);
}

int cel_history(struct cel_store *store, const char *rev, struct cel_list **out, struct cel_error *e)
{
	*out = NULL;
	struct cel_list *list = NULL;
	int rc = list_new(store, true, &list, e);
	if (rc < 0)
		return rc;
	struct cid cid;
	rc = rev_resolve(list->read, rev, &cid, e);
	if (rc == 0)
		rc = pending_push(list, &cid, e);
	if (rc < 0) {
		cel_list_free(list);
		return rc;
	}
	*out = list;
	return 0;
}

static int next_commit(struct cel_list *list, struct db_rev *rev, struct cel_error *e)
{
	if (list->n_pending == 0)
		return 0;
	struct cid cid = pending_pop(list);
	int rc = db_rev_load(list->read, &cid, rev, e);
	for (uint32_t i = 0; rc == 0 && i < rev->commit.n_parents; i++)
		rc = pending_push(list, &rev->commit.parents[i], e);
	return rc < 0 ? rc : 1;
}

int cel_list_next(struct cel_list *list, const struct cel_revision **out, struct cel_error *e)
{
	*out = NULL;
	cel_revision_free(list->current);
	list->current = NULL;
	struct db_rev rev;
	const char *name = "";
	int rc;
	if (list->is_history) {
		rc = next_commit(list, &rev, e);
	} else {
		struct cid cid;
		rc = store_read_next_ref(list->read, HEADS_PREFIX, list->position, &cid, e);
		if (rc == 1) {
			name = list->position + sizeof HEADS_PREFIX - 1;
			int loaded = db_rev_load(list->read, &cid, &rev, e);
			if (loaded < 0) {
				error_context(e, "collection '%s'", name);
				rc = loaded;
			}
		}
	}
	if (rc <= 0)
		return rc;
	rc = db_revision_new(list->read, name, &rev, &list->current, e);
	*out = list->current;
	return rc < 0 ? rc : 1;
}
