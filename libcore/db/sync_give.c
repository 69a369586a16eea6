/* SPDX-License-Identifier: Apache-2.0 */
/* What the other side has counts only if it lies in the history of what it asked for; so asking tells nobody what else is
 * here. Patches are written a piece at a time: each piece is a walk of its own over the two trees, from where the last one
 * ended, in a snapshot of its own. If gc or forget takes a tree away in between, the transfer fails. */
#include "sync_transfer.h"

#include "alloc.h"
#include "ancestry.h"
#include "error.h"
#include "history.h"
#include "patch.h"

struct sync_giver {
	struct cel_store *store;
	struct db_rev tip; /* commit's texts are not to be used: their snapshot is over */
	struct cid *common; /* of both sides, as far as is known */
	size_t n_common;
	struct ancestry ancestry;
	size_t next; /* commits of ancestry.missing that are still to be given */

	struct patch_writer writer;
	bool is_writing;
	uint8_t after[CEL_ID_MAX]; /* the patch has gone up to here */
	size_t after_size;
	struct give_place place;
};

int sync_give_begin(void *context, const char *rev, struct sync_giver **out, struct cid *tip, struct cel_error *e)
{
	struct store_read *read;
	struct sync_giver *g = mem_calloc(1, sizeof *g);
	*out = NULL;
	if (g == NULL)
		return error_nomem(e, sizeof *g);
	g->store = context;
	int rc = store_read_begin(g->store->store, &read, e);
	if (rc == 0) {
		rc = db_rev_resolve_tree(read, rev, &g->tip, e);
		store_read_end(read);
	}
	if (rc < 0) {
		sync_give_end(g);
		return rc;
	}
	*tip = g->tip.cid;
	*out = g;
	return 0;
}

void sync_give_end(struct sync_giver *g)
{
	if (g == NULL)
		return;
	mem_free(g->common);
	ancestry_release(&g->ancestry);
	patch_writer_release(&g->writer);
	mem_free(g);
}

/* ---- what the other side has */

static int add_common(struct sync_giver *g, const struct cid *cid, struct cel_error *e)
{
	struct cid *common = mem_realloc(g->common, g->n_common + 1, sizeof *common);
	if (common == NULL)
		return error_nomem(e, (g->n_common + 1) * sizeof *common);
	g->common = common;
	g->common[g->n_common++] = *cid;
	return 0;
}

/* Those of them that are here and no commit below which needs to be looked at. */
static size_t choose_known(struct store_read *read, const struct cid *haves, size_t n, struct cid *known, uint64_t *lowest)
{
	struct commit commit;
	size_t n_known = 0;
	*lowest = UINT64_MAX;
	for (size_t i = 0; i < n; i++) {
		if (haves[i].codec != CID_DAG_CBOR || commit_read(read, &haves[i], &commit, NULL) < 0)
			continue;
		known[n_known++] = haves[i];
		if (commit.generation < *lowest)
			*lowest = commit.generation;
	}
	return n_known;
}

static int find_common(struct sync_giver *g, struct store_read *read, const struct cid *known, size_t n, uint64_t lowest,
		       struct cel_error *e)
{
	struct history *h;
	const struct history_item *item;
	int rc = history_new(read, NULL, &h, e);
	if (rc < 0)
		return rc;
	rc = history_push(h, &g->tip.cid, 0, e);
	while (rc == 0 && (rc = history_next(h, &item, e)) > 0 && item->commit.generation >= lowest) {
		rc = 0;
		for (size_t i = 0; i < n && rc == 0; i++) {
			if (!cid_equal(&known[i], &item->cid))
				continue;
			rc = add_common(g, &item->cid, e);
			history_stop(h); /* what is below it is common too */
		}
	}
	history_free(h);
	return rc < 0 ? rc : 0;
}

static int look_for(struct sync_giver *g, struct store_read *read, const struct cid *haves, size_t n, bool is_last,
		    struct cel_error *e)
{
	uint64_t lowest;
	MEM_CLEANUP struct cid *known = mem_calloc(n + 1, sizeof *known);
	if (known == NULL)
		return error_nomem(e, (n + 1) * sizeof *known);
	size_t n_known = choose_known(read, haves, n, known, &lowest);
	int rc = n_known > 0 ? find_common(g, read, known, n_known, lowest, e) : 0;
	if (rc < 0 || (g->n_common == 0 && !is_last))
		return rc;
	rc = ancestry_find(read, NULL, g->common, g->n_common, &g->tip.cid, &g->ancestry, e);
	g->next = g->ancestry.n_missing;
	return rc < 0 ? rc : 1;
}

int sync_give_haves(struct sync_giver *g, const struct cid *haves, size_t n, bool is_last, uint64_t *n_missing,
		    struct cel_error *e)
{
	struct store_read *read;
	int rc = store_read_begin(g->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = look_for(g, read, haves, n, is_last, e);
	store_read_end(read);
	*n_missing = g->ancestry.n_missing;
	return rc;
}

/* ---- commits */

int sync_give_schema(struct sync_giver *g, struct buf *block, struct cel_error *e)
{
	return g->ancestry.n_missing > 0 ? schema_encode(&g->tip.schema, block, e) : 0;
}

static int describe(struct store_read *read, const struct cid *cid, struct sync_commit *out, struct buf *block,
		    struct cel_error *e)
{
	struct db_rev rev, parent;
	struct slice bytes;
	*out = (struct sync_commit){.cid = *cid};
	int rc = db_rev_load(read, cid, &rev, e);
	if (rc == 0)
		rc = store_read_block(read, cid, &bytes, e);
	if (rc == 0)
		rc = buf_append(block, bytes.data, bytes.size, e);
	if (rc == 0)
		rc = db_rev_has_tree(read, &rev, e);
	if (rc > 0) {
		out->trees = SYNC_HAS_TREE;
		rc = prolly_count(read, &rev.commit.tree, &out->records, e);
	}
	for (uint32_t i = 0; i < rev.commit.n_parents && rc >= 0; i++) {
		rc = db_rev_load(read, &rev.commit.parents[i], &parent, e);
		if (rc == 0)
			rc = db_rev_has_tree(read, &parent, e);
		if (rc > 0)
			out->trees |= i == 0 ? SYNC_HAS_FIRST : SYNC_HAS_SECOND;
	}
	return rc < 0 ? rc : 1;
}

int sync_give_commit(struct sync_giver *g, struct sync_commit *out, struct buf *block, struct cel_error *e)
{
	struct store_read *read;
	if (g->next == 0)
		return 0;
	int rc = store_read_begin(g->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = describe(read, &g->ancestry.missing[--g->next], out, block, e);
	store_read_end(read);
	return rc;
}

/* ---- patches */

static int append(void *context, const void *data, size_t size, struct cel_error *e)
{
	return buf_append(context, data, size, e);
}

/* base_read is NULL for the empty tree, which need not be here. */
static int find_base(struct store_read *read, const struct db_rev *rev, uint32_t base, struct store_read **base_read,
		     struct cid *root, struct cel_error *e)
{
	struct db_rev parent;
	*base_read = NULL;
	if (base == SYNC_BASE_EMPTY)
		return sync_empty_tree(root, e);
	if (base > rev->commit.n_parents)
		return error_set(e, CEL_EPROTOCOL, "a commit with %u parents has no parent %u", rev->commit.n_parents, base);
	int rc = db_rev_load(read, &rev->commit.parents[base - 1], &parent, e);
	if (rc == 0)
		rc = db_rev_need_tree(read, &parent, e);
	*base_read = read;
	*root = parent.commit.tree;
	return rc;
}

static int write_changes(struct sync_giver *g, struct changes *changes, size_t limit, const struct buf *out, bool *is_end,
			 struct cel_error *e)
{
	struct change c;
	int rc = 0;
	*is_end = false;
	while (rc == 0 && out->size < limit && (rc = changes->next(changes->context, &c, e)) > 0) {
		memcpy(g->after, c.id.data, c.id.size);
		g->after_size = c.id.size;
		rc = patch_writer_add(&g->writer, &c, e);
		if (rc == 0 && out->size < limit)
			continue;
		return rc;
	}
	if (rc < 0)
		return rc;
	*is_end = true;
	return patch_writer_end(&g->writer, e);
}

static int write_piece(struct sync_giver *g, struct store_read *read, const struct cid *commit, uint32_t base, size_t limit,
		       struct buf *out, bool *is_end, struct cel_error *e)
{
	struct db_rev rev;
	struct store_read *base_read;
	struct patch_header header;
	struct changes changes;
	int rc = db_rev_load(read, commit, &rev, e);
	if (rc == 0)
		rc = db_rev_need_tree(read, &rev, e);
	if (rc == 0)
		rc = find_base(read, &rev, base, &base_read, &header.base, e);
	if (rc == 0)
		rc = changes_of_trees(base_read, base_read != NULL ? &header.base : NULL, read, &rev.commit.tree, &changes, e);
	if (rc < 0)
		return rc;
	header.schema = rev.schema;
	header.target = rev.commit.tree;
	if (!g->is_writing) {
		patch_writer_release(&g->writer);
		g->writer = (struct patch_writer){0};
	}
	g->writer.put = append;
	g->writer.context = out;
	if (!g->is_writing)
		rc = patch_writer_begin(&g->writer, &header, e);
	else if (g->after_size > 0)
		rc = changes_of_trees_seek(&changes, slice_make(g->after, g->after_size), e);
	g->is_writing = true;
	if (rc == 0)
		rc = write_changes(g, &changes, limit, out, is_end, e);
	changes_of_trees_free(&changes);
	return rc;
}

int sync_give_patch(struct sync_giver *g, const struct cid *commit, uint32_t base, size_t limit, struct buf *out,
		    uint64_t *changes, bool *is_end, struct cel_error *e)
{
	struct store_read *read;
	int rc = store_read_begin(g->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = write_piece(g, read, commit, base, limit, out, is_end, e);
	store_read_end(read);
	*changes = g->writer.count;
	if (rc < 0 || *is_end) {
		g->is_writing = false;
		g->after_size = 0;
	}
	return rc;
}

/* ---- blocks */

int sync_give_blocks(struct sync_giver *g, const struct cid *commit, const struct sync_ask *ask, size_t limit,
		     sync_block_fn *each, void *each_context, bool *is_end, struct cel_error *e)
{
	struct store_read *read;
	struct db_rev rev;
	int rc = store_read_begin(g->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = db_rev_load(read, commit, &rev, e);
	if (rc == 0)
		rc = db_rev_need_tree(read, &rev, e);
	if (rc == 0)
		rc = give_ask(read, &rev.commit.tree, ask, &g->place, limit, each, each_context, is_end, e);
	store_read_end(read);
	if (rc < 0 || *is_end)
		g->place = (struct give_place){0};
	return rc;
}
