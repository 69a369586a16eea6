/* SPDX-License-Identifier: Apache-2.0 */
/* Commits as the public API shows them: what a rev or a collection names, whether its tree is here, and a copy of it all for
 * the caller. list.c has lists of them. */
#include <stdio.h>

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "forgotten.h"
#include "lookup.h"
#include "record.h"
#include "rev.h"
#include "tags.h"
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
	if (rc != CEL_ENOTFOUND)
		return rc;
	struct cel_error why;
	rc = near_error(read, "collection", HEADS_PREFIX, name, &why);
	return error_set(e, rc, "%s ('cel list' shows what there is, 'cel create' makes one)", why.message);
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

static char *put_text(char *at, struct slice text)
{
	if (text.size > 0)
		memcpy(at, text.data, text.size);
	return at + text.size + 1; /* behind the NUL that is there already */
}

/* One allocation: the struct, then author, message and tags with their NULs. */
int db_revision_new(struct store_read *read, const char *name, const char *tags, const struct db_rev *rev,
		    struct cel_revision **out, struct cel_error *e)
{
	const struct commit *commit = &rev->commit;
	size_t size = sizeof(struct cel_revision) + commit->author.size + commit->message.size + strlen(tags) + 3;
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
	r->message = text = put_text(text, commit->author);
	r->tags = text = put_text(text, commit->message);
	put_text(text, slice_text(tags));
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
	struct db_tags tags = {0};
	struct buf names BUF_CLEANUP = {0};
	rc = db_rev_resolve(read, rev, &found, e);
	if (rc == 0)
		rc = db_tags_load(&tags, read, e);
	if (rc == 0)
		rc = db_tags_of(&tags, &found.cid, &names, e);
	if (rc == 0) {
		char ref[DB_REF_MAX];
		struct cid head;
		bool is_collection = db_head_ref(rev, ref, NULL) == 0 && store_read_ref(read, ref, &head, NULL) == 0;
		rc = db_revision_new(read, is_collection ? rev : "", (const char *)names.data, &found, out, e);
	}
	db_tags_release(&tags);
	store_read_end(read);
	return rc;
}

void cel_revision_free(struct cel_revision *revision)
{
	mem_free(revision);
}
