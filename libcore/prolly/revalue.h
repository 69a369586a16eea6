/* SPDX-License-Identifier: Apache-2.0 */
/* Other values for ids that a tree has. The ids decide where nodes end, so no node gets other entries: the leaves that have
 * the ids are written anew, and the nodes above them, and no neighbour is looked at. */
#ifndef PROLLY_REVALUE_H
#define PROLLY_REVALUE_H

#include "node.h"

struct revalue_item {
	struct slice id;
	struct slice rest; /* what stands behind it, from node_put_leaf_rest */
	struct slice leaf; /* the block of the leaf that has the id, read and verified before */
	const struct cid *twin; /* a leaf that is there and is what this one becomes; or NULL */
};

struct revalue_stats {
	uint64_t nodes_read; /* inner ones */
	uint64_t nodes_written[NODE_LEVELS_MAX];
};

/* Items by strictly ascending id; at least one. */
int revalue(struct store_batch *batch, struct store_read *read, const struct cid *root, const struct revalue_item *items,
	    size_t n, struct cid *out, struct revalue_stats *stats, struct cel_error *e);

#endif
