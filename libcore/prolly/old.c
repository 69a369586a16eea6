/* SPDX-License-Identifier: Apache-2.0 */
/* Slots are taken round by age. Every step down compares the child with what its parent says of it, every step to the
 * next node the keys on both sides, so a walk through hostile nodes ascends and ends. */
#include "old.h"

#include "alloc.h"
#include "error.h"

struct old_slot {
	struct cid cid;
	uint64_t used; /* by the clock; 0: empty */
	struct node node;
};

int old_open(struct old_tree *t, struct store_read *read, const struct cid *root, struct cel_error *e)
{
	*t = (struct old_tree){.read = read, .root = *root, .nodes_read = 1};
	struct node *node = mem_alloc(sizeof *node);
	if (node == NULL)
		return error_nomem(e, sizeof *node);
	int rc = node_read(read, root, node, e);
	if (rc == 0) {
		t->top = node->level;
		t->count = node->count;
		t->slots = mem_calloc((t->top + 1) * OLD_SLOTS, sizeof *t->slots);
		if (t->slots == NULL)
			rc = error_nomem(e, (t->top + 1) * OLD_SLOTS * sizeof *t->slots);
	}
	if (rc == 0)
		t->slots[t->top * OLD_SLOTS] = (struct old_slot){.cid = *root, .used = ++t->clock, .node = *node};
	mem_free(node);
	return rc;
}

void old_release(struct old_tree *t)
{
	mem_free(t->slots);
	t->slots = NULL;
}

int old_node(struct old_tree *t, const struct old_place *p, uint32_t level, const struct node **out, struct cel_error *e)
{
	struct old_slot *slots = &t->slots[level * OLD_SLOTS], *oldest = slots;
	for (struct old_slot *slot = slots; slot < slots + OLD_SLOTS; slot++) {
		if (slot->used > 0 && cid_equal(&slot->cid, &p->cid[level])) {
			slot->used = ++t->clock;
			*out = &slot->node;
			return 0;
		}
		if (slot->used < oldest->used)
			oldest = slot;
	}
	oldest->used = 0;
	int rc = node_read(t->read, &p->cid[level], &oldest->node, e);
	if (rc < 0)
		return rc;
	t->nodes_read++;
	oldest->cid = p->cid[level];
	oldest->used = ++t->clock;
	*out = &oldest->node;
	return 0;
}

/* To entry 0 of the child that p's entry of `level` links. */
static int descend(struct old_tree *t, struct old_place *p, uint32_t level, struct cel_error *e)
{
	const struct node *parent, *child;
	uint64_t count;
	int rc = old_node(t, p, level, &parent, e);
	if (rc < 0)
		return rc;
	node_inner_entry(parent, p->i[level], &p->cid[level - 1], &count);
	p->i[level - 1] = 0;
	rc = old_node(t, p, level - 1, &child, e);
	return rc < 0 ? rc : node_check_child(parent, p->i[level], child, e);
}

int old_seek(struct old_tree *t, struct old_place *p, uint32_t level, struct slice key, struct cel_error *e)
{
	p->cid[t->top] = t->root;
	for (uint32_t l = t->top;; l--) {
		const struct node *node;
		int rc = old_node(t, p, l, &node, e);
		if (rc < 0)
			return rc;
		p->i[l] = node_search(node, key);
		if (l == level)
			return 0;
		if (p->i[l] == node->n)
			p->i[l]--;
		rc = descend(t, p, l, e);
		if (rc < 0)
			return rc;
	}
}

/* From the entry of `from` down to `level`; by first entries or by last ones. */
static int descend_to(struct old_tree *t, struct old_place *p, uint32_t from, uint32_t level, bool by_last,
		      struct cel_error *e)
{
	int rc = 0;
	for (uint32_t l = from; l > level && rc == 0; l--) {
		const struct node *node;
		rc = descend(t, p, l, e);
		if (rc == 0 && by_last && l - 1 > level) {
			rc = old_node(t, p, l - 1, &node, e);
			if (rc == 0)
				p->i[l - 1] = node->n - 1;
		}
	}
	return rc;
}

static int check_order(struct old_tree *t, const struct old_place *before, const struct old_place *after, uint32_t level,
		       struct cel_error *e)
{
	const struct node *a, *b;
	uint8_t last[CEL_ID_MAX], first[CEL_ID_MAX];
	char text[CEL_CID_TEXT_SIZE];
	int rc = old_node(t, before, level, &a, e);
	if (rc == 0)
		rc = old_node(t, after, level, &b, e);
	if (rc < 0)
		return rc;
	bool is_short = a->n <= PROLLY_W;
	if (!is_short &&
	    slice_compare(slice_make(last, node_key(a, a->n - 1, last)), slice_make(first, node_key(b, 0, first))) < 0)
		return 1;
	cid_format(&before->cid[level], text);
	if (is_short)
		return error_set(e, CEL_ECORRUPT, "node %s has %u entries and is not the last of its level", text, a->n);
	return error_set(e, CEL_ECORRUPT, "node %s does not end before the one behind it begins", text);
}

int old_next(struct old_tree *t, struct old_place *p, uint32_t level, struct cel_error *e)
{
	for (uint32_t l = level + 1; l <= t->top; l++) {
		const struct node *node;
		int rc = old_node(t, p, l, &node, e);
		if (rc < 0)
			return rc;
		if (p->i[l] + 1 == node->n)
			continue;
		struct old_place before = *p;
		p->i[l]++;
		rc = descend_to(t, p, l, level, false, e);
		return rc < 0 ? rc : check_order(t, &before, p, level, e);
	}
	return 0;
}

int old_previous(struct old_tree *t, struct old_place *p, uint32_t level, struct cel_error *e)
{
	for (uint32_t l = level + 1; l <= t->top; l++) {
		if (p->i[l] == 0)
			continue;
		struct old_place after = *p;
		p->i[l]--;
		int rc = descend_to(t, p, l, level, true, e);
		return rc < 0 ? rc : check_order(t, p, &after, level, e);
	}
	return 0;
}
