/* SPDX-License-Identifier: Apache-2.0 */
/* How many ids are before a key: the counts of the entries that the way to it leaves to its left. */
#include "alloc.h"
#include "error.h"
#include "node.h"
#include "tree.h"

int prolly_rank(struct store_read *read, const struct cid *root, struct slice key, uint64_t *out, struct cel_error *e)
{
	struct node *nodes = mem_calloc(2, sizeof *nodes), *node = nodes, *child = nodes + 1;
	*out = 0;
	int rc = nodes == NULL ? error_nomem(e, 2 * sizeof *nodes) : node_read(read, root, node, e);
	while (rc == 0) {
		uint32_t place = node_search(node, key);
		for (uint32_t i = 0; i < place && node->level > 0; i++) {
			struct cid cid;
			uint64_t count;
			node_inner_entry(node, i, &cid, &count);
			*out += count;
		}
		if (node->level == 0) {
			*out += place;
			break;
		}
		if (place == node->n)
			break;
		rc = node_read_child(read, node, place, child, e);
		struct node *parent = node;
		node = child;
		child = parent;
	}
	mem_free(nodes);
	return rc;
}
