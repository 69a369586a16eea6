/* SPDX-License-Identifier: Apache-2.0 */
/* The diff of the two sides is walked. The base's subtrees are compared with the two sides' where these cover the same ids, which
 * takes the nodes above them: of a change in a leaf the leaf itself is read only if both sides have changed it, or where nodes end
 * elsewhere than before. */
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

/* The base's entry of a level that holds the key. Keys ascend, so it is most often in the node of the one before it. */
static int seek_base(struct sides *s, uint32_t level, struct slice key, const struct node **node, struct cel_error *e)
{
	struct old_place *place = &s->place;
	uint8_t last[CEL_ID_MAX];
	if (s->is_placed && s->level == level) {
		int rc = old_node(&s->base, place, level, node, e);
		if (rc < 0)
			return rc;
		if (slice_compare(key, slice_make(last, node_key(*node, (*node)->n - 1, last))) <= 0) {
			place->i[level] = node_search(*node, key);
			return 0;
		}
	}
	int rc = old_seek(&s->base, place, level, key, e);
	if (rc == 0)
		rc = old_node(&s->base, place, level, node, e);
	s->is_placed = rc == 0;
	s->level = level;
	return rc;
}

/* A subtree that theirs has as the base does only ours can have changed; one that ours has so, only theirs. */
static int filter(void *context, const struct prolly_span *span, struct cel_error *e)
{
	struct sides *s = context;
	const struct node *node;
	uint64_t count;
	if (span->level > s->base.top)
		return PROLLY_ENTER;
	int rc = seek_base(s, span->level, span->key, &node, e);
	if (rc < 0)
		return rc;
	uint32_t i = s->place.i[span->level];
	if (i == node->n || !is_key(node, i, span->key))
		return PROLLY_ENTER;
	struct slice rest = node_rest(node, i, &count);
	bool is_ours = slice_equal(rest, span->a), is_theirs = slice_equal(rest, span->b);
	if (!is_ours && !is_theirs)
		return PROLLY_ENTER;
	rc = begins_behind(s, &s->place, span->level, span->after, e);
	if (rc <= 0)
		return rc < 0 ? rc : PROLLY_ENTER;
	return is_theirs ? PROLLY_PASS : PROLLY_GIVE;
}

int sides_open(struct sides *s, const struct prolly_merge *m, struct cel_error *e)
{
	*s = (struct sides){0};
	int rc = prolly_diff_new(m->read_ours, m->ours, m->read_theirs, m->theirs, &s->diff, e);
	if (rc < 0 || m->base_root == NULL)
		return rc;
	prolly_diff_set_filter(s->diff, filter, s);
	return old_open(&s->base, m->read_base, m->base_root, e);
}

void sides_close(struct sides *s)
{
	prolly_diff_free(s->diff);
	old_release(&s->base);
	s->diff = NULL;
}

int sides_next(struct sides *s, struct prolly_change *out, struct cel_error *e)
{
	return prolly_diff_next(s->diff, out, e);
}

uint64_t sides_nodes_read(const struct sides *s)
{
	return prolly_diff_nodes_read(s->diff) + s->base.nodes_read;
}
