/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks are asked for by where they are: the tree of a commit, a level, the last id below. So nothing can be had that is not
 * in a tree that may be read, whatever hashes somebody knows, and nothing needs to be remembered of what was offered.
 *
 * A subtree goes out depth first. It may be left after any block, since where to go on follows from the last id of the last
 * leaf that has gone: the way down to the leaf behind it, on which those nodes are new that begin there. */
#include "sync_transfer.h"

#include "alloc.h"
#include "error.h"
#include "node.h"

struct giving_blocks {
	struct store_read *read;
	struct give_place *place;
	size_t limit, given; /* bytes */
	sync_block_fn *each;
	void *context;
	struct node a, b; /* on the way down */
};

static int no_such_node(struct cel_error *e)
{
	return error_set(e, CEL_EPROTOCOL, "there is no such node in the tree");
}

static int put(struct giving_blocks *g, struct slice block, struct cel_error *e)
{
	g->given += block.size;
	return g->each(g->context, block, e);
}

/* The node that was asked for, in g->a. */
static int find_node(struct giving_blocks *g, const struct cid *root, const struct sync_ask *ask, struct cel_error *e)
{
	struct slice key = slice_make(ask->key, ask->key_size);
	int rc = node_read(g->read, root, &g->a, e);
	if (rc < 0 || ask->what == SYNC_ROOT)
		return rc;
	if (key.size == 0)
		return no_such_node(e);
	while (g->a.level > ask->what) {
		uint32_t i = node_search(&g->a, key);
		if (i == g->a.n)
			return no_such_node(e);
		rc = node_read_child(g->read, &g->a, i, &g->b, e);
		if (rc < 0)
			return rc;
		g->a = g->b;
	}
	uint8_t last[CEL_ID_MAX];
	bool is_it = g->a.level == ask->what && g->a.n > 0 &&
		     slice_equal(key, slice_make(last, node_key(&g->a, g->a.n - 1, last)));
	return is_it ? 0 : no_such_node(e);
}

static int put_value(struct giving_blocks *g, const struct prolly_value *value, struct cel_error *e)
{
	struct slice bytes;
	int rc = prolly_value_bytes(g->read, value, &bytes, e);
	return rc < 0 ? rc : put(g, bytes, e);
}

/* The leaf in `leaf` and the values it links, from where it was left; 1 when all has gone, 0 at the limit. */
static int put_leaf(struct giving_blocks *g, const struct node *leaf, struct cel_error *e)
{
	struct give_place *p = g->place;
	struct prolly_value values[2];
	uint32_t n = 0;
	int rc = p->has_node ? 0 : put(g, leaf->block, e);
	p->has_node = true;
	for (uint32_t i = 0; i < leaf->n && rc == 0; i++) {
		node_leaf_entry(leaf, i, &values[0], &values[1]);
		for (int k = 0; k < 2 && rc == 0; k++) {
			if (!values[k].is_link || n++ < p->n_values)
				continue;
			if (g->given >= g->limit)
				return 0;
			rc = put_value(g, &values[k], e);
			p->n_values++;
		}
	}
	if (rc < 0)
		return rc;
	p->leaf_size = leaf->n > 0 ? node_key(leaf, leaf->n - 1, p->leaf) : 0;
	p->n_values = 0;
	p->has_node = false;
	return 1;
}

/* The next leaf of the subtree whose top is in g->a, and the nodes above that begin with it: 1, 0 at the limit; *is_end if it
 * was the last leaf. */
static int put_next(struct giving_blocks *g, struct cid *top, bool *is_end, struct cel_error *e)
{
	struct slice after = slice_make(g->place->leaf, g->place->leaf_size);
	bool is_new = after.size == 0;
	uint8_t key[CEL_ID_MAX];
	*is_end = true;
	int rc = node_read(g->read, top, &g->a, e);
	while (rc == 0) {
		if (g->a.level == 0)
			return put_leaf(g, &g->a, e);
		if (is_new && !g->place->has_node)
			rc = put(g, g->a.block, e);
		uint32_t i = after.size == 0 ? 0 : node_search(&g->a, after);
		bool is_behind = i < g->a.n && after.size > 0 && slice_equal(after, slice_make(key, node_key(&g->a, i, key)));
		i += is_behind;
		is_new = is_new || is_behind;
		if (rc == 0 && i >= g->a.n)
			return error_set(e, CEL_ECORRUPT, "a node ends before its parent says");
		*is_end = *is_end && i + 1 == g->a.n;
		if (rc == 0)
			rc = node_read_child(g->read, &g->a, i, &g->b, e);
		if (rc == 0)
			g->a = g->b;
	}
	return rc;
}

static int put_subtree(struct giving_blocks *g, bool *is_end, struct cel_error *e)
{
	struct cid top = cid_of(CID_DAG_CBOR, g->a.block);
	int rc = 1;
	*is_end = false;
	while (rc > 0 && !*is_end && g->given < g->limit)
		rc = put_next(g, &top, is_end, e);
	if (rc == 0)
		*is_end = false;
	return rc < 0 ? rc : 0;
}

static int put_values(struct giving_blocks *g, const struct cid *root, const struct sync_ask *ask, struct cel_error *e)
{
	struct prolly_entry entry;
	int rc = prolly_get(g->read, root, slice_make(ask->key, ask->key_size), &entry, e);
	if (rc == CEL_ENOTFOUND)
		return error_set(e, CEL_EPROTOCOL, "there is no such record in the tree");
	if (rc == 0 && entry.vector.is_link)
		rc = put_value(g, &entry.vector, e);
	if (rc == 0 && entry.metadata.is_link)
		rc = put_value(g, &entry.metadata, e);
	return rc;
}

int give_ask(struct store_read *read, const struct cid *root, const struct sync_ask *ask, struct give_place *place,
	     size_t limit, sync_block_fn *each, void *each_context, bool *is_end, struct cel_error *e)
{
	struct giving_blocks *g = mem_alloc(sizeof *g);
	if (g == NULL)
		return error_nomem(e, sizeof *g);
	g->read = read;
	g->place = place;
	g->limit = limit;
	g->given = 0;
	g->each = each;
	g->context = each_context;
	*is_end = true;
	int rc = ask->kind == SYNC_VALUES ? put_values(g, root, ask, e) : find_node(g, root, ask, e);
	if (rc == 0 && ask->kind == SYNC_NODE)
		rc = put(g, g->a.block, e);
	else if (rc == 0 && ask->kind == SYNC_SUBTREE)
		rc = put_subtree(g, is_end, e);
	mem_free(g);
	return rc;
}
