/* SPDX-License-Identifier: Apache-2.0 */
/* One walk from both sides at once, in which each commit comes after all its descendants and with the marks of all of them:
 *
 *     IN_A, IN_B   an ancestor of that side
 *     BEHIND       an ancestor of a common ancestor
 *
 * So the first time that IN_A and IN_B meet without BEHIND is a merge base, and what has IN_B alone is what a lacks. The
 * walk ends when all that is left is BEHIND: as far below the bases as their generations differ, no farther. */
#include "ancestry.h"

#include "alloc.h"
#include "error.h"
#include "history.h"

enum { IN_A = 1, IN_B = 2, BEHIND = 4 };

static int append(struct cid **list, size_t *n, const struct cid *cid, struct cel_error *e)
{
	if ((*n & (*n - 1)) == 0) { /* full: the room is the next power of two */
		size_t capacity = *n == 0 ? 1 : *n * 2;
		struct cid *more = mem_realloc(*list, capacity, sizeof *more);
		if (more == NULL)
			return error_nomem(e, capacity * sizeof *more);
		*list = more;
	}
	(*list)[(*n)++] = *cid;
	return 0;
}

static int walk(struct history *h, struct ancestry *out, struct cel_error *e)
{
	const struct history_item *item;
	int rc = 0;
	while (rc == 0 && !history_is_settled(h, BEHIND) && (rc = history_next(h, &item, e)) > 0) {
		out->n_seen++;
		rc = 0;
		if ((item->marks & BEHIND) != 0)
			continue;
		if ((item->marks & (IN_A | IN_B)) == (IN_A | IN_B)) {
			rc = append(&out->bases, &out->n_bases, &item->cid, e);
			history_mark_parents(h, IN_A | IN_B | BEHIND);
		} else if ((item->marks & IN_B) != 0) {
			rc = append(&out->missing, &out->n_missing, &item->cid, e);
		}
	}
	return rc;
}

int ancestry_find(struct store_read *read, struct store_read *other, const struct cid *a, size_t n_a, const struct cid *b,
		  struct ancestry *out, struct cel_error *e)
{
	struct history *h;
	*out = (struct ancestry){0};
	int rc = history_new(read, other, &h, e);
	if (rc < 0)
		return rc;
	rc = history_push(h, b, IN_B, e);
	for (size_t i = 0; i < n_a && rc == 0; i++)
		rc = history_push(h, &a[i], IN_A, e);
	if (rc == 0)
		rc = walk(h, out, e);
	history_free(h);
	if (rc < 0)
		ancestry_release(out);
	return rc;
}

void ancestry_release(struct ancestry *ancestry)
{
	mem_free(ancestry->bases);
	mem_free(ancestry->missing);
	*ancestry = (struct ancestry){0};
}

int ancestry_has(struct store_read *read, struct store_read *other, const struct cid *descendant,
		 const struct cid *ancestor, struct cel_error *e)
{
	struct history *h;
	const struct history_item *item;
	struct commit wanted;
	int rc = commit_read(read, ancestor, &wanted, e);
	if (rc == CEL_ENOTFOUND && other != NULL)
		rc = commit_read(other, ancestor, &wanted, e);
	if (rc == 0)
		rc = history_new(read, other, &h, e);
	if (rc < 0)
		return rc;
	rc = history_push(h, descendant, 0, e);
	bool is_found = false;
	while (rc == 0 && !is_found && (rc = history_next(h, &item, e)) > 0) {
		rc = 0;
		is_found = cid_equal(&item->cid, ancestor);
		if (item->commit.generation <= wanted.generation)
			history_stop(h); /* its ancestors are below the wanted one */
	}
	history_free(h);
	return rc < 0 ? rc : is_found;
}
