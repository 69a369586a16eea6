/* SPDX-License-Identifier: Apache-2.0 */
/* Commits as the public API shows them: one revision, the list of collections, and history newest first. */
#include <stdio.h>

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "forgotten.h"
#include "history.h"
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

int db_rev_has_tree(struct store_read *read, const struct db_rev *rev, struct cel_error *e)
{
	int rc = forgotten_has(read, &rev->cid, e);
	if (rc == 0)
		return store_read_has(read, &rev->commit.tree, e);
	return rc < 0 ? rc : 0;
}

int db_rev_need_tree(struct store_read *read, const struct db_rev *rev, struct cel_error *e)
{
	int rc = db_rev_has_tree(read, rev, e);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	char text[CEL_CID_TEXT_SIZE];
	cid_format(&rev->cid, text);
	return error_set(e, CEL_EUNAVAILABLE, "the tree of commit %s is not in this store (forgotten, or never fetched)", text);
}

int db_rev_resolve_tree(struct store_read *read, const char *rev, struct db_rev *out, struct cel_error *e)
{
	int rc = db_rev_resolve(read, rev, out, e);
	return rc < 0 ? rc : db_rev_need_tree(read, out, e);
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
	int rc = db_rev_has_tree(read, rev, e);
	r->has_tree = rc > 0;
	if (rc > 0)
		rc = prolly_count(read, &commit->tree, &r->records, e);
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

/* A list over one snapshot: of refs, or of the commits that a walk gives. */
struct cel_list {
	struct store_read *read;
	struct cel_revision *current;
	struct history *history; /* NULL: of refs */
	char position[STORE_REF_MAX];
};

void cel_list_free(struct cel_list *list)
{
	if (list == NULL)
		return;
	cel_revision_free(list->current);
	history_free(list->history);
	if (list->read != NULL)
		store_read_end(list->read);
	mem_free(list);
}

static int list_new(struct cel_store *store, struct cel_list **out, struct cel_error *e)
{
	struct cel_list *list = mem_calloc(1, sizeof *list);
	if (list == NULL)
		return error_nomem(e, sizeof *list);
	int rc = store_read_begin(store->store, &list->read, e);
	if (rc < 0) {
		list->read = NULL;
		cel_list_free(list);
		return rc;
	}
	*out = list;
	return 0;
}

int cel_collection_list(struct cel_store *store, struct cel_list **out, struct cel_error *e)
{
	*out = NULL;
	return list_new(store, out, e);
}

int cel_history(struct cel_store *store, const char *rev, struct cel_list **out, struct cel_error *e)
{
	*out = NULL;
	struct cel_list *list = NULL;
	int rc = list_new(store, &list, e);
	if (rc < 0)
		return rc;
	struct cid cid;
	rc = rev_resolve(list->read, rev, &cid, e);
	if (rc == 0)
		rc = history_new(list->read, NULL, &list->history, e);
	if (rc == 0)
		rc = history_push(list->history, &cid, 0, e);
	if (rc < 0) {
		cel_list_free(list);
		return rc;
	}
	*out = list;
	return 0;
}

static int next_commit(struct cel_list *list, struct db_rev *rev, struct cel_error *e)
{
	const struct history_item *item;
	int rc = history_next(list->history, &item, e);
	if (rc <= 0)
		return rc;
	rev->cid = item->cid;
	rev->commit = item->commit;
	rc = schema_read(list->read, &rev->commit.schema, &rev->schema, e);
	return rc < 0 ? rc : 1;
}

static int next_head(struct cel_list *list, struct db_rev *rev, struct cel_error *e)
{
	struct cid cid;
	int rc = store_read_next_ref(list->read, HEADS_PREFIX, list->position, &cid, e);
	if (rc <= 0)
		return rc;
	rc = db_rev_load(list->read, &cid, rev, e);
	if (rc < 0) {
		error_context(e, "collection '%s'", list->position + sizeof HEADS_PREFIX - 1);
		return rc;
	}
	return 1;
}

int cel_list_next(struct cel_list *list, const struct cel_revision **out, struct cel_error *e)
{
	*out = NULL;
	cel_revision_free(list->current);
	list->current = NULL;
	struct db_rev rev;
	int rc = list->history != NULL ? next_commit(list, &rev, e) : next_head(list, &rev, e);
	if (rc <= 0)
		return rc;
	const char *name = list->history != NULL ? "" : list->position + sizeof HEADS_PREFIX - 1;
	rc = db_revision_new(list->read, name, &rev, &list->current, e);
	*out = list->current;
	return rc < 0 ? rc : 1;
}
