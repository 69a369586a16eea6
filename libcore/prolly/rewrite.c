/* SPDX-License-Identifier: Apache-2.0 */
/* Bottom up, one chunker a level. A node that a chunker gives out is put into the batch and becomes one entry (last key,
 * CID, records) of the level above:
 *
 *     level 1   | a..f -> CID |                      <- entry of the node just finished
 *     level 0   | a b c d e f |  g h i               <- entries whose node is not known to end yet
 *
 * With an old tree a level is idle until a change p comes to it. No boundary left of p - w can depend on p, so the level
 * begins at the first boundary at or before that (one of attempt 0 in the old tree: within a run over the cap the chunker
 * cannot start), and takes old entries and changes alike from there on:
 *
 *     old nodes   ...... | . . . . . . p . . | . . . . . . . . . | ......
 *     taken                > > > > > > P > > > > > > > >
 *                        begin               ^         w entries later: rest
 *
 * Once the chunker closes a run exactly where an old one ends, and the w entries behind it are old, all further
 * decisions are as they were: the level rests, and nodes up to the next change are neither read nor hashed.
 *
 * Old nodes that were passed wait in a queue until the chunker has got as far. Then they and the new nodes are compared
 * by last key: the same entries again are no change, else the level above has an entry replaced, dropped or added. */
#include "rewrite.h"

#include "alloc.h"
#include "error.h"

struct gone {
	bool is_end_gone; /* no new node can end with this key */
	bool is_intact;
	uint32_t n;
	uint64_t n_nodes;      /* more than 1: with those behind it, all with is_end_gone */
	uint64_t start, taken; /* in terms of the level: its first entry; when it was passed */
	struct cid cid;
	uint32_t key_size;
	uint8_t key[CEL_ID_MAX];
};

/* One change of a level. */
struct change {
	struct slice key;
	struct slice rest;
	uint64_t count;   /* records below; of a put */
	uint64_t n_drops; /* entries to drop from key on; 0: a put */
};
static int apply(struct rewrite *w, uint32_t level, const struct change *change, struct cel_error *e);

int rewrite_init(struct rewrite *w, struct store_batch *batch, chunk_hash_fn *hash, struct store_read *read,
		 const struct cid *base, struct cel_error *e)
{
	*w = (struct rewrite){.batch = batch};
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++) {
		chunker_init(&w->levels[level].chunker, level, hash);
		w->levels[level].is_active = true;
	}
	if (base == NULL)
		return 0;
	int rc = old_open(&w->old, read, base, e);
	if (rc < 0)
		return rc;
	w->top = w->old.top;
	for (uint32_t level = 0; level <= w->top; level++)
		w->levels[level].is_active = false;
	return 0;
}

void rewrite_release(struct rewrite *w)
{
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++) {
		chunker_release(&w->levels[level].chunker);
		mem_free(w->levels[level].gone);
		buf_release(&w->levels[level].rest);
	}
	buf_release(&w->block);
	old_release(&w->old);
}

/* ---- the old nodes that were passed */

/* `node` was taken to its end. */
static int push_gone(struct rewrite *w, uint32_t level, const struct node *node, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	struct gone *last = l->tail > l->head ? &l->gone[l->tail - 1] : NULL;
	if (level == w->top)
		return 0; /* no level above knows of it */
	if (last != NULL && last->is_end_gone && l->is_end_gone && last->taken == l->taken) {
		last->n_nodes++;
		return 0;
	}
	if (l->tail == l->capacity && l->head > l->capacity / 2) {
		memmove(l->gone, l->gone + l->head, (l->tail - l->head) * sizeof *l->gone);
		l->tail -= l->head;
		l->head = 0;
	}
	if (mem_grow(&l->gone, &l->capacity, l->tail + 1, sizeof *l->gone, e) < 0)
		return CEL_ENOMEM;
	struct gone *g = &l->gone[l->tail++];
	g->is_end_gone = l->is_end_gone;
	g->is_intact = l->is_intact;
	g->n = node->n;
	g->n_nodes = 1;
	g->start = l->start;
	g->taken = l->taken;
	g->cid = l->place.cid[level];
	g->key_size = (uint32_t)node_key(node, node->n - 1, g->key);
	return 0;
}

/* The level above loses the entry of the queue's head. */
static int drop_gone(struct rewrite *w, uint32_t level, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	const struct gone *g = &l->gone[l->head++];
	struct change change = {.key = slice_make(g->key, g->key_size), .n_drops = g->n_nodes};
	return apply(w, level + 1, &change, e);
}

static int drop_all_gone(struct rewrite *w, uint32_t level, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	int rc = 0;
	while (l->head < l->tail && rc == 0)
		rc = drop_gone(w, level, e);
	l->head = l->tail = 0;
	return rc;
}

/* ---- nodes to the batch */

/* Puts the node of the chunker's next n entries. */
static int put_node(struct rewrite *w, uint32_t level, size_t n, uint64_t *count, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	*count = 0;
	for (size_t i = 0; i < n; i++) {
		w->items[i] = (struct node_item){.key = chunker_key(&l->chunker, i), .rest = chunker_payload(&l->chunker, i)};
		*count += chunker_count(&l->chunker, i);
	}
	buf_clear(&w->block);
	int rc = node_encode(level, *count, w->items, n, &w->block, e);
	if (rc < 0)
		return rc;
	l->nodes++;
	return store_batch_put(w->batch, CID_DAG_CBOR, buf_slice(&w->block), &l->last, e);
}

/* The chunker's next n entries are a node: the level above hears of it if it is new. */
static int give_node(struct rewrite *w, uint32_t level, size_t n, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	struct slice key = chunker_key(&l->chunker, n - 1);
	const struct gone *same = NULL;
	int rc = 0;
	while (l->head < l->tail && rc == 0) {
		const struct gone *g = &l->gone[l->head];
		int order = slice_compare(slice_make(g->key, g->key_size), key);
		if (order >= 0) {
			same = order == 0 ? g : NULL;
			break;
		}
		rc = drop_gone(w, level, e);
	}
	if (rc < 0)
		return rc;
	if (same != NULL) {
		l->head++;
		if (same->is_intact && same->start == l->given && same->n == n)
			return 0;
	}
	uint64_t count;
	rc = put_node(w, level, n, &count, e);
	if (rc < 0 || (same != NULL && cid_equal(&same->cid, &l->last)))
		return rc;
	buf_clear(&l->rest);
	rc = node_put_inner_rest(&l->rest, &l->last, count, e);
	struct change change = {.key = key, .rest = buf_slice(&l->rest), .count = count};
	return rc < 0 ? rc : apply(w, level + 1, &change, e);
}

static int give_ready(struct rewrite *w, uint32_t level, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	size_t n;
	while ((n = chunker_ready(&l->chunker)) > 0) {
		int rc = give_node(w, level, n, e);
		if (rc < 0)
			return rc;
		l->given += n;
		chunker_drop(&l->chunker);
	}
	return 0;
}

/* ---- taking entries */

static int take(struct rewrite *w, uint32_t level, struct slice key, struct slice rest, uint64_t count,
		struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	l->taken++;
	int rc = chunker_add(&l->chunker, key, rest, count, e);
	return rc < 0 ? rc : give_ready(w, level, e);
}

/* The node that has the next old entry: 1, 0 if there is none. */
static int next_old(struct rewrite *w, uint32_t level, const struct node **node, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	if (!l->has_old)
		return 0;
	int rc = old_node(&w->old, &l->place, level, node, e);
	if (rc < 0 || l->place.i[level] < (*node)->n)
		return rc < 0 ? rc : 1;
	rc = (*node)->n > 0 ? push_gone(w, level, *node, e) : 0;
	if (rc == 0)
		rc = old_next(&w->old, &l->place, level, e);
	if (rc <= 0) {
		l->has_old = false;
		return rc;
	}
	l->is_intact = true;
	l->is_end_gone = false;
	rc = old_node(&w->old, &l->place, level, node, e);
	return rc < 0 ? rc : 1;
}

/* Takes the next entry of `node`, in which the level is. */
static int take_old(struct rewrite *w, uint32_t level, const struct node *node, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	uint8_t key[CEL_ID_MAX];
	uint64_t count;
	uint32_t i = l->place.i[level]++;
	if (i == 0)
		l->start = l->taken;
	l->unmoved++;
	l->unchanged++;
	struct slice rest = node_rest(node, i, &count);
	return take(w, level, slice_make(key, node_key(node, i, key)), rest, count, e);
}

/* ---- boundaries of the old tree */

static uint64_t hash_of(const struct chunker *c, const struct node *node, uint32_t i)
{
	uint8_t key[CEL_ID_MAX];
	return c->hash(c->level, 0, slice_make(key, node_key(node, i, key)));
}

/* Does the last entry of the node before p close by the first hash? Then a chunker may begin with the node at p: 1, 0. */
static int is_run_start(struct rewrite *w, uint32_t level, const struct old_place *p, struct cel_error *e)
{
	const struct chunker *c = &w->levels[level].chunker;
	const struct node *before, *node;
	struct old_place previous = *p;
	int rc = old_previous(&w->old, &previous, level, e);
	if (rc <= 0)
		return rc < 0 ? rc : 1;
	rc = old_node(&w->old, &previous, level, &before, e);
	if (rc == 0)
		rc = old_node(&w->old, p, level, &node, e);
	if (rc < 0)
		return rc;
	uint64_t hash = hash_of(c, before, before->n - 1);
	for (uint32_t j = 1; j <= PROLLY_W; j++)
		if (hash_of(c, before, before->n - 1 - j) <= hash) /* old_previous saw that there are so many */
			return 0;
	for (uint32_t j = 0; j < PROLLY_W && j < node->n; j++)
		if (hash_of(c, node, j) < hash)
			return 0;
	return 1;
}

/* The level is at the entry that changes, or behind the last one: back to where its chunker must begin. */
static int begin(struct rewrite *w, uint32_t level, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	int rc = l->place.i[level] < PROLLY_W ? old_previous(&w->old, &l->place, level, e) : 0;
	while (rc >= 0 && (rc = is_run_start(w, level, &l->place, e)) == 0)
		rc = old_previous(&w->old, &l->place, level, e);
	l->place.i[level] = 0;
	l->is_active = l->has_old = l->is_intact = true;
	l->is_end_gone = false;
	l->taken = l->given = l->start = l->unmoved = l->unchanged = 0;
	return rc < 0 ? rc : 0;
}

/* May the level rest before `node`, of which it took w entries? 1, 0. */
static int can_rest(struct rewrite *w, uint32_t level, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	/* The chunker has but these: a run is closed before them (or nothing is before them). */
	if (l->place.i[level] != PROLLY_W || l->chunker.n != PROLLY_W || l->unchanged < PROLLY_W)
		return 0;
	/* If the 2w + 1 entries about the end of that run are old, the same ones decided on it in the old tree. */
	return l->unmoved > 2 * PROLLY_W ? 1 : is_run_start(w, level, &l->place, e);
}

static int go_idle(struct rewrite *w, uint32_t level, struct cel_error *e)
{
	chunker_clear(&w->levels[level].chunker);
	w->levels[level].is_active = false;
	return drop_all_gone(w, level, e);
}

/* ---- changes */

static bool is_key(const struct node *node, uint32_t i, struct slice key)
{
	uint8_t own[CEL_ID_MAX];
	return slice_equal(key, slice_make(own, node_key(node, i, own)));
}

/* Takes the old entries before key. 1 if key is there. If the level may rest on the way, it is idle and behind no change
 * afterwards: 0. */
static int take_until(struct rewrite *w, uint32_t level, struct slice key, bool may_rest, const struct node **node,
		      struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	int rc;
	while ((rc = next_old(w, level, node, e)) > 0) {
		uint32_t end = node_search(*node, key), *i = &l->place.i[level];
		while (*i < end && rc >= 0) {
			rc = take_old(w, level, *node, e);
			if (rc == 0 && may_rest && end == (*node)->n)
				rc = can_rest(w, level, e);
			if (rc > 0)
				return go_idle(w, level, e);
		}
		if (rc < 0)
			return rc;
		if (*i < (*node)->n)
			return is_key(*node, *i, key);
	}
	return rc;
}

/* 1 if the old level has key; an active one is before it then, an idle one knows its place. */
static int locate(struct rewrite *w, uint32_t level, struct slice key, const struct node **node, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	if (l->is_active) {
		int rc = take_until(w, level, key, true, node, e);
		if (rc < 0 || l->is_active)
			return rc;
	}
	int rc = old_seek(&w->old, &l->place, level, key, e);
	if (rc == 0)
		rc = old_node(&w->old, &l->place, level, node, e);
	if (rc < 0)
		return rc;
	return l->place.i[level] < (*node)->n && is_key(*node, l->place.i[level], key);
}

/* The entry at place is replaced or dropped. */
static void pass_old(struct rewrite_level *l, uint32_t level, const struct node *node, bool is_drop)
{
	l->is_end_gone = is_drop && l->place.i[level] + 1 == node->n;
	if (l->place.i[level]++ == 0)
		l->start = l->taken;
	l->is_intact = false;
	l->unchanged = 0;
	if (is_drop)
		l->unmoved = 0;
}

static int drop_old(struct rewrite *w, uint32_t level, const struct change *change, bool is_there, struct cel_error *e)
{
	const struct node *node;
	for (uint64_t n = 0; n < change->n_drops; n++) {
		int rc = next_old(w, level, &node, e);
		if (rc < 0)
			return rc;
		if (rc == 0 || !is_there)
			return error_set(e, CEL_ECORRUPT, "level %u of the tree lacks '%.*s'", level, (int)change->key.size,
					 (const char *)change->key.data);
		pass_old(&w->levels[level], level, node, true);
	}
	return 0;
}

/* A change at a key that was located. */
static int apply_located(struct rewrite *w, uint32_t level, const struct change *change, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	const struct node *node;
	int rc = l->is_active ? 0 : begin(w, level, e);
	if (rc == 0)
		rc = take_until(w, level, change->key, false, &node, e);
	if (rc < 0)
		return rc;
	if (change->n_drops > 0)
		return drop_old(w, level, change, rc > 0, e);
	if (rc > 0) {
		pass_old(l, level, node, false);
	} else {
		l->is_intact = l->is_intact && l->place.i[level] == 0; /* before its first entry it is not in it */
		l->unmoved = l->unchanged = 0;
	}
	return take(w, level, change->key, change->rest, change->count, e);
}

static int apply(struct rewrite *w, uint32_t level, const struct change *change, struct cel_error *e)
{
	if (level == NODE_LEVELS_MAX) /* no set needs that many, but an old tree may have been made up */
		return error_set(e, w->old.slots != NULL ? CEL_ECORRUPT : CEL_EINTERNAL, "a tree of more than %u levels",
				 NODE_LEVELS_MAX);
	const struct node *node;
	int rc = locate(w, level, change->key, &node, e);
	return rc < 0 ? rc : apply_located(w, level, change, e);
}

int rewrite_locate(struct rewrite *w, struct slice key, const struct node **node, uint32_t *i, struct cel_error *e)
{
	int rc = locate(w, 0, key, node, e);
	*i = w->levels[0].place.i[0];
	if (rc == 0)
		*node = NULL;
	return rc < 0 ? rc : 0;
}

int rewrite_put(struct rewrite *w, struct slice key, struct slice rest, struct cel_error *e)
{
	struct change change = {.key = key, .rest = rest, .count = 1};
	return apply_located(w, 0, &change, e);
}

int rewrite_drop(struct rewrite *w, struct slice key, struct cel_error *e)
{
	struct change change = {.key = key, .n_drops = 1};
	return apply_located(w, 0, &change, e);
}

int rewrite_settle(struct rewrite *w, struct slice after, struct cel_error *e)
{
	const struct node *node;
	int rc = w->levels[0].is_active ? take_until(w, 0, after, true, &node, e) : 0;
	return rc < 0 ? rc : !w->levels[0].is_active;
}

int rewrite_graft(struct rewrite *w, struct slice key, struct slice rest, uint64_t count, struct cel_error *e)
{
	struct change change = {.key = key, .rest = rest, .count = count};
	return apply(w, 1, &change, e);
}

/* ---- the end */

static int finish_level(struct rewrite *w, uint32_t level, struct cel_error *e)
{
	struct rewrite_level *l = &w->levels[level];
	const struct node *node;
	int rc;
	if (!l->is_active)
		return 0;
	while ((rc = next_old(w, level, &node, e)) > 0) {
		rc = take_old(w, level, node, e);
		if (rc == 0)
			rc = can_rest(w, level, e);
		if (rc != 0)
			return rc < 0 ? rc : go_idle(w, level, e);
	}
	if (rc == 0)
		rc = chunker_finish(&l->chunker, e);
	if (rc == 0)
		rc = give_ready(w, level, e);
	return rc < 0 ? rc : drop_all_gone(w, level, e);
}

/* A root with a single entry is none: what it links is. Nodes of the batch are read here, so not through w->old. */
static int lower_root(struct rewrite *w, struct cid *root, struct cel_error *e)
{
	struct node *node = mem_alloc(sizeof *node);
	if (node == NULL)
		return error_nomem(e, sizeof *node);
	int rc;
	for (;;) {
		struct slice block;
		uint64_t count;
		rc = store_batch_block(w->batch, root, &block, e);
		if (rc == 0)
			rc = node_decode(block, node, e);
		if (rc < 0 || node->level == 0 || node->n > 1)
			break;
		node_inner_entry(node, 0, root, &count);
	}
	mem_free(node);
	return rc;
}

static int finish(struct rewrite *w, struct cid *root, struct cel_error *e)
{
	uint64_t count;
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++) {
		struct rewrite_level *l = &w->levels[level];
		int rc = finish_level(w, level, e);
		if (rc < 0)
			return rc;
		if (level < w->top)
			continue;
		if (!l->is_active) { /* nothing has changed */
			*root = w->old.root;
			return 0;
		}
		if (l->nodes == 0) {
			rc = put_node(w, 0, 0, &count, e);
			*root = w->levels[0].last;
			return rc;
		}
		if (l->nodes == 1) {
			*root = l->last;
			return level > 0 && level == w->top ? lower_root(w, root, e) : 0;
		}
	}
	return error_set(e, CEL_EINTERNAL, "a tree of more than %u levels", NODE_LEVELS_MAX);
}

int rewrite_finish(struct rewrite *w, struct cid *root, struct cel_error *e)
{
	int rc = finish(w, root, e);
	for (uint32_t level = 0; level < NODE_LEVELS_MAX; level++)
		if (w->levels[level].chunker.has_cut)
			store_batch_set_irregular(w->batch);
	return rc;
}
