/* SPDX-License-Identifier: Apache-2.0 */
/* Marking and sweeping. What is live: the commits that heads, tags, merged and fetched tips lead to, and those that the log of
 * a ref names within the grace time, with all their ancestors; what came within it in transfers that were cut off; the schemas
 * of these commits; the trees of those that are not marked as forgotten and have one; what these trees link.
 *
 * It is marked twice into one set: first without the lock, as long as that takes, and then again under it. The second time
 * goes over all commits, but a tree whose root is in the set was marked with all that is below it, so only what
 * has come since is walked. What has gone since stays marked until the next time. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "alloc.h"
#include "db.h"
#include "error.h"
#include "forgotten.h"
#include "gc.h"
#include "history.h"
#include "node.h"
#include "quarantine.h"
#include "tell.h"

#define PROGRESS_NODES 1024u
#define RANK_COMMIT (1ull << 62)
#define RANK_NODE 2u /* and its level; other blocks: 1, values: 0 */
enum { MARK_LIVE = 1, MARK_TIP = 2 };

struct marking {
	struct cel_store *store;
	const struct cel_gc_options *options;
	struct cel_gc_result *result;
	struct store_read *read;
	struct gc_live live;
	uint64_t n_nodes;
	int64_t since; /* moves of refs from then on keep what they name */
	struct history *history; /* of this time of marking */
};

/* ---- trees */

static int mark_value(struct marking *m, const struct prolly_value *value, struct cel_error *e)
{
	int rc = value->is_link ? gc_live_add(&m->live, &value->link, e) : 0;
	return rc < 0 ? rc : 0;
}

static int mark_node(struct marking *m, const struct cid *cid, uint32_t below, struct cel_error *e);

static int tell_mark(const struct marking *m, struct cel_error *e)
{
	struct cel_progress progress = {.phase = "mark", .unit = "nodes", .done = m->n_nodes};
	return tell_progress(m->options->on_progress, m->options->context, &progress, e);
}

static int mark_entries(struct marking *m, const struct node *node, struct cel_error *e)
{
	int rc = 0;
	for (uint32_t i = 0; i < node->n && rc == 0; i++) {
		struct prolly_value vector, metadata;
		struct cid child;
		uint64_t count;
		if (node->level > 0) {
			node_inner_entry(node, i, &child, &count);
			rc = mark_node(m, &child, node->level, e);
			continue;
		}
		node_leaf_entry(node, i, &vector, &metadata);
		rc = mark_value(m, &vector, e);
		if (rc == 0)
			rc = mark_value(m, &metadata, e);
	}
	return rc;
}

/* The node and all below it, unless it was met before. */
static int mark_node(struct marking *m, const struct cid *cid, uint32_t below, struct cel_error *e)
{
	int rc = gc_live_add(&m->live, cid, e);
	if (rc <= 0)
		return rc;
	struct node *node = mem_alloc(sizeof *node);
	if (node == NULL)
		return error_nomem(e, sizeof *node);
	rc = node_read(m->read, cid, node, e);
	if (rc == 0 && node->level >= below)
		rc = error_set(e, CEL_ECORRUPT, "a node of level %u is below one of level %u", node->level, below);
	if (rc == 0)
		rc = mark_entries(m, node, e);
	mem_free(node);
	return rc < 0 || ++m->n_nodes % PROGRESS_NODES != 0 ? rc : tell_mark(m, e);
}

/* ---- commits */

static int needs_tree(struct marking *m, const struct history_item *item, struct cel_error *e)
{
	if ((item->marks & MARK_TIP) != 0)
		return 1;
	int rc = forgotten_has(m->read, &item->cid, e);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	return store_read_has(m->read, &item->commit.tree, e);
}

static int mark_commit(struct marking *m, const struct history_item *item, struct cel_error *e)
{
	int rc = gc_live_add(&m->live, &item->cid, e);
	if (rc >= 0)
		rc = gc_live_add(&m->live, &item->commit.schema, e);
	if (rc >= 0)
		rc = needs_tree(m, item, e);
	if (rc > 0)
		rc = mark_node(m, &item->commit.tree, NODE_LEVELS_MAX, e);
	m->result->commits++;
	m->result->graced += (item->marks & MARK_LIVE) == 0;
	return rc < 0 ? rc : 0;
}

static int push_logged(void *context, const char *ref, const struct store_log_entry *entry, struct cel_error *e)
{
	struct marking *m = context;
	(void)ref;
	if (entry->time < m->since)
		return 0;
	for (int i = 0; i < 2; i++) {
		const struct cid *cid = i == 0 ? &entry->old : &entry->new;
		if (!(i == 0 ? entry->has_old : entry->has_new))
			continue;
		int rc = store_read_has(m->read, cid, e); /* removed earlier, with less grace */
		if (rc > 0)
			rc = history_push(m->history, cid, 0, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What has come in transfers that were cut off stays as long as the grace says. Commits are walked with the others, parts of
 * trees marked at once. */
static int mark_quarantine(struct marking *m, struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	struct commit commit;
	int rc;
	while ((rc = store_read_next_ref(m->read, QUARANTINE_PREFIX, position, &cid, e)) > 0) {
		if ((int64_t)quarantine_time(position) < m->since)
			continue;
		if (cid.codec == CID_RAW)
			rc = gc_live_add(&m->live, &cid, e);
		else if (commit_read(m->read, &cid, &commit, NULL) == 0)
			rc = history_push(m->history, &cid, 0, e);
		else
			rc = mark_node(m, &cid, NODE_LEVELS_MAX, e);
		if (rc < 0)
			return rc;
	}
	return rc;
}

static int mark_all(struct marking *m, struct cel_error *e)
{
	const struct history_item *item;
	m->result->commits = m->result->graced = m->n_nodes = 0;
	int rc = tell_mark(m, e);
	if (rc == 0)
		rc = store_read_begin(m->store->store, &m->read, e);
	if (rc < 0)
		return rc;
	rc = history_new(m->read, NULL, &m->history, e);
	if (rc == 0)
		rc = history_push_all(m->history, MARK_LIVE | MARK_TIP, e);
	if (rc == 0 && m->options->grace_days > 0)
		rc = store_read_logs(m->read, push_logged, m, e);
	if (rc == 0)
		rc = mark_quarantine(m, e);
	while (rc == 0 && (rc = history_next(m->history, &item, e)) > 0) {
		history_mark_parents(m->history, item->marks & MARK_LIVE);
		rc = mark_commit(m, item, e);
	}
	if (rc == 0)
		rc = tell_mark(m, e);
	history_free(m->history);
	m->history = NULL;
	store_read_end(m->read);
	if (rc == CEL_ECORRUPT || rc == CEL_ENOTFOUND) {
		error_context(e, "nothing is removed, as the store is damaged ('cel fsck' tells more)");
		return CEL_ECORRUPT;
	}
	return rc;
}

/* ---- sweeping */

/* Who refers goes first: commits by generation, then nodes from the top, then schemas, then values. */
static uint64_t rank_of(const struct cid *cid, struct slice block)
{
	static const char COMMIT[] = {(char)0x8a, 0x6a, 'c', 'e', 'l', '-', 'c', 'o', 'm', 'm', 'i', 't'};
	struct commit commit;
	if (cid->codec == CID_RAW)
		return 0;
	if (block.size > sizeof COMMIT && memcmp(block.data, COMMIT, sizeof COMMIT) == 0)
		return commit_decode(block, &commit, NULL) == 0 ? RANK_COMMIT + commit.generation : RANK_COMMIT;
	bool is_node = block.size > 2 && block.data[0] == 0x84 && block.data[1] < NODE_LEVELS_MAX;
	return is_node ? RANK_NODE + block.data[1] : 1;
}

/* Derived files of trees that are not live, and what builders that were killed have left. */
static int sweep_folder(struct marking *m, const char *path, struct cel_error *e)
{
	DIR *directory = opendir(path);
	if (directory == NULL)
		return errno == ENOENT ? 0 : error_set_errno(e, CEL_EIO, errno, "%s", path);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		struct cid tree;
		struct stat st;
		const char *dot = strchr(entry->d_name, '.');
		if (dot == NULL || cid_parse(slice_make(entry->d_name, (size_t)(dot - entry->d_name)), &tree, NULL) < 0 ||
		    digest_set_has(&m->live.nodes, tree.digest) || fstatat(dirfd(directory), entry->d_name, &st, 0) != 0)
			continue;
		if (!m->options->is_dry_run && unlinkat(dirfd(directory), entry->d_name, 0) != 0)
			continue;
		m->result->files++;
		m->result->file_bytes += (uint64_t)st.st_size;
	}
	closedir(directory);
	return 0;
}

static int sweep_folders(struct marking *m, struct cel_error *e)
{
	int rc = sweep_folder(m, store_index_path(m->store->store), e);
	return rc < 0 ? rc : sweep_folder(m, store_cache_path(m->store->store), e);
}

static int list_refs(struct marking *m, const char *prefix, bool is_dead(const struct marking *, const char *, const struct cid *),
		     struct cel_error *e)
{
	char position[STORE_REF_MAX] = "";
	struct cid cid;
	int rc;
	while ((rc = store_read_next_ref(m->read, prefix, position, &cid, e)) > 0) {
		if (!is_dead(m, position, &cid))
			continue;
		rc = buf_append(&m->live.dead_refs, position, strlen(position) + 1, e);
		if (rc < 0)
			break;
	}
	return rc;
}

/* The mark of a forgotten commit that is not here any more: should it come back, it is not forgotten. */
static bool is_dead_mark(const struct marking *m, const char *ref, const struct cid *cid)
{
	(void)ref;
	return !digest_set_has(&m->live.nodes, cid->digest);
}

static bool is_past_grace(const struct marking *m, const char *ref, const struct cid *cid)
{
	(void)cid;
	return (int64_t)quarantine_time(ref) < m->since;
}

static int list_dead_refs(struct marking *m, struct cel_error *e)
{
	int rc = store_read_begin(m->store->store, &m->read, e);
	if (rc < 0)
		return rc;
	rc = list_refs(m, FORGOTTEN_PREFIX, is_dead_mark, e);
	if (rc == 0)
		rc = list_refs(m, QUARANTINE_PREFIX, is_past_grace, e);
	store_read_end(m->read);
	return rc;
}

static void take_counts(struct cel_gc_result *out, const struct gc_counts *counts)
{
	out->blocks = counts->blocks;
	out->block_bytes = counts->block_bytes;
	out->gathered = counts->gathered;
	out->segments = counts->segments;
	out->rewritten = counts->rewritten;
	out->segment_bytes = counts->segment_bytes;
	out->new_segment_bytes = counts->new_segment_bytes;
	out->waiting = counts->waiting;
	out->returned_bytes = counts->returned_bytes;
}

static int tell_sweep(const struct marking *m, struct cel_error *e)
{
	return tell_phase(m->options->on_progress, m->options->context, "sweep", "", 0, e);
}

static int sweep_under_lock(struct marking *m, struct cel_error *e)
{
	struct store_batch *batch;
	struct gc_counts counts;
	int rc = store_batch_begin(m->store->store, m->store->lock_wait, &batch, e);
	if (rc < 0)
		return rc;
	rc = mark_all(m, e);
	if (rc == 0)
		rc = tell_sweep(m, e);
	if (rc == 0)
		rc = list_dead_refs(m, e);
	if (rc == 0) {
		rc = store_gc_sweep(batch, &m->live, rank_of, &counts, e);
		take_counts(m->result, &counts);
	}
	if (rc == 0)
		rc = sweep_folders(m, e);
	store_batch_free(batch);
	return rc;
}

static int count_only(struct marking *m, struct cel_error *e)
{
	struct gc_counts counts;
	int rc = tell_sweep(m, e);
	if (rc < 0)
		return rc;
	rc = store_gc_count(m->store->store, &m->live, rank_of, &counts, e);
	take_counts(m->result, &counts);
	return rc < 0 ? rc : sweep_folders(m, e);
}

int cel_gc(struct cel_store *store, const struct cel_gc_options *options, struct cel_gc_result *out, struct cel_error *e)
{
	static const struct cel_gc_options DEFAULTS = {.grace_days = CEL_GRACE_DAYS};
	*out = (struct cel_gc_result){0};
	struct marking m = {.store = store, .options = options != NULL ? options : &DEFAULTS, .result = out};
	if (store->is_read_only && !m.options->is_dry_run)
		return error_set(e, CEL_EPERMISSION, "the store is open for reading only");
	m.since = (int64_t)time(NULL) - (int64_t)(m.options->grace_days * 86400);
	gc_live_init(&m.live);
	int rc = mark_all(&m, e);
	if (rc == 0)
		rc = m.options->is_dry_run ? count_only(&m, e) : sweep_under_lock(&m, e);
	out->mark_bytes = digest_set_bytes(&m.live.nodes) + digest_set_bytes(&m.live.values);
	gc_live_release(&m.live);
	return rc;
}
