/* SPDX-License-Identifier: Apache-2.0 */
/* What this side says it has: first the tips that are likeliest to be known over there and a few commits below them, which is all
 * that is needed from night to night; if none of those is known, commits all the way down, each a tenth farther away than the
 * one before, so that what is sent in vain is at most a tenth of what is missing.
 *
 * A commit counts as here if refs lead to it that the other side may read. That its block is here means little: it may have been
 * left by a batch that was cut off, without what it links; and a push that could build on any commit whose CID it knows
 * would make the records of others its own. */
#include <stdio.h>

#include "error.h"
#include "history.h"
#include "sync_take_impl.h"

enum { TIPS_MAX = 5, FIRST_DEPTH = 8 };

struct taken_commit *take_find(const struct sync_taker *t, const struct cid *cid)
{
	const uint64_t *number = digest_set_value(&t->index, cid->digest);
	return number == NULL ? NULL : &t->commits[*number];
}

/* ---- what refs lead to */

static int push_quarantine(const struct sync_taker *t, struct history *h, struct store_read *read, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	struct commit commit;
	int rc;
	while ((rc = store_read_next_ref(read, t->quarantine.prefix, position, &cid, e)) > 0) {
		if (cid.codec != CID_DAG_CBOR || commit_read(read, &cid, &commit, NULL) < 0)
			continue; /* a part of a tree */
		rc = history_push(h, &cid, 0, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* Whether a ref PREFIX/NAME or PREFIX/NAME/... is of a collection that the other side may read. */
static bool is_readable(const struct sync_taker *t, const char *ref)
{
	char name[CEL_NAME_MAX + 1];
	const char *begin = strchr(ref, '/') + 1;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(begin, "/"), begin);
	return (access_rights(t->options.access, name) & ACCESS_READ) != 0;
}

static int push_readable(const struct sync_taker *t, struct history *h, struct store_read *read, const char *prefix,
			 struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	if (t->options.access == NULL)
		return history_push_refs(h, prefix, 0, e);
	while ((rc = store_read_next_ref(read, prefix, position, &cid, e)) > 0) {
		rc = is_readable(t, position) ? history_push(h, &cid, 0, e) : 0;
		if (rc < 0)
			return rc;
	}
	return rc;
}

/* What was fetched from others (fetched/STORE/NAME) is the business of this store's owner alone. */
static int push_here(const struct sync_taker *t, struct history *h, struct store_read *read, struct cel_error *e)
{
	static const char *const PREFIXES[] = {HEADS_PREFIX, "tags/", "merged/"};
	int rc = 0;
	if (t->options.access == NULL)
		return history_push_all(h, 0, e);
	for (size_t i = 0; i < sizeof PREFIXES / sizeof *PREFIXES && rc == 0; i++)
		rc = push_readable(t, h, read, PREFIXES[i], e);
	return rc;
}

int take_load_here(struct sync_taker *t, struct store_read *read, uint64_t generation, struct cel_error *e)
{
	struct history *h;
	const struct history_item *item;
	if (t->has_here && t->floor <= generation)
		return 0;
	/* if it has to go lower than the first time, all the way */
	t->floor = t->has_here || generation < FIRST_DEPTH ? 0 : generation - FIRST_DEPTH;
	digest_set_release(&t->here);
	int rc = history_new(read, NULL, &h, e);
	if (rc < 0)
		return rc;
	rc = push_here(t, h, read, e);
	if (rc == 0)
		rc = push_quarantine(t, h, read, e);
	while (rc == 0 && (rc = history_next(h, &item, e)) > 0 && item->commit.generation >= t->floor) {
		rc = digest_set_add(&t->here, item->cid.digest, e);
		rc = rc < 0 ? rc : 0;
	}
	history_free(h);
	t->has_here = rc >= 0;
	return rc < 0 ? rc : 0;
}

int take_is_here(struct sync_taker *t, struct store_read *read, const struct cid *cid, struct cel_error *e)
{
	struct commit commit;
	int rc = store_read_has(read, cid, e);
	if (rc <= 0)
		return rc;
	if (commit_read(read, cid, &commit, NULL) < 0)
		return 0;
	rc = take_load_here(t, read, commit.generation, e);
	return rc < 0 ? rc : digest_set_has(&t->here, cid->digest);
}

/* ---- what is said */

struct tips {
	struct cid list[TIPS_MAX];
	size_t n;
	struct history *history;
};

static int add_tip(struct tips *tips, const struct cid *cid, struct cel_error *e)
{
	for (size_t i = 0; i < tips->n; i++)
		if (cid_equal(&tips->list[i], cid))
			return 0;
	if (tips->n < TIPS_MAX)
		tips->list[tips->n++] = *cid;
	return history_push(tips->history, cid, 0, e);
}

static int add_refs(struct tips *tips, struct store_read *read, const char *prefix, const char *suffix, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(read, prefix, position, &cid, e)) > 0) {
		size_t size = strlen(position), n = strlen(suffix);
		if (size < n || strcmp(position + size - n, suffix) != 0)
			continue;
		rc = add_tip(tips, &cid, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int find_tips(const struct sync_taker *t, struct tips *tips, struct store_read *read, struct cel_error *e)
{
	char prefix[STORE_REF_MAX], suffix[CEL_NAME_MAX + 2];
	struct cid head;
	snprintf(prefix, sizeof prefix, HEADS_PREFIX "%s", t->name);
	snprintf(suffix, sizeof suffix, "/%s", t->name);
	int rc = store_read_ref(read, prefix, &head, e);
	bool has_head = rc == 0;
	if (has_head)
		rc = add_tip(tips, &head, e);
	rc = rc == CEL_ENOTFOUND ? 0 : rc;
	if (rc == 0 && t->options.access == NULL)
		rc = add_refs(tips, read, "fetched/", suffix, e);
	snprintf(prefix, sizeof prefix, "merged/%s/", t->name);
	if (rc == 0)
		rc = add_refs(tips, read, prefix, "", e);
	if (rc == 0)
		rc = push_quarantine(t, tips->history, read, e);
	if (rc == 0 && !has_head) /* a collection of another name may be the same line */
		rc = push_readable(t, tips->history, read, HEADS_PREFIX, e);
	return rc;
}

static bool is_tip(const struct tips *tips, const struct cid *cid)
{
	for (size_t i = 0; i < tips->n; i++)
		if (cid_equal(&tips->list[i], cid))
			return true;
	return false;
}

/* The first round: tips and what is a little below them; the second: the rest, thinner and thinner. The lowest of all is always
 * said, as the histories may have no more than that in common. */
static int choose(struct sync_taker *t, struct tips *tips, struct cid *out, size_t max, size_t *n, bool *is_last,
		  struct cel_error *e)
{
	const struct history_item *item;
	struct cid lowest = {0};
	bool is_first = t->n_have_rounds++ == 0, is_said = true;
	size_t depth = 0, next = is_first ? 0 : FIRST_DEPTH;
	int rc;
	for (*n = 0; is_first && *n < tips->n; ++*n)
		out[*n] = tips->list[*n];
	while ((rc = history_next(tips->history, &item, e)) > 0) {
		lowest = item->cid;
		is_said = is_first && is_tip(tips, &lowest);
		if (depth >= next && *n + 1 < max) {
			next = depth + 1 + depth / (is_first ? 1 : 10);
			if (!is_said)
				out[(*n)++] = lowest;
			is_said = true;
		}
		if (++depth > FIRST_DEPTH && is_first)
			return 0;
	}
	if (rc == 0 && !is_said && *n < max)
		out[(*n)++] = lowest;
	*is_last = rc == 0;
	return rc;
}

int sync_take_haves(struct sync_taker *t, struct cid *out, size_t max, size_t *n, bool *is_last, struct cel_error *e)
{
	struct store_read *read;
	struct tips tips = {0};
	*is_last = false;
	int rc = store_read_begin(t->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = history_new(read, NULL, &tips.history, e);
	if (rc == 0)
		rc = find_tips(t, &tips, read, e);
	if (rc == 0)
		rc = choose(t, &tips, out, max, n, is_last, e);
	history_free(tips.history);
	store_read_end(read);
	return rc;
}
