/* SPDX-License-Identifier: Apache-2.0 */
/* Where two sides differ, and what their base says of whole subtrees, if it is one tree: what only ours has changed is passed,
 * and what only theirs has changed is given out as a subtree, both unread. */
#ifndef PROLLY_SIDES_H
#define PROLLY_SIDES_H

#include "old.h"
#include "threeway.h"

struct sides {
	struct prolly_diff *diff;
	struct old_tree base;   /* if there is one */
	struct old_place place; /* where something was looked for in it last, */
	uint32_t level;         /* at that level, */
	bool is_placed;         /* if anything was */
};

int sides_open(struct sides *s, const struct prolly_merge *m, struct cel_error *e);
void sides_close(struct sides *s); /* a zeroed one too */
int sides_next(struct sides *s, struct prolly_change *out, struct cel_error *e); /* as prolly_diff_next */
uint64_t sides_nodes_read(const struct sides *s);

#endif
