/* SPDX-License-Identifier: Apache-2.0 */
/* How the tree of each commit is to be got, in the order of the commits: as a patch from the tree of a parent that both sides
 * have, which is the rule by which merging takes commits over from another store; where there is none, node by node, compared with
 * the nearest tree that is here. A large tree on the empty one (a first copy) goes node by node too, since what has come of
 * that can be kept if the rest does not come. */
#include <stdio.h>

#include "ancestry.h"
#include "error.h"
#include "record.h"
#include "sync_plant.h"
#include "sync_take_impl.h"

enum { SPOOL_MAX = 64 << 20, BLOCKS_MAX = 8 << 20 };
static size_t nodes_from = 1 << 20; /* bytes of vectors */
static enum sync_bug planted;

void sync_plan_nodes_from(size_t bytes)
{
	nodes_from = bytes;
}

void sync_plant(enum sync_bug bug)
{
	planted = bug;
}

enum sync_bug sync_planted(void)
{
	return planted;
}

static uint32_t number_of(const struct sync_taker *t, const struct taken_commit *c) /* in the page */
{
	return (uint32_t)((size_t)(c - t->commits) - t->page);
}

/* The tree of a parent, if it is here or will be by then: 1, 0 or an error. */
static int find_tree(struct sync_taker *t, struct store_read *read, const struct cid *commit, struct cid *tree,
		     uint64_t *records, struct cel_error *e)
{
	struct db_rev rev;
	const struct taken_commit *c = take_find(t, commit);
	if (c != NULL && c->plan != PLAN_HERE) {
		*tree = c->tree;
		*records = c->records;
		return c->plan != PLAN_NONE && c->plan != PLAN_UNKNOWN;
	}
	int rc = db_rev_load(read, commit, &rev, e);
	if (rc == 0)
		rc = db_rev_has_tree(read, &rev, e);
	if (rc <= 0)
		return rc;
	*tree = rev.commit.tree;
	rc = prolly_count(read, tree, records, e);
	return rc < 0 ? rc : 1;
}

/* A tree to compare nodes with: it must be in the store now. */
static int find_near(struct sync_taker *t, struct store_read *read, struct taken_commit *c, struct cel_error *e)
{
	struct db_rev rev;
	char ref[DB_REF_MAX];
	struct cid cids[3] = {c->parents[0], c->parents[1]};
	uint32_t n = c->n_parents;
	snprintf(ref, sizeof ref, HEADS_PREFIX "%s", t->name);
	if (store_read_ref(read, ref, &cids[n], NULL) == 0)
		n++;
	c->has_base = false;
	for (uint32_t i = 0; i < n && !c->has_base; i++) {
		int rc = take_is_here(t, read, &cids[i], e);
		if (rc > 0)
			rc = db_rev_load(read, &cids[i], &rev, e) < 0 ? 0 : db_rev_has_tree(read, &rev, e);
		if (rc < 0)
			return rc;
		c->has_base = rc > 0 && cid_equal(&rev.commit.schema, &t->schema_cid) && !cid_equal(&rev.commit.tree, &t->empty);
		c->base = rev.commit.tree;
	}
	if (!c->has_base && t->has_last) {
		c->has_base = true;
		c->base = t->last;
	}
	return 0;
}

/* The tree of a parent as a base. *is_empty: of one of them; *ask is for it. 1 if it is the very tree. */
static int find_base(struct sync_taker *t, struct store_read *read, struct taken_commit *c, struct sync_ask *ask,
		     bool *is_empty, struct cel_error *e)
{
	*is_empty = c->n_parents == 0;
	for (uint32_t i = 0; i < c->n_parents; i++) {
		struct cid tree;
		uint64_t records;
		int rc = find_tree(t, read, &c->parents[i], &tree, &records, e);
		if (rc < 0 || (rc > 0 && cid_equal(&tree, &c->tree)))
			return rc;
		bool is_this_empty = rc > 0 && cid_equal(&tree, &t->empty);
		*is_empty = *is_empty || is_this_empty;
		if (rc == 0 || is_this_empty || c->has_base || (c->trees & ((unsigned)SYNC_HAS_FIRST << i)) == 0)
			continue;
		c->has_base = true;
		c->base = tree;
		c->base_records = records;
		ask->what = i == 0 ? SYNC_BASE_FIRST : SYNC_BASE_SECOND;
	}
	return 0;
}

/* Sets c->plan; *ask for a patch. */
static int plan(struct sync_taker *t, struct store_read *read, struct taken_commit *c, struct sync_ask *ask, struct cel_error *e)
{
	*ask = (struct sync_ask){.kind = SYNC_PATCH, .commit = number_of(t, c), .what = SYNC_BASE_EMPTY};
	c->has_base = false;
	c->base_records = 0;
	c->plan = PLAN_EMPTY;
	if (cid_equal(&c->tree, &t->empty))
		return 0;
	bool is_on_empty, is_small = c->records < nodes_from / schema_vector_size(&t->schema);
	int rc = find_base(t, read, c, ask, &is_on_empty, e);
	c->plan = rc > 0 ? PLAN_SAME : (c->trees & SYNC_HAS_TREE) == 0 ? PLAN_NONE : PLAN_PATCH;
	if (rc != 0 || c->plan == PLAN_NONE || c->has_base || (is_on_empty && is_small))
		return rc < 0 ? rc : 0;
	rc = find_near(t, read, c, e);
	if (c->has_base || !is_small)
		c->plan = PLAN_NODES;
	return rc;
}

/* A push that does not go forward need not send its records: what was there must be an ancestor of the tip, so of a commit that
 * was here and has a child among those that came. */
static int check_forward(struct sync_taker *t, struct store_read *read, struct cel_error *e)
{
	char ref[DB_REF_MAX];
	struct cid head;
	snprintf(ref, sizeof ref, HEADS_PREFIX "%s", t->name);
	if (t->options.target != SYNC_PUSH || t->options.is_merging || t->n_commits < t->n_announced ||
	    store_read_ref(read, ref, &head, NULL) < 0)
		return 0;
	for (size_t i = 0; i < t->n_commits; i++) {
		const struct taken_commit *c = &t->commits[i];
		if (cid_equal(&c->cid, &head))
			return 0;
		for (uint32_t k = 0; k < c->n_parents; k++) {
			if (take_find(t, &c->parents[k]) != NULL)
				continue;
			int rc = ancestry_has(read, NULL, &c->parents[k], &head, e);
			if (rc != 0)
				return rc < 0 ? rc : 0;
		}
	}
	t->is_diverged = !t->is_tip_here;
	return 0;
}

static int begin_nodes(struct sync_taker *t, struct taken_commit *c, struct cel_error *e)
{
	return sync_nodes_new(t->store, &t->quarantine, &c->tree, c->records, c->has_base ? &c->base : NULL,
			      number_of(t, c), &t->nodes, e);
}

static void end_nodes(struct sync_taker *t)
{
	struct sync_nodes_counts counts;
	sync_nodes_counts(t->nodes, &counts);
	t->n_nodes += counts.nodes;
	t->n_values += counts.values;
	t->n_kept += counts.kept;
	t->trees++;
	t->has_last = true;
	t->last = t->commits[t->planned].tree;
	sync_nodes_free(t->nodes);
	t->nodes = NULL;
}

/* Plans commits until there is something to ask for. Patches go together, nodes go alone. */
static int go_on(struct sync_taker *t, struct store_read *read, struct sync_ask *out, size_t max, size_t *n, struct cel_error *e)
{
	int rc = 0;
	for (; t->planned < t->n_commits && *n < max && rc == 0; t->planned++) {
		struct taken_commit *c = &t->commits[t->planned];
		if (c->plan == PLAN_UNKNOWN)
			rc = plan(t, read, c, &out[*n], e);
		if (rc < 0)
			break;
		if (c->plan == PLAN_NONE && cid_equal(&c->cid, &t->tip))
			return error_set(e, CEL_EUNAVAILABLE, "the other side does not have the tree of what is asked for");
		if (c->plan == PLAN_NODES)
			return *n > 0 ? 0 : begin_nodes(t, c, e);
		*n += c->plan == PLAN_PATCH;
	}
	return rc;
}

int sync_take_ask(struct sync_taker *t, struct sync_ask *out, size_t max, size_t *n, struct cel_error *e)
{
	struct store_read *read;
	int rc = 0;
	*n = 0;
	if (t->planned == t->page) {
		rc = store_read_begin(t->store->store, &read, e);
		if (rc == 0) {
			rc = check_forward(t, read, e);
			store_read_end(read);
		}
	}
	while (rc == 0 && *n == 0 && !t->is_diverged && (t->nodes != NULL || t->planned < t->n_commits)) {
		if (t->nodes != NULL) {
			rc = sync_nodes_ask(t->nodes, out, max, n, e);
			if (rc == 0 && *n == 0) {
				end_nodes(t);
				t->planned++;
			}
			continue;
		}
		rc = store_read_begin(t->store->store, &read, e);
		if (rc == 0) {
			rc = go_on(t, read, out, max, n, e);
			store_read_end(read);
		}
	}
	if (rc < 0 || *n > 0)
		return rc;
	if (t->n_commits < t->n_announced && (spool_size(&t->spool) > SPOOL_MAX || t->blocks.size > BLOCKS_MAX))
		rc = take_flush(t, e);
	t->page = t->n_commits;
	return rc;
}
