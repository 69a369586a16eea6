/* SPDX-License-Identifier: Apache-2.0 */
/* Tags: refs "tags/COLLECTION/TAG". A tag belongs to a collection, and it holds on to its commit and that commit's tree
 * for as long as it stands. Changes are made under the writer lock, so what was read before them is still so. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "alloc.h"
#include "error.h"
#include "lookup.h"
#include "record.h"
#include "rev.h"
#include "tags.h"

int db_tag_ref(const char *collection, const char *tag, char out[DB_TAG_REF_MAX], struct cel_error *e)
{
	int rc = record_check_collection_name(collection, e);
	if (rc < 0)
		return rc;
	if (record_check_collection_name(tag, NULL) < 0)
		return error_set(e, CEL_EUSAGE,
				 "'%.100s' is no tag name: 1 to %u characters of a-z 0-9 . _ -, the first a letter or a digit", tag,
				 CEL_NAME_MAX);
	snprintf(out, DB_TAG_REF_MAX, TAGS_PREFIX "%s/%s", collection, tag);
	return 0;
}

/* The collection that a rev begins with: what stands before '@' or '~'. */
static int name_of_rev(const char *rev, char out[CEL_NAME_MAX + 1], struct cel_error *e)
{
	size_t length = strcspn(rev, "@~");
	if (length <= CEL_NAME_MAX) {
		memcpy(out, rev, length);
		out[length] = '\0';
		if (record_check_collection_name(out, NULL) == 0)
			return 0;
	}
	return error_set(e, CEL_EUSAGE, "a tag belongs to a collection, and '%.100s' begins with none", rev);
}

/* Fills in the update for tag and rev. A CID begins like a name, so the collection must be there. */
static int prepare_set(struct store_read *read, const char *collection, const char *tag, const char *rev, bool is_forced,
		       char ref[DB_TAG_REF_MAX], struct store_ref_update *update, struct cel_error *e)
{
	char head[DB_REF_MAX];
	struct cid cid;
	struct db_rev found;
	int rc = db_head_ref(collection, head, e);
	if (rc == 0)
		rc = db_rev_resolve(read, rev, &found, e);
	if (rc == 0)
		rc = store_read_ref(read, head, &cid, e);
	if (rc == CEL_ENOTFOUND)
		return near_error(read, "collection", HEADS_PREFIX, collection, e);
	if (rc == 0)
		rc = db_rev_need_tree(read, &found, e);
	if (rc == 0)
		rc = db_tag_ref(collection, tag, ref, e);
	if (rc < 0)
		return rc;
	rc = store_read_ref(read, ref, &update->old, e);
	if (rc < 0 && rc != CEL_ENOTFOUND)
		return rc;
	update->has_old = rc == 0;
	update->has_new = true;
	update->new = found.cid;
	if (!update->has_old || is_forced)
		return 0;
	char text[CEL_CID_TEXT_SIZE];
	cid_format(&update->old, text);
	return error_set(e, CEL_ECANTCREAT, "there is a tag '%s@%s' already: commit %s", collection, tag, text);
}

static int set_tag(struct store_batch *batch, struct cel_store *store, const char *collection, const char *tag,
		   const char *rev, bool is_forced, struct cel_error *e)
{
	char ref[DB_TAG_REF_MAX];
	struct store_ref_update update = {.ref = ref, .message = "tag"};
	struct store_read *read;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = prepare_set(read, collection, tag, rev, is_forced, ref, &update, e);
	store_read_end(read);
	if (rc == 0 && !(update.has_old && cid_equal(&update.old, &update.new)))
		rc = store_batch_commit(batch, NULL, &update, 1, (int64_t)time(NULL), e);
	return rc;
}

int cel_tag_set(struct cel_store *store, const char *collection, const char *tag, const char *rev, bool is_forced,
		struct cel_error *e)
{
	char name[CEL_NAME_MAX + 1];
	struct store_batch *batch;
	int rc = collection != NULL ? record_check_collection_name(collection, e) : name_of_rev(rev, name, e);
	if (rc == 0)
		rc = store_batch_begin(store->store, store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	rc = set_tag(batch, store, collection != NULL ? collection : name, tag, rev, is_forced, e);
	store_batch_free(batch);
	return rc;
}

int cel_tag_delete(struct cel_store *store, const char *collection, const char *tag, struct cel_error *e)
{
	char ref[DB_TAG_REF_MAX];
	struct store_batch *batch;
	struct store_read *read;
	int rc = db_tag_ref(collection, tag, ref, e);
	if (rc == 0)
		rc = store_batch_begin(store->store, store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	rc = store_read_begin(store->store, &read, e);
	if (rc == 0) {
		struct store_ref_update update = {.ref = ref, .has_old = true, .message = "delete"};
		char rev[2 * CEL_NAME_MAX + 2];
		snprintf(rev, sizeof rev, "%s@%s", collection, tag);
		rc = rev_resolve(read, rev, &update.old, e); /* says what comes near if there is none */
		store_read_end(read);
		if (rc == 0)
			rc = store_batch_commit(batch, NULL, &update, 1, (int64_t)time(NULL), e);
	}
	store_batch_free(batch);
	return rc;
}

/* ---- which tags a commit has */

static int compare_tags(const void *a, const void *b)
{
	const struct db_tag *x = a, *y = b;
	int order = cid_compare(&x->cid, &y->cid);
	return order != 0 ? order : strcmp(x->ref, y->ref);
}

static int add_tag(struct db_tags *tags, const char *ref, const struct cid *cid, struct cel_error *e)
{
	if (mem_grow(&tags->items, &tags->capacity, tags->n + 1, sizeof *tags->items, e) < 0)
		return CEL_ENOMEM;
	if (strlen(ref) >= DB_TAG_REF_MAX)
		return error_set(e, CEL_ECORRUPT, "the name of the ref '%s' is too long for a tag", ref);
	strcpy(tags->items[tags->n].ref, ref);
	tags->items[tags->n++].cid = *cid;
	return 0;
}

int db_tags_load(struct db_tags *tags, struct store_read *read, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(read, TAGS_PREFIX, position, &cid, e)) == 1) {
		rc = add_tag(tags, position, &cid, e);
		if (rc < 0)
			break;
	}
	if (tags->n > 1)
		qsort(tags->items, tags->n, sizeof *tags->items, compare_tags);
	return rc;
}

void db_tags_release(struct db_tags *tags)
{
	mem_free(tags->items);
	*tags = (struct db_tags){0};
}

size_t db_tags_find(const struct db_tags *tags, const struct cid *cid)
{
	size_t low = 0, high = tags->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (cid_compare(&tags->items[middle].cid, cid) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int db_tags_of(const struct db_tags *tags, const struct cid *cid, struct buf *out, struct cel_error *e)
{
	buf_clear(out);
	int rc = 0;
	for (size_t i = db_tags_find(tags, cid); rc == 0 && i < tags->n && cid_equal(&tags->items[i].cid, cid); i++) {
		const char *name = tags->items[i].ref + sizeof TAGS_PREFIX - 1;
		const char *slash = strchr(name, '/');
		if (slash != NULL)
			rc = buf_printf(out, e, "%s%.*s@%s", out->size > 0 ? " " : "", (int)(slash - name), name, slash + 1);
	}
	return rc < 0 ? rc : buf_append(out, "", 1, e);
}
