/* SPDX-License-Identifier: Apache-2.0 */
/* Each side is at an item: an entry of some node on its path, a whole subtree if that is an inner one, a record if it is a
 * leaf. All before it is done with, so the two items decide what is next:
 *
 *     one lies wholly before the other     it is added or deleted (a subtree: go into it, unless only counting)
 *     equal CIDs                           pass both; on the way on, a finished node is left for the next entry above
 *     two records of one id                changed or not; pass both
 *     else                                 go into the higher one, or into both
 *
 * What lies before what is seen without going down: all of an item is at most its own key (the last one below it) and
 * behind the key that its side passed last. Keys must ascend at every step, so hostile nodes cannot lead in circles. */
#include "diff.h"

#include "alloc.h"
#include "error.h"
#include "node.h"

struct frame {
	uint32_t i;
	struct node node;
};

struct side {
	struct store_read *read;
	uint32_t top, level; /* of the root; of the node whose entry is the item */
	bool is_end;
	struct frame *frames; /* by level */
	size_t key_size, passed_size;
	uint8_t key[CEL_ID_MAX];    /* of the item */
	uint8_t passed[CEL_ID_MAX]; /* of the one before it */
	uint64_t nodes_read;
};

struct prolly_diff {
	struct side a, b;
	bool is_a_done, is_b_done; /* the item was given out: to be passed at the next call */
	prolly_diff_filter_fn *filter;
	struct prolly_span span; /* that it was asked about last */
	void *filter_context;
	bool is_broken;
	size_t last_size; /* 0: no end but that of the trees */
	uint8_t last[CEL_ID_MAX];
};

static struct slice key_of(const struct side *s)
{
	return slice_make(s->key, s->key_size);
}

static struct slice passed_by(const struct side *s)
{
	return slice_make(s->passed, s->passed_size);
}

static void take_key(struct side *s)
{
	const struct frame *frame = &s->frames[s->level];
	s->key_size = node_key(&frame->node, frame->i, s->key);
}

static int side_open(struct side *s, struct store_read *read, const struct cid *root, struct cel_error *e)
{
	s->is_end = true;
	if (root == NULL)
		return 0;
	struct node *node = mem_alloc(sizeof *node);
	if (node == NULL)
		return error_nomem(e, sizeof *node);
	int rc = node_read(read, root, node, e);
	if (rc == 0) {
		s->read = read;
		s->nodes_read = 1;
		s->top = s->level = node->level;
		s->frames = mem_calloc(s->top + 1, sizeof *s->frames);
		if (s->frames == NULL)
			rc = error_nomem(e, (s->top + 1) * sizeof *s->frames);
	}
	if (rc == 0) {
		s->frames[s->top].node = *node;
		s->is_end = node->n == 0;
		if (!s->is_end)
			take_key(s);
	}
	mem_free(node);
	return rc;
}

static void side_pass(struct side *s)
{
	memcpy(s->passed, s->key, s->key_size);
	s->passed_size = s->key_size;
	while (++s->frames[s->level].i == s->frames[s->level].node.n) {
		if (s->level == s->top) {
			s->is_end = true;
			return;
		}
		s->level++;
	}
	take_key(s);
}

static int side_descend(struct side *s, struct cel_error *e)
{
	const struct frame *parent = &s->frames[s->level];
	struct frame *child = &s->frames[s->level - 1];
	int rc = node_read_child(s->read, &parent->node, parent->i, &child->node, e);
	if (rc < 0)
		return rc;
	s->nodes_read++;
	s->level--;
	child->i = 0;
	take_key(s);
	if (slice_compare(passed_by(s), key_of(s)) >= 0) {
		struct cid cid;
		uint64_t count;
		char text[CEL_CID_TEXT_SIZE];
		node_inner_entry(&parent->node, parent->i, &cid, &count);
		cid_format(&cid, text);
		return error_set(e, CEL_ECORRUPT, "node %s begins before the end of the one before it", text);
	}
	return 0;
}

/* To the first record behind `after`. Down to the leaf, as what else holds it may begin before that. */
static int side_seek(struct side *s, struct slice after, struct cel_error *e)
{
	int rc = 0;
	s->passed_size = 0;
	if (s->frames == NULL || s->frames[s->top].node.n == 0)
		return 0;
	s->level = s->top;
	for (;; rc = side_descend(s, e)) {
		if (rc < 0)
			return rc;
		struct frame *frame = &s->frames[s->level];
		frame->i = node_search(&frame->node, after);
		if (frame->i < frame->node.n) {
			take_key(s);
			frame->i += slice_equal(key_of(s), after);
		}
		s->is_end = frame->i == frame->node.n; /* only at the root: a child ends with the key that led to it */
		if (s->is_end)
			return 0;
		if (frame->i > 0)
			s->passed_size = node_key(&frame->node, frame->i - 1, s->passed);
		take_key(s);
		if (s->level == 0)
			break;
	}
	if (after.size > 0)
		memcpy(s->passed, after.data, after.size);
	s->passed_size = after.size;
	return 0;
}

int prolly_diff_new(struct store_read *read_a, const struct cid *root_a, struct store_read *read_b,
		    const struct cid *root_b, struct prolly_diff **out, struct cel_error *e)
{
	struct prolly_diff *d = mem_calloc(1, sizeof *d);
	if (d == NULL)
		return error_nomem(e, sizeof *d);
	d->a.is_end = d->b.is_end = true;
	bool is_same = root_a != NULL && root_b != NULL && cid_equal(root_a, root_b);
	int rc = is_same ? 0 : side_open(&d->a, read_a, root_a, e);
	if (rc == 0 && !is_same)
		rc = side_open(&d->b, read_b, root_b, e);
	if (rc < 0) {
		prolly_diff_free(d);
		return rc;
	}
	*out = d;
	return 0;
}

int prolly_diff_seek(struct prolly_diff *d, struct slice after, struct cel_error *e)
{
	uint8_t copy[CEL_ID_MAX]; /* it may be the id that was given out last, which lies in here */
	if (after.size > CEL_ID_MAX)
		return error_set(e, CEL_EDATA, "an id of %zu bytes, more than %u", after.size, CEL_ID_MAX);
	if (d->is_broken)
		return error_set(e, CEL_EINTERNAL, "comparing the trees has failed");
	if (after.size > 0)
		memcpy(copy, after.data, after.size);
	after.data = copy;
	d->is_a_done = d->is_b_done = false;
	d->last_size = 0;
	int rc = side_seek(&d->a, after, e);
	if (rc == 0)
		rc = side_seek(&d->b, after, e);
	d->is_broken = rc < 0;
	return rc;
}

void prolly_diff_end_with(struct prolly_diff *d, struct slice last)
{
	memcpy(d->last, last.data, last.size);
	d->last_size = last.size;
}

void prolly_diff_free(struct prolly_diff *d)
{
	if (d == NULL)
		return;
	mem_free(d->a.frames);
	mem_free(d->b.frames);
	mem_free(d);
}

uint64_t prolly_diff_nodes_read(const struct prolly_diff *d)
{
	return d->a.nodes_read + d->b.nodes_read;
}

/* Does all of x's item lie before all of y's? */
static bool is_before(const struct side *x, const struct side *y)
{
	if (x->is_end || y->is_end)
		return !x->is_end;
	if (slice_compare(key_of(x), passed_by(y)) <= 0)
		return true;
	return y->level == 0 && slice_compare(key_of(x), key_of(y)) < 0;
}

/* Does the tree end with the item? */
static bool is_last(const struct side *s)
{
	for (uint32_t level = s->level; level <= s->top; level++)
		if (s->frames[level].i + 1 < s->frames[level].node.n)
			return false;
	return true;
}

/* What stands behind the item's key: a record's values, a subtree's CID and count. Canonical, so bytes tell. */
static struct slice rest_of(const struct side *s, uint64_t *count)
{
	const struct frame *frame = &s->frames[s->level];
	return node_rest(&frame->node, frame->i, count);
}

static bool is_same_item(const struct side *a, const struct side *b)
{
	uint64_t count;
	return a->level == b->level && slice_equal(key_of(a), key_of(b)) && slice_equal(rest_of(a, &count), rest_of(b, &count));
}

/* Both are at the same entry: on to the last one of those behind it in the two nodes that are the same in both, byte for byte. */
static void pass_run(struct side *a, struct side *b)
{
	struct frame *x = &a->frames[a->level], *y = &b->frames[b->level];
	if (!slice_equal(x->node.prefix, y->node.prefix))
		return;
	uint32_t run = node_common_run(&x->node, x->i, &y->node, y->i);
	if (run <= 1)
		return;
	x->i += run - 1;
	y->i += run - 1;
	take_key(a);
	take_key(b);
}

static void pass_done(struct prolly_diff *d)
{
	if (d->is_a_done)
		side_pass(&d->a);
	if (d->is_b_done)
		side_pass(&d->b);
	d->is_a_done = d->is_b_done = false;
}

void prolly_diff_set_filter(struct prolly_diff *d, prolly_diff_filter_fn *filter, void *context)
{
	d->filter = filter;
	d->filter_context = context;
}

/* The items differ. */
static int ask_filter(struct prolly_diff *d, struct cel_error *e)
{
	const struct side *a = &d->a, *b = &d->b;
	uint64_t count;
	if (d->filter == NULL || a->level != b->level || !slice_equal(key_of(a), key_of(b)) ||
	    !slice_equal(passed_by(a), passed_by(b)))
		return PROLLY_ENTER;
	d->span = (struct prolly_span){.level = a->level, .after = passed_by(a), .key = key_of(a), .a = rest_of(a, &count),
				       .b = rest_of(b, &count), .ends_alike = is_last(a) == is_last(b)};
	return d->filter(d->filter_context, &d->span, e);
}

/* Into the higher one, or into both. 1 if they are a change. */
static int descend_both(struct prolly_diff *d, struct cel_error *e)
{
	struct side *a = &d->a, *b = &d->b;
	uint32_t level = a->level > b->level ? a->level : b->level;
	int rc = ask_filter(d, e);
	if (rc != PROLLY_ENTER) {
		d->is_a_done = d->is_b_done = rc > 0;
		return rc == PROLLY_PASS ? 0 : rc < 0 ? rc : 1;
	}
	if (a->level == level)
		rc = side_descend(a, e);
	if (rc == 0 && b->level == level)
		rc = side_descend(b, e);
	return rc;
}

/* Is all up to d->last done with? */
static bool is_over(const struct prolly_diff *d)
{
	struct slice last = slice_make(d->last, d->last_size);
	if (d->a.is_end && d->b.is_end)
		return true;
	return d->last_size > 0 && (d->a.is_end || slice_compare(passed_by(&d->a), last) >= 0) &&
	       (d->b.is_end || slice_compare(passed_by(&d->b), last) >= 0);
}

/* To the next change, at which the sides stay: 1, 0 at the end. With `by_subtrees` it may be one of *n records. */
static int advance(struct prolly_diff *d, bool by_subtrees, enum prolly_change_kind *kind, uint64_t *n,
		   struct cel_error *e)
{
	struct side *a = &d->a, *b = &d->b;
	int rc = 0;
	while (rc == 0) {
		pass_done(d);
		if (is_over(d))
			return 0;
		bool is_deleted = is_before(a, b);
		if (is_deleted || is_before(b, a)) {
			struct side *one = is_deleted ? a : b;
			if (one->level > 0 && !by_subtrees) {
				rc = side_descend(one, e);
				continue;
			}
			rest_of(one, n);
			*kind = is_deleted ? PROLLY_DELETED : PROLLY_ADDED;
			*(is_deleted ? &d->is_a_done : &d->is_b_done) = true;
			return 1;
		}
		if (is_same_item(a, b)) {
			pass_run(a, b);
			d->is_a_done = d->is_b_done = true;
		} else if (a->level == 0 && b->level == 0) { /* neither is before the other: one id */
			*kind = PROLLY_CHANGED;
			*n = 1;
			d->is_a_done = d->is_b_done = true;
			return 1;
		} else {
			*kind = PROLLY_SUBTREE;
			rc = descend_both(d, e);
		}
	}
	return rc;
}

static void give(const struct side *s, struct prolly_entry *out)
{
	const struct frame *leaf = &s->frames[0];
	out->id = key_of(s);
	node_leaf_entry(&leaf->node, leaf->i, &out->vector, &out->metadata);
}

int prolly_diff_next(struct prolly_diff *d, struct prolly_change *out, struct cel_error *e)
{
	if (d->is_broken)
		return error_set(e, CEL_EINTERNAL, "comparing the trees has failed");
	uint64_t n;
	int rc = advance(d, false, &out->kind, &n, e);
	d->is_broken = rc < 0;
	if (rc <= 0)
		return rc;
	if (d->last_size > 0 && slice_compare(key_of(d->is_a_done ? &d->a : &d->b), slice_make(d->last, d->last_size)) > 0) {
		d->a.is_end = d->b.is_end = true;
		return 0;
	}
	out->before = out->after = (struct prolly_entry){0};
	out->leaf = slice_make(NULL, 0);
	out->span = (struct prolly_span){0};
	if (out->kind == PROLLY_SUBTREE) {
		out->span = d->span;
		return 1;
	}
	if (d->is_a_done) {
		give(&d->a, &out->before);
		out->leaf = d->a.frames[0].node.block;
	}
	if (d->is_b_done)
		give(&d->b, &out->after);
	return 1;
}

int prolly_diff_count(struct store_read *read_a, const struct cid *root_a, struct store_read *read_b,
		      const struct cid *root_b, struct prolly_diff_counts *out, struct cel_error *e)
{
	struct prolly_diff *d;
	enum prolly_change_kind kind;
	uint64_t n;
	*out = (struct prolly_diff_counts){0};
	int rc = prolly_diff_new(read_a, root_a, read_b, root_b, &d, e);
	if (rc < 0)
		return rc;
	while ((rc = advance(d, true, &kind, &n, e)) > 0)
		*(kind == PROLLY_ADDED ? &out->added : kind == PROLLY_DELETED ? &out->deleted : &out->changed) += n;
	out->nodes_read = prolly_diff_nodes_read(d);
	prolly_diff_free(d);
	return rc;
}
