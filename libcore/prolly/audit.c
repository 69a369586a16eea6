/* SPDX-License-Identifier: Apache-2.0 */
/* A node can be judged once for all trees but for two things: what its parent says of it, and where the nodes beside it end
 * and begin. So three kinds of facts are remembered as digests, and each is checked when it is first met:
 *
 *     claim   (salt, node, level, records, last key)       what a parent says of a child; a node behind it is read
 *     pair    (node, the next node of its level)           the order of keys, and that the first ends where it must
 *     end     (node)                                       the same for the last node of a level
 *
 *                  P ------ Q          a pair on one level has a pair below it: the last child of P and the first of Q;
 *                 / \      / \         all others below are within P or within Q, and were met when P and Q were
 *                a   b    c   d
 *
 * Why two neighbours are enough: an entry that closes a node by the first hash makes the nodes behind it independent of
 * all before it (chunker.h), so going from left to right every node begins afresh, and whether it ends where it does
 * depends on its own entries and the w behind them, which lie in the next node (a shorter next node is itself refused).
 * A node that does not end by the first hash is part of a run over the cap, made by hostile ids, or is wrong: from then
 * on every tree is walked whole by prolly_check as well, which is slow and right. */
#include "audit.h"

#include <stdio.h>

#include "alloc.h"
#include "bytes.h"
#include "digest_set.h"
#include "error.h"
#include "node.h"

/* A child on the walk, read when it is first needed. */
struct child {
	struct cid cid;
	bool is_read;
	struct node node;
};

struct audit {
	struct store_read *read;
	struct audit_sink sink;
	chunk_hash_fn *hash;
	struct chunker chunker;
	struct digest_set claims, pairs, bad;
	uint8_t salt[SHA256_SIZE];
	bool is_irregular; /* a boundary was met that two nodes cannot explain */
	struct audit_counts counts;
	struct child levels[NODE_LEVELS_MAX][2]; /* two neighbours of each level */
};

int prolly_audit_new_hashed(struct store_read *read, chunk_hash_fn *hash, const struct audit_sink *sink,
			    struct audit **out, struct cel_error *e)
{
	struct audit *a = mem_calloc(1, sizeof *a);
	if (a == NULL)
		return error_nomem(e, sizeof *a);
	a->read = read;
	a->hash = hash;
	a->sink = *sink;
	chunker_init(&a->chunker, 0, hash);
	*out = a;
	return 0;
}

int prolly_audit_new(struct store_read *read, const struct audit_sink *sink, struct audit **out, struct cel_error *e)
{
	return prolly_audit_new_hashed(read, chunk_hash, sink, out, e);
}

void prolly_audit_free(struct audit *a)
{
	if (a == NULL)
		return;
	chunker_release(&a->chunker);
	digest_set_release(&a->claims);
	digest_set_release(&a->pairs);
	digest_set_release(&a->bad);
	mem_free(a);
}

void prolly_audit_counts(const struct audit *a, struct audit_counts *out)
{
	*out = a->counts;
}

/* ---- damage */

static int report(struct audit *a, const struct cid *cid, enum audit_finding finding, const char *message,
		  struct cel_error *e)
{
	int rc = digest_set_add(&a->bad, cid->digest, e);
	return rc <= 0 ? rc : a->sink.damage(a->sink.context, cid, finding, message, e);
}

static enum audit_finding what_is_wrong(struct audit *a, const struct cid *cid)
{
	struct slice block;
	struct cel_error problem;
	if (cid->codec != CID_DAG_CBOR)
		return AUDIT_WRONG;
	int rc = store_read_block(a->read, cid, &block, &problem);
	return rc == CEL_ENOTFOUND ? AUDIT_MISSING : rc < 0 ? AUDIT_DAMAGED : AUDIT_WRONG;
}

/* 1 read, 0 bad (and reported), or an error that ends the audit. */
static int read_node(struct audit *a, const struct cid *cid, struct node *out, struct cel_error *e)
{
	struct cel_error problem;
	if (digest_set_has(&a->bad, cid->digest))
		return 0;
	a->counts.reads++;
	int rc = node_read(a->read, cid, out, &problem);
	if (rc == CEL_ECORRUPT)
		return report(a, cid, what_is_wrong(a, cid), problem.message, e);
	return rc < 0 ? error_set(e, rc, "%s", problem.message) : 1;
}

static int read_child(struct audit *a, struct child *child, struct cel_error *e)
{
	if (child->is_read)
		return 1;
	int rc = read_node(a, &child->cid, &child->node, e);
	child->is_read = rc == 1;
	return rc;
}

/* ---- facts */

static int add_claim(struct audit *a, const struct cid *cid, uint32_t level, uint64_t count, struct slice key,
		     struct cel_error *e)
{
	struct sha256 hash;
	uint8_t numbers[12], bytes[CID_SIZE], digest[SHA256_SIZE];
	store_le32(numbers, level);
	store_le64(numbers + 4, count);
	cid_encode(cid, bytes);
	sha256_init(&hash);
	sha256_update(&hash, a->salt, sizeof a->salt);
	sha256_update(&hash, bytes, sizeof bytes);
	sha256_update(&hash, numbers, sizeof numbers);
	sha256_update(&hash, key.data, key.size);
	sha256_final(&hash, digest);
	return digest_set_add(&a->claims, digest, e);
}

/* right NULL: left is the last of its level. */
static void pair_digest(const struct cid *left, const struct cid *right, uint8_t digest[SHA256_SIZE])
{
	struct sha256 hash;
	sha256_init(&hash);
	sha256_update(&hash, left->digest, SHA256_SIZE);
	if (right != NULL)
		sha256_update(&hash, right->digest, SHA256_SIZE);
	sha256_final(&hash, digest);
}

/* Adds keys to the chunker until it closes a run or the node ends. */
static int add_keys(struct audit *a, const struct node *node, struct cel_error *e)
{
	int rc = 0;
	for (uint32_t i = 0; i < node->n && rc == 0 && a->chunker.run == 0; i++) {
		uint8_t key[CEL_ID_MAX];
		rc = chunker_add(&a->chunker, slice_make(key, node_key(node, i, key)), slice_make(NULL, 0), 1, e);
	}
	return rc;
}

/* 1 if left, begun afresh, ends by the first hash where it does (or with its level); 0 if not. */
static int is_regular(struct audit *a, const struct node *left, const struct node *right, struct cel_error *e)
{
	chunker_clear(&a->chunker);
	a->chunker.level = left->level;
	int rc = add_keys(a, left, e);
	if (rc == 0 && right != NULL && a->chunker.run == 0)
		rc = add_keys(a, right, e);
	if (rc < 0)
		return rc;
	if (a->chunker.run > 0)
		return a->chunker.run == left->n;
	/* All were added and no run has closed: the level ends here, or the next node is too short, which is found there. */
	bool is_candidate = a->chunker.candidate == (size_t)left->n - 1;
	return right != NULL ? is_candidate : is_candidate || a->chunker.candidate == SIZE_MAX;
}

static int check_order(struct audit *a, const struct child *left, const struct child *right, struct cel_error *e)
{
	uint8_t last[CEL_ID_MAX], first[CEL_ID_MAX];
	struct slice end = slice_make(last, node_key(&left->node, left->node.n - 1, last));
	struct slice begin = slice_make(first, node_key(&right->node, 0, first));
	if (slice_compare(end, begin) < 0)
		return 1;
	char text[CEL_CID_TEXT_SIZE], message[256];
	cid_format(&left->cid, text);
	snprintf(message, sizeof message, "node begins before the end of node %s, which comes before it", text);
	return report(a, &right->cid, AUDIT_WRONG, message, e);
}

/* ---- pairs */

static int check_pair(struct audit *a, uint32_t level, struct child *left, struct child *right, struct cel_error *e);

/* The last child of left and the first of right (NULL: there is none). */
static int check_pair_below(struct audit *a, uint32_t level, const struct node *left, const struct node *right,
			    struct cel_error *e)
{
	struct child *below = a->levels[level];
	uint64_t count;
	below[0].is_read = below[1].is_read = false;
	node_inner_entry(left, left->n - 1, &below[0].cid, &count);
	if (right != NULL)
		node_inner_entry(right, 0, &below[1].cid, &count);
	return check_pair(a, level, &below[0], right != NULL ? &below[1] : NULL, e);
}

static int check_pair(struct audit *a, uint32_t level, struct child *left, struct child *right, struct cel_error *e)
{
	uint8_t digest[SHA256_SIZE];
	pair_digest(&left->cid, right != NULL ? &right->cid : NULL, digest);
	if (digest_set_has(&a->pairs, digest))
		return 0;
	int rc = read_child(a, left, e);
	if (rc == 1 && right != NULL)
		rc = read_child(a, right, e);
	if (rc <= 0)
		return rc;
	/* That a parent told the wrong level is reported already; the places of other levels are in use. */
	if (left->node.level != level || (right != NULL && right->node.level != level))
		return 0;
	if (right != NULL)
		rc = check_order(a, left, right, e);
	if (rc == 1)
		rc = is_regular(a, &left->node, right != NULL ? &right->node : NULL, e);
	if (rc < 0)
		return rc;
	a->is_irregular |= rc == 0;
	rc = digest_set_add(&a->pairs, digest, e);
	if (rc >= 0 && level > 0)
		rc = check_pair_below(a, level - 1, &left->node, right != NULL ? &right->node : NULL, e);
	return rc < 0 ? rc : 0;
}

/* ---- nodes */

static int visit_records(struct audit *a, const struct child *leaf, struct cel_error *e)
{
	for (uint32_t i = 0; i < leaf->node.n; i++) {
		uint8_t key[CEL_ID_MAX];
		struct prolly_entry entry = {.id = slice_make(key, node_key(&leaf->node, i, key))};
		node_leaf_entry(&leaf->node, i, &entry.vector, &entry.metadata);
		a->counts.records++;
		int rc = a->sink.record(a->sink.context, &leaf->cid, &entry, e);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int visit(struct audit *a, const struct child *place, struct cel_error *e);

/* Entry i of parent, whose child is not met yet with what is said of it. */
static int visit_child(struct audit *a, const struct child *parent, uint32_t i, struct child *child, struct cel_error *e)
{
	struct cel_error problem;
	int rc = read_child(a, child, e);
	if (rc <= 0)
		return rc;
	rc = node_check_child(&parent->node, i, &child->node, &problem);
	return rc < 0 ? report(a, &parent->cid, AUDIT_WRONG, problem.message, e) : visit(a, child, e);
}

static int visit_children(struct audit *a, const struct child *parent, struct cel_error *e)
{
	struct child *left = &a->levels[parent->node.level - 1][0], *right = &a->levels[parent->node.level - 1][1];
	for (uint32_t i = 0; i < parent->node.n; i++) {
		uint8_t key[CEL_ID_MAX];
		uint64_t count;
		right->is_read = false;
		node_inner_entry(&parent->node, i, &right->cid, &count);
		struct slice last = slice_make(key, node_key(&parent->node, i, key));
		int rc = add_claim(a, &right->cid, parent->node.level - 1, count, last, e);
		if (rc > 0)
			rc = visit_child(a, parent, i, right, e);
		if (rc == 0 && i > 0)
			rc = check_pair(a, parent->node.level - 1, left, right, e);
		if (rc < 0)
			return rc;
		struct child *swap = left;
		left = right;
		right = swap;
	}
	return 0;
}

static int visit(struct audit *a, const struct child *place, struct cel_error *e)
{
	a->counts.nodes++;
	return place->node.level > 0 ? visit_children(a, place, e) : visit_records(a, place, e);
}

/* ---- trees */

static int walk_whole(struct audit *a, const struct cid *root, struct cel_error *e)
{
	struct cel_error problem;
	bool is_irregular;
	a->counts.trees_walked++;
	int rc = prolly_check_hashed(a->read, root, a->hash, &is_irregular, NULL, NULL, &problem);
	if (rc == 0)
		return is_irregular && a->sink.irregular != NULL ? a->sink.irregular(a->sink.context, root, e) : 0;
	if (rc != CEL_ECORRUPT)
		return error_set(e, rc, "%s", problem.message);
	/* Damage below it was reported for itself, and is what this walk met as well. */
	return a->bad.n > 0 ? 0 : report(a, root, AUDIT_WRONG, problem.message, e);
}

int prolly_audit_tree(struct audit *a, const struct cid *root, const uint8_t salt[SHA256_SIZE], struct cel_error *e)
{
	struct child *top = mem_calloc(1, sizeof *top);
	if (top == NULL)
		return error_nomem(e, sizeof *top);
	top->cid = *root;
	memcpy(a->salt, salt, SHA256_SIZE);
	int rc = read_child(a, top, e);
	if (rc <= 0) {
		mem_free(top);
		return rc;
	}
	const struct node *node = &top->node;
	rc = 0;
	if (node->level > 0 && node->n == 1)
		rc = report(a, root, AUDIT_WRONG, "the root has a single entry: the node below it is the root", e);
	if (rc == 0) {
		uint8_t key[CEL_ID_MAX];
		size_t size = node->n > 0 ? node_key(node, node->n - 1, key) : 0;
		rc = add_claim(a, root, node->level, node->count, slice_make(key, size), e);
		if (rc > 0)
			rc = visit(a, top, e);
	}
	if (rc == 0 && node->n > 0)
		rc = check_pair(a, node->level, top, NULL, e);
	if (rc == 0 && a->is_irregular)
		rc = walk_whole(a, root, e);
	mem_free(top);
	return rc;
}
