/* SPDX-License-Identifier: Apache-2.0 */
/* From what has come to commits and trees in a batch. Each tree is made here from its base and the records in which they
 * differ, whether these came as a patch or are read from nodes in quarantine, and must be the tree that was announced
 * (changes_apply): that is the check of records, boundaries and order in one. A tree may be made from one of the same batch, so the
 * snapshots are those that see it. */
#include "alloc.h"
#include "changes.h"
#include "error.h"
#include "import.h"
#include "patch.h"
#include "record.h"
#include "stream.h"
#include "sync_take_impl.h"

/* What is wrong with what came is the other side's fault. */
static int blame(int rc, struct cel_error *e)
{
	if (rc != CEL_EDATA && rc != CEL_ECORRUPT && rc != CEL_EUSAGE)
		return rc;
	if (e != NULL)
		e->code = CEL_EPROTOCOL;
	return CEL_EPROTOCOL;
}

static int make_tree(const struct sync_taker *t, struct store_batch *batch, struct store_read *read,
		     const struct taken_commit *c, const struct changes *changes, struct cel_error *e)
{
	int rc = changes_apply(batch, c->has_base ? read : NULL, c->has_base ? &c->base : NULL, changes, &t->schema, &c->tree,
			       NULL, e);
	return blame(rc, e);
}

static int apply_patch(struct sync_taker *t, struct store_batch *batch, struct store_read *read, const struct taken_commit *c,
		       struct stream *spool, struct cel_error *e)
{
	struct patch_reader *reader;
	int rc = patch_reader_new_next(spool, &reader, e);
	if (rc < 0)
		return blame(rc, e);
	const struct patch_header *header = patch_reader_header(reader);
	if (!cid_equal(&header->base, c->has_base ? &c->base : &t->empty) || !cid_equal(&header->target, &c->tree) ||
	    !schema_equal(&header->schema, &t->schema)) {
		patch_reader_free(reader);
		return error_set(e, CEL_EPROTOCOL, "the patch that came is not the one that was asked for");
	}
	struct changes changes = patch_reader_changes(reader);
	rc = make_tree(t, batch, read, c, &changes, e);
	t->changes += patch_reader_count(reader);
	t->trees++;
	patch_reader_free(reader);
	return rc;
}

static int apply_nodes(struct sync_taker *t, struct store_batch *batch, struct store_read *read, const struct taken_commit *c,
		       struct cel_error *e)
{
	struct changes changes;
	int rc = changes_of_trees(c->has_base ? read : NULL, c->has_base ? &c->base : NULL, read, &c->tree, &changes, e);
	if (rc < 0)
		return blame(rc, e);
	rc = make_tree(t, batch, read, c, &changes, e);
	changes_of_trees_free(&changes);
	return rc < 0 ? rc : quarantine_drop(&t->quarantine, &c->tree, e);
}

static int make_empty(struct store_batch *batch, struct cel_error *e)
{
	struct prolly_builder *b;
	struct cid root;
	uint64_t count;
	int rc = prolly_builder_new(batch, &b, e);
	if (rc < 0)
		return rc;
	rc = prolly_builder_finish(b, &root, &count, e);
	prolly_builder_free(b);
	return rc;
}

static int apply_tree(struct sync_taker *t, struct store_batch *batch, const struct taken_commit *c, struct stream *spool,
		      struct cel_error *e)
{
	struct store_read *read;
	if (c->plan == PLAN_EMPTY)
		return make_empty(batch, e);
	if (c->plan != PLAN_PATCH && c->plan != PLAN_NODES)
		return 0;
	int rc = store_read_begin_with(t->store->store, batch, &read, e);
	if (rc < 0)
		return rc;
	rc = c->plan == PLAN_PATCH ? apply_patch(t, batch, read, c, spool, e) : apply_nodes(t, batch, read, c, e);
	store_read_end(read);
	if (rc < 0) {
		char text[CEL_CID_TEXT_SIZE];
		cid_format(&c->cid, text);
		error_context(e, "the tree of commit %s", text);
	}
	return rc;
}

/* Parents are fronts no more. */
static int move_front(struct sync_taker *t, const struct taken_commit *c, struct cel_error *e)
{
	struct cid *fronts = (struct cid *)(void *)t->fronts.data;
	size_t n = t->fronts.size / sizeof *fronts;
	for (size_t i = 0; i < n;) {
		bool is_parent = false;
		for (uint32_t k = 0; k < c->n_parents; k++)
			is_parent = is_parent || cid_equal(&fronts[i], &c->parents[k]);
		if (!is_parent) {
			i++;
			continue;
		}
		int rc = quarantine_drop(&t->quarantine, &fronts[i], e);
		if (rc < 0)
			return rc;
		fronts[i] = fronts[--n];
	}
	t->fronts.size = n * sizeof *fronts;
	return buf_append(&t->fronts, &c->cid, sizeof c->cid, e);
}

static int apply_commit(struct sync_taker *t, struct store_batch *batch, const struct taken_commit *c, struct stream *spool,
			struct cel_error *e)
{
	struct commit commit;
	if (c->block_size == 0)
		return 0;
	int rc = commit_decode(slice_make(t->blocks.data + c->block, c->block_size), &commit, e);
	if (rc == 0)
		rc = import_put(batch, &t->schema_cid, &c->cid, &commit, e);
	if (rc < 0)
		return blame(rc, e);
	rc = apply_tree(t, batch, c, spool, e);
	return rc < 0 ? rc : move_front(t, c, e);
}

int take_apply(struct sync_taker *t, struct store_batch *batch, struct cel_error *e)
{
	struct stream *spool;
	struct cid schema;
	int rc = spool_open(&t->spool, &spool, e);
	if (rc == 0)
		rc = schema_put(batch, &t->schema, &schema, e);
	for (; t->applied < t->n_commits && rc == 0; t->applied++) {
		rc = apply_commit(t, batch, &t->commits[t->applied], spool, e);
		t->commits[t->applied].block_size = 0;
	}
	stream_free(spool);
	spool_clear(&t->spool);
	buf_clear(&t->blocks);
	return rc;
}

int take_flush(struct sync_taker *t, struct cel_error *e)
{
	struct store_batch *batch;
	int rc = store_batch_begin(t->store->store, t->store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	rc = take_apply(t, batch, e);
	const struct cid *fronts = (const struct cid *)(const void *)t->fronts.data;
	for (size_t i = 0; i < t->fronts.size / sizeof *fronts && rc == 0; i++)
		rc = quarantine_keep(&t->quarantine, &fronts[i], e);
	if (rc == 0)
		rc = store_batch_commit(batch, NULL, t->quarantine.updates, t->quarantine.n, (int64_t)t->quarantine.now, e);
	quarantine_clear(&t->quarantine);
	store_batch_free(batch);
	return rc;
}
