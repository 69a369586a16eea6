/* SPDX-License-Identifier: Apache-2.0 */
/* The base is an expression: a leaf is the tree of a commit, and bases B1, B2, B3 are merge(merge(B1, B2), B3). Each merge has a
 * base in turn, the merge bases of what it merges, which become an expression when a record is met that they decide:
 *
 *     base ── B1        value(id) = merge3(value of the inner base, value in B1, value in B2), or contested
 *          └─ B2
 *
 * So no tree is written, and what is forgotten is missed only where it matters. Every step follows from the commit graph
 * and the records alone, and the merge of one record does not ask which side is which, so all hosts find the same. Graphs
 * made to blow this up end at BASE_NODES_MAX: beyond it a difference is contested. */
#include "merge_base.h"

#include "alloc.h"
#include "ancestry.h"
#include "error.h"
#include "forgotten.h"
#include "node.h"

#define BASE_NODES_MAX 256

struct expression {
	struct expression *next; /* of all, for freeing */
	struct cid commit;       /* a leaf's */
	struct cid tree;         /* of an open one with a cursor, as is where it is read */
	struct store_read *read;
	struct prolly_cursor *cursor;
	bool is_leaf, is_open;   /* open without a cursor: the empty set */
	struct expression *left, *right, *base;
	bool has_base;           /* it was looked for; none: always contested */
	struct cid *members;     /* the commits below left */
	size_t n_members;
};

struct merge_base {
	struct store_read *read, *other;
	struct cid empty; /* the tree without records, which needs not be there */
	struct expression *all, *root;
	size_t n;
};

static struct expression *new_expression(struct merge_base *b, bool is_leaf)
{
	struct expression *x = mem_calloc(1, sizeof *x);
	if (x == NULL)
		return NULL;
	x->is_leaf = is_leaf;
	x->next = b->all;
	b->all = x;
	b->n++;
	return x;
}

/* *out is NULL if that takes more expressions than there may be. */
static int express(struct merge_base *b, const struct cid *commits, size_t n, struct expression **out,
		   struct cel_error *e)
{
	struct expression *all = NULL;
	*out = NULL;
	if (n > BASE_NODES_MAX || b->n + 2 * n > BASE_NODES_MAX)
		return 0;
	for (size_t i = 0; i < n || n == 0; i++) {
		struct expression *leaf = new_expression(b, true), *pair = NULL;
		if (leaf == NULL)
			return error_nomem(e, sizeof *leaf);
		if (n == 0) {
			leaf->is_open = true;
			all = leaf;
			break;
		}
		leaf->commit = commits[i];
		if (i > 0) {
			pair = new_expression(b, false);
			if (pair == NULL || (pair->members = mem_dup(commits, i * sizeof *commits)) == NULL)
				return error_nomem(e, sizeof *pair);
			pair->n_members = i;
			pair->left = all;
			pair->right = leaf;
		}
		all = pair != NULL ? pair : leaf;
	}
	*out = all;
	return 0;
}

static int base_new(struct store_read *read, struct store_read *other, struct merge_base **out, struct cel_error *e)
{
	BUF_CLEANUP struct buf block = {0};
	struct merge_base *b = mem_calloc(1, sizeof *b);
	if (b == NULL)
		return error_nomem(e, sizeof *b);
	b->read = read;
	b->other = other;
	int rc = node_encode(0, 0, NULL, 0, &block, e);
	if (rc < 0) {
		mem_free(b);
		return rc;
	}
	b->empty = cid_of(CID_DAG_CBOR, buf_slice(&block));
	*out = b;
	return 0;
}

int merge_base_new(struct store_read *read, struct store_read *other, const struct cid *commits, size_t n,
		   struct merge_base **out, struct cel_error *e)
{
	int rc = base_new(read, other, out, e);
	if (rc < 0)
		return rc;
	rc = express(*out, commits, n, &(*out)->root, e);
	if (rc < 0) {
		merge_base_free(*out);
		*out = NULL;
	}
	return rc;
}

static int open_tree(struct expression *leaf, struct store_read *read, const struct cid *tree, struct cel_error *e)
{
	leaf->read = read;
	leaf->tree = *tree;
	return prolly_cursor_new(read, tree, &leaf->cursor, e);
}

int merge_base_of_tree(struct store_read *read, const struct cid *tree, struct merge_base **out, struct cel_error *e)
{
	int rc = merge_base_new(read, NULL, NULL, 0, out, e);
	if (rc == 0 && !cid_equal(tree, &(*out)->empty))
		rc = open_tree((*out)->root, read, tree, e);
	if (rc < 0) {
		merge_base_free(*out);
		*out = NULL;
	}
	return rc;
}

void merge_base_free(struct merge_base *base)
{
	if (base == NULL)
		return;
	for (struct expression *x = base->all, *next; x != NULL; x = next) {
		next = x->next;
		prolly_cursor_free(x->cursor);
		mem_free(x->members);
		mem_free(x);
	}
	mem_free(base);
}

/* 1 if that store has the commit with its tree. */
static int has_tree(struct store_read *read, const struct cid *commit, struct cid *tree, struct cel_error *e)
{
	struct commit c;
	int rc = commit_read(read, commit, &c, e);
	if (rc < 0)
		return rc == CEL_ENOTFOUND ? 0 : rc;
	*tree = c.tree;
	rc = forgotten_has(read, commit, e);
	return rc != 0 ? (rc < 0 ? rc : 0) : store_read_has(read, &c.tree, e);
}

static int open_leaf(struct merge_base *b, struct expression *leaf, struct cel_error *e)
{
	struct cid tree = {0};
	struct store_read *read = b->read;
	int rc = has_tree(read, &leaf->commit, &tree, e);
	if (rc == 0 && b->other != NULL) {
		read = b->other;
		rc = has_tree(read, &leaf->commit, &tree, e);
	}
	if (rc < 0)
		return rc;
	leaf->is_open = true;
	if (cid_equal(&tree, &b->empty))
		return 0;
	if (rc > 0)
		return open_tree(leaf, read, &tree, e);
	char text[CEL_CID_TEXT_SIZE];
	cid_format(&leaf->commit, text);
	return error_set(e, CEL_EUNAVAILABLE,
			 "the merge needs the tree of commit %s, which is not here (forgotten, or never fetched)", text);
}

static int find(struct merge_base *b, struct expression *x, struct slice id, struct prolly_record *out,
		struct cel_error *e);

static int find_base(struct merge_base *b, struct expression *x, struct slice id, struct prolly_record *out,
		     struct cel_error *e)
{
	int rc = 0;
	if (!x->has_base) {
		struct ancestry ancestry;
		rc = ancestry_find(b->read, b->other, x->members, x->n_members, &x->right->commit, &ancestry, e);
		if (rc < 0)
			return rc;
		rc = express(b, ancestry.bases, ancestry.n_bases, &x->base, e);
		ancestry_release(&ancestry);
		x->has_base = rc == 0;
	}
	if (rc == 0 && x->base != NULL)
		return find(b, x->base, id, out, e);
	*out = (struct prolly_record){.state = PROLLY_CONTESTED};
	return rc;
}

static int find(struct merge_base *b, struct expression *x, struct slice id, struct prolly_record *out,
		struct cel_error *e)
{
	struct prolly_record right, base;
	int rc = 0;
	*out = (struct prolly_record){.state = PROLLY_ABSENT};
	if (x->is_leaf && !x->is_open)
		rc = open_leaf(b, x, e);
	if (x->is_leaf)
		return rc < 0 || x->cursor == NULL ? rc : prolly_record_find(x->cursor, id, out, e);
	rc = find(b, x->left, id, out, e);
	if (rc == 0)
		rc = find(b, x->right, id, &right, e);
	if (rc < 0 || prolly_record_equal(out, &right))
		return rc;
	rc = find_base(b, x, id, &base, e);
	if (rc < 0)
		return rc;
	switch (prolly_merge_record(&base, out, &right)) {
	case PROLLY_OURS:
		break;
	case PROLLY_THEIRS:
		*out = right;
		break;
	case PROLLY_CONFLICT:
		*out = (struct prolly_record){.state = PROLLY_CONTESTED};
		break;
	}
	return 0;
}

int merge_base_find(struct merge_base *base, struct slice id, struct prolly_record *out, struct cel_error *e)
{
	if (base->root != NULL)
		return find(base, base->root, id, out, e);
	*out = (struct prolly_record){.state = PROLLY_CONTESTED};
	return 0;
}

int merge_base_tree(struct merge_base *base, struct store_read **read, struct cid *root, struct cel_error *e)
{
	struct expression *x = base->root;
	if (x == NULL || !x->is_leaf)
		return 0;
	int rc = x->is_open ? 0 : open_leaf(base, x, e);
	if (rc == CEL_EUNAVAILABLE) { /* whoever needs it will hear of it */
		x->is_open = false;
		return 0;
	}
	if (rc < 0 || x->cursor == NULL)
		return rc;
	*read = x->read;
	*root = x->tree;
	return 1;
}
