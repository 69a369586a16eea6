/* SPDX-License-Identifier: Apache-2.0 */
/* Tags that came with a collection. What becomes of each is decided from one snapshot: those whose names are taken at once, then, with
 * one walk over the history of what was fetched, which of the others lie in it; the walk ends when all that can be found were
 * found. Only if there is a new one is it done again, under the lock. */
#include <time.h>

#include "alloc.h"
#include "digest_set.h"
#include "error.h"
#include "history.h"
#include "rev.h"
#include "tags.h"

struct adoption {
	struct cel_tag_offer *offers;
	struct cid *commits;
	struct store_ref_update *updates;
	char (*refs)[DB_TAG_REF_MAX];
	size_t n, n_new;
};

/* What can be said without the history: SAME, OTHER, or OUTSIDE, which may yet be NEW; those go into `wanted`. */
static int compare(struct adoption *a, struct store_read *read, const char *collection, struct digest_set *wanted,
		   struct cel_error *e)
{
	for (size_t i = 0; i < a->n; i++) {
		struct cel_tag_offer *offer = &a->offers[i];
		struct cid old;
		int rc = db_tag_ref(collection, offer->tag, a->refs[i], e);
		if (rc == 0)
			rc = cid_parse(slice_text(offer->commit), &a->commits[i], e);
		if (rc < 0)
			return rc;
		rc = store_read_ref(read, a->refs[i], &old, e);
		if (rc < 0 && rc != CEL_ENOTFOUND)
			return rc;
		offer->outcome = rc < 0 ? CEL_TAG_OUTSIDE : cid_equal(&old, &a->commits[i]) ? CEL_TAG_SAME : CEL_TAG_OTHER;
		if (rc < 0)
			rc = store_read_has(read, &a->commits[i], e);
		if (rc > 0)
			rc = digest_set_add(wanted, a->commits[i].digest, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Of the wanted ones those that the history of `from` has, with their trees. */
static int walk(struct store_read *read, const struct cid *from, const struct digest_set *wanted, struct digest_set *found,
		struct cel_error *e)
{
	const struct history_item *item;
	struct history *history;
	size_t n_met = 0;
	int rc = history_new(read, NULL, &history, e);
	if (rc < 0)
		return rc;
	rc = history_push(history, from, 0, e);
	while (rc == 0 && n_met < wanted->n && (rc = history_next(history, &item, e)) > 0) {
		rc = 0;
		if (!digest_set_has(wanted, item->cid.digest))
			continue;
		n_met++;
		rc = store_read_has(read, &item->commit.tree, e);
		if (rc > 0)
			rc = digest_set_add(found, item->cid.digest, e);
		rc = rc < 0 ? rc : 0;
	}
	history_free(history);
	return rc;
}

static int decide(struct adoption *a, struct store_read *read, const char *collection, const char *rev, struct cel_error *e)
{
	struct digest_set wanted = {0}, found = {0};
	struct cid from;
	a->n_new = 0;
	int rc = rev_resolve(read, rev, &from, e);
	if (rc == 0)
		rc = compare(a, read, collection, &wanted, e);
	if (rc == 0)
		rc = walk(read, &from, &wanted, &found, e);
	for (size_t i = 0; i < a->n && rc == 0; i++) {
		if (a->offers[i].outcome != CEL_TAG_OUTSIDE || !digest_set_has(&found, a->commits[i].digest))
			continue;
		a->offers[i].outcome = CEL_TAG_NEW;
		a->updates[a->n_new++] = (struct store_ref_update){
			.ref = a->refs[i], .has_new = true, .new = a->commits[i], .message = "fetch"};
	}
	digest_set_release(&wanted);
	digest_set_release(&found);
	return rc;
}

static int decide_now(struct adoption *a, struct cel_store *store, const char *collection, const char *rev, struct cel_error *e)
{
	struct store_read *read;
	int rc = store_read_begin(store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = decide(a, read, collection, rev, e);
	store_read_end(read);
	return rc;
}

int cel_tag_adopt(struct cel_store *store, const char *collection, const char *rev, struct cel_tag_offer *offers, size_t n,
		  bool is_dry_run, struct cel_error *e)
{
	struct store_batch *batch;
	MEM_CLEANUP struct cid *commits = mem_calloc(n + 1, sizeof *commits);
	MEM_CLEANUP struct store_ref_update *updates = mem_calloc(n + 1, sizeof *updates);
	MEM_CLEANUP void *refs = mem_calloc(n + 1, DB_TAG_REF_MAX);
	if (commits == NULL || updates == NULL || refs == NULL)
		return error_nomem(e, n * DB_TAG_REF_MAX);
	struct adoption a = {.offers = offers, .commits = commits, .updates = updates, .refs = refs, .n = n};
	int rc = decide_now(&a, store, collection, rev, e);
	if (rc < 0 || a.n_new == 0 || is_dry_run)
		return rc;
	rc = store_batch_begin(store->store, store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	rc = decide_now(&a, store, collection, rev, e);
	if (rc == 0 && a.n_new > 0)
		rc = store_batch_commit(batch, NULL, a.updates, a.n_new, (int64_t)time(NULL), e);
	store_batch_free(batch);
	return rc;
}
