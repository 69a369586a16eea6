/* SPDX-License-Identifier: Apache-2.0 */
/* How two places in the commit graph lie to each other. Each side may be in a store of its own: a commit may be read from
 * either, since the same CID is the same commit. */
#ifndef VERSION_ANCESTRY_H
#define VERSION_ANCESTRY_H

#include "commit.h"

struct ancestry {
	/* The merge bases: common ancestors (a commit is one of its own) that are ancestors of no other common ancestor; the
	 * highest (generation, CID) first. None: the histories have nothing in common. */
	struct cid *bases;
	size_t n_bases;
	struct cid *missing; /* ancestors of b, b too, that are not ancestors of a: children before parents */
	size_t n_missing;
	size_t n_seen; /* commits looked at */
};

/* `a` may be several commits: what is asked for then are the bases of b and a commit that would have all of them as parents.
 * other may be NULL. CEL_ECORRUPT if a commit is missing or a generation is wrong. */
int ancestry_find(struct store_read *read, struct store_read *other, const struct cid *a, size_t n_a, const struct cid *b,
		  struct ancestry *out, struct cel_error *e);
void ancestry_release(struct ancestry *ancestry);

/* 1 if `ancestor` is `descendant` or an ancestor of it, else 0, or an error. */
int ancestry_has(struct store_read *read, struct store_read *other, const struct cid *descendant,
		 const struct cid *ancestor, struct cel_error *e);

#endif
