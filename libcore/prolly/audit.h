/* SPDX-License-Identifier: Apache-2.0 */
/* Checking many trees that share nodes: each node is read and each record looked at once, however many trees have it, and
 * damage is reported and gone past. What is checked of every tree is what prolly_check checks. */
#ifndef PROLLY_AUDIT_H
#define PROLLY_AUDIT_H

#include "hashed.h"

enum audit_finding { AUDIT_DAMAGED, AUDIT_MISSING, AUDIT_WRONG /* the bytes are those of the CID, and break a rule */ };

/* Both stop the audit by returning non-zero, which prolly_audit_tree then returns. */
struct audit_sink {
	void *context;
	/* Each block once. */
	int (*damage)(void *context, const struct cid *block, enum audit_finding finding, const char *message,
		      struct cel_error *e);
	/* A record of a leaf that was not met before (with this salt). */
	int (*record)(void *context, const struct cid *leaf, const struct prolly_entry *entry, struct cel_error *e);
	/* A whole and right tree with a run over the cap (store/regular.c), each time it is audited. May be NULL. */
	int (*irregular)(void *context, const struct cid *root, struct cel_error *e);
};

struct audit_counts {
	uint64_t nodes, records; /* distinct */
	uint64_t reads;          /* of nodes, repeated ones too */
	uint64_t trees_walked;   /* whole, since a boundary could not be judged from two neighbours (hostile ids, or a bug) */
};

struct audit;
int prolly_audit_new(struct store_read *read, const struct audit_sink *sink, struct audit **out, struct cel_error *e);
int prolly_audit_new_hashed(struct store_read *read, chunk_hash_fn *hash, const struct audit_sink *sink,
			    struct audit **out, struct cel_error *e);
void prolly_audit_free(struct audit *a);
/* The salt stands for the rules that records are checked against (the schema): under another one a leaf counts as new. */
int prolly_audit_tree(struct audit *a, const struct cid *root, const uint8_t salt[SHA256_SIZE], struct cel_error *e);
void prolly_audit_counts(const struct audit *a, struct audit_counts *out);

#endif
