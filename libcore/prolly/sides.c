/* SPDX-License-Identifier: Apache-2.0 */
/* The diff of the two sides is walked. The base's subtrees are compared with the two sides' where these cover the same ids: one
 * that is as theirs need not be gone into (only ours has changed it), and in one that is as ours all of theirs is taken; if it is
 * a leaf, by its CID, should no id have come or gone. */
#include "sides.h"

static bool is_key(const struct node *node, uint32_t i, struct slice key)
{
	uint8_t own[CEL_ID_MAX];
	return slice_equal(key, slice_make(own, node_key(node, i, own)));
}

/* Does what the base has at this place begin behind `after`? Nodes of the same ids can still have others before them. */
static int begins_behind(struct sides *s, const struct old_place *place, uint32_t level, struct slice after,
			 struct cel_error *e)
{
	struct old_place previous = *place;
	const struct node *node;
	if (place->i[level] == 0) {
		int rc = old_previous(&s->base, &previous, level, e);
		if (rc <= 0)
			return rc < 0 ? rc : after.size == 0;
		previous.i[level] = UINT32_MAX;
	}
	int rc = old_node(&s->base, &previous, level, &node, e);
	if (rc < 0)
		return rc;
	return is_key(node, previous.i[level] == UINT32_MAX ? node->n - 1 : previous.i[level] - 1, after);
}

/* Passes what only ours has changed, and notes what only theirs has. */
static int filter(void *context, const struct prolly_span *span, struct cel_error *e)
{
	struct sides *s = context;
	struct old_place place;
	const struct node *node;
	uint64_t count;
	if (span->level > s->base.top)
		return 0;
	int rc = old_seek(&s->base, &place, span->level, span->key, e);
	if (rc == 0)
		rc = old_node(&s->base, &place, span->level, &node, e);
	if (rc < 0)
		return rc;
	uint32_t i = place.i[span->level];
	if (i == node->n || !is_key(node, i, span->key))
		return 0;
	struct slice rest = node_rest(node, i, &count);
	bool is_ours = slice_equal(rest, span->a), is_theirs = slice_equal(rest, span->b);
	if (!is_ours && !is_theirs)
		return 0;
	rc = begins_behind(s, &place, span->level, span->after, e);
	if (rc <= 0)
		return rc;
	if (is_ours) {
		s->has_sure = true;
		s->has_twin = span->level == 1;
		if (s->has_twin)
			node_rest_child(span->b, &s->twin);
		s->sure_size = span->key.size;
		memcpy(s->sure, span->key.data, span->key.size);
	}
	return is_theirs;
}

int sides_open(struct sides *s, const struct prolly_merge *m, const struct sides_reads *reads, struct cel_error *e)
{
	*s = (struct sides){0};
	int rc = prolly_diff_new(reads->ours, m->ours, reads->theirs, m->theirs, &s->diff, e);
	if (rc < 0 || m->base_root == NULL)
		return rc;
	prolly_diff_set_filter(s->diff, filter, s);
	return old_open(&s->base, reads->base, m->base_root, e);
}

void sides_close(struct sides *s)
{
	prolly_diff_free(s->diff);
	old_release(&s->base);
	s->diff = NULL;
}

int sides_seek(struct sides *s, struct slice after, struct cel_error *e)
{
	s->has_sure = s->has_twin = false;
	return prolly_diff_seek(s->diff, after, e);
}

void sides_end_with(struct sides *s, struct slice last)
{
	prolly_diff_end_with(s->diff, last);
}

int sides_next(struct sides *s, struct sided_change *out, struct cel_error *e)
{
	int rc = prolly_diff_next(s->diff, &out->change, e);
	if (rc <= 0)
		return rc;
	struct slice id = out->change.kind == PROLLY_DELETED ? out->change.before.id : out->change.after.id;
	if (s->has_sure && slice_compare(id, slice_make(s->sure, s->sure_size)) > 0)
		s->has_sure = s->has_twin = false;
	out->is_sure = s->has_sure;
	out->change.twin = s->has_twin ? &s->twin : NULL;
	return 1;
}

uint64_t sides_nodes_read(const struct sides *s)
{
	return prolly_diff_nodes_read(s->diff) + s->base.nodes_read;
}
