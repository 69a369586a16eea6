/* SPDX-License-Identifier: Apache-2.0 */
/* Which commits have a damaged block below them. The audit meets a node in the first tree only, so this is a walk of its own,
 * made when there is damage at all: every node once, and for the few that lead to damage a word of bits, one for each of
 * the first 63 findings and the last for all others (which then touch whatever any of them touches). */
#include <stdio.h>

#include "alloc.h"
#include "error.h"
#include "fsck.h"
#include "node.h"

#define BIT_OTHERS (1ull << 63)

struct touch {
	struct fsck *f;
	struct digest_set damaged; /* block -> bits */
	struct digest_set clean;   /* nodes */
	struct digest_set tainted; /* node -> bits */
};

static uint64_t bits_of(const struct digest_set *set, const struct cid *cid)
{
	const uint64_t *bits = digest_set_value(set, cid->digest);
	return bits != NULL ? *bits : 0;
}

static int set_bits(struct digest_set *set, const struct cid *cid, uint64_t bits, struct cel_error *e)
{
	int rc = digest_set_add(set, cid->digest, e);
	uint64_t *value = rc >= 0 ? digest_set_value(set, cid->digest) : NULL;
	if (value != NULL)
		*value |= bits;
	return rc < 0 ? rc : 0;
}

static int touch_node(struct touch *t, const struct cid *cid, uint32_t below, uint64_t *bits, struct cel_error *e);

static int touch_entries(struct touch *t, const struct node *node, uint64_t *bits, struct cel_error *e)
{
	int rc = 0;
	for (uint32_t i = 0; i < node->n && rc == 0; i++) {
		struct cid child;
		uint64_t count;
		struct prolly_value vector, metadata;
		if (node->level > 0) {
			node_inner_entry(node, i, &child, &count);
			rc = touch_node(t, &child, node->level, bits, e);
			continue;
		}
		node_leaf_entry(node, i, &vector, &metadata);
		*bits |= vector.is_link ? bits_of(&t->damaged, &vector.link) : 0;
		*bits |= metadata.is_link ? bits_of(&t->damaged, &metadata.link) : 0;
	}
	return rc;
}

/* Adds what is damaged at or below the node. A node that is not of a level under `below` is looked at no further, so this
 * goes no deeper than there are levels. */
static int touch_node(struct touch *t, const struct cid *cid, uint32_t below, uint64_t *bits, struct cel_error *e)
{
	if (digest_set_has(&t->clean, cid->digest))
		return 0;
	uint64_t mine = bits_of(&t->tainted, cid);
	*bits |= mine;
	if (mine != 0)
		return 0;
	mine = bits_of(&t->damaged, cid);
	struct node *node = mem_alloc(sizeof *node);
	if (node == NULL)
		return error_nomem(e, sizeof *node);
	int rc = 0;
	if (node_read(t->f->read, cid, node, NULL) == 0 && node->level < below)
		rc = touch_entries(t, node, &mine, e);
	mem_free(node);
	if (rc == 0)
		rc = mine != 0 ? set_bits(&t->tainted, cid, mine, e) : digest_set_add(&t->clean, cid->digest, e);
	*bits |= mine;
	return rc < 0 ? rc : 0;
}

static int touch_all(struct touch *t, struct cel_error *e)
{
	struct fsck *f = t->f;
	int rc = 0;
	for (size_t i = 0; i < f->n_findings && rc == 0; i++) {
		if (!f->findings[i].has_block && !f->findings[i].has_tree)
			continue; /* of a file: the blocks that it costs are findings of their own */
		f->findings[i].bit = i < 63 ? 1ull << i : BIT_OTHERS;
		if (f->findings[i].has_block)
			rc = set_bits(&t->damaged, &f->findings[i].block, f->findings[i].bit, e);
	}
	for (size_t i = 0; i < f->n_commits && rc == 0; i++) {
		struct fsck_commit *c = &f->commits[i];
		c->touched = bits_of(&t->damaged, &c->cid);
		if (c->is_readable)
			c->touched |= bits_of(&t->damaged, &c->schema);
		if (c->has_tree)
			rc = touch_node(t, &c->tree, NODE_LEVELS_MAX, &c->touched, e);
		for (size_t j = 0; j < f->n_findings && c->has_tree; j++)
			if (f->findings[j].has_tree && cid_equal(&f->findings[j].tree, &c->tree))
				c->touched |= f->findings[j].bit;
	}
	return rc;
}

int fsck_touch(struct fsck *f, struct cel_error *e)
{
	struct touch t = {.f = f, .damaged.value_size = sizeof(uint64_t), .tainted.value_size = sizeof(uint64_t)};
	int rc = touch_all(&t, e);
	digest_set_release(&t.damaged);
	digest_set_release(&t.clean);
	digest_set_release(&t.tainted);
	return rc;
}

/* ---- for a reader */

struct names {
	const struct fsck *f;
	uint32_t *stack;  /* places of commits still to be followed */
	uint8_t *reached; /* by the start in hand; 2: by an earlier one */
};

/* Marks what the start leads to. */
static void reach(struct names *n, uint32_t from)
{
	size_t depth = 0;
	n->stack[depth++] = from;
	while (depth > 0) {
		uint32_t at = n->stack[--depth];
		const struct fsck_commit *c = &n->f->commits[at];
		if (n->reached[at] & 1)
			continue;
		n->reached[at] |= 1;
		for (uint32_t p = 0; p < c->n_parents; p++)
			if (c->parent[p] != FSCK_NONE && (n->reached[c->parent[p]] & 1) == 0)
				n->stack[depth++] = c->parent[p];
	}
}

/* "words~3", "words@v1", or the CID of a commit that cannot be said so. */
static int put_name(struct names *n, const struct fsck_start *start, uint32_t from, uint32_t wanted, struct buf *out,
		    struct cel_error *e)
{
	const char *slash;
	if (strncmp(start->name, "tags/", 5) == 0 && start->is_ref && from == wanted &&
	    (slash = strchr(start->name + 5, '/')) != NULL)
		return buf_printf(out, e, "%.*s@%s", (int)(slash - start->name - 5), start->name + 5, slash + 1);
	uint64_t steps = 0;
	uint32_t at = from;
	while (at != wanted && n->f->commits[at].n_parents == 1 && n->f->commits[at].parent[0] != FSCK_NONE) {
		at = n->f->commits[at].parent[0];
		steps++;
	}
	bool is_head = start->is_ref && strncmp(start->name, HEADS_PREFIX, strlen(HEADS_PREFIX)) == 0;
	if (at != wanted || (start->is_ref && !is_head)) {
		char text[CEL_CID_TEXT_SIZE];
		cid_format(&n->f->commits[wanted].cid, text);
		return buf_append_text(out, text, e);
	}
	const char *name = is_head ? start->name + strlen(HEADS_PREFIX) : start->name;
	return steps == 0 ? buf_append_text(out, name, e) : buf_printf(out, e, "%s~%llu", name, (unsigned long long)steps);
}

/* One start's part of the text: the newest of its commits with the bit, and how many more there are. */
static int put_start(struct names *n, const struct fsck_start *start, uint64_t bit, struct buf *out, struct cel_error *e)
{
	const struct fsck_commit *first = fsck_commit_of(n->f, &start->cid);
	if (first == NULL)
		return 0;
	uint32_t from = (uint32_t)(first - n->f->commits), newest = FSCK_NONE;
	size_t count = 0;
	bool is_head = !start->is_ref || strncmp(start->name, HEADS_PREFIX, strlen(HEADS_PREFIX)) == 0;
	reach(n, from);
	bool is_said = true;
	for (uint32_t i = 0; i < n->f->n_commits; i++) {
		bool is_mine = (n->reached[i] & 1) != 0 && (n->f->commits[i].touched & bit) != 0;
		if (is_mine && newest == FSCK_NONE)
			newest = i;
		count += is_mine;
		is_said &= !is_mine || n->reached[i] == 3;
		n->reached[i] = n->reached[i] != 0 ? 2 : 0;
	}
	/* Collections are always named, tags and what was merged only if nothing else has named all of it. */
	if (newest == FSCK_NONE || (is_said && !is_head))
		return 0;
	int rc = out->size > 0 ? buf_append_text(out, ", ", e) : 0;
	if (rc == 0)
		rc = put_name(n, start, from, newest, out, e);
	if (rc == 0 && count > 1)
		rc = buf_printf(out, e, " and %zu older", count - 1);
	return rc;
}

int fsck_touch_text(const struct fsck *f, uint64_t bit, struct buf *out, struct cel_error *e)
{
	size_t n_edges = f->n_commits * COMMIT_PARENTS_MAX + 1;
	struct names n = {.f = f, .stack = mem_calloc(n_edges, sizeof *n.stack), .reached = mem_calloc(f->n_commits + 1, 1)};
	int rc = n.stack == NULL || n.reached == NULL ? error_nomem(e, n_edges * sizeof *n.stack) : 0;
	static const char *const ORDER[] = {HEADS_PREFIX, "tags/", ""};
	for (size_t o = 0; o < 3; o++) {
		for (size_t i = 0; i < f->n_starts && rc == 0; i++) {
			const char *name = f->starts[i].name;
			size_t class = !f->starts[i].is_ref || strncmp(name, ORDER[0], strlen(ORDER[0])) == 0 ? 0
				       : strncmp(name, ORDER[1], strlen(ORDER[1])) == 0			      ? 1
													      : 2;
			if (class == o)
				rc = put_start(&n, &f->starts[i], bit, out, e);
		}
	}
	mem_free(n.stack);
	mem_free(n.reached);
	return rc;
}
