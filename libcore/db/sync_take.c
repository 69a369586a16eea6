/* SPDX-License-Identifier: Apache-2.0 */
/* A transfer into this store: commits are checked as they come (canonical, of the announced schema, parents known, generation
 * right), patches wait in a file, nodes in quarantine. At the end, under the writer lock, all of it becomes commits and trees
 * in one batch whose last transaction moves the ref. Until then no name leads to any of it. */
#include <stdio.h>
#include <time.h>

#include "alloc.h"
#include "ancestry.h"
#include "error.h"
#include "forgotten.h"
#include "node.h"
#include "session.h"
#include "sync_plant.h"
#include "sync_take_impl.h"

int sync_empty_tree(struct cid *out, struct cel_error *e)
{
	BUF_CLEANUP struct buf block = {0};
	int rc = node_encode(0, 0, NULL, 0, &block, e);
	if (rc == 0)
		*out = cid_of(CID_DAG_CBOR, buf_slice(&block));
	return rc;
}

int sync_take_begin(void *context, const struct sync_take_options *options, struct sync_taker **out, struct cel_error *e)
{
	struct cel_store *store = context;
	struct store_read *read;
	*out = NULL;
	if (store->is_read_only && !options->is_dry_run)
		return error_set(e, CEL_EPERMISSION, "the store is open for reading only");
	struct sync_taker *t = mem_calloc(1, sizeof *t);
	if (t == NULL)
		return error_nomem(e, sizeof *t);
	t->store = store;
	t->options = *options;
	snprintf(t->name, sizeof t->name, "%s", options->name);
	t->options.name = t->name;
	t->index.value_size = sizeof(uint64_t);
	spool_init(&t->spool, store);
	int rc = sync_empty_tree(&t->empty, e);
	if (rc == 0)
		rc = store_read_begin(store->store, &read, e);
	if (rc == 0) {
		rc = quarantine_load(&t->quarantine, read, t->name, (uint64_t)time(NULL), e);
		store_read_end(read);
	}
	if (rc < 0) {
		sync_take_end(t, false);
		return rc;
	}
	*out = t;
	return 0;
}

/* What a side that broke the rules has brought is not worth keeping. */
static void drop_own(struct sync_taker *t)
{
	struct store_read *read;
	struct store_batch *batch;
	quarantine_clear(&t->quarantine);
	if (store_read_begin(t->store->store, &read, NULL) < 0)
		return;
	int rc = quarantine_drop_own(&t->quarantine, read, NULL);
	store_read_end(read);
	if (rc < 0 || t->quarantine.n == 0 || store_batch_begin(t->store->store, t->store->lock_wait, &batch, NULL) < 0)
		return;
	store_batch_commit(batch, NULL, t->quarantine.updates, t->quarantine.n, (int64_t)t->quarantine.now, NULL);
	store_batch_free(batch);
}

void sync_take_end(struct sync_taker *t, bool is_distrusted)
{
	if (t == NULL)
		return;
	if (t->nodes != NULL && !is_distrusted)
		sync_nodes_keep(t->nodes);
	sync_nodes_free(t->nodes);
	if (is_distrusted)
		drop_own(t);
	mem_free(t->commits);
	digest_set_release(&t->index);
	digest_set_release(&t->here);
	buf_release(&t->blocks);
	buf_release(&t->fronts);
	spool_release(&t->spool);
	quarantine_release(&t->quarantine);
	mem_free(t);
}

/* ---- what comes */

static int take_schema(struct sync_taker *t, struct slice block, struct cel_error *e)
{
	struct cel_error why;
	BUF_CLEANUP struct buf again = {0};
	if (schema_decode(block, &t->schema, &why) < 0)
		return error_set(e, CEL_EPROTOCOL, "the schema that came is none: %s", why.message);
	int rc = schema_encode(&t->schema, &again, e);
	if (rc == 0 && !slice_equal(block, buf_slice(&again)))
		return error_set(e, CEL_EPROTOCOL, "the schema that came is not in its canonical form");
	t->schema_cid = cid_of(CID_DAG_CBOR, block);
	return rc;
}

static int check_schema(struct sync_taker *t, struct store_read *read, struct cel_error *e)
{
	char ref[DB_REF_MAX];
	struct cid head;
	struct db_rev rev;
	if (t->options.target != SYNC_PUSH)
		return 0;
	snprintf(ref, sizeof ref, HEADS_PREFIX "%s", t->name);
	if (store_read_ref(read, ref, &head, NULL) < 0)
		return 0;
	int rc = db_rev_load(read, &head, &rev, e);
	if (rc == 0 && (rc = db_schemas_agree(&rev.schema, &t->schema, e)) < 0)
		error_context(e, "'%s' is another kind of collection there", t->name);
	return rc;
}

int sync_take_tip(struct sync_taker *t, const uint8_t from[STORE_ID_SIZE], const struct cid *tip, uint64_t n_missing,
		  struct slice schema, bool *is_wanted, struct cel_error *e)
{
	struct store_read *read;
	t->tip = *tip;
	t->n_announced = n_missing;
	memcpy(t->from, from, STORE_ID_SIZE);
	*is_wanted = !t->options.is_dry_run;
	int rc = n_missing > 0 ? take_schema(t, schema, e) : 0;
	if (rc == 0)
		rc = store_read_begin(t->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = take_is_here(t, read, tip, e);
	t->is_tip_here = rc > 0;
	if (rc == 0 && n_missing == 0)
		rc = error_set(e, CEL_EPROTOCOL, "a commit is said to be here that is not");
	if (rc >= 0 && n_missing > 0)
		rc = check_schema(t, read, e);
	store_read_end(read);
	return rc < 0 ? rc : 0;
}

static int check_parents(struct sync_taker *t, struct store_read *read, const struct commit *commit, struct cel_error *e)
{
	uint64_t generation = 0;
	for (uint32_t i = 0; i < commit->n_parents; i++) {
		struct commit parent;
		const struct taken_commit *c = take_find(t, &commit->parents[i]);
		uint64_t above = c != NULL ? c->generation + 1 : 0;
		if (c == NULL) {
			int rc = take_is_here(t, read, &commit->parents[i], e);
			if (rc == 0)
				return error_set(e, CEL_EPROTOCOL, "a commit came before its parent");
			if (rc > 0)
				rc = commit_read(read, &commit->parents[i], &parent, e);
			if (rc < 0)
				return rc;
			above = parent.generation + 1;
			if (!cid_equal(&parent.schema, &commit->schema))
				return error_set(e, CEL_EPROTOCOL, "a commit came with another schema than its parent's");
		}
		generation = above > generation ? above : generation;
	}
	if (generation != commit->generation)
		return error_set(e, CEL_EPROTOCOL, "a commit says generation %llu, its parents say %llu",
				 (unsigned long long)commit->generation, (unsigned long long)generation);
	return 0;
}

static int add_commit(struct sync_taker *t, const struct sync_commit *in, const struct commit *commit, bool is_here,
		      struct cel_error *e)
{
	if (mem_grow(&t->commits, &t->capacity, t->n_commits + 1, sizeof *t->commits, e) < 0)
		return CEL_ENOMEM;
	struct taken_commit *c = &t->commits[t->n_commits];
	*c = (struct taken_commit){.cid = in->cid, .tree = commit->tree, .n_parents = commit->n_parents, .trees = in->trees,
				   .generation = commit->generation, .records = in->records, .block = t->blocks.size,
				   .plan = is_here ? PLAN_HERE : PLAN_UNKNOWN};
	memcpy(c->parents, commit->parents, sizeof c->parents);
	int rc = digest_set_add(&t->index, in->cid.digest, e);
	if (rc == 0)
		return error_set(e, CEL_EPROTOCOL, "a commit came twice");
	uint64_t *number = rc > 0 ? digest_set_value(&t->index, in->cid.digest) : NULL;
	if (number == NULL)
		return rc < 0 ? rc : error_set(e, CEL_EPROTOCOL, "a commit without a name");
	*number = t->n_commits;
	rc = is_here ? 0 : buf_append(&t->blocks, in->block.data, in->block.size, e);
	c->block_size = is_here ? 0 : in->block.size;
	t->n_commits += rc == 0;
	return rc;
}

int sync_take_commit(struct sync_taker *t, const struct sync_commit *in, struct cel_error *e)
{
	struct store_read *read;
	struct commit commit;
	struct cel_error why;
	if (commit_decode(in->block, &commit, &why) < 0)
		return error_set(e, CEL_EPROTOCOL, "what came as a commit is none: %s", why.message);
	if (!cid_equal(&commit.schema, &t->schema_cid))
		return error_set(e, CEL_EPROTOCOL, "a commit came with another schema than was announced");
	int rc = store_read_begin(t->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = check_parents(t, read, &commit, e);
	if (rc == 0)
		rc = take_is_here(t, read, &in->cid, e);
	store_read_end(read);
	return rc < 0 ? rc : add_commit(t, in, &commit, rc > 0, e);
}

int sync_take_patch(struct sync_taker *t, struct slice bytes, bool is_end, struct cel_error *e)
{
	while (!t->is_spooling && t->spooled < t->n_commits && t->commits[t->spooled].plan != PLAN_PATCH)
		t->spooled++;
	if (t->spooled == t->n_commits)
		return error_set(e, CEL_EINTERNAL, "a patch for no commit");
	const struct taken_commit *c = &t->commits[t->spooled];
	uint64_t changes_max;
	if (__builtin_add_overflow(c->records, c->base_records, &changes_max))
		changes_max = UINT64_MAX;
	if (!t->is_spooling)
		spool_begin(&t->spool, changes_max);
	t->is_spooling = !is_end;
	t->spooled += is_end;
	int rc = spool_add(&t->spool, bytes, e);
	return rc == 0 && is_end ? spool_end(&t->spool, e) : rc;
}

int sync_take_block(struct sync_taker *t, struct slice block, bool *is_end, struct cel_error *e)
{
	if (t->nodes == NULL)
		return error_set(e, CEL_EINTERNAL, "a block for no tree");
	return sync_nodes_take(t->nodes, block, is_end, e);
}

/* ---- the end */

static void count(const struct sync_taker *t, struct sync_taken *out)
{
	out->commits = t->options.is_dry_run ? t->n_announced : t->n_commits;
	out->trees = t->trees;
	out->changes = t->changes;
	out->nodes = t->n_nodes;
	out->values = t->n_values;
	out->kept = t->n_kept;
}

static void fetched_ref(const struct sync_taker *t, char out[STORE_REF_MAX])
{
	char hex[2 * STORE_ID_SIZE + 1];
	for (size_t i = 0; i < STORE_ID_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", t->from[i]);
	snprintf(out, STORE_REF_MAX, "fetched/%s/%s", hex, t->name);
}

/* The ref goes to the tip, unless it is there. */
static int move_ref(struct sync_taker *t, struct store_read *read, const char *ref, const char *message, struct cel_error *e)
{
	char mark[FORGOTTEN_REF_MAX];
	struct store_ref_update update = {.ref = ref, .has_new = true, .new = t->tip, .message = message};
	int rc = store_read_ref(read, ref, &update.old, e);
	if (rc < 0 && rc != CEL_ENOTFOUND)
		return rc;
	update.has_old = rc == 0;
	if (update.has_old && cid_equal(&update.old, &t->tip))
		return 0;
	rc = quarantine_add(&t->quarantine, &update, e);
	if (rc == 0 && !t->is_tip_here) /* its tree came: it is no forgotten one */
		rc = forgotten_has(read, &t->tip, e);
	if (rc <= 0)
		return rc;
	update = forgotten_unmark(&t->tip, mark);
	return quarantine_add(&t->quarantine, &update, e);
}

/* What was fetched is to stay; but a commit whose tree was forgotten here is not worth a ref, which would ask for the tree. */
static int keep_fetched(struct sync_taker *t, struct store_read *read, const char *ref, struct cel_error *e)
{
	struct db_rev rev;
	int rc = t->is_tip_here ? db_rev_load(read, &t->tip, &rev, e) : 1;
	if (rc == 0)
		rc = db_rev_has_tree(read, &rev, e);
	return rc <= 0 ? rc : move_ref(t, read, ref, "fetch", e);
}

/* By which the collection there goes; sets the outcome. */
static int decide(struct sync_taker *t, struct store_read *read, struct sync_taken *out, struct cel_error *e)
{
	char ref[DB_REF_MAX];
	struct cid head;
	snprintf(ref, sizeof ref, HEADS_PREFIX "%s", t->name);
	int rc = store_read_ref(read, ref, &head, e);
	out->commit = t->tip;
	if (rc == CEL_ENOTFOUND) {
		out->outcome = SESSION_CREATED;
		return move_ref(t, read, ref, "push", e);
	}
	if (rc == 0 && sync_planted() == SYNC_BUG_MOVE)
		return move_ref(t, read, ref, "push", e);
	if (rc == 0)
		rc = ancestry_has(read, NULL, &head, &t->tip, e);
	if (rc != 0) {
		out->outcome = SESSION_UNCHANGED;
		out->commit = head;
		return rc < 0 ? rc : 0;
	}
	rc = ancestry_has(read, NULL, &t->tip, &head, e);
	if (rc != 0) {
		out->outcome = SESSION_FORWARDED;
		return rc < 0 ? rc : move_ref(t, read, ref, "push", e);
	}
	out->outcome = SESSION_DIVERGED;
	out->commit = head;
	if (!t->options.is_merging)
		return 0;
	out->outcome = SESSION_MERGED;
	fetched_ref(t, out->ref);
	return move_ref(t, read, out->ref, "push", e);
}

static int merge_there(struct sync_taker *t, struct sync_taken *out, struct cel_error *e)
{
	struct cel_merge_options options = {.policy = t->options.policy, .time = -1, .is_without_index = true};
	struct cel_merge_result result;
	char text[CEL_CID_TEXT_SIZE];
	cid_format(&t->tip, text);
	int rc = cel_merge(t->store, t->name, t->store, text, &options, &result, e);
	if (rc < 0)
		return rc;
	out->conflicts = result.conflicts;
	if (result.outcome == CEL_MERGE_CONFLICTS)
		out->outcome = SESSION_CONFLICTS;
	else if (result.outcome == CEL_MERGE_FAST_FORWARD || result.outcome == CEL_MERGE_ADOPTED)
		out->outcome = SESSION_FORWARDED;
	else if (result.outcome != CEL_MERGE_MERGED)
		out->outcome = SESSION_UNCHANGED;
	return cid_parse(slice_text(result.commit[0] != '\0' ? result.commit : result.ours), &out->commit, e);
}

static int check_tip(struct sync_taker *t, struct store_read *read, struct cel_error *e)
{
	struct db_rev rev;
	if (!t->is_tip_here && take_find(t, &t->tip) == NULL)
		return error_set(e, CEL_EPROTOCOL, "the commit that was announced has not come");
	int rc = db_rev_load(read, &t->tip, &rev, e);
	if (rc < 0 || (t->options.target == SYNC_FETCH && t->is_tip_here))
		return rc;
	rc = store_read_has(read, &rev.commit.tree, e);
	return rc < 0 ? rc : rc == 0 ? error_set(e, CEL_EUNAVAILABLE, "the tree of what was sent is not here") : 0;
}

static int finish_in(struct sync_taker *t, struct store_batch *batch, struct sync_taken *out, struct cel_error *e)
{
	struct store_read *read;
	int rc = t->applied < t->n_commits ? take_apply(t, batch, e) : 0;
	if (rc == 0)
		rc = store_read_begin_with(t->store->store, batch, &read, e);
	if (rc < 0)
		return rc;
	const struct cid *fronts = (const struct cid *)(const void *)t->fronts.data;
	for (size_t i = 0; i < t->fronts.size / sizeof *fronts && rc == 0; i++)
		rc = quarantine_drop(&t->quarantine, &fronts[i], e);
	if (rc == 0)
		rc = check_tip(t, read, e);
	fetched_ref(t, out->ref);
	if (rc == 0 && t->options.target == SYNC_PUSH)
		rc = decide(t, read, out, e);
	else if (rc == 0)
		rc = keep_fetched(t, read, out->ref, e);
	struct db_rev rev = {0};
	if (rc == 0)
		rc = db_rev_load(read, &t->tip, &rev, e);
	store_read_end(read);
	if (rc < 0 || out->outcome == SESSION_DIVERGED || t->quarantine.n == 0)
		return rc;
	return store_batch_commit(batch, t->n_commits > 0 ? &rev.commit.tree : NULL, t->quarantine.updates, t->quarantine.n,
				  (int64_t)time(NULL), e);
}

/* Whether nothing came and the ref is where it is to be: then the lock is not needed. */
static int is_settled(struct sync_taker *t, char ref[STORE_REF_MAX], bool *out, struct cel_error *e)
{
	struct store_read *read;
	struct cid old;
	fetched_ref(t, ref);
	*out = false;
	int rc = t->n_announced > 0 || t->options.target != SYNC_FETCH ? 1 : store_read_begin(t->store->store, &read, e);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = store_read_ref(read, ref, &old, e);
	*out = rc == 0 && cid_equal(&old, &t->tip);
	store_read_end(read);
	return rc == CEL_ENOTFOUND ? 0 : rc;
}

static int current_head(struct sync_taker *t, struct cid *out, struct cel_error *e)
{
	struct store_read *read;
	char ref[DB_REF_MAX];
	snprintf(ref, sizeof ref, HEADS_PREFIX "%s", t->name);
	int rc = store_read_begin(t->store->store, &read, e);
	if (rc < 0)
		return rc;
	rc = store_read_ref(read, ref, out, e);
	store_read_end(read);
	return rc == CEL_ENOTFOUND ? 0 : rc;
}

int sync_take_finish(struct sync_taker *t, struct sync_taken *out, struct cel_error *e)
{
	struct store_batch *batch;
	bool is_done;
	*out = (struct sync_taken){.commit = t->tip, .outcome = t->n_announced == 0 ? SESSION_UNCHANGED : SESSION_FORWARDED};
	int rc = is_settled(t, out->ref, &is_done, e);
	if (rc < 0 || is_done)
		return rc;
	if (t->options.is_dry_run || t->is_diverged) {
		out->outcome = t->is_diverged ? SESSION_DIVERGED : t->n_announced == 0 ? SESSION_UNCHANGED : SESSION_WOULD;
		count(t, out);
		return t->options.target == SYNC_PUSH ? current_head(t, &out->commit, e) : 0;
	}
	rc = store_batch_begin(t->store->store, t->store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	rc = finish_in(t, batch, out, e);
	store_batch_free(batch);
	quarantine_clear(&t->quarantine);
	if (rc == 0 && out->outcome == SESSION_MERGED)
		rc = merge_there(t, out, e);
	count(t, out);
	return rc;
}
