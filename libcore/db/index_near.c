/* SPDX-License-Identifier: Apache-2.0 */
/* Any indexed tree would do, since the difference can be computed between any two; the nearest in history is likely to
 * differ least. Two walks, each over a bounded number of commits:
 *
 *   back      from the rev to its ancestors, until one has an index
 *   forward   from all heads and tags down to the rev. An indexed commit puts a mark of its own on everything behind it, so
 *             the marks that arrive at the rev tell which of its descendants have an index
 *
 * A history that is damaged somewhere leads to no index, not to an error: the answer can be found without. */
#include "index_near.h"

#include "error.h"
#include "history.h"

#define COMMITS_MAX 512u
#define MARKS 32u

/* 1 with the file, if the commit has one and its tree is here to be compared with. */
static int is_indexed(struct store_read *read, const struct history_item *item, const struct index_files *files,
		      struct index_near *out, struct cel_error *e)
{
	struct db_rev rev = {.cid = item->cid, .commit = item->commit};
	const struct index_file *file = index_files_find(files, &item->commit.tree);
	int rc = file != NULL ? db_rev_has_tree(read, &rev, e) : 0;
	if (rc == 1)
		*out = (struct index_near){.file = file, .commit = item->cid};
	return rc;
}

static int find_back(struct store_read *read, struct history *h, const struct db_rev *rev,
		     const struct index_files *files, struct index_near *out, struct cel_error *e)
{
	const struct history_item *item;
	int rc = history_push(h, &rev->cid, 0, e);
	for (uint32_t i = 0; rc == 0 && i < COMMITS_MAX; i++) {
		rc = history_next(h, &item, e);
		if (rc == 0)
			break;
		if (rc > 0)
			rc = is_indexed(read, item, files, out, e);
		if (rc == 1)
			out->distance = rev->commit.generation - item->commit.generation;
	}
	return rc == 0 ? CEL_ENOTFOUND : rc < 0 ? rc : 0;
}

/* Bits are given out again when there are none left: then a mark may stand for a file from elsewhere in history, which is
 * farther than need be but not wrong. */
static int find_forward(struct store_read *read, struct history *h, const struct db_rev *rev,
			const struct index_files *files, struct index_near *out, struct cel_error *e)
{
	struct index_near marked[MARKS];
	uint32_t n_marked = 0;
	const struct history_item *item;
	int rc = history_push_all(h, 0, e);
	for (uint32_t i = 0; rc == 0 && i < COMMITS_MAX; i++) {
		rc = history_next(h, &item, e);
		if (rc <= 0 || item->commit.generation <= rev->commit.generation)
			break;
		uint32_t bit = n_marked % MARKS;
		rc = is_indexed(read, item, files, &marked[bit], e);
		if (rc == 1) {
			marked[bit].distance = item->commit.generation - rev->commit.generation;
			history_mark_parents(h, 1u << bit);
			n_marked++;
			rc = 0;
		}
	}
	/* All of the rev's generation are on top now. */
	while (rc == 1 && item->commit.generation == rev->commit.generation && !cid_equal(&item->cid, &rev->cid))
		rc = history_next(h, &item, e);
	if (rc < 0)
		return rc;
	out->file = NULL;
	if (rc == 1 && cid_equal(&item->cid, &rev->cid))
		for (uint32_t bit = 0; bit < MARKS; bit++)
			if ((item->marks >> bit & 1) != 0 && (out->file == NULL || marked[bit].distance < out->distance))
				*out = marked[bit];
	return out->file != NULL ? 0 : CEL_ENOTFOUND;
}

typedef int find_fn(struct store_read *read, struct history *h, const struct db_rev *rev,
		    const struct index_files *files, struct index_near *out, struct cel_error *e);

static int find(find_fn *way, struct store_read *read, const struct db_rev *rev, const struct index_files *files,
		struct index_near *out, struct cel_error *e)
{
	struct history *h;
	int rc = history_new(read, NULL, &h, e);
	if (rc < 0)
		return rc;
	rc = way(read, h, rev, files, out, e);
	history_free(h);
	return rc == 0 || rc == CEL_ENOMEM ? rc : CEL_ENOTFOUND;
}

int index_near_find(struct store_read *read, const struct db_rev *rev, const struct index_files *files,
		    struct index_near *out, struct cel_error *e)
{
	struct index_near forward;
	*out = (struct index_near){.file = index_files_find(files, &rev->commit.tree), .commit = rev->cid};
	if (out->file != NULL)
		return 0;
	int rc = files->n > 0 ? find(find_back, read, rev, files, out, e) : CEL_ENOTFOUND;
	if (rc == CEL_ENOMEM || files->n == 0 || (rc == 0 && out->distance == 1))
		return rc;
	int after = find(find_forward, read, rev, files, &forward, e);
	if (after == 0 && (rc != 0 || forward.distance < out->distance)) {
		*out = forward;
		return 0;
	}
	return after == CEL_ENOMEM ? after : rc;
}
