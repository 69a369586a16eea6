/* SPDX-License-Identifier: Apache-2.0 */
/* Other values for keys that a tree has: of records, or of entries above them, which then link other subtrees. The keys decide
 * where nodes end, so no node gets other entries: the nodes that have the keys are written anew, and those above them, and no
 * neighbour is looked at. */
#ifndef PROLLY_REVALUE_H
#define PROLLY_REVALUE_H

#include "node.h"

struct revalue_item {
	struct slice id;
	uint32_t level;    /* of the node that has it */
	struct slice rest; /* what stands behind it then, as nodes of that level have it */
	struct slice leaf; /* level 0: the block of that node, read and verified before */
};

struct revalue_stats {
	uint64_t nodes_read; /* inner ones */
	uint64_t nodes_written[NODE_LEVELS_MAX];
};

/* Items by strictly ascending id; at least one; none is within the subtree of another. */
int revalue(struct store_batch *batch, struct store_read *read, const struct cid *root, const struct revalue_item *items,
	    size_t n, struct cid *out, struct revalue_stats *stats, struct cel_error *e);

#endif
