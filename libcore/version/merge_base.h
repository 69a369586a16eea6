/* SPDX-License-Identifier: Apache-2.0 */
/* The base of a merge as a function from ids to records. One merge base is looked up in its tree. Several (two lines of
 * history that merged each other crosswise) stand for the merge of them all, which is never made: a record that they do not
 * agree on is merged by itself, on the base that they have in turn. If that is a conflict the record is contested. */
#ifndef VERSION_MERGE_BASE_H
#define VERSION_MERGE_BASE_H

#include "threeway.h"

struct merge_base;

/* The merge bases of two commits, as ancestry_find gives them; none: the empty set. The tree of each, and of those that they
 * in turn are merged on, is looked up in `read`, then in `other` (may be NULL), and only when it is first needed. Both
 * reads must outlive the base. */
int merge_base_new(struct store_read *read, struct store_read *other, const struct cid *commits, size_t n,
		   struct merge_base **out, struct cel_error *e);
/* A tree alone, read through `read`. */
int merge_base_of_tree(struct store_read *read, const struct cid *tree, struct merge_base **out, struct cel_error *e);
void merge_base_free(struct merge_base *base);

/* Values live until the reads end. CEL_EUNAVAILABLE names a commit whose tree is needed and in neither store. */
/* 1 if the base is one tree that is here; 0 if it is only a function. */
int merge_base_tree(struct merge_base *base, struct store_read **read, struct cid *root, struct cel_error *e);
int merge_base_find(struct merge_base *base, struct slice id, struct prolly_record *out, struct cel_error *e);

#endif
