/* SPDX-License-Identifier: Apache-2.0 */
/* What trees take. Of one tree the nodes above the leaves tell how many leaves and records there are; a deep look reads the
 * leaves too. Of a history every node is read once: what it takes with all that is below it is kept beside its digest, so
 * that a tree which shares it adds that number and goes on, and the cost follows the distinct blocks, not the trees. */
#include <dirent.h>

#include "alloc.h"
#include "db.h"
#include "digest_set.h"
#include "error.h"
#include "history.h"
#include "index_files.h"
#include "node.h"
#include "record.h"
#include "rev.h"
#include "tell.h"

struct walk {
	const struct cel_stat_options *options;
	struct store_read *read;
	size_t vector_size;
	uint64_t n_nodes;          /* read so far */
	struct digest_set values;  /* those with blocks of their own */
	struct digest_set vectors; /* of one tree: all of them, by their hashes */
	struct digest_set nodes;   /* of a history, each with what it takes: uint64_t */
	struct cel_tree_stat *tree;
	struct cel_history_stat *history;
};

static int tell_node(struct walk *w, struct cel_error *e)
{
	struct cel_progress progress = {.phase = "walk", .unit = "nodes", .done = ++w->n_nodes};
	if (w->n_nodes % 1024 != 0)
		return 0;
	return tell_progress(w->options->on_progress, w->options->context, &progress, e);
}

static int value_size(struct walk *w, const struct prolly_value *value, bool is_vector, uint64_t *out, struct cel_error *e)
{
	struct store_location location;
	if (!value->is_link || is_vector) {
		*out = is_vector ? w->vector_size : value->bytes.size;
		return 0;
	}
	int rc = store_read_locate(w->read, &value->link, &location, e);
	if (rc == 0) {
		char text[CEL_CID_TEXT_SIZE];
		cid_format(&value->link, text);
		return error_set(e, CEL_ECORRUPT, "block %s is missing ('cel fsck' tells more)", text);
	}
	*out = location.size;
	return rc < 0 ? rc : 0;
}

static void release(struct walk *w)
{
	digest_set_release(&w->values);
	digest_set_release(&w->vectors);
	digest_set_release(&w->nodes);
	store_read_end(w->read);
}

/* ---- one tree */

static int count_value(struct walk *w, const struct prolly_value *value, uint64_t size, struct cel_error *e)
{
	if (!value->is_link)
		return 0;
	int rc = digest_set_add(&w->values, value->link.digest, e);
	if (rc <= 0)
		return rc;
	w->tree->value_blocks++;
	w->tree->value_bytes += size;
	return 0;
}

static int count_record(struct walk *w, const struct node *leaf, uint32_t i, struct cel_error *e)
{
	struct prolly_value vector, metadata;
	uint8_t digest[SHA256_SIZE];
	uint64_t size = 0;
	node_leaf_entry(leaf, i, &vector, &metadata);
	if (!vector.is_link)
		sha256(vector.bytes.data, vector.bytes.size, digest);
	int rc = digest_set_add(&w->vectors, vector.is_link ? vector.link.digest : digest, e);
	if (rc >= 0)
		rc = count_value(w, &vector, w->vector_size, e);
	if (rc >= 0)
		rc = value_size(w, &metadata, false, &size, e);
	if (rc < 0)
		return rc;
	w->tree->with_metadata += size > 0;
	w->tree->metadata_bytes += size;
	return count_value(w, &metadata, size, e);
}

/* To be freed, also after an error. */
static int read_node(struct walk *w, const struct cid *cid, uint32_t below, struct node **out, struct cel_error *e)
{
	*out = mem_alloc(sizeof **out);
	if (*out == NULL)
		return error_nomem(e, sizeof **out);
	int rc = node_read(w->read, cid, *out, e);
	if (rc == 0 && (*out)->level >= below)
		rc = error_set(e, CEL_ECORRUPT, "a node of level %u is below one of level %u", (*out)->level, below);
	return rc < 0 ? rc : tell_node(w, e);
}

static int count_node(struct walk *w, const struct cid *cid, uint32_t below, struct cel_error *e)
{
	struct node *node;
	int rc = read_node(w, cid, below, &node, e);
	if (rc == 0) {
		if (w->tree->height == 0) { /* the root */
			w->tree->height = node->level + 1;
			w->tree->records = node->count;
		}
		w->tree->nodes[node->level]++;
		w->tree->node_bytes += node->block.size;
	}
	bool is_leaf_parent = rc == 0 && node->level == 1 && !w->options->is_deep;
	if (is_leaf_parent)
		w->tree->nodes[0] += node->n;
	for (uint32_t i = 0; rc == 0 && !is_leaf_parent && i < node->n; i++) {
		struct cid child;
		uint64_t count;
		if (node->level == 0) {
			rc = w->options->is_deep ? count_record(w, node, i, e) : 0;
			continue;
		}
		node_inner_entry(node, i, &child, &count);
		rc = count_node(w, &child, node->level, e);
	}
	mem_free(node);
	return rc;
}

/* Derived files begin with the CID of their tree. */
static uint64_t count_derived(const char *path, const struct cid *tree, const char *ending)
{
	char text[CEL_CID_TEXT_SIZE];
	uint64_t n = 0;
	DIR *directory = opendir(path);
	if (directory == NULL)
		return 0;
	cid_format(tree, text);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		size_t size = strlen(entry->d_name), tail = strlen(ending);
		n += strncmp(entry->d_name, text, sizeof text - 1) == 0 && size > tail &&
		     strcmp(entry->d_name + size - tail, ending) == 0;
	}
	closedir(directory);
	return n;
}

static int count_tree(struct walk *w, struct cel_store *store, const char *rev, struct cel_error *e)
{
	struct db_rev found;
	const char *index = store_index_path(store->store), *cache = store_cache_path(store->store);
	int rc = db_rev_resolve_tree(w->read, rev, &found, e);
	if (rc < 0)
		return rc;
	w->vector_size = schema_vector_size(&found.schema);
	rc = count_node(w, &found.commit.tree, NODE_LEVELS_MAX, e);
	w->tree->vector_bytes = w->tree->records * w->vector_size;
	w->tree->distinct_vectors = w->vectors.n;
	w->tree->index_files = count_derived(index, &found.commit.tree, ".hnsw") + count_derived(cache, &found.commit.tree, ".hnsw");
	w->tree->filter_files = count_derived(cache, &found.commit.tree, ".filter");
	if (!w->options->is_deep)
		w->tree->node_bytes = 0;
	return rc;
}

static const struct cel_stat_options SHALLOW = {0};

int cel_tree_stat(struct cel_store *store, const char *rev, const struct cel_stat_options *options,
		  struct cel_tree_stat *out, struct cel_error *e)
{
	_Static_assert(CEL_LEVELS_MAX == NODE_LEVELS_MAX, "levels");
	*out = (struct cel_tree_stat){0};
	struct walk w = {.options = options != NULL ? options : &SHALLOW, .tree = out};
	int rc = store_read_begin(store->store, &w.read, e);
	if (rc < 0)
		return rc;
	rc = count_tree(&w, store, rev, e);
	release(&w);
	return rc;
}

/* ---- a history */

static int add_value(struct walk *w, const struct prolly_value *value, bool is_vector, uint64_t *total, struct cel_error *e)
{
	uint64_t size = 0;
	if (!value->is_link)
		return 0;
	int rc = value_size(w, value, is_vector, &size, e);
	if (rc == 0)
		rc = digest_set_add(&w->values, value->link.digest, e);
	if (rc > 0)
		w->history->stored += size;
	*total += size;
	return rc < 0 ? rc : 0;
}

/* What the node and all below it take. */
static int add_node(struct walk *w, const struct cid *cid, uint32_t below, uint64_t *out, struct cel_error *e);

static int add_entries(struct walk *w, const struct node *node, uint64_t *total, struct cel_error *e)
{
	int rc = 0;
	for (uint32_t i = 0; i < node->n && rc == 0; i++) {
		struct prolly_value vector, metadata;
		struct cid child;
		uint64_t count, size = 0;
		if (node->level > 0) {
			node_inner_entry(node, i, &child, &count);
			rc = add_node(w, &child, node->level, &size, e);
			*total += size;
			continue;
		}
		node_leaf_entry(node, i, &vector, &metadata);
		rc = add_value(w, &vector, true, total, e);
		if (rc == 0)
			rc = add_value(w, &metadata, false, total, e);
	}
	return rc;
}

static int add_node(struct walk *w, const struct cid *cid, uint32_t below, uint64_t *out, struct cel_error *e)
{
	uint64_t *known = digest_set_value(&w->nodes, cid->digest);
	if (known != NULL) {
		*out = *known;
		return 0;
	}
	struct node *node;
	int rc = read_node(w, cid, below, &node, e);
	uint64_t total = rc == 0 ? node->block.size : 0;
	w->history->stored += total;
	if (rc == 0)
		rc = add_entries(w, node, &total, e);
	mem_free(node);
	if (rc == 0)
		rc = digest_set_add(&w->nodes, cid->digest, e);
	known = rc > 0 ? digest_set_value(&w->nodes, cid->digest) : NULL;
	if (known != NULL)
		*known = total;
	*out = total;
	return rc < 0 ? rc : 0;
}

static int add_tree(struct walk *w, const struct db_rev *rev, struct cel_error *e)
{
	uint64_t size = 0;
	w->vector_size = schema_vector_size(&rev->schema);
	int rc = add_node(w, &rev->commit.tree, NODE_LEVELS_MAX, &size, e);
	if (rc == 0)
		w->history->logical += size;
	return rc;
}

static int add_commits(struct walk *w, struct history *history, const struct db_rev *last, struct cel_error *e)
{
	const struct history_item *item;
	int rc, has_tree;
	while ((rc = history_next(history, &item, e)) == 1) {
		struct db_rev rev = {.cid = item->cid, .commit = item->commit};
		w->history->commits++;
		has_tree = db_rev_has_tree(w->read, &rev, e);
		if (has_tree < 0)
			return has_tree;
		w->history->trees += (uint64_t)has_tree;
		if (has_tree == 0 || !w->options->is_deep || (last != NULL && cid_equal(&last->cid, &item->cid)))
			continue;
		rc = schema_read(w->read, &item->commit.schema, &rev.schema, e);
		if (rc == 0)
			rc = add_tree(w, &rev, e);
		if (rc < 0)
			return rc;
	}
	if (rc < 0 || last == NULL || !w->options->is_deep || (has_tree = db_rev_has_tree(w->read, last, e)) <= 0)
		return rc < 0 ? rc : 0;
	uint64_t before = w->history->stored;
	rc = add_tree(w, last, e);
	w->history->own = w->history->stored - before;
	return rc;
}

static int add_history(struct walk *w, const char *rev, struct cel_error *e)
{
	struct history *history;
	struct db_rev last;
	int rc = rev != NULL ? db_rev_resolve(w->read, rev, &last, e) : 0;
	if (rc == 0)
		rc = history_new(w->read, NULL, &history, e);
	if (rc < 0)
		return rc;
	rc = rev != NULL ? history_push(history, &last.cid, 0, e) : history_push_all(history, 0, e);
	if (rc == 0)
		rc = add_commits(w, history, rev != NULL ? &last : NULL, e);
	history_free(history);
	return rc;
}

int cel_history_stat(struct cel_store *store, const char *rev, const struct cel_stat_options *options,
		     struct cel_history_stat *out, struct cel_error *e)
{
	*out = (struct cel_history_stat){0};
	struct walk w = {.options = options != NULL ? options : &SHALLOW, .history = out};
	w.nodes.value_size = sizeof(uint64_t);
	int rc = store_read_begin(store->store, &w.read, e);
	if (rc < 0)
		return rc;
	rc = add_history(&w, rev, e);
	release(&w);
	return rc;
}
