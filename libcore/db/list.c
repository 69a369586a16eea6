/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of commits: the collections, the tags, a history. Which commits there are is found out first, in one snapshot; each
 * is read when the caller comes for it, so that no snapshot stands while the caller writes to a pipe. Commits are never
 * changed, so the list is still that of the one snapshot. */
#include <stdio.h>

#include "alloc.h"
#include "error.h"
#include "history.h"
#include "record.h"
#include "rev.h"
#include "tags.h"

struct item {
	struct cid cid;
	size_t name, tag; /* in texts */
};

struct cel_list {
	struct cel_store *store;
	struct cel_revision *current;
	struct item *items;
	size_t n, next, capacity;
	struct buf texts; /* begins with "" */
	struct db_tags tags;
	struct buf names; /* of one commit's tags */
};

void cel_list_free(struct cel_list *list)
{
	if (list == NULL)
		return;
	cel_revision_free(list->current);
	mem_free(list->items);
	buf_release(&list->texts);
	db_tags_release(&list->tags);
	buf_release(&list->names);
	mem_free(list);
}

static int add_item(struct cel_list *list, const struct cid *cid, size_t name, size_t tag, struct cel_error *e)
{
	if (mem_grow(&list->items, &list->capacity, list->n + 1, sizeof *list->items, e) < 0)
		return CEL_ENOMEM;
	list->items[list->n++] = (struct item){*cid, name, tag};
	return 0;
}

static int add_text(struct cel_list *list, const char *text, size_t size, size_t *out, struct cel_error *e)
{
	*out = list->texts.size;
	int rc = buf_append(&list->texts, text, size, e);
	return rc < 0 ? rc : buf_append(&list->texts, "", 1, e);
}

/* refs PREFIX + NAME or PREFIX + NAME/TAG, NAME beginning in the ref behind skip bytes */
static int fill_from_refs(struct cel_list *list, struct store_read *read, const char *prefix, size_t skip,
			  struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(read, prefix, position, &cid, e)) == 1) {
		const char *name = position + skip, *slash = strchr(name, '/');
		size_t name_at, tag_at = 0;
		rc = add_text(list, name, slash != NULL ? (size_t)(slash - name) : strlen(name), &name_at, e);
		if (rc == 0 && slash != NULL)
			rc = add_text(list, slash + 1, strlen(slash + 1), &tag_at, e);
		if (rc == 0)
			rc = add_item(list, &cid, name_at, tag_at, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* What is printed is read when the caller comes for it: of the walk only the order is kept. */
static int fill_from_history(struct cel_list *list, struct store_read *read, const char *const *revs, size_t n_revs,
			     struct cel_error *e)
{
	struct cid cid;
	struct history *history;
	const struct history_item *item;
	int rc = history_new(read, NULL, &history, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; rc == 0 && i < n_revs; i++) {
		rc = rev_resolve(read, revs[i], &cid, e);
		if (rc == 0)
			rc = history_push(history, &cid, 0, e);
	}
	while (rc >= 0 && (rc = history_next(history, &item, e)) == 1)
		rc = add_item(list, &item->cid, 0, 0, e);
	history_free(history);
	return rc;
}

/* The commits that led to the revs if these are not NULL, else those that the refs under prefix name. */
static int list_new(struct cel_store *store, const char *const *revs, size_t n_revs, const char *prefix, size_t skip,
		    struct cel_list **out, struct cel_error *e)
{
	struct store_read *read;
	struct cel_list *list = mem_calloc(1, sizeof *list);
	if (list == NULL)
		return error_nomem(e, sizeof *list);
	list->store = store;
	int rc = buf_append(&list->texts, "", 1, e);
	if (rc == 0)
		rc = store_read_begin(store->store, &read, e);
	if (rc == 0) {
		rc = revs != NULL ? fill_from_history(list, read, revs, n_revs, e) : fill_from_refs(list, read, prefix, skip, e);
		if (rc == 0)
			rc = db_tags_load(&list->tags, read, e);
		store_read_end(read);
	}
	if (rc < 0) {
		cel_list_free(list);
		return rc;
	}
	*out = list;
	return 0;
}

int cel_collection_list(struct cel_store *store, struct cel_list **out, struct cel_error *e)
{
	*out = NULL;
	return list_new(store, NULL, 0, HEADS_PREFIX, sizeof HEADS_PREFIX - 1, out, e);
}

int cel_history(struct cel_store *store, const char *rev, struct cel_list **out, struct cel_error *e)
{
	*out = NULL;
	return list_new(store, &rev, 1, NULL, 0, out, e);
}

int cel_history_of(struct cel_store *store, const char *const *revs, size_t n, struct cel_list **out, struct cel_error *e)
{
	static const char *const NONE[] = {NULL};
	*out = NULL;
	return list_new(store, n > 0 ? revs : NONE, n, NULL, 0, out, e);
}

/* CEL_ENOINPUT unless there is such a collection. */
static int need_collection(struct cel_store *store, const char *name, struct cel_error *e)
{
	char ref[DB_REF_MAX];
	struct cid cid;
	struct store_read *read;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = db_head_cid(read, name, ref, &cid, e);
	store_read_end(read);
	return rc;
}

int cel_tag_list(struct cel_store *store, const char *collection, struct cel_list **out, struct cel_error *e)
{
	*out = NULL;
	char prefix[DB_TAG_REF_MAX] = TAGS_PREFIX;
	int rc = collection != NULL ? record_check_collection_name(collection, e) : 0;
	if (rc < 0)
		return rc;
	if (collection != NULL)
		snprintf(prefix, sizeof prefix, TAGS_PREFIX "%s/", collection);
	rc = list_new(store, NULL, 0, prefix, sizeof TAGS_PREFIX - 1, out, e);
	if (rc == 0 && collection != NULL && (*out)->n == 0)
		rc = need_collection(store, collection, e);
	if (rc < 0) {
		cel_list_free(*out);
		*out = NULL;
	}
	return rc;
}

static int read_item(struct cel_list *list, const struct item *item, struct cel_error *e)
{
	const char *name = (const char *)list->texts.data + item->name, *tag = (const char *)list->texts.data + item->tag;
	struct db_rev rev;
	struct store_read *read;
	int rc = store_read_begin(list->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = db_rev_load(read, &item->cid, &rev, e);
	if (rc == 0)
		rc = db_tags_of(&list->tags, &item->cid, &list->names, e);
	if (rc == 0)
		rc = db_revision_new(read, name, (const char *)list->names.data, &rev, &list->current, e);
	if (rc == 0)
		snprintf(list->current->tag, sizeof list->current->tag, "%s", tag);
	store_read_end(read);
	if (rc < 0 && name[0] != '\0')
		error_context(e, "%s%s%s", name, tag[0] != '\0' ? "@" : "", tag);
	return rc;
}

int cel_list_next(struct cel_list *list, const struct cel_revision **out, struct cel_error *e)
{
	*out = NULL;
	cel_revision_free(list->current);
	list->current = NULL;
	if (list->next == list->n)
		return 0;
	int rc = read_item(list, &list->items[list->next++], e);
	*out = list->current;
	return rc < 0 ? rc : 1;
}
