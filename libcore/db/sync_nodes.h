/* SPDX-License-Identifier: Apache-2.0 */
/* Getting a tree node by node: from the root down, only what is not in a tree that is here, and not in quarantine. */
#ifndef DB_SYNC_NODES_H
#define DB_SYNC_NODES_H

#include "db.h"
#include "quarantine.h"
#include "side.h"

struct sync_nodes;
struct sync_nodes_counts {
	uint64_t nodes, values, kept;
};

/* near: the root of a tree that is here and whole, or NULL. All but the counts must outlive the object. */
int sync_nodes_new(struct cel_store *store, struct quarantine *q, const struct cid *root, uint64_t records, const struct cid *near,
		   uint32_t commit, struct sync_nodes **out, struct cel_error *e);
/* The rest will not come: what is whole is written for another try, as far as that is possible. */
void sync_nodes_keep(struct sync_nodes *n);
void sync_nodes_free(struct sync_nodes *n);
/* Up to max questions; 0 when the tree is complete and in the store, kept by the quarantine's ref to its root. */
int sync_nodes_ask(struct sync_nodes *n, struct sync_ask *out, size_t max, size_t *count, struct cel_error *e);
/* The next block that answers them, in their order. CEL_EPROTOCOL if it is not what was asked for. */
int sync_nodes_take(struct sync_nodes *n, struct slice block, bool *is_end, struct cel_error *e);
void sync_nodes_counts(const struct sync_nodes *n, struct sync_nodes_counts *out);

/* For tests: from how many bytes on what is whole is written (32 MiB). */
void sync_nodes_write_from(size_t bytes);

#endif
