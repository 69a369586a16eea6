/* SPDX-License-Identifier: Apache-2.0 */
/* The walk over commits: from where it starts along the parents, each commit once and after all its descendants, the one of
 * the highest (generation, CID) first. Marks (bits of the caller's) go from a commit to its parents; a commit has those of
 * all ways that lead to it. */
#ifndef VERSION_HISTORY_H
#define VERSION_HISTORY_H

#include "commit.h"

struct history_item {
	struct cid cid;
	struct commit commit; /* its texts live as long as the read that it came from */
	uint32_t marks;
};

struct history;
/* Commits are looked up in `read`, then in `other` (another store's, or NULL). Both must outlive the walk, and may not be
 * renewed meanwhile. */
int history_new(struct store_read *read, struct store_read *other, struct history **out, struct cel_error *e);
void history_free(struct history *h);
/* Starts from this commit too. One that is missing is CEL_ECORRUPT, which names it; so is one that is not a commit. Not
 * after history_next has returned a commit of a lower generation. */
int history_push(struct history *h, const struct cid *commit, uint32_t marks, struct cel_error *e);
/* Starts from all refs of `read` whose names begin with prefix. */
int history_push_refs(struct history *h, const char *prefix, uint32_t marks, struct cel_error *e);
/* Starts from what keeps commits alive: heads, tags, and the tips that were merged or fetched. */
int history_push_all(struct history *h, uint32_t marks, struct cel_error *e);
/* 1 a commit (*out until the next call), 0 the end. CEL_ECORRUPT if a parent is missing or a generation is not one more than
 * the largest of the parents'. After an error the walk can only be freed. */
int history_next(struct history *h, const struct history_item **out, struct cel_error *e);

/* About the commit that history_next has just returned: its parents get these marks instead of its own; the walk does not
 * go on to its parents. */
void history_mark_parents(struct history *h, uint32_t marks);
void history_stop(struct history *h);
/* Whether every commit that has been met and not given out has one of these marks. A commit that several ways lead to may
 * have them only when it is given out, so false can mean not yet. */
bool history_is_settled(const struct history *h, uint32_t marks);

#endif
